/* match.h - which server transaction a request belongs to (RFC 3261 section 17.2.3). */
#ifndef TRANSACTION_MATCH_H
#define TRANSACTION_MATCH_H

#include "server/sip/message.h"

#include <stdint.h>

/**
 * Stands for branch, sent-by and method, or, without the magic cookie, for what RFC 2543
 * compared. 128 bits under secret keys: equal keys are equal transactions, and nobody can choose
 * two requests that collide.
 */
struct match_key {
    uint64_t words[2];
};

struct match_secret {
    uint64_t keys[2][2];
};

/**
 * The key of the transaction that `message` made or belongs to; `method` as in its CSeq. An ACK
 * has its INVITE's. To look for the INVITE that a CANCEL means, pass SIP_INVITE as `method`.
 */
struct match_key match_key_of(const struct match_secret *secret, const struct sip_message *message,
                              enum sip_method method);

#endif
