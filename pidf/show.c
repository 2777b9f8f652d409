/* show.c - one walk over every part; an element is kept only if it is known to be harmless. */
#include "pidf/show.h"

#include "pidf/pidf.h"
#include "pidf/schema.h"

struct show {
    struct scratch *scratch;
    unsigned hidden;
    bool without_ids; /* what a publisher calls a thing may hold the name of its device */
};

/* ---- which elements ---- */

/* RFC 4119 and what its examples and its heirs say places with. */
static bool is_of_location(const struct name *name)
{
    static const char *const uris[] = {
        "urn:ietf:params:xml:ns:pidf:geopriv10", /* and :civicAddr, :civicLoc, :basicPolicy ... */
        "http://www.opengis.net/", "urn:opengis:specification:gml:"};
    const char *uri = name->uri;

    if (name->vocabulary != VOCABULARY_OTHER)
        return false;
    while (*uri == ' ') /* as printed in RFC 4119 section 2.3 */
        uri++;
    for (size_t i = 0; i < COUNT_OF(uris); i++)
        if (strncmp(uri, uris[i], strlen(uris[i])) == 0)
            return true;
    return false;
}

/* Nothing but location all the way down: it may have room for anything. */
static bool is_pure_location(const struct element *self)
{
    if (!is_of_location(&self->name))
        return false;
    for (const struct element *child = self->first; child != NULL; child = child->next)
        if (!element_is_text(child) && !is_pure_location(child))
            return false;
    return true;
}

/* The places of RFC 4589, which stand in RPID's place-type alone. */
static bool is_place(const struct element *self, const struct element *parent)
{
    return self->name.vocabulary == VOCABULARY_OTHER &&
           element_is(parent, VOCABULARY_RPID, "place-type") && self->first == NULL &&
           strcmp(self->name.uri, "urn:ietf:params:xml:ns:location-type") == 0;
}

static unsigned bits_of_rpid(const char *local)
{
    static const struct {
        const char *local;
        unsigned bits;
    } table[] = {
        {"note", PIDF_HIDE_NOTES},          {"activities", PIDF_HIDE_ACTIVITIES},
        {"mood", PIDF_HIDE_ACTIVITIES},     {"place-is", PIDF_HIDE_LOCATION},
        {"place-type", PIDF_HIDE_LOCATION}, {"time-offset", PIDF_HIDE_LOCATION},
        {"user-input", PIDF_HIDE_DEVICES},
    };

    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(table[i].local, local) == 0)
            return table[i].bits;
    return 0;
}

static bool has_activities(const struct element *self)
{
    for (const struct element *child = self->first; child != NULL; child = child->next)
        if (element_is(child, VOCABULARY_RPID, "activities") ||
            element_is(child, VOCABULARY_RPID, "mood") || has_activities(child))
            return true;
    return false;
}

/* The bits any of which hides this element of a namespace that we know. */
static unsigned bits_of(const struct element *self)
{
    const char *local = self->name.local;

    switch (self->name.vocabulary) {
    case VOCABULARY_PIDF:
        return strcmp(local, "note") == 0 ? PIDF_HIDE_NOTES : 0;
    case VOCABULARY_DATA_MODEL:
        if (strcmp(local, "note") == 0)
            return PIDF_HIDE_NOTES;
        return strcmp(local, "device") == 0 || strcmp(local, "deviceID") == 0 ? PIDF_HIDE_DEVICES
                                                                              : 0;
    case VOCABULARY_RPID:
        return bits_of_rpid(local);
    case VOCABULARY_TIMED_STATUS:
        if (strcmp(local, "note") == 0)
            return PIDF_HIDE_NOTES;
        return has_activities(self) ? PIDF_HIDE_ACTIVITIES : 0;
    case VOCABULARY_CIPID:
        return strcmp(local, "map") == 0 ? PIDF_HIDE_LOCATION : 0;
    case VOCABULARY_CAPS:
        return strcmp(local, "devcaps") == 0 ? PIDF_HIDE_DEVICES : 0;
    case VOCABULARY_DIALOG_INFO:
    case VOCABULARY_ABSENT:
    case VOCABULARY_XML:
    case VOCABULARY_XSI:
    case VOCABULARY_OTHER:
        break;
    }
    return ~0U; /* nobody can tell what it says */
}

/* What stands among its own kind has passed the schema's tables; a guest must be in them itself. */
static bool is_known(const struct element *self, const struct element *parent)
{
    return self->name.vocabulary == parent->name.vocabulary || schema_knows(&self->name);
}

/* ---- attributes ---- */

/* Those that the schemas give a meaning; what else stood on the element nobody can judge. */
static bool is_known_attribute(const struct name *name)
{
    static const char *const locals[] = {
        "id",       "from",       "until",          "priority",    "value", "minvalue",
        "maxvalue", "last-input", "idle-threshold", "description", NULL};

    if (name->vocabulary == VOCABULARY_XML)
        return strcmp(name->local, "lang") == 0;
    for (size_t i = 0; name->vocabulary == VOCABULARY_ABSENT && locals[i] != NULL; i++)
        if (strcmp(locals[i], name->local) == 0)
            return true;
    return false;
}

