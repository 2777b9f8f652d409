/* subscription.c - versions of a watcher's dialog; a NOTIFY writes nothing here. */
#include "server/base/must.h"
#include "server/state/path.h"
#include "server/state/subscriptions.h"

#include <stdlib.h>

enum {
    LAST_NOTIFY_S = 40, /* longer than Timer F: then a terminated row goes unanswered */
    SHOWN_S = 2,        /* that one is shown which ended without a NOTIFY */
    LOADED_VERSION = 1, /* what a process before this one may have told: less than any of ours */
};

static struct timers *timers_of(const struct subscription *self)
{
    return loop_timers(self->owner->node->loop);
}

/* ---- what a hot object of this kind does ---- */

/* A watcher comes, goes, or is in another state. */
static bool shows(const struct hot_version *before, const struct hot_version *after)
{
    return before == NULL || before->removed != after->removed ||
           ((const struct subscription_version *)before)->state !=
               ((const struct subscription_version *)after)->state;
}

static void write(const struct hot *hot, const struct hot_version *hot_version,
                  enum storage_change change, struct storage *storage)
{
    const struct subscription *self = (const struct subscription *)hot;
    const struct subscription_version *version = (const struct subscription_version *)hot_version;
    const struct resource *watcherinfo = resource_watcherinfo(self->resource);
    struct path_text text;
    struct subscription_row row = subscription_version_to_row(version, self->owner->node, &text);

    row.id = self->id;
    row.aor = resource_aor(self->resource);
    row.event = resource_event(self->resource);
    storage_put_subscription(storage, change, &row);
    if (watcherinfo != NULL && shows(hot->committed, hot_version))
        storage_put_resource(storage, resource_aor(watcherinfo), resource_event(watcherinfo));
}

static timer_fn on_due;

static void watch_expiry(struct subscription *self)
{
    const struct subscription_version *seen = subscription_version_of(self->hot.committed);

    if (seen->hot.removed)
        timer_stop(timers_of(self), &self->expiry);
    else
        timer_start(timers_of(self), &self->expiry, seen->deadline, on_due);
}

static bool is_unauthorized(const struct hot_version *version)
{
    const struct subscription_version *it = (const struct subscription_version *)version;

    return it != NULL && !version->removed &&
           (it->state == SUBSCRIPTION_PENDING || it->state == SUBSCRIPTION_WAITING);
}

/* Counted from when it is staged, so that a limit holds against many at once. */
static void count_unauthorized(struct subscription *self)
{
    const bool counts = is_unauthorized(self->hot.newest);
    struct tallies *tallies = &self->owner->unauthorized;

    if (counts && self->unauthorized == NULL)
        self->unauthorized = tally_take(
            tallies, subscription_field(subscription_newest_version(self), SUBSCRIPTION_WATCHER));
    if (!counts && self->unauthorized != NULL) {
        tally_release(tallies, self->unauthorized);
        self->unauthorized = NULL;
    }
}

static void committed(struct hot *hot, const struct hot_version *before)
{
    struct subscription *self = (struct subscription *)hot;
    struct resource *watcherinfo = resource_watcherinfo(self->resource);
    const enum subscription_notice notice = subscription_version_of(hot->committed)->notice;

    watch_expiry(self);
    self->delivery.held = false;
    if (watcherinfo != NULL && shows(before, hot->committed))
        resource_touch(watcherinfo);
    if (!hot->committed->removed && self->owner->on_told != NULL)
        self->owner->on_told(self->owner->context, self, notice);
}

static void dropped(struct hot *hot)
{
    struct subscription *self = (struct subscription *)hot;

    self->delivery.held = false;
    count_unauthorized(self);
    watch_expiry(self);
    if (self->delivery.over) /* its removal was refused: it is tried again soon */
        timer_start(timers_of(self), &self->expiry,
                    instant_after(loop_now(self->owner->node->loop), US_PER_S), on_due);
}

static void discard(struct hot_version *version)
{
    free(version);
}

