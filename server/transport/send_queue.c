/* send_queue.c - octets are laid contiguously, so that one iovec describes a head. */
#include "server/transport/send_queue.h"

#include "server/base/must.h"

#include <stdlib.h>

void send_queue_init(struct send_queue *self, uint32_t entries_max, uint32_t octets_max)
{
    uint32_t power = 64;

    while (power < entries_max && power < UINT32_C(1) << 24)
        power *= 2;
    *self = (struct send_queue){.entries_max = power, .octets_max = octets_max};
    self->entries = calloc(power, sizeof(self->entries[0]));
    self->octets = malloc(octets_max);
    must(self->entries != NULL && self->octets != NULL);
}

void send_queue_deinit(struct send_queue *self)
{
    while (send_queue_count(self) > 0)
        send_queue_drop(self);
    free(self->entries);
    free(self->octets);
}

/*
 * Used octets are [first, end), or, once the end has gone round, [first, ...) and [0, end). One
 * octet stays free, so that first == end means empty.
 */
static bool reserve(struct send_queue *self, uint32_t len, uint32_t *at)
{
    if (self->octets_end >= self->octets_first) {
        if (len < self->octets_max - self->octets_end) {
            *at = self->octets_end;
            return true;
        }
        *at = 0;
        return len < self->octets_first;
    }
    *at = self->octets_end;
    return len < self->octets_first - self->octets_end;
}

enum status send_queue_put(struct send_queue *self, const union socket_address *to,
                           struct span head, struct blob *body)
{
    struct send_entry *entry;
    uint32_t at;

    if (send_queue_count(self) == self->entries_max || head.len >= self->octets_max ||
        !reserve(self, (uint32_t)head.len, &at))
        return STATUS_UNAVAILABLE;
    entry = send_queue_at(self, send_queue_count(self));
    *entry = (struct send_entry){*to, at, (uint32_t)head.len, blob_ref(body)};
    if (head.len > 0)
        memcpy(self->octets + at, head.at, head.len);
    self->octets_end = at + (uint32_t)head.len;
    self->last++;
    return STATUS_OK;
}

void send_queue_drop(struct send_queue *self)
{
    struct send_entry *entry = send_queue_at(self, 0);

    blob_unref(entry->body);
    entry->body = NULL;
    self->first++;
    if (send_queue_count(self) == 0) {
        self->first = self->last = 0;
        self->octets_first = self->octets_end = 0;
    } else {
        self->octets_first = send_queue_at(self, 0)->head_at;
    }
}
