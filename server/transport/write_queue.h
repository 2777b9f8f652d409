/* write_queue.h - messages that wait for a connection to take them; for this folder only. */
#ifndef TRANSPORT_WRITE_QUEUE_H
#define TRANSPORT_WRITE_QUEUE_H

#include "server/base/blob.h"

#include <stdbool.h>
#include <sys/uio.h>

struct write_entry {
    struct write_entry *next;
    struct blob *body;
    uint32_t head_len;
    bool silent; /* a pong: nobody is told when it does not arrive */
    char head[];
};

/** First in, first out. Zeroed is empty, so that an idle connection owns no memory for it. */
struct write_queue {
    struct write_entry *first;
    struct write_entry *last;
    size_t octets;  /* not written yet, bodies included */
    size_t written; /* of the first entry */
};

/** Drops what waits. */
void write_queue_deinit(struct write_queue *self);

/** Copies `head`, references `body` (may be NULL). The cap is the caller's affair. */
void write_queue_put(struct write_queue *self, struct span head, struct blob *body, bool silent);

/** Where the next octets lie, in at most `max` pieces. Lent until the next change. */
int write_queue_pieces(const struct write_queue *self, struct iovec *out, int max);

/** That many octets have left. Returns how many messages are complete by that, pongs apart. */
unsigned write_queue_consume(struct write_queue *self, size_t octets);

/** Drops the first entry, written or not; there must be one. */
void write_queue_drop(struct write_queue *self);

#endif
