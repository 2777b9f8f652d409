/* selector.c - RFC 4661 section 5, by recursive descent. */
#include "pidf/filter/selector.h"

#include "pidf/filter/decimal.h"
#include "pidf/xml/element.h"
#include "pidf/xml/value.h"
#include "server/base/must.h"

struct reading {
    struct span rest;
    const struct selector_terms *terms;
    struct hold *hold;
    const char *refusal; /* the first one stands */
};

static const char malformed[] = "Malformed Filter Expression";
static const char unsupported[] = "Unsupported Filter Expression";

static bool refuse(struct reading *self, const char *refusal)
{
    if (self->refusal == NULL)
        self->refusal = refusal;
    return false;
}

/* ---- tokens ---- */

static void skip_space(struct reading *self)
{
    while (!span_empty(self->rest) && strchr(" \t\r\n", *self->rest.at) != NULL)
        self->rest = span_skip(self->rest, 1);
}

static bool is_next(struct reading *self, char byte)
{
    skip_space(self);
    return !span_empty(self->rest) && *self->rest.at == byte;
}

static bool take(struct reading *self, char byte)
{
    if (!is_next(self, byte))
        return false;
    self->rest = span_skip(self->rest, 1);
    return true;
}

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_char(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* An NCName; no white space may stand in front of it when `joined`. */
static struct span take_name(struct reading *self, bool joined)
{
    struct span name;

    if (!joined)
        skip_space(self);
    name = (struct span){self->rest.at, 0};
    if (span_empty(self->rest) || !is_name_start(*self->rest.at))
        return name;
    while (name.len < self->rest.len && is_name_char(self->rest.at[name.len]))
        name.len++;
    self->rest = span_skip(self->rest, name.len);
    return name;
}

static bool take_word(struct reading *self, struct span word)
{
    struct span before = self->rest;

    if (span_equal(take_name(self, false), word))
        return true;
    self->rest = before;
    return false;
}

/* ---- names ---- */

/*
 * A prefix means what <ns-binding> says. Failing that, the customary prefixes of presence
 * documents mean what they always do: RFC 4661 section 6.5 itself uses "pidf" without a binding.
 */
static const char *find_namespace(const struct reading *self, struct span prefix)
{
    for (size_t i = 0; i < self->terms->binding_count; i++)
        if (span_equal(self->terms->bindings[i].prefix, prefix))
            return self->terms->bindings[i].uri;
    for (int v = VOCABULARY_PIDF; v <= VOCABULARY_XML; v++)
        if (span_equal(span_of(vocabulary_prefix((enum vocabulary)v)), prefix))
            return vocabulary_uri((enum vocabulary)v);
    return NULL;
}

/* RFC 4661 section 5: without a prefix a name is in no namespace, whatever the default is. */
static bool parse_name(struct reading *self, struct selector_step *step)
{
    struct span first = take_name(self, false), local = first;

    if (span_empty(first))
        return refuse(self, is_next(self, '.') || is_next(self, '*') ? unsupported : malformed);
    if (span_begins(self->rest, SPAN("::")))
        return refuse(self, unsupported);
    if (span_begins(self->rest, SPAN(":"))) {
        self->rest = span_skip(self->rest, 1);
        local = take_name(self, true);
        if (span_empty(local))
            return refuse(self, is_next(self, '*') ? unsupported : malformed);
        step->uri = find_namespace(self, first);
        if (step->uri == NULL)
            return refuse(self, "Unknown Prefix in Filter Expression");
    }
    step->local = hold_string(self->hold, local);
    return !is_next(self, '(') || refuse(self, unsupported);
}

/* ---- paths ---- */

static bool parse_condition_list(struct reading *self, struct selector_condition **out);

/* What stands between two slashes. */
static bool parse_step(struct reading *self, bool conditions_allowed, struct selector_step *step)
{
    if (take(self, '@')) {
        step->attribute = true;
        if (!parse_name(self, step))
            return false;
    } else if (!take(self, '*') && !parse_name(self, step)) {
        return false;
    }
    if (!take(self, '['))
        return true;
    if (!conditions_allowed)
        return refuse(self, "Filter Condition Not Allowed Here");
    return parse_condition_list(self, &step->condition);
}

static bool take_slashes(struct reading *self, struct selector_step *step)
{
    if (!take(self, '/'))
        return false;
    if (span_begins(self->rest, SPAN("/"))) {
        self->rest = span_skip(self->rest, 1);
        step->descendant = true;
    }
    return true;
}

/* The slash in front of the first step has been taken, or is not there in a relative path. */
static bool parse_steps(struct reading *self, bool conditions_allowed, struct selector_step first,
                        struct selector *out)
{
    struct selector_step steps[SELECTOR_STEPS_MAX] = {first};
    size_t count = 0;

    must(self->terms->steps <= SELECTOR_STEPS_MAX);
    do {
        if (!parse_step(self, conditions_allowed, &steps[count]))
            return false;
        if (steps[count++].attribute)
            break;
        if (!is_next(self, '/'))
            break;
        if (count == self->terms->steps)
            return refuse(self, "Too Many Steps in Filter Expression");
    } while (take_slashes(self, &steps[count]));
    out->steps = hold_alloc(self->hold, count * sizeof(steps[0]));
    memcpy(out->steps, steps, count * sizeof(steps[0]));
    out->step_count = count;
    return true;
}

/* ---- conditions ---- */

static bool parse_literal(struct reading *self, struct selector_condition *condition)
{
    char quote;
    const char *end;

    skip_space(self);
    if (span_empty(self->rest))
        return refuse(self, malformed);
    quote = *self->rest.at;
    if (quote == '"' || quote == '\'') {
        self->rest = span_skip(self->rest, 1);
        end = span_find(self->rest, quote);
        if (end == NULL)
            return refuse(self, malformed);
        condition->literal = span_between(self->rest.at, end);
        self->rest = span_skip(self->rest, condition->literal.len + 1);
    } else {
        end = self->rest.at;
        while (end < self->rest.at + self->rest.len && strchr("+-.0123456789", *end) != NULL)
            end++;
        condition->literal = span_between(self->rest.at, end);
        condition->numeric = true;
        self->rest = span_skip(self->rest, condition->literal.len);
    }
    if (condition->comparison != '=')
        condition->numeric = true;
    if (condition->numeric)
        condition->literal = value_trim(condition->literal);
    condition->literal.at = hold_string(self->hold, condition->literal);
    if (condition->numeric && !decimal_parse(condition->literal, &condition->millionths))
        return refuse(self, unsupported);
    return true;
}

static bool parse_subject(struct reading *self, struct selector_condition *condition)
{
    struct selector_step first = {0};

    if (take(self, '.')) {
        condition->subject = SUBJECT_SELF;
        if (span_begins(self->rest, SPAN("."))) {
            self->rest = span_skip(self->rest, 1);
            condition->subject = SUBJECT_PARENT;
        }
        return !is_next(self, '/') || refuse(self, unsupported);
    }
    condition->subject = SUBJECT_PATH;
    if (is_next(self, '/') || (!span_empty(self->rest) && *self->rest.at >= '0' &&
                               *self->rest.at <= '9')) /* absolute, or a position */
        return refuse(self, unsupported);
    return parse_steps(self, false, first, &condition->path);
}

static bool parse_condition(struct reading *self, struct selector_condition *condition)
{
    static const char comparisons[] = "=<>";

    if (!parse_subject(self, condition))
        return false;
    skip_space(self);
    if (span_empty(self->rest))
        return refuse(self, malformed);
    if (strchr(comparisons, *self->rest.at) == NULL) /* "!=", a sum, or mere existence */
        return refuse(self, unsupported);
    condition->comparison = *self->rest.at;
    self->rest = span_skip(self->rest, 1);
    if (span_begins(self->rest, SPAN("="))) /* "<=", ">=" */
        return refuse(self, unsupported);
    return parse_literal(self, condition);
}

static bool parse_condition_list(struct reading *self, struct selector_condition **out)
{
    bool alternative = false;

    for (size_t count = 0;; count++) {
        struct selector_condition *condition;

        if (count == self->terms->conditions)
            return refuse(self, "Too Many Conditions in Filter Expression");
        condition = hold_alloc(self->hold, sizeof(*condition));
        condition->begins_alternative = alternative;
        *out = condition;
        out = &condition->next;
        if (!parse_condition(self, condition))
            return false;
        if (take(self, ']'))
            return true;
        alternative = take_word(self, SPAN("or"));
        if (!alternative && !take_word(self, SPAN("and")))
            return refuse(self, span_empty(self->rest) ? malformed : unsupported);
    }
}

/* ---- the whole ---- */

const char *selector_parse(struct span text, const struct selector_terms *terms, struct hold *hold,
                           struct selector *out)
{
    struct reading self = {.rest = text, .terms = terms, .hold = hold};
    struct selector_step first = {0};
    struct selector selector;

    if (text.len > terms->expression_bytes)
        return "Filter Expression Too Long";
    if (!take_slashes(&self, &first))
        return is_next(&self, '.') || is_next(&self, '(') ? unsupported : malformed;
    if (!parse_steps(&self, terms->conditions_allowed, first, &selector))
        return self.refusal;
    if (!first.descendant && selector.steps[0].attribute) /* a document has no attributes */
        return malformed;
    skip_space(&self);
    if (!span_empty(self.rest))
        return is_next(&self, '|') || is_next(&self, '[') ? unsupported : malformed;
    *out = selector;
    return NULL;
}

/* ---- writing ---- */

static void put_path(const struct selector *self, const struct selector_namer *namer, bool relative,
                     struct buffer *out);

/* A literal came in quotes of one kind, so it holds at most those of the other. */
static void put_literal(struct span literal, struct buffer *out)
{
    char quote = span_find(literal, '"') == NULL ? '"' : '\'';

    buffer_put_char(out, quote);
    buffer_put(out, literal);
    buffer_put_char(out, quote);
}

static void put_condition(const struct selector_condition *self, const struct selector_namer *namer,
                          struct buffer *out)
{
    switch (self->subject) {
    case SUBJECT_PATH:
        put_path(&self->path, namer, true, out);
        break;
    case SUBJECT_SELF:
        buffer_put_char(out, '.');
        break;
    case SUBJECT_PARENT:
        buffer_put(out, SPAN(".."));
        break;
    }
    buffer_put_char(out, self->comparison);
    if (self->numeric)
        buffer_put(out, self->literal);
    else
        put_literal(self->literal, out);
}

static void put_conditions(const struct selector_condition *first,
                           const struct selector_namer *namer, struct buffer *out)
{
    buffer_put_char(out, '[');
    for (const struct selector_condition *one = first; one != NULL; one = one->next) {
        if (one != first)
            buffer_put(out, one->begins_alternative ? SPAN(" or ") : SPAN(" and "));
        put_condition(one, namer, out);
    }
    buffer_put_char(out, ']');
}

static void put_path(const struct selector *self, const struct selector_namer *namer, bool relative,
                     struct buffer *out)
{
    for (size_t i = 0; i < self->step_count; i++) {
        const struct selector_step *step = &self->steps[i];

        if (i > 0 || !relative)
            buffer_put(out, step->descendant ? SPAN("//") : SPAN("/"));
        if (step->attribute)
            buffer_put_char(out, '@');
        if (step->uri != NULL)
            namer->put_namespace(namer, step->uri, out);
        buffer_put(out, step->local == NULL ? SPAN("*") : span_of(step->local));
        if (step->condition != NULL)
            put_conditions(step->condition, namer, out);
    }
}

void selector_write(const struct selector *self, const struct selector_namer *namer,
                    struct buffer *out)
{
    put_path(self, namer, false, out);
}

void selector_namespaces(const struct selector *self, void (*meet)(void *user, const char *uri),
                         void *user)
{
    for (size_t i = 0; i < self->step_count; i++) {
        if (self->steps[i].uri != NULL)
            meet(user, self->steps[i].uri);
        for (const struct selector_condition *one = self->steps[i].condition; one != NULL;
             one = one->next)
            selector_namespaces(&one->path, meet, user);
    }
}
