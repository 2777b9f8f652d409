/* crypto.c - OpenSSL's digests, fetched once; SipHash of our own, for it is small and must inline.
 */
#include "server/base/crypto.h"

#include "server/base/must.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

void crypto_random(void *out, size_t size_bytes)
{
    char *at = out;

    while (size_bytes > 0) {
        ssize_t got = getrandom(at, size_bytes, 0);

        if (got < 0) {
            must(errno == EINTR);
            continue;
        }
        at += got;
        size_bytes -= (size_t)got;
    }
}

uint64_t crypto_random_u64(void)
{
    uint64_t number;

    crypto_random(&number, sizeof(number));
    return number;
}

/* ---- digests ---- */

enum { ALGORITHMS = DIGEST_SHA512_256 + 1 };

static const char *const names[ALGORITHMS] = {
    [DIGEST_MD5] = "MD5",
    [DIGEST_SHA256] = "SHA256",
    [DIGEST_SHA512_256] = "SHA512-256",
};

struct digest {
    EVP_MD *type;
    EVP_MD_CTX *context;
};

/* The one mutable static of the code base: finding an algorithm takes OpenSSL longer than the
 * digest of a credential, and a context per algorithm keeps its memory between digests. It holds
 * no state that one caller could see of another. */
static struct digest *digest_of(enum digest_algorithm algorithm)
{
    static struct digest digests[ALGORITHMS];
    struct digest *digest = &digests[algorithm];

    if (digest->type == NULL) {
        digest->type = EVP_MD_fetch(NULL, names[algorithm], NULL);
        digest->context = EVP_MD_CTX_new();
        must(digest->type != NULL && digest->context != NULL);
    }
    return digest;
}

size_t digest_size_bytes(enum digest_algorithm algorithm)
{
    return algorithm == DIGEST_MD5 ? 16 : 32;
}

size_t digest_octets(enum digest_algorithm algorithm, const struct span parts[], size_t count,
                     uint8_t out[DIGEST_BYTES_MAX])
{
    struct digest *digest = digest_of(algorithm);
    unsigned size_bytes = 0;

    must(EVP_DigestInit_ex2(digest->context, digest->type, NULL) == 1);
    for (size_t i = 0; i < count; i++)
        must(EVP_DigestUpdate(digest->context, parts[i].at, parts[i].len) == 1);
    must(EVP_DigestFinal_ex(digest->context, out, &size_bytes) == 1);
    return size_bytes;
}

size_t digest_hex(enum digest_algorithm algorithm, const struct span parts[], size_t count,
                  char out[DIGEST_HEX_MAX])
{
    uint8_t octets[DIGEST_BYTES_MAX];
    size_t size_bytes = digest_octets(algorithm, parts, count, octets);

    for (size_t i = 0; i < size_bytes; i++) {
        out[2 * i] = "0123456789abcdef"[octets[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[octets[i] & 15];
    }
    return 2 * size_bytes;
}

bool crypto_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}

/* ---- SipHash (Aumasson and Bernstein, 2012) ---- */

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotated(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void mix(struct sip_state *s, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        s->v0 += s->v1;
        s->v1 = rotated(s->v1, 13) ^ s->v0;
        s->v0 = rotated(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotated(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotated(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotated(s->v1, 17) ^ s->v2;
        s->v2 = rotated(s->v2, 32);
    }
}

static inline void absorb(struct sip_state *s, uint64_t word, int rounds)
{
    s->v3 ^= word;
    mix(s, rounds);
    s->v0 ^= word;
}

/* The algorithm reads little-endian words, whatever the machine. */
static inline uint64_t word_at(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

/* The last 0 to 7 bytes, and the length above them. */
static inline uint64_t last_word(struct span bytes)
{
    size_t left = bytes.len & 7;
    uint64_t word = (uint64_t)bytes.len << 56;

    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(uint8_t)bytes.at[bytes.len - left + i] << (8 * i);
    return word;
}

static inline uint64_t siphash(const uint64_t key[2], struct span bytes, int rounds, int end_rounds)
{
    struct sip_state s = {
        key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    size_t whole = bytes.len & ~(size_t)7;

    if (bytes.at == NULL) /* the empty span: NULL + 0 is undefined */
        bytes.at = "";
    for (size_t i = 0; i < whole; i += 8)
        absorb(&s, word_at(bytes.at + i), rounds);
    absorb(&s, last_word(bytes), rounds);
    s.v2 ^= 0xff;
    mix(&s, end_rounds);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t mac64(const struct mac_key *key, struct span bytes)
{
    return siphash(key->words, bytes, 2, 4);
}

uint64_t hash64(const uint64_t key[2], struct span bytes)
{
    return siphash(key, bytes, 1, 3);
}
