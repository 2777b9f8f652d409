/* routing.c - takes our own entries off the top of Route, and what they say with them. */
#include "server/service/routing.h"

#include "server/sip/address.h"

static bool is_ours(const struct state *state, const struct sip_uri *uri)
{
    return transport_is_own(state->node.transport, uri) ||
           domains_find(state->domains, uri->host) != NULL;
}

static void read_mark(const struct state *state, const struct sip_message *request,
                      struct span user, struct routing *out)
{
    /* Without a To tag it would begin something. */
    if (span_empty(user) || span_empty(request->to.tag) ||
        !route_mark_parse(&state->node.mark_key, (uint16_t)state->node.id, request, user,
                          &out->mark))
        return;
    out->is_marked = true;
    out->mark_text = user;
}

static size_t count_routes(const struct sip_message *request)
{
    struct sip_values values = sip_values_of(request, SIP_ROUTE);
    struct span value;
    size_t count = 0;

    while (sip_values_next(&values, &value))
        count++;
    return count;
}

/*
 * Section 16.4: a strict router has put our Record-Route where the Request-URI belongs, and the
 * Request-URI behind the last Route.
 */
static enum status undo_strict_routing(const struct state *state, const struct sip_message *request,
                                       struct routing *out)
{
    struct sip_values values = sip_values_of(request, SIP_ROUTE);
    struct sip_address address;
    struct span value, last = {0};

    if (!transport_is_own(state->node.transport, &out->uri))
        return STATUS_OK;
    read_mark(state, request, out->uri.user, out);
    if (!out->is_marked)
        return STATUS_OK;
    while (sip_values_next(&values, &value))
        last = value;
    if (span_empty(last))
        return STATUS_OK;
    if (sip_address_parse(last, &address) != STATUS_OK)
        return STATUS_MALFORMED;
    out->last_route_taken = true;
    out->request_uri = address.uri_text;
    out->uri = address.uri;
    return STATUS_OK;
}

enum status routing_read(const struct state *state, const struct sip_message *request,
                         struct routing *out)
{
    struct routing routing = {.request_uri = request->request_uri, .uri = request->uri};
    struct sip_values values = sip_values_of(request, SIP_ROUTE);
    size_t count = count_routes(request);
    enum status status = undo_strict_routing(state, request, &routing);
    struct sip_address address;
    struct span value;

    if (status != STATUS_OK)
        return status;
    count -= routing.last_route_taken;
    while (routing.routes_taken < count && sip_values_next(&values, &value)) {
        if (sip_address_parse(value, &address) != STATUS_OK)
            return STATUS_MALFORMED;
        if (!is_ours(state, &address.uri)) {
            routing.has_next = true;
            routing.next = address.uri;
            break;
        }
        read_mark(state, request, address.uri.user, &routing);
        routing.routes_taken++;
    }
    routing.domain = domains_find(state->domains, routing.uri.host);
    routing.sender = domains_find(state->domains, request->from.uri.host);
    routing.is_local = !routing.has_next && is_ours(state, &routing.uri);
    *out = routing;
    return STATUS_OK;
}
