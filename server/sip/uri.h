/* uri.h - SIP, SIPS and other URIs: parts, comparison, canonical form (RFC 3261 section 19.1). */
#ifndef SIP_URI_H
#define SIP_URI_H

#include "server/base/span.h"
#include "server/base/status.h"

#include <stdint.h>

enum sip_scheme {
    SIP_SCHEME_OTHER,
    SIP_SCHEME_SIP,
    SIP_SCHEME_SIPS,
    SIP_SCHEME_TEL,
};

/** Spans into the text it was parsed from; escapes are still in them. */
struct sip_uri {
    struct span text; /* the whole URI */
    struct span scheme_name;
    struct span
        user; /* empty: no userinfo. For schemes other than sip and sips, all behind the ':' */
    struct span password; /* without its ':' */
    struct span host;     /* IPv6 without its brackets */
    struct span params;   /* from its first ';', or empty */
    struct span headers;  /* behind the '?', or empty */
    enum sip_scheme scheme;
    uint16_t port; /* 0: none given */
    bool host_is_ipv6;
    bool has_password; /* "user:@host" has an empty one */
};

enum { SIP_AOR_BYTES_MAX = 512 };

/**
 * The whole of `text` is one URI. STATUS_MALFORMED otherwise; `out` is then unusable.
 * An unknown scheme is no error: it is SIP_SCHEME_OTHER, and its syntax is not looked into
 * beyond RFC 3986's set of characters.
 */
MUST_USE enum status sip_uri_parse(struct span text, struct sip_uri *out);

/**
 * RFC 3261 section 19.1.4 to the letter. It is reflexive and symmetric but not transitive, so
 * it must not be used to key a table. tel by RFC 3966 section 5; other schemes octet by octet.
 */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);

/**
 * The raw value of a URI parameter, empty when it has none, e.g. for "lr". Names are compared
 * without case, and escapes are honoured. False, `value` untouched, when there is none.
 */
bool sip_uri_parameter(const struct sip_uri *uri, struct span name, struct span *value);

/**
 * The canonical address-of-record, RFC 3261 section 10.3 step 5, as "user@host" or "host":
 * scheme, password, port, parameters and headers are gone, the user has only those escapes
 * that it needs, upper-case (so "%00" stays and nothing is cut there), the host is in lower
 * case without a trailing dot. `aor` lends from `out`.
 *
 * STATUS_MALFORMED for schemes other than sip and sips, STATUS_LIMIT when `out` is too small
 * (SIP_AOR_BYTES_MAX is what the server uses).
 */
MUST_USE enum status sip_uri_canonical_aor(const struct sip_uri *uri, char *out, size_t size_bytes,
                                           struct span *aor);

/** Resolves %HH once. `out` should hold `text.len` octets; STATUS_LIMIT when it is smaller. */
MUST_USE enum status sip_uri_unescape(struct span text, char *out, size_t size_bytes,
                                      struct span *plain);

#endif
