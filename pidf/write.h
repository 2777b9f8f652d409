/* write.h - a document as bytes: the same bytes for the same document. */
#ifndef PIDF_WRITE_H
#define PIDF_WRITE_H

#include "pidf/document.h"
#include "server/base/buffer.h"

/**
 * Appends XML in UTF-8, without white space of its own. PIDF is the default namespace; every
 * other has one prefix, declared at the root: the customary one, else the sender's, else
 * "ns1", "ns2" ... Prefixes that a sender declared and used in no name are declared too, up to
 * 16 of them, since values may hold qualified names.
 */
void write_document(const struct document *document, struct span entity, struct scratch *scratch,
                    const uint64_t key[2], struct buffer *out);

/**
 * Appends one element of a known vocabulary, that of the document which it will stand in: there
 * it is the default namespace. All others are declared at the element itself.
 */
void write_element(const struct element *element, struct scratch *scratch, const uint64_t key[2],
                   struct buffer *out);

#endif
