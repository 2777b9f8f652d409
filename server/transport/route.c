/* route.c - where requests and responses go, and what we say where we are. */
#include "server/transport/listener.h"

#include "server/sip/parameter.h"
#include "server/sip/uri.h"

/* ---- what we say of ourselves ---- */

void transport_via(const struct transport *self, const struct flow *flow, struct span branch,
                   struct buffer *out)
{
    const struct listener *listener = transport_find_listener(self, flow->listener);

    buffer_put(out, SPAN("Via: SIP/2.0/"));
    buffer_put(out, transport_protocol_name((enum transport_protocol)flow->remote.protocol));
    buffer_put_char(out, ' ');
    if (listener != NULL)
        buffer_put(out, listener_advertised(listener));
    buffer_put(out, SPAN(";branch="));
    buffer_put(out, branch);
    buffer_put(out, SPAN(";rport\r\n"));
}

/* What we advertise is "host:port", an IPv6 host in brackets. */
static struct span advertised_host(const struct listener *listener, struct span *port)
{
    const struct span text = listener_advertised(listener);
    const char *colon = text.len == 0 ? NULL : memrchr(text.at, ':', text.len);
    struct span host = text;

    *port = (struct span){0};
    if (colon == NULL)
        return host;
    *port = span_skip(text, (size_t)(colon + 1 - text.at));
    host = span_between(text.at, colon);
    if (host.len > 2 && host.at[0] == '[')
        host = (struct span){host.at + 1, host.len - 2};
    return host;
}

static bool is_advertised(const struct listener *listener, const struct sip_uri *uri, uint16_t port)
{
    uint64_t advertised_port;
    struct span port_text;

    return span_equal_nocase(uri->host, advertised_host(listener, &port_text)) &&
           sip_number(port_text, UINT16_MAX, &advertised_port) == STATUS_OK &&
           advertised_port == port;
}

/* ::ffff:192.0.2.1 is 192.0.2.1 written otherwise (RFC 4291 section 2.5.5.2). */
static void unmap(struct endpoint *end)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (end->family != ENDPOINT_IPV6 || memcmp(end->address, mapped, sizeof(mapped)) != 0)
        return;
    memmove(end->address, end->address + sizeof(mapped), 4);
    memset(end->address + 4, 0, sizeof(end->address) - 4);
    end->family = ENDPOINT_IPV4;
}

/* As bound, or, where that is any address, as advertised. */
static bool is_at(const struct listener *listener, const struct endpoint *end)
{
    struct endpoint advertised = {0};
    struct span port;

    return endpoint_same_address(&listener->local, end) ||
           (endpoint_parse_host(advertised_host(listener, &port), &advertised) == STATUS_OK &&
            endpoint_same_address(&advertised, end));
}

bool transport_is_local(const struct transport *self, struct span host)
{
    const uint16_t count = transport_listener_count(self);
    struct endpoint end = {0};
    bool is_numeric;
    struct span port;

    if (host.len > 1 && host.at[host.len - 1] == '.')
        host.len--;
    is_numeric = endpoint_parse_host(host, &end) == STATUS_OK;
    unmap(&end);
    for (uint16_t i = 0; i < count; i++) {
        const struct listener *listener = transport_find_listener(self, i);

        if (is_numeric ? is_at(listener, &end)
                       : span_equal_nocase(host, advertised_host(listener, &port)))
            return true;
    }
    return false;
}

bool transport_is_own_end(const struct transport *self, const struct endpoint *end)
{
    const uint16_t count = transport_listener_count(self);

    for (uint16_t i = 0; i < count; i++) {
        const struct listener *listener = transport_find_listener(self, i);

        if (is_at(listener, end) &&
            (listener->local.port == end->port || end->protocol != TRANSPORT_UDP))
            return true;
    }
    return false;
}

bool transport_is_own(const struct transport *self, const struct sip_uri *uri)
{
    const uint16_t count = transport_listener_count(self);
    struct endpoint end = {0};
    bool is_numeric = endpoint_parse_host(uri->host, &end) == STATUS_OK;

    for (uint16_t i = 0; i < count; i++) {
        const struct listener *listener = transport_find_listener(self, i);
        const uint16_t port =
            uri->port != 0
                ? uri->port
                : transport_protocol_port((enum transport_protocol)listener->local.protocol);

        if ((is_numeric && port == listener->local.port &&
             endpoint_same_address(&listener->local, &end)) ||
            is_advertised(listener, uri, port))
            return true;
    }
    return false;
}

/* The values of the transport parameter: TLS is sips or deprecated, RFC 3261 section 26.2.2. */
static struct span transport_parameter(uint8_t protocol)
{
    switch ((enum transport_protocol)protocol) {
    case TRANSPORT_UDP:
        break;
    case TRANSPORT_TCP:
        return SPAN(";transport=tcp");
    case TRANSPORT_TLS:
        return SPAN(";transport=tls");
    case TRANSPORT_WS:
    case TRANSPORT_WSS:
        return SPAN(";transport=ws");
    }
    return (struct span){0};
}

void transport_contact_host(const struct transport *self, const struct flow *flow,
                            struct buffer *out)
{
    const struct listener *listener = transport_find_listener(self, flow->listener);

    if (listener != NULL)
        buffer_put(out, listener_advertised(listener));
    buffer_put(out, transport_parameter(flow->remote.protocol));
}

struct sip_source transport_source(const struct flow *arrived_on, char text[ENDPOINT_TEXT_MAX])
{
    struct buffer address;

