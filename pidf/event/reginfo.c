/* reginfo.c - one element per contact, and the two that stand around them. */
#include "pidf/event/reginfo.h"

#include "pidf/xml/markup.h"
#include "server/base/must.h"

#define OPEN SPAN("<contact")

/* No value holds a quotation mark, so this stands for itself wherever it is found first. */
#define STATE SPAN("\" state=\"active\" event=\"")

static const char *const events[] = {
    [REGINFO_EVENT_REGISTERED] = "registered", [REGINFO_EVENT_CREATED] = "created",
    [REGINFO_EVENT_REFRESHED] = "refreshed",   [REGINFO_EVENT_SHORTENED] = "shortened",
    [REGINFO_EVENT_EXPIRED] = "expired",       [REGINFO_EVENT_DEACTIVATED] = "deactivated",
    [REGINFO_EVENT_PROBATION] = "probation",   [REGINFO_EVENT_UNREGISTERED] = "unregistered",
    [REGINFO_EVENT_REJECTED] = "rejected",
};

static const char *const states[] = {
    [REGINFO_STATE_INIT] = "init",
    [REGINFO_STATE_ACTIVE] = "active",
    [REGINFO_STATE_TERMINATED] = "terminated",
};

static bool ends(enum reginfo_event event)
{
    switch (event) {
    case REGINFO_EVENT_REGISTERED:
    case REGINFO_EVENT_CREATED:
    case REGINFO_EVENT_REFRESHED:
    case REGINFO_EVENT_SHORTENED:
        return false;
    case REGINFO_EVENT_EXPIRED:
    case REGINFO_EVENT_DEACTIVATED:
    case REGINFO_EVENT_PROBATION:
    case REGINFO_EVENT_UNREGISTERED:
    case REGINFO_EVENT_REJECTED:
        return true;
    }
    return true;
}

static void put_attributes(struct buffer *out, const struct reginfo_contact *contact)
{
    bool over = ends(contact->event);

    markup_put_attribute(out, "id", contact->id);
    markup_put_attribute(out, "state", over ? SPAN("terminated") : SPAN("active"));
    markup_put_attribute(out, "event", span_of(events[contact->event]));
    if (over)
        markup_put_number(out, "duration-registered", contact->duration_registered_s);
    if (contact->event == REGINFO_EVENT_PROBATION)
        markup_put_number(out, "retry-after", contact->retry_after_s);
    markup_put_optional(out, "q", contact->q);
    markup_put_optional(out, "callid", contact->callid);
    if (contact->has_cseq)
        markup_put_number(out, "cseq", contact->cseq);
}

static void put_display_name(struct buffer *out, const struct reginfo_contact *contact)
{
    if (span_empty(contact->display_name))
        return;
    buffer_put(out, SPAN("<display-name"));
    markup_put_language(out, contact->language);
    buffer_put_char(out, '>');
    markup_put_text(out, contact->display_name);
    buffer_put(out, SPAN("</display-name>"));
}

static void put_param(struct buffer *out, const struct reginfo_param *param)
{
    buffer_put(out, SPAN("<unknown-param"));
    markup_put_attribute(out, "name", param->name);
    buffer_put_char(out, '>');
    markup_put_text(out, param->value);
    buffer_put(out, SPAN("</unknown-param>"));
}

/* RFC 5628 section 5; the prefix is declared at the root. */
static void put_gruus(struct buffer *out, const struct reginfo_contact *contact)
{
    if (!span_empty(contact->pub_gruu)) {
        buffer_put(out, SPAN("<gr:pub-gruu"));
        markup_put_uri_attribute(out, "uri", contact->pub_gruu);
        buffer_put(out, SPAN("/>"));
    }
    if (!span_empty(contact->temp_gruu)) {
        buffer_put(out, SPAN("<gr:temp-gruu"));
        markup_put_uri_attribute(out, "uri", contact->temp_gruu);
        markup_put_number(out, "first-cseq", contact->first_cseq);
        buffer_put(out, SPAN("/>"));
    }
}

bool reginfo_add(struct parts *parts, const struct reginfo_contact *contact)
{
    bool last = ends(contact->event);
    struct buffer *out = parts_begin(parts, contact->id);

    must(contact->event != REGINFO_EVENT_SHORTENED || contact->deadline_us != 0);
    buffer_put(out, OPEN);
    put_attributes(out, contact);
    buffer_put(out, SPAN("><uri>"));
    markup_put_uri(out, contact->uri);
    buffer_put(out, SPAN("</uri>"));
    put_display_name(out, contact);
    for (size_t i = 0; i < contact->param_count; i++)
        put_param(out, &contact->params[i]);
    put_gruus(out, contact);
    buffer_put(out, SPAN("</contact>"));
    return parts_end(parts, last, last ? 0 : contact->deadline_us);
}

void reginfo_put_gone(struct buffer *out, struct span octets, bool expired)
{
    const char *state = memmem(octets.at, octets.len, STATE.at, STATE.len);
    struct span rest;
    const char *event_end;

    must(state != NULL); /* it was active, or it would have been said already that it is gone */
    rest = span_between(state + STATE.len, octets.at + octets.len);
    event_end = span_find(rest, '"');
    must(event_end != NULL);
    buffer_put(out, span_between(octets.at, state));
    buffer_put(out, SPAN("\" state=\"terminated\" event=\""));
    buffer_put(out, expired ? SPAN("expired") : SPAN("unregistered"));
    buffer_put(out, span_between(event_end, rest.at + rest.len));
}

enum reginfo_state reginfo_state(size_t in_force_count, size_t ended_count)
{
    if (in_force_count > 0)
        return REGINFO_STATE_ACTIVE;
    return ended_count > 0 ? REGINFO_STATE_TERMINATED : REGINFO_STATE_INIT;
}

void reginfo_begin(struct buffer *out, uint32_t version, bool full,
                   const struct reginfo_registration *registration)
{
    buffer_put(out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\""
                         " xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\""));
    markup_put_number(out, "version", version);
    markup_put_attribute(out, "state", full ? SPAN("full") : SPAN("partial"));
    buffer_put(out, SPAN("><registration"));
    markup_put_uri_attribute(out, "aor", registration->aor);
    markup_put_attribute(out, "id", registration->id);
    markup_put_attribute(out, "state", span_of(states[registration->state]));
    buffer_put_char(out, '>');
}

void reginfo_put_part(struct buffer *out, const struct part *part, int64_t now_us)
{
    must(span_begins(part->octets, OPEN));
    buffer_put(out, OPEN);
    if (part->deadline_us != 0)
        markup_put_number(out, "expires", markup_seconds_left(part->deadline_us, now_us));
    buffer_put(out, span_skip(part->octets, OPEN.len));
}

void reginfo_end(struct buffer *out)
{
    buffer_put(out, SPAN("</registration></reginfo>"));
}
