/* message.h - a parsed SIP message: spans into the received bytes, and an index of its header
 * fields. */
#ifndef SIP_MESSAGE_H
#define SIP_MESSAGE_H

#include "server/sip/address.h"
#include "server/sip/cseq.h"
#include "server/sip/method.h"
#include "server/sip/via.h"

/** The header fields that have a name here; all others are SIP_HEADER_OTHER and found by name. */
enum sip_header_id {
    SIP_HEADER_OTHER,
    SIP_VIA,
    SIP_FROM,
    SIP_TO,
    SIP_CALL_ID,
    SIP_CSEQ,
    SIP_CONTACT,
    SIP_MAX_FORWARDS,
    SIP_ROUTE,
    SIP_RECORD_ROUTE,
    SIP_PATH,          /* RFC 3327 */
    SIP_SERVICE_ROUTE, /* RFC 3608 */
    SIP_EXPIRES,
    SIP_MIN_EXPIRES,
    SIP_EVENT,              /* RFC 6665 */
    SIP_SUBSCRIPTION_STATE, /* RFC 6665 */
    SIP_SIP_ETAG,           /* RFC 3903 */
    SIP_SIP_IF_MATCH,       /* RFC 3903 */
    SIP_ACCEPT,
    SIP_ACCEPT_ENCODING,
    SIP_ACCEPT_LANGUAGE,
    SIP_ALLOW,
    SIP_ALLOW_EVENTS, /* RFC 6665 */
    SIP_REQUIRE,
    SIP_PROXY_REQUIRE,
    SIP_SUPPORTED,
    SIP_UNSUPPORTED,
    SIP_AUTHORIZATION,
    SIP_PROXY_AUTHORIZATION,
    SIP_WWW_AUTHENTICATE,
    SIP_PROXY_AUTHENTICATE,
    SIP_AUTHENTICATION_INFO,
    SIP_CONTENT_TYPE,
    SIP_CONTENT_LENGTH,
    SIP_CONTENT_ENCODING,
    SIP_CONTENT_DISPOSITION,
    SIP_CONTENT_LANGUAGE,
    SIP_MIME_VERSION,
    SIP_USER_AGENT,
    SIP_SERVER,
    SIP_SUBJECT,
    SIP_DATE,
    SIP_TIMESTAMP,
    SIP_RETRY_AFTER,
    SIP_WARNING,
    SIP_MAX_BREADTH,         /* RFC 5393 */
    SIP_REFER_TO,            /* RFC 3515 */
    SIP_REFERRED_BY,         /* RFC 3892 */
    SIP_REPLACES,            /* RFC 3891 */
    SIP_REASON,              /* RFC 3326 */
    SIP_PRIVACY,             /* RFC 3323 */
    SIP_ACCEPT_CONTACT,      /* RFC 3841 */
    SIP_REQUEST_DISPOSITION, /* RFC 3841 */
    SIP_FLOW_TIMER,          /* RFC 5626 */
    SIP_RACK,                /* RFC 3262 */
    SIP_RSEQ,                /* RFC 3262 */
    SIP_SESSION_EXPIRES,     /* RFC 4028 */
    SIP_SUPPRESS_IF_MATCH,   /* RFC 5839 */
    SIP_P_ASSERTED_IDENTITY, /* RFC 3325 */
    SIP_HEADER_IDS,          /* how many; not a header field */
};

enum { SIP_HEADERS_MAX = 128 };

struct sip_header {
    struct span name;
    struct span value; /* trimmed; folding still in it; `at` is never NULL */
    enum sip_header_id id;
    uint16_t next; /* index + 1 of the next one of the same id; 0: none */
};

/**
 * A plain value of some kilobytes: make it on the stack or in an arena, and do not copy it
 * without need. It borrows the received bytes. Only sip_parse*() fills it.
 */
struct sip_message {
    struct span bytes; /* the message alone, without what a datagram had behind it */
    struct span body;

    bool request;    /* else a response */
    bool answerable; /* malformed, yet a response can be composed and would find its way; never for
                        ACK */
    enum sip_method method;
    struct span method_name; /* requests */
    struct span request_uri; /* requests */
    struct sip_uri uri;      /* requests; scheme is SIP_SCHEME_OTHER for those we do not know */
    int status;              /* responses */
    struct span reason;      /* responses; may be empty */
    struct span version;     /* "SIP/2.0" */

    /* What nearly every reader needs, parsed once. All of it is good when parsing said SIP_PARSED;
       when it said SIP_MALFORMED, each is good, or empty (`at` NULL). */
    struct sip_via via; /* the topmost */
    struct sip_address from;
    struct sip_address to;
    struct span call_id;
    struct sip_cseq cseq;
    int max_forwards; /* -1: absent */

    uint16_t first[SIP_HEADER_IDS]; /* index + 1 of the first header field of an id; 0: none */
    uint16_t last[SIP_HEADER_IDS];
    size_t header_count;
    struct sip_header headers[SIP_HEADERS_MAX];
};

/** The id of a header name, long or compact, case ignored; SIP_HEADER_OTHER when it has none. */
enum sip_header_id sip_header_id_of(struct span name);

/** The long name; empty for SIP_HEADER_OTHER. */
struct span sip_header_name(enum sip_header_id id);

/** The first header field of that id, in the order received, and then the next; NULL at the end. */
const struct sip_header *sip_header_first(const struct sip_message *message, enum sip_header_id id);
const struct sip_header *sip_header_next(const struct sip_message *message,
                                         const struct sip_header *header);

/** How many header fields of that id there are (not values). */
size_t sip_count(const struct sip_message *message, enum sip_header_id id);

/** Value of the first one; empty with `at` NULL when there is none. */
struct span sip_header_value(const struct sip_message *message, enum sip_header_id id);

/** The first header field of that name, known or not, case ignored; NULL when there is none. */
const struct sip_header *sip_header_named(const struct sip_message *message, struct span name);

/** Walks all values of all header fields of one id, in order, as one comma list. */
struct sip_values {
    const struct sip_message *message;
    const struct sip_header *header;
    struct span rest;
};

/**
 *     struct sip_values values = sip_values_of(message, SIP_CONTACT);
 *     while (sip_values_next(&values, &value)) ...
 *
 * A value may be empty, see sip_value_next(). Not for fields whose one value may hold a comma:
 * Authorization and its kin, Date, Subject, User-Agent.
 */
struct sip_values sip_values_of(const struct sip_message *message, enum sip_header_id id);
bool sip_values_next(struct sip_values *self, struct span *value);

/** Whether a list of tokens (Supported, Require, Allow, ...) has `token`; case is ignored. */
bool sip_lists(const struct sip_message *message, enum sip_header_id id, struct span token);

#endif