    buffer_init_fixed(&address, text, ENDPOINT_TEXT_MAX);
    endpoint_compose_address(&arrived_on->remote, &address);
    return (struct sip_source){buffer_span(&address), arrived_on->remote.port};
}

/* ---- requests ---- */

/* RFC 3263 section 4.1 where the host is numeric, so that neither NAPTR nor SRV is asked. */
static bool protocol_of(const struct sip_uri *target, uint8_t *out)
{
    enum transport_protocol protocol =
        target->scheme == SIP_SCHEME_SIPS ? TRANSPORT_TLS : TRANSPORT_UDP;
    struct span name;

    if (sip_uri_parameter(target, SPAN("transport"), &name)) {
        if (!transport_protocol_find(name, &protocol))
            return false;
        /* sips is never less than TLS (RFC 3261 section 19.1.2). */
        if (target->scheme == SIP_SCHEME_SIPS) {
            if (protocol == TRANSPORT_UDP)
                return false;
            protocol = protocol == TRANSPORT_WS || protocol == TRANSPORT_WSS ? TRANSPORT_WSS
                                                                             : TRANSPORT_TLS;
        }
    }
    *out = (uint8_t)protocol;
    return true;
}

static bool listener_fits(const struct listener *listener, const struct endpoint *remote)
{
    return listener != NULL && listener->local.protocol == remote->protocol &&
           listener->local.family == remote->family;
}

/*
 * Out of the listener that the peer knows; else, as when it is another protocol, out of one at the
 * same address; else out of the first.
 */
static bool choose_listener(const struct transport *self, const struct flow *arrived_on,
                            struct flow *flow)
{
    const struct listener *known =
        arrived_on == NULL ? NULL : transport_find_listener(self, arrived_on->listener);
    bool found = false, near = false;

    if (listener_fits(known, &flow->remote)) {
        flow->listener = known->number;
        return true;
    }
    for (uint16_t i = 0; i < transport_listener_count(self) && !near; i++) {
        const struct listener *other = transport_find_listener(self, i);

        if (!listener_fits(other, &flow->remote))
            continue;
        near = known != NULL && endpoint_same_address(&other->local, &known->local);
        if (near || !found)
            flow->listener = i;
        found = true;
    }
    return found;
}

enum status transport_route(const struct transport *self, const struct sip_uri *target,
                            const struct flow *arrived_on, struct flow *out)
{
    struct flow flow = {0};
    struct span host = target->host;

    if (target->scheme != SIP_SCHEME_SIP && target->scheme != SIP_SCHEME_SIPS)
        return STATUS_NOT_FOUND;
    (void)sip_uri_parameter(target, SPAN("maddr"), &host);
    if (!protocol_of(target, &flow.remote.protocol) ||
        endpoint_parse_host(host, &flow.remote) != STATUS_OK)
        return STATUS_NOT_FOUND;
    flow.remote.port = target->port != 0
                           ? target->port
                           : transport_protocol_port((enum transport_protocol)flow.remote.protocol);
    if (!choose_listener(self, arrived_on, &flow))
        return STATUS_NOT_FOUND;
    *out = flow;
    return STATUS_OK;
}

bool transport_widen(const struct transport *self, const struct sip_uri *target,
                     const struct flow *arrived_on, size_t bytes, struct flow *flow)
{
    struct flow wide = *flow;
    struct span asked;

    if (target == NULL || bytes <= transport_udp_request_max(self) ||
        flow->remote.protocol != TRANSPORT_UDP)
        return false;
    if (sip_uri_parameter(target, SPAN("transport"), &asked) &&
        span_equal_nocase(asked, SPAN("udp")))
        return false;
    wide.remote.protocol = TRANSPORT_TCP;
    if (transport_is_spared(self, &wide.remote) || !choose_listener(self, arrived_on, &wide))
        return false;
    *flow = wide;
    return true;
}

/* ---- responses ---- */

void transport_response_flow(const struct transport *self, const struct flow *arrived_on,
                             const struct sip_via *top, struct flow *out)
{
    enum transport_protocol protocol = (enum transport_protocol)arrived_on->remote.protocol;
    uint16_t sent_by_port = top->port != 0 ? top->port : transport_protocol_port(protocol);
    struct endpoint maddr = arrived_on->remote;

    *out = *arrived_on;
    if (transport_protocol_is_reliable(protocol) || !top->has_sent_by)
        return;
    if (!span_empty(top->maddr) && transport_honours_maddr(self) &&
        endpoint_parse_host(top->maddr, &maddr) == STATUS_OK &&
        maddr.family == arrived_on->remote.family) {
        out->remote = maddr;
        out->remote.port = sent_by_port;
    } else if (!top->has_rport) {
        /* The source address is what `received` says, or sent-by when they are the same. */
        out->remote.port = sent_by_port;
    }
}

bool transport_return_flow(struct span head, const struct flow *gone, struct flow *out)
{
    static const struct sip_limits limits = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIP_HEADERS_MAX};
    struct sip_message response;
    struct sip_fault fault;
    uint16_t port;

    if (!span_begins(head, SPAN("SIP/2.0 ")))
        return false;
    /* Its body is elsewhere, so this is malformed; but the Via is there. */
    (void)sip_parse_datagram(head, &limits, &response, &fault);
    if (!response.via.has_sent_by)
        return false;
    port = response.via.port;
    *out = *gone;
    out->connection = 0;
    out->remote.port =
        port != 0 ? port : transport_protocol_port((enum transport_protocol)gone->remote.protocol);
    return true;
}