static void end(struct subscription *self)
{
    struct subscriptions *owner = self->owner;

    if (owner->on_gone != NULL)
        owner->on_gone(owner->context, self);
    timer_stop(timers_of(self), &self->expiry);
    timer_stop(timers_of(self), &self->delivery.retry);
    list_remove(&self->delivery.link);
    handle_remove(owner->node->objects, self->hot.handle);
    table_remove(&owner->dialogs, &self->dialog_link);
    table_remove(&owner->watchers, &self->watcher_link);
    tally_release(&owner->tallies, self->tally);
    if (self->unauthorized != NULL)
        tally_release(&owner->unauthorized, self->unauthorized);
    list_remove(&self->link);
    self->resource->subscription_count--;
    owner->count--;
    hot_deinit(&self->hot);
    free(self);
}

static void gone(struct hot *hot)
{
    struct resource *resource = ((struct subscription *)hot)->resource;

    end((struct subscription *)hot);
    resource_release(resource);
}

static const struct hot_kind kind = {
    .write = write, .committed = committed, .dropped = dropped, .discard = discard, .gone = gone};

/* ---- all of them ---- */

struct subscriptions *subscriptions_new(struct node *node, struct resources *resources,
                                        const struct subscription_limits *limits)
{
    struct subscriptions *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    self->resources = resources;
    self->limits = *limits;
    table_init(&self->dialogs);
    table_init(&self->watchers);
    tallies_init(&self->tallies);
    tallies_init(&self->unauthorized);
    return self;
}

static void free_of(struct resource *resource, void *context)
{
    (void)context;
    for (struct list *link; (link = list_take(&resource->subscriptions)) != NULL;)
        end(subscription_of_resource(link));
}

void subscriptions_free(struct subscriptions *self)
{
    if (self == NULL)
        return;
    self->on_gone = NULL;
    resources_each(self->resources, free_of, NULL);
    table_deinit(&self->dialogs);
    table_deinit(&self->watchers);
    tallies_deinit(&self->tallies);
    tallies_deinit(&self->unauthorized);
    free(self);
}

void subscriptions_watch(struct subscriptions *self, subscription_told_fn *on_told,
                         subscription_gone_fn *on_gone, void *context)
{
    self->on_told = on_told;
    self->on_gone = on_gone;
    self->context = context;
}

void subscriptions_reconfigure(struct subscriptions *self, const struct subscription_limits *limits)
{
    self->limits = *limits;
}

size_t subscriptions_count(const struct subscriptions *self)
{
    return self->count;
}

static uint64_t watcher_hash(const struct subscriptions *self, const struct resource *resource,
                             struct span watcher)
{
    const uintptr_t address = (uintptr_t)resource;
    const struct span place = {(const char *)&address, sizeof(address)};

    return table_hash_more(&self->watchers, table_hash(&self->watchers, place), watcher);
}

static struct subscription *make(struct subscriptions *self, struct resource *resource, int64_t id,
                                 struct span watcher, struct span call_id, struct span remote_tag)
{
    struct subscription *made = calloc(1, sizeof(*made));

    must(made != NULL);
    if (handle_add(self->node->objects, made, &made->hot.handle) != STATUS_OK) {
        free(made);
        return NULL;
    }
    made->hot.kind = &kind;
    made->owner = self;
    made->resource = resource;
    made->id = id;
    made->tally = tally_take(&self->tallies, watcher);
    list_init(&made->delivery.link);
    list_append(&resource->subscriptions, &made->link);
    table_add(&self->dialogs, &made->dialog_link,
              subscriptions_dialog_hash(self, call_id, remote_tag));
    table_add(&self->watchers, &made->watcher_link, watcher_hash(self, resource, watcher));
    resource->subscription_count++;
    self->count++;
    return made;
}

/* ---- staging ---- */

static void stage(struct subscription *self, struct subscription_version *version)
{
    const struct node *node = self->owner->node;

    if (self->hot.newest != NULL) {
        subscription_prepare_cseq(self);
        if (hot_is_dirty(&self->hot) && subscription_newest_version(self)->notice > version->notice)
            version->notice = subscription_newest_version(self)->notice;
    } else {
        self->delivery.next_cseq = 1;
    }
    version->cseq_mark = self->delivery.next_cseq;
    version->cseq_epoch = node->epoch;
    hot_stage(&self->hot, &version->hot);
    count_unauthorized(self);
}

