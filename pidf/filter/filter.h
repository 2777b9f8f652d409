/* filter.h - what a watcher asks to be told, and when (RFC 4660, RFC 4661). */
#ifndef PIDF_FILTER_FILTER_H
#define PIDF_FILTER_FILTER_H

#include "pidf/pidf.h"

/**
 * The walk, from the body of a SUBSCRIBE to that of a NOTIFY:
 *
 *     filter_read.c   application/simple-filter+xml -> filters
 *     selector.c      one expression of RFC 4661 section 5 -> steps and conditions
 *     filter_set.c    what a later SUBSCRIBE changes; which filter applies to a resource
 *     filter_write.c  filters -> bytes for the subscription's row, which are read as they came in
 *     node.c          a document -> nodes that know which bytes they came from
 *     select.c        which nodes an expression selects, within a budget of work
 *     cut.c           <what>: the bytes of the document without those that nobody asked for
 *     need.c          what has to stay for the document to be valid
 *     trigger.c       <trigger>: whether what has changed since is worth a NOTIFY
 *
 * Nothing here knows who may see what: what comes in is what the watcher is allowed to see.
 */

/** What filters may cost. Every limit is explicit. */
struct filter_limits {
    size_t bytes;             /* of a filter document */
    size_t filters;           /* that one subscription has */
    size_t bindings;          /* of namespaces in one document */
    size_t expressions;       /* include, exclude, changed, added, removed of one subscription */
    size_t expression_bytes;  /* of one of them */
    size_t steps;             /* of one path; at most 31 */
    size_t conditions;        /* in one pair of square brackets */
    size_t document_bytes;    /* of a document to be filtered */
    size_t document_elements; /* in it */
    size_t work;              /* nodes visited in one call of filter_apply() or filter_triggers() */
};

/** RFC 4660 section 8 recommends 40 expressions. */
extern const struct filter_limits filter_limits_default;

/** Reuses its memory and its parser from call to call; one per process, not for two threads. */
struct filterer;

/** Copies `limits`; NULL means filter_limits_default. Free with filterer_free(). */
struct filterer *filterer_new(const struct filter_limits *limits);

/** NULL is fine. */
void filterer_free(struct filterer *self);

/* ---- the filters of one subscription ---- */

/** What the filters of a subscription stand in. */
struct filter_scope {
    struct span resource; /* the Request-URI's: a filter without uri and domain applies to it */
    struct span package;  /* "presence"; a filter-set for another package is refused */

    /** Whether two URIs are the same by the rules of their scheme (RFC 3261 section 19.1.4). */
    bool (*same_uri)(struct span a, struct span b);
};

enum filter_verdict {
    FILTER_ACCEPTED,
    FILTER_MALFORMED,     /* no XML that we read: 400 */
    FILTER_TOO_LARGE,     /* too many bytes or elements: 413 */
    FILTER_NOT_ACCEPTABLE /* against RFC 4661, or beyond what we evaluate: 488 (RFC 4660 5.4) */
};

/** Immutable. May be used by any number of subscriptions. */
struct simple_filter;

/**
 * Reads the body of a SUBSCRIBE and gives the filters that stand from then on (RFC 4660 section
 * 5.2.2): a filter with a known id replaces, removes, enables or disables that one; others are
 * added. Also how the bytes of simple_filter_write() are read after a restart, with `standing`
 * NULL.
 *
 * standing  those from before; NULL for none. Stays as it is, and the caller's.
 * out       a new set, or NULL when no filter is left; free it with simple_filter_free()
 * fault     why it was refused, made to be a reason phrase or the text of a Warning; may be NULL
 *
 * Anything but FILTER_ACCEPTED leaves `out` untouched.
 */
MUST_USE enum filter_verdict simple_filter_update(struct filterer *self,
                                                  const struct filter_scope *scope,
                                                  const struct simple_filter *standing,
                                                  struct span body, struct simple_filter **out,
                                                  struct pidf_fault *fault);

/** NULL is fine. */
void simple_filter_free(struct simple_filter *self);

/** Appends a filter-set that reads as `self`: equal sets give equal bytes. */
void simple_filter_write(const struct simple_filter *self, struct buffer *out);

/** What one filter asks for; lives as long as its set. */
struct filter_rules;

/**
 * The rules for what is told of `resource` in this subscription, the most specific alone (RFC
 * 4660 section 3.3.2): those for its URI, else for its domain, else for the subscription's
 * resource, which may be a list with `resource` in it. NULL, also for a `self` of NULL: there
 * is no enabled filter for it, and everything is told.
 */
const struct filter_rules *simple_filter_for(const struct simple_filter *self,
                                             struct span resource);

/**
 * The same octets for filters that show the same, whatever their prefixes, layout and order:
 * watchers for whom these are equal can share one document. Empty: nothing is left out, and
 * filter_apply() would copy. `rules` may be NULL.
 */
struct span filter_rules_view(const struct filter_rules *rules);

/** False: every change is worth a NOTIFY (RFC 4660 section 5.3). `rules` may be NULL. */
bool filter_rules_have_triggers(const struct filter_rules *rules);

/* ---- documents ---- */

/**
 * Appends what <what> leaves of `document`: the selected nodes with all that is inside of them,
 * their ancestors, and whatever the schemas require beside them (RFC 4660 section 5.3.1), in the
 * bytes that they had. With nothing selected it appends nothing: the NOTIFY has no body then.
 *
 * STATUS_LIMIT: the work or `out` went over its limit, and RFC 4660 section 5.3.1 leaves it to
 * the notifier what to send. STATUS_MALFORMED: not a document that pidf_compose() makes. `out`
 * is then as it was, but for `overflowed`.
 */
MUST_USE enum status filter_apply(struct filterer *self, const struct filter_rules *rules,
                                  struct span document, struct buffer *out);

/**
 * Whether the change from `before` to `now` is worth a NOTIFY (RFC 4660 section 5.3.2). Both
 * are unfiltered: `before` is what the last NOTIFY was made of; empty means that there was none.
 * True when it cannot be told: a NOTIFY too many is better than one too few.
 */
bool filter_triggers(struct filterer *self, const struct filter_rules *rules, struct span before,
                     struct span now);

#endif
