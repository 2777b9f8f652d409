/* filter_read.c - a tree of application/simple-filter+xml as structures (RFC 4661 section 3). */
#include "pidf/filter/filter_set.h"

#include "pidf/filter/decimal.h"
#include "pidf/xml/value.h"

static const char simple_filter_uri[] = "urn:ietf:params:xml:ns:simple-filter";

struct reading {
    struct filterer *filterer;
    const struct filter_scope *scope;
    struct hold *hold;
    struct selector_binding *bindings; /* limits.bindings of them */
    size_t binding_count;
    size_t filter_count;
    size_t expression_count;
    const char *refusal; /* the first one stands */
};

static bool refuse(struct reading *self, const char *refusal)
{
    if (self->refusal == NULL)
        self->refusal = refusal;
    return false;
}

/* ---- what the schema of RFC 4661 section 7 allows ---- */

static bool is_ours(const struct element *element, const char *local)
{
    return element->name.vocabulary == VOCABULARY_OTHER &&
           strcmp(element->name.uri, simple_filter_uri) == 0 &&
           strcmp(element->name.local, local) == 0;
}

static const struct attribute *find(const struct element *element, const char *local)
{
    return element_attribute(element, VOCABULARY_ABSENT, local);
}

static bool is_word(const char *word, const char *words)
{
    const char *found = strstr(words, word);
    size_t len = strlen(word);

    for (; found != NULL; found = strstr(found + 1, word))
        if ((found == words || found[-1] == ' ') && (found[len] == ' ' || found[len] == '\0'))
            return true;
    return false;
}

/* Attributes of other namespaces are extensions, which may be ignored (section 4). */
static bool attributes_are(struct reading *self, const struct element *element, const char *words)
{
    for (const struct attribute *attribute = element->attributes; attribute != NULL;
         attribute = attribute->next)
        if (attribute->name.vocabulary == VOCABULARY_ABSENT &&
            !is_word(attribute->name.local, words))
            return refuse(self, "Unknown Attribute in Filter");
    return true;
}

/* Of a child that is none of ours to expect: an extension, white space, or a fault. */
static bool may_be_ignored(struct reading *self, const struct element *child)
{
    if (element_is_text(child))
        return span_empty(value_trim(child->text)) || refuse(self, "Text Not Allowed in Filter");
    if (child->name.vocabulary != VOCABULARY_ABSENT &&
        (child->name.vocabulary != VOCABULARY_OTHER ||
         strcmp(child->name.uri, simple_filter_uri) != 0))
        return true;
    return refuse(self, "Unknown Element in Filter");
}

static const char *text_of(struct reading *self, const struct attribute *attribute)
{
    return attribute == NULL ? NULL : hold_string(self->hold, value_trim(attribute->value));
}

static bool read_boolean(struct reading *self, const struct element *element, const char *local,
                         bool *out)
{
    const struct attribute *attribute = find(element, local);
    struct span value;

    if (attribute == NULL)
        return true;
    value = value_trim(attribute->value);
    *out = span_equal(value, SPAN("true")) || span_equal(value, SPAN("1"));
    return *out || span_equal(value, SPAN("false")) || span_equal(value, SPAN("0")) ||
           refuse(self, "Malformed Boolean in Filter");
}

/* ---- namespaces ---- */

static bool read_binding(struct reading *self, const struct element *element)
{
    const struct attribute *prefix = find(element, "prefix"), *urn = find(element, "urn");

    if (!attributes_are(self, element, "prefix urn"))
        return false;
    if (prefix == NULL || urn == NULL || span_empty(value_trim(prefix->value)) ||
        span_empty(value_trim(urn->value)))
        return refuse(self, "Malformed Namespace Binding in Filter");
    if (self->binding_count == self->filterer->limits.bindings)
        return refuse(self, "Too Many Namespace Bindings in Filter");
    self->bindings[self->binding_count++] = (struct selector_binding){
        value_trim(prefix->value), hold_string(self->hold, value_trim(urn->value))};
    return true;
}

static bool read_bindings(struct reading *self, const struct element *element)
{
    if (self->binding_count > 0)
        return refuse(self, "Repeated Namespace Bindings in Filter");
    if (!attributes_are(self, element, ""))
        return false;
    for (const struct element *child = element->first; child != NULL; child = child->next)
        if (is_ours(child, "ns-binding") ? !read_binding(self, child)
                                         : !may_be_ignored(self, child))
            return false;
    return self->binding_count > 0 || refuse(self, "Malformed Namespace Binding in Filter");
}

/* ---- expressions ---- */

