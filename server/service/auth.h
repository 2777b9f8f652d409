/* auth.h - digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760): who is asking? */
#ifndef SERVICE_AUTH_H
#define SERVICE_AUTH_H

#include "server/service/request.h"
#include "server/state/state.h"

struct auth;

struct auth_options {
    uint32_t nonce_life_s;
    uint32_t nonces_max;   /* in use at a time; the one used longest ago is forgotten first */
    uint32_t nonce_window; /* out-of-order nc values that are taken; 64 at the most */
    uint32_t failures_max; /* wrong passwords from one source for one account, then a pause */
    uint32_t lockout_s;    /* of so long */
};

/** Borrows all. */
struct auth *auth_new(struct state *state, struct metrics *metrics,
                      const struct auth_options *options);
void auth_free(struct auth *self);

/**
 * Establishes that `request` acts for `aor`, canonical, in `domain`, its own. True when it may.
 * False when it was refused, and is gone:
 *
 *     401  no credentials, wrong ones, or stale ones: challenged (section 22.1)
 *     400  credentials that break their grammar, or that were made for another URI
 *     403  good credentials of someone else; an account or domain that is switched off
 *     404  there is no such account (said to who is let in without authentication, and to who
 *          publishes with credentials of the domain)
 *
 * Where the domain says so, credentials are not asked for; nor of a trusted peer of the domain.
 */
bool auth_may_act(struct auth *self, struct request *request, const struct domain_row *domain,
                  struct span aor);

/**
 * Establishes who sends what is forwarded (RFC 3261 section 22.3): as auth_may_act(), with 407,
 * Proxy-Authenticate and Proxy-Authorization; `aor` is that of From. Credentials for our realm in
 * Authorization are taken too: clients that got a 401 before send them there. Where the domain
 * does without authentication, a sender without an account gets 403. Not for ACK and CANCEL, which
 * cannot be challenged.
 */
bool auth_may_forward(struct auth *self, struct request *request, const struct domain_row *domain,
                      struct span aor);

#endif
