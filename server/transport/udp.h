/* udp.h - one UDP socket: many datagrams a system call, in and out (RFC 3261 section 18). */
#ifndef TRANSPORT_UDP_H
#define TRANSPORT_UDP_H

#include "server/base/blob.h"
#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/transport/endpoint.h"

/** Knows datagrams and addresses, no SIP. */
struct udp;

/** A datagram arrived; lent until the function returns. */
typedef void udp_receive_fn(void *context, struct span octets, const struct endpoint *from);

/** A datagram to `to` was refused here or by the network; `octets` are its first ones. */
typedef void udp_failed_fn(void *context, const struct endpoint *to, struct span octets);

/** All must be set. Keeps `context` and the counters. */
struct udp_settings {
    struct endpoint bind;
    size_t receive_buffer_bytes;
    size_t send_buffer_bytes;
    size_t datagram_max_bytes;
    unsigned receive_batch; /* datagrams a call */
    unsigned receive_turns; /* calls a turn */
    unsigned queue_max;
    size_t queue_max_bytes;
    void *context;
    udp_receive_fn *on_receive;
    udp_failed_fn *on_failed;
    uint64_t *received;  /* datagrams */
    uint64_t *truncated; /* longer than datagram_max_bytes: dropped */
    uint64_t *sent;
    uint64_t *full;   /* not queued, since the queue was full */
    uint64_t *failed; /* refused by the system, or by ICMP */
};

/** Binds and watches. NULL when the address cannot be had; the log then says why. */
struct udp *udp_new(struct loop *loop, struct log *log, const struct udp_settings *settings);

/** Closes; what was queued is forgotten. NULL is fine. */
void udp_free(struct udp *self);

/** The bound address, with the port that the kernel chose. */
struct endpoint udp_local(const struct udp *self);

/** As transport_send(). Never calls back. */
MUST_USE enum status udp_send(struct udp *self, const struct endpoint *to, struct span head,
                              struct blob *body);

/** Sends what is queued, and tells of what failed: on_failed() runs in here and may send more. */
void udp_flush(struct udp *self);

#endif
