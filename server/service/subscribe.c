/*
 * subscribe.c - reads top to bottom in time:
 * subscribe_receive() -> refused*() -> begin() or refresh() -> [commit] -> the answer that was
 * held. The NOTIFY that each 2xx promises is owed by the commit itself: see state/subscription.c.
 */
#include "server/service/subscribe.h"

#include "server/service/target.h"
#include "server/sip/compose.h"
#include "server/sip/event.h"
#include "server/sip/media.h"
#include "server/sip/parameter.h"

enum { ROUTE_SET_OCTETS = 4096 };

/* One SUBSCRIBE while it is judged. */
struct subscribing {
    struct subscribe *self;
    struct request *request;
    const struct sip_message *message;
    const struct event_package *package;
    const struct domain_row *watcher_domain; /* whose policies hold for who asks */
    const struct domain_row *domain;         /* of the presentity */
    struct subscription_change change;
    char aor_octets[SIP_AOR_BYTES_MAX];
    char watcher_octets[SIP_AOR_BYTES_MAX];
    char route_octets[ROUTE_SET_OCTETS];
};

/* ---- checks; each true when the request was refused ---- */

static bool refused_event(struct subscribing *it)
{
    struct span value = sip_header_value(it->message, SIP_EVENT);
    struct sip_event event;
    char text[64];
    struct buffer allowed;

    if (value.at != NULL && sip_event_parse(value, &event) != STATUS_OK) {
        request_refuse(it->request, 400, "Malformed Event");
        return true;
    }
    if (value.at != NULL) {
        it->package = event_package_find(it->self->packages, event.package);
        it->change.event_id = event.id;
    }
    if (it->package != NULL) {
        it->change.event = it->package->name;
        return false;
    }
    buffer_init_fixed(&allowed, text, sizeof(text));
    event_packages_compose(it->self->packages, &allowed);
    request_refuse_with(it->request, 489, NULL, "Allow-Events", buffer_span(&allowed));
    return true;
}

static bool refused_accept(const struct subscribing *it)
{
    if (sip_accepts(it->message, it->package->content_type, true))
        return false;
    request_refuse_with(it->request, 406, NULL, "Accept", it->package->content_type);
    return true;
}

/* Section 4.2.1.1: it may be shortened, never lengthened; 423 for what is too brief. */
static bool refused_expires(struct subscribing *it)
{
    struct span value = sip_header_value(it->message, SIP_EXPIRES);
    uint32_t max_s = it->self->expires_max_s;

    if (it->domain != NULL && it->domain->subscription_expires_max_s != 0)
        max_s = it->domain->subscription_expires_max_s;
    it->change.expires_s = it->self->expires_default_s;
    if (value.at != NULL && sip_delta_seconds(value, &it->change.expires_s) != STATUS_OK) {
        request_refuse(it->request, 400, "Malformed Expires");
        return true;
    }
    if (it->change.expires_s > max_s)
        it->change.expires_s = max_s;
    if (it->change.expires_s != 0 && it->change.expires_s < it->self->expires_min_s) {
        request_refuse_brief(it->request, it->self->expires_min_s);
        return true;
    }
    return false;
}

static bool is_open(const struct subscribing *it)
{
    if (batch_is_open(it->self->state->node.batch))
        return true;
    request_refuse_for_now(it->request);
    return false;
}

/* Behind a proxy the route set tells the way. */
static void read_flow(struct subscribing *it)
{
    it->change.flow = *request_flow(it->request);
    it->change.bound =
        span_empty(it->change.ids.route_set) && target_is_nated(it->message, &it->change.flow);
}

/* ---- the answer ---- */

static void compose_answer(const struct subscribing *it, const struct subscription *subscription)
{
    const struct subscription_view view = subscription_newest(subscription);
    uint32_t expires_s = it->change.expires_s;
    struct buffer *out =
        request_compose(it->request, 200, (struct span){0}, view.ids.local_tag, true);

    sip_compose_header_number(out, SPAN("Expires"), expires_s);
    buffer_put(out, SPAN("Contact: <sip:"));
    transport_contact_host(it->self->state->node.transport, request_flow(it->request), out);
    buffer_put(out, SPAN(">\r\n"));
}

