/* locate.c - walks down the tree step by step, in document order, and counts what it meets. */
#include "pidf/partial/locate.h"

#include "pidf/partial/partial.h"

struct finding {
    const struct patch_selector *selector;
    size_t *work;
    unsigned found;
    struct selection selection;
};

/* False when nothing is left to spend. */
static bool spend(struct finding *self, size_t cost)
{
    *self->work -= cost < *self->work ? cost : *self->work;
    return *self->work > 0;
}

static void found(struct finding *self, struct selection selection)
{
    self->selection = selection;
    self->found++;
}

static struct attribute *find_attribute(const struct tree_node *element, const struct name *name)
{
    for (struct attribute *attribute = element->attributes; attribute != NULL;
         attribute = attribute->next)
        if (name_is_of(&attribute->name, name_uri(name), name->local))
            return attribute;
    return NULL;
}

/* Takes the text inside of `self` from the front of `rest`; false when it is not what is there. */
static bool consume_text(struct finding *finding, const struct tree_node *self, struct span *rest)
{
    if (self->kind == TREE_TEXT) {
        if (!spend(finding, self->text.len) || !span_begins(*rest, self->text))
            return false;
        *rest = span_skip(*rest, self->text.len);
        return true;
    }
    if (self->kind != TREE_ELEMENT)
        return true;
    for (const struct tree_node *child = self->first; child != NULL; child = child->next)
        if (!spend(finding, 1) || !consume_text(finding, child, rest))
            return false;
    return true;
}

static bool has_value(struct finding *finding, const struct tree_node *self, struct span value)
{
    return consume_text(finding, self, &value) && span_empty(value);
}

static bool has_child(struct finding *finding, const struct tree_node *self,
                      const struct predicate *predicate)
{
    for (const struct tree_node *child = self->first; child != NULL; child = child->next)
        if (!spend(finding, 1))
            return false;
        else if (child->kind == TREE_ELEMENT &&
                 name_is_of(&child->name, name_uri(&predicate->name), predicate->name.local) &&
                 has_value(finding, child, predicate->value))
            return true;
    return false;
}

static bool holds(struct finding *finding, const struct tree_node *self,
                  const struct predicate *predicate, uint64_t position)
{
    const struct attribute *attribute;

    switch (predicate->kind) {
    case PREDICATE_POSITION:
        return position == predicate->position;
    case PREDICATE_ATTRIBUTE:
        attribute = find_attribute(self, &predicate->name);
        return attribute != NULL && spend(finding, attribute->value.len) &&
               span_equal(attribute->value, predicate->value);
    case PREDICATE_CHILD:
        return has_child(finding, self, predicate);
    case PREDICATE_SELF:
        return has_value(finding, self, predicate->value);
    }
    return false;
}

static bool is_named(const struct tree_node *self, const struct name *name)
{
    if (name_is_of(&self->name, name_uri(name), name->local))
        return true;
    return self->parent->kind == TREE_DOCUMENT &&
           name_is_of(name, PARTIAL_NAMESPACE, "pidf-full") &&
           name_is_of(&self->name, vocabulary_uri(VOCABULARY_PIDF), "presence");
}

static bool passes_test(const struct tree_node *self, const struct step *step)
{
    switch (step->kind) {
    case STEP_ELEMENT:
        return self->kind == TREE_ELEMENT && (step->any || is_named(self, &step->name));
    case STEP_TEXT:
        return self->kind == TREE_TEXT;
    case STEP_COMMENT:
        return self->kind == TREE_COMMENT;
    case STEP_INSTRUCTION:
        return self->kind == TREE_INSTRUCTION &&
               (step->any || strcmp(self->name.local, step->target) == 0);
    case STEP_ATTRIBUTE:
    case STEP_NAMESPACE:
        break;
    }
    return false;
}

/* Each predicate counts what the ones before it let through (XPath 1.0 section 2.4). */
static bool passes(struct finding *finding, const struct tree_node *self, const struct step *step,
                   uint64_t counts[PATCH_SELECTOR_PREDICATES_MAX])
{
    if (!passes_test(self, step))
        return false;
    for (size_t i = 0; i < step->predicate_count; i++)
        if (!holds(finding, self, &step->predicates[i], ++counts[i]))
            return false;
    return true;
}

static void walk(struct finding *finding, struct tree_node *context, size_t index);

static void arrive(struct finding *finding, struct tree_node *node, size_t next_index)
{
    if (next_index == finding->selector->step_count)
        found(finding, (struct selection){.node = node});
    else
        walk(finding, node, next_index);
}

static void walk(struct finding *finding, struct tree_node *context, size_t index)
{
    const struct step *step = &finding->selector->steps[index];
    uint64_t counts[PATCH_SELECTOR_PREDICATES_MAX] = {0};
    struct selection selection = {.node = context};

    if (step->kind == STEP_ATTRIBUTE) {
        selection.attribute = find_attribute(context, &step->name);
        if (selection.attribute != NULL)
            found(finding, selection);
        return;
    }
    if (step->kind == STEP_NAMESPACE) {
        selection.declaration = tree_node_declaration(context, step->target);
        if (selection.declaration != NULL)
            found(finding, selection);
        return;
    }
    for (struct tree_node *child = context->first; child != NULL && finding->found < 2;
         child = child->next) {
        if (!spend(finding, 1))
            return;
        if (passes(finding, child, step, counts))
            arrive(finding, child, index + 1);
    }
}

/*
 * Attributes of type xs:ID, without reading schemas: xml:id, and `id` in PIDF and its extensions
 * (RFC 3863 section 4.1.2, RFC 4479 section 5, RFC 4480 section 4).
 */
static bool has_id(const struct tree_node *self, struct span id)
{
    bool is_known = strncmp(name_uri(&self->name), vocabulary_uri(VOCABULARY_PIDF),
                            strlen(vocabulary_uri(VOCABULARY_PIDF))) == 0;

    for (const struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next)
        if ((name_is_of(&attribute->name, vocabulary_uri(VOCABULARY_XML), "id") ||
             (is_known && name_is_of(&attribute->name, "", "id"))) &&
            span_equal(attribute->value, id))
            return true;
    return false;
}

static void search_id(struct finding *finding, struct tree_node *self)
{
    for (struct tree_node *child = self->first; child != NULL && finding->found < 2;
         child = child->next) {
        if (!spend(finding, 1))
            return;
        if (child->kind != TREE_ELEMENT)
            continue;
        if (has_id(child, finding->selector->id))
            arrive(finding, child, 0);
        search_id(finding, child);
    }
}

bool locate(const struct patch_selector *self, struct tree_node *document, size_t *work,
            struct selection *out)
{
    struct finding finding = {.selector = self, .work = work};

    if (self->by_id)
        search_id(&finding, document);
    else
        walk(&finding, document, 0);
    if (finding.found != 1 || *work == 0)
        return false;
    *out = finding.selection;
    return true;
}
