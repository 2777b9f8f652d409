/* select.h - the nodes that an expression selects. */
#ifndef PIDF_FILTER_SELECT_H
#define PIDF_FILTER_SELECT_H

#include "pidf/filter/node.h"
#include "pidf/filter/selector.h"

/** How much may still be looked at; shared by all expressions of one call. */
struct select_budget {
    size_t work;
    bool spent;
};

/** Is told of every node selected; true stops the search. */
typedef bool select_fn(void *user, struct node *node);

/**
 * Visits what `selector` selects in the document of `root`, in document order, each node once.
 * One pass over the tree, however many "//" there are. False when the budget ran out before the
 * end; `budget->spent` is then set.
 */
bool select_nodes(const struct selector *selector, struct node *root, struct select_budget *budget,
                  select_fn *visit, void *user);

/** Whether an attribute's value, or all text inside of an element, is `value`, byte for byte. */
bool node_value_equal(const struct node *self, struct span value, struct select_budget *budget);

enum { NODE_NUMBER_BYTES = 64 };

/**
 * The value in one piece, in `out` where it has to be joined. False when it is longer than what
 * is compared as a number, or holds elements.
 */
bool node_value_copy(const struct node *self, char out[NODE_NUMBER_BYTES], struct span *value);

#endif
