/* subscribe_terms.c - Event, Expires, the body, lists, Accept, the condition: in that order. */
#include "server/service/subscribe_terms.h"

#include "server/service/roster.h"
#include "server/sip/event.h"
#include "server/sip/media.h"
#include "server/sip/parameter.h"
#include "server/sip/rate.h"
#include "server/sip/scan.h"

enum { HOUR_S = 3600 };

#define FILTER_TYPE SPAN("application/simple-filter+xml")
#define LIST_TYPE SPAN("application/resource-lists+xml")

bool subscribe_refused_event(struct subscribing *it)
{
    struct span value = sip_header_value(it->message, SIP_EVENT);
    struct sip_event event;
    struct sip_rates rates;
    const char *phrase = "Malformed Event";
    char text[256];
    struct buffer allowed;

    if (value.at != NULL && (sip_event_parse(value, &event) != STATUS_OK ||
                             sip_rates_parse(event.params, &rates, &phrase) != STATUS_OK)) {
        request_refuse(it->request, 400, phrase);
        return true;
    }
    if (value.len > EVENT_OCTETS_MAX) { /* it is kept with the subscription */
        request_refuse(it->request, 400, "Event Too Long");
        return true;
    }
    if (value.at != NULL) {
        it->package = event_package_find(it->self->packages, event.package);
        it->change.event_id = event.id;
        it->change.event_params = node_text_or_nothing(event.params);
    }
    if (it->package != NULL) {
        it->change.event = it->package->name;
        return false;
    }
    buffer_init_fixed(&allowed, text, sizeof(text));
    event_packages_compose(it->self->packages, &allowed);
    request_refuse_with(it->request, 489, NULL, "Allow-Events", buffer_span(&allowed));
    return true;
}

/*
 * RFC 6665 section 4.2.1.1: it may be shortened, never lengthened; 423 for what is too brief, which
 * is what was asked for, not what we shorten, and never an hour or more.
 */
bool subscribe_refused_expires(struct subscribing *it)
{
    struct span value = sip_header_value(it->message, SIP_EXPIRES);
    const uint32_t min_s =
        it->self->expires_min_s < HOUR_S ? it->self->expires_min_s : (uint32_t)HOUR_S;
    uint32_t max_s = it->self->expires_max_s;

    if (it->domain != NULL && it->domain->subscription_expires_max_s != 0)
        max_s = it->domain->subscription_expires_max_s;
    it->change.expires_s = it->self->expires_default_s;
    if (value.at != NULL && sip_delta_seconds(value, &it->change.expires_s) != STATUS_OK) {
        request_refuse(it->request, 400, "Malformed Expires");
        return true;
    }
    if (value.at != NULL && it->change.expires_s != 0 && it->change.expires_s < min_s) {
        request_refuse_brief(it->request, min_s);
        return true;
    }
    if (it->change.expires_s > max_s)
        it->change.expires_s = max_s;
    return false;
}

/* ---- the body ---- */

static bool refused_by(struct subscribing *it, enum status status, const char *phrase)
{
    switch (status) {
    case STATUS_OK:
        return false;
    case STATUS_LIMIT:
        request_refuse(it->request, 413, phrase);
        return true;
    case STATUS_CONFLICT:
        request_refuse(it->request, 488, phrase);
        return true;
    case STATUS_MALFORMED:
    case STATUS_NOT_FOUND:
    case STATUS_FAILED:
    case STATUS_UNAVAILABLE:
        break;
    }
    request_refuse(it->request, 400, phrase);
    return true;
}

static bool refused_filter(struct subscribing *it)
{
    const struct span standing = it->refreshed == NULL ? (struct span){0} : it->refreshed->body;
    const char *phrase = "Malformed Filter";
    const enum status status = it->package->check_filter(
        it->package, it->change.aor, it->message->body, standing, &it->body, &phrase);

    if (refused_by(it, status, phrase))
        return true;
    it->change.body_type = FILTER_TYPE;
    /* No filter is left: that is told apart from no body, which leaves those that stand. */
    it->change.body = it->body.len == 0 ? SPAN("") : buffer_span(&it->body);
    return false;
}

static bool refused_members(struct subscribing *it)
{
    const char *phrase = "Malformed Resource List";
    const enum status status =
        rosters_check(it->self->content->rosters, it->message->body, &phrase);

    if (refused_by(it, status, phrase))
        return true;
    it->is_list = true;
    it->change.body_type = LIST_TYPE;
    it->change.body = it->message->body;
    return false;
}

/* RFC 3261 section 20.11: handling=optional lets us pass over what we do not understand. */
static bool is_optional(const struct sip_message *message)
{
    const struct span value = sip_header_value(message, SIP_CONTENT_DISPOSITION);
    const char *semicolon = value.at == NULL ? NULL : span_find(value, ';');
    struct span handling;

    return semicolon != NULL &&
           sip_parameter(span_between(semicolon, span_end(value)), SPAN("handling"), &handling) &&
           span_equal_nocase(handling, SPAN("optional"));
}