/* Nothing more is said to its watcher; those who are told of watchers see it for a moment. */
static void set_over_silently(struct subscription *self, struct subscription_version *version)
{
    version->state = SUBSCRIPTION_TERMINATED;
    version->notice = NOTICE_NONE;
    version->owed = false;
    subscription_version_expire(version, self->owner->node, SHOWN_S);
}

/* The last NOTIFY of it is owed, whatever batch numbers say. */
static void set_over(struct subscription *self, struct subscription_version *version,
                     enum subscription_state state)
{
    const struct subscriptions *owner = self->owner;

    version->state = (uint8_t)state;
    version->notice = NOTICE_FULL;
    version->owed = true;
    subscription_version_expire(version, owner->node,
                                state == SUBSCRIPTION_WAITING ? owner->limits.waiting_s
                                                              : LAST_NOTIFY_S);
}

/* ---- what makes way ---- */

/* Lists that one device brings along are as many resources (RFC 5367). */
static bool is_same_list(const struct subscription_version *a, const struct subscription_change *b)
{
    return !(a->eventlist || b->eventlist) ||
           span_equal(subscription_field(a, SUBSCRIPTION_BODY), b->body);
}

/* Whoever forgot a dialog begins another; what tells devices apart is what they say themselves. */
static bool is_same_device(const struct subscription_version *a,
                           const struct subscription_change *b)
{
    const struct span instance = subscription_field(a, SUBSCRIPTION_INSTANCE);

    if (!span_empty(instance) || !span_empty(b->instance))
        return span_equal(instance, b->instance);
    return !span_empty(b->user_agent) &&
           span_equal(subscription_field(a, SUBSCRIPTION_USER_AGENT), b->user_agent) &&
           span_equal(subscription_field(a, SUBSCRIPTION_TARGET), b->ids.remote_target) &&
           !span_equal(subscription_field(a, SUBSCRIPTION_CALL_ID), b->ids.call_id);
}

static bool is_replaced(const struct subscription *self, const struct subscription_change *by)
{
    const struct subscription_version *last = subscription_newest_version(self);

    if (last->hot.removed || self->id == FETCHED_ID ||
        !span_equal(subscription_field(last, SUBSCRIPTION_WATCHER), by->watcher) ||
        !span_equal(subscription_field(last, SUBSCRIPTION_EVENT_ID), by->event_id))
        return false;
    return last->state == SUBSCRIPTION_WAITING ||
           (is_same_device(last, by) && is_same_list(last, by));
}

/* ---- limits ---- */

/* Whether one more would be too many, when `gone` of all and `decided` of the unauthorized ones
 * leave. */
static bool is_too_many(const struct subscriptions *self, const struct resource *resource,
                        const struct subscription_change *change, uint32_t gone, uint32_t decided)
{
    const uint32_t max =
        change->per_watcher_max != 0 ? change->per_watcher_max : self->limits.per_watcher_max;
    const bool unauthorized =
        change->state == SUBSCRIPTION_PENDING || change->state == SUBSCRIPTION_WAITING;

    return resource->subscription_count - gone >= self->limits.per_resource_max ||
           tally_count(&self->tallies, change->watcher) - gone >= max ||
           (unauthorized && tally_count(&self->unauthorized, change->watcher) - decided >=
                                self->limits.unauthorized_max);
}

/* One that takes the place of others is not one more: whoever begins anew must not be locked out by
 * what it has forgotten. */
static bool is_refused(const struct subscriptions *self, const struct resource *resource,
                       const struct subscription_change *change)
{
    struct table_link *link;
    uint32_t gone = 0, decided = 0;

    if (!is_too_many(self, resource, change, 0, 0))
        return false;
    link = table_first(&self->watchers, watcher_hash(self, resource, change->watcher));
    for (; link != NULL; link = table_next(link)) {
        const struct subscription *each = CONTAINER_OF(link, struct subscription, watcher_link);
        const bool leaves = each->resource == resource && is_replaced(each, change);

        gone += leaves ||
                (each->resource == resource && subscription_newest_version(each)->hot.removed);
        decided += leaves && each->unauthorized != NULL;
    }
    return is_too_many(self, resource, change, gone, decided);
}

