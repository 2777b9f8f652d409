/* arena.c - a mark that moves up through borrowed memory. */
#include "server/base/arena.h"

#include <stdalign.h>
#include <stdint.h>

void arena_init(struct arena *self, void *memory, size_t cap_bytes)
{
    *self = (struct arena){.memory = memory, .cap_bytes = cap_bytes};
}

void arena_reset(struct arena *self)
{
    self->used_bytes = 0;
}

/* Takes `size_bytes` behind `pad_bytes` that are lost, or NULL. */
static char *take(struct arena *self, size_t pad_bytes, size_t size_bytes)
{
    size_t left_bytes = self->cap_bytes - self->used_bytes;
    char *at;

    if (pad_bytes > left_bytes || size_bytes > left_bytes - pad_bytes)
        return NULL;
    at = self->memory + self->used_bytes + pad_bytes;
    self->used_bytes += pad_bytes + size_bytes;
    return at;
}

void *arena_alloc(struct arena *self, size_t size_bytes)
{
    /* The address is aligned, not the offset: the memory lent may begin anywhere. */
    uintptr_t at = (uintptr_t)self->memory + self->used_bytes;

    return take(self, (size_t)(0 - at) & (alignof(max_align_t) - 1), size_bytes);
}

bool arena_copy(struct arena *self, struct span from, struct span *out)
{
    char *at = take(self, 0, from.len);

    if (at == NULL && from.len > 0)
        return false;
    if (from.len > 0)
        memcpy(at, from.at, from.len);
    *out = (struct span){at, from.len};
    return true;
}
