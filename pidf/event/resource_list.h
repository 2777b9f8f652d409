/* resource_list.h - the URIs that one SUBSCRIBE asks for (RFC 5367, RFC 4826). */
#ifndef PIDF_EVENT_RESOURCE_LIST_H
#define PIDF_EVENT_RESOURCE_LIST_H

#include "pidf/pidf.h"

/** What one list may cost. Every limit is explicit. */
struct resource_list_limits {
    size_t bytes;   /* of the body */
    size_t entries; /* that differ */
    size_t depth;   /* of lists within lists; 1: none within another */
};

/** 64 kB, 1000 entries, lists 8 deep. */
extern const struct resource_list_limits resource_list_limits_default;

struct resource_list_entry {
    struct span uri;
    struct span name;     /* its display-name, or empty */
    struct span language; /* of the name, or empty */
};

/** Reuses its memory and its parser from call to call. Not for use from two threads. */
struct resource_list_reader;

/** Copies `limits`; NULL means resource_list_limits_default. */
struct resource_list_reader *resource_list_reader_new(const struct resource_list_limits *limits);

/** NULL is fine. */
void resource_list_reader_free(struct resource_list_reader *self);

/** What was read; lent until the next call or the reader's end. */
struct resource_list {
    const struct resource_list_entry *entries;
    size_t count;
};

/**
 * Reads a body of the type application/resource-lists+xml. The entries of all lists, those within
 * others too, make one list in the order of the document (RFC 5363 section 4). An entry
 * whose URI stood before, octet for octet, is left out; URIs that are equal by the rules of their
 * scheme are for the caller to find. Lists' names, copyControl and anonymize (RFC 5364) and
 * foreign elements mean nothing to a subscription and are skipped, as RFC 5367 section 4 allows.
 *
 * What would make the list longer is not skipped but refused, since a subscriber could not tell
 * why somebody is missing: <entry-ref> and <external> point to documents that are not here.
 *
 * STATUS_MALFORMED: to be refused with 400, `fault` says why: what pidf_check() says of XML, or of
 * this format. STATUS_LIMIT: with 413. `fault` (may be NULL) is written only on error, `out` only
 * without.
 */
MUST_USE enum status resource_list_read(struct resource_list_reader *self, struct span body,
                                        struct resource_list *out, struct pidf_fault *fault);

#endif
