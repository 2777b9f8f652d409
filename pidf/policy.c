/* policy.c - weighs tuples by what RFC 3863 says of <basic> and of the priority of contacts. */
#include "pidf/policy.h"

#include "pidf/xml/seen.h"
#include "pidf/xml/value.h"
#include "server/base/crypto.h"

enum { PRIORITY_ONE = 1000, NO_OPEN_TUPLE = -1 };

enum standing standing_of(const struct pidf_source *source)
{
    if (source->from_registration)
        return STANDING_REGISTRATION;
    return source->hard_state ? STANDING_HARD_STATE : STANDING_PUBLISHED;
}

/* ---- what a tuple is worth ---- */

static bool is_open(const struct element *tuple)
{
    const struct element *status = element_child(tuple, VOCABULARY_PIDF, "status");

    return status != NULL &&
           span_equal(element_child_text(status, VOCABULARY_PIDF, "basic"), SPAN("open"));
}

/* "0.021" is 21. It was judged: at most three decimals, and 1 at most. */
static int thousandths(struct span priority)
{
    int number = 0, weight = PRIORITY_ONE;

    for (size_t i = 0; i < priority.len; i++)
        if (priority.at[i] != '.') {
            number += weight * (priority.at[i] - '0');
            weight /= 10;
        }
    return number;
}

/* RFC 3863 section 4.1.5: without priority it is the lowest. */
static int priority_of(const struct element *tuple)
{
    const struct element *contact = element_child(tuple, VOCABULARY_PIDF, "contact");
    const struct attribute *priority =
        contact == NULL ? NULL : element_attribute(contact, VOCABULARY_ABSENT, "priority");

    return priority == NULL ? 0 : thousandths(priority->value);
}

/* ---- which documents ---- */

static int greatest_priority(const struct document *document)
{
    int greatest = NO_OPEN_TUPLE;

    for (const struct element *tuple = document->tuples.first; tuple != NULL; tuple = tuple->next)
        if (is_open(tuple) && priority_of(tuple) > greatest)
            greatest = priority_of(tuple);
    return greatest;
}

static void choose_by_priority(struct reading readings[], size_t count)
{
    size_t best = 0;
    struct reading chosen;

    for (size_t i = 1; i < count && readings[i].standing == readings[0].standing; i++)
        if (greatest_priority(&readings[i].document) > greatest_priority(&readings[best].document))
            best = i;
    chosen = readings[best];
    readings[best] = readings[0];
    readings[0] = chosen;
}

size_t policy_choose(enum pidf_policy policy, struct reading readings[], size_t count)
{
    switch (policy) {
    case PIDF_UNION:
    case PIDF_SINGLE:
        break;
    case PIDF_LATEST:
        return count > 0 ? 1 : 0;
    case PIDF_PRIORITY:
        if (count > 0)
            choose_by_priority(readings, count);
        return count > 0 ? 1 : 0;
    }
    return count;
}

/* ---- where the registration gives way ---- */

static bool is_said(const struct seen *seen, const struct element *name, uint64_t hash)
{
    size_t at = 0;
    const struct element *found;

    while ((found = seen_next(seen, hash, &at)) != NULL)
        if (found->name.vocabulary == name->name.vocabulary &&
            span_equal(element_text(found), element_text(name)))
            return true;
    return false;
}

/* By contact (of PIDF) and by deviceID (of the data model). */
static const enum vocabulary naming[] = {VOCABULARY_PIDF, VOCABULARY_DATA_MODEL};

static struct element *naming_child(const struct element *tuple, enum vocabulary vocabulary)
{
    return element_child(tuple, vocabulary, vocabulary == VOCABULARY_PIDF ? "contact" : "deviceID");
}

