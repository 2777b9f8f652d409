/*
 * subscribe.c - reads top to bottom in time:
 * subscribe_receive() -> refused*() -> begin() or refresh() -> [commit] -> the answer that was
 * held. The NOTIFY that each 2xx promises is owed by the commit itself: see state/subscription.c.
 */
#include "server/service/subscribe.h"

#include "server/service/notify_head.h"
#include "server/service/roster.h"
#include "server/service/subscribe_terms.h"
#include "server/service/target.h"
#include "server/sip/compose.h"
#include "server/sip/parameter.h"

enum { REPLACED_MAX = 16 }; /* subscriptions that one new one may take the place of */

/* ---- checks; each true when the request was refused ---- */

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

static void compose_answer(const struct subscribing *it, const struct subscription *subscription,
                           int status)
{
    const struct subscription_view view = subscription_newest(subscription);
    struct buffer *out =
        request_compose(it->request, status, (struct span){0}, view.ids.local_tag, true);

    sip_compose_header_number(out, SPAN("Expires"), it->change.expires_s);
    notify_head_put_contact(view.ids.local_tag, it->self->state->node.transport,
                            request_flow(it->request), out);
    if (span_empty(it->message->to.tag)) { /* RFC 6665 section 4.4.4: what begins a dialog */
        buffer_put(out, SPAN("Allow-Events: "));
        event_packages_compose(it->self->packages, out);
        buffer_put(out, SPAN("\r\n"));
    }
    if (it->is_list)
        sip_compose_header(out, SPAN("Require"), SPAN("eventlist"));
}

/* A fetch, or a repeat of what has been committed before, is answered at once. */
static void answer_when_committed(const struct subscribing *it, const struct handle objects[],
                                  size_t count)
{
    if (count == 0)
        request_answer(it->request);
    else
        request_hold_until_committed(it->request, it->self->state->node.batch, objects, count);
}

/* ---- the condition (RFC 5839) ---- */

/* True when the watcher has what it would be told: of this very resource, as it may see it. */
static bool is_matched(const struct subscribing *it, struct subscription *subscription)
{
    char octets[ENTITY_TAG_BYTES];
    struct span tag;

    if (it->suppress_if_match.at == NULL)
        return false;
    tag = content_entity_tag(it->self->content, subscription, octets);
    if (!span_equal(it->suppress_if_match, tag) && !span_equal(it->suppress_if_match, SPAN("*")))
        return false;
    subscription_delivery(subscription)->suppressed_version = content_version(subscription);
    return true;
}

/* ---- a new dialog ---- */

/* What a fetch of someone undecided leaves behind, so that the presentity hears of it. */
static enum status leave_waiting(struct subscribing *it, struct handle objects[], size_t *count)
{
    struct subscriptions *all = it->self->state->subscriptions;
    struct subscription *waiting = NULL;
    enum status status = subscription_stage_waiting(all, &it->change, &waiting);

    if (status != STATUS_OK)
        return status;
    objects[0] = subscription_handle(waiting);
    *count =
        1 + subscriptions_stage_replaced(all, waiting, &it->change, objects + 1, REPLACED_MAX - 1);
    return STATUS_OK;
}

static enum status fetch(struct subscribing *it, struct subscription **out,
                         struct handle objects[REPLACED_MAX], size_t *count)
{
    struct subscriptions *all = it->self->state->subscriptions;
    enum status status = STATUS_OK;

    if (it->change.state == SUBSCRIPTION_PENDING)
        status = leave_waiting(it, objects, count);
    if (status == STATUS_OK)
        status = subscription_fetch(all, &it->change, out);
    if (status != STATUS_OK)
        batch_forget(it->self->state->node.batch, objects, *count);
    return status;
}

static enum status make(struct subscribing *it, struct subscription **out,
                        struct handle objects[REPLACED_MAX], size_t *count)
{
    struct subscriptions *all = it->self->state->subscriptions;
    enum status status;

    *out = subscriptions_find_repeat(all, &it->change);
    if (*out != NULL) {
        objects[0] = subscription_handle(*out);
        *count = subscription_is_settled(*out) ? 0 : 1;
        return STATUS_OK;
    }
    it->change.notice = it->suppress_if_match.at != NULL ? NOTICE_NO_BODY : NOTICE_FULL;
    if (it->change.expires_s == 0)
        return fetch(it, out, objects, count);
    status = subscription_stage_new(all, &it->change, out);
    if (status != STATUS_OK)
        return status;
    objects[0] = subscription_handle(*out);
    *count =
        1 + subscriptions_stage_replaced(all, *out, &it->change, objects + 1, REPLACED_MAX - 1);
    return STATUS_OK;
}

static bool needs_commit(const struct subscribing *it)
{
    return it->change.expires_s != 0 || it->change.state == SUBSCRIPTION_PENDING;
}

