/* relay.c - a request as it goes on: what is ours in it, and whom it concerns. */
#include "server/service/relay.h"

#include "server/sip/forward.h"

#include <inttypes.h>
#include <stdio.h>

enum { VIA_BYTES = 512, RECORD_ROUTE_BYTES = 1024, ACK_BYTES_MAX = 65536 };

/* ---- Record-Route ---- */

/* Requests that may make a dialog, and have not yet (section 12.1, RFC 3515, RFC 6665). */
static bool may_begin_dialog(const struct sip_message *request)
{
    switch (request->method) {
    case SIP_INVITE:
    case SIP_SUBSCRIBE:
    case SIP_REFER:
    case SIP_METHOD_OTHER:
        return span_empty(request->to.tag);
    case SIP_ACK:
    case SIP_BYE:
    case SIP_CANCEL:
    case SIP_REGISTER:
    case SIP_OPTIONS:
    case SIP_NOTIFY:
    case SIP_PUBLISH:
    case SIP_MESSAGE:
    case SIP_INFO:
    case SIP_UPDATE:
    case SIP_PRACK:
    case SIP_METHODS:
        break;
    }
    return false;
}

/* RFC 6665 section 4.4.1: the subscriber's route set is that of the NOTIFY. */
static bool goes_on_in_dialog(const struct relay *relay)
{
    return relay->request->method == SIP_NOTIFY && relay->routing->is_marked;
}

/* `side`: the flow whose side of us the URI names. */
static void put_record_route(const struct state *state, const struct flow *side, struct span mark,
                             struct buffer *out)
{
    buffer_put(out, SPAN("Record-Route: <sip:"));
    buffer_put(out, mark);
    buffer_put_char(out, '@');
    transport_contact_host(state->node.transport, side, out);
    buffer_put(out, SPAN(";lr>\r\n"));
}

static void put_new_mark(const struct state *state, const struct relay *relay, struct buffer *out)
{
    const struct node *node = &state->node;
    const struct route_side caller = {*relay->from, relay->routing->may_relay,
                                      target_is_nated(relay->request, relay->from)};
    const struct route_side callee = {*relay->to, relay->target->binding != 0,
                                      relay->target->bound};

    route_mark_compose(&node->mark_key, (uint16_t)node->id, relay->request, &caller, &callee, out);
}

/* The upper one is what the callee sends to, the lower one what the caller does. */
static void put_record_routes(const struct state *state, const struct relay *relay,
                              struct buffer *out)
{
    char octets[ROUTE_MARK_MAX_BYTES];
    struct buffer mark;

    buffer_init_fixed(&mark, octets, sizeof(octets));
    if (may_begin_dialog(relay->request))
        put_new_mark(state, relay, &mark);
    else if (goes_on_in_dialog(relay))
        buffer_put(&mark, relay->routing->mark_text);
    else
        return;
    if (relay->from->listener != relay->to->listener ||
        relay->from->remote.protocol != relay->to->remote.protocol)
        put_record_route(state, relay->to, buffer_span(&mark), out);
    put_record_route(state, relay->from, buffer_span(&mark), out);
}

/* ---- the next hop ---- */

/* A route without ;lr is a strict router: it finds itself in the Request-URI (step 6). */
static bool is_strict(const struct routing *routing)
{
    struct span lr;

    return routing->has_next && !sip_uri_parameter(&routing->next, SPAN("lr"), &lr);
}

void relay_compose(const struct state *state, const struct relay *relay, struct buffer *out)
{
    const struct routing *routing = relay->routing;
    const bool strict = is_strict(routing);
    char via[VIA_BYTES], record_route[RECORD_ROUTE_BYTES], source_text[ENDPOINT_TEXT_MAX];
    const struct sip_source source = transport_source(relay->from, source_text);
    struct buffer via_line, record_route_lines;
    struct sip_forward how = {
        .request_uri = strict ? routing->next.text : relay->target->uri,
        .route_before = relay->target->route,
        .routes_taken = routing->routes_taken + strict,
        .last_route_taken = routing->last_route_taken,
        .route_behind = strict ? relay->target->uri : (struct span){0},
        .max_breadth = relay->max_breadth,
        .realm = routing->sender != NULL ? routing->sender->name : (struct span){0},
        .is_trusted = routing->is_trusted,
        .source = &source,
    };

    buffer_init_fixed(&via_line, via, sizeof(via));
    transport_via(state->node.transport, relay->to, relay->branch, &via_line);
    buffer_init_fixed(&record_route_lines, record_route, sizeof(record_route));
    put_record_routes(state, relay, &record_route_lines);
    how.via = buffer_span(&via_line);
    how.record_route = buffer_span(&record_route_lines);
    sip_compose_forward(out, relay->request, &how);
}

/* No transaction, so the branch follows from the client's (section 16.11). */
void relay_pass_ack(const struct state *state, const struct sip_message *ack,
                    const struct flow *from, const struct routing *routing,
                    const struct target *target)
{
    const struct mac_key *key = &state->node.mark_key;
    char branch[32], octets[ACK_BYTES_MAX];
    const int len = snprintf(branch, sizeof(branch), "z9hG4bKa%016" PRIx64,
                             mac64(key, ack->via.text) ^ mac64(key, ack->call_id));
    const struct relay relay = {
        .request = ack,
        .from = from,
        .routing = routing,
        .target = target,
        .to = &target->flow,
        .branch = {branch, (size_t)len},
    };
    struct buffer out;

    buffer_init_fixed(&out, octets, sizeof(octets));
    relay_compose(state, &relay, &out);
    if (out.overflowed ||
        transport_send(state->node.transport, &target->flow, buffer_span(&out), NULL) != STATUS_OK)
        return; /* counted there */
}
