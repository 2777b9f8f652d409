/* route_mark.c - fixed widths: version, node, [protocol, listener, port, connection, address], MAC.
 */
#include "server/service/route_mark.h"

#include "server/base/hex.h"

enum {
    NODE_DIGITS = 4,
    PROTOCOL_DIGITS = 1,
    LISTENER_DIGITS = 4,
    PORT_DIGITS = 4,
    CONNECTION_DIGITS = 8,
    MAC_DIGITS = 16,
    HEAD_DIGITS = 1 + NODE_DIGITS,
    FLOW_DIGITS = PROTOCOL_DIGITS + LISTENER_DIGITS + PORT_DIGITS + CONNECTION_DIGITS,
    IPV4_BYTES = 4,
    IPV6_BYTES = 16,
};

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

/* Three MACs over parts of different purpose, so that no octet can move from one to the next. */
static uint64_t mac_of(const struct mac_key *key, struct span mark, struct span call_id,
                       struct span from_tag)
{
    uint64_t parts[3] = {mac64(key, mark), mac64(key, call_id), mac64(key, from_tag)};

    return mac64(key, (struct span){(const char *)parts, sizeof(parts)});
}

static void put_flow(struct buffer *out, const struct flow *flow)
{
    const size_t bytes = flow->remote.family == ENDPOINT_IPV6 ? IPV6_BYTES : IPV4_BYTES;

    put_hex(out, PROTOCOL_DIGITS, flow->remote.protocol);
    put_hex(out, LISTENER_DIGITS, flow->listener);
    put_hex(out, PORT_DIGITS, flow->remote.port);
    put_hex(out, CONNECTION_DIGITS, flow->connection);
    for (size_t i = 0; i < bytes; i++)
        put_hex(out, 2, flow->remote.address[i]);
}

void route_mark_compose(const struct mac_key *key, uint16_t node, struct span call_id,
                        struct span from_tag, const struct flow *flow, struct buffer *out)
{
    const size_t from = out->len;

    buffer_put_char(out, '1');
    put_hex(out, NODE_DIGITS, node);
    if (flow != NULL)
        put_flow(out, flow);
    put_hex(out, MAC_DIGITS, mac_of(key, span_skip(buffer_span(out), from), call_id, from_tag));
}

static bool take_flow(struct span *text, struct flow *out)
{
    const size_t bytes = (text->len - FLOW_DIGITS) / 2;
    uint64_t protocol, listener, port, connection, octet;
    struct flow flow = {0};

    if (!take_hex(text, PROTOCOL_DIGITS, &protocol) ||
        !take_hex(text, LISTENER_DIGITS, &listener) || !take_hex(text, PORT_DIGITS, &port) ||
        !take_hex(text, CONNECTION_DIGITS, &connection))
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (!take_hex(text, 2, &octet))
            return false;
        flow.remote.address[i] = (uint8_t)octet;
    }
    flow.remote.protocol = (uint8_t)protocol;
    flow.remote.family = bytes == IPV6_BYTES ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
    flow.remote.port = (uint16_t)port;
    flow.listener = (uint16_t)listener;
    flow.connection = (uint32_t)connection;
    *out = flow;
    return true;
}

static bool has_length_of_ours(struct span user)
{
    const size_t short_one = HEAD_DIGITS + MAC_DIGITS;

    return user.len == short_one || user.len == short_one + FLOW_DIGITS + 2 * IPV4_BYTES ||
           user.len == short_one + FLOW_DIGITS + 2 * IPV6_BYTES;
}

bool route_mark_parse(const struct mac_key *key, uint16_t node, const struct sip_message *request,
                      struct span user, struct route_mark *out)
{
    struct span text, mac_text;
    uint64_t mac, said_node;

    if (!has_length_of_ours(user) || user.at[0] != '1')
        return false;
    text = (struct span){user.at, user.len - MAC_DIGITS};
    mac_text = span_skip(user, text.len);
    if (!take_hex(&mac_text, MAC_DIGITS, &mac))
        return false;
    /* Who began the dialog is From in its own requests, and To in the other side's. */
    if (mac != mac_of(key, text, request->call_id, request->from.tag) &&
        mac != mac_of(key, text, request->call_id, request->to.tag))
        return false;
    text = span_skip(text, 1);
    if (!take_hex(&text, NODE_DIGITS, &said_node) || said_node != node)
        return false;
    *out = (struct route_mark){.has_flow = !span_empty(text)};
    return span_empty(text) || take_flow(&text, &out->flow);
}
