/* schema.h - what an element may hold, as tables, and how an element is made to fit. */
#ifndef PIDF_SCHEMA_H
#define PIDF_SCHEMA_H

#include "pidf/xml/element.h"
#include "pidf/xml/value.h"

/**
 * The schemas of RFC 3863, 4479 to 4482 and 5196 are sequences whose parts come in one order,
 * sometimes with a choice, and with room for other namespaces in one place. So a shape is a
 * list of slots with ranks: children are sorted by rank, what has no slot or does not fit is
 * left out, and what remains is valid.
 */
struct attribute_shape {
    enum vocabulary vocabulary;
    const char *name;
    enum value_type type;
    bool required; /* the element is left out without it */
};

struct slot {
    const char *names; /* local names in the parent's namespace, a blank between; NULL: any other */
    unsigned rank;     /* place in the sequence; slots of equal rank keep the order they came in */
    unsigned max;      /* of all these names together; 0: no limit */
    const struct shape *shape; /* NULL for other namespaces: schema_mend_extension() */
    bool ordered;              /* the names stand in this order, each once, from `rank` on */
    bool alone;                /* left out when there is anything of higher rank */
    bool required;             /* the parent is left out without it */
};

struct shape {
    bool has_children; /* else it has text of type `text`, or with `empty` nothing */
    bool empty;
    bool any_attribute;
    bool pick_one;      /* of the slots from rank 1 on, only the first that is met */
    bool needs_one;     /* something of rank 1 or more, or it is left out ... */
    const char *filler; /* ... or else gets this child */
    enum value_type text;
    const struct slot *slots;
    size_t slot_count;
    const struct attribute_shape *attributes;
    size_t attribute_count;
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SLOTS(array) .has_children = true, .slots = (array), .slot_count = COUNT_OF(array)
#define ATTRIBUTES(array) .attributes = (array), .attribute_count = COUNT_OF(array)

enum { SCHEMA_RANKS_MAX = 24 };

extern const struct shape schema_empty;  /* no content, no attributes */
extern const struct shape schema_string; /* xs:string */
extern const struct shape schema_note;   /* text that is not blank, xml:lang */
extern const struct shape schema_other;  /* text, xml:lang */
extern const struct shape schema_uri;    /* xs:anyURI */
extern const struct shape schema_date_time;

/** Makes `self` fit. False when it cannot; the caller then leaves it out. */
bool schema_mend(struct element *self, const struct shape *shape, struct scratch *scratch);

/** The same for an element that stands where any namespace may: by its own shape, if it has one. */
bool schema_mend_extension(struct element *self, struct scratch *scratch);

/** Whether that element has a shape of its own wherever any namespace may stand. */
bool schema_knows(const struct name *name);

/** The shapes of elements that may stand anywhere, by local name; NULL when it is none of them. */
const struct shape *document_shape(const char *local);     /* document.c: data model */
const struct shape *rpid_shape(const char *local);         /* rpid.c */
const struct shape *cipid_shape(const char *local);        /* rpid.c */
const struct shape *timed_status_shape(const char *local); /* rpid.c */
const struct shape *caps_shape(const char *local);         /* caps.c */
const struct shape *dialog_shape(const char *local);       /* dialog_info_read.c */

#endif
