/* binding.c - bindings hang from their AOR's location, which lives while it has any. */
#include "server/state/binding.h"

#include "server/base/must.h"
#include "server/base/table.h"
#include "server/state/packed.h"
#include "server/state/path.h"

#include <stdlib.h>

enum field { KEY, CONTACT, PARAMETERS, PATH, INSTANCE, CALL_ID, FROM_TAG, USER_AGENT, FIELDS };

struct version {
    struct hot_version hot; /* first: hot.c knows it by this */
    bool seen_now;          /* its flow was seen in this epoch, as its row says */
    bool bound;
    uint32_t cseq;
    uint32_t expires_s;
    uint32_t reg_id;
    int32_t q_thousandths;
    struct instant deadline;
    struct flow flow;
    uint32_t ends[FIELDS];
    char octets[];
};

struct binding {
    struct hot hot; /* first, likewise */
    struct list link;
    struct location *location;
    struct timer expiry;
    int64_t id;
};

struct location {
    struct table_link link;
    struct bindings *owner;
    struct list bindings;
    uint32_t aor_len;
    char aor[];
};

struct bindings {
    struct node *node;
    const struct resources *resources;
    struct table table;
    uint32_t max;
    size_t count;
    binding_committed_fn *on_committed;
    void *context;
};

static struct version *version_of(struct hot_version *version)
{
    return (struct version *)version;
}

static const struct version *newest(const struct binding *self)
{
    return version_of(self->hot.newest);
}

/* A key that is the Contact itself, as it mostly is, is not kept twice. */
static struct span field(const struct version *version, enum field which)
{
    struct span found = packed_get(version->ends, version->octets, which);

    return which == KEY && span_empty(found) ? field(version, CONTACT) : found;
}

static struct span key_kept(struct span key, struct span contact)
{
    return span_equal(key, contact) ? (struct span){0} : key;
}

static bool is_live(const struct binding *self)
{
    return self->hot.newest != NULL && !self->hot.newest->removed;
}

static bool is_seen(const struct binding *self)
{
    return self->hot.committed != NULL && !self->hot.committed->removed;
}

static struct binding *binding_of(struct list *link)
{
    return CONTAINER_OF(link, struct binding, link);
}

static struct span aor_of(const struct location *location)
{
    return (struct span){location->aor, location->aor_len};
}

/* ---- what a hot object of this kind does ---- */

/* A refresh shows nothing that was not shown before. */
static bool shows(const struct hot_version *before, const struct hot_version *after)
{
    return before == NULL || before->removed != after->removed || !after->partial;
}

static void write(const struct hot *hot, const struct hot_version *hot_version,
                  enum storage_change change, struct storage *storage)
{
    const struct binding *self = (const struct binding *)hot;
    const struct version *version = (const struct version *)hot_version;
    struct path_text text;
    struct binding_row row = {
        .id = self->id,
        .aor = aor_of(self->location),
        .contact_key = field(version, KEY),
        .contact = field(version, CONTACT),
        .parameters = field(version, PARAMETERS),
        .path = field(version, PATH),
        .instance = field(version, INSTANCE),
        .reg_id = version->reg_id,
        .q_thousandths = version->q_thousandths,
        .call_id = field(version, CALL_ID),
        .from_tag = field(version, FROM_TAG),
        .cseq = version->cseq,
        .user_agent = field(version, USER_AGENT),
        .flow = path_to_row(self->location->owner->node, &version->flow, &text),
        .expires_s = version->expires_s,
    };

    row.flow.bound = version->bound;
    storage_put_binding(storage, change, &row);
    if (shows(hot->committed, hot_version)) {
        resources_mark(self->location->owner->resources, row.aor, SPAN("reg"));
        resources_mark(self->location->owner->resources, row.aor, SPAN("presence"));
    }
}

static timer_fn on_due;

static void watch_expiry(struct binding *self)
{
    struct timers *timers = loop_timers(self->location->owner->node->loop);
    const struct version *seen = version_of(self->hot.committed);

    if (seen->hot.removed)
        timer_stop(timers, &self->expiry);
    else
        timer_start(timers, &self->expiry, seen->deadline, on_due);
}