static enum status make_for(struct subscriptions *self, const struct subscription_change *change,
                            int64_t id, struct subscription **out)
{
    struct resource *resource = resources_get(self->resources, change->aor, change->event);
    enum status status = STATUS_OK;
    struct subscription *made = NULL;

    if (is_refused(self, resource, change))
        status = STATUS_CONFLICT;
    else if (self->count >= self->limits.subscriptions_max)
        status = STATUS_LIMIT;
    else
        made =
            make(self, resource, id, change->watcher, change->ids.call_id, change->ids.remote_tag);
    if (made == NULL) {
        resource_release(resource);
        return status != STATUS_OK ? status : STATUS_LIMIT;
    }
    *out = made;
    return STATUS_OK;
}

static struct subscription_version *first(const struct subscription *self,
                                          const struct subscription_change *change)
{
    return subscription_version_first(self->owner->node, self->resource->bucket, change);
}

enum status subscription_stage_new(struct subscriptions *self,
                                   const struct subscription_change *change,
                                   struct subscription **out)
{
    enum status status = make_for(self, change, (int64_t)node_number(self->node), out);

    if (status == STATUS_OK)
        stage(*out, first(*out, change));
    return status;
}

enum status subscription_stage_waiting(struct subscriptions *self,
                                       const struct subscription_change *change,
                                       struct subscription **out)
{
    enum status status = make_for(self, change, (int64_t)node_number(self->node), out);
    struct subscription_version *version;

    if (status != STATUS_OK)
        return status;
    version = first(*out, change);
    version->state = SUBSCRIPTION_WAITING;
    version->notice = NOTICE_NONE;
    subscription_version_expire(version, self->node, self->limits.waiting_s);
    stage(*out, version);
    return STATUS_OK;
}

enum status subscription_fetch(struct subscriptions *self, const struct subscription_change *change,
                               struct subscription **out)
{
    enum status status = make_for(self, change, FETCHED_ID, out);
    struct subscription_version *version;

    if (status != STATUS_OK)
        return status;
    version = first(*out, change);
    set_over(*out, version, SUBSCRIPTION_TERMINATED);
    version->notice = change->notice;
    version->cseq_mark = 1;
    version->cseq_epoch = self->node->epoch;
    hot_load(&(*out)->hot, &version->hot);
    (*out)->delivery.next_cseq = 1;
    committed(&(*out)->hot, NULL);
    return STATUS_OK;
}

void subscription_stage_refresh(struct subscription *self, const struct subscription_change *change)
{
    struct subscription_version *version =
        subscription_version_refreshed(subscription_newest_version(self), change);

    subscription_version_expire(version, self->owner->node, change->expires_s);
    if (change->state == SUBSCRIPTION_TERMINATED && change->notice == NOTICE_SUPPRESSED)
        set_over_silently(self, version);
    else if (subscription_is_over(change->state))
        set_over(self, version, change->state);
    stage(self, version);
}

static void stage_and_write(struct subscription *self, struct subscription_version *version)
{
    const struct handle objects[] = {self->hot.handle};

    stage(self, version);
    batch_write(self->owner->node->batch, objects, 1);
}

static struct subscription_version *again(const struct subscription *self, struct span reason)
{
    return subscription_version_again(subscription_newest_version(self), reason);
}

/* Its watcher was told long ago that it is over; now the presentity's word has come, and is shown
 * to the presentity (RFC 3857 section 4.7.1, figure 1). */
static void end_waiting(struct subscription *self, struct span reason)
{
    struct subscription_version *version = again(self, reason);

    set_over_silently(self, version);
    stage_and_write(self, version);
}

void subscription_allow(struct subscription *self)
{
    struct subscription_version *version;

    if (subscription_newest_version(self)->state == SUBSCRIPTION_WAITING) {
        end_waiting(self, SPAN("approved"));
        return;
    }
    version = again(self, SPAN("approved")); /* for watcher information */
    version->state = (uint8_t)subscription_state_next(version->state, SUBSCRIPTION_ALLOWED);
    version->notice = NOTICE_FULL;
    version->expires_s = subscription_newest(self).left_s;
    stage_and_write(self, version);
}

