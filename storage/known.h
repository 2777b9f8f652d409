/* known.h - the ids that were told upward, so that what has gone is noticed. */
#ifndef STORAGE_KNOWN_H
#define STORAGE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A set of ids, each with the scan in which it was last seen: 16 octets for each, and as much
 * free. */
struct known {
    struct known_slot *slots;
    size_t mask;
    size_t count;
    uint32_t scan;
};

void known_init(struct known *self);
void known_deinit(struct known *self);

/** Adds `id`, or notes that this scan saw it. */
void known_see(struct known *self, int64_t id);

bool known_has(const struct known *self, int64_t id);

/** False when it was not known. */
bool known_forget(struct known *self, int64_t id);

/** A new scan: nothing has been seen in it yet. */
void known_begin_scan(struct known *self);

/** Forgets every id that this scan has not seen, and names each. */
typedef void known_gone_fn(void *context, int64_t id);
void known_end_scan(struct known *self, known_gone_fn *fn, void *context);

#endif
