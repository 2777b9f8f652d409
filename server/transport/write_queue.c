/* write_queue.c - a chain of entries: an idle connection has none, a busy one as many as it owes.
 */
#include "server/transport/write_queue.h"

#include "server/base/must.h"

#include <stdlib.h>

static size_t entry_octets(const struct write_entry *entry)
{
    return entry->head_len + blob_span(entry->body).len;
}

void write_queue_deinit(struct write_queue *self)
{
    while (self->first != NULL)
        write_queue_drop(self);
}

void write_queue_put(struct write_queue *self, struct span head, struct blob *body, bool silent)
{
    struct write_entry *entry = malloc(sizeof(*entry) + head.len);

    must(entry != NULL && head.len > 0 && head.len <= UINT32_MAX);
    *entry = (struct write_entry){
        .body = blob_ref(body), .head_len = (uint32_t)head.len, .silent = silent};
    memcpy(entry->head, head.at, head.len);
    if (self->first == NULL)
        self->first = entry;
    else
        self->last->next = entry;
    self->last = entry;
    self->octets += entry_octets(entry);
}

/* The kernel only reads what it sends; iovec just has no const. */
static void add_piece(struct iovec *out, int *count, struct span octets, size_t *skip)
{
    const char *at;

    if (*skip >= octets.len) {
        *skip -= octets.len;
        return;
    }
    at = octets.at + *skip;
    memcpy(&out[*count].iov_base, &at, sizeof(at));
    out[(*count)++].iov_len = octets.len - *skip;
    *skip = 0;
}

int write_queue_pieces(const struct write_queue *self, struct iovec *out, int max)
{
    size_t skip = self->written;
    int count = 0;

    for (const struct write_entry *e = self->first; e != NULL && count + 2 <= max; e = e->next) {
        add_piece(out, &count, (struct span){e->head, e->head_len}, &skip);
        add_piece(out, &count, blob_span(e->body), &skip);
    }
    return count;
}

unsigned write_queue_consume(struct write_queue *self, size_t octets)
{
    unsigned messages = 0;

    must(octets <= self->octets);
    while (octets > 0) {
        size_t left = entry_octets(self->first) - self->written;

        if (octets < left) {
            self->written += octets;
            self->octets -= octets;
            break;
        }
        octets -= left;
        messages += self->first->silent ? 0 : 1;
        write_queue_drop(self);
    }
    return messages;
}

void write_queue_drop(struct write_queue *self)
{
    struct write_entry *entry = self->first;

    must(entry != NULL);
    self->octets -= entry_octets(entry) - self->written;
    self->written = 0;
    self->first = entry->next;
    if (self->first == NULL)
        self->last = NULL;
    blob_unref(entry->body);
    free(entry);
}
