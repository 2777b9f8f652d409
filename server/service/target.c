/* target.c - a binding's flow where only that leads to the device, else its Path, else its URI. */
#include "server/service/target.h"

#include "server/sip/address.h"

/* ---- what a REGISTER or SUBSCRIBE tells ---- */

bool target_is_nated(const struct sip_message *request, const struct flow *from)
{
    struct endpoint sent_by = {0};

    if (sip_count(request, SIP_VIA) != 1)
        return false;
    return flow_is_reliable(from) ||
           endpoint_parse_host(request->via.host, &sent_by) != STATUS_OK ||
           !endpoint_same_address(&sent_by, &from->remote);
}

/* Contacts of third parties, and of the same device at another address, are gone to as they say. */
static bool is_own_contact(const struct sip_message *request, const struct flow *from,
                           struct span contact)
{
    struct endpoint host = {0};
    struct sip_uri uri;

    if (sip_uri_parse(contact, &uri) != STATUS_OK || span_equal_nocase(uri.host, request->via.host))
        return true;
    return endpoint_parse_host(uri.host, &host) != STATUS_OK ||
           endpoint_same_address(&host, &from->remote);
}

bool target_is_bound(const struct sip_message *request, const struct flow *from,
                     struct span contact)
{
    return sip_count(request, SIP_PATH) == 0 && target_is_nated(request, from) &&
           is_own_contact(request, from, contact);
}

/* ---- where a binding leads ---- */

static bool route_to(const struct state *state, const struct binding_view *view,
                     struct span first_hop, struct flow *out)
{
    struct sip_address address;
    struct span rest = first_hop, value;

    if (!span_empty(first_hop)) {
        if (!sip_value_next(&rest, &value) || sip_address_parse(value, &address) != STATUS_OK)
            return false;
    } else if (sip_uri_parse(view->contact, &address.uri) != STATUS_OK) {
        return false;
    }
    return transport_route(state->node.transport, &address.uri, &view->flow, out) == STATUS_OK;
}

bool target_of_binding(const struct state *state, const struct binding *binding, struct target *out)
{
    const struct binding_view view = binding_seen(binding);
    struct target target = {
        .uri = view.contact, .route = view.path, .binding = view.id, .bound = view.bound};

    if (view.bound)
        target.flow = view.flow;
    else if (!route_to(state, &view, view.path, &target.flow))
        return false;
    if (!transport_flow_is_alive(state->node.transport, &target.flow))
        return false;
    *out = target;
    return true;
}

struct collecting {
    const struct state *state;
    struct target *out;
    size_t count;
};

static void collect(struct binding *binding, void *context)
{
    struct collecting *it = context;

    if (it->count < TARGETS_MAX && target_of_binding(it->state, binding, &it->out[it->count]))
        it->count++;
}

size_t targets_of_aor(const struct state *state, struct span aor, struct target out[TARGETS_MAX])
{
    struct collecting it = {state, out, 0};

    location_each_seen(bindings_find(state->bindings, aor), collect, &it);
    return it.count;
}
