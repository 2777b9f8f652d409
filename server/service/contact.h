/* contact.h - one Contact of a REGISTER, and the key that makes it the same binding (RFC 3261
 * section 10.3, RFC 5626 section 6). */
#ifndef SERVICE_CONTACT_H
#define SERVICE_CONTACT_H

#include "server/base/buffer.h"
#include "server/base/span.h"
#include "server/base/status.h"

struct contact {
    struct span key;        /* lent from the buffer given to contact_read() */
    struct span uri;        /* as it was given */
    struct span parameters; /* the header field's, without expires; lent from that buffer */
    struct span instance;   /* +sip.instance, with its quotes; empty when absent */
    uint32_t reg_id;
    int32_t q_thousandths; /* -1 when absent */
    bool has_expires;
    uint32_t expires_s;
};

/**
 * Reads one value. The key is the instance and reg-id where both are there (RFC 5626), else the
 * URI in a form in which URIs that RFC 3261 section 19.1.4 calls equal are the same octets: host
 * and names of parameters in lower case, escapes resolved where they need not be, parameters in
 * order, headers left out.
 *
 * STATUS_MALFORMED for what breaks the grammar or is no sip or sips URI; STATUS_LIMIT when
 * `memory` is full.
 */
MUST_USE enum status contact_read(struct span value, struct buffer *memory, struct contact *out);

#endif
