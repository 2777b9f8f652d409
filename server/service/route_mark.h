/* route_mark.h - what our Record-Route says: that it is ours, whose dialog it is, where both sides
 * are. */
#ifndef SERVICE_ROUTE_MARK_H
#define SERVICE_ROUTE_MARK_H

#include "server/base/buffer.h"
#include "server/base/crypto.h"
#include "server/sip/message.h"
#include "server/transport/flow.h"

/**
 * The user part of our Record-Route URI: a version, the node, both sides of the dialog, and a MAC
 * over these, the Call-ID, the tag of who began it, and both AORs. So requests within the dialog
 * pass without a password to the other side, and to nobody else (DESIGN section 10). A mark
 * outlives a restart; a connection that it names does not.
 */
enum { ROUTE_MARK_MAX_BYTES = 160 };

/** One side of a dialog. */
struct route_side {
    struct flow flow; /* that it came over, or is sent to */
    bool is_trusted;  /* a user or device of ours, or a peer that may relay */
    bool is_bound;    /* only the flow leads there */
};

struct route_mark {
    struct route_side caller; /* who began the dialog */
    struct route_side callee;
    bool from_caller; /* which of them sends the request that bears it */
};

/** For the request that begins a dialog. */
void route_mark_compose(const struct mac_key *key, uint16_t node, const struct sip_message *request,
                        const struct route_side *caller, const struct route_side *callee,
                        struct buffer *out);

/** False when `user` is no mark of ours, or that of another dialog than `request` is in. */
bool route_mark_parse(const struct mac_key *key, uint16_t node, const struct sip_message *request,
                      struct span user, struct route_mark *out);

#endif
