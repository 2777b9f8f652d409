/* publication.c - a version shares its document with its successors, so that a refresh copies none.
 */
#include "server/state/publication.h"

#include "server/base/mark.h"
#include "server/base/must.h"
#include "server/state/packed.h"

#include <stdlib.h>

enum field { ENTITY_TAG, PREVIOUS_TAG, CONTENT_TYPE, CALL_ID, FROM_TAG, FIELDS };

struct version {
    struct hot_version hot; /* first: hot.c knows it by this */
    bool hard_state;
    uint32_t cseq;
    uint32_t expires_s;
    struct instant deadline;
    int64_t sequence;
    struct blob *document;
    uint32_t ends[FIELDS];
    char octets[];
};

struct publication {
    struct hot hot; /* first, likewise */
    struct list link;
    struct resource *resource;
    struct publications *owner;
    struct timer expiry;
    int64_t id;
};

struct publications {
    struct node *node;
    struct resources *resources;
    struct publication_limits limits;
    size_t count;
};

static struct version *version_of(struct hot_version *version)
{
    return (struct version *)version;
}

static const struct version *newest(const struct publication *self)
{
    return version_of(self->hot.newest);
}

static struct span field(const struct version *version, enum field which)
{
    return packed_get(version->ends, version->octets, which);
}

static bool is_live(const struct hot_version *version)
{
    return version != NULL && !version->removed;
}

static struct publication *publication_of(struct list *link)
{
    return CONTAINER_OF(link, struct publication, link);
}

/* ---- versions ---- */

static struct version *version_new(const struct span fields[FIELDS], struct blob *document)
{
    struct version *version = calloc(1, sizeof(*version) + packed_size(fields, FIELDS));

    must(version != NULL);
    packed_fill(version->ends, version->octets, fields, FIELDS);
    version->document = document;
    return version;
}

static struct version *version_for(const struct publication *self,
                                   const struct publication_change *change)
{
    struct node *node = self->owner->node;
    const struct version *before = self->hot.newest == NULL ? NULL : newest(self);
    bool keeps = before != NULL && span_empty(change->document);
    char tag[MARK_BYTES];
    const struct span fields[FIELDS] = {
        [ENTITY_TAG] = mark_compose(&node->mark_key, MARK_ENTITY_TAG, self->resource->bucket,
                                    node_number(node), tag),
        [PREVIOUS_TAG] = change->if_match,
        [CONTENT_TYPE] = keeps ? field(before, CONTENT_TYPE) : change->content_type,
        [CALL_ID] = change->call_id,
        [FROM_TAG] = change->from_tag,
    };
    struct version *version =
        version_new(fields, keeps ? blob_ref(before->document) : blob_new(change->document));

    version->hot.removed = change->expires_s == 0 && !change->hard_state;
    version->hot.partial = keeps;
    version->hard_state = change->hard_state;
    version->cseq = change->cseq;
    version->expires_s = change->expires_s;
    version->deadline = instant_after(loop_now(node->loop), (int64_t)change->expires_s * US_PER_S);
    version->sequence = keeps ? before->sequence : (int64_t)node_number(node);
    return version;
}

/* ---- what a hot object of this kind does ---- */

static struct blob *shown(const struct hot_version *version)
{
    return is_live(version) ? ((const struct version *)version)->document : NULL;
}

static void write(const struct hot *hot, const struct hot_version *hot_version,
                  enum storage_change change, struct storage *storage)
{
    const struct publication *self = (const struct publication *)hot;
    const struct version *version = (const struct version *)hot_version;
    const struct publication_row row = {
        .id = self->id,
        .aor = resource_aor(self->resource),
        .event = resource_event(self->resource),
        .entity_tag = field(version, ENTITY_TAG),
        .previous_tag = field(version, PREVIOUS_TAG),
        .sequence = version->sequence,
        .content_type = field(version, CONTENT_TYPE),
        .document = blob_span(version->document),
        .call_id = field(version, CALL_ID),
        .from_tag = field(version, FROM_TAG),
        .cseq = version->cseq,
        .hard_state = version->hard_state,
        .expires_s = version->expires_s,
    };

    storage_put_publication(storage, change, &row);
    if (resource_is_watched(self->resource) && shown(hot->committed) != shown(hot_version))
        storage_put_resource(storage, row.aor, row.event);
}

static timer_fn on_due;

static void watch_expiry(struct publication *self)
{
    const struct version *seen = version_of(self->hot.committed);

    if (seen->hard_state || seen->hot.removed)
        timer_stop(loop_timers(self->owner->node->loop), &self->expiry);
    else
        timer_start(loop_timers(self->owner->node->loop), &self->expiry, seen->deadline, on_due);
}

