/* selector.h - the expressions of RFC 4661 section 5: a small part of XPath 1.0. */
#ifndef PIDF_FILTER_SELECTOR_H
#define PIDF_FILTER_SELECTOR_H

#include "pidf/filter/hold.h"
#include "server/base/buffer.h"
#include "server/base/status.h"

#include <stdint.h>

/**
 * What is read: absolute paths of names, "*", "//" and a last "@name"; after a step one condition
 * in square brackets: comparisons by "=", "<" and ">" of ".", ".." or a path with a literal,
 * joined by "and" and "or". RFC 4661's grammar has the condition at the end only, but its own
 * examples have it at any step, and so has XPath. Everything else that XPath knows (axes,
 * functions, positions, unions, brackets, mere existence) is refused.
 *
 * The evaluator is our own and not libxml2's: that one takes all of XPath, in which an
 * expression of 40 bytes can ask for the cross product of all nodes, and it needs a second tree
 * of the document. This one passes over the tree once per expression (select.c).
 */
enum { SELECTOR_STEPS_MAX = 31 }; /* a set of steps is a uint32_t */

struct selector_step {
    const char *uri;                      /* NULL: no namespace */
    const char *local;                    /* NULL: "*", any element */
    bool descendant;                      /* "//" stands in front of it */
    bool attribute;                       /* always the last */
    struct selector_condition *condition; /* NULL: none */
};

struct selector {
    struct selector_step *steps;
    size_t step_count;
};

enum selector_subject { SUBJECT_PATH, SUBJECT_SELF, SUBJECT_PARENT };

/** One comparison. "and" binds tighter than "or": a list of alternatives of which all must hold. */
struct selector_condition {
    struct selector_condition *next;
    bool begins_alternative; /* "or" stands in front of it */
    enum selector_subject subject;
    struct selector path; /* relative; of SUBJECT_PATH */
    char comparison;      /* '=', '<' or '>' */
    bool numeric;         /* compared as numbers */
    struct span literal;
    int64_t millionths; /* of a literal that is compared as a number */
};

/** A prefix that <ns-binding> gives to a namespace. */
struct selector_binding {
    struct span prefix;
    const char *uri; /* lives as long as the selectors do */
};

struct selector_terms {
    const struct selector_binding *bindings;
    size_t binding_count;
    size_t expression_bytes;
    size_t steps;
    size_t conditions;
    bool conditions_allowed; /* a trigger's expression is a "reference", without any */
};

/** NULL when `text` was read into `out`, else why not, as a reason phrase. */
MUST_USE const char *selector_parse(struct span text, const struct selector_terms *terms,
                                    struct hold *hold, struct selector *out);

/** Gives the prefix for a namespace, with its colon; what it writes in front of the local name. */
struct selector_namer {
    void (*put_namespace)(const struct selector_namer *self, const char *uri, struct buffer *out);
    const char *const *uris;
    size_t uri_count;
};

/** Appends the expression, with no needless blank: equal ones give equal bytes. */
void selector_write(const struct selector *self, const struct selector_namer *namer,
                    struct buffer *out);

/** Calls `meet` with every namespace that a name in `self` has. */
void selector_namespaces(const struct selector *self, void (*meet)(void *user, const char *uri),
                         void *user);

#endif
