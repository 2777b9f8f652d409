/* watcherinfo.c - one element per watcher, and the two that stand around them. */
#include "pidf/event/watcherinfo.h"

#include "pidf/xml/markup.h"
#include "server/base/must.h"

#define OPEN SPAN("<watcher")

/* What stands before the two values that change when a watcher is gone, in this order. */
#define STATUS SPAN(" status=\"")
#define EVENT SPAN("\" event=\"")

/* RFC 3858 section 6. */
static const char *const statuses[] = {
    [WATCHERINFO_STATUS_PENDING] = "pending",
    [WATCHERINFO_STATUS_ACTIVE] = "active",
    [WATCHERINFO_STATUS_WAITING] = "waiting",
    [WATCHERINFO_STATUS_TERMINATED] = "terminated",
};

static const char *const events[] = {
    [WATCHERINFO_EVENT_SUBSCRIBE] = "subscribe",     [WATCHERINFO_EVENT_APPROVED] = "approved",
    [WATCHERINFO_EVENT_DEACTIVATED] = "deactivated", [WATCHERINFO_EVENT_PROBATION] = "probation",
    [WATCHERINFO_EVENT_REJECTED] = "rejected",       [WATCHERINFO_EVENT_TIMEOUT] = "timeout",
    [WATCHERINFO_EVENT_GIVEUP] = "giveup",           [WATCHERINFO_EVENT_NORESOURCE] = "noresource",
};

bool watcherinfo_add(struct parts *parts, const struct watcherinfo_watcher *watcher)
{
    bool last = watcher->status == WATCHERINFO_STATUS_TERMINATED;
    struct buffer *out = parts_begin(parts, watcher->id);

    buffer_put(out, OPEN);
    markup_put_attribute(out, "id", watcher->id);
    markup_put_attribute(out, "status", span_of(statuses[watcher->status]));
    markup_put_attribute(out, "event", span_of(events[watcher->event]));
    markup_put_optional(out, "display-name", watcher->display_name);
    if (!span_empty(watcher->display_name))
        markup_put_language(out, watcher->language);
    if (last)
        markup_put_number(out, "duration-subscribed", watcher->duration_subscribed_s);
    buffer_put_char(out, '>');
    markup_put_uri(out, watcher->uri);
    buffer_put(out, SPAN("</watcher>"));
    return parts_end(parts, last, last ? 0 : watcher->deadline_us);
}

void watcherinfo_put_gone(struct buffer *out, struct span octets, enum watcherinfo_event event)
{
    const char *status = memmem(octets.at, octets.len, STATUS.at, STATUS.len);
    struct span rest;
    const char *status_end, *event_end;

    must(status != NULL);
    rest = span_between(status + STATUS.len, octets.at + octets.len);
    status_end = span_find(rest, '"');
    must(status_end != NULL);
    rest = span_between(status_end + EVENT.len, octets.at + octets.len);
    event_end = span_find(rest, '"');
    must(event_end != NULL);
    buffer_put(out, span_between(octets.at, status + STATUS.len));
    buffer_put(out, SPAN("terminated\" event=\""));
    buffer_put(out, span_of(events[event]));
    buffer_put(out, span_between(event_end, octets.at + octets.len));
}

void watcherinfo_begin(struct buffer *out, uint32_t version, bool full, struct span resource,
                       struct span package)
{
    buffer_put(out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\""));
    markup_put_number(out, "version", version);
    markup_put_attribute(out, "state", full ? SPAN("full") : SPAN("partial"));
    buffer_put(out, SPAN("><watcher-list"));
    markup_put_uri_attribute(out, "resource", resource);
    markup_put_attribute(out, "package", package);
    buffer_put_char(out, '>');
}

void watcherinfo_put_part(struct buffer *out, const struct part *part, int64_t now_us)
{
    must(span_begins(part->octets, OPEN));
    buffer_put(out, OPEN);
    if (part->deadline_us != 0)
        markup_put_number(out, "expiration", markup_seconds_left(part->deadline_us, now_us));
    buffer_put(out, span_skip(part->octets, OPEN.len));
}

void watcherinfo_end(struct buffer *out)
{
    buffer_put(out, SPAN("</watcher-list></watcherinfo>"));
}
