/* person.c - RFC 4479 section 3.2: there is only one person, whatever many devices say of it. */
#include "pidf/person.h"

#include "pidf/schema.h"
#include "pidf/xml/seen.h"

#include "server/base/crypto.h"

struct merge {
    struct scratch *scratch;
    const uint64_t *key;
    struct element *person;
    struct seen seen; /* children of `person`, by place or by content */
    struct element_list notes;
    struct element *timestamp;
};

static bool same_attribute(const struct element *a, const struct element *b, const char *local)
{
    const struct attribute *in_a = element_attribute(a, VOCABULARY_ABSENT, local);
    const struct attribute *in_b = element_attribute(b, VOCABULARY_ABSENT, local);

    return in_a == NULL || in_b == NULL ? in_a == in_b : span_equal(in_a->value, in_b->value);
}

/* RFC 4480 section 3.1: several of one name may stand together if their times differ. */
static bool same_place(const struct element *a, const struct element *b)
{
    return a->name.vocabulary == b->name.vocabulary && strcmp(a->name.local, b->name.local) == 0 &&
           same_attribute(a, b, "from") && same_attribute(a, b, "until");
}

static uint64_t place_hash(const struct element *self, const uint64_t key[2])
{
    const struct attribute *from = element_attribute(self, VOCABULARY_ABSENT, "from");
    const struct attribute *until = element_attribute(self, VOCABULARY_ABSENT, "until");
    uint64_t hash = hash64(key, span_of(self->name.local));

    if (from != NULL)
        hash = 3 * hash + hash64(key, from->value);
    if (until != NULL)
        hash = 5 * hash + hash64(key, until->value);
    return hash;
}

static struct element *find_place(const struct merge *merge, const struct element *child,
                                  uint64_t hash)
{
    size_t at = 0;
    struct element *found;

    while ((found = seen_next(&merge->seen, hash, &at)) != NULL)
        if (same_place(found, child))
            return found;
    return NULL;
}

static bool is_there(const struct seen *seen, const struct element *child, uint64_t hash)
{
    size_t at = 0;
    struct element *found;

    while ((found = seen_next(seen, hash, &at)) != NULL)
        if (element_equal(found, child))
            return true;
    return false;
}

/* Appends to `into` what of `from` it has not: notes and activities that were said already fall. */
static void unite(const struct merge *merge, struct element *into, struct element *from)
{
    struct seen seen = {0};
    struct element *next;
    struct element *old = element_take_children(into);

    for (int round = 0; round < 2; round++, old = element_take_children(from))
        for (struct element *child = old; child != NULL; child = next) {
            uint64_t hash = element_hash(child, merge->key);

            next = child->next;
            if (is_there(&seen, child, hash))
                continue;
            seen_add(&seen, merge->scratch, hash, child);
            element_append(into, child);
        }
}

static bool is_united(const struct element *child)
{
    return element_is(child, VOCABULARY_RPID, "activities") ||
           element_is(child, VOCABULARY_RPID, "mood");
}

/* Elements of which one stands: those that RFC 4480 and 4482 define. */
static bool is_single(const struct element *child)
{
    return (child->name.vocabulary == VOCABULARY_RPID && rpid_shape(child->name.local) != NULL) ||
           (child->name.vocabulary == VOCABULARY_CIPID && cipid_shape(child->name.local) != NULL);
}

static struct span attribute_value(const struct element *self, const char *local)
{
    const struct attribute *attribute = element_attribute(self, VOCABULARY_ABSENT, local);

    return attribute == NULL ? (struct span){0} : attribute->value;
}

/* RFC 4480 section 3.14: a person's is the most recent of all devices, not the last heard of. */
static bool is_fresher_input(const struct element *a, const struct element *b)
{
    bool active = span_equal(element_text(a), SPAN("active"));

    if (!element_is(a, VOCABULARY_RPID, "user-input"))
        return false;
    if (!span_equal(element_text(a), element_text(b)))
        return active;
    return value_is_later(attribute_value(a, "last-input"), attribute_value(b, "last-input"));
}

static void replace(struct element *standing, const struct element *by)
{
    standing->attributes = by->attributes;
    standing->first = by->first;
    standing->last = by->last;
}

static void keep(struct merge *merge, struct element *child, uint64_t hash)
{
    seen_add(&merge->seen, merge->scratch, hash, child);
    if (element_is(child, VOCABULARY_DATA_MODEL, "note"))
        element_list_append(&merge->notes, child);
    else
        element_append(merge->person, child);
}

static void merge_child(struct merge *merge, struct element *child)
{
    if (element_is(child, VOCABULARY_DATA_MODEL, "timestamp")) {
        if (merge->timestamp == NULL)
            merge->timestamp = child;
    } else if (is_single(child)) {
        uint64_t hash = place_hash(child, merge->key);
        struct element *standing = find_place(merge, child, hash);

        if (standing == NULL && is_united(child))
            unite(merge, child, &(struct element){0});
        if (standing == NULL)
            keep(merge, child, hash);
        else if (is_united(child))
            unite(merge, standing, child);
        else if (is_fresher_input(child, standing))
            replace(standing, child);
    } else {
        uint64_t hash = element_hash(child, merge->key);

        if (!is_there(&merge->seen, child, hash))
            keep(merge, child, hash);
    }
}

/* United lists are out of the schema's order: notes first, `unknown` only when alone. */
static void tidy_united(struct merge *merge)
{
    for (struct element *child = merge->person->first; child != NULL; child = child->next)
        if (is_united(child))
            (void)schema_mend(child, rpid_shape(child->name.local), merge->scratch);
}

static void adopt_id(struct element *self, const struct element *from, struct scratch *scratch)
{
    const struct attribute *id = element_attribute(from, VOCABULARY_ABSENT, "id");

    if (id != NULL && self->attributes == NULL)
        element_attribute_add(self, scratch, VOCABULARY_ABSENT, "id", id->value)->is_id = true;
}

struct element *person_merge(const struct element_list *persons, struct scratch *scratch,
                             const uint64_t key[2])
{
    struct merge merge = {.scratch = scratch, .key = key};
    struct element *next;

    if (persons->first == NULL)
        return NULL;
    merge.person = element_new(scratch, VOCABULARY_DATA_MODEL, "person");
    for (struct element *from = persons->first; from != NULL; from = from->next) {
        adopt_id(merge.person, from, scratch);
        for (struct element *child = element_take_children(from); child != NULL; child = next) {
            next = child->next;
            merge_child(&merge, child);
        }
    }
    tidy_united(&merge);
    for (struct element *note = merge.notes.first; note != NULL; note = next) {
        next = note->next;
        element_append(merge.person, note);
    }
    if (merge.timestamp != NULL)
        element_append(merge.person, merge.timestamp);
    return merge.person;
}
