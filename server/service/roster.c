/*
 * roster.c - a member changes: rosters_look() -> look() -> dirty, the subscription is owed; then
 * roster_body() takes what is dirty, as much as one NOTIFY carries; roster_acknowledge() settles
 * it, roster_miss() puts it back.
 */
#include "server/service/roster.h"

#include "pidf/event/rlmi.h"
#include "server/base/must.h"
#include "server/service/list_members.h"

#include <stdlib.h>

enum {
    SHOWN_TIMES = 4,     /* so many members are shown for each that may be watched */
    ELEMENT_BYTES = 256, /* about what RLMI and MIME need for a member, beside its texts */
    NAME_BYTES = 64,     /* the same of one without an instance */
    TOKEN_BYTES = 16,    /* of a boundary */
};

struct member {
    struct list look;  /* among those who look at its resource */
    struct list dirty; /* among those of its roster to be told, or being told */
    struct roster *roster;
    struct resource *resource; /* NULL: there is nothing to look at, `reason` says why */
    struct view *view;         /* NULL likewise, and while nothing may be shown */
    const char *reason;        /* why it is terminated; NULL while it is not */
    struct span uri;           /* as the list has it */
    struct span name;
    uint64_t tag;     /* of what it shows now */
    uint64_t told;    /* the tag that the watcher acknowledged; 0: none */
    uint64_t telling; /* the tag that is on its way */
    uint64_t judged;  /* the generation of rules */
    uint32_t number;  /* of its documents that were sent */
    bool pending;
};

struct roster {
    struct subscription *subscription;
    struct member *members;
    size_t count;
    struct list dirty;        /* to be told */
    struct list telling;      /* in the NOTIFY that is outstanding */
    struct list nesting;      /* among those whose members come from lists within lists */
    struct list stale;        /* among those to be rebuilt */
    uint64_t judged;          /* the generation of rules */
    uint64_t filter;          /* a hash of the one by which members were judged */
    uint64_t tag;             /* of all that it shows */
    bool told;                /* by this process: what was told before nobody knows */
    struct buffer type;       /* Content-Type of the last body */
    struct list_members list; /* texts of members lie here */
};

struct rosters {
    const struct content *content;
    struct resource_list_reader *reader;
    struct roster_options options;
    roster_owed_fn *on_owed;
    void *context;
    struct buffer body;
    struct buffer documents; /* of the members that one body tells */
    struct list nesting;     /* rosters */
    uint64_t *full;
};

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

    if (list == NULL || span_equal(list->owner, watcher))
        return true;
    return span_empty(list->owner) && span_equal(domain_of_aor(aor), domain_of_aor(watcher));
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

/* ---- members ---- */

static const struct event_package *package_of(const struct rosters *self,
                                              const struct roster *roster)
{
    return event_package_find(self->content->packages,
                              resource_event(subscription_resource(roster->subscription)));
}

static uint64_t tag_of(const struct rosters *self, const struct member *member)
{
    const struct mac_key *key = &self->content->state->node.mark_key;
    const uint64_t uri = mac64(key, member->uri);
    char octets[ENTITY_TAG_BYTES + 2];
    struct span shown = {octets, 0};

    if (member->view != NULL)
        shown = view_entity_tag(self->content->views, member->view, octets);
    octets[shown.len++] = member->pending ? 'p' : member->reason != NULL ? 't' : 'a';
    return (uri * 31) ^ mac64(key, shown);
}

static void set_view(struct member *member, struct view *view)
{
    view_release(member->view);
    member->view = view;
}

static struct view *view_for(const struct rosters *self, const struct member *member,
                             const struct judgement *judgement)
{
    const struct event_package *package = package_of(self, member->roster);
    const struct subscription *subscription = member->roster->subscription;
    const struct subscription_view seen = subscription_newest(subscription);
    const struct span filter = content_filter(&seen);
    const struct view_key key = {
        .closed = judgement->action != WATCHER_ALLOW,
        .pending = judgement->action == WATCHER_CONFIRM,
        .dialect = dialects_find(self->content->state->dialects, seen.user_agent, package->name),
        .hidden = judgement->hidden,
        .filter = filter,
        .list = span_empty(filter) ? (struct span){0}
                                   : resource_aor(subscription_resource(subscription)),
    };

    return view_get(member->resource, package, &key);
}

