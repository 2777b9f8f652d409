/* dialog.c - the UAS's side of RFC 3261 section 12: it reads the peer's half, and sends back along
 * it. */
#include "server/dialog/dialog.h"

#include "server/sip/address.h"
#include "server/sip/compose.h"
#include "server/sip/method.h"
#include "server/sip/parameter.h"

static enum status read_route_set(const struct sip_message *request, struct buffer *memory,
                                  struct span *out)
{
    struct sip_values values = sip_values_of(request, SIP_RECORD_ROUTE);
    size_t from = memory->len;
    struct span value;

    while (sip_values_next(&values, &value)) {
        if (memory->len > from)
            buffer_put(memory, SPAN(", "));
        buffer_put(memory, value);
    }
    if (memory->overflowed)
        return STATUS_LIMIT;
    *out = span_skip(buffer_span(memory), from);
    return STATUS_OK;
}

enum status dialog_read_target(const struct sip_message *request, struct span *out)
{
    struct sip_values values = sip_values_of(request, SIP_CONTACT);
    struct sip_address contact;
    struct span value;
    struct span more;

    if (!sip_values_next(&values, &value) || sip_address_parse(value, &contact) != STATUS_OK)
        return STATUS_MALFORMED;
    if (contact.is_star || sip_values_next(&values, &more))
        return STATUS_MALFORMED;
    if (contact.uri.scheme != SIP_SCHEME_SIP && contact.uri.scheme != SIP_SCHEME_SIPS)
        return STATUS_MALFORMED;
    *out = contact.uri_text;
    return STATUS_OK;
}

enum status dialog_read(const struct sip_message *request, struct buffer *memory,
                        struct dialog_ids *out)
{
    struct dialog_ids ids = {
        .call_id = request->call_id,
        .local_uri = request->to.uri_text,
        .remote_uri = request->from.uri_text,
        .remote_tag = request->from.tag,
    };
    enum status status = dialog_read_target(request, &ids.remote_target);

    if (status == STATUS_OK)
        status = read_route_set(request, memory, &ids.route_set);
    if (status == STATUS_OK)
        *out = ids;
    return status;
}

/* The first hop of the route set; false without one. */
static bool first_route(const struct dialog_ids *ids, struct sip_address *out, struct span *rest)
{
    struct span value;

    *rest = ids->route_set;
    return !span_empty(ids->route_set) && sip_value_next(rest, &value) &&
           sip_address_parse(value, out) == STATUS_OK;
}

enum status dialog_route(const struct transport *transport, const struct dialog_ids *ids,
                         const struct flow *arrived_on, struct flow *out)
{
    struct sip_address route;
    struct sip_uri target;
    struct span rest;

    if (first_route(ids, &route, &rest))
        return transport_route(transport, &route.uri, arrived_on, out);
    if (sip_uri_parse(ids->remote_target, &target) != STATUS_OK)
        return STATUS_NOT_FOUND;
    return transport_route(transport, &target, arrived_on, out);
}

static void put_routes(const struct dialog_ids *ids, bool strict, struct span rest,
                       struct buffer *out)
{
    if (span_empty(ids->route_set))
        return;
    if (!strict) {
        sip_compose_header(out, SPAN("Route"), ids->route_set);
        return;
    }
    buffer_put(out, SPAN("Route: "));
    if (!span_empty(sip_trim(rest))) {
        buffer_put(out, sip_trim(rest));
        buffer_put(out, SPAN(", "));
    }
    buffer_put_char(out, '<');
    buffer_put(out, ids->remote_target);
    buffer_put(out, SPAN(">\r\n"));
}

static void put_end(struct buffer *out, struct span name, struct span uri, struct span tag)
{
    buffer_put(out, name);
    buffer_put(out, SPAN(": <"));
    buffer_put(out, uri);
    buffer_put_char(out, '>');
    if (!span_empty(tag)) { /* RFC 2543 peers have none */
        buffer_put(out, SPAN(";tag="));
        buffer_put(out, tag);
    }
    buffer_put(out, SPAN("\r\n"));
}

void dialog_compose_head(const struct transport *transport, const struct dialog_ids *ids,
                         enum sip_method method, uint32_t cseq, const struct flow *flow,
                         struct span branch, struct buffer *out)
{
    struct sip_address route;
    struct span rest = {0};
    struct span lr;
    bool strict =
        first_route(ids, &route, &rest) && !sip_uri_parameter(&route.uri, SPAN("lr"), &lr);

    sip_compose_request_line(out, sip_method_name(method),
                             strict ? route.uri_text : ids->remote_target);
    transport_via(transport, flow, branch, out);
    buffer_put(out, SPAN("Max-Forwards: 70\r\n"));
    put_routes(ids, strict, rest, out);
    put_end(out, SPAN("From"), ids->local_uri, ids->local_tag);
    put_end(out, SPAN("To"), ids->remote_uri, ids->remote_tag);
    sip_compose_header(out, SPAN("Call-ID"), ids->call_id);
    buffer_put(out, SPAN("CSeq: "));
    buffer_put_u64(out, cseq);
    buffer_put_char(out, ' ');
    buffer_put(out, sip_method_name(method));
    buffer_put(out, SPAN("\r\n"));
}