static void hide_attributes(const struct show *self, struct element *element)
{
    for (struct attribute **at = &element->attributes; *at != NULL;)
        if (is_known_attribute(&(*at)->name) && !(self->without_ids && (*at)->is_id))
            at = &(*at)->next;
        else
            *at = (*at)->next;
}

/* ---- the walk ---- */

static bool keep(const struct show *self, struct element *element, const struct element *parent);

static void hide_children(const struct show *self, struct element *element)
{
    struct element *next;

    hide_attributes(self, element);
    for (struct element *child = element_take_children(element); child != NULL; child = next) {
        next = child->next;
        if (element_is_text(child) || keep(self, child, element))
            element_append(element, child);
    }
}

/* Hides below `element`; false when it is hidden itself or not valid without what was in it. */
static bool keep(const struct show *self, struct element *element, const struct element *parent)
{
    if (is_of_location(&element->name))
        return !(self->hidden & PIDF_HIDE_LOCATION) && is_pure_location(element);
    if (!is_place(element, parent) &&
        (!is_known(element, parent) || (bits_of(element) & self->hidden) != 0))
        return false;
    hide_children(self, element);
    if ((self->hidden & PIDF_HIDE_NOTES) && element_is(element, VOCABULARY_RPID, "other"))
        element_take_children(element);
    if (element_is(element, VOCABULARY_TIMED_STATUS, "timed-status") && element->first == NULL)
        return false;
    return element->name.vocabulary == VOCABULARY_PIDF ||
           schema_mend_extension(element, self->scratch);
}

/* ---- tuples ---- */

static bool contains(struct span text, struct span word)
{
    for (size_t i = 0; i + word.len <= text.len; i++)
        if (strncasecmp(text.at + i, word.at, word.len) == 0)
            return true;
    return false;
}

/* RFC 5627 section 3.1: a public GRUU is the address and the instance, which is the deviceID. */
static void hide_telling_contact(struct element *tuple)
{
    struct span device = element_child_text(tuple, VOCABULARY_DATA_MODEL, "deviceID");
    struct element *next;

    if (span_empty(device) ||
        !contains(element_child_text(tuple, VOCABULARY_PIDF, "contact"), device))
        return;
    for (struct element *child = element_take_children(tuple); child != NULL; child = next) {
        next = child->next;
        if (!element_is(child, VOCABULARY_PIDF, "contact"))
            element_append(tuple, child);
    }
}

/* <status> and in it <basic>. */
static void leave_basic(struct element *tuple, struct scratch *scratch)
{
    struct element *status = element_child(tuple, VOCABULARY_PIDF, "status"), *basic;

    element_take_children(tuple);
    if (status == NULL)
        status = element_new(scratch, VOCABULARY_PIDF, "status");
    element_append(tuple, status);
    basic = element_child(status, VOCABULARY_PIDF, "basic");
    element_take_children(status);
    if (basic != NULL)
        element_append(status, basic);
}

static void hide_in_tuple(const struct show *self, struct element *tuple)
{
    if (self->hidden & PIDF_HIDE_DEVICES)
        hide_telling_contact(tuple);
    if (self->hidden & PIDF_BASIC_ONLY)
        leave_basic(tuple, self->scratch);
    hide_children(self, tuple);
    document_fill_status(tuple, self->scratch);
}

/* ---- the document ---- */

static void hide_in_persons(const struct show *self, struct element_list *persons)
{
    struct element *next, *person = persons->first;

    *persons = (struct element_list){0};
    for (; person != NULL; person = next) {
        next = person->next;
        hide_children(self, person);
        if (person->first != NULL)
            element_list_append(persons, person);
    }
}

/* Parts that may themselves be hidden. */
static void hide_in_list(const struct show *self, struct element_list *list)
{
    const struct element presence = {.name = {.vocabulary = VOCABULARY_PIDF, .local = "presence"}};
    struct element *next, *part = list->first;

    *list = (struct element_list){0};
    for (; part != NULL; part = next) {
        next = part->next;
        if (keep(self, part, &presence))
            element_list_append(list, part);
    }
}

void show_hide(struct document *document, unsigned hidden, struct scratch *scratch)
{
    const struct show self = {
        .scratch = scratch,
        .hidden = hidden,
        .without_ids = (hidden & (PIDF_HIDE_DEVICES | PIDF_BASIC_ONLY)) != 0,
    };

    if (hidden == 0)
        return;
    document->declarations = NULL;
    if (hidden & PIDF_BASIC_ONLY)
        *document = (struct document){.tuples = document->tuples};
    for (struct element *tuple = document->tuples.first; tuple != NULL; tuple = tuple->next)
        hide_in_tuple(&self, tuple);
    hide_in_persons(&self, &document->persons);
    hide_in_list(&self, &document->notes);
    hide_in_list(&self, &document->devices);
    hide_in_list(&self, &document->extensions);
}