static void touch_watcherinfo(const struct member *member)
{
    struct resource *watcherinfo = resource_watcherinfo(member->resource);

    if (watcherinfo != NULL)
        resource_touch(watcherinfo);
}

/* RFC 4662 section 7.2: each member's own policy holds for the watcher of the list. */
static struct judgement judgement_of(const struct rosters *self, const struct member *member)
{
    const struct span aor = resource_aor(member->resource);

    if (accounts_find(self->content->state->accounts, aor) == NULL)
        return (struct judgement){.action = WATCHER_BLOCK};
    return policy_judge(self->content->policy, package_of(self, member->roster), aor,
                        subscription_newest(member->roster->subscription).watcher);
}

static const char *reason_of(const struct rosters *self, const struct member *member)
{
    return accounts_find(self->content->state->accounts, resource_aor(member->resource)) == NULL
               ? "noresource"
               : "rejected";
}

static void judge(const struct rosters *self, struct member *member)
{
    const uint64_t generation = policy_generation(self->content->policy);
    const bool first = member->judged == 0, pending = member->pending, shown = member->view != NULL;
    struct judgement judgement;

    if (member->resource == NULL || member->judged == generation)
        return;
    member->judged = generation;
    judgement = judgement_of(self, member);
    member->reason = judgement.action == WATCHER_BLOCK ? reason_of(self, member) : NULL;
    member->pending = judgement.action == WATCHER_CONFIRM;
    set_view(member, judgement.action == WATCHER_BLOCK ? NULL : view_for(self, member, &judgement));
    if (first || pending != member->pending || shown != (member->view != NULL))
        touch_watcherinfo(member);
}

/* True when there is something to tell that was not told, nor is being told. */
static bool look(const struct rosters *self, struct member *member)
{
    struct roster *roster = member->roster;
    const uint64_t before = member->tag;

    if (member->view != NULL)
        (void)view_refresh(self->content->views, member->view);
    member->tag = tag_of(self, member);
    roster->tag ^= before ^ member->tag;
    if (member->tag == member->told && member->telling == 0 && list_empty(&member->dirty))
        return false;
    if (member->telling != 0)
        return false; /* what it shows by then is looked at when it is answered */
    if (list_empty(&member->dirty))
        list_append(&roster->dirty, &member->dirty);
    return true;
}

static void attach(struct rosters *self, struct member *member, bool within_limit)
{
    const struct state *state = self->content->state;
    char octets[SIP_AOR_BYTES_MAX];
    struct span aor;

    if (!within_limit) {
        member->reason = "giveup"; /* seen, and not watched: it never vanishes */
    } else if (!list_member_aor(member->uri, octets, &aor)) {
        member->reason = "noresource";
    } else {
        member->resource =
            resources_get(state->resources, aor,
                          resource_event(subscription_resource(member->roster->subscription)));
        resource_hold(member->resource);
        list_append(&member->resource->notify.members, &member->look);
        judge(self, member);
    }
    (void)look(self, member);
}

static void detach(struct member *member)
{
    list_remove(&member->look);
    list_remove(&member->dirty);
    set_view(member, NULL);
    if (member->resource == NULL)
        return;
    touch_watcherinfo(member);
    resource_unhold(member->resource);
    member->resource = NULL;
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
        attach(self, member, i < self->options.members_max);
    }
}

static void empty(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        detach(&roster->members[i]);
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

static void build(struct rosters *self, struct roster *roster)
{
    const struct subscription_view view = subscription_newest(roster->subscription);
    const struct list_row *list = resource_lists_find(
        self->content->state->lists, resource_aor(subscription_resource(roster->subscription)));

    list_members_init(&roster->list, (size_t)SHOWN_TIMES * self->options.members_max);
    if (list != NULL)
        list_members_add_list(&roster->list, self->content->state, list);
    else
        list_members_add_body(&roster->list, self->content->state, self->reader, view.body);
    if (roster->list.has_lists)
        list_append(&self->nesting, &roster->nesting);
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
            judge(self, member);
            (void)look(self, member);
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
    self->on_owed(self->context, subscription);
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

        judge(self, member);
        if (look(self, member))
            self->on_owed(self->context, member->roster->subscription);
    }
}

