/* route_mark.c - in hex: version, node, both sides, MAC. A side is what it is, protocol, listener,
 * port, perhaps a connection, address. */
#include "server/service/route_mark.h"

#include "server/base/hex.h"

enum {
    VERSION_DIGITS = 1,
    NODE_DIGITS = 4,
    KIND_DIGITS = 1,
    PROTOCOL_DIGITS = 1,
    LISTENER_DIGITS = 4,
    PORT_DIGITS = 4,
    CONNECTION_DIGITS = 8,
    MAC_DIGITS = 16,
    IPV4_BYTES = 4,
    IPV6_BYTES = 16,
};

enum side_kind { TRUSTED = 1, BOUND = 2, IPV6 = 4, CONNECTED = 8 };

static void put_hex(struct buffer *out, size_t digits, uint64_t number)
{
    char text[16];

    hex_put(text, digits, number);
    buffer_put(out, (struct span){text, digits});
}

/* Takes digits off the front; false when there are too few, or others than ours. */
static bool take_hex(struct span *text, size_t digits, uint64_t *out)
{
    if (text->len < digits || !hex_get((struct span){text->at, digits}, out))
        return false;
    *text = span_skip(*text, digits);
    return true;
}

/* ---- sides ---- */

static void put_side(struct buffer *out, const struct route_side *side)
{
    const struct flow *flow = &side->flow;
    const bool ipv6 = flow->remote.family == ENDPOINT_IPV6;

    put_hex(out, KIND_DIGITS,
            (side->is_trusted ? TRUSTED : 0U) | (side->is_bound ? BOUND : 0U) | (ipv6 ? IPV6 : 0U) |
                (flow->connection != 0 ? CONNECTED : 0U));
    put_hex(out, PROTOCOL_DIGITS, flow->remote.protocol);
    put_hex(out, LISTENER_DIGITS, flow->listener);
    put_hex(out, PORT_DIGITS, flow->remote.port);
    if (flow->connection != 0)
        put_hex(out, CONNECTION_DIGITS, flow->connection);
    for (size_t i = 0; i < (ipv6 ? IPV6_BYTES : IPV4_BYTES); i++)
        put_hex(out, 2, flow->remote.address[i]);
}

static bool take_address(struct span *text, size_t bytes, uint8_t *to)
{
    uint64_t octet;

    for (size_t i = 0; i < bytes; i++) {
        if (!take_hex(text, 2, &octet))
            return false;
        to[i] = (uint8_t)octet;
    }
    return true;
}

static bool take_side(struct span *text, struct route_side *out)
{
    uint64_t kind, protocol, listener, port, connection = 0;
    struct flow *flow = &out->flow;

    *out = (struct route_side){.is_trusted = false};
    if (!take_hex(text, KIND_DIGITS, &kind) || !take_hex(text, PROTOCOL_DIGITS, &protocol) ||
        !take_hex(text, LISTENER_DIGITS, &listener) || !take_hex(text, PORT_DIGITS, &port) ||
        ((kind & CONNECTED) != 0 && !take_hex(text, CONNECTION_DIGITS, &connection)))
        return false;
    out->is_trusted = (kind & TRUSTED) != 0;
    out->is_bound = (kind & BOUND) != 0;
    flow->remote.protocol = (uint8_t)protocol;
    flow->remote.family = (kind & IPV6) != 0 ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
    flow->remote.port = (uint16_t)port;
    flow->listener = (uint16_t)listener;
    flow->connection = (uint32_t)connection;
    return take_address(text, (kind & IPV6) != 0 ? IPV6_BYTES : IPV4_BYTES, flow->remote.address);
}

/* ---- the MAC ---- */

/* An AOR however it is written; what is none stands for itself. */
static uint64_t mac_of_party(const struct mac_key *key, const struct sip_address *party)
{
    char octets[SIP_AOR_BYTES_MAX];
    struct span aor;

    if (sip_uri_canonical_aor(&party->uri, octets, sizeof(octets), &aor) != STATUS_OK)
        aor = party->uri_text;
    return mac64(key, aor);
}

/* A MAC over those of its parts, so that no octet can move from one to the next. */
static uint64_t mac_of(const struct mac_key *key, struct span mark, struct span call_id,
                       const struct sip_address *caller, const struct sip_address *callee)
{
    const uint64_t parts[5] = {mac64(key, mark), mac64(key, call_id), mac64(key, caller->tag),
                               mac_of_party(key, caller), mac_of_party(key, callee)};

    return mac64(key, (struct span){(const char *)parts, sizeof(parts)});
}

/* ---- the whole ---- */

void route_mark_compose(const struct mac_key *key, uint16_t node, const struct sip_message *request,
                        const struct route_side *caller, const struct route_side *callee,
                        struct buffer *out)
{
    const size_t from = out->len;

    put_hex(out, VERSION_DIGITS, 1);
    put_hex(out, NODE_DIGITS, node);
    put_side(out, caller);
    put_side(out, callee);
    put_hex(out, MAC_DIGITS,
            mac_of(key, span_skip(buffer_span(out), from), request->call_id, &request->from,
                   &request->to));
}

bool route_mark_parse(const struct mac_key *key, uint16_t node, const struct sip_message *request,
                      struct span user, struct route_mark *out)
{
    struct span text, mac_text;
    uint64_t mac, version, said_node;
    struct route_mark mark;

    if (user.len <= MAC_DIGITS || user.len > ROUTE_MARK_MAX_BYTES)
        return false;
    text = (struct span){user.at, user.len - MAC_DIGITS};
    mac_text = span_skip(user, text.len);
    if (!take_hex(&mac_text, MAC_DIGITS, &mac))
        return false;
    /* Who began the dialog is From in its own requests, and To in the other side's. */
    mark.from_caller = mac == mac_of(key, text, request->call_id, &request->from, &request->to);
    if (!mark.from_caller &&
        mac != mac_of(key, text, request->call_id, &request->to, &request->from))
        return false;
    if (!take_hex(&text, VERSION_DIGITS, &version) || version != 1 ||
        !take_hex(&text, NODE_DIGITS, &said_node) || said_node != node ||
        !take_side(&text, &mark.caller) || !take_side(&text, &mark.callee) || !span_empty(text))
        return false;
    *out = mark;
    return true;
}
