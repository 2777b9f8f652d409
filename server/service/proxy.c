/* proxy.c - reads top to bottom: the refusals of section 16.3, authorization, the targets of 16.5.
 */
#include "server/service/proxy.h"

#include "server/service/relay.h"
#include "server/sip/parameter.h"

/* ---- refusals; each true when the request was refused ---- */

static bool refused_hops(struct request *request)
{
    if (request_message(request)->max_forwards != 0)
        return false;
    request_refuse(request, 483, NULL);
    return true;
}

static bool refused_loop(const struct proxy *self, struct request *request)
{
    if (!fork_has_looped(self->forks, request_message(request)))
        return false;
    request_refuse(request, 482, NULL);
    return true;
}

/* We understand no extension that a proxy must (section 16.3 step 5). */
static bool refused_proxy_require(struct request *request)
{
    const struct sip_message *message = request_message(request);

    if (sip_count(message, SIP_PROXY_REQUIRE) == 0)
        return false;
    request_refuse_with(request, 420, NULL, "Unsupported",
                        sip_header_value(message, SIP_PROXY_REQUIRE));
    return true;
}

/* ---- within a dialog ---- */

struct contact_search {
    const struct state *state;
    struct span contact;
    struct target *out;
    bool found;
};

static void compare_contact(struct binding *binding, void *context)
{
    struct contact_search *it = context;

    if (!it->found && span_equal(binding_seen(binding).contact, it->contact))
        it->found = target_of_binding(it->state, binding, it->out);
}

/* The device has registered again, over another connection, while its dialog went on. */
static bool find_by_contact(const struct proxy *self, const struct sip_message *request,
                            const struct routing *routing, struct target *out)
{
    struct contact_search it = {.state = self->state, .contact = routing->request_uri, .out = out};
    char octets[SIP_AOR_BYTES_MAX];
    struct span aor;

    if (sip_uri_canonical_aor(&request->to.uri, octets, sizeof(octets), &aor) != STATUS_OK)
        return false;
    location_each_seen(bindings_find(self->state->bindings, aor), compare_contact, &it);
    return it.found;
}

/* The next route; else what the Request-URI says. */
static bool find_by_name(const struct proxy *self, const struct flow *from,
                         const struct routing *routing, struct target *out)
{
    *out = (struct target){.uri = routing->request_uri};
    return transport_route(self->state->node.transport,
                           routing->has_next ? &routing->next : &routing->uri, from,
                           &out->flow) == STATUS_OK;
}

static const struct route_side *far_side(const struct routing *routing)
{
    return routing->mark.from_caller ? &routing->mark.callee : &routing->mark.caller;
}

/* A connection has come from any port of its host; it is called back at that which it listens on.
 */
static bool is_same_place(const struct endpoint *named, const struct endpoint *known)
{
    return transport_protocol_is_reliable((enum transport_protocol)known->protocol)
               ? named->protocol == known->protocol && endpoint_same_address(named, known)
               : endpoint_equal(named, known);
}

/*
 * Our mark is a ticket to the other side of its dialog: where that was when it began, or where its
 * device has registered since. To an AOR of ours it is none: there begins something new, whatever
 * the request calls itself; and who names another place has to prove that he may.
 */
static bool find_other_side(const struct proxy *self, const struct sip_message *request,
                            const struct flow *from, const struct routing *routing,
                            struct target *out)
{
    const struct route_side *far = far_side(routing);

    if (!routing->is_marked || routing->is_local)
        return false;
    if (!far->is_bound && find_by_name(self, from, routing, out) &&
        is_same_place(&out->flow.remote, &far->flow.remote))
        return true;
    *out = (struct target){.uri = routing->request_uri, .flow = far->flow, .bound = true};
    return (far->is_bound && transport_flow_is_alive(self->state->node.transport, &out->flow)) ||
           find_by_contact(self, request, routing, out);
}

/* ---- who sends it ---- */

static bool refuse(struct request *request, int status, const char *phrase)
{
    request_refuse(request, status, phrase);
    return false;
}

static bool is_from_account(struct proxy *self, struct request *request,
                            const struct routing *routing)
{
    char octets[SIP_AOR_BYTES_MAX];
    struct span aor;

    if (sip_uri_canonical_aor(&request_message(request)->from.uri, octets, sizeof(octets), &aor) !=
        STATUS_OK)
        return refuse(request, 400, "From Is No Address Of Record");
    return auth_may_forward(self->auth, request, routing->sender, aor);
}

/* What a phone may show of who proves nothing: a name elsewhere, or a number. */
static bool has_strange_name(const struct proxy *self, const struct sip_uri *from)
{
    static const char digits[] = "+-.()0123456789*#";

    if (from->scheme == SIP_SCHEME_SIP || from->scheme == SIP_SCHEME_SIPS)
        return !transport_is_local(self->state->node.transport, from->host);
    if (from->scheme != SIP_SCHEME_TEL)
        return false;
    for (size_t i = 0; i < from->user.len && from->user.at[i] != ';'; i++)
        if (memchr(digits, from->user.at[i], sizeof(digits) - 1) == NULL)
            return false;
    return true;
}

/* Strangers reach our users, where the domain takes them, and nobody else. */
static bool is_taken_from_strangers(const struct proxy *self, struct request *request,
                                    const struct routing *routing)
{
    if (!has_strange_name(self, &request_message(request)->from.uri))
        return refuse(request, 403, "From Not Accepted Without A Password");
    if (!routing->is_local || routing->domain == NULL)
        return refuse(request, 403, "Relaying Denied");
    if (!routing->domain->accept_foreign)
        return refuse(request, 403, "Strangers Not Accepted");
    return true;
}