static void note_names(struct seen *seen, const struct element_list *tuples,
                       struct scratch *scratch, const uint64_t key[2])
{
    for (const struct element *tuple = tuples->first; tuple != NULL; tuple = tuple->next)
        for (size_t i = 0; i < sizeof(naming) / sizeof(naming[0]); i++) {
            struct element *name = naming_child(tuple, naming[i]);

            if (name != NULL)
                seen_add(seen, scratch, hash64(key, element_text(name)), name);
        }
}

static bool is_spoken_for(const struct seen *seen, const struct element *tuple,
                          const uint64_t key[2])
{
    for (size_t i = 0; i < sizeof(naming) / sizeof(naming[0]); i++) {
        const struct element *name = naming_child(tuple, naming[i]);

        if (name != NULL && is_said(seen, name, hash64(key, element_text(name))))
            return true;
    }
    return false;
}

static void drop_spoken_for(const struct seen *seen, struct element_list *tuples,
                            const uint64_t key[2])
{
    struct element *next, *tuple = tuples->first;

    *tuples = (struct element_list){0};
    for (; tuple != NULL; tuple = next) {
        next = tuple->next;
        if (!is_spoken_for(seen, tuple, key))
            element_list_append(tuples, tuple);
    }
}

void policy_yield(struct reading readings[], size_t count, struct scratch *scratch,
                  const uint64_t key[2])
{
    struct seen seen = {0};

    if (count == 0 || readings[count - 1].standing != STANDING_REGISTRATION)
        return; /* it stands last */
    for (size_t i = 0; i < count; i++)
        if (readings[i].standing == STANDING_REGISTRATION)
            drop_spoken_for(&seen, &readings[i].document.tuples, key);
        else
            note_names(&seen, &readings[i].document.tuples, scratch, key);
}

/* ---- the one tuple ---- */

static bool is_better(const struct element *tuple, const struct element *best)
{
    bool has_contact = element_child(tuple, VOCABULARY_PIDF, "contact") != NULL;
    bool best_has = element_child(best, VOCABULARY_PIDF, "contact") != NULL;

    if (is_open(tuple) != is_open(best))
        return is_open(tuple);
    if (has_contact != best_has)
        return has_contact;
    return priority_of(tuple) > priority_of(best);
}

static struct element *best_of(const struct element_list *tuples)
{
    struct element *best = tuples->first;

    for (struct element *tuple = best->next; tuple != NULL; tuple = tuple->next)
        if (is_better(tuple, best))
            best = tuple;
    return best;
}

static struct element *latest_timestamp(const struct element_list *tuples)
{
    struct element *latest = NULL;

    for (const struct element *tuple = tuples->first; tuple != NULL; tuple = tuple->next) {
        struct element *timestamp = element_child(tuple, VOCABULARY_PIDF, "timestamp");

        if (timestamp != NULL &&
            (latest == NULL || value_is_later(element_text(timestamp), element_text(latest))))
            latest = timestamp;
    }
    return latest;
}

/* It is the last child of a tuple. */
static void set_timestamp(struct element *tuple, struct element *timestamp)
{
    struct element *next;

    for (struct element *child = element_take_children(tuple); child != NULL; child = next) {
        next = child->next;
        if (!element_is(child, VOCABULARY_PIDF, "timestamp"))
            element_append(tuple, child);
    }
    element_append(tuple, timestamp);
}

/* Whichever tuple is the best: to who reads one, it is the same one that has changed. */
static void set_id(struct element *tuple, struct scratch *scratch)
{
    tuple->attributes = NULL;
    element_attribute_add(tuple, scratch, VOCABULARY_ABSENT, "id", SPAN("single"))->is_id = true;
}

void policy_single(struct document *document, struct scratch *scratch)
{
    struct element *best, *timestamp;

    if (document->tuples.first == NULL)
        element_list_append(&document->tuples, document_closed_tuple(scratch));
    best = best_of(&document->tuples);
    timestamp = latest_timestamp(&document->tuples);
    if (timestamp != NULL)
        set_timestamp(best, timestamp);
    set_id(best, scratch);
    document->tuples = (struct element_list){0};
    element_list_append(&document->tuples, best);
}
