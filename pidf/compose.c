/* compose.c - many sources, one document: read, chosen, made fit to be seen, united, written. */
#include "pidf/dialect.h"
#include "pidf/identity.h"
#include "pidf/person.h"
#include "pidf/policy.h"
#include "pidf/show.h"
#include "pidf/write.h"
#include "pidf/xml/seen.h"

#include "server/base/crypto.h"
#include "server/base/must.h"

struct pidf_composer {
    struct parser *parser;
    struct scratch scratch;
    uint64_t key[2]; /* of hashes inside; shows in no document */
};

struct pidf_composer *pidf_composer_new(const struct pidf_limits *limits)
{
    struct pidf_composer *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->parser = parser_new(limits == NULL ? &pidf_limits_default : limits);
    crypto_random(self->key, sizeof(self->key));
    return self;
}

void pidf_composer_free(struct pidf_composer *self)
{
    if (self == NULL)
        return;
    parser_free(self->parser);
    scratch_deinit(&self->scratch);
    free(self);
}

static void begin(struct pidf_composer *self)
{
    scratch_reset(&self->scratch);
    parser_tidy(self->parser);
}

enum status pidf_check(struct pidf_composer *self, struct span body, struct pidf_fault *fault)
{
    struct parsed parsed;

    begin(self);
    return parser_parse(self->parser, body, &self->scratch, &parsed, fault);
}

/* ---- the order of sources ---- */

/* By what they are and not by where they stand, so that every node composes the same. */
static int compare_sources(const void *left, const void *right)
{
    const struct pidf_source *a = left, *b = right;
    size_t common = a->body.len < b->body.len ? a->body.len : b->body.len;
    int order;

    if (standing_of(a) != standing_of(b))
        return standing_of(a) > standing_of(b) ? 1 : -1;
    if (a->published_at_us != b->published_at_us)
        return a->published_at_us > b->published_at_us ? -1 : 1;
    order = common == 0 ? 0 : memcmp(a->body.at, b->body.at, common);
    return order != 0 ? order : (a->body.len > b->body.len) - (a->body.len < b->body.len);
}

static const struct pidf_source *sort(struct pidf_composer *self,
                                      const struct pidf_source sources[], size_t count)
{
    struct pidf_source *sorted;

    if (count < 2)
        return sources;
    sorted = scratch_alloc(&self->scratch, count * sizeof(sorted[0]));
    memcpy(sorted, sources, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare_sources);
    return sorted;
}

/* ---- the union ---- */

static void append_all(struct element_list *into, struct element_list *from)
{
    if (from->first == NULL)
        return;
    if (into->last == NULL)
        into->first = from->first;
    else
        into->last->next = from->first;
    into->last = from->last;
}

static void append_document(struct document *into, struct document *from)
{
    struct declaration **end = &into->declarations;

    append_all(&into->tuples, &from->tuples);
    append_all(&into->notes, &from->notes);
    append_all(&into->persons, &from->persons);
    append_all(&into->devices, &from->devices);
    append_all(&into->extensions, &from->extensions);
    while (*end != NULL)
        end = &(*end)->next;
    *end = from->declarations;
}

static bool is_repeated(const struct seen *seen, const struct element *element, uint64_t hash)
{
    size_t at = 0;
    const struct element *found;

    while ((found = seen_next(seen, hash, &at)) != NULL)
        if (element_equal(found, element))
            return true;
    return false;
}

/* Of parts that are the same in every byte, the first stays. */
static void drop_repeated(struct pidf_composer *self, struct element_list *list)
{
    struct seen seen = {0};
    struct element *next, *element = list->first;

    if (element == list->last)
        return;
    *list = (struct element_list){0};
    for (; element != NULL; element = next) {
        uint64_t hash = element_hash(element, self->key);

        next = element->next;
        if (is_repeated(&seen, element, hash))
            continue;
        seen_add(&seen, &self->scratch, hash, element);
        element_list_append(list, element);
    }
}

