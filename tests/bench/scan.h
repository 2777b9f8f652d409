/* scan.h - just enough reading of SIP text to judge a server; shares no code with the server's
 * parser. */
#ifndef BENCH_SCAN_H
#define BENCH_SCAN_H

#include "server/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/** One received message: spans into the received bytes, empty where a header field is absent. */
struct scan {
    bool is_response;
    unsigned status;           /* of a response */
    struct span method;        /* of a request; of a response: the one that CSeq names */
    struct span uri;           /* of a request */
    struct span vias;          /* every Via line as received, with its line ends */
    struct span record_routes; /* every Record-Route line likewise */
    struct span from;          /* header values, trimmed */
    struct span to;
    struct span call_id;
    struct span cseq_line; /* the value: "7 NOTIFY" */
    uint32_t cseq;
    struct span contact;
    struct span entity_tag;         /* SIP-ETag */
    struct span subscription_state; /* Subscription-State */
    struct span challenge;          /* WWW-Authenticate or Proxy-Authenticate, the first */
    uint32_t expires;               /* UINT32_MAX when absent */
    uint32_t min_expires;           /* 0 when absent */
    struct span head;               /* everything before the body */
    struct span body;
};

/**
 * Reads `message`. False when it is not SIP or lacks what every message must have (Via, From,
 * To, Call-ID, CSeq): such a message is counted as broken.
 */
bool scan_message(struct span message, struct scan *out);

/** The value of header parameter `name` in `value`, such as the tag of a From; empty if absent. */
struct span scan_parameter(struct span value, struct span name);

/** The URI of a Contact, From or To value, without angle brackets. */
struct span scan_uri(struct span value);

/** The branch of the topmost Via. */
struct span scan_branch(const struct scan *message);

/** How many Via values the message has: 2 at a device behind one proxy, 1 at who had asked. */
unsigned scan_hops(const struct scan *message);

/** Digits at the start of `text`; 0 when there are none. */
uint32_t scan_number(struct span text);

/** Up to `count` numbers with dashes between them, as in "3-1-7-5af2"; returns how many there are.
 */
unsigned scan_dashed(struct span text, uint32_t *out, unsigned count);

/** The bytes behind the first `needle` in `text`; empty when it is not there. */
struct span scan_behind(struct span text, struct span needle);

#endif
