/* diff.h - partial notifications (RFC 5263): from one state to the next. */
#ifndef PIDF_PARTIAL_DIFF_H
#define PIDF_PARTIAL_DIFF_H

#include "pidf/partial/partial.h"

/**
 * Appends the <pidf-diff> that makes `to` of `from`, two documents as pidf_compose() writes them,
 * but for the number of its version, which is due `*version_at` octets behind where `out` ended.
 * Applied, it gives the same canonical document as `to`, declarations of namespaces included. It
 * depends on nothing else, so it can be kept by (from, to) for all watchers.
 *
 * Elements are named by id where their name does not suffice, by number where they have none;
 * only what changed is sent, and an element is replaced whole where that is shorter. It is
 * small, not minimal: what moved to another place is removed and added.
 *
 * False, and `out` is as before, when <pidf-full> is to be sent instead: it would not be larger,
 * or the documents are too large or too different to look further (RFC 5262 section 4).
 */
MUST_USE bool pidf_diff(struct pidf_partial *self, struct span from, struct span to,
                        struct buffer *out, size_t *version_at);

#endif
