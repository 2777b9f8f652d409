/* dialect.c - each bit is one change; those that add to tuples come before PIDF_PLAIN takes away.
 */
#include "pidf/dialect.h"

#include "pidf/policy.h"
#include "pidf/xml/escape.h"
#include "pidf/xml/value.h"

/* ---- the entity ---- */

static struct span escaped(struct span uri, struct scratch *scratch)
{
    struct buffer out;
    size_t size_bytes = 3 * uri.len + 1;

    buffer_init_fixed(&out, scratch_alloc(scratch, size_bytes), size_bytes);
    escape_put_uri(&out, uri);
    return buffer_span(&out);
}

struct span dialect_entity(struct span entity, unsigned dialect, struct scratch *scratch)
{
    struct span uri = escaped(entity, scratch);

    if (!(dialect & PIDF_ENTITY_PRES))
        return uri;
    if (uri.len >= 5 && span_equal_nocase((struct span){uri.at, 5}, SPAN("sips:")))
        return scratch_join(scratch, scratch_copy(scratch, SPAN("pres:")), span_skip(uri, 5));
    if (uri.len >= 4 && span_equal_nocase((struct span){uri.at, 4}, SPAN("sip:")))
        return scratch_join(scratch, scratch_copy(scratch, SPAN("pres:")), span_skip(uri, 4));
    return uri;
}

/* ---- what tuples get ---- */

static unsigned rank_of(const struct element *child)
{
    if (element_is(child, VOCABULARY_PIDF, "timestamp"))
        return 3;
    if (element_is(child, VOCABULARY_PIDF, "note"))
        return 2;
    return element_is(child, VOCABULARY_PIDF, "contact") ? 1 : 0;
}

/* Where the schema wants it (RFC 3863 section 4.4): behind all that are not of a higher rank. */
static void insert(struct element *tuple, struct element *made)
{
    struct element *next;
    bool placed = false;

    for (struct element *child = element_take_children(tuple); child != NULL; child = next) {
        next = child->next;
        if (!placed && rank_of(child) > rank_of(made)) {
            element_append(tuple, made);
            placed = true;
        }
        element_append(tuple, child);
    }
    if (!placed)
        element_append(tuple, made);
}

static void add_to_tuples(struct document *document, const char *local, struct span text,
                          struct span language, struct scratch *scratch)
{
    for (struct element *tuple = document->tuples.first; tuple != NULL; tuple = tuple->next) {
        struct element *made;

        if (element_child(tuple, VOCABULARY_PIDF, local) != NULL)
            continue;
        made = element_new(scratch, VOCABULARY_PIDF, local);
        if (!span_empty(language))
            element_attribute_add(made, scratch, VOCABULARY_XML, "lang", language);
        element_append(made, element_text_new(scratch, text));
        insert(tuple, made);
    }
}

static void add_contacts(struct document *document, struct span entity, struct scratch *scratch)
{
    struct span uri = escaped(entity, scratch);

    if (value_mend(VALUE_URI, uri, scratch, &uri))
        add_to_tuples(document, "contact", uri, (struct span){0}, scratch);
}

/* ---- the note ---- */

/* "on-the-phone" is "on the phone", "in_love" "in love". */
static struct span words_of(const char *local, struct scratch *scratch)
{
    struct span words = scratch_copy(scratch, span_of(local));

    for (size_t i = 0; i < words.len; i++)
        if (words.at[i] == '-' || words.at[i] == '_')
            ((char *)words.at)[i] = ' ';
    return words;
}

/* Of an <activities> that says for when, nobody here can say whether it is now. */
static bool is_timed(const struct element *self)
{
    return element_attribute(self, VOCABULARY_ABSENT, "from") != NULL ||
           element_attribute(self, VOCABULARY_ABSENT, "until") != NULL;
}

static struct span activity_of(const struct element *activities, struct scratch *scratch)
{
    for (const struct element *child = activities->first; child != NULL; child = child->next) {
        struct span text = value_trim(element_text(child));

        if (child->name.vocabulary != VOCABULARY_RPID || strcmp(child->name.local, "unknown") == 0)
            continue;
        if (strcmp(child->name.local, "note") != 0 && strcmp(child->name.local, "other") != 0)
            return words_of(child->name.local, scratch);
        if (!span_empty(text))
            return text;
    }
    return (struct span){0};
}

static struct span person_activity(const struct element *person, struct scratch *scratch)
{
    for (const struct element *child = person->first; child != NULL; child = child->next)
        if (element_is(child, VOCABULARY_RPID, "activities") && !is_timed(child)) {
            struct span words = activity_of(child, scratch);

            if (!span_empty(words))
                return words;
        }
    return (struct span){0};
}

static void add_notes(struct document *document, struct scratch *scratch)
{
    const struct element *person = document->persons.first, *note = NULL;
    const struct attribute *language;
    struct span activity;

    if (person != NULL)
        note = element_child(person, VOCABULARY_DATA_MODEL, "note");
    if (note == NULL)
        note = document->notes.first;
    if (note != NULL) {
        language = element_attribute(note, VOCABULARY_XML, "lang");
        add_to_tuples(document, "note", element_text(note),
                      language == NULL ? (struct span){0} : language->value, scratch);
        return;
    }
    activity = person == NULL ? (struct span){0} : person_activity(person, scratch);
    if (!span_empty(activity))
        add_to_tuples(document, "note", activity, (struct span){0}, scratch);
}

/* ---- PIDF alone ---- */

static void leave_pidf(struct element *self)
{
    struct element *next;

    for (struct element *child = element_take_children(self); child != NULL; child = next) {
        next = child->next;
        if (child->name.vocabulary == VOCABULARY_PIDF)
            element_append(self, child);
    }
}

static void make_plain(struct document *document, struct scratch *scratch)
{
    *document = (struct document){.tuples = document->tuples, .notes = document->notes};
    for (struct element *tuple = document->tuples.first; tuple != NULL; tuple = tuple->next) {
        struct element *status = element_child(tuple, VOCABULARY_PIDF, "status");

        leave_pidf(tuple);
        if (status != NULL)
            leave_pidf(status);
        document_fill_status(tuple, scratch);
    }
}

void dialect_apply(struct document *document, struct span entity, const struct pidf_view *view,
                   struct scratch *scratch)
{
    if (view->policy == PIDF_SINGLE || (view->dialect & PIDF_ONE_TUPLE))
        policy_single(document, scratch);
    if ((view->dialect & PIDF_NOTE_IN_TUPLE) &&
        !(view->hidden & (PIDF_HIDE_NOTES | PIDF_BASIC_ONLY)))
        add_notes(document, scratch);
    if (view->dialect & PIDF_CONTACT)
        add_contacts(document, entity, scratch);
    if (view->dialect & PIDF_PLAIN)
        make_plain(document, scratch);
}