void roster_watchers(const struct resource *resource, roster_watcher_fn *fn, void *context)
{
    const struct list *link = resource->notify.members.next;

    for (; link != &resource->notify.members; link = link->next) {
        const struct member *member = CONTAINER_OF((struct list *)link, struct member, look);
        const struct subscription *subscription = member->roster->subscription;
        const struct subscription_view view = subscription_newest(subscription);
        const struct roster_watcher watcher = {
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

bool roster_is_owed(const struct roster *self)
{
    return !self->told || !list_empty(&self->dirty);
}

/* ---- what a NOTIFY tells ---- */

static void mark_all(struct roster *roster)
{
    list_append_all(&roster->dirty, &roster->telling);
    for (size_t i = 0; i < roster->count; i++) {
        struct member *member = &roster->members[i];

        member->telling = 0;
        list_remove(&member->dirty);
        list_append(&roster->dirty, &member->dirty);
    }
}

static struct rlmi_resource resource_for(struct rosters *self, struct member *member)
{
    struct rlmi_resource out = {
        .uri = member->uri,
        .name = member->name,
        .instance_id = SPAN("1"),
        .state = member->pending          ? RLMI_STATE_PENDING
                 : member->reason != NULL ? RLMI_STATE_TERMINATED
                                          : RLMI_STATE_ACTIVE,
        .reason = span_of(member->reason == NULL ? "" : member->reason),
    };

    if (member->view == NULL || member->pending)
        return out;
    out.body = view_document(self->content->views, member->view, member->number);
    out.content_type = view_content_type(member->view);
    return out;
}

/* What it takes to name every member. 0 when that alone is too much for one NOTIFY. */
static size_t bytes_of_names(const struct rosters *self, const struct roster *roster)
{
    size_t bytes = 0;

    for (size_t i = 0; i < roster->count; i++)
        bytes += NAME_BYTES + roster->members[i].uri.len + roster->members[i].name.len;
    return bytes < self->options.body_bytes_max ? bytes : 0;
}

/* Those that have no room yet are there all the same, without an instance: nothing is known of
 * them (RFC 4662 section 5.5). */
static size_t name_others(const struct roster *roster, struct rlmi_resource out[], size_t count)
{
    const struct list *link = roster->dirty.next;

    for (; link != &roster->dirty; link = link->next) {
        const struct member *member = CONTAINER_OF((struct list *)link, struct member, dirty);

        out[count++] = (struct rlmi_resource){.uri = member->uri, .name = member->name};
    }
    return count;
}

/* As many as have room beside `bytes`, at least one. Their documents are kept as offsets while they
 * grow. */
static size_t take(struct rosters *self, struct roster *roster, struct rlmi_resource out[],
                   size_t max, size_t bytes)
{
    size_t count = 0;

    buffer_reset(&self->documents);
    while (count < max && !list_empty(&roster->dirty)) {
        struct member *member = CONTAINER_OF(roster->dirty.next, struct member, dirty);
        struct rlmi_resource resource = resource_for(self, member);

        bytes += ELEMENT_BYTES + 2 * member->uri.len + member->name.len + resource.body.len;
        if (count > 0 && bytes > self->options.body_bytes_max)
            break;
        buffer_put(&self->documents, resource.body);
        member->telling = member->tag;
        member->number++;
        list_remove(&member->dirty);
        list_append(&roster->telling, &member->dirty);
        out[count++] = resource;
    }
    return count;
}

static void place_documents(const struct rosters *self, struct rlmi_resource resources[],
                            size_t count)
{
    const char *at = self->documents.at;

    for (size_t i = 0; i < count; i++) {
        resources[i].body.at = at;
        at += resources[i].body.len;
    }
}

static struct span make_token(char out[TOKEN_BYTES])
{
    static const char letters[] = "0123456789abcdef";
    const uint64_t random = crypto_random_u64();

    for (size_t i = 0; i < TOKEN_BYTES; i++)
        out[i] = letters[(random >> (4 * i)) & 15];
    return (struct span){out, TOKEN_BYTES};
}

static struct blob *compose(struct rosters *self, struct roster *roster,
                            const struct rlmi_resource resources[], size_t count, uint32_t number,
                            bool full)
{
    const struct resource *resource = subscription_resource(roster->subscription);
    const struct list_row *row =
        resource_lists_find(self->content->state->lists, resource_aor(resource));
    char token[TOKEN_BYTES], octets[SIP_AOR_BYTES_MAX + 8];
    struct buffer uri;
    struct rlmi_list list = {
        .name = row == NULL ? (struct span){0} : row->name,
        .version = number,
        .full = full,
        .resources = resources,
        .count = count,
        .token = make_token(token),
        .host = domain_of_aor(resource_aor(resource)),
    };

    buffer_init_fixed(&uri, octets, sizeof(octets));
    buffer_put(&uri, SPAN("sip:"));
    buffer_put(&uri, resource_aor(resource));
    list.uri = buffer_span(&uri);
    buffer_reset(&self->body);
    buffer_reset(&roster->type);
    if (rlmi_compose(&list, &self->body, &roster->type) != STATUS_OK)
        return NULL;
    return blob_new(buffer_span(&self->body));
}

/* As many as one body can have room for: of a long list that is a small part. */
static size_t resources_max(const struct rosters *self, const struct roster *roster)
{
    const size_t room = self->options.body_bytes_max / ELEMENT_BYTES;

    return (room < roster->count ? room : roster->count) + 1;
}

struct blob *roster_body(struct rosters *self, struct roster *roster, uint32_t number, bool full)
{
    size_t max = resources_max(self, roster);
    struct rlmi_resource *resources;
    struct blob *body;
    size_t count, names = 0;

    if (full) {
        mark_all(roster);
        names = bytes_of_names(self, roster);
        (*self->full)++;
    }
    if (names > 0)
        max = roster->count + 1; /* all are named */
    resources = calloc(max, sizeof(resources[0]));
    must(resources != NULL);
    count = take(self, roster, resources, max - 1, names);
    place_documents(self, resources, count);
    if (names > 0)
        count = name_others(roster, resources, count);
    body = compose(self, roster, resources, count, number, full);
    free(resources);
    return body;
}

void roster_type(const struct roster *self, struct buffer *out)
{
    buffer_put(out, buffer_span(&self->type));
}

/* While some members are yet to be told, no watcher has what this tag stands for. */
struct span roster_entity_tag(struct rosters *self, struct roster *roster,
                              char out[ENTITY_TAG_BYTES])
{
    const uint64_t tag = list_empty(&roster->dirty) ? roster->tag : crypto_random_u64();
    struct buffer text;

    (void)self;
    buffer_init_fixed(&text, out, ENTITY_TAG_BYTES);
    buffer_put_hex64(&text, tag | (UINT64_C(1) << 63));
    return buffer_span(&text);
}

void roster_acknowledge(struct roster *self)
{
    struct list *link;

    self->told = true;
    while ((link = list_take(&self->telling)) != NULL) {
        struct member *member = CONTAINER_OF(link, struct member, dirty);

        member->told = member->telling;
        member->telling = 0;
        if (member->told != member->tag)
            list_append(&self->dirty, &member->dirty);
    }
}

void roster_miss(struct roster *self)
{
    struct list *link;

    while ((link = list_take(&self->telling)) != NULL) {
        CONTAINER_OF(link, struct member, dirty)->telling = 0;
        list_append(&self->dirty, link);
    }
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
    self->reader = resource_list_reader_new(NULL);
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

void rosters_reconfigure(struct rosters *self, const struct roster_options *options)
{
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
