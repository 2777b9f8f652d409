/* tcp_socket.h - makes listening and connecting TCP sockets; for this folder only. */
#ifndef TRANSPORT_TCP_SOCKET_H
#define TRANSPORT_TCP_SOCKET_H

#include "server/base/log.h"
#include "server/transport/endpoint.h"

/** Non-blocking, closed on exec. -1 when the address cannot be had; the log says why. */
int tcp_socket_listen(const struct endpoint *bind_to, struct log *log);

/** The bound address and port. */
struct endpoint tcp_socket_local(int fd);

/**
 * The next one that connected, already set up; -1 with errno. `from` is where it comes from. After
 * `keepalive_s` of silence the kernel asks whether the peer is still there; 0: never.
 */
int tcp_socket_accept(int fd, unsigned keepalive_s, struct endpoint *from);

/**
 * Begins to connect, out of the address of `from` (any, when that is the wildcard) and a port of
 * the kernel's choice. Writable when done; tcp_socket_error() then says how it went. -1 with errno.
 */
int tcp_socket_connect(const struct endpoint *from, const struct endpoint *to,
                       unsigned keepalive_s);

/** How many octets the peer has not acknowledged, and how long it has acknowledged nothing. */
struct tcp_socket_debt {
    size_t octets;
    int64_t silent_us;
};

/** All zero when the socket cannot tell. */
struct tcp_socket_debt tcp_socket_debt(int fd);

/** The error that waits at the socket, 0 when there is none. */
int tcp_socket_error(int fd);

#endif
