/* filter_set.h - a filter-set as structures, between the files that read, merge, write and use it.
 */
#ifndef PIDF_FILTER_FILTER_SET_H
#define PIDF_FILTER_FILTER_SET_H

#include "pidf/filter/filter.h"
#include "pidf/filter/selector.h"
#include "pidf/xml/parse.h"

/** An <include> or <exclude>: a namespace, or an expression. */
struct filter_choice {
    struct filter_choice *next;
    const char *uri; /* NULL: it is `selector` */
    struct selector selector;
};

enum change_kind { CHANGE_CHANGED, CHANGE_ADDED, CHANGE_REMOVED };

struct filter_change {
    struct filter_change *next;
    enum change_kind kind;
    struct selector selector;
    const char *from; /* NULL: from any value; white space around it is gone */
    const char *to;
    const char *by;
    int64_t by_millionths;
};

/** All its changes must have happened (RFC 4661 section 3.6). */
struct filter_trigger {
    struct filter_trigger *next;
    struct filter_change *changes; /* at least one */
};

struct filter_rules {
    struct filter_choice *includes;
    struct filter_choice *excludes;
    struct filter_trigger *triggers; /* any of them is enough */
    struct span view;
};

struct filter {
    struct filter *next;
    const char *id;
    const char *uri;    /* NULL: not by URI */
    const char *domain; /* NULL: not by domain */
    bool is_own;        /* for the subscription's resource, by its URI or by saying nothing */
    bool removed;
    bool enabled;
    bool said; /* it has a <what> or a <trigger>, if an empty one */
    struct filter_rules rules;
};

struct simple_filter {
    struct filter *filters;
    struct span resource;
    bool (*same_uri)(struct span a, struct span b);
};

/** One per process; filter.c makes it. */
struct filterer {
    struct filter_limits limits;
    struct parser *filter_parser;
    struct parser *document_parser;
    struct scratch scratch;
    struct buffer text;
    uint64_t key[2];
};

static inline bool filter_rules_are_empty(const struct filter_rules *self)
{
    return self->includes == NULL && self->excludes == NULL && self->triggers == NULL;
}

/** The filter of that id, or NULL. */
struct filter *filter_find(struct filter *first, const char *id);

/**
 * Reads a <filter-set> into `hold`, whose first piece becomes `out`. NULL when it was read, else
 * why not (filter_read.c).
 */
MUST_USE const char *filter_read(struct filterer *filterer, const struct filter_scope *scope,
                                 const struct element *root, struct hold *hold,
                                 struct simple_filter **out);

/** Appends a filter-set of these filters (filter_write.c). */
void filter_write(const struct filter *filters, struct scratch *scratch, struct buffer *out);

/** Appends the octets of filter_rules_view(). */
void filter_write_view(const struct filter_rules *rules, struct scratch *scratch,
                       struct buffer *out);

#endif
