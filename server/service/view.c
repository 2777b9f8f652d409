/* view.c - a snapshot is what one version showed; partial documents are made of two of them. */
#include "server/service/view.h"

#include "server/base/must.h"

#include <stdlib.h>

enum {
    PAST_MAX = 6,              /* snapshots kept for partial documents */
    PAST_BYTES_MAX = 64 << 10, /* of one view */
    CHANGES_MAX = 256,         /* more parts that changed are told with full state */
};

struct snapshot {
    struct snapshot *next; /* older */
    uint64_t version;
    uint64_t tag; /* of the octets; made when it is first asked for */
    bool tagged;
    bool mixed;          /* the version's watchers may have another document: no basis for a part */
    struct blob *octets; /* all elements, one behind the other */
    struct blob *basis;  /* the same before it was filtered; NULL: the very same */
    size_t count;
    struct part *parts;  /* in the order of composition; octets lie in `octets` */
    struct part **order; /* the same by key */
};

struct views {
    struct node *node;
    struct parts parts;
    struct buffer body;
    struct parts ended; /* what says that a part is over */
    uint64_t *composed;
    uint64_t *cut;
};

struct views *views_new(struct node *node, struct metrics *metrics, size_t document_bytes_max)
{
    struct views *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    parts_init(&self->parts, document_bytes_max);
    buffer_init(&self->body, 2 * document_bytes_max);
    parts_init(&self->ended, document_bytes_max);
    self->composed =
        metric_counter(metrics, "documents_composed_total", NULL, "Documents composed");
    self->cut = metric_counter(metrics, "documents_cut_total", NULL,
                               "Documents that did not have room for everything");
    return self;
}

void views_free(struct views *self)
{
    if (self == NULL)
        return;
    parts_deinit(&self->parts);
    buffer_deinit(&self->body);
    parts_deinit(&self->ended);
    free(self);
}

/* ---- snapshots ---- */

