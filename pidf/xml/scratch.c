/* scratch.c - chunks in a chain; the newest is handed out from front to back. */
#include "pidf/xml/scratch.h"

#include "server/base/must.h"

#include <stdalign.h>
#include <stdint.h>

enum { CHUNK_BYTES = 32768, CHUNK_KEPT_BYTES = 262144 };

struct scratch_chunk {
    struct scratch_chunk *older;
    size_t size_bytes;
    alignas(max_align_t) char memory[];
};

static void chunk_add(struct scratch *self, size_t at_least_bytes)
{
    size_t size = at_least_bytes > CHUNK_BYTES / 2 ? 2 * at_least_bytes : CHUNK_BYTES;
    struct scratch_chunk *chunk = malloc(sizeof(*chunk) + size);

    must(chunk != NULL);
    chunk->older = self->newest;
    chunk->size_bytes = size;
    self->newest = chunk;
    self->at = chunk->memory;
    self->end = chunk->memory + size;
}

void scratch_reset(struct scratch *self)
{
    struct scratch_chunk *kept = self->newest;

    if (kept == NULL)
        return;
    for (struct scratch_chunk *chunk = kept->older, *older; chunk != NULL; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    kept->older = NULL;
    self->at = kept->memory;
    if (kept->size_bytes > CHUNK_KEPT_BYTES)
        scratch_deinit(self);
}

void scratch_deinit(struct scratch *self)
{
    for (struct scratch_chunk *chunk = self->newest, *older; chunk != NULL; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    *self = (struct scratch){0};
}

/* Unaligned and not zeroed: for bytes. */
static char *take(struct scratch *self, size_t size_bytes)
{
    char *taken;

    if ((size_t)(self->end - self->at) < size_bytes || self->newest == NULL)
        chunk_add(self, size_bytes);
    taken = self->at;
    self->at += size_bytes;
    return taken;
}

void *scratch_alloc(struct scratch *self, size_t size_bytes)
{
    size_t padding = (size_t)(-(uintptr_t)self->at & (alignof(max_align_t) - 1));

    if ((size_t)(self->end - self->at) < padding + size_bytes || self->newest == NULL)
        chunk_add(self, size_bytes); /* a chunk begins aligned */
    else
        self->at += padding;
    return memset(take(self, size_bytes), 0, size_bytes);
}

struct span scratch_copy(struct scratch *self, struct span bytes)
{
    char *copy;

    if (span_empty(bytes))
        return (struct span){0};
    copy = take(self, bytes.len);
    memcpy(copy, bytes.at, bytes.len);
    return (struct span){copy, bytes.len};
}

struct span scratch_join(struct scratch *self, struct span head, struct span tail)
{
    char *joined;

    if (span_empty(head))
        return scratch_copy(self, tail);
    if (span_empty(tail))
        return head;
    if (head.at + head.len == self->at && (size_t)(self->end - self->at) >= tail.len) {
        memcpy(take(self, tail.len), tail.at, tail.len);
        return (struct span){head.at, head.len + tail.len};
    }
    joined = take(self, head.len + tail.len);
    memcpy(joined, head.at, head.len);
    memcpy(joined + head.len, tail.at, tail.len);
    return (struct span){joined, head.len + tail.len};
}
