/* dialog.h - who talks to whom in a dialog, and the requests that we send in it (RFC 3261 section
 * 12). */
#ifndef DIALOG_DIALOG_H
#define DIALOG_DIALOG_H

#include "server/base/buffer.h"
#include "server/sip/message.h"
#include "server/transport/transport.h"

/** The state of RFC 3261 section 12.1.1, but for CSeq numbers. A plain value; spans are borrowed.
 */
struct dialog_ids {
    struct span call_id;
    struct span local_uri;
    struct span local_tag;
    struct span remote_uri;
    struct span remote_tag;
    struct span remote_target;
    struct span route_set; /* comma separated, the first hop first; empty when there is none */
};

/**
 * Reads what a UAS keeps of a request that makes a dialog (section 12.1.1): the values of
 * Record-Route in order, the Contact, both URIs and the remote tag; local_tag is left empty.
 * `memory` takes a Record-Route of several header fields.
 *
 * STATUS_MALFORMED  no Contact, more than one, `*`, or not a sip or sips URI
 * STATUS_LIMIT      `memory` is too small for the route set
 */
MUST_USE enum status dialog_read(const struct sip_message *request, struct buffer *memory,
                                 struct dialog_ids *out);

/** The one Contact of a request as the target of what we send. Errors as above. */
MUST_USE enum status dialog_read_target(const struct sip_message *request, struct span *out);

/**
 * Where a request in this dialog goes (section 12.2.1.1): the first route, else the remote
 * target. STATUS_NOT_FOUND when transport_route() finds no way.
 */
MUST_USE enum status dialog_route(const struct transport *transport, const struct dialog_ids *ids,
                                  const struct flow *arrived_on, struct flow *out);

/**
 * Request line, Via, Max-Forwards, Route, From, To, Call-ID and CSeq of a request in this
 * dialog, over `flow`. A strict router as first hop gets its URI as Request-URI, and the
 * remote target as last Route (section 12.2.1.1).
 */
void dialog_compose_head(const struct transport *transport, const struct dialog_ids *ids,
                         enum sip_method method, uint32_t cseq, const struct flow *flow,
                         struct span branch, struct buffer *out);

#endif
