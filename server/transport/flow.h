/* flow.h - one path to a peer: where a request came from, and where a NOTIFY goes. */
#ifndef TRANSPORT_FLOW_H
#define TRANSPORT_FLOW_H

#include "server/transport/endpoint.h"

/**
 * A plain value to copy and keep. Requests arrive with theirs; transport_route() makes one
 * for a URI. Over UDP it stays good as long as the listener is there; over a connection it
 * dies with it, and sending to it then fails.
 */
struct flow {
    struct endpoint remote;
    uint32_t connection; /* 0 over UDP; over TCP any to that remote, an existing one or a new one */
    uint16_t listener;   /* as transport_listen() numbered it */
};

static inline bool flow_equal(const struct flow *a, const struct flow *b)
{
    return a->listener == b->listener && a->connection == b->connection &&
           endpoint_equal(&a->remote, &b->remote);
}

static inline bool flow_is_reliable(const struct flow *self)
{
    return transport_protocol_is_reliable((enum transport_protocol)self->remote.protocol);
}

#endif
