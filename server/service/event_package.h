/* event_package.h - what differs from event package to event package (RFC 6665 section 5.4). */
#ifndef SERVICE_EVENT_PACKAGE_H
#define SERVICE_EVENT_PACKAGE_H

#include "pidf/parts.h"
#include "server/base/buffer.h"
#include "server/base/status.h"
#include "server/state/resource.h"

struct event_package;

/** What watchers who see the same thing have in common. */
struct view_key {
    bool closed;        /* says nothing of the resource: not yet allowed, or politely blocked */
    bool pending;       /* of those the first: it may be said that nobody has decided */
    uint8_t format;     /* which of the package's formats */
    uint32_t dialect;   /* bits of presence.dialect, as the package defines them */
    uint32_t hidden;    /* enum rule_hidden: what is left out */
    struct span filter; /* a filter-set (RFC 4661) as it stands; empty: none */
    struct span list;   /* the AOR of the list that was subscribed to with it; empty: none was */
};

/** A content type that NOTIFYs may have. */
struct event_format {
    struct span content_type;
    bool differs;          /* its partial documents are made of two full ones, by differ() */
    uint32_t first_number; /* the version of the first document sent to a subscription */
};

/** Who may subscribe where no rule names the package. */
enum event_audience {
    AUDIENCE_BY_RULES,   /* as the rules for all packages and the domain's default say */
    AUDIENCE_PRESENTITY, /* the presentity itself, and nobody else */
};

/** A document with a version, to be written around parts. */
struct event_document {
    const struct resource *resource;
    uint32_t number; /* of documents sent to the subscription before */
    bool full;       /* all parts that there are; else those that changed */
    const struct part *parts;
    size_t count;
    size_t in_force; /* parts that there are now, told here or not; without those that end */
};

enum { EVENT_FORMATS_MAX = 3, EVENT_PUBLISHES_MAX = 3 };

/** The small interface: a new package is one new file that fills one of these. */
struct event_package {
    struct span name; /* as in Event: "presence" */
    enum event_audience audience;

    /** The first one is the default of Accept; those not used have an empty content type. */
    struct event_format formats[EVENT_FORMATS_MAX];

    /** What a PUBLISH may carry; the first one empty: nothing (then PUBLISH gets 489). */
    struct span publishes[EVENT_PUBLISHES_MAX];

    /**
     * Judges what is published. `before` is what the publication holds now, empty for a new one.
     * Appends to `out` what is to be kept where that is not the body as it came; else leaves it
     * empty. STATUS_MALFORMED: 400 with `phrase`; STATUS_LIMIT: 413; STATUS_CONFLICT: 412.
     */
    enum status (*check)(const struct event_package *self, struct span content_type,
                         struct span body, struct span before, struct buffer *out,
                         const char **phrase);

    /** Composes what the resource shows now, from committed state alone. */
    void (*compose)(const struct event_package *self, const struct resource *resource,
                    const struct view_key *key, struct parts *out);

    /** The same for `key->closed`: says nothing of the resource. */
    void (*compose_closed)(const struct event_package *self, const struct resource *resource,
                           const struct view_key *key, struct parts *out);

    /** NULL, or: appends the document around these parts. Without it the parts themselves are the
     * document. */
    void (*wrap)(const struct event_package *self, const struct event_document *document,
                 struct buffer *out);

    /** NULL, or: appends what is said, once and in a partial document, of a part that is gone
     * without having been its `last`. `expired`: its deadline had passed. */
    void (*end_part)(const struct event_package *self, struct span octets, bool expired,
                     struct buffer *out);

    /** For formats that differ: a document that turns `before` into `now`; or, with `before` empty
     * or much changed, one with all of `now`. */
    void (*differ)(const struct event_package *self, struct span before, struct span now,
                   uint32_t number, struct buffer *out);

    /** NULL, or: appends what a watcher with `key->filter` is told of a composed document. */
    void (*filter)(const struct event_package *self, const struct resource *resource,
                   const struct view_key *key, struct span document, struct buffer *out);

    /** NULL, or: whether a watcher with this filter wants to hear of a change between two composed
     * documents, unfiltered (RFC 4661 section 3.6). */
    bool (*triggers)(const struct event_package *self, const struct resource *resource,
                     const struct view_key *key, struct span before, struct span now);

    /** NULL, or: judges a filter (RFC 4660 section 5.4) of a subscription to `aor` and appends to
     * `out` what stands when `body` comes upon `before`, the one that stood so far. Status as
     * check(), STATUS_CONFLICT: 488. */
    enum status (*check_filter)(const struct event_package *self, struct span aor, struct span body,
                                struct span before, struct buffer *out, const char **phrase);

    /** Frees it. */
    void (*end)(struct event_package *self);
};

/** All packages of this server; the last one is NULL. */
struct event_packages {
    const struct event_package *all[8];
};

/** The package of that name, or NULL: 489. */
const struct event_package *event_package_find(const struct event_packages *self, struct span name);

/** "Allow-Events: presence" as a value. */
void event_packages_compose(const struct event_packages *self, struct buffer *out);

/** The content types of NOTIFYs, or of PUBLISHes, as a value of Accept. */
void event_package_formats(const struct event_package *self, struct buffer *out);
void event_package_publishes(const struct event_package *self, struct buffer *out);

static inline bool event_package_is_published(const struct event_package *self)
{
    return !span_empty(self->publishes[0]);
}

#endif
