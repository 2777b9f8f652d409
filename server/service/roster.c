/*
 * roster.c - a member changes: rosters_look() -> roster_member.c -> dirty, the subscription is
 * owed; then roster_body.c tells it.
 */
#include "server/base/must.h"
#include "server/service/rosters.h"

#include <stdlib.h>

enum { SHOWN_TIMES = 4 }; /* so many members are shown for each that may be watched */

const struct event_package *roster_package(const struct rosters *self, const struct roster *roster)
{
    return event_package_find(self->content->packages,
                              resource_event(subscription_resource(roster->subscription)));
}

/* ---- whose lists there are ---- */

bool rosters_is_list_of(const struct rosters *self, struct span aor, struct span body_type)
{
    return resource_lists_find(self->content->state->lists, aor) != NULL ||
           span_equal_nocase(body_type, SPAN("application/resource-lists+xml"));
}

bool rosters_is_list(const struct rosters *self, const struct subscription *subscription)
{
    return subscription_takes_lists(subscription) &&
           rosters_is_list_of(self, resource_aor(subscription_resource(subscription)),
                              subscription_newest(subscription).body_type);
}

bool rosters_may_watch(const struct rosters *self, struct span aor, struct span watcher)
{
    const struct list_row *list = resource_lists_find(self->content->state->lists, aor);

    return list == NULL || list_may_be_watched(list, watcher);
}

enum status rosters_check(struct rosters *self, struct span body, const char **phrase)
{
    struct pidf_fault fault = {0};
    struct resource_list list;
    enum status status = resource_list_read(self->reader, body, &list, &fault);

    if (status != STATUS_OK)
        *phrase = fault.phrase;
    return status;
}

/* ---- rosters ---- */

static void fill(struct rosters *self, struct roster *roster)
{
    const struct list_members *from = &roster->list;

    roster->count = from->count;
    roster->members = calloc(from->count + 1, sizeof(roster->members[0]));
    must(roster->members != NULL);
    for (size_t i = 0; i < from->count; i++) {
        struct member *member = &roster->members[i];

        list_init(&member->look);
        list_init(&member->dirty);
        member->roster = roster;
        member->uri = list_members_uri(from, i);
        member->name = list_members_name(from, i);
        roster_member_attach(self, member, i < self->options.members_max);
    }
}

static void empty(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        roster_member_detach(&roster->members[i]);
    free(roster->members);
    list_members_deinit(&roster->list);
    list_remove(&roster->nesting);
    roster->members = NULL;
    roster->count = 0;
    roster->tag = 0;
}

static uint64_t filter_of(const struct rosters *self, const struct roster *roster)
{
    const struct subscription_view view = subscription_newest(roster->subscription);

    return mac64(&self->content->state->node.mark_key, content_filter(&view));
}

/* Who may not watch the list any more is told that it is over, and not who is on it now. */
static void build(struct rosters *self, struct roster *roster)
{
    const struct subscription_view view = subscription_newest(roster->subscription);
    const struct list_row *list = resource_lists_find(
        self->content->state->lists, resource_aor(subscription_resource(roster->subscription)));

    list_members_init(&roster->list, (size_t)SHOWN_TIMES * self->options.members_max, view.watcher);
    if (list != NULL && list_may_be_watched(list, view.watcher))
        list_members_add_list(&roster->list, self->content->state, list);
    else if (list == NULL)
        list_members_add_body(&roster->list, self->content->state, self->reader, view.body);
    if (roster->list.has_lists)
        list_append(&self->nesting, &roster->nesting);
    roster->list.watcher = (struct span){0};
    fill(self, roster);
    roster->judged = policy_generation(self->content->policy);
    roster->filter = filter_of(self, roster);
}

