/* forward.h - messages as a proxy passes them on (RFC 3261 sections 16.6, 16.7). */
#ifndef SIP_FORWARD_H
#define SIP_FORWARD_H

#include "server/sip/compose.h"

/**
 * What a proxy changes of a request. All that is not named here passes octet by octet, header
 * fields it does not know and the body included.
 */
struct sip_forward {
    struct span request_uri;
    struct span via;                 /* our own, one whole line */
    struct span record_route;        /* our own, whole lines; may be empty */
    struct span route_before;        /* values to stand before the request's own; may be empty */
    size_t routes_taken;             /* values of its own, from the top, that go no further */
    bool last_route_taken;           /* and the last one, which was the Request-URI */
    struct span route_behind;        /* a URI that becomes the last value: the next hop is a strict
                                        router (section 16.6 step 6); may be empty */
    uint32_t max_breadth;            /* RFC 5393 section 5.3.3; 0 leaves it out */
    struct span realm;               /* whose credentials have been consumed; may be empty */
    bool is_trusted;                 /* by whom it comes: else P-Asserted-Identity goes no further
                                        (RFC 3325 section 5) */
    const struct sip_source *source; /* stamped into the Via below ours (section 18.2.1) */
};

/**
 * The whole message. Max-Forwards is one less, or 70 where there was none; Content-Length is that
 * of the body, also where the request had none.
 */
void sip_compose_forward(struct buffer *out, const struct sip_message *request,
                         const struct sip_forward *how);

/** A response without its top Via, which was ours (section 16.7 step 3). */
void sip_compose_backward(struct buffer *out, const struct sip_message *response);

/**
 * The header lines that concern both ends and not the hops between them: all but Via,
 * Max-Forwards, Max-Breadth, Route, Record-Route, Path, Contact, Proxy-Require, credentials,
 * asserted identities and Content-Length. For a request that is kept, to be sent later by other
 * ways.
 */
void sip_compose_end_to_end(struct buffer *out, const struct sip_message *request);

#endif