static void committed(struct hot *hot, const struct hot_version *before)
{
    struct binding *self = (struct binding *)hot;
    const struct bindings *owner = self->location->owner;

    watch_expiry(self);
    resources_touch(owner->resources, aor_of(self->location), SPAN("reg")); /* for the time left */
    if (shows(before, hot->committed))
        resources_touch(owner->resources, aor_of(self->location), SPAN("presence"));
    if (owner->on_committed != NULL && !hot->committed->removed)
        owner->on_committed(owner->context, aor_of(self->location), self);
}

static void dropped(struct hot *hot)
{
    watch_expiry((struct binding *)hot);
}

static void discard(struct hot_version *version)
{
    free(version);
}

static void end(struct binding *self)
{
    struct bindings *owner = self->location->owner;

    timer_stop(loop_timers(owner->node->loop), &self->expiry);
    handle_remove(owner->node->objects, self->hot.handle);
    list_remove(&self->link);
    owner->count--;
    hot_deinit(&self->hot);
    free(self);
}

static void release(struct location *location)
{
    if (!list_empty(&location->bindings))
        return;
    table_remove(&location->owner->table, &location->link);
    free(location);
}

static void gone(struct hot *hot)
{
    struct location *location = ((struct binding *)hot)->location;

    end((struct binding *)hot);
    release(location);
}

static const struct hot_kind kind = {
    .write = write, .committed = committed, .dropped = dropped, .discard = discard, .gone = gone};

/* ---- all of them ---- */

struct bindings *bindings_new(struct node *node, const struct resources *resources,
                              uint32_t bindings_max)
{
    struct bindings *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    self->resources = resources;
    self->max = bindings_max;
    table_init(&self->table);
    return self;
}

static void free_location(struct table_link *link, void *context)
{
    struct location *location = CONTAINER_OF(link, struct location, link);

    (void)context;
    for (struct list *one; (one = list_take(&location->bindings)) != NULL;)
        end(binding_of(one));
    free(location);
}

void bindings_free(struct bindings *self)
{
    if (self == NULL)
        return;
    table_each(&self->table, free_location, NULL);
    table_deinit(&self->table);
    free(self);
}

void bindings_watch(struct bindings *self, binding_committed_fn *fn, void *context)
{
    self->on_committed = fn;
    self->context = context;
}

size_t bindings_count(const struct bindings *self)
{
    return self->count;
}

struct location *bindings_find(const struct bindings *self, struct span aor)
{
    struct table_link *link = table_first(&self->table, table_hash(&self->table, aor));

    for (; link != NULL; link = table_next(link)) {
        struct location *each = CONTAINER_OF(link, struct location, link);

        if (span_equal(aor_of(each), aor))
            return each;
    }
    return NULL;
}

static struct location *location_get(struct bindings *self, struct span aor)
{
    struct location *location = bindings_find(self, aor);

    if (location != NULL)
        return location;
    location = calloc(1, sizeof(*location) + aor.len);
    must(location != NULL);
    location->owner = self;
    list_init(&location->bindings);
    location->aor_len = (uint32_t)aor.len;
    memcpy(location->aor, aor.at, aor.len);
    table_add(&self->table, &location->link, table_hash(&self->table, aor));
    return location;
}

static struct binding *make(struct bindings *self, struct span aor, int64_t id)
{
    struct binding *made = calloc(1, sizeof(*made));

    must(made != NULL);
    if (handle_add(self->node->objects, made, &made->hot.handle) != STATUS_OK) {
        free(made);
        return NULL;
    }
    made->hot.kind = &kind;
    made->location = location_get(self, aor);
    made->id = id;
    list_append(&made->location->bindings, &made->link);
    self->count++;
    return made;
}

/* ---- staging ---- */

static struct version *version_new(const struct span fields[FIELDS])
{
    struct version *version = calloc(1, sizeof(*version) + packed_size(fields, FIELDS));

    must(version != NULL);
    packed_fill(version->ends, version->octets, fields, FIELDS);
    return version;
}

