/* policy.h - which documents speak for a presentity, and which tuple for who wants only one. */
#ifndef PIDF_POLICY_H
#define PIDF_POLICY_H

#include "pidf/document.h"
#include "pidf/pidf.h"

/** What a document comes from; the lesser stands first. */
enum standing { STANDING_PUBLISHED, STANDING_HARD_STATE, STANDING_REGISTRATION };

enum standing standing_of(const struct pidf_source *source);

/** A source that was read. */
struct reading {
    struct document document;
    enum standing standing;
};

/** Moves those that speak to the front of `readings`, which are in order; returns how many. */
size_t policy_choose(enum pidf_policy policy, struct reading readings[], size_t count);

/** Drops the registration's tuples where another reading has the same contact or deviceID. */
void policy_yield(struct reading readings[], size_t count, struct scratch *scratch,
                  const uint64_t key[2]);

/** Leaves exactly one tuple, as PIDF_SINGLE says. */
void policy_single(struct document *document, struct scratch *scratch);

#endif
