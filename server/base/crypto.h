/* crypto.h - random octets, digests, and the keyed marks on identifiers; OpenSSL's doorman. */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "server/base/span.h"

#include <stdint.h>

/** Fills `out` from the system's cryptographic generator; ends the process if there is none. */
void crypto_random(void *out, size_t size_bytes);
uint64_t crypto_random_u64(void);

enum digest_algorithm {
    DIGEST_MD5,        /* RFC 2617 */
    DIGEST_SHA256,     /* RFC 8760 */
    DIGEST_SHA512_256, /* RFC 8760 */
};

enum { DIGEST_BYTES_MAX = 32, DIGEST_HEX_MAX = 64 };

/** Octets of a digest of that algorithm: 16 or 32. */
size_t digest_size_bytes(enum digest_algorithm algorithm);

/** The digest of all parts, one behind the other, in lower-case hex. Returns its length. */
size_t digest_hex(enum digest_algorithm algorithm, const struct span parts[], size_t count,
                  char out[DIGEST_HEX_MAX]);

/** The same in octets. Returns their number. */
size_t digest_octets(enum digest_algorithm algorithm, const struct span parts[], size_t count,
                     uint8_t out[DIGEST_BYTES_MAX]);

/** A secret that marks what we hand out, so that we know it again . */
struct mac_key {
    uint64_t words[2];
};

/** SipHash-2-4 of `bytes`: 64 bits, for identifiers that live for minutes to days. */
uint64_t mac64(const struct mac_key *key, struct span bytes);

/** SipHash-1-3: for hash tables. */
uint64_t hash64(const uint64_t key[2], struct span bytes);

/** Compares in constant time; false when the lengths differ. */
bool crypto_equal(struct span a, struct span b);

#endif