static int compare_spans(struct span a, struct span b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common == 0 ? 0 : memcmp(a.at, b.at, common);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_key(const void *left, const void *right)
{
    struct part *const *a = left;
    struct part *const *b = right;

    return compare_spans((*a)->key, (*b)->key);
}

static struct span move(struct span octets, const char *from, char *to)
{
    return (struct span){to + (octets.at - from), octets.len};
}

/* One allocation: the parts, their order, and keys and elements as they were composed. */
static struct snapshot *snapshot_new(const struct parts *parts)
{
    const struct span all = buffer_span(&parts->octets);
    const size_t count = parts->count;
    struct snapshot *self =
        calloc(1, sizeof(*self) + count * (sizeof(struct part) + sizeof(struct part *)) + all.len);
    struct buffer whole;
    char *octets;

    must(self != NULL);
    self->count = count;
    self->parts = (struct part *)(void *)(self + 1);
    self->order = (struct part **)(void *)(self->parts + count);
    octets = (char *)(self->order + count);
    if (all.len > 0)
        memcpy(octets, all.at, all.len);
    buffer_init(&whole, all.len + 1);
    for (size_t i = 0; i < count; i++) {
        struct part part = parts_get(parts, i);

        buffer_put(&whole, part.octets);
        part.key = move(part.key, all.at, octets);
        part.octets = move(part.octets, all.at, octets);
        self->parts[i] = part;
        self->order[i] = &self->parts[i];
    }
    if (count > 1)
        qsort(self->order, count, sizeof(struct part *), by_key);
    self->octets = blob_new(buffer_span(&whole));
    buffer_deinit(&whole);
    return self;
}

static void snapshot_free(struct snapshot *self)
{
    if (self == NULL)
        return;
    blob_unref(self->octets);
    blob_unref(self->basis);
    free(self);
}

static bool shows_same(const struct snapshot *a, const struct snapshot *b)
{
    return a->count == b->count && span_equal(blob_span(a->octets), blob_span(b->octets));
}

/* ---- views ---- */

bool view_key_equal(const struct view_key *a, const struct view_key *b)
{
    return a->closed == b->closed && a->pending == b->pending && a->format == b->format &&
           a->dialect == b->dialect && a->hidden == b->hidden && span_equal(a->filter, b->filter) &&
           span_equal(a->list, b->list);
}

static struct view *view_of(struct list *link)
{
    return CONTAINER_OF(link, struct view, link);
}

static struct view *make(struct resource *resource, const struct event_package *package,
                         const struct view_key *key)
{
    struct view *view = calloc(1, sizeof(*view) + key->filter.len + key->list.len);
    char *filter = (char *)(view + 1);
    char *list = filter + key->filter.len;

    must(view != NULL);
    view->resource = resource;
    view->package = package;
    view->key = *key;
    if (key->filter.len > 0)
        memcpy(filter, key->filter.at, key->filter.len);
    if (key->list.len > 0)
        memcpy(list, key->list.at, key->list.len);
    view->key.filter = (struct span){filter, key->filter.len};
    view->key.list = (struct span){list, key->list.len};
    view->version = 1;
    view->uses = 1;
    view->stale = true;
    list_append(&resource->notify.views, &view->link);
    return view;
}

struct view *view_get(struct resource *resource, const struct event_package *package,
                      const struct view_key *key)
{
    struct list *link = resource->notify.views.next;

    for (; link != &resource->notify.views; link = link->next)
        if (view_key_equal(&view_of(link)->key, key)) {
            view_of(link)->uses++;
            return view_of(link);
        }
    return make(resource, package, key);
}

static void free_past(struct view *view)
{
    while (view->past != NULL) {
        struct snapshot *oldest = view->past;

        view->past = oldest->next;
        snapshot_free(oldest);
    }
}

void view_release(struct view *view)
{
    if (view == NULL || --view->uses > 0)
        return;
    list_remove(&view->link);
    free_past(view);
    snapshot_free(view->now);
    free(view);
}

void views_touch(struct resource *resource)
{
    struct list *link = resource->notify.views.next;

    for (; link != &resource->notify.views; link = link->next)
        view_of(link)->stale = true;
}

/* ---- composing ---- */

static bool has_partial(const struct view *view)
{
    return view->package->wrap != NULL || view->package->formats[view->key.format].differs;
}

static void drop_old(struct view *view)
{
    struct snapshot **end = &view->past;
    size_t bytes = 0;

    for (size_t count = 0; *end != NULL && count < PAST_MAX; count++) {
        bytes += blob_span((*end)->octets).len;
        if (bytes > PAST_BYTES_MAX)
            break;
        end = &(*end)->next;
    }
    while (*end != NULL) {
        struct snapshot *old = *end;

        *end = old->next;
        snapshot_free(old);
    }
}

static bool is_filtered(const struct view *view)
{
    return view->package->filter != NULL && !span_empty(view->key.filter);
}

static bool is_triggered(const struct view *view, const struct snapshot *next)
{
    const struct event_package *package = view->package;

    return view->now == NULL || !is_filtered(view) || package->triggers == NULL ||
           package->triggers(package, view->resource, &view->key, blob_span(view->now->basis),
                             blob_span(next->basis));
}

static bool is_same_part(const struct part *a, const struct part *b)
{
    return span_equal(a->key, b->key) && span_equal(a->octets, b->octets);
}

/* Nothing but parts that were told for the last time is gone: that is no news. */
static bool only_forgets(const struct snapshot *before, const struct snapshot *now)
{
    size_t at = 0;

    for (size_t i = 0; i < before->count; i++)
        if (at < now->count && is_same_part(&before->parts[i], &now->parts[at]))
            at++;
        else if (!before->parts[i].last)
            return false;
    return at == now->count;
}

/* True when it is a version of its own; a change that triggers nothing is shown with the next. */
static bool take(struct view *view, struct snapshot *next)
{
    const bool wanted = is_triggered(view, next);
    const bool triggered = wanted && (view->now == NULL || !only_forgets(view->now, next));

    if (triggered)
        view->version++;
    else
        next->mixed = !wanted || view->now->mixed;
    next->version = view->version;
    if (triggered && view->now != NULL && !view->now->mixed && has_partial(view)) {
        view->now->next = view->past;
        view->past = view->now;
        drop_old(view);
    } else {
        snapshot_free(view->now);
    }
    view->now = next;
    return triggered;
}

/* Leaves the filtered document as the only part; the caller gets what there was before. */
static struct blob *apply_filter(struct views *self, const struct view *view)
{
    struct blob *basis =
        blob_new(self->parts.count == 0 ? (struct span){0} : parts_get(&self->parts, 0).octets);

    parts_reset(&self->parts);
    view->package->filter(view->package, view->resource, &view->key, blob_span(basis),
                          parts_begin(&self->parts, (struct span){0}));
    (void)parts_end(&self->parts, false, 0);
    return basis;
}

static struct snapshot *compose(struct views *self, const struct view *view)
{
    const struct event_package *package = view->package;
    struct blob *basis = NULL;
    struct snapshot *made;

    parts_reset(&self->parts);
    (view->key.closed ? package->compose_closed : package->compose)(package, view->resource,
                                                                    &view->key, &self->parts);
    (*self->composed)++;
    *self->cut += parts_overflowed(&self->parts);
    if (is_filtered(view))
        basis = apply_filter(self, view);
    made = snapshot_new(&self->parts);
    made->basis = basis;
    return made;
}

/* What is shown stays, but for the deadlines. */
static void renew(struct view *view, struct snapshot *next)
{
    next->version = view->now->version;
    next->mixed = view->now->mixed;
    snapshot_free(view->now);
    view->now = next;
}

bool view_refresh(struct views *self, struct view *view)
{
    struct snapshot *next;

    if (!view->stale)
        return false;
    view->stale = false;
    next = compose(self, view);
    if (view->now != NULL && shows_same(view->now, next)) {
        renew(view, next);
        return false;
    }
    return take(view, next);
}

void view_renew(struct views *self, struct view *view)
{
    for (size_t i = 0; view->now != NULL && !view->stale && i < view->now->count; i++)
        view->stale = view->now->parts[i].deadline_us != 0;
    (void)view_refresh(self, view);
}

/* ---- partial documents ---- */

static const struct snapshot *find_past(const struct view *view, uint64_t version)
{
    const struct snapshot *past = view->past;

    if (version == view->version)
        return view->now->mixed ? NULL : view->now;
    while (past != NULL && past->version != version)
        past = past->next;
    return past;
}

/* The parts of a document, and how much of them there is. */
struct selection {
    struct part *parts;
    size_t count;
};

static bool add(struct selection *selection, struct part part)
{
    if (selection->count == CHANGES_MAX)
        return false;
    selection->parts[selection->count++] = part;
    return true;
}

/* A part that is gone is told once, with what end_part() makes of it. */
static bool end_part(struct views *self, const struct view *view, const struct part *part)
{
    const struct event_package *package = view->package;
    const bool expired =
        part->deadline_us != 0 && loop_now(self->node->loop).us >= part->deadline_us;

    if (part->last || package->end_part == NULL)
        return true;
    package->end_part(package, part->octets, expired, parts_begin(&self->ended, part->key));
    return parts_end(&self->ended, true, 0);
}

static bool add_ended(const struct views *self, struct selection *selection)
{
    for (size_t i = 0; i < self->ended.count; i++)
        if (!add(selection, parts_get(&self->ended, i)))
            return false;
    return true;
}

/* Whether the key at `*at` of `in`, on a walk in order, is that of `part`. */
static bool finds(const struct snapshot *in, size_t *at, const struct part *part)
{
    int order = 1;

    while (*at < in->count && (order = compare_spans(in->order[*at]->key, part->key)) < 0)
        (*at)++;
    return *at < in->count && order == 0;
}

/* What is new or changed, of that which is over or of that which is not; in the order of keys. */
static bool add_changed(const struct snapshot *now, const struct snapshot *before, bool over,
                        struct selection *selection)
{
    size_t at = 0;

    for (size_t i = 0; i < now->count; i++)
        if (now->order[i]->last == over &&
            !(finds(before, &at, now->order[i]) &&
              span_equal(before->order[at]->octets, now->order[i]->octets)) &&
            !add(selection, *now->order[i]))
            return false;
    return true;
}

static bool end_parts(struct views *self, const struct view *view, const struct snapshot *before)
{
    size_t at = 0;

    parts_reset(&self->ended);
    for (size_t i = 0; i < before->count; i++)
        if (!finds(view->now, &at, before->order[i]) && !end_part(self, view, before->order[i]))
            return false;
    return true;
}

/* What is over comes first, as in full documents: a phone that shows the last dialog that it reads
 * shows one that lives. False: too much. */
static bool select_changes(struct views *self, const struct view *view,
                           const struct snapshot *before, struct selection *selection)
{
    return end_parts(self, view, before) && add_changed(view->now, before, true, selection) &&
           add_ended(self, selection) && add_changed(view->now, before, false, selection);
}

static size_t in_force(const struct snapshot *snapshot)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->count; i++)
        if (!snapshot->parts[i].last)
            count++;
    return count;
}

