/* patch.h - partial publications (RFC 5264): what was received, applied to what is stored. */
#ifndef PIDF_PARTIAL_PATCH_H
#define PIDF_PARTIAL_PATCH_H

#include "pidf/partial/partial.h"

/**
 * Makes the full document out of `body`, of type application/pidf-diff+xml.
 *
 * stored   what the publication says so far, application/pidf+xml as pidf_check() passes it or
 *          as this function made it; empty for an initial publication
 *
 * A <pidf-full> becomes a <presence> of the same content, whatever is stored. A <pidf-diff> is
 * applied to `stored`, all of it or nothing. Everything that no patch names stays what it was,
 * canonically: white space, comments, prefixes, unknown elements, declarations.
 *
 * The version, if there is one, must be a number and is not compared with anything: for
 * publications the entity-tag does that (RFC 5264 section 3.2). An `entity` must be that of the
 * stored document (RFC 5262 section 3.2).
 *
 * STATUS_MALFORMED: 400 (RFC 5264 section 4.3.2), with the conditions of RFC 5261 section 5.1 as
 * phrases: "Unlocated Node", "Invalid Node Types" ... STATUS_LIMIT: 413, the body or what it would
 * make is too large, or too much work. `fault` (may be NULL) is written only on error, `out` only
 * on success; its line is that of the patch operation in `body`.
 */
MUST_USE enum status pidf_patch(struct pidf_partial *self, struct span stored, struct span body,
                                struct buffer *out, struct pidf_fault *fault);

#endif
