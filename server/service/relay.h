/* relay.h - composes what goes to one target: Via, Record-Route, routes (RFC 3261 section 16.6). */
#ifndef SERVICE_RELAY_H
#define SERVICE_RELAY_H

#include "server/service/routing.h"
#include "server/service/target.h"

/** One request to one target. All borrowed. */
struct relay {
    const struct sip_message *request;
    const struct flow *from;
    const struct routing *routing;
    const struct target *target;
    const struct flow *to; /* the target's, or another way to the same place */
    struct span branch;
    uint32_t max_breadth; /* 0: not written */
};

/**
 * The whole message. Record-Route is put on what may begin a dialog, twice where both sides differ
 * in transport (RFC 5658; section 16.6 step 4).
 */
void relay_compose(const struct state *state, const struct relay *relay, struct buffer *out);

/**
 * Passes an ACK on to its target, without any state (section 16.11): a lost one is made good by the
 * 2xx, which comes again.
 */
void relay_pass_ack(const struct state *state, const struct sip_message *ack,
                    const struct flow *from, const struct routing *routing,
                    const struct target *target);

#endif