static void committed(struct hot *hot, const struct hot_version *before)
{
    struct publication *self = (struct publication *)hot;
    const struct blob *a = shown(before);
    const struct blob *b = shown(hot->committed);

    watch_expiry(self);
    if (a != b && !(a != NULL && b != NULL && span_equal(blob_span(a), blob_span(b))))
        resource_touch(self->resource);
}

static void dropped(struct hot *hot)
{
    watch_expiry((struct publication *)hot);
}

static void discard(struct hot_version *version)
{
    blob_unref(version_of(version)->document);
    free(version);
}

static void end(struct publication *self)
{
    timer_stop(loop_timers(self->owner->node->loop), &self->expiry);
    handle_remove(self->owner->node->objects, self->hot.handle);
    list_remove(&self->link);
    self->resource->publication_count--;
    self->owner->count--;
    hot_deinit(&self->hot);
    free(self);
}

static void gone(struct hot *hot)
{
    struct resource *resource = ((struct publication *)hot)->resource;

    end((struct publication *)hot);
    resource_release(resource);
}

static const struct hot_kind kind = {
    .write = write, .committed = committed, .dropped = dropped, .discard = discard, .gone = gone};

/* ---- expiry ---- */

void publication_stage_removal(struct publication *self)
{
    const struct version *last = newest(self);
    const struct publication_change change = {
        .if_match = field(last, ENTITY_TAG),
        .call_id = field(last, CALL_ID),
        .from_tag = field(last, FROM_TAG),
        .cseq = last->cseq,
    };
    const struct handle objects[] = {self->hot.handle};

    hot_stage(&self->hot, &version_for(self, &change)->hot);
    batch_write(self->owner->node->batch, objects, 1);
}

/* A refresh that is pending decides; when it is committed or dropped the timer is set again. */
static void on_due(struct timer *timer, struct instant now)
{
    struct publication *self = CONTAINER_OF(timer, struct publication, expiry);
    struct node *node = self->owner->node;
    struct instant again;

    if (!hot_is_settled(&self->hot))
        return;
    if (node_may_expire(node, now, &again))
        publication_stage_removal(self);
    else
        timer_start(loop_timers(node->loop), &self->expiry, again, on_due);
}

/* ---- all of them ---- */

struct publications *publications_new(struct node *node, struct resources *resources,
                                      const struct publication_limits *limits)
{
    struct publications *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    self->resources = resources;
    self->limits = *limits;
    return self;
}

static void free_of(struct resource *resource, void *context)
{
    (void)context;
    for (struct list *link; (link = list_take(&resource->publications)) != NULL;)
        end(publication_of(link));
}

void publications_free(struct publications *self)
{
    if (self == NULL)
        return;
    resources_each(self->resources, free_of, NULL);
    free(self);
}

void publications_reconfigure(struct publications *self, const struct publication_limits *limits)
{
    self->limits = *limits;
}

size_t publications_count(const struct publications *self)
{
    return self->count;
}

static struct publication *make(struct publications *self, struct resource *resource, int64_t id)
{
    struct publication *made = calloc(1, sizeof(*made));

    must(made != NULL);
    if (handle_add(self->node->objects, made, &made->hot.handle) != STATUS_OK) {
        free(made);
        return NULL;
    }
    made->hot.kind = &kind;
    made->owner = self;
    made->resource = resource;
    made->id = id;
    list_append(&resource->publications, &made->link);
    resource->publication_count++;
    self->count++;
    return made;
}

/* ---- staging ---- */

static bool has_tag(const struct hot_version *version, const struct publication_change *change)
{
    return is_live(version) &&
           span_equal(field((const struct version *)version, ENTITY_TAG), change->if_match);
}

typedef bool match_fn(const struct publication *self, const struct publication_change *change);

/* A pending removal counts: its repeat waits for the same commit. */
static bool is_repeated(const struct publication *self, const struct publication_change *change)
{
    const struct version *last = newest(self);

    return last->cseq == change->cseq && !span_empty(change->call_id) &&
           span_equal(field(last, CALL_ID), change->call_id) &&
           span_equal(field(last, FROM_TAG), change->from_tag) &&
           span_equal(field(last, PREVIOUS_TAG), change->if_match);
}

static bool is_named(const struct publication *self, const struct publication_change *change)
{
    return has_tag(self->hot.newest, change);
}

/* The pending version has another tag; should it fail, this one is back. */
static bool was_named(const struct publication *self, const struct publication_change *change)
{
    return has_tag(self->hot.writing, change) || has_tag(self->hot.committed, change);
}

static struct publication *find(const struct resource *resource, match_fn *matches,
                                const struct publication_change *change)
{
    struct list *link = resource->publications.next;

    for (; link != &resource->publications; link = link->next)
        if (matches(publication_of(link), change))
            return publication_of(link);
    return NULL;
}