static struct version *version_for(const struct bindings *self, const struct binding_change *change)
{
    const struct span fields[FIELDS] = {
        [KEY] = key_kept(change->contact_key, change->contact),
        [CONTACT] = change->contact,
        [PARAMETERS] = change->parameters,
        [PATH] = change->path,
        [INSTANCE] = change->instance,
        [CALL_ID] = change->call_id,
        [FROM_TAG] = change->from_tag,
        [USER_AGENT] = change->user_agent,
    };
    struct version *version = version_new(fields);

    version->hot.removed = change->expires_s == 0;
    version->cseq = change->cseq;
    version->expires_s = change->expires_s;
    version->reg_id = change->reg_id;
    version->q_thousandths = change->q_thousandths;
    version->deadline =
        instant_after(loop_now(self->node->loop), (int64_t)change->expires_s * US_PER_S);
    version->flow = change->flow;
    version->bound = change->bound;
    version->seen_now = true;
    return version;
}

/* What REFRESH does not write is as it was. */
static bool is_refresh(const struct version *before, const struct version *after)
{
    static const enum field kept[] = {KEY,      CONTACT,  PARAMETERS, PATH,
                                      INSTANCE, FROM_TAG, USER_AGENT};

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (!span_equal(field(before, kept[i]), field(after, kept[i])))
            return false;
    return before->reg_id == after->reg_id;
}

/* A phone that refreshes as it did before: most of what a registrar ever gets. */
static bool is_same_again(const struct version *before, const struct version *after)
{
    return before->seen_now && before->q_thousandths == after->q_thousandths &&
           before->bound == after->bound && flow_equal(&before->flow, &after->flow) &&
           span_equal(field(before, CALL_ID), field(after, CALL_ID));
}

/* One whose removal is still pending is taken too: the row stays the same. */
static struct binding *find(const struct location *location, struct span key, bool removed_too)
{
    if (location == NULL)
        return NULL;
    for (struct list *link = location->bindings.next; link != &location->bindings;
         link = link->next)
        if ((removed_too || is_live(binding_of(link))) &&
            span_equal(field(newest(binding_of(link)), KEY), key))
            return binding_of(link);
    return NULL;
}

enum status binding_stage(struct bindings *self, const struct binding_change *change,
                          struct binding **out)
{
    struct binding *found =
        find(bindings_find(self, change->aor), change->contact_key, change->expires_s != 0);
    struct version *version;

    if (found == NULL && change->expires_s == 0)
        return STATUS_NOT_FOUND;
    if (found == NULL && self->count >= self->max)
        return STATUS_LIMIT;
    if (found == NULL)
        found = make(self, change->aor, (int64_t)node_number(self->node));
    if (found == NULL)
        return STATUS_LIMIT;
    version = version_for(self, change);
    version->hot.partial =
        found->hot.newest != NULL && is_live(found) && is_refresh(newest(found), version);
    version->hot.repeats = version->hot.partial && is_same_again(newest(found), version);
    hot_stage(&found->hot, &version->hot);
    *out = found;
    return STATUS_OK;
}

void binding_stage_removal(struct binding *self)
{
    struct version *version;
    struct span fields[FIELDS];
    const struct handle objects[] = {self->hot.handle};

    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = field(newest(self), (enum field)i);
    version = version_new(fields);
    version->cseq = newest(self)->cseq;
    version->flow = newest(self)->flow;
    version->hot.removed = true;
    hot_stage(&self->hot, &version->hot);
    batch_write(self->location->owner->node->batch, objects, 1);
}

/* A refresh that is pending decides; when it is committed or dropped the timer is set again. */
static void on_due(struct timer *timer, struct instant now)
{
    struct binding *self = CONTAINER_OF(timer, struct binding, expiry);
    struct node *node = self->location->owner->node;
    struct instant again;

    if (!hot_is_settled(&self->hot))
        return;
    if (node_may_expire(node, now, &again))
        binding_stage_removal(self);
    else
        timer_start(loop_timers(node->loop), &self->expiry, again, on_due);
}