static void wrap(struct views *self, const struct view *view, const struct snapshot *before,
                 uint32_t number)
{
    const struct event_package *package = view->package;
    struct part changes[CHANGES_MAX];
    struct selection selection = {.parts = changes};
    struct event_document document = {
        .resource = view->resource,
        .number = number,
        .full = true,
        .parts = view->now->parts,
        .count = view->now->count,
        .in_force = in_force(view->now),
    };

    /* RFC 4235 section 3.3: a partial document that tells of nothing would stand for a full one. */
    if (before != NULL && select_changes(self, view, before, &selection) && selection.count > 0) {
        document.full = false;
        document.parts = changes;
        document.count = selection.count;
    }
    package->wrap(package, &document, &self->body);
}

struct blob *view_body(struct views *self, struct view *view, uint64_t from, uint32_t number)
{
    const struct event_package *package = view->package;
    const struct event_format *format = &package->formats[view->key.format];
    const struct snapshot *before;

    (void)view_refresh(self, view);
    must(view->now != NULL); /* what was never composed is stale */
    if (!has_partial(view))
        return blob_ref(view->now->octets);
    before = from == 0 ? NULL : find_past(view, from);
    number += format->first_number;
    buffer_reset(&self->body);
    if (format->differs)
        package->differ(package, before == NULL ? (struct span){0} : blob_span(before->octets),
                        blob_span(view->now->octets), number, &self->body);
    else
        wrap(self, view, before, number);
    return blob_new(buffer_span(&self->body));
}