static void begin(struct subscribing *it)
{
    struct subscription *made = NULL;
    struct handle objects[REPLACED_MAX];
    size_t count = 0;

    it->change.user_agent = node_text_or_nothing(sip_header_value(it->message, SIP_USER_AGENT));
    it->change.per_watcher_max = it->watcher_domain->subscriptions_max;
    if (needs_commit(it) && !is_open(it))
        return;
    switch (make(it, &made, objects, &count)) {
    case STATUS_OK:
        /* Section 6.2: outside of a dialog the NOTIFY comes all the same, without its body. */
        (void)is_matched(it, made);
        compose_answer(it, made, 200);
        answer_when_committed(it, objects, count);
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

static bool refused_presentity(struct subscribing *it)
{
    const struct state *state = it->self->state;

    it->is_list = resource_lists_find(state->lists, it->change.aor) != NULL;
    if (it->is_list || accounts_find(state->accounts, it->change.aor) != NULL)
        return false;
    request_refuse(it->request, 404, "No Such Presentity");
    return true;
}

/* RFC 3856 section 6.6.2, RFC 4662 section 4.4: who may see, or ask the presentity. */
static bool refused_watcher(struct subscribing *it)
{
    const struct content *content = it->self->content;
    struct judgement judgement = {.action = WATCHER_ALLOW};
    const bool of_sql = resource_lists_find(it->self->state->lists, it->change.aor) != NULL;

    if (of_sql && !rosters_may_watch(content->rosters, it->change.aor, it->change.watcher))
        judgement.action = WATCHER_BLOCK;
    else if (!of_sql) /* a list in the body goes to someone's address all the same */
        judgement = policy_judge(content->policy, it->package, it->change.aor, it->change.watcher);
    if (judgement.action == WATCHER_BLOCK) {
        request_refuse(it->request, 403, "Not Allowed To Watch");
        return true;
    }
    it->change.state = judgement.action == WATCHER_CONFIRM && !it->is_list ? SUBSCRIPTION_PENDING
                                                                           : SUBSCRIPTION_ACTIVE;
    return false;
}

/* RFC 5626 section 4.1: the same device, whatever its Contact says. */
static void read_instance(struct subscribing *it)
{
    struct sip_values values = sip_values_of(it->message, SIP_CONTACT);
    struct sip_address contact;
    struct span value, instance;

    if (sip_values_next(&values, &value) && sip_address_parse(value, &contact) == STATUS_OK &&
        sip_parameter(contact.params, SPAN("+sip.instance"), &instance))
        it->change.instance = node_text_or_nothing(instance);
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
    read_instance(it);
    read_flow(it);
    return false;
}

static void receive_initial(struct subscribing *it)
{
    if (!refused_parties(it) &&
        auth_may_act(it->self->auth, it->request, it->watcher_domain, it->change.watcher) &&
        !refused_presentity(it) && !subscribe_refused_event(it) && !subscribe_refused_expires(it) &&
        !subscribe_refused_body(it) && !subscribe_refused_list(it) &&
        !subscribe_refused_accept(it) && !subscribe_refused_condition(it) && !refused_dialog(it) &&
        !refused_watcher(it))
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
        /* RFC 6665 section 4.5.2: it would be another subscription in this dialog. */
        request_refuse(it->request, 403, "Dialog Sharing Not Supported");
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

/* RFC 5839 sections 5.7 and 6.3: what is as the watcher knows it is not told again, at the end of
 * the subscription neither. */
static bool is_suppressed(struct subscribing *it, struct subscription *subscription,
                          const struct subscription_view *view)
{
    return view->state == SUBSCRIPTION_ACTIVE && it->change.body.at == NULL &&
           subscription_is_settled(subscription) && is_matched(it, subscription);
}

static void refresh(struct subscribing *it, struct subscription *subscription,
                    const struct subscription_view *view)
{
    const enum subscription_event event =
        it->change.expires_s == 0 ? SUBSCRIPTION_ENDED : SUBSCRIPTION_REFRESHED;
    const struct handle objects[] = {subscription_handle(subscription)};
    const bool suppressed = is_suppressed(it, subscription, view);

    it->change.state = subscription_state_next(view->state, event);
    it->change.remote_cseq = it->message->cseq.number;
    it->change.notice = suppressed ? NOTICE_SUPPRESSED : NOTICE_FULL;
    if (view->remote_cseq != it->message->cseq.number)
        subscription_stage_refresh(subscription, &it->change);
    compose_answer(it, subscription, suppressed ? 204 : 200);
    answer_when_committed(it, objects, subscription_is_settled(subscription) ? 0 : 1);
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

/* A list stays one, and keeps its members (RFC 5367 section 5.1); a filter comes upon the one that
 * stands (RFC 4660 section 5.3). */
static bool refused_terms(struct subscribing *it, const struct subscription_view *view)
{
    it->is_list = view->eventlist &&
                  rosters_is_list_of(it->self->content->rosters, it->change.aor, view->body_type);
    it->refreshed = view;
    return subscribe_refused_expires(it) || subscribe_refused_body(it) ||
           subscribe_refused_accept(it) || subscribe_refused_condition(it);
}

static void receive_in_dialog(struct subscribing *it)
{
    const struct sip_message *message = it->message;
    struct subscription *subscription = subscriptions_find(
        it->self->state->subscriptions, message->call_id, message->to.tag, message->from.tag);
    struct subscription_view view;

    if (subscribe_refused_event(it))
        return;
    if (subscription == NULL) {
        request_refuse(it->request, 481, "Subscription Does Not Exist");
        return;
    }
    view = subscription_newest(subscription);
    if (subscription_is_over(view.state) && view.remote_cseq != message->cseq.number) {
        request_refuse(it->request, 481, "Subscription Has Ended");
        return;
    }
    if (!refused_identity(it, subscription, &view) &&
        auth_may_act(it->self->auth, it->request, it->watcher_domain, view.watcher) &&
        !refused_cseq(it, &view) && !refused_terms(it, &view) && !refused_target(it, &view) &&
        is_open(it))
        refresh(it, subscription, &view);
}

void subscribe_receive(struct subscribe *self, struct request *request)
{
    struct subscribing it = {.self = self, .request = request, .message = request_message(request)};

    buffer_init(&it.body, self->body_bytes_max);
    if (span_empty(it.message->to.tag))
        receive_initial(&it);
    else
        receive_in_dialog(&it);
    buffer_deinit(&it.body);
}
