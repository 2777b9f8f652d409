/* patch_selector.c - a recursive descent over the grammar. */
#include "pidf/partial/patch_selector.h"

static const char *const invalid = "Invalid Selector";

struct reading {
    struct span rest;
    const struct tree_node *patch;
    struct scratch *scratch;
};

static bool take(struct reading *self, struct span literal)
{
    if (!span_begins(self->rest, literal))
        return false;
    self->rest = span_skip(self->rest, literal.len);
    return true;
}

/* Beyond ASCII every letter passes: it names nothing unless the document has it too. */
static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0 ||
           (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
}

/* An NCName as a string of its own; NULL when there is none. */
static const char *take_name(struct reading *self)
{
    size_t len = 0;
    char *name;

    while (len < self->rest.len && is_name_char(self->rest.at[len], len == 0))
        len++;
    if (len == 0)
        return NULL;
    name = scratch_alloc(self->scratch, len + 1);
    memcpy(name, self->rest.at, len);
    self->rest = span_skip(self->rest, len);
    return name;
}

static const char *take_qname(struct reading *self, bool is_attribute, struct name *out)
{
    const char *prefix = NULL, *local = take_name(self), *uri = "";

    if (local == NULL)
        return invalid;
    if (self->rest.len > 1 && *self->rest.at == ':' && self->rest.at[1] != ':') {
        self->rest = span_skip(self->rest, 1);
        prefix = local;
        local = take_name(self);
        if (local == NULL)
            return invalid;
    }
    if (prefix != NULL || !is_attribute)
        uri = tree_node_namespace(self->patch, prefix);
    if (prefix != NULL && *uri == '\0')
        return "Invalid Namespace Prefix";
    *out =
        (struct name){.vocabulary = VOCABULARY_OTHER, .uri = uri, .prefix = prefix, .local = local};
    return NULL;
}

/* In quotes of either kind. */
static bool take_literal(struct reading *self, struct span *out)
{
    const char *end;
    char quote;

    if (span_empty(self->rest) || (*self->rest.at != '"' && *self->rest.at != '\''))
        return false;
    quote = *self->rest.at;
    self->rest = span_skip(self->rest, 1);
    end = span_find(self->rest, quote);
    if (end == NULL)
        return false;
    *out = span_between(self->rest.at, end);
    self->rest = span_skip(self->rest, out->len + 1);
    return true;
}

static bool take_number(struct reading *self, uint64_t *out)
{
    size_t len = 0;

    for (*out = 0; len < self->rest.len && self->rest.at[len] >= '0' && self->rest.at[len] <= '9';
         len++)
        if (*out < UINT32_MAX) /* more is as far out of reach */
            *out = *out * 10 + (uint64_t)(self->rest.at[len] - '0');
    self->rest = span_skip(self->rest, len);
    return len > 0;
}

static const char *take_condition(struct reading *self, struct predicate *out)
{
    const char *phrase = NULL;

    if (take_number(self, &out->position)) {
        out->kind = PREDICATE_POSITION;
        return take(self, SPAN("]")) ? NULL : invalid;
    }
    if (take(self, SPAN("."))) {
        out->kind = PREDICATE_SELF;
    } else {
        bool is_attribute = take(self, SPAN("@"));

        out->kind = is_attribute ? PREDICATE_ATTRIBUTE : PREDICATE_CHILD;
        phrase = take_qname(self, is_attribute, &out->name);
    }
    if (phrase != NULL)
        return phrase;
    return take(self, SPAN("=")) && take_literal(self, &out->value) && take(self, SPAN("]"))
               ? NULL
               : invalid;
}