struct span view_document(struct views *self, struct view *view, uint32_t number)
{
    (void)view_refresh(self, view);
    if (view->package->wrap == NULL)
        return blob_span(view->now->octets);
    buffer_reset(&self->body);
    wrap(self, view, NULL, number);
    return buffer_span(&self->body);
}

/*
 * A sum: parts are a set, and a restart brings them in another order. One that was told for the
 * last time is no part of the state any more. Every NOTIFY has it, and the octets may be many: made
 * once.
 */
static uint64_t tag_of(const struct views *self, const struct view *view)
{
    const struct mac_key *key = &self->node->mark_key;
    struct snapshot *now = view->now;

    if (now->tagged)
        return now->tag;
    now->tagged = true;
    now->tag = mac64(key, view->package->name) + view->key.format;
    for (size_t i = 0; i < now->count; i++)
        if (!now->parts[i].last)
            now->tag += mac64(key, now->parts[i].octets);
    return now->tag;
}

struct span view_entity_tag(struct views *self, struct view *view, char out[ENTITY_TAG_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t tag;

    (void)view_refresh(self, view);
    tag = tag_of(self, view);
    for (size_t i = 0; i < ENTITY_TAG_BYTES; i++)
        out[i] = digits[(tag >> (60 - 4 * i)) & 15];
    return (struct span){out, ENTITY_TAG_BYTES};
}
