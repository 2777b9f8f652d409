/* route_mark.h - what our Record-Route says: that it is ours, for which dialog, over which flow. */
#ifndef SERVICE_ROUTE_MARK_H
#define SERVICE_ROUTE_MARK_H

#include "server/base/buffer.h"
#include "server/base/crypto.h"
#include "server/sip/message.h"
#include "server/transport/flow.h"

/**
 * The user part of our Record-Route URI: a version, the node, perhaps the flow on which that side
 * of the dialog is reached, and a MAC over these, the Call-ID and the tag of who began the dialog.
 * So requests of both sides pass through us without a password, but no others: the mark opens no
 * relay (DESIGN section 10). It outlives a restart; a connection that it names may not.
 */
enum { ROUTE_MARK_MAX_BYTES = 96 };

/** `flow` may be NULL: that side is reached by its own URI. `from_tag`: of the dialog's first
 * request. */
void route_mark_compose(const struct mac_key *key, uint16_t node, struct span call_id,
                        struct span from_tag, const struct flow *flow, struct buffer *out);

struct route_mark {
    bool has_flow;
    struct flow flow;
};

/** False when `user` is no mark of ours, or one of another dialog than that of `request`. */
bool route_mark_parse(const struct mac_key *key, uint16_t node, const struct sip_message *request,
                      struct span user, struct route_mark *out);

#endif