/* RFC 4479 section 3.4: the deviceID tells devices apart; the newest word on each stands. */
static void drop_older_devices(struct pidf_composer *self, struct element_list *list)
{
    struct seen seen = {0};
    struct element *next, *device = list->first;

    *list = (struct element_list){0};
    for (; device != NULL; device = next) {
        struct element *id = element_child(device, VOCABULARY_DATA_MODEL, "deviceID");
        uint64_t hash;

        next = device->next;
        must(id != NULL); /* document.c leaves out devices that have none */
        hash = element_hash(id, self->key);
        if (is_repeated(&seen, id, hash))
            continue;
        seen_add(&seen, &self->scratch, hash, id);
        element_list_append(list, device);
    }
}

static void unite_persons(struct pidf_composer *self, struct document *document)
{
    struct element *person = person_merge(&document->persons, &self->scratch, self->key);

    document->persons = (struct element_list){0};
    if (person != NULL)
        element_list_append(&document->persons, person);
}

static void drop_repetitions(struct pidf_composer *self, struct document *document)
{
    drop_repeated(self, &document->tuples);
    drop_repeated(self, &document->notes);
    drop_repeated(self, &document->extensions);
    drop_older_devices(self, &document->devices);
}

static bool is_blank(const struct document *document)
{
    return document->tuples.first == NULL && document->notes.first == NULL &&
           document->persons.first == NULL && document->devices.first == NULL &&
           document->extensions.first == NULL;
}

/* ---- the whole ---- */

/* Those that can be read; returns how many. */
static size_t read_sources(struct pidf_composer *self, const struct pidf_source sources[],
                           size_t count, struct reading readings[])
{
    size_t read = 0;

    for (size_t i = 0; i < count; i++) {
        struct parsed parsed;

        if (parser_parse(self->parser, sources[i].body, &self->scratch, &parsed, NULL) != STATUS_OK)
            continue;
        document_read(&parsed, &self->scratch, &readings[read].document);
        readings[read++].standing = standing_of(&sources[i]);
    }
    return read;
}

/* What was hidden is gone before anything is decided that others can see. */
static void unite(struct pidf_composer *self, const struct pidf_view *view,
                  const struct pidf_source sources[], size_t count, struct document *out)
{
    struct reading *readings = scratch_alloc(&self->scratch, (count + 1) * sizeof(readings[0]));

    count = read_sources(self, sort(self, sources, count), count, readings);
    count = policy_choose(view->policy, readings, count);
    policy_yield(readings, count, &self->scratch, self->key);
    for (size_t i = 0; i < count; i++) {
        show_hide(&readings[i].document, view->hidden, &self->scratch);
        append_document(out, &readings[i].document);
    }
    unite_persons(self, out);
}

/* Repetitions are dropped last: of two tuples that differ, a dialect may make equals. */
static void finish(struct pidf_composer *self, struct span entity, const struct pidf_view *view,
                   struct document *document)
{
    dialect_apply(document, entity, view, &self->scratch);
    drop_repetitions(self, document);
    if (is_blank(document)) {
        element_list_append(&document->tuples, document_closed_tuple(&self->scratch));
        show_hide(document, view->hidden, &self->scratch);
        dialect_apply(document, entity, view, &self->scratch);
    }
    identity_settle(document, &self->scratch, self->key);
}

enum status pidf_compose(struct pidf_composer *self, struct span entity,
                         const struct pidf_view *view, const struct pidf_source sources[],
                         size_t count, struct buffer *out)
{
    struct document document = {0};
    size_t start = out->len;

    begin(self);
    unite(self, view, sources, count, &document);
    finish(self, entity, view, &document);
    write_document(&document, dialect_entity(entity, view->dialect, &self->scratch), &self->scratch,
                   self->key, out);
    if (!out->overflowed)
        return STATUS_OK;
    buffer_cut(out, start);
    return STATUS_LIMIT;
}
