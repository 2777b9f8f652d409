/* trigger.c - pairs the nodes of two documents, then compares those that an expression selects. */
#include "pidf/filter/trigger.h"

#include "pidf/filter/decimal.h"
#include "pidf/xml/seen.h"
#include "pidf/xml/value.h"
#include "server/base/crypto.h"

/* ---- the same thing in two documents ---- */

static struct span id_of(const struct node *self)
{
    const struct attribute *id;

    if (self->attribute != NULL || element_is(self->element, VOCABULARY_DATA_MODEL, "person"))
        return (struct span){0};
    id = element_attribute(self->element, VOCABULARY_ABSENT, "id");
    return id == NULL ? (struct span){0} : id->value;
}

/* Names of one parser's trees: equal URIs are equal pointers. */
static bool is_same(const struct node *a, const struct node *b)
{
    const struct name *one = node_name(a), *other = node_name(b);

    return one->uri == other->uri && strcmp(one->local, other->local) == 0 &&
           span_equal(id_of(a), id_of(b));
}

static uint64_t identity_hash(const struct node *self, const uint64_t key[2])
{
    return hash64(key, span_of(node_name(self)->local)) ^ hash64(key, id_of(self)) * 3;
}

/* Siblings that share name and id, in order. Of ten thousand each is met once. */
struct run {
    const struct node *first;
    struct node *next; /* who is paired next */
    struct node *last;
};

static struct run *find_run(const struct seen *runs, const struct node *node, uint64_t hash)
{
    size_t at = 0;
    struct run *found;

    while ((found = seen_next(runs, hash, &at)) != NULL)
        if (is_same(found->first, node))
            return found;
    return NULL;
}

static void add_to_run(struct seen *runs, struct node *node, struct scratch *scratch,
                       const uint64_t key[2])
{
    uint64_t hash = identity_hash(node, key);
    struct run *run = find_run(runs, node, hash);

    if (run == NULL) {
        run = scratch_alloc(scratch, sizeof(*run));
        run->first = run->next = node;
        seen_add(runs, scratch, hash, run);
    } else {
        run->last->same = node;
    }
    run->last = node;
}

static void pair_siblings(struct node *before, struct node *now, struct scratch *scratch,
                          const uint64_t key[2])
{
    struct seen runs = {0};

    for (; before != NULL; before = before->next)
        add_to_run(&runs, before, scratch, key);
    for (; now != NULL; now = now->next) {
        struct run *run = find_run(&runs, now, identity_hash(now, key));

        if (run == NULL || run->next == NULL)
            continue;
        now->counterpart = run->next;
        run->next->counterpart = now;
        run->next = run->next->same;
        if (now->element != NULL)
            trigger_pair(now->counterpart, now, scratch, key);
    }
}

void trigger_pair(struct node *before, struct node *now, struct scratch *scratch,
                  const uint64_t key[2])
{
    before->counterpart = now;
    now->counterpart = before;
    pair_siblings(before->attributes, now->attributes, scratch, key);
    pair_siblings(before->first, now->first, scratch, key);
}

/* ---- values ---- */

static bool is_open_or_closed(const struct node *self)
{
    return self->element != NULL && (element_is(self->element, VOCABULARY_PIDF, "basic") ||
                                     element_is(self->element, VOCABULARY_TIMED_STATUS, "basic"));
}

/* RFC 4661 section 6.2 writes "OPEN" and means "open": for <basic> the case says nothing. */
static bool spans_match(const struct node *self, struct span a, struct span b)
{
    return is_open_or_closed(self) ? span_equal_nocase(value_trim(a), value_trim(b))
                                   : span_equal(value_trim(a), value_trim(b));
}

/* The value of what holds no element: its text, in the one run that the parser makes of it. */
static struct span value_of(const struct node *self)
{
    if (self->attribute != NULL)
        return self->attribute->value;
    return self->element->first == NULL || !node_is_leaf(self) ? (struct span){0}
                                                               : self->element->first->text;
}

static bool have_equal_values(const struct node *a, const struct node *b)
{
    bool is_value = a->attribute != NULL || (node_is_leaf(a) && node_is_leaf(b));

    return is_value ? spans_match(a, value_of(a), value_of(b))
                    : element_equal(a->element, b->element);
}

/* ---- one change ---- */

static bool moved_by(const struct node *before, const struct node *now, int64_t by)
{
    int64_t from, to;

    return before != NULL && now != NULL && decimal_parse(value_of(before), &from) &&
           decimal_parse(value_of(now), &to) && (to > from ? to - from : from - to) >= by;
}

static bool has_value(const struct node *self, const char *value)
{
    return self != NULL && spans_match(self, value_of(self), span_of(value));
}

/*
 * What is not there has no value, which is not the value of anything: a watcher that is new has
 * changed to "pending" (the filter of RFC 4661 section 6.3 would miss it else), and one that is
 * gone has changed from "active".
 */
static bool has_changed(const struct filter_change *change, const struct node *before,
                        const struct node *now)
{
    if (before != NULL && now != NULL && have_equal_values(before, now))
        return false;
    return (change->from == NULL || has_value(before, change->from)) &&
           (change->to == NULL || has_value(now, change->to)) &&
           (change->by == NULL || moved_by(before, now, change->by_millionths));
}

struct watching {
    const struct filter_change *change;
    bool is_before; /* of the older document, where only what is gone is looked at */
    bool met;
};

static bool visit(void *user, struct node *node)
{
    struct watching *self = user;

    switch (self->change->kind) {
    case CHANGE_ADDED:
        self->met = !self->is_before && node->counterpart == NULL;
        break;
    case CHANGE_REMOVED:
        self->met = self->is_before && node->counterpart == NULL;
        break;
    case CHANGE_CHANGED:
        if (!self->is_before)
            self->met = has_changed(self->change, node->counterpart, node);
        else if (node->counterpart == NULL)
            self->met = has_changed(self->change, node, NULL);
        break;
    }
    return self->met;
}

/* An expression without conditions selects a node in one document if it does in the other. */
static bool has_happened(const struct filter_change *change, struct node *before, struct node *now,
                         struct select_budget *budget)
{
    struct watching watching = {.change = change};

    (void)select_nodes(&change->selector, now, budget, visit, &watching);
    if (watching.met)
        return true;
    watching.is_before = true;
    (void)select_nodes(&change->selector, before, budget, visit, &watching);
    return watching.met;
}

bool trigger_met(const struct filter_trigger *triggers, struct node *before, struct node *now,
                 struct select_budget *budget)
{
    for (const struct filter_trigger *trigger = triggers; trigger != NULL;
         trigger = trigger->next) {
        const struct filter_change *change = trigger->changes;

        while (change != NULL && has_happened(change, before, now, budget))
            change = change->next;
        if (change == NULL)
            return true;
    }
    return false;
}
