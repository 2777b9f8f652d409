/* package_watcherinfo.c - who watches, for the watched (RFC 3857): composed out of subscriptions.
 */
#include "server/service/packages.h"
#include "server/service/roster.h"

#include "pidf/event/watcherinfo.h"
#include "server/base/must.h"

#include <stdlib.h>

enum { ID_BYTES = 24 };

struct watcherinfo {
    struct event_package package; /* first: the interface */
    const struct state *state;
    const struct event_package *watched;
    char name[EVENT_BYTES_MAX + sizeof(WATCHERINFO_SUFFIX)];
};

static const struct watcherinfo *of(const struct event_package *package)
{
    return (const struct watcherinfo *)package;
}

static enum watcherinfo_status status_of(enum subscription_state state)
{
    switch (state) {
    case SUBSCRIPTION_PENDING:
        return WATCHERINFO_STATUS_PENDING;
    case SUBSCRIPTION_ACTIVE:
        return WATCHERINFO_STATUS_ACTIVE;
    case SUBSCRIPTION_WAITING:
        return WATCHERINFO_STATUS_WAITING;
    case SUBSCRIPTION_TERMINATED:
        break;
    }
    return WATCHERINFO_STATUS_TERMINATED;
}

/* The words of Subscription-State's reason are those of the events (RFC 3857 section 4.7.1). */
static enum watcherinfo_event event_of(struct span reason)
{
    static const struct {
        struct span reason;
        enum watcherinfo_event event;
    } events[] = {
        {{"approved", 8}, WATCHERINFO_EVENT_APPROVED},
        {{"deactivated", 11}, WATCHERINFO_EVENT_DEACTIVATED},
        {{"probation", 9}, WATCHERINFO_EVENT_PROBATION},
        {{"rejected", 8}, WATCHERINFO_EVENT_REJECTED},
        {{"timeout", 7}, WATCHERINFO_EVENT_TIMEOUT},
        {{"giveup", 6}, WATCHERINFO_EVENT_GIVEUP},
        {{"noresource", 10}, WATCHERINFO_EVENT_NORESOURCE},
    };

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (span_equal(reason, events[i].reason))
            return events[i].event;
    return WATCHERINFO_EVENT_SUBSCRIBE;
}

/* One watcher, however it watches; `letter` and `number` make its id. */
static void put(const struct watcherinfo *self, struct parts *out, char letter, uint64_t number,
                const struct subscription_view *view)
{
    const struct instant now = loop_now(self->state->node.loop);
    char id_octets[ID_BYTES], uri_octets[ENTITY_BYTES];
    struct buffer id;

    buffer_init_fixed(&id, id_octets, sizeof(id_octets));
    buffer_put_char(&id, letter);
    buffer_put_hex64(&id, number);
    (void)watcherinfo_add(out, &(struct watcherinfo_watcher){
                                   .id = buffer_span(&id),
                                   .status = status_of(view->state),
                                   .event = event_of(view->reason),
                                   .uri = package_uri(view->watcher, uri_octets),
                                   .deadline_us = now.us + (int64_t)view->left_s * US_PER_S,
                               });
}

struct walk {
    const struct watcherinfo *self;
    struct parts *out;
};

/* Who watches through a list watches too, and is to be decided on like anybody (RFC 4662). */
static void add_by_list(const struct roster_watcher *watcher, void *context)
{
    const struct walk *walk = context;
    const struct subscription_view view = {
        .watcher = watcher->watcher,
        .state = watcher->state,
        .reason = watcher->state == SUBSCRIPTION_TERMINATED ? SPAN("rejected") : (struct span){0},
        .left_s = watcher->left_s,
    };

    put(walk->self, walk->out, 'l', (uint64_t)watcher->subscription, &view);
}

/* A fetch is over before anybody could read of it; what it leaves waiting is told. */
static void compose(const struct event_package *package, const struct resource *resource,
                    const struct view_key *key, struct parts *out)
{
    const struct watcherinfo *self = of(package);
    const struct resource *watched =
        resources_find(self->state->resources, resource_aor(resource), self->watched->name);
    struct walk walk = {self, out};
    const struct list *link;

    (void)key;
    if (watched == NULL)
        return;
    for (link = watched->subscriptions.next; link != &watched->subscriptions; link = link->next) {
        const struct subscription *each = subscription_of_resource((struct list *)link);

        /* Who asks with a list in the body watches its members, and not whom it was sent to. */
        if (subscription_is_committed(each) && subscription_id(each) != 0 &&
            !subscription_has_list(each)) {
            const struct subscription_view view = subscription_view(each);

            put(self, out, 'w', (uint64_t)subscription_id(each), &view);
        }
    }
    roster_watchers(watched, add_by_list, &walk);
}

static void wrap(const struct event_package *package, const struct event_document *document,
                 struct buffer *out)
{
    const struct watcherinfo *self = of(package);
    const int64_t now_us = loop_now(self->state->node.loop).us;
    char octets[ENTITY_BYTES];

    watcherinfo_begin(out, document->number, document->full,
                      package_entity(document->resource, octets), self->watched->name);
    for (size_t i = 0; i < document->count; i++)
        watcherinfo_put_part(out, &document->parts[i], now_us);
    watcherinfo_end(out);
}

/*
 * Removed without a last word (RFC 3857 section 4.7.1, figure 1): it waited in vain, or another of
 * its kind has taken its place; an active one was discarded without a change of policy.
 */
static void end_part(const struct event_package *package, struct span octets, bool expired,
                     struct buffer *out)
{
    (void)package;
    (void)expired;
    watcherinfo_put_gone(out, octets,
                         watcherinfo_is_active(octets) ? WATCHERINFO_EVENT_DEACTIVATED
                                                       : WATCHERINFO_EVENT_GIVEUP);
}

struct event_package *package_watcherinfo_new(const struct state *state,
                                              const struct event_package *watched)
{
    struct watcherinfo *self = calloc(1, sizeof(*self));
    struct buffer name;

    must(self != NULL);
    self->state = state;
    self->watched = watched;
    buffer_init_fixed(&name, self->name, sizeof(self->name));
    buffer_put(&name, watched->name);
    buffer_put(&name, SPAN(WATCHERINFO_SUFFIX));
    self->package = (struct event_package){
        .name = buffer_span(&name),
        .audience = AUDIENCE_PRESENTITY,
        .formats = {{.content_type = SPAN("application/watcherinfo+xml")}},
        .compose = compose,
        .compose_closed = package_compose_nothing,
        .wrap = wrap,
        .end_part = end_part,
        .end = package_end_plain,
    };
    return &self->package;
}
