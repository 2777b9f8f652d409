/* filter_set.c - the filters of a subscription: merged, judged, and the one that applies. */
#include "pidf/filter/filter_set.h"
#include "server/base/must.h"

#include <stdlib.h>

/* ---- what a later SUBSCRIBE changes (RFC 4660 section 5.2.2) ---- */

static void remove_filter(struct filter **first, const char *id)
{
    while (*first != NULL && strcmp((*first)->id, id) != 0)
        first = &(*first)->next;
    if (*first != NULL)
        *first = (*first)->next;
}

/* Without contents of its own it enables or disables the one that stands. */
static void replace(struct filter *standing, const struct filter *update)
{
    struct filter *next = standing->next;

    if (!filter_rules_are_empty(&update->rules)) {
        *standing = *update;
        standing->next = next;
        return;
    }
    standing->enabled = update->enabled;
    standing->said = standing->said || update->said;
    if (update->uri == NULL && update->domain == NULL)
        return;
    standing->uri = update->uri;
    standing->domain = update->domain;
    standing->is_own = update->is_own;
}

static void append_copy(struct filter **first, const struct filter *filter, struct scratch *scratch)
{
    struct filter *copy = scratch_alloc(scratch, sizeof(*copy));

    *copy = *filter;
    copy->next = NULL;
    while (*first != NULL)
        first = &(*first)->next;
    *first = copy;
}

/* The filters of both, as copies in scratch memory. */
static struct filter *merge(struct filterer *self, const struct simple_filter *standing,
                            const struct simple_filter *update)
{
    struct filter *merged = NULL;

    if (standing != NULL)
        for (const struct filter *filter = standing->filters; filter != NULL; filter = filter->next)
            append_copy(&merged, filter, &self->scratch);
    for (const struct filter *filter = update->filters; filter != NULL; filter = filter->next) {
        struct filter *known = filter_find(merged, filter->id);

        if (filter->removed) /* also when it is gone already: the request may be a repetition */
            remove_filter(&merged, filter->id);
        else if (known != NULL)
            replace(known, filter);
        else
            append_copy(&merged, filter, &self->scratch);
    }
    return merged;
}

static bool have_same_target(const struct filter *a, const struct filter *b,
                             const struct filter_scope *scope)
{
    if (a->is_own || b->is_own)
        return a->is_own && b->is_own;
    if (a->domain != NULL || b->domain != NULL)
        return a->domain != NULL && b->domain != NULL &&
               span_equal_nocase(span_of(a->domain), span_of(b->domain));
    return scope->same_uri(span_of(a->uri), span_of(b->uri));
}

/*
 * RFC 4660 sections 3.3.1 and 5.2: one filter for a resource or domain; a disabled one is as if
 * it were absent (section 5.3). RFC 4661 section 3.4: an enabled one has contents.
 */
static const char *judge(const struct filter *filters, const struct filter_scope *scope)
{
    for (const struct filter *one = filters; one != NULL; one = one->next) {
        if (!one->enabled)
            continue;
        if (!one->said)
            return "Filter Without Contents";
        for (const struct filter *other = one->next; other != NULL; other = other->next)
            if (other->enabled && have_same_target(one, other, scope))
                return "Two Filters for One Resource";
    }
    return NULL;
}

/* ---- the whole ---- */

static enum filter_verdict fault(struct pidf_fault *fault, enum filter_verdict verdict,
                                 const char *phrase)
{
    if (fault != NULL)
        *fault = (struct pidf_fault){phrase, 0};
    return verdict;
}

static enum filter_verdict parse(struct filterer *self, struct span body, struct parsed *parsed,
                                 struct pidf_fault *out)
{
    switch (parser_parse(self->filter_parser, body, &self->scratch, parsed, out)) {
    case STATUS_OK:
        return FILTER_ACCEPTED;
    case STATUS_LIMIT:
        return FILTER_TOO_LARGE;
    case STATUS_MALFORMED:
    case STATUS_NOT_FOUND:
    case STATUS_CONFLICT:
    case STATUS_FAILED:
    case STATUS_UNAVAILABLE:
        break;
    }
    return FILTER_MALFORMED;
}

/*
 * What is merged is written and read again, so it is held to the same limits as what comes in,
 * and what stands in a subscription's row can always be read.
 */
