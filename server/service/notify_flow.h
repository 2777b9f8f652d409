/* notify_flow.h - over which flow a NOTIFY leaves. */
#ifndef SERVICE_NOTIFY_FLOW_H
#define SERVICE_NOTIFY_FLOW_H

#include "server/state/subscription.h"
#include "server/transport/transport.h"

/**
 * The flow of the watcher's last SUBSCRIBE if NOTIFYs are bound to it and it is alive; else the way
 * that its route set or Contact leads. Who was bound to a connection that is gone is reached by a
 * Contact that asks for a connection, or not at all: the flow is then a dead one, sending over it
 * fails, and the subscription is parked.
 */
struct flow notify_flow(const struct transport *transport, const struct subscription_view *view);

/**
 * A NOTIFY is too long for UDP (RFC 3261 section 18.1.1), which `flow` is: takes the connection
 * instead that the last SUBSCRIBE came over, if it lives and ends at the same place. False, and
 * `flow` is as before, when there is none.
 */
bool notify_flow_widen(const struct transport *transport, const struct subscription_view *view,
                       struct flow *flow);

#endif
