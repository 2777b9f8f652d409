/* element.h - the tree of a parsed document. */
#ifndef PIDF_XML_ELEMENT_H
#define PIDF_XML_ELEMENT_H

#include "pidf/xml/scratch.h"
#include "server/base/span.h"

#include <stdint.h>

/** The namespaces that this folder knows, so that names compare without comparing URIs. */
enum vocabulary {
    VOCABULARY_ABSENT,       /* no namespace at all */
    VOCABULARY_PIDF,         /* RFC 3863 */
    VOCABULARY_DATA_MODEL,   /* RFC 4479 */
    VOCABULARY_RPID,         /* RFC 4480 */
    VOCABULARY_TIMED_STATUS, /* RFC 4481 */
    VOCABULARY_CIPID,        /* RFC 4482 */
    VOCABULARY_CAPS,         /* RFC 5196 */
    VOCABULARY_DIALOG_INFO,  /* RFC 4235 */
    VOCABULARY_XML,          /* xml:lang, xml:id */
    VOCABULARY_XSI,          /* xsi:type, xsi:schemaLocation */
    VOCABULARY_OTHER,        /* told apart by `uri` */
};

/** URI and customary prefix of a vocabulary; NULL for ABSENT and OTHER. */
const char *vocabulary_uri(enum vocabulary vocabulary);
const char *vocabulary_prefix(enum vocabulary vocabulary);

/**
 * An expanded name. `uri` and `local` are interned or constant: equal OTHER URIs are equal
 * pointers. `prefix` is what the sender used, a wish only; NULL for none.
 */
struct name {
    enum vocabulary vocabulary;
    const char *uri;
    const char *prefix;
    const char *local;
};

struct attribute {
    struct attribute *next;
    struct name name;
    struct span value;
    bool is_id; /* of type xs:ID: identity.c makes it unique */
};

/** An element, or (with `name.local` NULL) a run of text. */
struct element {
    struct element *next;
    struct element *first; /* children, in order */
    struct element *last;
    struct attribute *attributes;
    struct name name;
    struct span text;
};

/** Elements outside of a tree, linked by `next`. */
struct element_list {
    struct element *first;
    struct element *last;
};

struct element *element_new(struct scratch *scratch, enum vocabulary vocabulary, const char *local);
struct element *element_text_new(struct scratch *scratch, struct span text);

bool element_is(const struct element *self, enum vocabulary vocabulary, const char *local);

static inline bool element_is_text(const struct element *self)
{
    return self->name.local == NULL;
}

/** Puts `child` at the end; it must be in no other list. */
void element_append(struct element *self, struct element *child);
void element_list_append(struct element_list *self, struct element *element);

/** Takes all children out, so that they can be put back in another order. */
struct element *element_take_children(struct element *self);

/** The first child of that name, or NULL. */
struct element *element_child(const struct element *self, enum vocabulary vocabulary,
                              const char *local);

/**
 * The text, in order, as one run; with that of markup inside if wanted. Never with that of
 * elements that say something of their own: it would slip past whoever hides them.
 */
struct span element_content(const struct element *self, bool with_markup, struct scratch *scratch);

/** The text of an element that the schema's tables made fit, which holds one run or nothing. */
struct span element_text(const struct element *self);

/** The text of the first child of that name; empty when there is none. */
struct span element_child_text(const struct element *self, enum vocabulary vocabulary,
                               const char *local);

/** The first attribute of that name, or NULL. */
struct attribute *element_attribute(const struct element *self, enum vocabulary vocabulary,
                                    const char *local);

/** Adds an attribute that is not there yet. `value` must live as long as the tree. */
struct attribute *element_attribute_add(struct element *self, struct scratch *scratch,
                                        enum vocabulary vocabulary, const char *local,
                                        struct span value);

/** Same names, attributes in the same order, same content; prefixes do not count. */
bool element_equal(const struct element *a, const struct element *b);

/** Equal elements have equal hashes; keyed, so that no sender can choose collisions. */
uint64_t element_hash(const struct element *self, const uint64_t key[2]);

#endif
