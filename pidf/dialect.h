/* dialect.h - what phones need otherwise that cannot read everything RFC 3863 allows. */
#ifndef PIDF_DIALECT_H
#define PIDF_DIALECT_H

#include "pidf/document.h"
#include "pidf/pidf.h"

/** The entity in that dialect (enum pidf_dialect), made a URI whoever made it; in scratch memory.
 */
struct span dialect_entity(struct span entity, unsigned dialect, struct scratch *scratch);

/** Changes a document of one person as `view` has it; what is hidden is out of it already. */
void dialect_apply(struct document *document, struct span entity, const struct pidf_view *view,
                   struct scratch *scratch);

#endif