/* `positions_only`: behind text() and its like stands at most one number. */
static const char *take_predicates(struct reading *self, struct step *out, bool positions_only)
{
    while (take(self, SPAN("["))) {
        struct predicate *predicate = &out->predicates[out->predicate_count];
        const char *phrase;

        if (out->predicate_count == PATCH_SELECTOR_PREDICATES_MAX)
            return "Selector Too Complex";
        phrase = take_condition(self, predicate);
        if (phrase != NULL)
            return phrase;
        if (positions_only && (out->predicate_count > 0 || predicate->kind != PREDICATE_POSITION))
            return invalid;
        out->predicate_count++;
    }
    return NULL;
}

static const char *take_instruction(struct reading *self, struct step *out)
{
    struct span target;

    out->kind = STEP_INSTRUCTION;
    out->any = take(self, SPAN(")"));
    if (out->any)
        return NULL;
    if (!take_literal(self, &target) || !take(self, SPAN(")")))
        return invalid;
    out->target = memcpy(scratch_alloc(self->scratch, target.len + 1), target.at, target.len);
    return NULL;
}

static const char *take_axis(struct reading *self, struct step *out)
{
    if (take(self, SPAN("@"))) {
        out->kind = STEP_ATTRIBUTE;
        return take_qname(self, true, &out->name);
    }
    if (!take(self, SPAN("namespace::")))
        return invalid;
    out->kind = STEP_NAMESPACE;
    out->target = take_name(self);
    return out->target == NULL ? invalid : NULL;
}

static const char *take_step(struct reading *self, struct step *out)
{
    const char *phrase = NULL;

    *out = (struct step){.kind = STEP_ELEMENT};
    if (span_begins(self->rest, SPAN("@")) || span_begins(self->rest, SPAN("namespace::")))
        return take_axis(self, out);
    if (take(self, SPAN("text()")))
        out->kind = STEP_TEXT;
    else if (take(self, SPAN("comment()")))
        out->kind = STEP_COMMENT;
    else if (take(self, SPAN("processing-instruction(")))
        phrase = take_instruction(self, out);
    else if (take(self, SPAN("*")))
        out->any = true;
    else
        phrase = take_qname(self, false, &out->name);
    return phrase != NULL ? phrase : take_predicates(self, out, out->kind != STEP_ELEMENT);
}

/* Only elements have something below them. */
static const char *take_steps(struct reading *self, struct patch_selector *out)
{
    do {
        const char *phrase;

        if (out->step_count == PATCH_SELECTOR_STEPS_MAX)
            return "Selector Too Complex";
        if (out->step_count > 0 && out->steps[out->step_count - 1].kind != STEP_ELEMENT)
            return invalid;
        phrase = take_step(self, &out->steps[out->step_count]);
        if (phrase != NULL)
            return phrase;
        out->step_count++;
    } while (take(self, SPAN("/")));
    return span_empty(self->rest) ? NULL : invalid;
}

const char *patch_selector_parse(struct span text, const struct tree_node *patch,
                                 struct scratch *scratch, struct patch_selector *out)
{
    struct reading reading = {.rest = text, .patch = patch, .scratch = scratch};

    out->step_count = 0;
    out->id = (struct span){0};
    take(&reading, SPAN("/"));
    out->by_id = take(&reading, SPAN("id("));
    if (!out->by_id)
        return take_steps(&reading, out);
    if (!take(&reading, SPAN(")")) &&
        (!take_literal(&reading, &out->id) || !take(&reading, SPAN(")"))))
        return invalid;
    if (span_empty(reading.rest))
        return NULL;
    return take(&reading, SPAN("/")) ? take_steps(&reading, out) : invalid;
}

const char *patch_selector_parse_type(struct span text, const struct tree_node *patch,
                                      struct scratch *scratch, struct step *out)
{
    struct reading reading = {.rest = text, .patch = patch, .scratch = scratch};
    const char *phrase;

    *out = (struct step){0};
    phrase = take_axis(&reading, out);
    if (phrase == NULL && !span_empty(reading.rest))
        phrase = invalid;
    return phrase == invalid ? "Invalid Patch Directive" : phrase;
}
