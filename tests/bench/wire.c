/* wire.c - recvmmsg, sendmmsg and epoll. */
#include "tests/bench/wire.h"

#include "server/base/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BUFFER_BYTES (64 << 20)

struct wire_port {
    int fd;
    uint16_t number;
    uint32_t queued;
    char *bytes; /* WIRE_BATCH slots of WIRE_SEND_BYTES, made at the first send */
    uint16_t lengths[WIRE_BATCH];
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
    exit(2);
}

int64_t wire_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void parse_server(struct wire *self, const char *server)
{
    char host[64];
    const char *colon = strrchr(server, ':');
    size_t len = colon == NULL ? strlen(server) : (size_t)(colon - server);

    must(len < sizeof(host));
    memcpy(host, server, len);
    host[len] = '\0';
    self->server.sin_family = AF_INET;
    self->server.sin_port = htons(colon == NULL ? 5060 : (uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &self->server.sin_addr) != 1) {
        fprintf(stderr, "wire: %s is not an IPv4 address and port\n", server);
        exit(2);
    }
}

static void open_port(struct wire *self, uint32_t index)
{
    struct wire_port *port = &self->ports[index];
    struct sockaddr_in local = {.sin_family = AF_INET};
    socklen_t len = sizeof(local);
    int bytes = RECEIVE_BUFFER_BYTES / (int)self->port_count + (1 << 18);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};

    port->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (port->fd < 0)
        fail("socket");
    /* Only root may go above the system's limit; others get what it allows. */
    if (setsockopt(port->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
        (void)setsockopt(port->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    if (setsockopt(port->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
        (void)setsockopt(port->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (connect(port->fd, (struct sockaddr *)&self->server, sizeof(self->server)) != 0)
        fail("connect");
    if (getsockname(port->fd, (struct sockaddr *)&local, &len) != 0)
        fail("getsockname");
    port->number = ntohs(local.sin_port);
    if (index == 0)
        self->local = local;
    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, port->fd, &event) != 0)
        fail("epoll_ctl");
}

void wire_open(struct wire *self, const char *server, uint32_t port_count)
{
    must(port_count > 0 && port_count <= WIRE_PORTS_MAX);
    *self = (struct wire){.port_count = port_count};
    parse_server(self, server);
    self->ports = calloc(port_count, sizeof(*self->ports));
    self->receive_bytes = malloc((size_t)WIRE_BATCH * WIRE_DATAGRAM_BYTES);
    must(self->ports != NULL && self->receive_bytes != NULL);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0)
        fail("epoll");
    for (uint32_t i = 0; i < port_count; i++)
        open_port(self, i);
}

void wire_close(struct wire *self)
{
    for (uint32_t i = 0; i < self->port_count; i++) {
        close(self->ports[i].fd);
        free(self->ports[i].bytes);
    }
    close(self->epoll);
    free(self->ports);
    free(self->receive_bytes);
}

uint16_t wire_local_port(const struct wire *self, uint32_t port)
{
    return self->ports[port].number;
}

/* Sends in order. A datagram that the kernel does not take is lost, as on any network. */
static void flush_port(struct wire *self, struct wire_port *port)
{
    struct mmsghdr messages[WIRE_BATCH];
    struct iovec parts[WIRE_BATCH];
    uint32_t done = 0;

    memset(messages, 0, sizeof(messages));
    for (uint32_t i = 0; i < port->queued; i++) {
        parts[i] = (struct iovec){port->bytes + (size_t)i * WIRE_SEND_BYTES, port->lengths[i]};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    while (done < port->queued) {
        int sent = sendmmsg(port->fd, messages + done, port->queued - done, 0);

        if (sent <= 0) { /* ECONNREFUSED tells of an earlier datagram; this one is tried again */
            self->refused++;
            if (errno != ECONNREFUSED && errno != EINTR)
                done++;
            continue;
        }
        done += (uint32_t)sent;
        self->sent += (uint64_t)sent;
    }
    port->queued = 0;
}

void wire_send(struct wire *self, uint32_t index, struct span datagram)
{
    struct wire_port *port = &self->ports[index];

    must(datagram.len <= WIRE_SEND_BYTES);
    if (port->bytes == NULL) {
        port->bytes = malloc((size_t)WIRE_BATCH * WIRE_SEND_BYTES);
        must(port->bytes != NULL);
    }
    if (port->queued == WIRE_BATCH)
        flush_port(self, port);
    memcpy(port->bytes + (size_t)port->queued * WIRE_SEND_BYTES, datagram.at, datagram.len);
    port->lengths[port->queued++] = (uint16_t)datagram.len;
}

void wire_flush(struct wire *self)
{
    for (uint32_t i = 0; i < self->port_count; i++)
        if (self->ports[i].queued > 0)
            flush_port(self, &self->ports[i]);
}

static void read_port(struct wire *self, uint32_t index, wire_receive_fn *fn, void *context)
{
    struct mmsghdr messages[WIRE_BATCH];
    struct iovec parts[WIRE_BATCH];
    int count;

    memset(messages, 0, sizeof(messages));
    for (uint32_t i = 0; i < WIRE_BATCH; i++) {
        parts[i] = (struct iovec){self->receive_bytes + (size_t)i * WIRE_DATAGRAM_BYTES,
                                  WIRE_DATAGRAM_BYTES};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    count = recvmmsg(self->ports[index].fd, messages, WIRE_BATCH, 0, NULL);
    if (count < 0) {
        if (errno == ECONNREFUSED)
            self->refused++;
        return;
    }
    self->received += (uint64_t)count;
    for (int i = 0; i < count; i++)
        fn(context, index, (struct span){parts[i].iov_base, messages[i].msg_len});
}

void wire_poll(struct wire *self, int timeout_ms, wire_receive_fn *fn, void *context)
{
    struct epoll_event events[64];
    int count = epoll_wait(self->epoll, events, 64, timeout_ms);

    for (int i = 0; i < count; i++)
        read_port(self, events[i].data.u32, fn, context);
}
