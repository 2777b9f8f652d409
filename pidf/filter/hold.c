/* hold.c - the same calls give the same sizes, whichever memory they are taken from. */
#include "pidf/filter/hold.h"

#include <stdalign.h>

void *hold_alloc(struct hold *self, size_t size_bytes)
{
    size_t align = alignof(max_align_t);
    size_t size = (size_bytes + align - 1) / align * align;
    void *taken;

    self->used_bytes += size;
    if (self->scratch != NULL)
        return scratch_alloc(self->scratch, size);
    taken = self->at;
    self->at += size;
    return memset(taken, 0, size);
}

const char *hold_string(struct hold *self, struct span bytes)
{
    char *copy = hold_alloc(self, bytes.len + 1);

    if (!span_empty(bytes))
        memcpy(copy, bytes.at, bytes.len);
    return copy;
}
