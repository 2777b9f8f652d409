/* filter_write.c - filters as bytes, the same for the same filters. */
#include "pidf/filter/filter_set.h"
#include "pidf/xml/escape.h"
#include "server/base/must.h"

/* Every namespace in use gets a prefix, "n1", "n2" ... by the order in which they are met. */
struct uris {
    struct scratch *scratch;
    const char **at;
    size_t count;
    size_t cap;
};

static void meet(void *user, const char *uri)
{
    struct uris *self = user;

    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->at[i], uri) == 0)
            return;
    if (self->count == self->cap) {
        const char **larger;

        self->cap = self->cap == 0 ? 8 : 2 * self->cap;
        larger = scratch_alloc(self->scratch, self->cap * sizeof(larger[0]));
        for (size_t i = 0; i < self->count; i++)
            larger[i] = self->at[i];
        self->at = larger;
    }
    self->at[self->count++] = uri;
}

static void put_prefix(const struct selector_namer *self, const char *uri, struct buffer *out)
{
    size_t i = 0;

    while (i < self->uri_count && strcmp(self->uris[i], uri) != 0)
        i++;
    must(i < self->uri_count);
    buffer_put_char(out, 'n');
    buffer_put_u64(out, i + 1);
    buffer_put_char(out, ':');
}

static void put_expanded(const struct selector_namer *self, const char *uri, struct buffer *out)
{
    (void)self;
    buffer_put_char(out, '{');
    buffer_put(out, span_of(uri));
    buffer_put_char(out, '}');
}

/* ---- elements ---- */

static void put_attribute(const char *name, const char *value, struct buffer *out)
{
    if (value == NULL)
        return;
    buffer_put_char(out, ' ');
    buffer_put(out, span_of(name));
    buffer_put(out, SPAN("=\""));
    escape_put_value(out, span_of(value));
    buffer_put_char(out, '"');
}

struct writing {
    struct selector_namer namer;
    struct buffer expression; /* before it is escaped */
    struct buffer *out;
};

static void put_selector(struct writing *self, const struct selector *selector)
{
    buffer_reset(&self->expression);
    selector_write(selector, &self->namer, &self->expression);
    escape_put_text(self->out, buffer_span(&self->expression));
}

static void put_choices(struct writing *self, const char *name, const struct filter_choice *choice)
{
    for (; choice != NULL; choice = choice->next) {
        buffer_printf(self->out, "<%s%s>", name, choice->uri == NULL ? "" : " type=\"namespace\"");
        if (choice->uri == NULL)
            put_selector(self, &choice->selector);
        else
            escape_put_text(self->out, span_of(choice->uri));
        buffer_printf(self->out, "</%s>", name);
    }
}

static void put_trigger(struct writing *self, const struct filter_trigger *trigger)
{
    static const char *const names[] = {
        [CHANGE_CHANGED] = "changed", [CHANGE_ADDED] = "added", [CHANGE_REMOVED] = "removed"};

    buffer_put(self->out, SPAN("<trigger>"));
    for (const struct filter_change *change = trigger->changes; change != NULL;
         change = change->next) {
        buffer_printf(self->out, "<%s", names[change->kind]);
        put_attribute("from", change->from, self->out);
        put_attribute("to", change->to, self->out);
        put_attribute("by", change->by, self->out);
        buffer_put_char(self->out, '>');
        put_selector(self, &change->selector);
        buffer_printf(self->out, "</%s>", names[change->kind]);
    }
    buffer_put(self->out, SPAN("</trigger>"));
}

/* A filter without contents gets an empty <what>, so that it reads as one that had its say. */
static void put_filter(struct writing *self, const struct filter *filter)
{
    const struct filter_rules *rules = &filter->rules;

    buffer_put(self->out, SPAN("<filter"));
    put_attribute("id", filter->id, self->out);
    put_attribute("uri", filter->uri, self->out);
    put_attribute("domain", filter->domain, self->out);
    put_attribute("enabled", filter->enabled ? NULL : "false", self->out);
    buffer_put_char(self->out, '>');
    if (filter->said) {
        buffer_put(self->out, SPAN("<what>"));
        put_choices(self, "include", rules->includes);
        put_choices(self, "exclude", rules->excludes);
        buffer_put(self->out, SPAN("</what>"));
    }
    for (const struct filter_trigger *trigger = rules->triggers; trigger != NULL;
         trigger = trigger->next)
        put_trigger(self, trigger);
    buffer_put(self->out, SPAN("</filter>"));
}

