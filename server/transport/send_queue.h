/* send_queue.h - datagrams that wait for the end of the turn, or for a socket with room. */
#ifndef TRANSPORT_SEND_QUEUE_H
#define TRANSPORT_SEND_QUEUE_H

#include "server/base/blob.h"
#include "server/base/status.h"

#include <netinet/in.h>
#include <stdint.h>

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

struct send_entry {
    union socket_address to;
    uint32_t head_at; /* among the queue's octets */
    uint32_t head_len;
    struct blob *body;
};

/**
 * Two rings, of entries and of their octets. They begin anew whenever the queue is empty, so that
 * a server that keeps up works in a few warm pages however large the caps are.
 */
struct send_queue {
    struct send_entry *entries;
    char *octets;
    uint32_t entries_max; /* a power of two */
    uint32_t octets_max;
    uint32_t first; /* entries ever taken out; counts on across the ring's end */
    uint32_t last;  /* entries ever put in */
    uint32_t octets_first;
    uint32_t octets_end;
};

/** Rounds `entries_max` up to a power of two. */
void send_queue_init(struct send_queue *self, uint32_t entries_max, uint32_t octets_max);

/** Drops what waits. */
void send_queue_deinit(struct send_queue *self);

/** Copies `head`, references `body`. STATUS_UNAVAILABLE when there is no room. */
MUST_USE enum status send_queue_put(struct send_queue *self, const union socket_address *to,
                                    struct span head, struct blob *body);

static inline uint32_t send_queue_count(const struct send_queue *self)
{
    return self->last - self->first;
}

/** The entry with `ahead` others before it; lent until it is dropped. */
static inline struct send_entry *send_queue_at(const struct send_queue *self, uint32_t ahead)
{
    return &self->entries[(self->first + ahead) & (self->entries_max - 1)];
}

static inline struct span send_queue_head(const struct send_queue *self,
                                          const struct send_entry *entry)
{
    return (struct span){self->octets + entry->head_at, entry->head_len};
}

/** Takes the oldest out and gives its body's reference back. */
void send_queue_drop(struct send_queue *self);

#endif
