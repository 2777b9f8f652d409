/* context.h - the inside of struct pidf_partial, for the files of partial presence. */
#ifndef PIDF_PARTIAL_CONTEXT_H
#define PIDF_PARTIAL_CONTEXT_H

#include "pidf/partial/partial.h"
#include "pidf/partial/tree.h"

struct pidf_partial {
    struct pidf_limits limits;
    struct parser *parser;
    struct scratch scratch;
    struct buffer patches; /* diff.c composes them before it knows what to declare */
    uint64_t key[2];       /* of hashes inside; shows in no document */
};

enum { PARTIAL_PREFIX_BYTES = 16 };

/**
 * The prefixes that we give to RFC 5262's own namespace: "p", and where a document has that one
 * already "p1", "p2" ... A watcher's copy has one of them at its root.
 */
void partial_prefix(char out[PARTIAL_PREFIX_BYTES], unsigned number);
bool partial_prefix_is_ours(const char *prefix);

/** Forgets the trees of the last call. */
void partial_begin(struct pidf_partial *self);

/** Reads a document into the scratch memory. */
MUST_USE enum status partial_read(struct pidf_partial *self, struct span body,
                                  struct tree_node **document, struct pidf_fault *fault);

#endif
