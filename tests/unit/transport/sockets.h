/* sockets.h - a transport on real sockets of the loopback interface, and a peer beside it. */
#ifndef UNIT_TRANSPORT_SOCKETS_H
#define UNIT_TRANSPORT_SOCKETS_H

#include "server/transport/transport.h"
#include "server/transport/udp_socket.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS_TEXT = 70000 };

struct sockets {
    struct loop *loop;
    struct metrics *metrics;
    struct transport *transport;
    uint16_t listener;
    struct endpoint local;

    int peer; /* the peer's socket, bound to the loopback interface */
    struct endpoint peer_endpoint;

    unsigned messages;
    unsigned failures;
    struct flow last_from;
    struct flow last_failed;
    size_t last_body_len;
    char failed_octets[1025];
    char got[SOCKETS_TEXT]; /* what the peer received last */
    ssize_t got_len;
};

static inline void sockets_on_message(void *context, struct sip_message *message,
                                      const struct flow *from)
{
    struct sockets *self = context;

    self->messages++;
    self->last_from = *from;
    self->last_body_len = message->body.len;
}

static inline void sockets_on_failure(void *context, const struct flow *to, struct span octets)
{
    struct sockets *self = context;

    self->failures++;
    self->last_failed = *to;
    memcpy(self->failed_octets, octets.at, octets.len);
    self->failed_octets[octets.len] = '\0';
}

/* A socket bound to that address and a port of the kernel's choice. */
static inline int sockets_peer(const char *address, struct endpoint *out)
{
    union socket_address bound;
    socklen_t len = sizeof(bound);
    struct endpoint endpoint;
    int fd;

    ck_assert_int_eq(endpoint_parse(span_of(address), &endpoint), STATUS_OK);
    len = socket_address_of(&endpoint, &bound);
    fd = socket(bound.any.sa_family, SOCK_DGRAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, &bound.any, len), 0);
    ck_assert_int_eq(getsockname(fd, &bound.any, &len), 0);
    socket_address_endpoint(&bound, out);
    return fd;
}

static inline struct transport_listener sockets_listener(const char *address)
{
    struct transport_listener listener = {.receive_buffer_bytes = 256 * 1024,
                                          .send_buffer_bytes = 256 * 1024};

    ck_assert_int_eq(endpoint_parse(span_of(address), &listener.bind), STATUS_OK);
    return listener;
}

/* `address`: "127.0.0.1" or "[::1]", for both ends. */
static inline struct sockets *sockets_new_for(const char *address, enum transport_protocol protocol,
                                              const struct transport_options *options)
{
    struct sockets *self = calloc(1, sizeof(*self));
    struct transport_listener listener = sockets_listener(address);

    listener.bind.protocol = (uint8_t)protocol;
    self->loop = loop_new();
    self->metrics = metrics_new();
    self->transport = transport_new(self->loop, NULL, self->metrics, options);
    ck_assert_int_eq(transport_listen(self->transport, &listener, &self->listener), STATUS_OK);
    self->local = transport_local(self->transport, self->listener);
    self->peer = sockets_peer(address, &self->peer_endpoint);
    transport_on_message(self->transport, sockets_on_message, self);
    transport_on_failure(self->transport, sockets_on_failure, self);
    return self;
}

static inline struct sockets *sockets_new(const char *address,
                                          const struct transport_options *options)
{
    return sockets_new_for(address, TRANSPORT_UDP, options);
}

static inline void sockets_free(struct sockets *self)
{
    close(self->peer);
    transport_free(self->transport);
    loop_free(self->loop);
    metrics_free(self->metrics);
    free(self);
}

static inline void sockets_turns(struct sockets *self)
{
    for (int i = 0; i < 4; i++)
        loop_run_once(self->loop, 2000);
}

/* From the peer to the listener, and lets the loop see it. */
static inline void sockets_send(struct sockets *self, struct span octets)
{
    union socket_address to;
    socklen_t len = socket_address_of(&self->local, &to);

    ck_assert_int_eq(sendto(self->peer, octets.at, octets.len, 0, &to.any, len),
                     (ssize_t)octets.len);
    sockets_turns(self);
}

/* What `fd` received, into `got`. False when nothing comes. */
static inline bool sockets_receive_on(struct sockets *self, int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    if (poll(&poll_fd, 1, 50) != 1)
        return false;
    self->got_len = recv(fd, self->got, sizeof(self->got) - 1, 0);
    if (self->got_len < 0)
        return false;
    self->got[self->got_len] = '\0';
    return true;
}

static inline bool sockets_receive(struct sockets *self)
{
    return sockets_receive_on(self, self->peer);
}

static inline struct flow sockets_flow(const struct sockets *self)
{
    return (struct flow){.remote = self->peer_endpoint, .listener = self->listener};
}

static inline uint64_t sockets_count(const struct sockets *self, const char *name,
                                     const char *labels)
{
    return *metric_counter(self->metrics, name, labels, "");
}

#endif