/* A peer may speak for the domain that it is trusted with, and to it; to others only a relay. */
static bool is_from_peer(const struct proxy *self, const struct request *request,
                         const struct routing *routing)
{
    const struct trusted_peers *peers = self->state->trusted_peers;
    const struct endpoint *source = &request_flow(request)->remote;
    const struct domain_row *domain = routing->sender != NULL ? routing->sender : routing->domain;
    const struct trusted_peer_row *peer = domain != NULL
                                              ? trusted_peers_find_for(peers, source, domain->name)
                                              : trusted_peers_find(peers, source);

    return peer != NULL && ((routing->is_local && routing->domain != NULL) || peer->may_relay);
}

/* A spiral: a device of ours is registered at another AOR of ours. Its request was judged before.
 */
static bool comes_from_us(const struct proxy *self, const struct request *request)
{
    return transactions_made_branch(self->transactions, request_message(request)->via.branch) &&
           transport_is_own_end(self->state->node.transport, &request_flow(request)->remote);
}

/* A stranger who was let in by one domain is not by another that takes none. */
static bool is_closed_to(const struct routing *routing)
{
    return routing->sender == NULL && routing->is_local && routing->domain != NULL &&
           !routing->domain->accept_foreign;
}

static bool is_authorized(struct proxy *self, struct request *request, struct routing *routing)
{
    routing->is_trusted = is_from_peer(self, request, routing);
    routing->may_relay = routing->is_trusted;
    if (routing->is_trusted || (comes_from_us(self, request) && !is_closed_to(routing)))
        return true;
    if (routing->sender == NULL)
        return is_taken_from_strangers(self, request, routing);
    routing->may_relay = is_from_account(self, request, routing);
    return routing->may_relay;
}

static bool refused_path(const struct proxy *self, struct request *request)
{
    return refused_hops(request) || refused_loop(self, request) || refused_proxy_require(request);
}

static bool refused_sender(struct proxy *self, struct request *request, struct routing *routing)
{
    if (!is_authorized(self, request, routing))
        return true;
    if (!routing->is_local || routing->domain == NULL || !routing->domain->suspended)
        return false;
    request_refuse(request, 403, "Domain Suspended");
    return true;
}

/* ---- where to (section 16.5) ---- */

static void pass_to_next_hop(struct proxy *self, struct request *request,
                             const struct routing *routing)
{
    struct target target;

    if (find_by_name(self, request_flow(request), routing, &target))
        fork_start(self->forks, request, routing, &target, 1, NULL);
    else
        request_refuse(request, 404, "Destination Not Resolvable");
}

static void pass_to_devices(struct proxy *self, struct request *request,
                            const struct routing *routing)
{
    char octets[SIP_AOR_BYTES_MAX];
    struct target targets[TARGETS_MAX];
    const struct account *account;
    struct span aor;
    size_t count;

    if (sip_uri_canonical_aor(&routing->uri, octets, sizeof(octets), &aor) != STATUS_OK) {
        request_refuse(request, 400, "Request-URI Is No Address Of Record");
        return;
    }
    request_name_aor(request, aor);
    account = accounts_find(self->state->accounts, aor);
    if (account == NULL) {
        request_refuse(request, 404, "No Such Account");
        return;
    }
    if (account_is_disabled(account)) {
        request_refuse(request, 403, "Account Disabled");
        return;
    }
    if (request_message(request)->method == SIP_MESSAGE) {
        message_receive(self->messages, request, routing, aor);
        return;
    }
    count = targets_of_aor(self->state, aor, targets);
    if (count == 0)
        request_refuse(request, 480, "No Device Registered");
    else
        fork_start(self->forks, request, routing, targets, count, NULL);
}

void proxy_receive(struct proxy *self, struct request *request, struct routing *routing)
{
    struct target target;

    request_name_aor(request, routing->request_uri);
    if (refused_path(self, request))
        return;
    if (find_other_side(self, request_message(request), request_flow(request), routing, &target))
        fork_start(self->forks, request, routing, &target, 1, NULL);
    else if (refused_sender(self, request, routing))
        return;
    else if (!routing->is_local)
        pass_to_next_hop(self, request, routing);
    else if (routing->domain == NULL)
        request_refuse(request, 404, "Domain Not Served Here");
    else
        pass_to_devices(self, request, routing);
}

/* Who moves in the middle of a dialog sends his ACK to another place: from where he was, he may. */
static bool find_new_place(const struct proxy *self, const struct flow *from,
                           const struct routing *routing, struct target *out)
{
    const struct route_side *near =
        routing->mark.from_caller ? &routing->mark.caller : &routing->mark.callee;

    return routing->is_marked && !routing->is_local && near->is_trusted &&
           flow_equal(&near->flow, from) && find_by_name(self, from, routing, out);
}

/* An ACK cannot be challenged: it goes to the other side of its dialog, or nowhere. */
void proxy_receive_ack(struct proxy *self, const struct sip_message *ack, const struct flow *from)
{
    struct routing routing;
    struct target target;

    if (ack->max_forwards != 0 && routing_read(self->state, ack, &routing) == STATUS_OK &&
        (find_other_side(self, ack, from, &routing, &target) ||
         find_new_place(self, from, &routing, &target)))
        relay_pass_ack(self->state, ack, from, &routing, &target);
    else
        (*self->acks_dropped)++;
}
