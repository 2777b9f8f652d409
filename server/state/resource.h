/* resource.h - what can be subscribed to: one AOR in one event package, and the version it shows.
 */
#ifndef STATE_RESOURCE_H
#define STATE_RESOURCE_H

#include "server/base/list.h"
#include "server/base/table.h"
#include "server/state/node.h"

struct notify;

enum { EVENT_BYTES_MAX = 64 }; /* of an event package's name */

/** Behind the name of the event package whose watchers are told about (RFC 3857 section 4). */
#define WATCHERINFO_SUFFIX ".winfo"

/**
 * Publications and subscriptions of a resource hang from it. It lives while it has any, or is a
 * member of a list that is watched. What it shows has a version in each of its views
 * (service/view.h). The members below `notify` are service/notify's, kept here so that finding
 * them costs nothing.
 */
struct resource {
    struct table_link link;
    struct resources *owner;
    struct list publications;
    struct list subscriptions;
    uint32_t publication_count;
    uint32_t subscription_count;
    uint32_t holds; /* members of lists that look at it */
    uint16_t bucket;
    bool needs_mark; /* what it shows changed in a batch that the fence has not passed yet */

    struct {
        struct loop_later changed; /* asks for a look at the end of the turn */
        struct list turn;          /* its place among the resources with someone to tell */
        struct list owed;          /* subscriptions that wait for their NOTIFY */
        struct list unsettled;     /* its place among the resources not yet told in full */
        uint64_t unsettled_batch;  /* the first batch that not everyone heard of */
        struct instant unsettled_at;
        uint32_t unsettled_count; /* subscriptions owed and not marked so in their rows */
        struct notify *notifier;  /* who looks after it; set with the first change or retry */
        struct list views;        /* what groups of watchers see of it: view.c's */
        struct list members;      /* of lists, who look at it: roster.c's */
    } notify;

    uint32_t aor_len;
    uint32_t event_len;
    char octets[]; /* AOR, event */
};

struct resources;

/** Told after a commit, or a load, that may have changed what `resource` shows. Marks it; composes
 * nothing yet. */
typedef void resource_changed_fn(void *context, struct resource *resource);
/** The last publication or subscription has left; the notifier's members are to be let go. */
typedef void resource_gone_fn(void *context, struct resource *resource);

struct resources *resources_new(struct node *node);
void resources_free(struct resources *self);

/** Who is told. Set once, before anything is loaded. */
void resources_watch(struct resources *self, resource_changed_fn *on_changed,
                     resource_gone_fn *on_gone, void *context);

/** The resource, or NULL. `aor` is canonical. */
struct resource *resources_find(const struct resources *self, struct span aor, struct span event);

/** The resource, made when there is none: follow with adding something to it, or
 * resource_release(). */
struct resource *resources_get(struct resources *self, struct span aor, struct span event);

/** Calls `fn` for each; it may not free any. */
typedef void resources_each_fn(struct resource *resource, void *context);
void resources_each(struct resources *self, resources_each_fn *fn, void *context);

/** Keeps it while a member of a list looks at it; each is given back once. */
void resource_hold(struct resource *self);
void resource_unhold(struct resource *self);

/** Frees it when nothing hangs from it any more. */
void resource_release(struct resource *self);

/** For publication.c and its like: what it shows may have changed. */
void resource_touch(struct resource *self);

/** Watcher information (RFC 3857) about a resource, NULL if nobody asks for it. */
struct resource *resource_watcherinfo(const struct resource *watched);

/** The same for what is composed of other things than publications: of this AOR and event package,
 * if anybody asks for it. */
void resources_touch(const struct resources *self, struct span aor, struct span event);

/** Somebody subscribes to it, or watches it as a member of a list. */
bool resource_is_watched(const struct resource *self);

/** It changes with the batch that is being filled, if anybody asks for it: a crash before everyone
 * was told is made good. */
void resources_mark(const struct resources *self, struct span aor, struct span event);

static inline struct span resource_aor(const struct resource *self)
{
    return (struct span){self->octets, self->aor_len};
}

static inline struct span resource_event(const struct resource *self)
{
    return (struct span){self->octets + self->aor_len, self->event_len};
}

#endif
