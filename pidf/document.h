/* document.h - one presence document in parts that fit the schemas (RFC 3863, RFC 4479). */
#ifndef PIDF_DOCUMENT_H
#define PIDF_DOCUMENT_H

#include "pidf/xml/parse.h"

struct document {
    struct element_list tuples;
    struct element_list notes;
    struct element_list persons;
    struct element_list devices;
    struct element_list extensions;   /* of the presentity, in order */
    struct declaration *declarations; /* see struct parsed */
};

/** Takes the tree apart. Every part is schema-valid but for its ids: some missing, some twice. */
void document_read(const struct parsed *parsed, struct scratch *scratch, struct document *out);

/** A tuple whose status holds nothing, be it that it was taken out, says closed. */
void document_fill_status(struct element *self, struct scratch *scratch);

/** The one tuple of someone of whom nothing is known. */
struct element *document_closed_tuple(struct scratch *scratch);

#endif