static void judge_all(const struct rosters *self, struct roster *roster)
{
    const uint64_t generation = policy_generation(self->content->policy);
    const uint64_t filter = filter_of(self, roster);
    const bool filtered_anew = filter != roster->filter;

    if (roster->judged == generation && !filtered_anew)
        return;
    roster->judged = generation;
    roster->filter = filter;
    for (size_t i = 0; i < roster->count; i++) {
        struct member *member = &roster->members[i];

        if (filtered_anew)
            member->judged = 0;
        if (member->judged != generation) {
            roster_member_judge(self, member);
            (void)roster_member_look(self, member);
        }
    }
}

void roster_choose(struct rosters *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);
    struct roster *roster = delivery->roster;

    if (roster == NULL) {
        roster = calloc(1, sizeof(*roster));
        must(roster != NULL);
        roster->subscription = subscription;
        list_init(&roster->dirty);
        list_init(&roster->telling);
        list_init(&roster->nesting);
        list_init(&roster->stale);
        buffer_init(&roster->type, 512);
        delivery->roster = roster;
        build(self, roster);
    } else {
        judge_all(self, roster);
    }
}

void rosters_rebuild(struct rosters *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    if (delivery->roster == NULL || !rosters_is_list(self, subscription))
        return; /* what is a list no more ends, and is not told to be empty before */
    empty(delivery->roster);
    build(self, delivery->roster);
    content_owe_full(subscription);
    if (rosters_may_watch(self, resource_aor(subscription_resource(subscription)),
                          subscription_newest(subscription).watcher))
        self->on_owed(self->context, subscription); /* else it ends likewise */
}

static void find_holders(const struct resource *resource, struct list *stale)
{
    struct list *link = resource->notify.members.next;

    for (; link != &resource->notify.members; link = link->next) {
        struct roster *roster = CONTAINER_OF(link, struct member, look)->roster;

        if (list_empty(&roster->stale))
            list_append(stale, &roster->stale);
    }
}

void rosters_list_changed(struct rosters *self, struct span aor)
{
    const struct event_packages *packages = self->content->packages;
    struct list stale, *link;

    list_init(&stale);
    for (size_t i = 0; packages->all[i] != NULL; i++) {
        const struct resource *resource =
            resources_find(self->content->state->resources, aor, packages->all[i]->name);

        if (resource != NULL)
            find_holders(resource, &stale);
    }
    for (link = self->nesting.next; link != &self->nesting; link = link->next) {
        struct roster *roster = CONTAINER_OF(link, struct roster, nesting);

        if (list_empty(&roster->stale))
            list_append(&stale, &roster->stale);
    }
    while ((link = list_take(&stale)) != NULL)
        rosters_rebuild(self, CONTAINER_OF(link, struct roster, stale)->subscription);
}

void rosters_forget_judgements(struct resource *resource)
{
    struct list *link = resource->notify.members.next;

    for (; link != &resource->notify.members; link = link->next)
        CONTAINER_OF(link, struct member, look)->judged = 0;
}

void rosters_look(struct rosters *self, struct resource *resource)
{
    struct list *link = resource->notify.members.next;

    for (; link != &resource->notify.members; link = link->next) {
        struct member *member = CONTAINER_OF(link, struct member, look);

        roster_member_judge(self, member);
        if (roster_member_look(self, member))
            self->on_owed(self->context, member->roster->subscription);
    }
}

void roster_watchers(const struct resource *resource, roster_watcher_fn *fn, void *context)
{
    const struct list *link = resource->notify.members.next;

    for (; link != &resource->notify.members; link = link->next) {
        const struct member *member = CONTAINER_OF((struct list *)link, struct member, look);
        const struct subscription *subscription = member->roster->subscription;
        struct subscription_view view;
        struct roster_watcher watcher;

        if (!subscription_is_committed(subscription))
            continue;
        view = subscription_view(subscription);
        watcher = (struct roster_watcher){
            .subscription = subscription_id(subscription),
            .watcher = view.watcher,
            .state = member->pending        ? SUBSCRIPTION_PENDING
                     : member->view == NULL ? SUBSCRIPTION_TERMINATED
                                            : SUBSCRIPTION_ACTIVE,
            .left_s = view.left_s,
        };

        if (watcher.subscription != 0 && !subscription_is_over(view.state))
            fn(&watcher, context);
    }
}

