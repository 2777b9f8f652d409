/* subscription.c - versions of a watcher's dialog; a NOTIFY writes nothing here. */
#include "server/state/subscription.h"

#include "server/base/mark.h"
#include "server/base/must.h"
#include "server/base/table.h"
#include "server/state/packed.h"
#include "server/state/path.h"
#include "server/state/tally.h"

#include <stdlib.h>

enum {
    CSEQ_BLOCK = 1000,  /* DESIGN section 4: each epoch owns the next so many numbers */
    CSEQ_RESERVE = 200, /* with so many left the next block is asked for */
    LAST_NOTIFY_S = 40, /* longer than Timer F: then a terminated row goes unanswered */
    FETCHED_ID = 0,     /* the id of what is never stored */
};

enum field {
    CALL_ID,
    LOCAL_TAG,
    REMOTE_TAG,
    LOCAL_URI,
    REMOTE_URI,
    TARGET,
    ROUTE_SET,
    EVENT_ID,
    WATCHER,
    ACCEPT,
    USER_AGENT,
    REASON,
    FIELDS
};

struct version {
    struct hot_version hot; /* first: hot.c knows it by this */
    bool tells;             /* its commit owes the watcher a NOTIFY */
    bool owed;              /* as the row says */
    bool bound;
    uint8_t state; /* enum subscription_state */
    uint32_t remote_cseq;
    uint32_t cseq_mark;
    uint32_t expires_s;
    uint64_t cseq_epoch;
    struct instant deadline;
    struct flow flow;
    uint32_t ends[FIELDS];
    char octets[];
};

struct subscription {
    struct hot hot; /* first, likewise */
    struct table_link dialog_link;
    struct list link;
    struct resource *resource;
    struct subscriptions *owner;
    struct tally *tally;
    struct timer expiry;
    struct delivery delivery;
    int64_t id;
};

struct subscriptions {
    struct node *node;
    struct resources *resources;
    struct subscription_limits limits;
    subscription_told_fn *on_told;
    subscription_gone_fn *on_gone;
    void *context;
    struct table dialogs;   /* by Call-ID and remote tag */
    struct tallies tallies; /* of each watcher */
    size_t count;
};

static struct version *version_of(struct hot_version *version)
{
    return (struct version *)version;
}

static const struct version *newest(const struct subscription *self)
{
    return version_of(self->hot.newest);
}

static struct span field(const struct version *version, enum field which)
{
    return packed_get(version->ends, version->octets, which);
}

static struct timers *timers_of(const struct subscription *self)
{
    return loop_timers(self->owner->node->loop);
}

/* ---- what a hot object of this kind does ---- */

static enum subscription_row_state row_state(enum subscription_state state)
{
    switch (state) {
    case SUBSCRIPTION_PENDING:
        return SUBSCRIPTION_ROW_PENDING;
    case SUBSCRIPTION_ACTIVE:
        return SUBSCRIPTION_ROW_ACTIVE;
    case SUBSCRIPTION_TERMINATED:
        break;
    }
    return SUBSCRIPTION_ROW_TERMINATED;
}

static void write(const struct hot *hot, const struct hot_version *hot_version,
                  enum storage_change change, struct storage *storage)
{
    const struct subscription *self = (const struct subscription *)hot;
    const struct version *version = (const struct version *)hot_version;
    struct path_text text;
    struct subscription_row row = {
        .id = self->id,
        .aor = resource_aor(self->resource),
        .event = resource_event(self->resource),
        .event_id = field(version, EVENT_ID),
        .watcher = field(version, WATCHER),
        .state = row_state((enum subscription_state)version->state),
        .reason = field(version, REASON),
        .call_id = field(version, CALL_ID),
        .local_tag = field(version, LOCAL_TAG),
        .remote_tag = field(version, REMOTE_TAG),
        .local_uri = field(version, LOCAL_URI),
        .remote_uri = field(version, REMOTE_URI),
        .remote_target = field(version, TARGET),
        .route_set = field(version, ROUTE_SET),
        .accept = field(version, ACCEPT),
        .user_agent = field(version, USER_AGENT),
        .remote_cseq = version->remote_cseq,
        .cseq_mark = version->cseq_mark,
        .cseq_epoch = version->cseq_epoch,
        .owed = version->owed,
        .flow = path_to_row(self->owner->node, &version->flow, &text),
        .expires_s = version->expires_s,
    };

