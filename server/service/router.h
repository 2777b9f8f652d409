/* router.h - every request's way: refusals in the RFC's order, then the method's own file. */
#ifndef SERVICE_ROUTER_H
#define SERVICE_ROUTER_H

#include "server/service/event_package.h"
#include "server/service/proxy.h"
#include "server/service/publish.h"
#include "server/service/register.h"
#include "server/service/request.h"
#include "server/service/subscribe.h"

/**
 * The walk through this layer, when routing.c has told whose a request is:
 *
 *     transaction/ -> router_receive() -> register.c | publish.c | subscribe.c
 *                  -> state/ (one wait: the commit) -> the answer
 *                                      -> proxy.c -> fork.c -> transaction/ -> transport/
 *     state/       -> notify.c -> dialog/ -> transaction/ -> transport/
 *
 * Filled in by server.c; borrows all its collaborators for the life of the process.
 */
struct router {
    struct state *state;
    struct requests *requests;
    struct transactions *transactions;
    const struct event_packages *packages;
    struct registrar registrar;
    struct publish publish;
    struct subscribe subscribe;
    struct proxy proxy;
    bool draining; /* SIGTERM: what begins something new gets 503 */
};

/** A transactions_request_fn with the router as its context. */
void router_receive(void *context, struct sip_message *message, const struct flow *from,
                    struct handle transaction, struct handle meant);

#endif
