/* path.c - a flow's row names both ends; a datagram flow is found again by them. */
#include "server/state/path.h"

static struct span compose(const struct endpoint *end, char *memory)
{
    struct buffer out;

    buffer_init_fixed(&out, memory, ENDPOINT_TEXT_MAX);
    endpoint_compose(end, &out);
    return buffer_span(&out);
}

struct flow_row path_to_row(const struct node *node, const struct flow *flow,
                            struct path_text *text)
{
    const struct endpoint local = transport_local(node->transport, flow->listener);

    if (flow->remote.family ==
        0) /* it was a connection of another epoch, and still leads nowhere */
        return (struct flow_row){.node = node->id, .incarnation = node->epoch};
    return (struct flow_row){
        .node = node->id,
        .incarnation = node->epoch,
        .transport = transport_protocol_name((enum transport_protocol)flow->remote.protocol),
        .local_address = compose(&local, text->local),
        .remote_address = compose(&flow->remote, text->remote),
        .connection = flow->connection,
    };
}

static bool find_listener(const struct node *node, const struct endpoint *local, uint16_t *out)
{
    bool found = false;

    for (uint16_t i = 0; i < transport_listener_count(node->transport); i++) {
        const struct endpoint bound = transport_local(node->transport, i);

        if (bound.protocol != local->protocol || bound.family != local->family)
            continue;
        if (!found || endpoint_equal(&bound, local))
            *out = i;
        found = true;
    }
    return found;
}

bool path_from_row(const struct node *node, const struct flow_row *row, struct flow *out)
{
    enum transport_protocol protocol;
    struct flow flow = {0};
    struct endpoint local;

    if (!transport_protocol_find(row->transport, &protocol) || protocol != TRANSPORT_UDP)
        return false;
    if (endpoint_parse(row->local_address, &local) != STATUS_OK ||
        endpoint_parse(row->remote_address, &flow.remote) != STATUS_OK)
        return false;
    if (!find_listener(node, &local, &flow.listener))
        return false;
    *out = flow;
    return true;
}