/* The only body that a subscription keeps is its list; there is no changing it (RFC 5367 section
 * 5.1). */
static bool is_list_in_body(const struct subscribing *it)
{
    return it->refreshed != NULL && span_equal_nocase(it->refreshed->body_type, LIST_TYPE);
}

static bool takes_filter(const struct subscribing *it)
{
    return it->package->check_filter != NULL && !is_list_in_body(it);
}

static bool takes_members(const struct subscribing *it)
{
    return it->refreshed == NULL;
}

static struct span acceptable(const struct subscribing *it)
{
    if (takes_filter(it) && takes_members(it))
        return SPAN("application/simple-filter+xml, application/resource-lists+xml");
    if (takes_filter(it))
        return FILTER_TYPE;
    return takes_members(it) ? LIST_TYPE : SPAN("");
}

static bool refused_type(struct subscribing *it)
{
    if (is_optional(it->message))
        return false;
    request_refuse_with(it->request, 415, NULL, "Accept", acceptable(it));
    return true;
}

bool subscribe_refused_body(struct subscribing *it)
{
    const struct span type = sip_header_value(it->message, SIP_CONTENT_TYPE);
    struct sip_media media;

    if (span_empty(it->message->body))
        return false;
    if (it->message->body.len > it->self->body_bytes_max) {
        request_refuse(it->request, 413, NULL);
        return true;
    }
    if (type.at == NULL || sip_media_parse(type, &media) != STATUS_OK) {
        request_refuse(it->request, 400, "Body Without Content-Type");
        return true;
    }
    if (sip_media_is(&media, FILTER_TYPE) && takes_filter(it))
        return refused_filter(it);
    if (sip_media_is(&media, LIST_TYPE) && takes_members(it))
        return refused_members(it);
    return refused_type(it);
}

/* ---- lists ---- */

static bool supports_lists(const struct sip_message *message)
{
    struct sip_values values = sip_values_of(message, SIP_SUPPORTED);
    struct span tag;

    while (sip_values_next(&values, &tag))
        if (span_equal_nocase(tag, SPAN("eventlist")))
            return true;
    return false;
}

bool subscribe_refused_list(struct subscribing *it)
{
    it->change.eventlist = supports_lists(it->message);
    if (!it->is_list || it->change.eventlist)
        return false;
    request_refuse_with(it->request, 421, NULL, "Require", SPAN("eventlist"));
    return true;
}

/* ---- Accept ---- */

static bool accepts(const struct subscribing *it)
{
    const struct span accept = it->change.accept;

    if (sip_header_first(it->message, SIP_ACCEPT) == NULL)
        return true;
    if (span_empty(accept)) /* RFC 3261 section 20.1: nothing is acceptable */
        return false;
    /* RFC 4662 section 4.2: a list's types beside those of its members. */
    if (it->is_list && (sip_accept_q(accept, SPAN("multipart/related")) == 0 ||
                        sip_accept_q(accept, SPAN("application/rlmi+xml")) == 0))
        return false;
    return content_format(it->package, accept) >= 0;
}

/* All Accept header fields as one; what does not fit is left out. */
static void read_accept(struct subscribing *it)
{
    struct sip_values values = sip_values_of(it->message, SIP_ACCEPT);
    struct buffer accept;
    struct span value;

    it->change.accept = SPAN(""); /* also of a refresh: the most recent one counts (RFC 3856 6.7) */
    if (sip_header_first(it->message, SIP_ACCEPT) == NULL)
        return;
    buffer_init_fixed(&accept, it->accept_octets, sizeof(it->accept_octets));
    while (sip_values_next(&values, &value)) {
        const size_t begin = accept.len;

        if (begin > 0)
            buffer_put(&accept, SPAN(", "));
        buffer_put(&accept, value);
        if (accept.overflowed) {
            buffer_cut(&accept, begin);
            break;
        }
    }
    it->change.accept = node_text_or_nothing(buffer_span(&accept));
}

bool subscribe_refused_accept(struct subscribing *it)
{
    char octets[256];
    struct buffer acceptable;

    read_accept(it);
    if (accepts(it))
        return false;
    buffer_init_fixed(&acceptable, octets, sizeof(octets));
    event_package_formats(it->package, &acceptable);
    if (it->is_list)
        buffer_put(&acceptable, SPAN(", application/rlmi+xml, multipart/related"));
    request_refuse_with(it->request, 406, NULL, "Accept", buffer_span(&acceptable));
    return true;
}

/* ---- the condition ---- */

bool subscribe_refused_condition(struct subscribing *it)
{
    const struct span tag = sip_header_value(it->message, SIP_SUPPRESS_IF_MATCH);

    it->suppress_if_match = tag;
    if (tag.at == NULL || (sip_is_token(tag) && sip_count(it->message, SIP_SUPPRESS_IF_MATCH) == 1))
        return false;
    request_refuse(it->request, 400, "Malformed Suppress-If-Match");
    return true;
}