/* ---- namespaces ---- */

static void meet_choices(struct uris *uris, const struct filter_choice *choice)
{
    for (; choice != NULL; choice = choice->next)
        if (choice->uri == NULL)
            selector_namespaces(&choice->selector, meet, uris);
}

static void meet_rules(struct uris *uris, const struct filter_rules *rules)
{
    meet_choices(uris, rules->includes);
    meet_choices(uris, rules->excludes);
    for (const struct filter_trigger *trigger = rules->triggers; trigger != NULL;
         trigger = trigger->next)
        for (const struct filter_change *change = trigger->changes; change != NULL;
             change = change->next)
            selector_namespaces(&change->selector, meet, uris);
}

static void put_bindings(const struct uris *uris, struct buffer *out)
{
    if (uris->count == 0)
        return;
    buffer_put(out, SPAN("<ns-bindings>"));
    for (size_t i = 0; i < uris->count; i++) {
        buffer_printf(out, "<ns-binding prefix=\"n%zu\"", i + 1);
        put_attribute("urn", uris->at[i], out);
        buffer_put(out, SPAN("/>"));
    }
    buffer_put(out, SPAN("</ns-bindings>"));
}

/* ---- the whole ---- */

void filter_write(const struct filter *filters, struct scratch *scratch, struct buffer *out)
{
    struct uris uris = {.scratch = scratch};
    struct writing writing = {.out = out};

    for (const struct filter *filter = filters; filter != NULL; filter = filter->next)
        meet_rules(&uris, &filter->rules);
    writing.namer = (struct selector_namer){put_prefix, uris.at, uris.count};
    buffer_init(&writing.expression, out->max_bytes);
    buffer_put(out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\">"));
    put_bindings(&uris, out);
    for (const struct filter *filter = filters; filter != NULL; filter = filter->next)
        put_filter(&writing, filter);
    buffer_put(out, SPAN("</filter-set>\n"));
    buffer_deinit(&writing.expression);
}

/* ---- what two filters have to share for one document to do for both ---- */

static int compare_spans(const void *a, const void *b)
{
    const struct span *one = a, *other = b;
    int order = memcmp(one->at, other->at, one->len < other->len ? one->len : other->len);

    return order != 0 ? order : (one->len > other->len) - (one->len < other->len);
}

static struct span choice_octets(const struct filter_choice *choice, struct scratch *scratch,
                                 struct buffer *expression)
{
    static const struct selector_namer namer = {.put_namespace = put_expanded};

    buffer_reset(expression);
    if (choice->uri == NULL)
        selector_write(&choice->selector, &namer, expression);
    else
        put_expanded(NULL, choice->uri, expression);
    return scratch_copy(scratch, buffer_span(expression));
}

/* Inclusions add up and exclusions too, so their order and repetition say nothing. */
static void put_view(char mark, const struct filter_choice *first, struct scratch *scratch,
                     struct buffer *out)
{
    struct span *lines, before = {0};
    struct buffer expression;
    size_t count = 0, i = 0;

    for (const struct filter_choice *choice = first; choice != NULL; choice = choice->next)
        count++;
    if (count == 0)
        return;
    buffer_init(&expression, out->max_bytes);
    lines = scratch_alloc(scratch, count * sizeof(lines[0]));
    for (const struct filter_choice *choice = first; choice != NULL; choice = choice->next)
        lines[i++] = choice_octets(choice, scratch, &expression);
    qsort(lines, count, sizeof(lines[0]), compare_spans);
    for (i = 0; i < count; before = lines[i++]) {
        if (i > 0 && span_equal(lines[i], before))
            continue;
        buffer_put_char(out, mark); /* with its length, since a literal may hold any mark */
        buffer_put_u64(out, lines[i].len);
        buffer_put_char(out, ' ');
        buffer_put(out, lines[i]);
    }
    buffer_deinit(&expression);
}

void filter_write_view(const struct filter_rules *rules, struct scratch *scratch,
                       struct buffer *out)
{
    put_view('+', rules->includes, scratch, out);
    put_view('-', rules->excludes, scratch, out);
}
