/* node.h - a document as nodes that know their bytes, and what a filter makes of them. */
#ifndef PIDF_FILTER_NODE_H
#define PIDF_FILTER_NODE_H

#include "pidf/xml/element.h"

/** A namespace declaration as it stands in a start tag: xmlns:prefix="uri". */
struct node_declaration {
    struct node_declaration *next;
    struct span octets;
    struct span prefix; /* empty: the default namespace */
};

/** An element or an attribute. */
struct node {
    struct node *next;   /* sibling */
    struct node *parent; /* NULL for the root */
    struct node *first;  /* child elements, in order; text is what stands between them */
    struct node *attributes;
    struct node_declaration *declarations;
    const struct element *element;     /* NULL for an attribute */
    const struct attribute *attribute; /* NULL for an element */
    struct span octets;                /* from "<" to ">", or name="value" */
    struct span content;               /* between the tags */

    /* cut.c */
    bool included; /* selected, with all that is inside */
    bool alone;    /* selected by its namespace, without what is of another inside */
    bool excluded;
    bool within; /* inside of what is included */
    bool kept;

    /* trigger.c: the same thing in the other document, NULL when it is not there; and who is
     * next with that name and id */
    struct node *counterpart;
    struct node *same;
};

static inline const struct name *node_name(const struct node *self)
{
    return self->element != NULL ? &self->element->name : &self->attribute->name;
}

/** No element inside: what is between its tags is its value. */
static inline bool node_is_leaf(const struct node *self)
{
    return self->first == NULL;
}

/**
 * Makes nodes of the tree `root` that parser_parse() made of `body`, all in scratch memory. They
 * keep both.
 */
struct node *node_read(const struct element *root, struct span body, struct scratch *scratch);

#endif
