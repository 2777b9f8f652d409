/* schema.c - sorts children into slots, judges text and attributes, drops what has no place. */
#include "pidf/schema.h"

#include "server/base/must.h"

static const struct attribute_shape language[] = {
    {VOCABULARY_XML, "lang", VALUE_LANGUAGE, false},
};

const struct shape schema_empty = {.empty = true};
const struct shape schema_string = {.text = VALUE_STRING};
const struct shape schema_note = {.text = VALUE_NOTE, ATTRIBUTES(language)};
const struct shape schema_other = {.text = VALUE_STRING, ATTRIBUTES(language)};
const struct shape schema_uri = {.text = VALUE_URI};
const struct shape schema_date_time = {.text = VALUE_DATE_TIME};

/* ---- attributes ---- */

/* xml:* are typed wherever they stand. */
static bool mend_xml_attribute(struct attribute *attribute, struct scratch *scratch)
{
    const char *local = attribute->name.local;

    if (strcmp(local, "id") == 0) {
        attribute->is_id = true;
        return value_mend(VALUE_ID, attribute->value, scratch, &attribute->value);
    }
    if (strcmp(local, "lang") == 0)
        return value_mend(VALUE_LANGUAGE, attribute->value, scratch, &attribute->value);
    if (strcmp(local, "base") == 0)
        return value_mend(VALUE_URI, attribute->value, scratch, &attribute->value);
    return strcmp(local, "space") == 0 && (span_equal(attribute->value, SPAN("default")) ||
                                           span_equal(attribute->value, SPAN("preserve")));
}

/*
 * xsi:* go, always: they tell a validating reader to judge an element by another type, or to
 * load a schema from somewhere.
 */
static bool mend_free_attribute(struct attribute *attribute, struct scratch *scratch)
{
    if (attribute->name.vocabulary == VOCABULARY_XSI)
        return false;
    return attribute->name.vocabulary != VOCABULARY_XML || mend_xml_attribute(attribute, scratch);
}

static const struct attribute_shape *find_attribute(const struct shape *shape,
                                                    const struct name *name)
{
    for (size_t i = 0; i < shape->attribute_count; i++)
        if (shape->attributes[i].vocabulary == name->vocabulary &&
            strcmp(shape->attributes[i].name, name->local) == 0)
            return &shape->attributes[i];
    return NULL;
}

static bool mend_attribute(struct attribute *attribute, const struct shape *shape,
                           struct scratch *scratch)
{
    const struct attribute_shape *found = find_attribute(shape, &attribute->name);

    if (found == NULL)
        return shape->any_attribute && mend_free_attribute(attribute, scratch);
    attribute->is_id = found->type == VALUE_ID;
    return value_mend(found->type, attribute->value, scratch, &attribute->value);
}

static bool mend_attributes(struct element *self, const struct shape *shape,
                            struct scratch *scratch)
{
    for (struct attribute **at = &self->attributes; *at != NULL;)
        if (mend_attribute(*at, shape, scratch))
            at = &(*at)->next;
        else
            *at = (*at)->next;
    for (size_t i = 0; i < shape->attribute_count; i++)
        if (shape->attributes[i].required &&
            element_attribute(self, shape->attributes[i].vocabulary, shape->attributes[i].name) ==
                NULL)
            return false;
    return true;
}

/* ---- text ---- */

static bool mend_text(struct element *self, const struct shape *shape, struct scratch *scratch)
{
    struct span text = element_content(self, shape->text == VALUE_NOTE, scratch);

    if (!value_mend(shape->text, text, scratch, &text))
        return false;
    element_take_children(self);
    if (!span_empty(text))
        element_append(self, element_text_new(scratch, text));
    return true;
}

/* ---- children ---- */

/* Which of the words `local` is; -1 for none. */
static int listed(const char *words, const char *local)
{
    for (int index = 0;; index++) {
        const char *at = local;

        while (*words == *at && *at != '\0') {
            words++;
            at++;
        }
        if (*at == '\0' && (*words == ' ' || *words == '\0'))
            return index;
        while (*words != ' ')
            if (*words++ == '\0')
                return -1;
        words++;
    }
}

static const struct slot *find_slot(const struct element *self, const struct shape *shape,
                                    const struct name *name, unsigned *rank)
{
    bool ours = name->vocabulary == self->name.vocabulary && name->uri == self->name.uri;

    if (name->vocabulary == VOCABULARY_ABSENT) /* "##other" is not "none at all" */
        return NULL;
    for (size_t i = 0; i < shape->slot_count; i++) {
        const struct slot *slot = &shape->slots[i];
        int index = ours && slot->names != NULL ? listed(slot->names, name->local) : 0;

        if (ours != (slot->names != NULL) || index < 0)
            continue;
        *rank = slot->rank + (slot->ordered ? (unsigned)index : 0);
        must(*rank < SCHEMA_RANKS_MAX && i < SCHEMA_RANKS_MAX);
        return slot;
    }
    return NULL;
}

struct sorting {
    struct element_list ranks[SCHEMA_RANKS_MAX];
    unsigned counts[SCHEMA_RANKS_MAX]; /* per slot */
    const struct slot *picked;
};

