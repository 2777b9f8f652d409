/* partial.h - partial presence documents (RFC 5262): what making and applying them share. */
#ifndef PIDF_PARTIAL_PARTIAL_H
#define PIDF_PARTIAL_PARTIAL_H

#include "pidf/pidf.h"

/**
 * The walk through partial presence:
 *
 *     tree.c            a document as it was written, as nodes (XPath 1.0's model)
 *     patch_selector.c  the grammar of `sel`, a small part of XPath (RFC 5261 section 8)
 *     locate.c          the node that it means (section 4.1)
 *     graft.c           nodes from one document into another, prefixes and all (section 4.2.3)
 *     operation.c       <add>, <replace>, <remove> (sections 4.3 to 4.5)
 *     patch.c           <pidf-diff> and <pidf-full> as received -> the full document (RFC 5264)
 *
 *     align.c           which children of two elements are the same thing
 *     diff.c            two documents -> <pidf-diff> (RFC 5263)
 *     script.c          the <pidf-diff> as text
 *     partial.c         a document -> <pidf-full>
 */

#define PARTIAL_NAMESPACE "urn:ietf:params:xml:ns:pidf-diff"

/** Memory and parser, used again from call to call. Not for use from two threads. */
struct pidf_partial;

/** Copies `limits`; NULL means pidf_limits_default. Free with pidf_partial_free(). */
struct pidf_partial *pidf_partial_new(const struct pidf_limits *limits);

/** NULL is fine. */
void pidf_partial_free(struct pidf_partial *self);

/**
 * Where the version of a composed application/pidf-diff+xml document belongs. The number counts
 * within one subscription, from 1 (RFC 5263 section 4.4), while the octets around it are the same
 * for every watcher that goes from one state to the next: they are composed once, without it.
 */
struct pidf_versioned {
    struct span head; /* octets before the number */
    struct span tail; /* and behind it */
};

/** The two halves of `document`, which was composed with its number due at `version_at`. */
struct pidf_versioned pidf_versioned_of(struct span document, size_t version_at);

/** Appends the document with its number. */
void pidf_versioned_put(struct pidf_versioned self, uint32_t version, struct buffer *out);

/**
 * Appends the <pidf-full> of `document`, a document as pidf_compose() writes it, but for the number
 * of its version, which is due `*version_at` octets behind where `out` ended.
 *
 * STATUS_LIMIT when `out` overflowed; it is then cut back to what it held before the call.
 */
MUST_USE enum status pidf_full(struct span document, struct buffer *out, size_t *version_at);

#endif
