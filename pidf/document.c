/* document.c - what clients get slightly wrong about tuples, persons and devices is mended here. */
#include "pidf/document.h"

#include "pidf/schema.h"

/* clang-format off */

/* ---- RFC 3863 section 4.4 ---- */

static const struct shape basic = {.text = VALUE_OPEN_CLOSED};
static const struct slot status_slots[] = {
    {.names = "basic", .rank = 0, .max = 1, .shape = &basic},
    {.names = NULL, .rank = 1},
};
static const struct shape status = {SLOTS(status_slots)};

static const struct attribute_shape contact_attributes[] = {
    {VOCABULARY_ABSENT, "priority", VALUE_PRIORITY, false}};
static const struct shape contact = {.text = VALUE_URI, ATTRIBUTES(contact_attributes)};

static const struct attribute_shape id_attribute[] = {
    {VOCABULARY_ABSENT, "id", VALUE_ID, false}};
static const struct slot tuple_slots[] = {
    {.names = "status", .rank = 0, .max = 1, .shape = &status},
    {.names = NULL, .rank = 1},
    {.names = "contact", .rank = 2, .max = 1, .shape = &contact},
    {.names = "note", .rank = 3, .shape = &schema_note},
    {.names = "timestamp", .rank = 4, .max = 1, .shape = &schema_date_time},
};
static const struct shape tuple = {SLOTS(tuple_slots), ATTRIBUTES(id_attribute)};

/* ---- RFC 4479 section 5 ---- */

static const struct slot person_slots[] = {
    {.names = NULL, .rank = 0},
    {.names = "note", .rank = 1, .shape = &schema_note},
    {.names = "timestamp", .rank = 2, .max = 1, .shape = &schema_date_time},
};
static const struct shape person = {SLOTS(person_slots), ATTRIBUTES(id_attribute)};

static const struct slot device_slots[] = {
    {.names = NULL, .rank = 0},
    {.names = "deviceID", .rank = 1, .max = 1, .shape = &schema_uri, .required = true},
    {.names = "note", .rank = 2, .shape = &schema_note},
    {.names = "timestamp", .rank = 3, .max = 1, .shape = &schema_date_time},
};
static const struct shape device = {SLOTS(device_slots), ATTRIBUTES(id_attribute)};

/*
 * Inside of an unknown element. The id that a person or device must have there cannot be made
 * up, since there is nothing that it could stand for: without one it is left out.
 */
static const struct attribute_shape required_id[] = {
    {VOCABULARY_ABSENT, "id", VALUE_ID, true}};
static const struct shape inner_person = {SLOTS(person_slots), ATTRIBUTES(required_id)};
static const struct shape inner_device = {SLOTS(device_slots), ATTRIBUTES(required_id)};
/* clang-format on */

const struct shape *document_shape(const char *local)
{
    if (strcmp(local, "person") == 0)
        return &inner_person;
    if (strcmp(local, "device") == 0)
        return &inner_device;
    return strcmp(local, "deviceID") == 0 ? &schema_uri : NULL;
}

/* ---- mending that no table can say ---- */

static void rename_to(struct element *self, enum vocabulary vocabulary)
{
    self->name.vocabulary = vocabulary;
    self->name.uri = vocabulary_uri(vocabulary);
    self->name.prefix = vocabulary_prefix(vocabulary);
}

/* <note> and <timestamp> exist in both namespaces; clients take one for the other. */
static void adopt_notes(struct element *self, enum vocabulary from, enum vocabulary to)
{
    for (struct element *child = self->first; child != NULL; child = child->next)
        if (element_is(child, from, "note") || element_is(child, from, "timestamp"))
            rename_to(child, to);
}

static struct span language_of(const struct element *self, struct span inherited)
{
    const struct attribute *attribute = element_attribute(self, VOCABULARY_XML, "lang");

    return attribute == NULL ? inherited : attribute->value;
}

/* xml:lang is inherited, and may stand on notes alone: it moves down to them. */
static void say_language(struct element *note, struct span language, struct scratch *scratch)
{
    if (!span_empty(language) && element_attribute(note, VOCABULARY_XML, "lang") == NULL)
        element_attribute_add(note, scratch, VOCABULARY_XML, "lang", language);
}

static void say_languages(struct element *self, enum vocabulary vocabulary, struct span inherited,
                          struct scratch *scratch)
{
    struct span language = language_of(self, inherited);

    for (struct element *child = self->first; child != NULL; child = child->next)
        if (element_is(child, vocabulary, "note"))
            say_language(child, language, scratch);
}

/*
 * Several <status>, or a <basic> without one, become one <status> at the front. A timed-status
 * inside is the tuple's (RFC 4481 section 3).
 */
static void gather_status(struct element *self, struct scratch *scratch)
{
    struct element *gathered = element_new(scratch, VOCABULARY_PIDF, "status"), *next, *inner;
    struct element *children = element_take_children(self);

    element_append(self, gathered);
    for (struct element *child = children; child != NULL; child = next) {
        next = child->next;
        if (element_is(child, VOCABULARY_PIDF, "status"))
            for (struct element *in = element_take_children(child); in != NULL; in = inner) {
                inner = in->next;
                element_append(
                    element_is(in, VOCABULARY_TIMED_STATUS, "timed-status") ? self : gathered, in);
            }
        else if (element_is(child, VOCABULARY_PIDF, "basic"))
            element_append(gathered, child);
        else
            element_append(self, child);
    }
}

