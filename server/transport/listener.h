/* listener.h - one address that we are reached at; for this folder only. */
#ifndef TRANSPORT_LISTENER_H
#define TRANSPORT_LISTENER_H

#include "server/transport/transport.h"
#include "server/transport/udp.h"

enum { ADVERTISED_MAX = 256 };

struct listener {
    struct transport *transport;
    struct udp *udp; /* NULL over TCP, whose sockets are in tcp.c */
    struct endpoint local;
    uint16_t number;
    char advertised[ADVERTISED_MAX]; /* "host:port", an IPv6 host in brackets */
    size_t advertised_len;
};

/** NULL when there is no such listener. */
const struct listener *transport_find_listener(const struct transport *self, uint16_t number);

static inline struct span listener_advertised(const struct listener *self)
{
    return (struct span){self->advertised, self->advertised_len};
}

/**
 * Where else a response may go whose connection is gone: the address that the request came from,
 * and the port of its sent-by (RFC 3261 section 18.2.2). False for what is no response.
 */
bool transport_return_flow(struct span head, const struct flow *gone, struct flow *out);

/** Longest request over UDP where TCP is to be had. */
size_t transport_udp_request_max(const struct transport *self);

/** Whether that peer lately took no connection. */
bool transport_is_spared(const struct transport *self, const struct endpoint *remote);

/** Whether a Via's maddr is honoured (struct transport_options). */
bool transport_honours_maddr(const struct transport *self);

#endif