static bool read_text(struct reading *self, const struct element *element, struct span *out)
{
    if (++self->expression_count > self->filterer->limits.expressions)
        return refuse(self, "Too Many Filter Expressions");
    for (const struct element *child = element->first; child != NULL; child = child->next)
        if (!element_is_text(child))
            return refuse(self, "Unknown Element in Filter");
    *out = value_trim(element_content(element, false, &self->filterer->scratch));
    return !span_empty(*out) || refuse(self, "Empty Filter Expression");
}

static bool read_selector(struct reading *self, struct span text, bool conditions_allowed,
                          struct selector *out)
{
    const struct filter_limits *limits = &self->filterer->limits;
    const struct selector_terms terms = {
        .bindings = self->bindings,
        .binding_count = self->binding_count,
        .expression_bytes = limits->expression_bytes,
        .steps = limits->steps,
        .conditions = limits->conditions,
        .conditions_allowed = conditions_allowed,
    };
    const char *refusal = selector_parse(text, &terms, self->hold, out);

    return refusal == NULL || refuse(self, refusal);
}

/* ---- <what> ---- */

static bool read_choice(struct reading *self, const struct element *element,
                        struct filter_choice ***end)
{
    const struct attribute *type = find(element, "type");
    struct filter_choice *choice = hold_alloc(self->hold, sizeof(*choice));
    struct span text;

    if (!attributes_are(self, element, "type") || !read_text(self, element, &text))
        return false;
    if (type == NULL || span_equal(value_trim(type->value), SPAN("xpath"))) {
        if (!read_selector(self, text, true, &choice->selector))
            return false;
    } else if (span_equal(value_trim(type->value), SPAN("namespace"))) {
        choice->uri = hold_string(self->hold, text);
    } else {
        return refuse(self, "Unknown Type in Filter");
    }
    **end = choice;
    *end = &choice->next;
    return true;
}

static bool read_what(struct reading *self, const struct element *element,
                      struct filter_rules *rules)
{
    struct filter_choice **includes_end = &rules->includes, **excludes_end = &rules->excludes;

    if (!attributes_are(self, element, ""))
        return false;
    for (const struct element *child = element->first; child != NULL; child = child->next) {
        bool read = is_ours(child, "include")   ? read_choice(self, child, &includes_end)
                    : is_ours(child, "exclude") ? read_choice(self, child, &excludes_end)
                                                : may_be_ignored(self, child);

        if (!read)
            return false;
    }
    return true;
}

/* ---- <trigger> ---- */

/* Section 3.6.1.4: beside 'by' everything is a number. */
static bool read_by(struct reading *self, struct filter_change *change)
{
    int64_t number;

    if (change->by == NULL)
        return true;
    if (!decimal_parse(span_of(change->by), &change->by_millionths) || change->by_millionths < 0)
        return refuse(self, "Malformed Number in Filter");
    if ((change->from != NULL && !decimal_parse(span_of(change->from), &number)) ||
        (change->to != NULL && !decimal_parse(span_of(change->to), &number)))
        return refuse(self, "Malformed Number in Filter");
    return true;
}

static bool read_change(struct reading *self, const struct element *element, enum change_kind kind,
                        struct filter_change ***end)
{
    struct filter_change *change = hold_alloc(self->hold, sizeof(*change));
    struct span text;

    change->kind = kind;
    if (!attributes_are(self, element, kind == CHANGE_CHANGED ? "from to by" : "") ||
        !read_text(self, element, &text) || !read_selector(self, text, false, &change->selector))
        return false;
    change->from = text_of(self, find(element, "from"));
    change->to = text_of(self, find(element, "to"));
    change->by = text_of(self, find(element, "by"));
    **end = change;
    *end = &change->next;
    return read_by(self, change);
}

static bool read_trigger(struct reading *self, const struct element *element,
                         struct filter_trigger ***end)
{
    struct filter_trigger *trigger = hold_alloc(self->hold, sizeof(*trigger));
    struct filter_change **changes_end = &trigger->changes;

    if (!attributes_are(self, element, ""))
        return false;
    for (const struct element *child = element->first; child != NULL; child = child->next) {
        bool read =
            is_ours(child, "changed")   ? read_change(self, child, CHANGE_CHANGED, &changes_end)
            : is_ours(child, "added")   ? read_change(self, child, CHANGE_ADDED, &changes_end)
            : is_ours(child, "removed") ? read_change(self, child, CHANGE_REMOVED, &changes_end)
                                        : may_be_ignored(self, child);

        if (!read)
            return false;
    }
    if (trigger->changes ==
        NULL) /* RFC 4660 section 5.4: an empty one is as if it were not there */
        return true;
    **end = trigger;
    *end = &trigger->next;
    return true;
}

/* ---- <filter> ---- */

static bool read_contents(struct reading *self, const struct element *element,
                          struct filter *filter)
{
    struct filter_trigger **triggers_end = &filter->rules.triggers;
    bool has_what = false;