static void answer_when_committed(const struct subscribing *it, const struct subscription *rests_on)
{
    const struct handle objects[] = {subscription_handle(rests_on)};

    compose_answer(it, rests_on);
    if (subscription_is_settled(rests_on))
        request_answer(it->request); /* a fetch, or a repeat of what has been committed before */
    else
        request_hold_until_committed(it->request, it->self->state->node.batch, objects, 1);
}

/* ---- a new dialog ---- */

/* Who may see: everyone, or those to whom the presentity has consented. Rules come with the
 * issue on authorization; the presentity always sees itself. */
static enum subscription_state decide(const struct subscribing *it)
{
    if (it->domain->default_action == WATCHER_CONFIRM &&
        !span_equal(it->change.aor, it->change.watcher))
        return SUBSCRIPTION_PENDING;
    return SUBSCRIPTION_ACTIVE;
}

static enum status make(struct subscribing *it, struct subscription **out)
{
    struct subscriptions *all = it->self->state->subscriptions;

    *out = subscriptions_find_repeat(all, &it->change);
    if (*out != NULL)
        return STATUS_OK;
    if (it->change.expires_s == 0)
        return subscription_fetch(all, &it->change, out);
    return subscription_stage_new(all, &it->change, out);
}

static void begin(struct subscribing *it)
{
    struct subscription *made = NULL;

    it->change.state = decide(it);
    it->change.accept = node_text_or_nothing(sip_header_value(it->message, SIP_ACCEPT));
    it->change.user_agent = node_text_or_nothing(sip_header_value(it->message, SIP_USER_AGENT));
    it->change.per_watcher_max = it->watcher_domain->subscriptions_max;
    if (it->change.expires_s != 0 && !is_open(it))
        return;
    switch (make(it, &made)) {
    case STATUS_OK:
        answer_when_committed(it, made);
        return;
    case STATUS_CONFLICT:
        request_refuse(it->request, 403, "Too Many Subscriptions");
        return;
    case STATUS_LIMIT:
    case STATUS_UNAVAILABLE:
    case STATUS_NOT_FOUND:
    case STATUS_MALFORMED:
    case STATUS_FAILED:
        break;
    }
    request_refuse_for_now(it->request);
}

/* Whose presence, and who asks; true when the request was refused. */
static bool refused_parties(struct subscribing *it)
{
    const struct sip_message *message = it->message;
    struct state *state = it->self->state;

    if (sip_uri_canonical_aor(&message->uri, it->aor_octets, sizeof(it->aor_octets),
                              &it->change.aor) != STATUS_OK) {
        request_refuse(it->request, 400, "Request-URI Is No Address Of Record");
        return true;
    }
    request_name_aor(it->request, it->change.aor);
    if (sip_uri_canonical_aor(&message->from.uri, it->watcher_octets, sizeof(it->watcher_octets),
                              &it->change.watcher) != STATUS_OK) {
        request_refuse(it->request, 400, "From Is No Address Of Record");
        return true;
    }
    it->domain = domains_find(state->domains, domain_of_aor(it->change.aor));
    it->watcher_domain = domains_find(state->domains, domain_of_aor(it->change.watcher));
    if (it->domain == NULL) {
        request_refuse(it->request, 404, "Domain Not Served Here");
        return true;
    }
    if (it->watcher_domain == NULL) {
        request_refuse(it->request, 403, "Watcher Of A Foreign Domain");
        return true;
    }
    return false;
}

static bool refused_presentity(const struct subscribing *it)
{
    if (accounts_find(it->self->state->accounts, it->change.aor) != NULL)
        return false;
    request_refuse(it->request, 404, "No Such Presentity");
    return true;
}

static bool refused_dialog(struct subscribing *it)
{
    struct buffer routes;

    buffer_init_fixed(&routes, it->route_octets, sizeof(it->route_octets));
    switch (dialog_read(it->message, &routes, &it->change.ids)) {
    case STATUS_OK:
        break;
    case STATUS_LIMIT:
        request_refuse(it->request, 513, "Route Set Too Large");
        return true;
    case STATUS_MALFORMED:
    case STATUS_NOT_FOUND:
    case STATUS_CONFLICT:
    case STATUS_FAILED:
    case STATUS_UNAVAILABLE:
        request_refuse(it->request, 400, "Not One Contact With A SIP URI");
        return true;
    }
    if (span_empty(it->message->from.tag)) {
        request_refuse(it->request, 400, "From Without Tag");
        return true;
    }
    it->change.remote_cseq = it->message->cseq.number;
    read_flow(it);
    return false;
}