static void sort_child(struct sorting *sorting, const struct element *self,
                       const struct shape *shape, struct element *child, struct scratch *scratch)
{
    unsigned rank;
    const struct slot *slot = find_slot(self, shape, &child->name, &rank);
    unsigned *count;

    if (slot == NULL)
        return;
    count = &sorting->counts[slot - shape->slots];
    if ((slot->max != 0 && *count >= slot->max) ||
        (slot->ordered && sorting->ranks[rank].first != NULL) ||
        (shape->pick_one && rank > 0 && sorting->picked != NULL && sorting->picked != slot))
        return;
    if (slot->shape != NULL ? !schema_mend(child, slot->shape, scratch)
                            : !schema_mend_extension(child, scratch))
        return;
    if (rank > 0)
        sorting->picked = slot;
    ++*count;
    element_list_append(&sorting->ranks[rank], child);
}

static bool something_from(const struct sorting *sorting, unsigned rank)
{
    for (; rank < SCHEMA_RANKS_MAX; rank++)
        if (sorting->ranks[rank].first != NULL)
            return true;
    return false;
}

/* False when something required is missing. */
static bool settle(struct sorting *sorting, const struct element *self, const struct shape *shape,
                   struct scratch *scratch)
{
    for (size_t i = 0; i < shape->slot_count; i++) {
        const struct slot *slot = &shape->slots[i];

        if (slot->alone && something_from(sorting, slot->rank + 1))
            sorting->ranks[slot->rank] = (struct element_list){0};
        if (slot->required && sorting->counts[i] == 0)
            return false;
    }
    if (!shape->needs_one || something_from(sorting, 1))
        return true;
    if (shape->filler != NULL)
        element_list_append(&sorting->ranks[1],
                            element_new(scratch, self->name.vocabulary, shape->filler));
    return shape->filler != NULL;
}

static bool mend_children(struct element *self, const struct shape *shape, struct scratch *scratch)
{
    struct sorting sorting = {0};
    struct element *next;

    for (struct element *child = element_take_children(self); child != NULL; child = next) {
        next = child->next;
        if (!element_is_text(child))
            sort_child(&sorting, self, shape, child, scratch);
    }
    if (!settle(&sorting, self, shape, scratch))
        return false;
    for (unsigned rank = 0; rank < SCHEMA_RANKS_MAX; rank++)
        for (struct element *child = sorting.ranks[rank].first; child != NULL; child = next) {
            next = child->next;
            element_append(self, child);
        }
    return true;
}

bool schema_mend(struct element *self, const struct shape *shape, struct scratch *scratch)
{
    if (!mend_attributes(self, shape, scratch))
        return false;
    if (shape->has_children)
        return mend_children(self, shape, scratch);
    if (shape->empty) {
        element_take_children(self);
        return true;
    }
    return mend_text(self, shape, scratch);
}

/* ---- what other namespaces bring ---- */

static const struct shape *shape_of(const struct name *name)
{
    switch (name->vocabulary) {
    case VOCABULARY_DATA_MODEL:
        return document_shape(name->local);
    case VOCABULARY_RPID:
        return rpid_shape(name->local);
    case VOCABULARY_CIPID:
        return cipid_shape(name->local);
    case VOCABULARY_TIMED_STATUS:
        return timed_status_shape(name->local);
    case VOCABULARY_CAPS:
        return caps_shape(name->local);
    case VOCABULARY_DIALOG_INFO:
        return dialog_shape(name->local);
    case VOCABULARY_ABSENT:
    case VOCABULARY_PIDF:
    case VOCABULARY_XML:
    case VOCABULARY_XSI:
    case VOCABULARY_OTHER:
        break;
    }
    return NULL;
}

bool schema_knows(const struct name *name)
{
    return shape_of(name) != NULL;
}

/* Elements with nothing but white space between them: the space is layout. */
static bool is_layout(const struct element *self)
{
    bool has_element = false;

    for (const struct element *child = self->first; child != NULL; child = child->next)
        if (!element_is_text(child))
            has_element = true;
        else if (!span_empty(value_trim(child->text)))
            return false;
    return has_element && element_attribute(self, VOCABULARY_XML, "space") == NULL;
}

/* Known elements are judged even deep inside of unknown ones, as a lax validator does. */
static void mend_unknown(struct element *self, struct scratch *scratch)
{
    bool layout = is_layout(self);
    struct element *next;

    for (struct attribute **at = &self->attributes; *at != NULL;)
        if (mend_free_attribute(*at, scratch))
            at = &(*at)->next;
        else
            *at = (*at)->next;
    for (struct element *child = element_take_children(self); child != NULL; child = next) {
        next = child->next;
        if (element_is_text(child) ? !layout : schema_mend_extension(child, scratch))
            element_append(self, child);
    }
}

bool schema_mend_extension(struct element *self, struct scratch *scratch)
{
    const struct shape *shape = shape_of(&self->name);

    if (shape != NULL)
        return schema_mend(self, shape, scratch);
    if (element_is(self, VOCABULARY_PIDF, "presence") || /* a document within a document */
        element_is(self, VOCABULARY_DIALOG_INFO, "dialog-info"))
        return false;
    mend_unknown(self, scratch);
    return true;
}
