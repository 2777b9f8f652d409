/* canonical.h - whether two documents say the same, by libxml2's Canonical XML. */
#ifndef SUPPORT_CANONICAL_H
#define SUPPORT_CANONICAL_H

#include "server/base/span.h"

/**
 * Canonical XML 1.0 with comments, which RFC 5261 section 3 compares by. Both must parse;
 * those that have no canonical form are equal.
 */
bool canonical_equal(struct span a, struct span b);

#endif