    row.flow.bound = version->bound;
    storage_put_subscription(storage, change, &row);
}

static timer_fn on_due;

static void watch_expiry(struct subscription *self)
{
    const struct version *seen = version_of(self->hot.committed);

    if (seen->hot.removed)
        timer_stop(timers_of(self), &self->expiry);
    else
        timer_start(timers_of(self), &self->expiry, seen->deadline, on_due);
}

static void committed(struct hot *hot, const struct hot_version *before)
{
    struct subscription *self = (struct subscription *)hot;

    (void)before;
    watch_expiry(self);
    self->delivery.held = false;
    if (version_of(hot->committed)->tells && !hot->committed->removed &&
        self->owner->on_told != NULL)
        self->owner->on_told(self->owner->context, self);
}

static void dropped(struct hot *hot)
{
    struct subscription *self = (struct subscription *)hot;

    self->delivery.held = false;
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
    tally_release(&owner->tallies, self->tally);
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
    tallies_init(&self->tallies);
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
    tallies_deinit(&self->tallies);
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

static uint64_t dialog_hash(const struct subscriptions *self, struct span call_id,
                            struct span remote_tag)
{
    return table_hash_more(&self->dialogs, table_hash(&self->dialogs, call_id), remote_tag);
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
    table_add(&self->dialogs, &made->dialog_link, dialog_hash(self, call_id, remote_tag));
    resource->subscription_count++;
    self->count++;
    return made;
}

/* ---- versions ---- */

static struct version *version_new(const struct span fields[FIELDS])
{
    struct version *version = calloc(1, sizeof(*version) + packed_size(fields, FIELDS));

    must(version != NULL);
    packed_fill(version->ends, version->octets, fields, FIELDS);
    return version;
}

/* The newest again, to be changed and staged. */
static struct version *version_again(const struct subscription *self, struct span target,
                                     struct span reason)
{
    const struct version *last = newest(self);
    struct span fields[FIELDS];
    struct version *version;

    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = field(last, (enum field)i);
    if (!span_empty(target))
        fields[TARGET] = target;
    if (!span_empty(reason))
        fields[REASON] = reason;
    version = version_new(fields);
    version->hot.partial = true;
    version->state = last->state;
    version->bound = last->bound;
    version->remote_cseq = last->remote_cseq;
    version->expires_s = last->expires_s;
    version->deadline = last->deadline;
    version->flow = last->flow;
    return version;
}

/* The first number of this epoch's block: each epoch that did not write has used one block at
 * the most above the mark. */
static void prepare_cseq(struct subscription *self)
{
    const struct version *last = newest(self);

    if (self->delivery.next_cseq == 0)
        self->delivery.next_cseq =
            last->cseq_mark + (uint32_t)(self->owner->node->epoch - last->cseq_epoch) * CSEQ_BLOCK;
}

static void stage(struct subscription *self, struct version *version)
{
    const struct node *node = self->owner->node;

    if (self->hot.newest != NULL) {
        prepare_cseq(self);
        if (hot_is_dirty(&self->hot))
            version->tells = version->tells || newest(self)->tells;
    } else {
        self->delivery.next_cseq = 1;
    }
    version->cseq_mark = self->delivery.next_cseq;
    version->cseq_epoch = node->epoch;
    hot_stage(&self->hot, &version->hot);
}

static void set_expiry(struct version *version, const struct node *node, uint32_t expires_s)
{
    version->expires_s = expires_s;
    version->deadline = instant_after(loop_now(node->loop), (int64_t)expires_s * US_PER_S);
}

static void set_terminated(struct version *version, const struct node *node)
{
    version->state = SUBSCRIPTION_TERMINATED;
    version->tells = true;
    version->owed = true;
    set_expiry(version, node, LAST_NOTIFY_S);
}

static struct version *version_first(const struct subscriptions *self,
                                     const struct subscription_change *change, uint16_t bucket)
{
    char tag[MARK_BYTES];
    const struct dialog_ids *ids = &change->ids;
    const struct span fields[FIELDS] = {
        [CALL_ID] = ids->call_id,
        [LOCAL_TAG] = mark_compose(&self->node->mark_key, MARK_LOCAL_TAG, bucket,
                                   node_number(self->node), tag),
        [REMOTE_TAG] = ids->remote_tag,
        [LOCAL_URI] = ids->local_uri,
        [REMOTE_URI] = ids->remote_uri,
        [TARGET] = ids->remote_target,
        [ROUTE_SET] = ids->route_set,
        [EVENT_ID] = change->event_id,
        [WATCHER] = change->watcher,
        [ACCEPT] = change->accept,
        [USER_AGENT] = change->user_agent,
        [REASON] = change->expires_s == 0 ? SPAN("timeout") : (struct span){0},
    };
    struct version *version = version_new(fields);

    version->state = (uint8_t)change->state;
    version->tells = true;
    version->bound = change->bound;
    version->remote_cseq = change->remote_cseq;
    version->flow = change->flow;
    set_expiry(version, self->node, change->expires_s);
    return version;
}

/* ---- staging ---- */

static enum status make_for(struct subscriptions *self, const struct subscription_change *change,
                            int64_t id, struct subscription **out)
{
    struct resource *resource = resources_get(self->resources, change->aor, change->event);
    uint32_t max =
        change->per_watcher_max != 0 ? change->per_watcher_max : self->limits.per_watcher_max;
    enum status status = STATUS_OK;
    struct subscription *made = NULL;

    if (resource->subscription_count >= self->limits.per_resource_max ||
        tally_count(&self->tallies, change->watcher) >= max)
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

enum status subscription_stage_new(struct subscriptions *self,
                                   const struct subscription_change *change,
                                   struct subscription **out)
{
    enum status status = make_for(self, change, (int64_t)node_number(self->node), out);

    if (status == STATUS_OK)
        stage(*out, version_first(self, change, (*out)->resource->bucket));
    return status;
}

enum status subscription_fetch(struct subscriptions *self, const struct subscription_change *change,
                               struct subscription **out)
{
    enum status status = make_for(self, change, FETCHED_ID, out);
    struct version *version;

    if (status != STATUS_OK)
        return status;
    version = version_first(self, change, (*out)->resource->bucket);
    set_terminated(version, self->node);
    version->cseq_mark = 1;
    version->cseq_epoch = self->node->epoch;
    hot_load(&(*out)->hot, &version->hot);
    (*out)->delivery.next_cseq = 1;
    committed(&(*out)->hot, NULL);
    return STATUS_OK;
}

void subscription_stage_refresh(struct subscription *self, const struct subscription_change *change)
{
    bool ends = change->expires_s == 0;
    struct version *version =
        version_again(self, change->ids.remote_target, ends ? SPAN("timeout") : (struct span){0});

    version->tells = true;
    version->state = (uint8_t)change->state;
    version->remote_cseq = change->remote_cseq;
    version->flow = change->flow;
    version->bound = change->bound;
    set_expiry(version, self->owner->node, change->expires_s);
    if (ends)
        set_terminated(version, self->owner->node);
    stage(self, version);
}

static void stage_and_write(struct subscription *self, struct version *version)
{
    const struct handle objects[] = {self->hot.handle};

    stage(self, version);
    batch_write(self->owner->node->batch, objects, 1);
}

void subscription_end(struct subscription *self, struct span reason)
{
    struct version *version = version_again(self, (struct span){0}, reason);

    set_terminated(version, self->owner->node);
    stage_and_write(self, version);
}

void subscription_remove(struct subscription *self)
{
    struct version *version;

    if (self->id == FETCHED_ID) {
        gone(&self->hot);
        return;
    }
    if (self->hot.newest->removed)
        return;
    self->delivery.over = true;
    version = version_again(self, (struct span){0}, (struct span){0});
    version->hot.removed = true;
    stage_and_write(self, version);
}

void subscription_write_mark(struct subscription *self, bool owed)
{
    struct version *version;

    if (self->id == FETCHED_ID || self->hot.newest->removed)
        return;
    version = version_again(self, (struct span){0}, (struct span){0});
    version->owed = owed;
    version->tells = self->delivery.held;
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
    if (newest(self)->state == SUBSCRIPTION_TERMINATED || self->delivery.over)
        subscription_remove(self); /* its last NOTIFY is answered, or stays unanswered */
    else
        subscription_end(self, SPAN("timeout"));
}

/* ---- finding ---- */

struct subscription *subscriptions_find(const struct subscriptions *self, struct span call_id,
                                        struct span local_tag, struct span remote_tag)
{
    struct table_link *link = table_first(&self->dialogs, dialog_hash(self, call_id, remote_tag));
    uint64_t number;

    if (!mark_parse(&self->node->mark_key, MARK_LOCAL_TAG, local_tag, &number))
        return NULL;
    for (; link != NULL; link = table_next(link)) {
        struct subscription *each = CONTAINER_OF(link, struct subscription, dialog_link);

        if (span_equal(field(newest(each), LOCAL_TAG), local_tag) &&
            span_equal(field(newest(each), CALL_ID), call_id) &&
            span_equal(field(newest(each), REMOTE_TAG), remote_tag))
            return each->hot.newest->removed ? NULL : each;
    }
    return NULL;
}

struct subscription *subscriptions_find_repeat(const struct subscriptions *self,
                                               const struct subscription_change *change)
{
    const struct dialog_ids *ids = &change->ids;
    struct table_link *link =
        table_first(&self->dialogs, dialog_hash(self, ids->call_id, ids->remote_tag));

    for (; link != NULL; link = table_next(link)) {
        struct subscription *each = CONTAINER_OF(link, struct subscription, dialog_link);
        const struct version *last = newest(each);

        if (last->remote_cseq == change->remote_cseq && !last->hot.removed &&
            each->id != FETCHED_ID && span_equal(field(last, CALL_ID), ids->call_id) &&
            span_equal(field(last, REMOTE_TAG), ids->remote_tag) &&
            span_equal(field(last, EVENT_ID), change->event_id) &&
            span_equal(resource_aor(each->resource), change->aor) &&
            span_equal(resource_event(each->resource), change->event))
            return each;
    }
    return NULL;
}

struct subscription *subscription_find_id(const struct resource *resource, int64_t id)
{
    struct list *link = resource->subscriptions.next;

    for (; link != &resource->subscriptions; link = link->next)
        if (subscription_of_resource(link)->id == id &&
            !subscription_of_resource(link)->hot.newest->removed)
            return subscription_of_resource(link);
    return NULL;
}

/* ---- loading ---- */

static enum subscription_state loaded_state(enum subscription_row_state state)
{
    switch (state) {
    case SUBSCRIPTION_ROW_PENDING:
        return SUBSCRIPTION_PENDING;
    case SUBSCRIPTION_ROW_ACTIVE:
        return SUBSCRIPTION_ACTIVE;
    case SUBSCRIPTION_ROW_TERMINATED:
    case SUBSCRIPTION_ROW_WAITING:
        break;
    }
    return SUBSCRIPTION_TERMINATED;
}

void subscriptions_load(struct subscriptions *self, const struct subscription_row *row)
{
    struct resource *resource = resources_get(self->resources, row->aor, row->event);
    struct subscription *made =
        make(self, resource, row->id, row->watcher, row->call_id, row->remote_tag);
    const struct span fields[FIELDS] = {
        [CALL_ID] = row->call_id,       [LOCAL_TAG] = row->local_tag,
        [REMOTE_TAG] = row->remote_tag, [LOCAL_URI] = row->local_uri,
        [REMOTE_URI] = row->remote_uri, [TARGET] = row->remote_target,
        [ROUTE_SET] = row->route_set,   [EVENT_ID] = row->event_id,
        [WATCHER] = row->watcher,       [ACCEPT] = row->accept,
        [USER_AGENT] = row->user_agent, [REASON] = row->reason,
    };
    struct version *version = version_new(fields);

    must(made != NULL); /* the configured cap is checked against what is stored at start */
    version->state = (uint8_t)loaded_state(row->state);
    version->owed = row->owed;
    version->remote_cseq = row->remote_cseq;
    version->cseq_mark = row->cseq_mark;
    version->cseq_epoch = row->cseq_epoch;
    version->expires_s = row->expires_s;
    version->deadline = node_deadline(self->node, row->remaining_us);
    /* Bound to a flow that is gone it still is, so that its NOTIFYs go nowhere else by datagrams.
     */
    version->bound = row->flow.bound;
    (void)path_from_row(self->node, &row->flow, &version->flow);
    hot_load(&made->hot, &version->hot);
    made->delivery.acked_version = row->owed ? 0 : resource->version;
    watch_expiry(made);
}

/* ---- reading ---- */

static struct subscription_view view_of(const struct subscription *self,
                                        const struct version *version)
{
    int64_t left_us = version->deadline.us - loop_now(self->owner->node->loop).us;

    return (struct subscription_view){
        .ids = {.call_id = field(version, CALL_ID),
                .local_uri = field(version, LOCAL_URI),
                .local_tag = field(version, LOCAL_TAG),
                .remote_uri = field(version, REMOTE_URI),
                .remote_tag = field(version, REMOTE_TAG),
                .remote_target = field(version, TARGET),
                .route_set = field(version, ROUTE_SET)},
        .event_id = field(version, EVENT_ID),
        .watcher = field(version, WATCHER),
        .reason = field(version, REASON),
        .state = (enum subscription_state)version->state,
        .remote_cseq = version->remote_cseq,
        .expires_s = version->expires_s,
        .left_s = left_us <= 0 ? 0 : (uint32_t)((left_us + US_PER_S - 1) / US_PER_S),
        .flow = version->flow,
        .bound = version->bound,
        .owed = version->owed,
    };
}

struct subscription_view subscription_view(const struct subscription *self)
{
    return view_of(self, version_of(self->hot.committed));
}

struct subscription_view subscription_newest(const struct subscription *self)
{
    return view_of(self, newest(self));
}

bool subscription_is_committed(const struct subscription *self)
{
    return self->hot.committed != NULL && !self->hot.committed->removed;
}

/* What the committed row protects: its mark's block, or this epoch's share above an older mark. */
static uint32_t cseq_limit(const struct subscription *self)
{
    const struct version *seen = version_of(self->hot.committed);
    uint64_t epochs = self->owner->node->epoch - seen->cseq_epoch;

    return seen->cseq_mark + (uint32_t)epochs * CSEQ_BLOCK + CSEQ_BLOCK;
}

uint32_t subscription_take_cseq(struct subscription *self)
{
    prepare_cseq(self);
    if (self->id != FETCHED_ID && self->delivery.next_cseq >= cseq_limit(self))
        return 0;
    return self->delivery.next_cseq++;
}

bool subscription_needs_mark(const struct subscription *self)
{
    return self->id != FETCHED_ID && self->delivery.next_cseq != 0 &&
           self->delivery.next_cseq + CSEQ_RESERVE >= cseq_limit(self);
}

struct delivery *subscription_delivery(struct subscription *self)
{
    return &self->delivery;
}

struct subscription *subscription_of_delivery(struct list *link)
{
    return CONTAINER_OF(link, struct subscription, delivery.link);
}

struct subscription *subscription_of_retry(struct timer *retry)
{
    return CONTAINER_OF(retry, struct subscription, delivery.retry);
}

struct resource *subscription_resource(const struct subscription *self)
{
    return self->resource;
}

struct subscription *subscription_of_resource(struct list *link)
{
    return CONTAINER_OF(link, struct subscription, link);
}

struct handle subscription_handle(const struct subscription *self)
{
    return self->hot.handle;
}

bool subscription_is_settled(const struct subscription *self)
{
    return hot_is_settled(&self->hot);
}
