/* parse.h - bytes to a tree, under limits; the only file that holds a libxml2 parser. */
#ifndef PIDF_PARSE_H
#define PIDF_PARSE_H

#include "pidf/element.h"
#include "pidf/pidf.h"

/** A namespace that a document declares under a prefix, whether or not a name uses it. */
struct declaration {
    struct declaration *next;
    const char *prefix;
    const char *uri;
};

/** What parser_parse() makes of one body. */
struct parsed {
    struct element *root;             /* a PIDF <presence>, unless any root is taken */
    struct declaration *declarations; /* of namespaces unknown here, in order of appearance */
};

/** One parser context and its dictionary of names, used again from document to document. */
struct parser;

struct parser *parser_new(const struct pidf_limits *limits);
void parser_free(struct parser *self);

/** From here on any root element is taken, not only a PIDF <presence>: the caller judges it. */
void parser_take_any_root(struct parser *self);

/**
 * Lets go of names that piled up: the dictionary grows with what senders invent. Every tree
 * made before is invalid then.
 */
void parser_tidy(struct parser *self);

/**
 * Refuses as pidf_check() says. The tree lives in `scratch`, its names live until parser_tidy().
 * Comments and processing instructions are left out.
 */
MUST_USE enum status parser_parse(struct parser *self, struct span body, struct scratch *scratch,
                                  struct parsed *out, struct pidf_fault *fault);

#endif