static enum filter_verdict make(struct filterer *self, const struct filter_scope *scope,
                                const struct filter *merged, struct simple_filter **out,
                                struct pidf_fault *out_fault)
{
    struct hold measured = {.scratch = &self->scratch}, block = {0};
    enum filter_verdict verdict;
    struct parsed parsed;
    const char *refusal;

    buffer_reset(&self->text);
    filter_write(merged, &self->scratch, &self->text);
    if (self->text.overflowed)
        return fault(out_fault, FILTER_TOO_LARGE, "Filters Too Large");
    verdict = parse(self, buffer_span(&self->text), &parsed, out_fault);
    if (verdict != FILTER_ACCEPTED)
        return verdict;
    refusal = filter_read(self, scope, parsed.root, &measured, out);
    if (refusal != NULL)
        return fault(out_fault, FILTER_NOT_ACCEPTABLE, refusal);
    block.at = malloc(measured.used_bytes);
    must(block.at != NULL);
    refusal = filter_read(self, scope, parsed.root, &block, out); /* which begins with itself */
    must(refusal == NULL && block.used_bytes == measured.used_bytes);
    return FILTER_ACCEPTED;
}

enum filter_verdict simple_filter_update(struct filterer *self, const struct filter_scope *scope,
                                         const struct simple_filter *standing, struct span body,
                                         struct simple_filter **out, struct pidf_fault *out_fault)
{
    struct simple_filter *update, *made = NULL;
    enum filter_verdict verdict;
    struct filter *merged;
    struct parsed parsed;
    const char *refusal;
    struct hold hold = {.scratch = &self->scratch};

    scratch_reset(&self->scratch);
    parser_tidy(self->filter_parser);
    verdict = parse(self, body, &parsed, out_fault);
    if (verdict != FILTER_ACCEPTED)
        return verdict;
    refusal = filter_read(self, scope, parsed.root, &hold, &update);
    if (refusal != NULL)
        return fault(out_fault, FILTER_NOT_ACCEPTABLE, refusal);
    merged = merge(self, standing, update);
    refusal = judge(merged, scope);
    if (refusal != NULL)
        return fault(out_fault, FILTER_NOT_ACCEPTABLE, refusal);
    if (merged != NULL)
        verdict = make(self, scope, merged, &made, out_fault);
    if (verdict == FILTER_ACCEPTED)
        *out = made;
    return verdict;
}

void simple_filter_free(struct simple_filter *self)
{
    free(self);
}

void simple_filter_write(const struct simple_filter *self, struct buffer *out)
{
    struct scratch scratch = {0};

    filter_write(self->filters, &scratch, out);
    scratch_deinit(&scratch);
}

/* ---- which one applies ---- */

/* Of sip:user@host:port;p=v the host, also in brackets; empty when there is none. */
static struct span domain_of(struct span uri)
{
    const char *at = span_find(uri, '@');
    struct span rest, host;

    if (at == NULL)
        return (struct span){0};
    rest = span_skip(uri, (size_t)(at + 1 - uri.at));
    host = (struct span){rest.at, 0};
    if (span_begins(rest, SPAN("[")))
        while (host.len < rest.len && rest.at[host.len] != ']')
            host.len++;
    while (host.len < rest.len && strchr(":;?>", rest.at[host.len]) == NULL)
        host.len++;
    return host;
}

static bool is_for(const struct simple_filter *self, const struct filter *filter,
                   struct span resource)
{
    if (filter->uri != NULL)
        return self->same_uri(span_of(filter->uri), resource);
    return filter->domain == NULL && self->same_uri(self->resource, resource);
}

const struct filter_rules *simple_filter_for(const struct simple_filter *self, struct span resource)
{
    const struct filter *of_domain = NULL, *own = NULL;
    struct span domain = domain_of(resource);

    if (self == NULL)
        return NULL;
    for (const struct filter *filter = self->filters; filter != NULL; filter = filter->next) {
        if (!filter->enabled)
            continue;
        if (is_for(self, filter, resource))
            return &filter->rules;
        if (filter->domain != NULL && span_equal_nocase(span_of(filter->domain), domain))
            of_domain = filter;
        else if (filter->is_own)
            own = filter;
    }
    if (of_domain != NULL)
        return &of_domain->rules;
    return own == NULL ? NULL : &own->rules;
}

struct span filter_rules_view(const struct filter_rules *rules)
{
    return rules == NULL ? (struct span){0} : rules->view;
}

bool filter_rules_have_triggers(const struct filter_rules *rules)
{
    return rules != NULL && rules->triggers != NULL;
}
