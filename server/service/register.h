/* register.h - the registrar (RFC 3261 section 10.3). */
#ifndef SERVICE_REGISTER_H
#define SERVICE_REGISTER_H

#include "server/service/auth.h"
#include "server/service/request.h"
#include "server/state/state.h"

/** Filled in by server.c; borrows all its collaborators for the life of the process. */
struct registrar {
    struct state *state;
    struct auth *auth;
    uint32_t expires_min_s;
    uint32_t expires_default_s;
    uint32_t expires_max_s;
    uint32_t contacts_max; /* per AOR, where its domain says nothing else */
};

/** Takes over `request` and answers it: at once, or when its bindings are committed. */
void register_receive(struct registrar *self, struct request *request);

#endif
