/* dialog_info_write.c - the views, the document around parts, and the end of a part. */
#include "pidf/dialog/dialog_info_write.h"

#include "pidf/dialog/dialog_info_unite.h"
#include "pidf/write.h"
#include "pidf/xml/escape.h"
#include "server/base/must.h"

/* The one dialog of a view that has one: the same part whichever call it stands for. */
static struct span virtual_key(void)
{
    return SPAN("1");
}

/* ---- what a view leaves out ---- */

static void drop_session_description(struct element *participant)
{
    struct element *next;

    for (struct element *child = element_take_children(participant); child != NULL; child = next) {
        next = child->next;
        if (!element_is(child, VOCABULARY_DIALOG_INFO, "session-description"))
            element_append(participant, child);
    }
}

static void say_display(struct element *self)
{
    struct attribute *name = element_attribute(self, VOCABULARY_ABSENT, "display-name");

    if (name != NULL)
        name->name.local = "display";
}

static void view_participant(struct element *participant, unsigned view)
{
    struct element *identity = element_child(participant, VOCABULARY_DIALOG_INFO, "identity");

    if ((view & DIALOG_INFO_SESSION_DESCRIPTIONS) == 0)
        drop_session_description(participant);
    if ((view & DIALOG_INFO_DISPLAY) != 0 && identity != NULL)
        say_display(identity);
}

static void view_dialog(struct element *dialog, unsigned view)
{
    for (struct element *child = dialog->first; child != NULL; child = child->next) {
        if (element_is(child, VOCABULARY_DIALOG_INFO, "local") ||
            element_is(child, VOCABULARY_DIALOG_INFO, "remote"))
            view_participant(child, view);
        else if ((view & DIALOG_INFO_DISPLAY) != 0 &&
                 element_is(child, VOCABULARY_DIALOG_INFO, "referred-by"))
            say_display(child);
    }
}

/* ---- parts ---- */

static void put_report(const struct report *report, struct span id, unsigned view,
                       struct scratch *scratch, const uint64_t key[2], struct parts *out)
{
    struct buffer *octets = parts_begin(out, id);

    view_dialog(report->element, view);
    element_attribute(report->element, VOCABULARY_ABSENT, "id")->value = id;
    write_element(report->element, scratch, key, octets);
    (void)parts_end(out, report->state == REPORT_TERMINATED, 0); /* `out` remembers */
}

/* Who may see no more than that does not learn how the last call ended, either. */
static void put_basic(const struct report_list *reports, struct parts *out)
{
    /* Terminated ones stand first, so that the last tells whether any lives. */
    bool busy = reports->last->state != REPORT_TERMINATED;
    struct buffer *octets = parts_begin(out, virtual_key());

    buffer_put(octets, SPAN("<dialog id=\""));
    buffer_put(octets, virtual_key());
    buffer_put(octets, SPAN("\"><state>"));
    buffer_put(octets, busy ? SPAN("confirmed") : SPAN("terminated"));
    buffer_put(octets, SPAN("</state></dialog>"));
    (void)parts_end(out, !busy, 0);
}

static const struct report *most_important(const struct report_list *reports)
{
    const struct report *found = reports->first;

    for (const struct report *report = found->next; report != NULL; report = report->next)
        if (report->state > found->state ||
            (report->state == found->state && report_supersedes(report, found)))
            found = report;
    return found;
}

void dialog_info_write(const struct report_list *reports, unsigned view, struct scratch *scratch,
                       const uint64_t key[2], struct parts *out)
{
    if (reports->first == NULL)
        return;
    if ((view & DIALOG_INFO_BASIC_ONLY) != 0) {
        put_basic(reports, out);
        return;
    }
    if ((view & DIALOG_INFO_SINGLE) != 0) {
        put_report(most_important(reports), virtual_key(), view, scratch, key, out);
        return;
    }
    for (const struct report *report = reports->first; report != NULL; report = report->next)
        put_report(report, report->key, view, scratch, key, out);
}

/* ---- around parts ---- */

static void put_entity(struct buffer *out, struct span entity)
{
    struct buffer uri;

    buffer_init(&uri, 3 * entity.len); /* "%XX" for every byte, at worst */
    escape_put_uri(&uri, entity);
    escape_put_value(out, buffer_span(&uri));
    buffer_deinit(&uri);
}

void dialog_info_wrap(struct span entity, uint32_t version, bool full, const struct part parts[],
                      size_t count, struct buffer *out)
{
    buffer_put(out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\""));
    buffer_put(out, span_of(vocabulary_uri(VOCABULARY_DIALOG_INFO)));
    buffer_put(out, SPAN("\" version=\""));
    buffer_put_u64(out, version);
    buffer_put(out,
               full ? SPAN("\" state=\"full\" entity=\"") : SPAN("\" state=\"partial\" entity=\""));
    put_entity(out, entity);
    buffer_put(out, SPAN("\">"));
    for (size_t i = 0; i < count; i++)
        buffer_put(out, parts[i].octets);
    buffer_put(out, SPAN("</dialog-info>\n"));
}

/* ---- the end of a part ---- */

/*
 * Our own octets: in the values of the start tag no '>' stands as such, and there are children. So
 * nothing needs to be parsed, and nothing can fail.
 */
void dialog_info_end(struct span octets, struct buffer *out)
{
    const char *end = span_find(octets, '>');

    must(end != NULL);
    buffer_put(out, span_between(octets.at, end + 1));
    buffer_put(out, SPAN("<state>terminated</state></dialog>"));
}
