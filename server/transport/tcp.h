/* tcp.h - all TCP connections of a transport: accepted, opened, found again, ended; for this
 * folder only. */
#ifndef TRANSPORT_TCP_H
#define TRANSPORT_TCP_H

#include "server/transport/transport.h"

/**
 * Knows connections and where messages end in them (stream.h), not what they say. A flow with a
 * connection's number is that connection and dies with it; with number 0 it is whatever connection
 * there is to that address and port, else a new one.
 */
struct tcp;

/** A message arrived; lent until the function returns. */
typedef void tcp_message_fn(void *context, struct span octets, const struct flow *from);

/** Framing is lost: `fault` is to be answered to `octets`, if they say whom; then it closes. */
typedef void tcp_fault_fn(void *context, struct span octets, const struct flow *from,
                          const struct sip_fault *fault);

/** Where else a response may go whose connection is gone (RFC 3261 section 18.2.2); a flow with
 * number 0. False for what is no response, or when there is no such place. */
typedef bool tcp_return_fn(void *context, struct span head, const struct flow *gone,
                           struct flow *out);

/** As transport_failed_fn. */
typedef void tcp_failed_fn(void *context, const struct flow *to, struct span octets);

struct tcp_upward {
    void *context;
    tcp_message_fn *on_message;
    tcp_fault_fn *on_fault;
    tcp_return_fn *on_return;
    tcp_failed_fn *on_failed;
};

struct tcp *tcp_new(struct loop *loop, struct log *log, struct metrics *metrics,
                    const struct sip_limits *limits, const struct transport_tcp_options *options,
                    const struct tcp_upward *upward);

/** Sends what waits as far as the sockets take it, and closes all. Tells nobody. NULL is fine. */
void tcp_free(struct tcp *self);

/** Begins to accept for the listener of that number. STATUS_UNAVAILABLE: the log says why. */
MUST_USE enum status tcp_listen(struct tcp *self, const struct endpoint *bind_to, uint16_t listener,
                                struct endpoint *local);

/** As transport_send(), of a listener that there is. Never calls back. */
MUST_USE enum status tcp_send(struct tcp *self, const struct flow *to, struct span head,
                              struct blob *body);

/** True when `remote` took no connection, not longer than spare_s ago. */
bool tcp_is_spared(const struct tcp *self, const struct endpoint *remote);

/** True when a message may be sent on the connection of that number. */
bool tcp_is_alive(const struct tcp *self, const struct flow *flow);

/**
 * Writes what is queued, and tells of what failed: on_failed() runs in here and may send more, over
 * this or another protocol. True when it did run.
 */
bool tcp_flush(struct tcp *self);

#endif