/* ---- loading ---- */

void bindings_load(struct bindings *self, const struct binding_row *row)
{
    struct binding *made = make(self, row->aor, row->id);
    const struct span fields[FIELDS] = {
        [KEY] = key_kept(row->contact_key, row->contact),
        [CONTACT] = row->contact,
        [PARAMETERS] = row->parameters,
        [PATH] = row->path,
        [INSTANCE] = row->instance,
        [CALL_ID] = row->call_id,
        [FROM_TAG] = row->from_tag,
        [USER_AGENT] = row->user_agent,
    };
    struct version *version = version_new(fields);

    must(made != NULL); /* the configured cap is checked against what is stored at start */
    version->cseq = row->cseq;
    version->expires_s = row->expires_s;
    version->reg_id = row->reg_id;
    version->q_thousandths = row->q_thousandths;
    version->deadline = node_deadline(self->node, row->remaining_us);
    version->bound = row->flow.bound;
    (void)path_from_row(self->node, &row->flow, &version->flow); /* else no flow: not a target */
    hot_load(&made->hot, &version->hot);
    watch_expiry(made);
}

/* ---- reading ---- */

struct binding *location_find(const struct location *location, struct span contact_key)
{
    return find(location, contact_key, false);
}

struct binding *location_find_id(const struct location *location, int64_t id)
{
    if (location == NULL)
        return NULL;
    for (struct list *link = location->bindings.next; link != &location->bindings;
         link = link->next)
        if (binding_of(link)->id == id && is_live(binding_of(link)))
            return binding_of(link);
    return NULL;
}

size_t location_count(const struct location *location)
{
    size_t count = 0;

    if (location == NULL)
        return 0;
    for (struct list *link = location->bindings.next; link != &location->bindings;
         link = link->next)
        count += is_live(binding_of(link));
    return count;
}

typedef bool is_wanted_fn(const struct binding *self);

static void each(const struct location *location, is_wanted_fn *is_wanted, location_each_fn *fn,
                 void *context)
{
    if (location == NULL)
        return;
    for (struct list *link = location->bindings.next, *next; link != &location->bindings;
         link = next) {
        next = link->next;
        if (is_wanted(binding_of(link)))
            fn(binding_of(link), context);
    }
}

void location_each(const struct location *location, location_each_fn *fn, void *context)
{
    each(location, is_live, fn, context);
}

void location_each_seen(const struct location *location, location_each_fn *fn, void *context)
{
    each(location, is_seen, fn, context);
}

size_t location_unsettled(const struct location *location, struct handle out[], size_t max)
{
    size_t count = 0;

    if (location == NULL)
        return 0;
    for (struct list *link = location->bindings.next; link != &location->bindings && count < max;
         link = link->next)
        if (!hot_is_settled(&binding_of(link)->hot))
            out[count++] = binding_of(link)->hot.handle;
    return count;
}

static struct binding_view view_of(const struct binding *self, const struct version *version)
{
    const struct instant now = loop_now(self->location->owner->node->loop);
    int64_t left_us = version->deadline.us - now.us;

    return (struct binding_view){
        .id = self->id,
        .contact_key = field(version, KEY),
        .contact = field(version, CONTACT),
        .parameters = field(version, PARAMETERS),
        .path = field(version, PATH),
        .instance = field(version, INSTANCE),
        .user_agent = field(version, USER_AGENT),
        .q_thousandths = version->q_thousandths,
        .call_id = field(version, CALL_ID),
        .cseq = version->cseq,
        .flow = version->flow,
        .bound = version->bound,
        .expires_s = left_us <= 0 ? 0 : (uint32_t)((left_us + US_PER_S - 1) / US_PER_S),
        .deadline = version->deadline,
    };
}

struct binding_view binding_view(const struct binding *self)
{
    return view_of(self, newest(self));
}

struct binding_view binding_seen(const struct binding *self)
{
    return view_of(self, version_of(self->hot.committed));
}

struct handle binding_handle(const struct binding *self)
{
    return self->hot.handle;
}
