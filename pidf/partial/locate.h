/* locate.h - the node that a selector means (RFC 5261 section 4.1). */
#ifndef PIDF_PARTIAL_LOCATE_H
#define PIDF_PARTIAL_LOCATE_H

#include "pidf/partial/patch_selector.h"

/** What was found: a node; or `attribute`, or `declaration`, of the element `node`. */
struct selection {
    struct tree_node *node;
    struct attribute *attribute;
    struct declaration *declaration;
};

/**
 * Finds the one node that is meant. The root of a presence document answers to its own name and
 * to RFC 5262's <pidf-full>, in which the sender may have had it.
 *
 * `work` counts down for each node looked at and each octet compared, and is 0 when it was not
 * enough. False when nothing is found, or more than one.
 */
bool locate(const struct patch_selector *self, struct tree_node *document, size_t *work,
            struct selection *out);

#endif
