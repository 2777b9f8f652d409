/* filter.c - one document or two through the rules of one filter. */
#include "pidf/filter/cut.h"
#include "pidf/filter/filter_set.h"
#include "pidf/filter/trigger.h"
#include "server/base/crypto.h"
#include "server/base/must.h"

#include <stdlib.h>

const struct filter_limits filter_limits_default = {
    .bytes = 16384,
    .filters = 32,
    .bindings = 32,
    .expressions = 40,
    .expression_bytes = 512,
    .steps = 16,
    .conditions = 16,
    .document_bytes = 1 << 20,
    .document_elements = 50000,
    .work = 250000, /* some milliseconds; 40 expressions over 100 elements need a tenth of it */
};

/* A composed document is deeper and has more namespaces than one that was published. */
enum { FILTER_DEPTH = 8, DOCUMENT_DEPTH = 64, ATTRIBUTES = 64, DOCUMENT_ATTRIBUTES = 4096 };

static void make_parsers(struct filterer *self)
{
    const struct pidf_limits filters = {
        .bytes = self->limits.bytes,
        .depth = FILTER_DEPTH,
        .elements = self->limits.bytes, /* the limits of their own are sooner met */
        .attributes = ATTRIBUTES,
        .namespaces = self->limits.bindings + 1,
    };
    const struct pidf_limits documents = {
        .bytes = self->limits.document_bytes,
        .depth = DOCUMENT_DEPTH,
        .elements = self->limits.document_elements,
        .attributes = DOCUMENT_ATTRIBUTES,
        .namespaces = DOCUMENT_ATTRIBUTES,
    };

    self->filter_parser = parser_new(&filters);
    self->document_parser = parser_new(&documents);
    parser_take_any_root(self->filter_parser);
    parser_take_any_root(self->document_parser);
}

struct filterer *filterer_new(const struct filter_limits *limits)
{
    struct filterer *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->limits = limits == NULL ? filter_limits_default : *limits;
    must(self->limits.steps > 0 && self->limits.steps <= SELECTOR_STEPS_MAX);
    crypto_random(self->key, sizeof(self->key));
    make_parsers(self);
    buffer_init(&self->text, self->limits.bytes > self->limits.document_bytes
                                 ? self->limits.bytes
                                 : self->limits.document_bytes);
    return self;
}

void filterer_free(struct filterer *self)
{
    if (self == NULL)
        return;
    parser_free(self->filter_parser);
    parser_free(self->document_parser);
    scratch_deinit(&self->scratch);
    buffer_deinit(&self->text);
    free(self);
}

/* ---- documents ---- */

static void begin(struct filterer *self)
{
    scratch_reset(&self->scratch);
    parser_tidy(self->document_parser);
}

static enum status read_document(struct filterer *self, struct span document, struct node **root)
{
    struct parsed parsed;
    enum status status =
        parser_parse(self->document_parser, document, &self->scratch, &parsed, NULL);

    if (status == STATUS_OK)
        *root = node_read(parsed.root, document, &self->scratch);
    return status;
}

/* ---- <what> ---- */

static bool include(void *user, struct node *node)
{
    (void)user;
    node->included = true;
    return false;
}

static bool exclude(void *user, struct node *node)
{
    (void)user;
    node->excluded = true;
    return false;
}

static bool is_in(const struct node *node, const char *uri)
{
    return node_name(node)->uri != NULL && strcmp(node_name(node)->uri, uri) == 0;
}

/*
 * RFC 4661 section 3.5.3: an included namespace brings the elements of it alone. Attributes
 * without prefix belong to their elements.
 */
static void include_namespace(struct node *node, const char *uri)
{
    node->alone = node->alone || is_in(node, uri);
    for (struct node *child = node->first; child != NULL; child = child->next)
        include_namespace(child, uri);
}

static void exclude_namespace(struct node *node, const char *uri)
{
    node->excluded = node->excluded || is_in(node, uri);
    for (struct node *attribute = node->attributes; attribute != NULL; attribute = attribute->next)
        attribute->excluded = attribute->excluded || is_in(attribute, uri);
    for (struct node *child = node->first; child != NULL; child = child->next)
        exclude_namespace(child, uri);
}

/* Exceptions without anything that they are exceptions to: to the whole document. */
static bool mark(const struct filter_rules *rules, struct node *root, struct select_budget *budget)
{
    root->included = rules->includes == NULL;
    for (const struct filter_choice *choice = rules->includes; choice != NULL;
         choice = choice->next)
        if (choice->uri != NULL)
            include_namespace(root, choice->uri);
        else if (!select_nodes(&choice->selector, root, budget, include, NULL))
            return false;
    for (const struct filter_choice *choice = rules->excludes; choice != NULL;
         choice = choice->next)
        if (choice->uri != NULL)
            exclude_namespace(root, choice->uri);
        else if (!select_nodes(&choice->selector, root, budget, exclude, NULL))
            return false;
    return true;
}

enum status filter_apply(struct filterer *self, const struct filter_rules *rules,
                         struct span document, struct buffer *out)
{
    struct select_budget budget = {.work = self->limits.work};
    size_t start = out->len;
    enum status status;
    struct node *root;

    begin(self);
    status = read_document(self, document, &root);
    if (status != STATUS_OK)
        return status;
    if (!mark(rules, root, &budget))
        return STATUS_LIMIT;
    if (!cut_decide(root)) /* RFC 4660 section 5.3.1: "sent with empty contents" */
        return STATUS_OK;
    cut_write(root, document, &self->text, out);
    if (!out->overflowed)
        return STATUS_OK;
    buffer_cut(out, start);
    return STATUS_LIMIT;
}

/* ---- <trigger> ---- */

bool filter_triggers(struct filterer *self, const struct filter_rules *rules, struct span before,
                     struct span now)
{
    struct select_budget budget = {.work = self->limits.work};
    struct node *old_root, *new_root;

    if (!filter_rules_have_triggers(rules) || span_empty(before))
        return true;
    begin(self);
    if (read_document(self, before, &old_root) != STATUS_OK ||
        read_document(self, now, &new_root) != STATUS_OK)
        return true;
    trigger_pair(old_root, new_root, &self->scratch, self->key);
    return trigger_met(rules->triggers, old_root, new_root, &budget) || budget.spent;
}
