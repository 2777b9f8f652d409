/* parse.h - bytes to a tree, under limits; the only file that holds a libxml2 parser. */
#ifndef PIDF_XML_PARSE_H
#define PIDF_XML_PARSE_H

#include "pidf/xml/element.h"
#include "pidf/xml/limits.h"
#include "server/base/status.h"

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

/** One start tag, as a sink gets it. Everything lives in `scratch`; names are interned. */
struct parser_tag {
    struct name name;
    struct declaration *declarations; /* of this tag, all; prefix NULL: the default namespace */
    struct attribute *attributes;
    unsigned line;
};

/** Takes the events of a document with nothing left out. Spans are lent during the call. */
struct parser_sink {
    void *user;
    void (*on_start)(void *user, const struct parser_tag *tag);
    void (*on_end)(void *user);
    void (*on_text)(void *user, struct span run); /* one text may come in many runs */
    void (*on_comment)(void *user, struct span text);
    void (*on_instruction)(void *user, const char *target, struct span text);
};

/**
 * Reads a document of any root element under the same limits. The sink gets events until the
 * first fault, so it must not act on them before this returns STATUS_OK.
 */
MUST_USE enum status parser_run(struct parser *self, struct span body, struct scratch *scratch,
                                const struct parser_sink *sink, struct pidf_fault *fault);

#endif
