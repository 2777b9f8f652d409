/* select.c - a set of steps walks down the tree, one bit for each step that may come next. */
#include "pidf/filter/select.h"

#include "pidf/filter/decimal.h"

struct search {
    const struct selector *selector;
    struct select_budget *budget;
    select_fn *visit;
    void *user;
    bool stopped; /* by the visitor, or for want of budget */
};

/* ---- values ---- */

static bool spend(struct select_budget *budget)
{
    if (budget->work == 0) {
        budget->spent = true;
        return false;
    }
    budget->work--;
    return true;
}

/* Compares run by run and gives up early, so that no text is ever joined for it. */
static bool text_matches(const struct element *element, struct span *rest,
                         struct select_budget *budget)
{
    if (!spend(budget))
        return false;
    if (element_is_text(element)) {
        if (!span_begins(*rest, element->text))
            return false;
        *rest = span_skip(*rest, element->text.len);
        return true;
    }
    for (const struct element *child = element->first; child != NULL; child = child->next)
        if (!text_matches(child, rest, budget))
            return false;
    return true;
}

bool node_value_equal(const struct node *self, struct span value, struct select_budget *budget)
{
    if (self->attribute != NULL)
        return span_equal(self->attribute->value, value);
    return text_matches(self->element, &value, budget) && span_empty(value);
}

bool node_value_copy(const struct node *self, char out[NODE_NUMBER_BYTES], struct span *value)
{
    size_t len = 0;

    if (self->attribute != NULL) {
        *value = self->attribute->value;
        return true;
    }
    if (!node_is_leaf(self))
        return false;
    for (const struct element *run = self->element->first; run != NULL; run = run->next) {
        if (run->text.len > NODE_NUMBER_BYTES - len)
            return false;
        if (!span_empty(run->text))
            memcpy(out + len, run->text.at, run->text.len);
        len += run->text.len;
    }
    *value = (struct span){out, len};
    return true;
}

/* ---- conditions ---- */

struct comparing {
    const struct selector_condition *condition;
    struct select_budget *budget;
    bool holds;
};

static bool number_compares(const struct node *node, const struct selector_condition *condition)
{
    char memory[NODE_NUMBER_BYTES];
    struct span text;
    int64_t number;

    if (!node_value_copy(node, memory, &text) || !decimal_parse(text, &number))
        return false; /* XPath's NaN: neither less, nor equal, nor greater */
    if (condition->comparison == '<')
        return number < condition->millionths;
    if (condition->comparison == '>')
        return number > condition->millionths;
    return number == condition->millionths;
}

/* One node that compares is enough (XPath 1.0 section 3.4). */
static bool compare(void *user, struct node *node)
{
    struct comparing *self = user;

    self->holds = self->condition->numeric
                      ? number_compares(node, self->condition)
                      : node_value_equal(node, self->condition->literal, self->budget);
    return self->holds;
}

static void search_within(struct search *self, struct node *node, uint32_t steps);

static bool condition_holds(const struct selector_condition *condition, struct node *node,
                            struct select_budget *budget)
{
    struct comparing comparing = {condition, budget, false};
    struct search search = {&condition->path, budget, compare, &comparing, false};

    switch (condition->subject) {
    case SUBJECT_SELF:
        (void)compare(&comparing, node);
        break;
    case SUBJECT_PARENT:
        if (node->parent != NULL)
            (void)compare(&comparing, node->parent);
        break;
    case SUBJECT_PATH:
        search_within(&search, node, 1);
        break;
    }
    return comparing.holds;
}

static bool conditions_hold(const struct selector_condition *first, struct node *node,
                            struct select_budget *budget)
{
    bool all = true;

    for (const struct selector_condition *one = first; one != NULL; one = one->next) {
        if (one->begins_alternative) {
            if (all)
                return true;
            all = true;
        }
        all = all && condition_holds(one, node, budget);
    }
    return all;
}

/* ---- steps ---- */

static bool name_matches(const struct selector_step *step, const struct name *name)
{
    if (step->local == NULL)
        return true;
    if (strcmp(step->local, name->local) != 0)
        return false;
    return step->uri == NULL || name->uri == NULL ? step->uri == name->uri
                                                  : strcmp(step->uri, name->uri) == 0;
}

static bool step_matches(const struct search *self, const struct selector_step *step,
                         struct node *node)
{
    return name_matches(step, node_name(node)) &&
           conditions_hold(step->condition, node, self->budget);
}

static void meet(struct search *self, struct node *node)
{
    if (!self->budget->spent && self->visit(self->user, node))
        self->stopped = true;
    self->stopped = self->stopped || self->budget->spent;
}

static void search_attributes(struct search *self, struct node *node,
                              const struct selector_step *step)
{
    for (struct node *attribute = node->attributes; attribute != NULL;
         attribute = attribute->next) {
        if (self->stopped || !spend(self->budget))
            return;
        if (step_matches(self, step, attribute))
            meet(self, attribute);
    }
}

/* Which steps may match inside of `child`, when `steps` may match `child` itself. */
static uint32_t steps_within(struct search *self, struct node *child, uint32_t steps)
{
    const struct selector *selector = self->selector;
    uint32_t within = 0;
    bool selected = false;

    for (size_t i = 0; i < selector->step_count; i++) {
        const struct selector_step *step = &selector->steps[i];

        if ((steps & UINT32_C(1) << i) == 0)
            continue;
        if (step->descendant)
            within |= UINT32_C(1) << i;
        if (step->attribute || !step_matches(self, step, child))
            continue;
        if (i + 1 == selector->step_count)
            selected = true;
        else
            within |= UINT32_C(1) << (i + 1);
    }
    if (selected)
        meet(self, child);
    return within;
}

/* Attributes and children of `node`. */
static void search_within(struct search *self, struct node *node, uint32_t steps)
{
    const struct selector_step *last = &self->selector->steps[self->selector->step_count - 1];

    if (last->attribute && (steps & UINT32_C(1) << (self->selector->step_count - 1)) != 0)
        search_attributes(self, node, last);
    for (struct node *child = node->first; child != NULL && steps != 0; child = child->next) {
        uint32_t within;

        if (self->stopped || !spend(self->budget))
            return;
        within = steps_within(self, child, steps);
        if (within != 0 && !self->stopped)
            search_within(self, child, within);
    }
}

bool select_nodes(const struct selector *selector, struct node *root, struct select_budget *budget,
                  select_fn *visit, void *user)
{
    struct node document = {.first = root};
    struct search search = {selector, budget, visit, user, false};

    search_within(&search, &document, 1);
    return !budget->spent;
}
