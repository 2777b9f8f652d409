/* operation.h - <add>, <replace> and <remove>, each on its own (RFC 5261 sections 4.3 to 4.5). */
#ifndef PIDF_PARTIAL_OPERATION_H
#define PIDF_PARTIAL_OPERATION_H

#include "pidf/partial/locate.h"

/** A document while it is patched. */
struct patching {
    struct scratch *scratch;
    size_t depth_max;
    size_t work; /* nodes to look at and octets to compare that are left; 0: too much was asked */
    struct tree_node *document;
};

/**
 * Does what the element `patch` says to the document. Returns NULL or the phrase of the fault,
 * one of the conditions of RFC 5261 section 5.1; the document is then of no use any more.
 */
const char *operation_apply(struct patching *self, const struct tree_node *patch);

/** Takes the attribute or the declaration that was selected out of its element. */
void selection_remove_attribute(const struct selection *self);

/** The same; false, and it stays, when a name means it. */
bool selection_remove_declaration(const struct selection *self);

#endif
