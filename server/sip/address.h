/* address.h - name-addr and addr-spec with header parameters: From, To, Contact, Route (RFC 3261
 * section 20). */
#ifndef SIP_ADDRESS_H
#define SIP_ADDRESS_H

#include "server/sip/parameter.h"
#include "server/sip/uri.h"

/** One value of such a header field. */
struct sip_address {
    struct span display; /* raw: quotes and escapes still in it; see sip_unquote() */
    struct span uri_text;
    struct sip_uri uri;
    struct span params;    /* header parameters, from the first ';', or empty */
    struct span tag;       /* of From and To; empty when absent */
    bool is_star;          /* Contact: * ; nothing else is set then */
    bool has_angle_quotes; /* written with <> */
};

/**
 * Parses one value (sip_value_next() splits lists). Without <>, what follows a ';' is header
 * parameters, and a URI with ',' '?' or ';' of its own is not allowed (section 20.10).
 * STATUS_MALFORMED when it breaks the grammar; `out` is then unusable.
 */
MUST_USE enum status sip_address_parse(struct span value, struct sip_address *out);

#endif
