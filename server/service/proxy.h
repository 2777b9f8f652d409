/* proxy.h - requests that are not for us: whether they may pass, and where to (RFC 3261 section
 * 16). */
#ifndef SERVICE_PROXY_H
#define SERVICE_PROXY_H

#include "server/service/auth.h"
#include "server/service/fork.h"
#include "server/service/message.h"

/**
 *     proxy_receive()  ->  hops, loops, Proxy-Require (section 16.3)
 *                      ->  within a dialog of ours: to its other side
 *                      ->  else: who sends it? where to?  ->  fork.c
 *
 * Never an open relay: what bears our mark of its dialog passes, as does what a device of ours or a
 * trusted peer sends; anybody may reach our users where their domain lets strangers in, and
 * nobody else may reach others through us (DESIGN section 10).
 */
struct proxy {
    struct state *state;
    struct auth *auth;
    struct forks *forks;
    struct transactions *transactions;
    struct message_service *messages;
    uint64_t *acks_dropped;
};

/** Takes over a request that this server is not the one to answer, and answers or passes it on. */
void proxy_receive(struct proxy *self, struct request *request, struct routing *routing);

/** An ACK to a 2xx, which has no answer: passed on, or dropped (and counted) when it may not. */
void proxy_receive_ack(struct proxy *self, const struct sip_message *ack, const struct flow *from);

#endif
