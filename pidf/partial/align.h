/* align.h - which children of two elements are the same thing, before and after. */
#ifndef PIDF_PARTIAL_ALIGN_H
#define PIDF_PARTIAL_ALIGN_H

#include "pidf/partial/tree.h"

/** Some children, in order. */
struct tree_row {
    struct tree_node **at;
    size_t count;
};

/** The element children of `self`. */
struct tree_row tree_row_of(const struct tree_node *self, struct scratch *scratch);

/** Hashes `self` and everything inside into `hash` of each node. */
void tree_node_hash(struct tree_node *self, const uint64_t key[2]);

/** The same names, prefixes, declarations, attributes and content, in the same order. */
bool tree_node_equal(const struct tree_node *a, const struct tree_node *b);

/** The same name, prefix included. */
bool tree_node_same_name(const struct tree_node *a, const struct tree_node *b);

/** The value of the attribute `id`, or nothing. */
struct span tree_node_id(const struct tree_node *self);

/**
 * Pairs children that are equal, or else have the same name and id, without crossing; of all ways
 * one that pairs the most. `partners[i]` becomes the place in `b` of the partner of a.at[i], or -1.
 * Both must be hashed.
 *
 * False when that takes more than `*cells`, which is counted down.
 */
MUST_USE bool align(struct tree_row a, struct tree_row b, struct scratch *scratch, size_t *cells,
                    ptrdiff_t partners[]);

#endif
