/* transport.h - sends to a flow, delivers upward what arrives (RFC 3261 section 18, RFC 3581). */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include "server/base/blob.h"
#include "server/base/buffer.h"
#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/base/metric.h"
#include "server/sip/compose.h"
#include "server/sip/parse.h"
#include "server/transport/flow.h"

/**
 * The walk through this layer:
 *
 *     in    udp.c on_io() -> transport.c on_datagram(): keep-alive?  \
 *           stream.c receive(): pings, framing -> tcp.c on_message() -> deliver(): malformed?
 *                                                                   -> transport_receive_fn
 *     out   transport_send() -> the listener's queue -> one sendmmsg() for many, at the end of the
 *                               turn or as soon as there is a full batch
 *                            -> the connection's queue -> one writev(), at the end of the turn
 *           what fails comes back by transport_failed_fn
 *
 * Nothing above may assume datagrams: a flow says what it is.
 */
struct transport;

/** Of connections; zero stands for the default of each. */
struct transport_tcp_options {
    unsigned connect_s;       /* until a connection is there; default 5 */
    unsigned spare_s;         /* transport_widen() spares who took none; default 600 */
    unsigned first_s;         /* until an accepted one says its first word; default 10 */
    unsigned idle_s;          /* without traffic; default 7,500, beyond any registration */
    unsigned message_s;       /* until a message that has begun is there; default 10 */
    unsigned write_s;         /* until the peer takes a message, and acknowledges it; default 30 */
    unsigned keepalive_s;     /* of silence, until the kernel probes the peer; default 120 */
    unsigned connections_max; /* default 100,000 */
    unsigned connections_per_source_max; /* accepted from one address; default 2,000 */
    size_t write_queue_bytes_max;        /* waiting for one peer; default 16 MB */
    size_t write_bytes_max;              /* waiting for all peers; default 256 MB */
    size_t partial_bytes_max;            /* of unfinished messages of all; default 64 MB */
};

/** Zero stands for the default of each. */
struct transport_options {
    size_t datagram_max_bytes;    /* longest taken from a peer; default 65,535 */
    unsigned receive_batch;       /* datagrams per recvmmsg(); default 64 */
    unsigned receive_turns;       /* recvmmsg() calls per listener and turn; default 4 */
    unsigned queue_max;           /* datagrams waiting per listener; default 16,384 */
    size_t queue_max_bytes;       /* their own octets, without shared bodies; default 16 MB */
    size_t udp_request_bytes_max; /* transport_widen(); default 1,300 */
    struct transport_tcp_options tcp;
    struct sip_limits limits; /* of a message; a zero is the parser's default */
    bool ignore_maddr;        /* answer to the source whatever a Via's maddr says */
};

/** `loop`, `log` and `metrics` are kept. */
struct transport *transport_new(struct loop *loop, struct log *log, struct metrics *metrics,
                                const struct transport_options *options);

/** Sends what still waits as far as the sockets take it, and closes them. NULL is fine. */
void transport_free(struct transport *self);

/** The clock of its loop. */
struct instant transport_now(const struct transport *self);

/* ---- listeners ---- */

struct transport_listener {
    struct endpoint bind;        /* protocol, address and port; port 0 lets the kernel choose */
    struct span advertised_host; /* in Via and Contact; empty means the bound address */
    uint16_t advertised_port;    /* 0 means the bound port */
    size_t receive_buffer_bytes; /* asked of the kernel; 0 means 16 MB */
    size_t send_buffer_bytes;    /* 0 means 4 MB */
};

/**
 * Binds and begins to receive. Copies what it is given. A smaller socket buffer than asked for is
 * a warning in the log, with the sysctl to raise. `listener` (may be NULL) gets its number.
 *
 * STATUS_UNAVAILABLE when the address cannot be bound (the log says why), STATUS_LIMIT when there
 * are 64 listeners, STATUS_MALFORMED for a protocol that is not served: all but UDP and TCP.
 */
MUST_USE enum status transport_listen(struct transport *self,
                                      const struct transport_listener *listener, uint16_t *number);

/** The bound address and port of a listener; nowhere for a number that there is not. */
struct endpoint transport_local(const struct transport *self, uint16_t listener);

/** How many listeners there are, numbered from 0. */
uint16_t transport_listener_count(const struct transport *self);

/* ---- upward ---- */

/** A well-formed message. It and its octets are lent until the function returns. */
typedef void transport_receive_fn(void *context, struct sip_message *message,
                                  const struct flow *from);
void transport_on_message(struct transport *self, transport_receive_fn *fn, void *context);

/**
 * Something sent to `to` did not arrive: the system refused it, an ICMP error came back (RFC
 * 3261 section 18.4), no connection could be made, or it broke before the whole message had left.
 * `octets` begins with the first octets of that message, at most 1,024 and maybe only a few; lent
 * until the function returns. Never runs inside transport_send().
 */
