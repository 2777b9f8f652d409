/* seen.h - what was met already in this call, found by hash. */
#ifndef PIDF_XML_SEEN_H
#define PIDF_XML_SEEN_H

#include "pidf/xml/scratch.h"

#include <stdint.h>

/** Lives in scratch memory. Knows hashes, not keys: the caller compares. Zeroed is empty. */
struct seen {
    struct seen_slot *slots;
    size_t slot_count;
    size_t count;
};

struct seen_slot {
    uint64_t hash;
    void *value; /* NULL: free */
};

void seen_add(struct seen *self, struct scratch *scratch, uint64_t hash, void *value);

/** The values of that hash one after the other, then NULL. `*at` begins as 0. */
void *seen_next(const struct seen *self, uint64_t hash, size_t *at);

#endif
