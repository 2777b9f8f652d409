/* branch.c - one request to one target: by UDP or TCP, and by the other when that cannot be. */
#include "server/base/must.h"
#include "server/service/forks.h"
#include "server/service/relay.h"
#include "server/sip/reason.h"

#include <stdlib.h>

void branch_watch_ringing(struct branch *branch)
{
    const struct forks *self = branch->fork->owner;

    if (branch->fork->trace.method == SIP_INVITE)
        branch->timer_c_us =
            instant_after(forks_now(self), (int64_t)self->options.timer_c_s * US_PER_S).us;
}

void branch_end(struct branch *branch, int status, const struct sip_message *response)
{
    struct fork *fork = branch->fork;

    branch->open = false;
    fork->open--;
    if (status < 300)
        return;
    fork->temporary = fork->temporary && sip_is_temporary(status);
    best_consider(&fork->best, status, response);
}

/*
 * What is too large for UDP goes by TCP (RFC 3261 section 18.1.1); where nobody listens there, by
 * UDP after all. A device behind a NAT has the flow that it has, and one behind a Path the proxy
 * that it has. False: it stays as it is.
 */
static bool widen(struct branch *branch, const struct routing *routing, const struct target *target)
{
    struct forks *self = branch->fork->owner;
    const struct flow narrow = branch->flow;
    struct sip_uri uri;

    if (target->bound || !span_empty(target->route) || branch->narrowed ||
        sip_uri_parse(target->uri, &uri) != STATUS_OK ||
        !transport_widen(self->state->node.transport, routing->has_next ? &routing->next : &uri,
                         &branch->fork->from, self->out.len, &branch->flow))
        return false;
    (*self->widened)++;
    branch->narrow = narrow;
    branch->narrow_uri = strndup(target->uri.at, target->uri.len);
    must(branch->narrow_uri != NULL);
    return true;
}

static void send(struct branch *branch, const struct sip_message *request,
                 const struct routing *routing, const struct target *target)
{
    struct fork *fork = branch->fork;
    struct forks *self = fork->owner;
    const struct client_transaction_owner owner = {
        .context = self, .handle = branch->handle, .on_result = fork_on_result};
    struct relay relay = {
        .request = request,
        .from = &fork->from,
        .routing = routing,
        .target = target,
        .to = &branch->flow,
        .max_breadth = fork->breadth,
    };
    char text[BRANCH_MAX];

    if (client_transaction_new(self->transactions, request->method, &branch->flow, &owner,
                               &branch->transaction, text, &relay.branch.len) != STATUS_OK) {
        branch_end(branch, 503, NULL);
        return;
    }
    relay.branch.at = text;
    buffer_reset(&self->out);
    relay_compose(self->state, &relay, &self->out);
    if (self->out.overflowed) {
        client_transaction_abandon(self->transactions, branch->transaction);
        branch_end(branch, 513, NULL);
        return;
    }
    if (widen(branch, routing, target)) { /* its Via says so: composed again */
        client_transaction_abandon(self->transactions, branch->transaction);
        send(branch, request, routing, target);
        return;
    }
    branch_watch_ringing(branch);
    client_transaction_send(self->transactions, branch->transaction, buffer_span(&self->out), NULL);
}

void branch_start(struct branch *branch, const struct sip_message *request,
                  const struct routing *routing, const struct target *target)
{
    branch->flow = target->flow;
    branch->binding = target->binding;
    branch->device = target->device;
    send(branch, request, routing, target);
}

bool branch_start_again(struct branch *branch)
{
    struct fork *fork = branch->fork;
    struct forks *self = fork->owner;
    const struct target target = {.uri = span_of(branch->narrow_uri),
                                  .flow = branch->narrow,
                                  .binding = branch->binding,
                                  .device = branch->device};
    struct routing routing;

    if (branch->narrow_uri == NULL || branch->narrowed || fork->cancelled ||
        !fork_parse_again(fork) || routing_read(self->state, &self->scratch, &routing) != STATUS_OK)
        return false;
    branch->narrowed = true;
    branch_start(branch, &self->scratch, &routing, &target);
    return true;
}
