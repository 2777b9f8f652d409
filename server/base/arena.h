/* arena.h - a capped region of memory that is freed whole. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "server/base/span.h"

/** Hands out pieces of memory that it borrows; nothing is ever given back singly. */
struct arena {
    char *memory;
    size_t used_bytes;
    size_t cap_bytes;
};

/** Borrows `memory` for the arena's life. */
void arena_init(struct arena *self, void *memory, size_t cap_bytes);

/** Forgets everything handed out. */
void arena_reset(struct arena *self);

/** Aligned for any type, not zeroed; NULL when the cap is reached. */
void *arena_alloc(struct arena *self, size_t size_bytes);

/** Copies `from` into the arena. False when the cap is reached; `out` is then untouched. */
bool arena_copy(struct arena *self, struct span from, struct span *out);

#endif
