/* digest.h - the arithmetic and grammar of digest authentication (RFC 7616, 8760, 2617, 2069). */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "server/base/buffer.h"
#include "server/base/crypto.h"
#include "server/sip/parameter.h"

enum sip_qop {
    SIP_QOP_NONE, /* absent: RFC 2069 */
    SIP_QOP_AUTH,
    SIP_QOP_AUTH_INT,
    SIP_QOP_UNKNOWN,
};

/** One Authorization or Proxy-Authorization value. */
struct sip_credentials {
    bool is_digest; /* else another scheme: nothing below is set but `scheme` */
    struct span scheme;
    /* Without quotes; escapes still in them where `escaped` says so (sip_unescape_quoted). They are
       hashed as they stand here: unq() of RFC 2617 removes the quotes alone. */
    struct span username;
    struct span realm;
    struct span nonce;
    struct span uri;
    struct span response;       /* hex, as received; compare without case */
    struct span algorithm_name; /* empty when absent */
    struct span qop_name;
    struct span nc_text; /* 8 hex digits; empty when absent */
    struct span cnonce;
    struct span opaque;
    uint32_t nc;
    enum digest_algorithm algorithm; /* DIGEST_MD5 when absent */
    bool algorithm_known;            /* false: "-sess" forms and any other name; refuse these */
    enum sip_qop qop;
    bool username_escaped; /* has quoted-pairs */
};

/**
 * Parses one header value. STATUS_MALFORMED when it breaks the grammar, repeats a parameter, lacks
 * one of username, realm, nonce, uri, response, or has a qop without nc and cnonce. Another
 * scheme than Digest is STATUS_OK with `is_digest` false.
 */
MUST_USE enum status sip_credentials_parse(struct span value, struct sip_credentials *out);

/** The name on the wire: "MD5", "SHA-256", "SHA-512-256". */
struct span sip_algorithm_name(enum digest_algorithm algorithm);

/** By its name, case ignored. False, `out` untouched, when it is none of ours. */
bool sip_algorithm_of(struct span name, enum digest_algorithm *out);

/** H(username:realm:password) in lower-case hex: what the accounts store. Returns its length. */
size_t sip_digest_ha1(enum digest_algorithm algorithm, struct span username, struct span realm,
                      struct span password, char out_hex[DIGEST_HEX_MAX]);

struct sip_digest_input {
    enum digest_algorithm algorithm;
    struct span ha1_hex;
    struct span nonce;
    struct span nc; /* with qop: the 8 hex digits as sent */
    struct span cnonce;
    enum sip_qop qop; /* SIP_QOP_UNKNOWN is not allowed here */
    struct span method;
    struct span uri;  /* the one of the header field */
    struct span body; /* read for SIP_QOP_AUTH_INT alone */
};

/** The response value, lower-case hex (RFC 7616 section 3.4.1; without qop RFC 2617 3.2.2.1).
 * Returns its length. */
size_t sip_digest_response(const struct sip_digest_input *input, char out_hex[DIGEST_HEX_MAX]);

/** Whether `credentials` prove knowledge of `ha1_hex`; compares in constant time. */
bool sip_credentials_prove(const struct sip_credentials *credentials, struct span ha1_hex,
                           struct span method, struct span body);

struct sip_challenge {
    struct span realm;
    struct span nonce;
    struct span opaque; /* empty: none */
    enum digest_algorithm algorithm;
    bool qop_auth; /* offer qop="auth" */
    bool stale;
};

/**
 * One whole header line. `name` is WWW-Authenticate or Proxy-Authenticate; several algorithms are
 * several header fields, in order of preference (RFC 8760 section 2.4).
 */
void sip_challenge_compose(struct buffer *buffer, struct span name,
                           const struct sip_challenge *challenge);

#endif
