/* wire.h - UDP sockets towards one server, read and written in batches. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include "server/base/span.h"

#include <netinet/in.h>
#include <stdint.h>

#define WIRE_PORTS_MAX 1024
#define WIRE_BATCH 64
#define WIRE_DATAGRAM_BYTES 65536
#define WIRE_SEND_BYTES 4096

struct wire_port;

/** Where messages leave and arrive. Everything here is for one thread. */
struct wire {
    struct sockaddr_in server;
    struct sockaddr_in local; /* the address of every port; its port number is port 0's */
    uint32_t port_count;
    struct wire_port *ports;
    int epoll;
    uint64_t sent;     /* datagrams */
    uint64_t received; /* datagrams */
    uint64_t refused;  /* the kernel said that nobody listens there, or had no room */
    char *receive_bytes;
};

/** `port` is the index of the socket that it came in on. */
typedef void wire_receive_fn(void *context, uint32_t port, struct span datagram);

/**
 * Opens `port_count` sockets on ephemeral ports of the local address that leads to `server`
 * ("127.0.0.1:5060"). Ends the program with a message when that cannot be done.
 */
void wire_open(struct wire *self, const char *server, uint32_t port_count);
void wire_close(struct wire *self);

/** The number of the local UDP port, for Via and Contact. */
uint16_t wire_local_port(const struct wire *self, uint32_t port);

/** Copies `datagram` (at most WIRE_SEND_BYTES) into the queue of port `index`; full queues are
 * flushed.
 */
void wire_send(struct wire *self, uint32_t index, struct span datagram);

/** Hands everything that is queued to the kernel. */
void wire_flush(struct wire *self);

/** Waits up to `timeout_ms` and calls `fn` for each datagram; looks at one batch per socket. */
void wire_poll(struct wire *self, int timeout_ms, wire_receive_fn *fn, void *context);

/** Microseconds that only grow. */
int64_t wire_now_us(void);

#endif