    for (const struct element *child = element->first; child != NULL; child = child->next) {
        if (is_ours(child, "what")) {
            if (has_what)
                return refuse(self, "Repeated What in Filter");
            has_what = filter->said = true;
            if (!read_what(self, child, &filter->rules))
                return false;
        } else if (is_ours(child, "trigger")) {
            filter->said = true;
            if (!read_trigger(self, child, &triggers_end))
                return false;
        } else if (!may_be_ignored(self, child)) {
            return false;
        }
    }
    return true;
}

static bool read_target(struct reading *self, const struct element *element, struct filter *filter)
{
    filter->uri = text_of(self, find(element, "uri"));
    filter->domain = text_of(self, find(element, "domain"));
    if (filter->uri != NULL && filter->domain != NULL)
        return refuse(self, "Filter for Both URI and Domain");
    if ((filter->uri != NULL && *filter->uri == '\0') ||
        (filter->domain != NULL && *filter->domain == '\0'))
        return refuse(self, "Filter for an Empty URI or Domain");
    filter->is_own =
        filter->domain == NULL &&
        (filter->uri == NULL || self->scope->same_uri(span_of(filter->uri), self->scope->resource));
    return true;
}

static void make_view(struct reading *self, struct filter_rules *rules)
{
    struct buffer *text = &self->filterer->text; /* what was parsed is a tree by now */

    buffer_reset(text);
    filter_write_view(rules, &self->filterer->scratch, text);
    rules->view.len = text->len;
    rules->view.at = hold_string(self->hold, buffer_span(text));
}

static struct filter *read_filter(struct reading *self, const struct element *element)
{
    struct filter *filter = hold_alloc(self->hold, sizeof(*filter));

    if (!attributes_are(self, element, "id uri domain remove enabled"))
        return NULL;
    filter->id = text_of(self, find(element, "id"));
    if (filter->id == NULL) {
        (void)refuse(self, "Filter Without Id");
        return NULL;
    }
    filter->enabled = true;
    if (!read_boolean(self, element, "remove", &filter->removed) ||
        !read_boolean(self, element, "enabled", &filter->enabled) ||
        !read_target(self, element, filter) || !read_contents(self, element, filter))
        return NULL;
    make_view(self, &filter->rules);
    return filter;
}

/* ---- <filter-set> ---- */

struct filter *filter_find(struct filter *first, const char *id)
{
    while (first != NULL && strcmp(first->id, id) != 0)
        first = first->next;
    return first;
}

static bool add_filter(struct reading *self, const struct element *element, struct filter **first)
{
    struct filter **end = first, *filter;

    if (++self->filter_count > self->filterer->limits.filters)
        return refuse(self, "Too Many Filters");
    filter = read_filter(self, element);
    if (filter == NULL)
        return false;
    if (filter_find(*first, filter->id) != NULL)
        return refuse(self, "Repeated Filter Id");
    while (*end != NULL)
        end = &(*end)->next;
    *end = filter;
    return true;
}

static bool is_for_package(struct reading *self, const struct element *root)
{
    const struct attribute *package = find(root, "package");

    return package == NULL || span_equal(value_trim(package->value), self->scope->package) ||
           refuse(self, "Filter for Another Event Package");
}

/* Bindings first: their prefixes apply to every filter (section 3.3). */
static bool read_filters(struct reading *self, const struct element *root, struct filter **first)
{
    if (!is_ours(root, "filter-set"))
        return refuse(self, "Not a Filter Set");
    if (!attributes_are(self, root, "package") || !is_for_package(self, root))
        return false;
    for (const struct element *child = root->first; child != NULL; child = child->next)
        if (is_ours(child, "ns-bindings") && !read_bindings(self, child))
            return false;
    for (const struct element *child = root->first; child != NULL; child = child->next) {
        if (is_ours(child, "ns-bindings"))
            continue;
        if (is_ours(child, "filter") ? !add_filter(self, child, first)
                                     : !may_be_ignored(self, child))
            return false;
    }
    return *first != NULL || refuse(self, "Filter Set Without Filter");
}

const char *filter_read(struct filterer *filterer, const struct filter_scope *scope,
                        const struct element *root, struct hold *hold, struct simple_filter **out)
{
    struct reading self = {.filterer = filterer, .scope = scope, .hold = hold};
    struct simple_filter *made = hold_alloc(hold, sizeof(*made));

    self.bindings =
        scratch_alloc(&filterer->scratch, (filterer->limits.bindings + 1) * sizeof(*self.bindings));
    made->resource = (struct span){hold_string(hold, scope->resource), scope->resource.len};
    made->same_uri = scope->same_uri;
    if (!read_filters(&self, root, &made->filters))
        return self.refusal;
    *out = made;
    return NULL;
}
