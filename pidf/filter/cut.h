/* cut.h - a document without what nobody asked for (RFC 4661 section 3.5). */
#ifndef PIDF_FILTER_CUT_H
#define PIDF_FILTER_CUT_H

#include "pidf/filter/node.h"
#include "server/base/buffer.h"

/**
 * Says of every node whether it is kept. Nodes come marked `included`, `alone` or `excluded`;
 * what the schemas require beside them is kept as well, also where it was excluded (section
 * 3.5.2: that step is reversed). False when nothing is left that anybody asked for.
 */
bool cut_decide(struct node *root);

/**
 * Appends the part of `body` that is kept; `root` was read from it. Namespaces that the root
 * declares and nothing uses any more are left out.
 */
void cut_write(const struct node *root, struct span body, struct buffer *work, struct buffer *out);

#endif