void subscription_end(struct subscription *self, struct span reason)
{
    const enum subscription_state state = subscription_newest_version(self)->state;
    const enum subscription_event event =
        span_equal(reason, SPAN("timeout")) ? SUBSCRIPTION_EXPIRED : SUBSCRIPTION_REFUSED;
    struct subscription_version *version;

    if (state == SUBSCRIPTION_WAITING) {
        if (span_equal(reason, SPAN("rejected")) || span_equal(reason, SPAN("noresource")))
            end_waiting(self, reason);
        else
            subscription_remove(self);
        return;
    }
    version = again(self, reason);
    set_over(self, version, subscription_state_next(state, event));
    stage_and_write(self, version);
}

static void stage_removal(struct subscription *self)
{
    struct subscription_version *version = again(self, (struct span){0});

    version->hot.removed = true;
    stage(self, version);
}

void subscription_remove(struct subscription *self)
{
    const struct handle objects[] = {self->hot.handle};

    if (self->id == FETCHED_ID) {
        gone(&self->hot);
        return;
    }
    if (self->hot.newest->removed)
        return;
    self->delivery.over = true;
    stage_removal(self);
    batch_write(self->owner->node->batch, objects, 1);
}

void subscription_finish(struct subscription *self)
{
    if (subscription_newest_version(self)->state != SUBSCRIPTION_WAITING)
        subscription_remove(self);
    else if (subscription_newest_version(self)->owed)
        subscription_write_mark(self, false);
}

void subscription_write_mark(struct subscription *self, bool owed)
{
    struct subscription_version *version;

    if (self->id == FETCHED_ID || self->hot.newest->removed)
        return;
    version = again(self, (struct span){0});
    version->owed = owed;
    version->notice = self->delivery.held ? NOTICE_FULL : NOTICE_NONE;
    /* What is left of the granted time, as the row will count from now() again. */
    version->expires_s = subscription_newest(self).left_s;
    stage_and_write(self, version);
}

/* A refresh that is pending decides; when it is committed or dropped the timer is set again. */
static void on_due(struct timer *timer, struct instant now)
{
    struct subscription *self = CONTAINER_OF(timer, struct subscription, expiry);
    struct instant again;

    if (!hot_is_settled(&self->hot))
        return;
    if (self->id != FETCHED_ID && !node_may_expire(self->owner->node, now, &again)) {
        timer_start(timers_of(self), &self->expiry, again, on_due);
        return;
    }
    if (subscription_is_over((enum subscription_state)subscription_newest_version(self)->state) ||
        self->delivery.over)
        subscription_remove(self); /* its last NOTIFY is answered, or stays so; or it is given up */
    else
        subscription_end(self, SPAN("timeout"));
}

size_t subscriptions_stage_replaced(struct subscriptions *self, const struct subscription *made,
                                    const struct subscription_change *change, struct handle out[],
                                    size_t max)
{
    struct table_link *link =
        table_first(&self->watchers, watcher_hash(self, made->resource, change->watcher));
    size_t count = 0;

    for (; link != NULL && count < max; link = table_next(link)) {
        struct subscription *each = CONTAINER_OF(link, struct subscription, watcher_link);

        if (each == made || each->resource != made->resource || !is_replaced(each, change))
            continue;
        stage_removal(each);
        out[count++] = each->hot.handle;
    }
    return count;
}

/* ---- loading ---- */

void subscriptions_load(struct subscriptions *self, const struct subscription_row *row)
{
    struct resource *resource = resources_get(self->resources, row->aor, row->event);
    struct subscription *made =
        make(self, resource, row->id, row->watcher, row->call_id, row->remote_tag);

    must(made != NULL); /* the configured cap is checked against what is stored at start */
    hot_load(&made->hot, &subscription_version_of_row(self->node, row)->hot);
    made->delivery.acked_version = row->owed ? 0 : LOADED_VERSION;
    made->delivery.missed = true;
    count_unauthorized(made);
    watch_expiry(made);
}
