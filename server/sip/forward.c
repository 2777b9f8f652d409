/* forward.c - what does not change is copied in runs of whole lines, as it lies in the message. */
#include "server/sip/forward.h"

#include "server/sip/digest.h"
#include "server/sip/scan.h"

enum { MAX_FORWARDS = 70 }; /* RFC 3261 section 8.1.1.6 */

/* ---- runs ---- */

/* Lines that follow one another; the last one's CRLF is written anew. */
static void put_run(struct buffer *out, const struct sip_header *first,
                    const struct sip_header *last)
{
    buffer_put(out, span_between(first->name.at, span_end(last->value)));
    buffer_put(out, SPAN("\r\n"));
}

typedef bool stays_fn(const struct sip_header *header, const void *context);

static void put_those_that_stay(struct buffer *out, const struct sip_message *message,
                                stays_fn *stays, const void *context)
{
    const struct sip_header *first = NULL, *last = NULL;

    for (size_t i = 0; i < message->header_count; i++) {
        const struct sip_header *header = &message->headers[i];

        if (stays(header, context)) {
            first = first == NULL ? header : first;
            last = header;
        } else if (first != NULL) {
            put_run(out, first, last);
            first = NULL;
        }
    }
    if (first != NULL)
        put_run(out, first, last);
}

static void put_end(struct buffer *out, struct span body)
{
    sip_compose_body(out, (struct span){0}, body);
}

/* ---- requests ---- */

static bool changes_route(const struct sip_forward *how)
{
    return how->routes_taken > 0 || how->last_route_taken || !span_empty(how->route_before) ||
           !span_empty(how->route_behind);
}

/*
 * RFC 3261 section 22.3: a proxy takes out the credentials of its own realm and no others;
 * whichever field they were in, who gets the request could use them again.
 */
static bool are_consumed(const struct sip_header *header, struct span realm)
{
    struct sip_credentials credentials;

    return !span_empty(realm) && sip_credentials_parse(header->value, &credentials) == STATUS_OK &&
           credentials.is_digest && span_equal_nocase(credentials.realm, realm);
}

static bool is_passed_on(const struct sip_header *header, const void *context)
{
    const struct sip_forward *how = context;

    /* An id is no reason to handle a header field: the others pass. */
    if (header->id == SIP_VIA || header->id == SIP_MAX_FORWARDS ||
        header->id == SIP_CONTENT_LENGTH || header->id == SIP_MAX_BREADTH)
        return false;
    if (header->id == SIP_ROUTE)
        return !changes_route(how);
    if (header->id == SIP_P_ASSERTED_IDENTITY)
        return how->is_trusted;
    if (header->id == SIP_PROXY_AUTHORIZATION || header->id == SIP_AUTHORIZATION)
        return !are_consumed(header, how->realm);
    return true;
}

static void put_separated(struct buffer *out, size_t from, struct span value)
{
    if (out->len > from)
        buffer_put(out, SPAN(", "));
    buffer_put(out, value);
}

static void put_route(struct buffer *out, const struct sip_message *request,
                      const struct sip_forward *how)
{
    struct sip_values values = sip_values_of(request, SIP_ROUTE);
    const size_t begin = out->len;
    struct span value;
    size_t from;
    bool more;

    buffer_put(out, SPAN("Route: "));
    from = out->len;
    if (!span_empty(how->route_before))
        put_separated(out, from, how->route_before);
    more = sip_values_next(&values, &value);
    for (size_t i = 0; more; i++) {
        const struct span route = value;

        more = sip_values_next(&values, &value);
        if (i >= how->routes_taken && (more || !how->last_route_taken))
            put_separated(out, from, route);
    }
    if (!span_empty(how->route_behind)) {
        put_separated(out, from, SPAN("<"));
        buffer_put(out, how->route_behind);
        buffer_put_char(out, '>');
    }
    if (out->len == from)
        buffer_cut(out, begin);
    else
        buffer_put(out, SPAN("\r\n"));
}

void sip_compose_forward(struct buffer *out, const struct sip_message *request,
                         const struct sip_forward *how)
{
    const int hops = request->max_forwards < 0 ? MAX_FORWARDS : request->max_forwards - 1;

    sip_compose_request_line(out, request->method_name, how->request_uri);
    buffer_put(out, how->via);
    sip_compose_vias(out, request, how->source);
    buffer_put(out, how->record_route);
    if (changes_route(how))
        put_route(out, request, how);
    sip_compose_header_number(out, SPAN("Max-Forwards"), (uint64_t)hops);
    if (how->max_breadth > 0)
        sip_compose_header_number(out, SPAN("Max-Breadth"), how->max_breadth);
    put_those_that_stay(out, request, is_passed_on, how);
    put_end(out, request->body);
}

static bool is_end_to_end(const struct sip_header *header, const void *context)
{
    static const enum sip_header_id hops[] = {
        SIP_VIA,           SIP_MAX_FORWARDS,        SIP_MAX_BREADTH,
        SIP_ROUTE,         SIP_RECORD_ROUTE,        SIP_PATH,
        SIP_CONTACT,       SIP_CONTENT_LENGTH,      SIP_PROXY_REQUIRE,
        SIP_AUTHORIZATION, SIP_PROXY_AUTHORIZATION, SIP_P_ASSERTED_IDENTITY,
    };

    (void)context;
    for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++)
        if (header->id == hops[i])
            return false;
    return true;
}

void sip_compose_end_to_end(struct buffer *out, const struct sip_message *request)
{
    put_those_that_stay(out, request, is_end_to_end, NULL);
}

/* ---- responses ---- */

/* Nearly always the top Via has its line to itself, and what is around it is copied as it is. */
static bool put_around_top_via(struct buffer *out, const struct sip_message *response)
{
    const struct sip_header *via = sip_header_first(response, SIP_VIA);
    const struct sip_header *end = response->headers + response->header_count;

    if (via + 1 == end || response->via.text.len != via->value.len ||
        sip_count(response, SIP_CONTENT_LENGTH) == 0)
        return false;
    buffer_put(out, span_between(response->bytes.at, via->name.at));
    buffer_put(out, span_between(via[1].name.at, span_end(response->bytes)));
    return true;
}

static bool is_passed_back(const struct sip_header *header, const void *context)
{
    (void)context;
    return header->id != SIP_VIA && header->id != SIP_CONTENT_LENGTH;
}

static void put_other_vias(struct buffer *out, const struct sip_message *response)
{
    struct sip_values values = sip_values_of(response, SIP_VIA);
    struct span value;

    for (size_t i = 0; sip_values_next(&values, &value); i++)
        if (i > 0)
            sip_compose_header(out, SPAN("Via"), value);
}

void sip_compose_backward(struct buffer *out, const struct sip_message *response)
{
    if (put_around_top_via(out, response))
        return;
    buffer_put(out, SPAN("SIP/2.0 "));
    buffer_put_u64(out, (uint64_t)response->status);
    buffer_put_char(out, ' ');
    buffer_put(out, response->reason);
    buffer_put(out, SPAN("\r\n"));
    put_other_vias(out, response);
    put_those_that_stay(out, response, is_passed_back, NULL);
    put_end(out, response->body);
}
