/* lease.h - who may write: one process, by an advisory lock for its life and an epoch for ever. */
#ifndef STORAGE_LEASE_H
#define STORAGE_LEASE_H

#include "server/base/log.h"
#include "server/base/loop.h"
#include "storage/link.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Walked at every connect of the writer's link:
 *
 *     schema's version  ->  the lock, polled  ->  first time: take_over(), a new epoch
 *                                             ->  later: the epoch is still ours?  ->  on_held()
 *
 * The lock ends with its session. Whoever holds it knows therefore that no statement of an
 * earlier connection is still on its way: the number in the fence row is final, and tells
 * whether a batch whose answer was lost has committed. The lock is never waited for: a
 * session that waits holds a snapshot, and with it back the clean-up of the whole database.
 */
struct lease_owner {
    void *context;
    void (*on_standby)(void *context);
    /** `batch`: the last one that has committed. */
    void (*on_held)(void *context, uint64_t batch);
    void (*on_fatal)(void *context, const char *why);
};

struct lease {
    struct loop *loop;
    struct log *log;
    struct link *link;
    struct lease_owner owner;
    int64_t node;
    bool standby;

    bool told_standby;
    bool trying;
    struct instant tried_since;
    int64_t old_backend; /* of our own last connection; it may outlive it */
    uint32_t silent_polls;
    struct timer timer;

    uint64_t epoch; /* 0 until the state was ours */
    uint64_t first_batch;
    uint64_t notified_batch;
    uint8_t secret[32];
};

/** Borrows loop, log and link. */
void lease_init(struct lease *self, struct loop *loop, struct log *log, struct link *link,
                int64_t node, bool standby, const struct lease_owner *owner);

/** The link is up. */
void lease_begin(struct lease *self);

/** The link is down. */
void lease_pause(struct lease *self);

#endif