static struct element *closed_basic(struct scratch *scratch)
{
    struct element *made = element_new(scratch, VOCABULARY_PIDF, "basic");

    element_append(made, element_text_new(scratch, SPAN("closed")));
    return made;
}

/*
 * RFC 3863 section 4.1.3: a status has at least one child. A tuple that says nothing usable
 * about its state is not one that others should be invited to try.
 */
void document_fill_status(struct element *self, struct scratch *scratch)
{
    struct element *found = element_child(self, VOCABULARY_PIDF, "status");

    if (found != NULL && found->first == NULL)
        element_append(found, closed_basic(scratch));
}

/*
 * RPID's elements that know no times may stand once in a tuple, person or device (RFC 4480
 * section 5): the first stays.
 */
static void drop_repeated_rpid(struct element *self)
{
    static const char *const once[] = {"class", "relationship", "service-class", "user-input"};
    bool met[COUNT_OF(once)] = {false};
    struct element *next;

    for (struct element *child = element_take_children(self); child != NULL; child = next) {
        bool repeated = false;

        next = child->next;
        for (size_t i = 0; child->name.vocabulary == VOCABULARY_RPID && i < COUNT_OF(once); i++)
            if (strcmp(child->name.local, once[i]) == 0) {
                repeated = met[i];
                met[i] = true;
            }
        if (!repeated)
            element_append(self, child);
    }
}

static void read_tuple(struct element *child, struct span inherited, struct scratch *scratch,
                       struct document *out)
{
    adopt_notes(child, VOCABULARY_DATA_MODEL, VOCABULARY_PIDF);
    say_languages(child, VOCABULARY_PIDF, inherited, scratch);
    gather_status(child, scratch);
    if (!schema_mend(child, &tuple, scratch))
        return;
    drop_repeated_rpid(child);
    document_fill_status(child, scratch);
    element_list_append(&out->tuples, child);
}

static void read_component(struct element *child, const struct shape *shape, struct span inherited,
                           struct scratch *scratch, struct element_list *list)
{
    adopt_notes(child, VOCABULARY_PIDF, VOCABULARY_DATA_MODEL);
    say_languages(child, VOCABULARY_DATA_MODEL, inherited, scratch);
    if (!schema_mend(child, shape, scratch))
        return;
    drop_repeated_rpid(child);
    element_list_append(list, child);
}

/* A <person> or <device> of PIDF's own namespace is one whose prefix was forgotten. */
static bool is_component(const struct element *child, const char *local)
{
    return element_is(child, VOCABULARY_DATA_MODEL, local) ||
           element_is(child, VOCABULARY_PIDF, local);
}

static void adopt_component(struct element *self)
{
    if (self->name.vocabulary != VOCABULARY_PIDF)
        return;
    rename_to(self, VOCABULARY_DATA_MODEL);
    for (struct element *child = self->first; child != NULL; child = child->next)
        if (element_is(child, VOCABULARY_PIDF, "deviceID"))
            rename_to(child, VOCABULARY_DATA_MODEL);
}

static void read_part(struct element *child, struct span language, struct scratch *scratch,
                      struct document *out)
{
    if (element_is(child, VOCABULARY_PIDF, "tuple")) {
        read_tuple(child, language, scratch, out);
    } else if (element_is(child, VOCABULARY_PIDF, "note") ||
               element_is(child, VOCABULARY_DATA_MODEL, "note")) {
        rename_to(child, VOCABULARY_PIDF);
        say_language(child, language, scratch);
        if (schema_mend(child, &schema_note, scratch))
            element_list_append(&out->notes, child);
    } else if (is_component(child, "person")) {
        adopt_component(child);
        read_component(child, &person, language, scratch, &out->persons);
    } else if (is_component(child, "device")) {
        adopt_component(child);
        read_component(child, &device, language, scratch, &out->devices);
    } else if (child->name.vocabulary != VOCABULARY_PIDF &&
               child->name.vocabulary != VOCABULARY_ABSENT &&
               schema_mend_extension(child, scratch)) {
        element_list_append(&out->extensions, child);
    }
}

void document_read(const struct parsed *parsed, struct scratch *scratch, struct document *out)
{
    struct span language = language_of(parsed->root, (struct span){0});
    struct element *next;

    *out = (struct document){.declarations = parsed->declarations};
    for (struct element *child = element_take_children(parsed->root); child != NULL; child = next) {
        next = child->next;
        if (!element_is_text(child))
            read_part(child, language, scratch, out);
    }
}

struct element *document_closed_tuple(struct scratch *scratch)
{
    struct element *self = element_new(scratch, VOCABULARY_PIDF, "tuple");
    struct element *inner = element_new(scratch, VOCABULARY_PIDF, "status");

    element_attribute_add(self, scratch, VOCABULARY_ABSENT, "id", SPAN("closed"))->is_id = true;
    element_append(inner, closed_basic(scratch));
    element_append(self, inner);
    return self;
}
