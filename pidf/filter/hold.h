/* hold.h - memory for what is kept long: first measured, then made in one piece. */
#ifndef PIDF_FILTER_HOLD_H
#define PIDF_FILTER_HOLD_H

#include "pidf/xml/scratch.h"

/**
 * Whoever builds something runs twice: into scratch memory, which counts how much is needed,
 * then into one block of just that size. A subscription may last for weeks; chunks of scratch
 * memory would be mostly empty.
 */
struct hold {
    struct scratch *scratch; /* NULL: into the block */
    char *at;                /* in the block, aligned */
    size_t used_bytes;
};

/** Zeroed, aligned for any type. */
void *hold_alloc(struct hold *self, size_t size_bytes);

/** A copy of `bytes` that ends with NUL. */
const char *hold_string(struct hold *self, struct span bytes);

#endif