static void receive_initial(struct subscribing *it)
{
    if (!refused_parties(it) &&
        auth_may_act(it->self->auth, it->request, it->watcher_domain, it->change.watcher) &&
        !refused_presentity(it) && !refused_event(it) && !refused_expires(it) &&
        !refused_accept(it) && !refused_dialog(it))
        begin(it);
}

/* ---- in the dialog ---- */

/* RFC 3261 section 12.2.2: a lower CSeq is out of order. The same one again is a repeat. */
static bool refused_cseq(const struct subscribing *it, const struct subscription_view *view)
{
    if (it->message->cseq.number >= view->remote_cseq)
        return false;
    request_refuse(it->request, 500, "CSeq Out Of Order");
    return true;
}

static bool refused_identity(struct subscribing *it, const struct subscription *subscription,
                             const struct subscription_view *view)
{
    const struct resource *resource = subscription_resource(subscription);

    if (!span_equal(it->package->name, resource_event(resource)) ||
        !span_equal(it->change.event_id, view->event_id)) {
        request_refuse(it->request, 481, "Event Of Another Subscription");
        return true;
    }
    it->change.aor = resource_aor(resource);
    request_name_aor(it->request, it->change.aor);
    it->domain = domains_find(it->self->state->domains, domain_of_aor(it->change.aor));
    it->watcher_domain = domains_find(it->self->state->domains, domain_of_aor(view->watcher));
    if (it->domain == NULL || it->watcher_domain == NULL) {
        request_refuse(it->request, 404, "Domain Not Served Here");
        return true;
    }
    return false;
}

static void refresh(struct subscribing *it, struct subscription *subscription,
                    const struct subscription_view *view)
{
    enum subscription_event event =
        it->change.expires_s == 0 ? SUBSCRIPTION_ENDED : SUBSCRIPTION_REFRESHED;

    it->change.state = subscription_state_next(view->state, event);
    it->change.remote_cseq = it->message->cseq.number;
    if (view->remote_cseq != it->message->cseq.number)
        subscription_stage_refresh(subscription, &it->change);
    answer_when_committed(it, subscription);
}

/* The Contact of a refresh is optional (RFC 3261 section 12.2.1.1); without one the target stays.
 */
static bool refused_target(struct subscribing *it, const struct subscription_view *view)
{
    it->change.ids.route_set = view->ids.route_set;
    if (sip_count(it->message, SIP_CONTACT) > 0 &&
        dialog_read_target(it->message, &it->change.ids.remote_target) != STATUS_OK) {
        request_refuse(it->request, 400, "Not One Contact With A SIP URI");
        return true;
    }
    read_flow(it);
    return false;
}

static void receive_in_dialog(struct subscribing *it)
{
    const struct sip_message *message = it->message;
    struct subscription *subscription = subscriptions_find(
        it->self->state->subscriptions, message->call_id, message->to.tag, message->from.tag);
    struct subscription_view view;

    if (refused_event(it))
        return;
    if (subscription == NULL) {
        request_refuse(it->request, 481, "Subscription Does Not Exist");
        return;
    }
    view = subscription_newest(subscription);
    if (view.state == SUBSCRIPTION_TERMINATED && view.remote_cseq != message->cseq.number) {
        request_refuse(it->request, 481, "Subscription Has Ended");
        return;
    }
    if (!refused_identity(it, subscription, &view) &&
        auth_may_act(it->self->auth, it->request, it->watcher_domain, view.watcher) &&
        !refused_cseq(it, &view) && !refused_expires(it) && !refused_accept(it) &&
        !refused_target(it, &view) && is_open(it))
        refresh(it, subscription, &view);
}

void subscribe_receive(struct subscribe *self, struct request *request)
{
    struct subscribing it = {.self = self, .request = request, .message = request_message(request)};

    if (span_empty(it.message->to.tag))
        receive_initial(&it);
    else
        receive_in_dialog(&it);
}
