/* tcp_socket.h - makes listening and connecting TCP sockets; for this folder only. */
#ifndef TRANSPORT_TCP_SOCKET_H
#define TRANSPORT_TCP_SOCKET_H

#include "server/base/log.h"
#include "server/transport/endpoint.h"

/** What every connection's socket is told. */
struct tcp_socket_options {
    unsigned keepalive_s;  /* silence before the kernel asks whether the peer is still there */
    unsigned unanswered_s; /* how long octets may go unacknowledged before the connection breaks */
};

/** Non-blocking, closed on exec. -1 when the address cannot be had; the log says why. */
int tcp_socket_listen(const struct endpoint *bind_to, struct log *log);

/** The bound address and port. */
struct endpoint tcp_socket_local(int fd);

/** The next one that connected, already set up; -1 with errno. `from` is where it comes from. */
int tcp_socket_accept(int fd, const struct tcp_socket_options *options, struct endpoint *from);

/**
 * Begins to connect, out of the address of `from` (any, when that is the wildcard) and a port of
 * the kernel's choice. Writable when done; tcp_socket_error() then says how it went. -1 with errno.
 */
int tcp_socket_connect(const struct endpoint *from, const struct endpoint *to,
                       const struct tcp_socket_options *options);

/** The error that waits at the socket, 0 when there is none. */
int tcp_socket_error(int fd);

#endif
