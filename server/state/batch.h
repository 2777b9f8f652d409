/* batch.h - which requests wait for which commit. */
#ifndef STATE_BATCH_H
#define STATE_BATCH_H

#include "server/base/handle.h"
#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/base/metric.h"
#include "server/base/status.h"
#include "storage/storage.h"

#include <stddef.h>

/**
 * A request is judged by memory, stages its changes, holds its answer and waits:
 *
 *     batch_wait()  ->  [storage]  ->  every object swaps, its effect is marked  ->  on_committed()
 *                                  ->  every object drops what was pending       ->  on_refused()
 *
 * An idle batch is written at the end of the loop turn; while one is in flight, later
 * requests gather in the next. The unit is the request: it is committed or refused with all
 * its objects, and so is every later request that was built on one of them. A batch that
 * the database refuses is cut between requests until the one at fault is alone.
 *
 * Patience: a request that has waited too long (the database is away or stuck) is refused
 * as unavailable. If its batch is already in flight the effect may yet take place; if not,
 * it never will. While the batch in flight is older than that, batch_is_open() says no.
 */
struct batch;

struct batch_waiter;
typedef void batch_committed_fn(const struct batch_waiter *waiter);
/** `why`: STATUS_FAILED, or STATUS_UNAVAILABLE when trying again later may work. */
typedef void batch_refused_fn(const struct batch_waiter *waiter, enum status why);

/** Exactly one of the two functions, where not NULL, is called, once, from the event loop. */
struct batch_waiter {
    void *service;         /* lives as long as the process */
    struct handle request; /* may be gone by then */
    batch_committed_fn *on_committed;
    batch_refused_fn *on_refused;
};

struct batch_options {
    size_t rows_max;     /* a batch is cut, between requests, at so many rows */
    size_t bytes_max;    /* or octets */
    int64_t spacing_us;  /* between the begins of two batches, when requests keep coming */
    int64_t patience_us; /* how long a request waits for its commit */
};

/** Borrows all for its life. `objects` names every hot object of this node. */
struct batch *batch_new(struct loop *loop, struct log *log, struct metrics *metrics,
                        struct storage *storage, struct handle_table *objects,
                        const struct batch_options *options);

/** Forgets who waits, without a word to them. NULL is fine. */
void batch_free(struct batch *self);

/** Takes other limits from now on. */
void batch_reconfigure(struct batch *self, const struct batch_options *options);

/** False while nothing can be committed: refuse at the door what needs it. */
bool batch_is_open(const struct batch *self);

/**
 * Waits for the commit of `objects`: those that the request changed, and those whose
 * pending version it was judged by. One of them at least is not settled. Copies both.
 */
void batch_wait(struct batch *self, const struct batch_waiter *waiter,
                const struct handle objects[], size_t count);

/** The same for what nobody waits for: an expiry, a mark. Does nothing when all is settled. */
void batch_write(struct batch *self, const struct handle objects[], size_t count);

/** A request was staged in part and is refused: nothing of it, or built on it, is written. */
void batch_forget(struct batch *self, const struct handle objects[], size_t count);

/** Takes the command out of its table with the batch that is filled next. */
void batch_command_done(struct batch *self, int64_t command);

/** The number of the last batch that has committed; while objects commit, of theirs. */
uint64_t batch_committed(const struct batch *self);

/** What a load found: the numbering goes on from there. */
void batch_begin(struct batch *self, uint64_t committed);

/** True when nothing waits and nothing is in flight. */
bool batch_is_idle(const struct batch *self);

#endif
