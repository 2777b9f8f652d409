/* nonce.h - nonces that carry their age under a MAC, and the nc values seen with each (RFC 7616
 * section 3.3, 5.3). */
#ifndef SERVICE_NONCE_H
#define SERVICE_NONCE_H

#include "server/base/clock.h"
#include "server/base/crypto.h"

#include <stddef.h>

/**
 * A nonce costs nothing before it is used with success; from then on the last `window`
 * values of its nc (64 at the most) are known. The one used longest ago is forgotten first, and is
 * stale then, as is every nonce of an epoch before.
 */
struct nonces;

enum { NONCE_BYTES = 48 };

/** `key` is borrowed: it may be filled in later. */
struct nonces *nonces_new(const struct mac_key *key, const uint64_t *epoch, uint32_t life_s,
                          uint32_t max, uint32_t window);
void nonces_free(struct nonces *self);

/** Makes one for `realm`. */
struct span nonce_compose(struct nonces *self, struct span realm, struct instant now,
                          char out[NONCE_BYTES]);

enum nonce_verdict {
    NONCE_GOOD,
    NONCE_STALE,   /* ours, but too old, forgotten, or its nc was used: challenge with stale=true */
    NONCE_FOREIGN, /* never ours, or another realm's */
};

/** What a nonce is worth before the response is checked. */
enum nonce_verdict nonce_check(const struct nonces *self, struct span realm, struct span nonce,
                               struct instant now);

/** Takes `nc` as used, after the response was found right. False when it was used before. */
bool nonce_use(struct nonces *self, struct span nonce, uint32_t nc, struct instant now);

#endif
