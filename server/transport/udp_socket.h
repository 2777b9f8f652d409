/* udp_socket.h - makes a bound UDP socket, tells addresses from the kernel's, reads its errors. */
#ifndef TRANSPORT_UDP_SOCKET_H
#define TRANSPORT_UDP_SOCKET_H

#include "server/base/log.h"
#include "server/transport/endpoint.h"
#include "server/transport/send_queue.h"

/** Octets of the kernel's form of an endpoint. */
socklen_t socket_address_of(const struct endpoint *endpoint, union socket_address *out);

/** The way back; the protocol is UDP. Zeroed for a family that is not ours. */
void socket_address_endpoint(const union socket_address *address, struct endpoint *out);

struct udp_buffers {
    size_t receive_bytes;
    size_t send_bytes;
};

/**
 * Non-blocking, closed on exec, IPv6 only where IPv6; ICMP errors come by udp_socket_error().
 * What the kernel gives less than `ask` is a warning. -1 when it cannot be had; the log says why.
 */
int udp_socket_open(const struct endpoint *bind_to, const struct udp_buffers *ask, struct log *log);

/** A datagram that the network would not take, as ICMP quotes it. */
struct udp_error {
    struct endpoint to;
    char octets[1024];
    size_t len;
    bool final; /* unreachable or a bad parameter; else it may pass by itself (RFC 3261 18.4) */
};

/** Takes the next error of the socket's queue. False when there is none. */
bool udp_socket_error(int fd, struct udp_error *out);

#endif
