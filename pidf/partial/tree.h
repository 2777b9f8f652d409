/* tree.h - a document as it was written: comments, white space, prefixes and declarations stay. */
#ifndef PIDF_PARTIAL_TREE_H
#define PIDF_PARTIAL_TREE_H

#include "pidf/xml/parse.h"
#include "server/base/buffer.h"

/**
 * Patches address what struct element leaves out (RFC 5261 section 4): text nodes by number,
 * comments, processing instructions, namespace declarations. So partial presence has a tree of
 * its own, the data model of XPath 1.0: no two texts are neighbours, none is empty. Written again
 * it has the same canonical form (Canonical XML 1.0 with comments) as what was read.
 */
enum tree_kind {
    TREE_DOCUMENT, /* parent of the root element and of what stands beside it */
    TREE_ELEMENT,
    TREE_TEXT, /* CDATA sections included */
    TREE_COMMENT,
    TREE_INSTRUCTION, /* its target is `name.local` */
};

struct tree_node {
    struct tree_node *parent;
    struct tree_node *previous;
    struct tree_node *next;
    struct tree_node *first;
    struct tree_node *last;
    enum tree_kind kind;
    unsigned line;
    uint64_t hash; /* diff.c's */
    struct name name;
    struct attribute *attributes;
    struct declaration *declarations; /* prefix NULL: the default one; URI "": it is undone */
    struct span text;
};

/** Reads `body` into `scratch`; names live until parser_tidy(). Faults are those of pidf_check().
 */
MUST_USE enum status tree_read(struct parser *parser, struct span body, struct scratch *scratch,
                               struct tree_node **document, struct pidf_fault *fault);

/** The root element; there always is one. */
struct tree_node *tree_root(const struct tree_node *document);

/** Appends the document in UTF-8 with XML declaration, or one node. */
void tree_write(const struct tree_node *document, struct buffer *out);
void tree_node_write(const struct tree_node *self, struct buffer *out);

struct tree_node *tree_node_new(struct scratch *scratch, enum tree_kind kind,
                                struct tree_node *parent);

/** Puts `self`, which stands nowhere, before `next`, a child of `parent`; NULL: at the end. */
void tree_node_insert(struct tree_node *self, struct tree_node *parent, struct tree_node *next);

/** Takes it out of its parent. */
void tree_node_remove(struct tree_node *self);

/**
 * Makes neighbouring texts one and drops empty ones, among the children. Answers how many octets
 * that took.
 */
size_t tree_node_join_texts(struct tree_node *self, struct scratch *scratch);

/** The URI of an expanded name; "" for none. */
const char *name_uri(const struct name *name);
bool name_is_of(const struct name *name, const char *uri, const char *local);

/** `uri` becomes the namespace of `name`, which need not be interned. */
void name_put_uri(struct name *name, const char *uri);

/** Only white space, of XML's four characters. */
bool span_is_blank(struct span text);

/** The attribute `local` of no namespace, or NULL. */
const struct attribute *tree_node_attribute(const struct tree_node *self, const char *local);

/** Whether a name in `self` or below means a declaration of `prefix` above or at `self`. */
bool tree_node_uses_prefix(const struct tree_node *self, const char *prefix);

/** Both NULL or both the same. */
bool prefix_equal(const char *a, const char *b);

/** What `prefix` (NULL: the default) means at this element; "" when it is not declared. */
const char *tree_node_namespace(const struct tree_node *self, const char *prefix);

/** The declaration of `prefix` on this very element, or NULL. */
struct declaration *tree_node_declaration(const struct tree_node *self, const char *prefix);

void tree_node_declare(struct tree_node *self, struct scratch *scratch, const char *prefix,
                       const char *uri);

#endif
