/* random.h - documents by chance, good and bad, the same in every run (test_property.c). */
#ifndef UNIT_PIDF_RANDOM_H
#define UNIT_PIDF_RANDOM_H

#include "server/base/buffer.h"

struct chance {
    uint64_t state;
};

/** A number from 0 up to, and not, `below`. */
unsigned draw(struct chance *chance, size_t below);

/**
 * Appends one. What it says in places that can be hidden holds "NOTE-SECRET",
 * "ACTIVITY-SECRET", "LOCATION-SECRET", "DEVICE-SECRET" or "UNKNOWN-SECRET".
 */
void random_document(struct chance *chance, struct buffer *out);

#endif