static enum status stage_new(struct publications *self, struct resource *resource,
                             const struct publication_change *change, struct publication **out)
{
    uint32_t max =
        change->per_resource_max != 0 ? change->per_resource_max : self->limits.per_resource_max;
    struct publication *made = NULL;

    if (resource->publication_count < max && self->count < self->limits.publications_max)
        made = make(self, resource, (int64_t)node_number(self->node));
    if (made == NULL) {
        resource_release(resource);
        return STATUS_LIMIT;
    }
    hot_stage(&made->hot, &version_for(made, change)->hot);
    *out = made;
    return STATUS_OK;
}

enum status publication_stage(struct publications *self, const struct publication_change *change,
                              struct publication **out)
{
    struct resource *resource = resources_get(self->resources, change->aor, change->event);
    struct publication *found;

    if ((found = find(resource, is_repeated, change)) != NULL) {
        *out = found;
        return STATUS_OK;
    }
    if (span_empty(change->if_match))
        return stage_new(self, resource, change, out);
    if ((found = find(resource, is_named, change)) != NULL) {
        hot_stage(&found->hot, &version_for(found, change)->hot);
        *out = found;
        return STATUS_OK;
    }
    if ((found = find(resource, was_named, change)) != NULL) {
        *out = found;
        return STATUS_CONFLICT;
    }
    resource_release(resource);
    return STATUS_NOT_FOUND;
}

/* ---- loading ---- */

void publications_load(struct publications *self, const struct publication_row *row)
{
    struct resource *resource = resources_get(self->resources, row->aor, row->event);
    struct publication *made = make(self, resource, row->id);
    const struct span fields[FIELDS] = {
        [ENTITY_TAG] = row->entity_tag,     [PREVIOUS_TAG] = row->previous_tag,
        [CONTENT_TYPE] = row->content_type, [CALL_ID] = row->call_id,
        [FROM_TAG] = row->from_tag,
    };
    struct version *version;

    must(made != NULL); /* the configured cap is checked against what is stored at start */
    version = version_new(fields, blob_new(row->document));
    version->hard_state = row->hard_state;
    version->cseq = row->cseq;
    version->deadline = node_deadline(self->node, row->remaining_us);
    /* A load knows what is left of the granted time: a repeated request is answered with that. */
    if (!row->hard_state)
        version->expires_s = row->remaining_us > US_PER_S
                                 ? (uint32_t)((row->remaining_us + US_PER_S - 1) / US_PER_S)
                                 : 1;
    version->sequence = row->sequence;
    hot_load(&made->hot, &version->hot);
    watch_expiry(made);
}

/* ---- reading ---- */

struct publication *publication_find(const struct resource *resource, int64_t id)
{
    struct list *link = resource->publications.next;

    for (; link != &resource->publications; link = link->next)
        if (publication_of(link)->id == id && is_live(publication_of(link)->hot.newest))
            return publication_of(link);
    return NULL;
}

struct span publication_document(const struct publications *self, struct span aor,
                                 struct span event, struct span entity_tag)
{
    const struct resource *resource = resources_find(self->resources, aor, event);
    const struct publication_change change = {.if_match = entity_tag};
    const struct publication *found =
        resource == NULL || span_empty(entity_tag) ? NULL : find(resource, is_named, &change);

    return found == NULL ? (struct span){0} : blob_span(newest(found)->document);
}

struct publication *publication_find_hard_state(const struct resource *resource)
{
    struct list *link = resource->publications.next;

    for (; link != &resource->publications; link = link->next)
        if (newest(publication_of(link))->hard_state && is_live(publication_of(link)->hot.newest))
            return publication_of(link);
    return NULL;
}

struct handle publication_handle(const struct publication *self)
{
    return self->hot.handle;
}

bool publication_is_settled(const struct publication *self)
{
    return hot_is_settled(&self->hot);
}

struct span publication_entity_tag(const struct publication *self)
{
    return field(newest(self), ENTITY_TAG);
}

uint32_t publication_expires_s(const struct publication *self)
{
    return newest(self)->expires_s;
}

size_t publication_views(const struct resource *resource, struct publication_view views[],
                         size_t max)
{
    struct list *link = resource->publications.next;
    size_t count = 0;

    for (; link != &resource->publications; link = link->next) {
        struct hot_version *seen = publication_of(link)->hot.committed;

        if (is_live(seen) && count++ < max)
            views[count - 1] = (struct publication_view){
                publication_of(link)->id,
                blob_span(version_of(seen)->document),
                version_of(seen)->sequence,
                version_of(seen)->hard_state,
            };
    }
    return count < max ? count : max;
}
