/* graft.h - nodes of one document put into another (RFC 5261 section 4.2.3). */
#ifndef PIDF_PARTIAL_GRAFT_H
#define PIDF_PARTIAL_GRAFT_H

#include "pidf/partial/tree.h"

/**
 * Copies `node` and all in it to before `next`, a child of `parent`, or to the end for NULL. Names
 * keep their namespaces; their prefixes become those of the target where it has one, by the rules
 * of the RFC, and what it lacks is declared where it is used. Declarations inside of what is
 * copied stay as they are.
 *
 * False when the tree would be deeper than `depth_max`; the tree is then of no use any more.
 */
MUST_USE bool graft(const struct tree_node *node, struct tree_node *parent, struct tree_node *next,
                    size_t depth_max, struct scratch *scratch);

/**
 * Gives `name`, which stands or shall stand at `self`, a prefix that means its namespace there.
 * `context` is the RFC's evaluation context node.
 */
void graft_name(struct tree_node *self, struct name *name, bool is_attribute,
                const struct tree_node *context, struct scratch *scratch);

#endif
