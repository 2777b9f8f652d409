/* acceptor.h - a listening TCP socket; for this folder only. */
#ifndef TRANSPORT_ACCEPTOR_H
#define TRANSPORT_ACCEPTOR_H

#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/transport/tcp_socket.h"

struct acceptor;

/** A connection from `remote`; takes `fd`. */
typedef void acceptor_fn(void *context, int fd, const struct endpoint *remote, uint16_t listener);

struct acceptor_settings {
    struct endpoint bind;
    uint16_t listener; /* handed on */
    unsigned keepalive_s;
    void *context;
    acceptor_fn *on_accept;
    uint64_t *pauses; /* how often descriptors or memory ran out */
};

/** Binds and begins to accept. NULL when the address cannot be had; the log says why. */
struct acceptor *acceptor_new(struct loop *loop, struct log *log,
                              const struct acceptor_settings *settings);

/** NULL is fine. */
void acceptor_free(struct acceptor *self);

struct endpoint acceptor_local(const struct acceptor *self);

#endif
