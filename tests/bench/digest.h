/* digest.h - MD5 digest credentials with qop=auth (RFC 7616), one per account. */
#ifndef BENCH_DIGEST_H
#define BENCH_DIGEST_H

#include "tests/bench/text.h"

#include <stdbool.h>
#include <stdint.h>

/** The last challenge that one account got. */
struct credential {
    char realm[64];
    char nonce[160];
    char opaque[64];
    uint32_t count; /* nc of the last use */
    bool qop;
    bool proxy; /* answers Proxy-Authenticate */
};

/** Keeps `challenge`, the value of a WWW-Authenticate. False when it is not Digest with MD5. */
bool digest_accept(struct credential *self, struct span challenge, bool proxy);

/** Appends an Authorization line, when a challenge is known. */
void digest_line(struct credential *self, struct text *out, struct span user, struct span password,
                 struct span method, struct span uri);

#endif
