/* notify_flow.c - the flow, the route set, the Contact: which of them, and why. */
#include "server/service/notify_flow.h"

#include "server/dialog/dialog.h"

struct flow notify_flow(const struct transport *transport, const struct subscription_view *view)
{
    struct flow flow;

    /* A device behind a NAT is reached over its flow; so is one whose Contact leads nowhere. */
    if (view->bound && transport_flow_is_alive(transport, &view->flow))
        return view->flow;
    if (dialog_route(transport, &view->ids, &view->flow, &flow) != STATUS_OK)
        return view->flow;
    /*
     * A datagram would go to an address that may only mean something behind that NAT, nobody would
     * say that it was lost, and three of them would end the subscription of a device that is but
     * asleep. A connection that cannot be made is told.
     */
    return view->bound && !flow_is_reliable(&flow) ? view->flow : flow;
}

bool notify_flow_widen(const struct transport *transport, const struct subscription_view *view,
                       struct flow *flow)
{
    if (flow_is_reliable(flow) || !flow_is_reliable(&view->flow) ||
        !endpoint_same_address(&flow->remote, &view->flow.remote) ||
        !transport_flow_is_alive(transport, &view->flow))
        return false;
    *flow = view->flow;
    return true;
}