typedef void transport_failed_fn(void *context, const struct flow *to, struct span octets);
void transport_on_failure(struct transport *self, transport_failed_fn *fn, void *context);

/* ---- sending ---- */

/** The most octets of one UDP message, head and body. */
enum { TRANSPORT_UDP_MAX_BYTES = 65507 };

/**
 * Sends `head` (copied), followed by `body` (referenced until it is sent; may be NULL), by the end
 * of this turn. STATUS_OK says that it was queued, not that it arrived.
 *
 * STATUS_LIMIT        too long for this protocol; trying again will not help
 * Over TCP a flow of connection 0 takes the connection that there is to exactly that address and
 * port, whoever opened it, else a new one. A flow of a connection that is gone is good for
 * nothing, but for a response, which then goes to where its client has been, at the port of its
 * top Via (RFC 3261 section 18.2.2).
 *
 * STATUS_NOT_FOUND    the flow is no more
 * STATUS_UNAVAILABLE  the queue is full, or there are too many connections: as good as lost on the
 *                     way; older messages are kept
 */
MUST_USE enum status transport_send(struct transport *self, const struct flow *to, struct span head,
                                    struct blob *body);

/**
 * Whether sending over it makes sense: over UDP, and over TCP with connection 0, when the listener
 * is there; else when the connection lives.
 */
bool transport_flow_is_alive(const struct transport *self, const struct flow *flow);

/** Sends what is queued now, not at the end of the turn. */
void transport_flush(struct transport *self);

/* ---- where to ---- */

/** "Via: SIP/2.0/UDP host:port;branch=BRANCH;rport\r\n" for a request over that flow. */
void transport_via(const struct transport *self, const struct flow *flow, struct span branch,
                   struct buffer *out);

/** "host:port", and ";transport=..." where it is not UDP: what follows "sip:user@" in a Contact. */
void transport_contact_host(const struct transport *self, const struct flow *flow,
                            struct buffer *out);

/** Whether a host is that of one of our listeners, as bound or as advertised, whatever the port. */
bool transport_is_local(const struct transport *self, struct span host);

/** Whether what comes from `end` was sent by this process: its address, and over UDP its port. */
bool transport_is_own_end(const struct transport *self, const struct endpoint *end);

/** Whether a URI's host and port are those of one of our listeners, as bound or as advertised. */
bool transport_is_own(const struct transport *self, const struct sip_uri *uri);

/**
 * A flow to `target` (RFC 3261 section 18.1.1, RFC 3263 section 4 without DNS): its maddr or host,
 * port and transport, with their defaults. Out of the listener of `arrived_on` (may be NULL) where
 * protocol and address family fit, else out of the first that fits.
 *
 * STATUS_NOT_FOUND for a host that is not numeric, a scheme or transport that is not served, or
 * when no listener fits.
 */
MUST_USE enum status transport_route(const struct transport *self, const struct sip_uri *target,
                                     const struct flow *arrived_on, struct flow *out);

/**
 * A request too long for UDP (RFC 3261 section 18.1.1): when it has more than
 * udp_request_bytes_max octets, `flow` is UDP, there is a TCP listener of its family, and `target`
 * (the URI that `flow` was made for; NULL gives false) does not insist on UDP, makes `flow` the TCP
 * flow to the same place and returns true. A transport failure then means to try UDP; who took no
 * connection is spared for a while.
 */
bool transport_widen(const struct transport *self, const struct sip_uri *target,
                     const struct flow *arrived_on, size_t bytes, struct flow *flow);

/**
 * Where the response to a request with this top Via goes (RFC 3261 section 18.2.2, RFC 3581
 * section 4): the connection; else maddr; else with rport the source address and port; else the
 * source address and the port of sent-by. What cannot be reached from that listener goes to the
 * source.
 */
void transport_response_flow(const struct transport *self, const struct flow *arrived_on,
                             const struct sip_via *top, struct flow *out);

/**
 * The source of a request as sip_compose_response_head() stamps it into the top Via (RFC 3261
 * section 18.2.1, RFC 3581 section 4). Lends from `text`.
 */
struct sip_source transport_source(const struct flow *arrived_on, char text[ENDPOINT_TEXT_MAX]);

/**
 * Answers a request without keeping any state (RFC 3261 section 8.2.7): the same request gets the
 * same To tag again. Does nothing for an ACK. `more` is empty or whole header lines, each with its
 * CRLF, e.g. "Retry-After: 5\r\n". An empty phrase means the standard one.
 */
void transport_refuse(struct transport *self, const struct sip_message *request,
                      const struct flow *arrived_on, int status, struct span phrase,
                      struct span more);

#endif
