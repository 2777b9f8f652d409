/* via.h - one value of a Via header field (RFC 3261 sections 18.2, 20.42; RFC 3581). */
#ifndef SIP_VIA_H
#define SIP_VIA_H

#include "server/sip/parameter.h"

struct sip_via {
    struct span text;      /* the whole value */
    struct span transport; /* "UDP", "TCP", ... as received; compare without case */
    struct span host;      /* sent-by; IPv6 without its brackets */
    struct span params;    /* from the first ';', or empty */
    struct span branch;    /* empty when absent (RFC 2543) */
    struct span received; /* IPv6 without brackets, however it was written (RFC 5118 section 4.5) */
    struct span maddr;
    uint16_t port;  /* 0: none given */
    uint16_t rport; /* its value; 0 when absent or empty */
    bool has_rport; /* the parameter is there, with or without value */
    bool host_is_ipv6;
    bool has_sent_by; /* transport, host and port are good; true even when what follows them is not
                       */
    int ttl;          /* -1: absent */
};

/**
 * Parses one value (sip_value_next() splits lists). STATUS_MALFORMED when it breaks the
 * grammar; `out` then holds what was read before the fault, so that a 400 can find its way.
 */
MUST_USE enum status sip_via_parse(struct span value, struct sip_via *out);

/**
 * The branch names a transaction as RFC 3261 section 8.1.1.7 wants it: magic cookie and
 * something behind it. Else match as RFC 2543 did (section 17.2.3); the bare cookie of
 * RFC 4475 section 3.2.1 is such a case.
 */
bool sip_via_has_cookie(const struct sip_via *via);

#endif
