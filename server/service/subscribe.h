/* subscribe.h - the notifier's half of SUBSCRIBE, in and out of dialogs (RFC 6665 section 4.2.1).
 */
#ifndef SERVICE_SUBSCRIBE_H
#define SERVICE_SUBSCRIBE_H

#include "server/service/auth.h"
#include "server/service/content.h"
#include "server/service/request.h"
#include "server/state/state.h"

/** Filled in by server.c; borrows all its collaborators for the life of the process. */
struct subscribe {
    struct state *state;
    struct auth *auth;
    const struct event_packages *packages;
    const struct content *content;
    uint32_t expires_min_s;
    uint32_t expires_default_s;
    uint32_t expires_max_s;
    size_t body_bytes_max;
};

/** Takes over `request` and answers it, at once or when what the answer says is committed. */
void subscribe_receive(struct subscribe *self, struct request *request);

#endif