void roster_tell_watched(const struct roster *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct resource *watched = self->members[i].resource;
        struct resource *watcherinfo = watched == NULL ? NULL : resource_watcherinfo(watched);

        if (watcherinfo != NULL)
            resource_touch(watcherinfo);
    }
}

bool roster_is_owed(const struct roster *self)
{
    return !self->told || !list_empty(&self->dirty);
}

/* ---- life ---- */

void roster_free(struct rosters *self, struct roster *roster)
{
    (void)self;
    if (roster == NULL)
        return;
    empty(roster);
    buffer_deinit(&roster->type);
    free(roster);
}

struct rosters *rosters_new(const struct content *content, struct metrics *metrics,
                            const struct roster_options *options, roster_owed_fn *on_owed,
                            void *context)
{
    struct rosters *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->content = content;
    list_init(&self->nesting);
    self->on_owed = on_owed;
    self->context = context;
    buffer_init(&self->body, UINT32_MAX);
    buffer_init(&self->documents, UINT32_MAX);
    self->full = metric_counter(metrics, "list_full_states_total", NULL,
                                "NOTIFYs that told of every member of a list");
    rosters_reconfigure(self, options);
    return self;
}

/* A list in a body may name as many as one of SQL shows; its octets are limited with all bodies. */
void rosters_reconfigure(struct rosters *self, const struct roster_options *options)
{
    struct resource_list_limits limits = resource_list_limits_default;

    limits.entries = (size_t)SHOWN_TIMES * options->members_max;
    resource_list_reader_free(self->reader);
    self->reader = resource_list_reader_new(&limits);
    self->options = *options;
}

/* ---- all of them, after a load and at the end ---- */

struct loaded {
    struct subscription **at;
    size_t count;
    size_t cap;
};

static void find_lists(struct resource *resource, void *context)
{
    struct loaded *loaded = context;
    struct list *link = resource->subscriptions.next;

    for (; link != &resource->subscriptions; link = link->next) {
        struct subscription *each = subscription_of_resource(link);

        if (!subscription_takes_lists(each))
            continue;
        if (loaded->count == loaded->cap) {
            loaded->cap = loaded->cap == 0 ? 64 : loaded->cap * 2;
            loaded->at = realloc(loaded->at, loaded->cap * sizeof(struct subscription *));
            must(loaded->at != NULL);
        }
        loaded->at[loaded->count++] = each;
    }
}

/* A member that changed while nobody was told. */
static bool has_changed(const struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        if (roster->members[i].resource != NULL && roster->members[i].resource->needs_mark)
            return true;
    return false;
}

void rosters_start(struct rosters *self)
{
    struct loaded loaded = {0};

    /* Members make resources, which must not happen during the walk. */
    resources_each(self->content->state->resources, find_lists, &loaded);
    for (size_t i = 0; i < loaded.count; i++) {
        struct delivery *delivery = subscription_delivery(loaded.at[i]);

        if (!rosters_is_list(self, loaded.at[i]))
            continue;
        roster_choose(self, loaded.at[i]);
        if (has_changed(delivery->roster))
            delivery->acked_version = 0;
    }
    free(loaded.at);
}

void rosters_free(struct rosters *self)
{
    struct loaded all = {0};

    if (self == NULL)
        return;
    resources_each(self->content->state->resources, find_lists, &all);
    for (size_t i = 0; i < all.count; i++)
        content_forget(self->content, all.at[i]);
    free(all.at);
    resource_list_reader_free(self->reader);
    buffer_deinit(&self->body);
    buffer_deinit(&self->documents);
    free(self);
}
