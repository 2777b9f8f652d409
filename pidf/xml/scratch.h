/* scratch.h - growing memory for the trees of one call, freed whole at its end. */
#ifndef PIDF_XML_SCRATCH_H
#define PIDF_XML_SCRATCH_H

#include "server/base/span.h"

struct scratch_chunk;

/** What comes in is limited (pidf_limits), so this is not: it never answers NULL. Zeroed is empty.
 */
struct scratch {
    struct scratch_chunk *newest;
    char *at;
    char *end;
};

/** Forgets everything; keeps one chunk for the next call. */
void scratch_reset(struct scratch *self);

void scratch_deinit(struct scratch *self);

/** Zeroed, aligned for any type. */
void *scratch_alloc(struct scratch *self, size_t size_bytes);

/** Copies `bytes`. */
struct span scratch_copy(struct scratch *self, struct span bytes);

/** `head` and `tail` as one; in place when `head` was the last thing handed out. */
struct span scratch_join(struct scratch *self, struct span head, struct span tail);

#endif
