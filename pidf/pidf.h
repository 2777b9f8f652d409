/* pidf.h - presence documents: bytes in, bytes out; judges what is published, composes what is
 * shown. */
#ifndef PIDF_PIDF_H
#define PIDF_PIDF_H

#include "server/base/buffer.h"
#include "server/base/span.h"
#include "server/base/status.h"

#include <stdint.h>

/**
 * The walk through this folder:
 *
 *     parse.c     bytes -> tree of elements; every limit; no DTD, no entity, no network
 *     document.c  tree -> presence, tuples, person, devices in the schema's shape (RFC 3863, 4479)
 *     schema.c    what every known element may hold; the tables are in rpid.c and caps.c
 *     person.c    one person out of what many publications say of it
 *     compose.c   many documents -> one: union, merge, the newest where only one may stand
 *     identity.c  every xs:ID present, well formed and unique
 *     write.c     tree -> bytes, the same bytes for the same tree
 *
 * Dialog information (RFC 4235) has a walk of its own: dialog_info.h.
 *
 * Nothing here reads a clock, a file or a socket, and nothing here knows SIP.
 */

/** What one published document may cost. Every limit is explicit. */
struct pidf_limits {
    size_t bytes;      /* of the body as received */
    size_t depth;      /* of nested elements; the root is at depth 1 */
    size_t elements;   /* in one document */
    size_t attributes; /* of one element, namespace declarations included */
    size_t namespaces; /* in one document, beside those of RFC 3863, 4479 to 4482 and 5196 */
};

/** 64 kB, 32 deep, 2000 elements, 64 attributes, 32 namespaces: far above what clients send. */
extern const struct pidf_limits pidf_limits_default;

/** Why a document was refused. */
struct pidf_fault {
    const char *phrase; /* constant text, made to be a reason phrase: "Malformed XML" */
    unsigned line;      /* where it was seen, from 1; 0 when no line can be named */
};

/**
 * Parses and composes; reuses its memory and its parser from call to call, so one per process
 * is enough. Not for use from two threads.
 */
struct pidf_composer;

/** Copies `limits`; NULL means pidf_limits_default. Free with pidf_composer_free(). */
struct pidf_composer *pidf_composer_new(const struct pidf_limits *limits);

/** NULL is fine. */
void pidf_composer_free(struct pidf_composer *self);

/**
 * Judges the body of a PUBLISH (RFC 3903 section 6, step 4): well-formed XML of namespaces
 * (RFC 3863 section 4.1), without DOCTYPE, in an encoding that we read (UTF-8, US-ASCII,
 * ISO-8859-1), with a PIDF <presence> as its root. What is only untidy inside (order, a
 * missing id, a foreign entity, unknown children) passes: pidf_compose() mends it.
 *
 * STATUS_MALFORMED: to be refused with 400, `fault` says why. STATUS_LIMIT: with 413, the body
 * has too many bytes or elements. `fault` (may be NULL) is written only on error.
 */
MUST_USE enum status pidf_check(struct pidf_composer *self, struct span body,
                                struct pidf_fault *fault);

/** One live publication of a presentity. */
struct pidf_source {
    struct span body;        /* borrowed during the call */
    int64_t published_at_us; /* any clock, the same for all; the greatest is the newest */
    bool hard_state;         /* stands behind every publication that is not (RFC 3903 section 3) */
};

/**
 * Appends the one document that `count` sources make together (RFC 4479 section 3; DESIGN
 * section 7): tuples united and colliding ids renamed, one person with activities, moods and
 * notes merged and the newest of everything else, the newest device per deviceID, unknown
 * extensions kept, schema-valid (RFC 3863, 4479, 4480, 4481, 4482, 5196) whatever came in.
 * A source that pidf_check() would refuse is left out, so it can never silence the others. With
 * nothing left the document says `closed`.
 *
 * entity   the presentity's URI, e.g. "pres:alice@example.org"; becomes the entity attribute
 *
 * The same sources give the same bytes, in whatever order they stand in the array, and a
 * document that was composed composes to itself. UTF-8, with XML declaration, not indented.
 *
 * STATUS_LIMIT when `out` overflowed; it is then cut back to what it held before the call (its
 * mark `overflowed` stays).
 */
MUST_USE enum status pidf_compose(struct pidf_composer *self, struct span entity,
                                  const struct pidf_source sources[], size_t count,
                                  struct buffer *out);

#endif
