/*
 * notify.c - reads top to bottom in time: on_changed() | on_told() -> owe() -> pump() -> send() ->
 * on_result() -> acknowledge() | fail().
 */
#include "server/service/notify.h"

#include "server/base/must.h"
#include "server/service/notify_flow.h"
#include "server/service/notify_head.h"
#include "server/service/pacer.h"
#include "server/service/roster.h"
#include "server/service/watermark.h"
#include "server/sip/parameter.h"

#include <stdlib.h>

enum {
    HEAD_BYTES_MAX = 65536, /* a datagram; what is kept of two requests may stand in it */
    SILENT_AT = 2,          /* retransmissions, then the window waits no longer for an answer */
    SILENT_US = 1500000,    /* the same over a connection, where there are none */
    IN_A_ROW = 32,          /* to the watchers of one resource, then it is the next one's turn */
    IN_A_TURN = 1024,       /* of the loop, so that requests are not kept waiting */
    TYPE_BYTES_MAX = 256,   /* of a Content-Type */
    SHRINK_US = 500000,     /* the window shrinks once per T1 at the most */
    WINDOW_FIRST = 1024,    /* between its bounds */
    BRIEF_US = 1000000,     /* until what could not be sent for our own reasons is tried again */
};

struct notify {
    struct state *state;
    struct transactions *transactions;
    struct policy policy;
    struct content content;
    struct notify_options options;
    struct pacer pacer;
    struct watermark *watermark;
    struct list turns; /* resources with watchers who are owed, in turn */
    struct loop_later pump;
    struct loop_later look_at_all; /* rules of a whole domain changed, or the like */
    struct timer pause;
    struct buffer head;
    uint32_t window;
    uint32_t outstanding; /* that the window counts */
    uint32_t silent;      /* outstanding too, but no longer waited for */
    struct instant shrunk_at;
    bool started;
    uint64_t *sent;
    uint64_t *acknowledged;
    uint64_t *failed;
    uint64_t *ended;
    uint64_t *long_datagrams;
};

static struct timers *timers_of(const struct notify *self)
{
    return loop_timers(self->state->node.loop);
}

static struct instant now_of(const struct notify *self)
{
    return loop_now(self->state->node.loop);
}

/* ---- owing ---- */

static bool can_be_told(const struct subscription *subscription, const struct delivery *delivery)
{
    return subscription_is_committed(subscription) && !delivery->outstanding && !delivery->parked &&
           !delivery->held && !timer_is_running(&delivery->retry) && list_empty(&delivery->link);
}

static void queue(struct notify *self, struct subscription *subscription)
{
    struct resource *resource = subscription_resource(subscription);
    struct delivery *delivery = subscription_delivery(subscription);

    if (!self->started || !can_be_told(subscription, delivery) ||
        pacer_holds(&self->pacer, subscription))
        return;
    list_append(&resource->notify.owed, &delivery->link);
    if (list_empty(&resource->notify.turn))
        list_append(&self->turns, &resource->notify.turn);
    loop_later(self->state->node.loop, &self->pump);
}

/* Its pause is over, or it wants to hear though nothing has changed (RFC 6446). */
static void on_due(void *context, struct subscription *subscription)
{
    queue(context, subscription);
}

static void owe(struct notify *self, struct subscription *subscription)
{
    watermark_owe(self->watermark, subscription);
    queue(self, subscription);
}

/* ---- what the rules say of a live subscription ---- */

/* Why a subscription is over whatever the rules say; empty when it is not. */
static struct span over_because(const struct notify *self, const struct subscription *subscription)
{
    const struct span aor = resource_aor(subscription_resource(subscription));

    if (!rosters_is_list(self->content.rosters, subscription))
        return accounts_find(self->state->accounts, aor) == NULL ? SPAN("noresource")
                                                                 : (struct span){0};
    return rosters_may_watch(self->content.rosters, aor, subscription_newest(subscription).watcher)
               ? (struct span){0}
               : SPAN("rejected");
}

/* True when its state changes: its commit tells. */
static bool is_decided(struct notify *self, struct subscription *subscription)
{
    const enum subscription_state state = subscription_newest_state(subscription);
    const enum watcher_action action = content_judge(&self->content, subscription).action;
    const struct span over = over_because(self, subscription);

    if (state != SUBSCRIPTION_TERMINATED && !span_empty(over)) {
        subscription_end(subscription, over);
        return true;
    }
    if (state == SUBSCRIPTION_TERMINATED || action == WATCHER_ALLOW ||
        action == WATCHER_POLITE_BLOCK) {
        if (state != SUBSCRIPTION_PENDING && state != SUBSCRIPTION_WAITING)
            return false;
        subscription_allow(subscription);
        return true;
    }
    if (action == WATCHER_CONFIRM && state != SUBSCRIPTION_ACTIVE)
        return false;
    subscription_end(subscription,
                     action == WATCHER_BLOCK ? SPAN("rejected") : SPAN("deactivated"));
    return true;
}

/* Its commit tells; before it, "active" would be said of what has been decided against. */
static bool is_about_to_change(const struct subscription *subscription)
{
    return subscription_newest_state(subscription) != subscription_state(subscription);
}

/* Owes it what it has not been told, if it may be told. */
static void look_at(struct notify *self, struct subscription *subscription)
{
    /* What is pending is looked at again when it has been committed. */
    if (!subscription_is_committed(subscription) || subscription_id(subscription) == 0 ||
        (subscription_is_settled(subscription) && is_decided(self, subscription)) ||
        is_about_to_change(subscription) || subscription_state(subscription) != SUBSCRIPTION_ACTIVE)
        return;
    content_choose(&self->content, subscription);
    if (content_is_owed(subscription))
        owe(self, subscription);
}

/* ---- a resource shows something else ---- */

/* At the end of the turn, however many changes it had. */
static void tell_all(struct loop_later *later)
{
    struct resource *resource = CONTAINER_OF(later, struct resource, notify.changed);
    struct notify *self = resource->notify.notifier;
    struct list *link = resource->subscriptions.next, *next;

    views_touch(resource);
    for (; link != &resource->subscriptions; link = next) {
        next = link->next;
        look_at(self, subscription_of_resource(link));
    }
    rosters_look(self->content.rosters, resource);
    watermark_release(self->watermark, resource);
}

static void on_changed(void *context, struct resource *resource)
{
    struct notify *self = context;

    if (!resource_is_watched(resource))
        return;
    watermark_hold(self->watermark, resource);
    resource->notify.notifier = self;
    resource->notify.changed.fn = tell_all;
    loop_later(self->state->node.loop, &resource->notify.changed);
}

/* ---- rules, lists or dialects changed ---- */

static void look_at_resource(struct resource *resource, void *context)
{
    const struct notify *self = context;

    pacer_look(&self->pacer, resource);
    on_changed(context, resource);
}

static void look_at_all(struct loop_later *later)
{
    struct notify *self = CONTAINER_OF(later, struct notify, look_at_all);

    resources_each(self->state->resources, look_at_resource, self);
}

static void on_all_changed(void *context)
{
    struct notify *self = context;

    self->policy.changes++;
    if (self->started)
        loop_later(self->state->node.loop, &self->look_at_all);
}

static void on_domain_changed(void *context, struct span domain)
{
    (void)domain;
    on_all_changed(context);
}

/* What is watched of that AOR in any package may show something else. */
static void on_presentity_changed(struct notify *self, struct span presentity)
{
    const struct event_packages *packages = self->content.packages;

    for (size_t i = 0; self->started && packages->all[i] != NULL; i++) {
        struct resource *resource =
            resources_find(self->state->resources, presentity, packages->all[i]->name);

        if (resource != NULL)
            on_changed(self, resource);
    }
}

static void on_rules_changed(void *context, struct span domain, struct span presentity)
{
    struct notify *self = context;

    (void)domain;
    if (span_empty(presentity))
        on_all_changed(self);
    on_presentity_changed(self, presentity);
}

static void on_account_changed(void *context, struct span aor)
{
    struct notify *self = context;
    const struct event_packages *packages = self->content.packages;

    self->policy.changes++;
    for (size_t i = 0; self->started && packages->all[i] != NULL; i++) {
        struct resource *resource =
            resources_find(self->state->resources, aor, packages->all[i]->name);

        if (resource == NULL)
            continue;
        rosters_forget_judgements(resource);
        on_changed(self, resource);
    }
}

static void on_list_changed(void *context, struct span aor)
{
    struct notify *self = context;
    const struct event_packages *packages = self->content.packages;

    if (self->started)
        rosters_list_changed(self->content.rosters, aor);
    for (size_t i = 0; self->started && packages->all[i] != NULL; i++) {
        struct resource *resource =
            resources_find(self->state->resources, aor, packages->all[i]->name);
        struct list *link = resource == NULL ? NULL : resource->subscriptions.next;

        for (; link != NULL && link != &resource->subscriptions; link = link->next)
            rosters_rebuild(self->content.rosters, subscription_of_resource(link));
        if (resource != NULL)
            on_changed(self, resource); /* it may be over */
    }
}

/* A member of a list shows something else. */
static void on_roster_owed(void *context, struct subscription *subscription)
{
    struct notify *self = context;

    if (subscription_is_committed(subscription) &&
        subscription_state(subscription) == SUBSCRIPTION_ACTIVE)
        owe(self, subscription);
}

static void on_resource_gone(void *context, struct resource *resource)
{
    struct notify *self = context;

    watermark_forget(self->watermark, resource);
}

/* ---- a watcher is to be told, or goes ---- */

static void forget_outstanding(struct notify *self, struct delivery *delivery)
{
    (*(delivery->silent ? &self->silent : &self->outstanding))--;
    timer_stop(timers_of(self), &delivery->retry); /* on_unanswered() */
    delivery->outstanding = false;
    delivery->silent = false;
    if (!list_empty(&self->turns))
        loop_later(self->state->node.loop, &self->pump);
}

static void give_up_outstanding(struct notify *self, struct delivery *delivery)
{
    if (!delivery->outstanding)
        return;
    client_transaction_abandon(self->transactions, delivery->transaction);
    forget_outstanding(self, delivery);
}

/* The watcher said that it has what there is to see, and nothing has changed since. */
static bool is_suppressed(struct notify *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    content_choose(&self->content, subscription);
    if (content_version(subscription) != delivery->suppressed_version)
        return false;
    delivery->acked_version = delivery->suppressed_version;
    watermark_settle(self->watermark, subscription);
    return true;
}

/* What came while its row was being written passed it by, a rule too. */
static bool may_be_judged(const struct notify *self, const struct subscription *subscription)
{
    return self->started && subscription_id(subscription) != 0 &&
           subscription_is_settled(subscription);
}

/* RFC 6665 section 4.2.1.2: at once, full state, to the target of now. */
static void on_told(void *context, struct subscription *subscription,
                    enum subscription_notice notice)
{
    struct notify *self = context;
    struct delivery *delivery = subscription_delivery(subscription);
    bool suppressed;

    if (notice == NOTICE_NONE) {
        if (may_be_judged(self, subscription))
            look_at(self, subscription);
        return;
    }
    if (delivery->outstanding)
        content_miss(subscription);
    give_up_outstanding(self, delivery);
    timer_stop(timers_of(self), &delivery->retry);
    delivery->parked = false;
    delivery->failures = 0;
    delivery->chosen = 0;
    suppressed = notice == NOTICE_SUPPRESSED && is_suppressed(self, subscription);
    pacer_take(&self->pacer, subscription, !suppressed);
    if (!suppressed) {
        delivery->acked_version = 0;
        delivery->bodiless = notice == NOTICE_NO_BODY;
        owe(self, subscription);
    }
    if (may_be_judged(self, subscription))
        (void)is_decided(self, subscription);
}

static void on_subscription_gone(void *context, struct subscription *subscription)
{
    struct notify *self = context;

    give_up_outstanding(self, subscription_delivery(subscription));
    watermark_settle(self->watermark, subscription);
    pacer_forget(&self->pacer, subscription);
    content_forget(&self->content, subscription);
}

/* ---- sending ---- */

static void retry_at(struct notify *self, struct subscription *subscription, int64_t after_us);

/* Too long for UDP, and there is a connection: that one (RFC 3261 section 18.1.1). */
static struct flow choose_flow(struct notify *self, const struct notify_head *head)
{
    const struct transport *transport = self->state->node.transport;
    struct flow flow = notify_flow(transport, &head->view);
    struct flow wide = flow;

    if (!notify_flow_widen(transport, &head->view, &wide))
        return flow;
    notify_head_compose(head, transport, &flow, (struct span){0}, &self->head);
    return self->head.len + BRANCH_MAX + head->body_bytes > self->options.udp_bytes_max ? wide
                                                                                        : flow;
}

/* Most networks carry it in fragments; where one does not, the watcher must offer TCP. */
static void count_long(struct notify *self, const struct subscription_view *view,
                       const struct flow *flow, size_t bytes)
{
    if (flow_is_reliable(flow) || bytes <= self->options.udp_bytes_max)
        return;
    if ((*self->long_datagrams)++ == 0)
        log_line(self->state->node.log, LOG_WARNING, "notify-long",
                 "watcher=" SPAN_FMT " bytes=%zu transport=UDP told=once", SPAN_ARG(view->watcher),
                 bytes);
}

static client_transaction_result_fn on_result;
static client_transaction_retransmit_fn on_retransmit;

static bool begin_transaction(struct notify *self, struct subscription *subscription,
                              const struct flow *flow, char branch[BRANCH_MAX], size_t *branch_len)
{
    struct delivery *delivery = subscription_delivery(subscription);
    const struct client_transaction_owner owner = {
        .context = self,
        .handle = subscription_handle(subscription),
        .on_result = on_result,
        .on_retransmit = on_retransmit,
    };

    return client_transaction_new(self->transactions, SIP_NOTIFY, flow, &owner,
                                  &delivery->transaction, branch, branch_len) == STATUS_OK;
}

/* The block of CSeq numbers is used up: a new one must be committed before it is used. */
static void hold_for_mark(struct notify *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    if (batch_is_open(self->state->node.batch)) {
        delivery->held = true;
        subscription_write_mark(subscription, true);
    }
    retry_at(self, subscription, BRIEF_US);
}

/*
 * Watchers that are gone must not fill the window, or they keep all others waiting until Timer F.
 * Bounded, since each holds a transaction.
 */
static void wait_no_longer(struct notify *self, struct delivery *delivery)
{
    if (!delivery->outstanding || delivery->silent || self->silent >= self->options.window_max)
        return;
    delivery->silent = true;
    self->silent++;
    self->outstanding--;
    if (!list_empty(&self->turns))
        loop_later(self->state->node.loop, &self->pump);
}

/* Over a connection nothing is sent again that would tell: a watcher's time is up all the same. */
static void on_unanswered(struct timer *timer, struct instant now)
{
    struct subscription *subscription = subscription_of_retry(timer);
    struct notify *self = subscription_resource(subscription)->notify.notifier;
    struct delivery *delivery = subscription_delivery(subscription);

    wait_no_longer(self, delivery);
    if (delivery->outstanding && !delivery->silent) /* too many are silent: later */
        timer_start(timers_of(self), timer, instant_after(now, SILENT_US), on_unanswered);
}

static void note_sent(struct notify *self, struct subscription *subscription,
                      const struct flow *flow)
{
    struct delivery *delivery = subscription_delivery(subscription);

    delivery->outstanding = true;
    self->outstanding++;
    (*self->sent)++;
    pacer_note_sent(&self->pacer, subscription);
    if (!flow_is_reliable(flow))
        return;
    subscription_resource(subscription)->notify.notifier = self;
    timer_start(timers_of(self), &delivery->retry, instant_after(now_of(self), SILENT_US),
                on_unanswered);
}

/* What stands in the head, and what follows it: the caller gets a reference. */
static struct blob *prepare(struct notify *self, struct subscription *subscription, uint32_t cseq,
                            struct notify_head *head, struct buffer *type)
{
    struct blob *body = content_body(&self->content, subscription, cseq - 1);

    content_type(subscription, type);
    head->view = subscription_view(subscription);
    head->event = resource_event(subscription_resource(subscription));
    head->cseq = cseq;
    head->content_type = buffer_span(type);
    head->entity_tag = content_entity_tag(&self->content, subscription, head->entity_tag_octets);
    head->rates = pacer_rates(&self->pacer, subscription);
    head->body_bytes = blob_span(body).len;
    head->list = subscription_delivery(subscription)->roster != NULL;
    return body;
}

static void send(struct notify *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);
    struct notify_head head;
    char type_octets[TYPE_BYTES_MAX];
    struct buffer type;
    struct flow flow;
    char branch[BRANCH_MAX];
    size_t branch_len;
    struct blob *body;
    uint32_t cseq = subscription_take_cseq(subscription);

    if (cseq == 0) {
        hold_for_mark(self, subscription);
        return;
    }
    buffer_init_fixed(&type, type_octets, sizeof(type_octets));
    body = prepare(self, subscription, cseq, &head, &type);
    flow = choose_flow(self, &head);
    if (!begin_transaction(self, subscription, &flow, branch, &branch_len)) {
        blob_unref(body);
        content_miss(subscription);
        retry_at(self, subscription, BRIEF_US);
        return;
    }
    notify_head_compose(&head, self->state->node.transport, &flow,
                        (struct span){branch, branch_len}, &self->head);
    count_long(self, &head.view, &flow, self->head.len + head.body_bytes);
    delivery->sent_last = subscription_is_over(head.view.state);
    note_sent(self, subscription, &flow);
    client_transaction_send(self->transactions, delivery->transaction, buffer_span(&self->head),
                            body);
    blob_unref(body);
    if (subscription_needs_mark(subscription) && subscription_is_settled(subscription) &&
        batch_is_open(self->state->node.batch))
        subscription_write_mark(subscription, head.view.owed);
}

/* One resource's share of a round. Returns how many were sent. */
static uint32_t send_some(struct notify *self, struct resource *resource)
{
    uint32_t count = 0;
    struct list *link;

    while (count < IN_A_ROW && self->outstanding < self->window &&
           (link = list_take(&resource->notify.owed)) != NULL) {
        send(self, subscription_of_delivery(link));
        count++;
    }
    list_remove(&resource->notify.turn);
    if (!list_empty(&resource->notify.owed))
        list_append(&self->turns, &resource->notify.turn);
    return count;
}

static void go_on(struct timer *timer, struct instant now)
{
    struct notify *self = CONTAINER_OF(timer, struct notify, pause);

    (void)now;
    loop_later(self->state->node.loop, &self->pump);
}

static void pump(struct loop_later *later)
{
    struct notify *self = CONTAINER_OF(later, struct notify, pump);
    uint32_t count = 0;

    while (!list_empty(&self->turns) && self->outstanding < self->window && count < IN_A_TURN) {
        struct list *first = self->turns.next;

        count += send_some(self, CONTAINER_OF(first, struct resource, notify.turn));
    }
    if (!list_empty(&self->turns) && count >= IN_A_TURN)
        timer_start(timers_of(self), &self->pause, instant_after(now_of(self), 1), go_on);
}

/* ---- what became of it ---- */

static void acknowledge(struct notify *self, struct subscription *subscription,
                        const struct sip_message *response)
{
    struct delivery *delivery = subscription_delivery(subscription);

    (*self->acknowledged)++;
    delivery->failures = 0;
    content_acknowledge(subscription);
    pacer_note_answered(&self->pacer, subscription, response);
    if (delivery->sent_last) {
        watermark_settle(self->watermark, subscription);
        subscription_finish(subscription);
    } else if (!content_is_owed(subscription)) {
        watermark_settle(self->watermark, subscription);
    } else {
        queue(self, subscription);
    }
}

/* RFC 6665 section 4.2.2 with RFC 5057: these say that the dialog or its usage is no more. */
static bool ends_subscription(int status)
{
    return status == 404 || status == 405 || status == 410 || status == 416 ||
           (status >= 480 && status <= 485) || status == 489 || status == 501 || status == 604;
}

static void on_retry(struct timer *timer, struct instant now)
{
    struct subscription *subscription = subscription_of_retry(timer);
    struct notify *self = subscription_resource(subscription)->notify.notifier;

    (void)now;
    queue(self, subscription);
}

static void retry_at(struct notify *self, struct subscription *subscription, int64_t after_us)
{
    subscription_resource(subscription)->notify.notifier = self;
    timer_start(timers_of(self), &subscription_delivery(subscription)->retry,
                instant_after(now_of(self), after_us), on_retry);
}

static int64_t back_off_us(const struct notify *self, const struct delivery *delivery,
                           const struct sip_message *response)
{
    uint64_t after_s = (uint64_t)self->options.retry_min_s << (delivery->failures - 1);
    struct span asked =
        response == NULL ? (struct span){0} : sip_header_value(response, SIP_RETRY_AFTER);
    uint32_t asked_s;

    if (after_s > self->options.retry_max_s)
        after_s = self->options.retry_max_s;
    if (asked.at != NULL) { /* "120 (in a meeting);duration=60" */
        size_t digits = 0;

        while (digits < asked.len && asked.at[digits] >= '0' && asked.at[digits] <= '9')
            digits++;
        if (sip_delta_seconds((struct span){asked.at, digits}, &asked_s) == STATUS_OK &&
            asked_s > after_s && asked_s <= self->options.retry_max_s)
            after_s = asked_s;
    }
    return (int64_t)after_s * US_PER_S;
}

static void fail(struct notify *self, struct subscription *subscription,
                 enum client_outcome outcome, const struct sip_message *response)
{
    struct delivery *delivery = subscription_delivery(subscription);
    const struct subscription_view view = subscription_view(subscription);
    int status = response == NULL ? 408 : response->status;

    (*self->failed)++;
    content_miss(subscription);
    log_line(self->state->node.log, LOG_WARNING, "notify",
             "aor=" SPAN_FMT " watcher=" SPAN_FMT " code=%d why=%s chance=%u",
             SPAN_ARG(resource_aor(subscription_resource(subscription))), SPAN_ARG(view.watcher),
             status,
             outcome == CLIENT_TRANSPORT_FAILED ? "transport"
             : outcome == CLIENT_TIMEOUT        ? "timeout"
                                                : "answer",
             delivery->failures + 1U);
    if (outcome == CLIENT_TRANSPORT_FAILED || status == 430) {
        /* Its flow is gone, its subscription is not: it waits for its device, or expires. */
        delivery->parked = true;
        return;
    }
    delivery->failures++;
    if (delivery->sent_last || ends_subscription(status) ||
        delivery->failures >= self->options.chances) {
        (*self->ended)++;
        watermark_settle(self->watermark, subscription);
        if (delivery->sent_last)
            subscription_finish(subscription);
        else
            subscription_remove(subscription);
        return;
    }
    retry_at(self, subscription, back_off_us(self, delivery, response));
}

static void widen(struct notify *self)
{
    if (self->window < self->options.window_max)
        self->window++;
}

static void on_result(void *context, struct handle owner, enum client_outcome outcome,
                      const struct sip_message *response)
{
    struct notify *self = context;
    struct subscription *subscription = handle_find(self->state->node.objects, owner);

    if (outcome == CLIENT_RESPONSE && response->status < 200)
        return;
    if (subscription == NULL || !subscription_delivery(subscription)->outstanding)
        return; /* given up before: not counted any more */
    forget_outstanding(self, subscription_delivery(subscription));
    widen(self);
    if (outcome == CLIENT_RESPONSE && response->status < 300)
        acknowledge(self, subscription, response);
    else
        fail(self, subscription, outcome, response);
}

/* Somebody is overrun: a network, a socket, a watcher. We cannot know which, so all go slower. */
static void on_retransmit(void *context, struct handle owner, unsigned count)
{
    struct notify *self = context;
    struct subscription *subscription = handle_find(self->state->node.objects, owner);

    if (count >= SILENT_AT && subscription != NULL)
        wait_no_longer(self, subscription_delivery(subscription));
    if (count > 1 || !instant_reached(now_of(self), instant_after(self->shrunk_at, SHRINK_US)))
        return; /* one that is dead repeats itself, and says nothing about the others */
    self->shrunk_at = now_of(self);
    self->window =
        self->window / 2 > self->options.window_min ? self->window / 2 : self->options.window_min;
}

/* ---- life ---- */

static double outstanding_gauge(void *context)
{
    const struct notify *self = context;

    return (double)self->outstanding + self->silent;
}

static double window_gauge(void *context)
{
    return ((struct notify *)context)->window;
}

static void make_metrics(struct notify *self, struct metrics *metrics)
{
    self->long_datagrams =
        metric_counter(metrics, "notify_long_datagrams_total", NULL,
                       "NOTIFYs longer than limits.udp_request_bytes_max that left over UDP");
    self->sent = metric_counter(metrics, "notify_sent_total", NULL, "NOTIFYs sent, first sendings");
    self->acknowledged =
        metric_counter(metrics, "notify_acknowledged_total", NULL, "NOTIFYs answered with 2xx");
    self->failed = metric_counter(metrics, "notify_failed_total", NULL,
                                  "NOTIFYs refused, unanswered or unsendable");
    self->ended = metric_counter(metrics, "subscriptions_given_up_total", NULL,
                                 "Subscriptions ended because their watcher was out of reach");
    metric_gauge(metrics, "notify_outstanding", NULL, "NOTIFYs that wait for their answer",
                 outstanding_gauge, self);
    metric_gauge(metrics, "notify_window", NULL, "How many NOTIFYs may be outstanding",
                 window_gauge, self);
}

void notify_reconfigure(struct notify *self, const struct notify_options *options)
{
    self->options = *options;
    self->pacer.min_rate_interval_min_ms = options->min_rate_interval_min_ms;
    if (self->window > options->window_max)
        self->window = options->window_max;
    if (self->window < options->window_min)
        self->window = options->window_min;
}

static void make_content(struct notify *self, const struct event_packages *packages,
                         struct metrics *metrics)
{
    const struct notify_options *options = &self->options;

    self->policy = (struct policy){.state = self->state};
    self->content = (struct content){
        .state = self->state,
        .packages = packages,
        .policy = &self->policy,
        .views = views_new(&self->state->node, metrics, options->document_bytes_max)};
    self->content.rosters =
        rosters_new(&self->content, metrics, &options->roster, on_roster_owed, self);
}

static void watch_state(struct notify *self)
{
    struct state *state = self->state;

    resources_watch(state->resources, on_changed, on_resource_gone, self);
    subscriptions_watch(state->subscriptions, on_told, on_subscription_gone, self);
    accounts_watch(state->accounts, on_account_changed, self);
    domains_watch(state->domains, on_domain_changed, self);
    watcher_rules_watch(state->watcher_rules, on_rules_changed, self);
    dialects_watch(state->dialects, on_all_changed, self);
    resource_lists_watch(state->lists, on_list_changed, self);
}

struct notify *notify_new(struct state *state, struct transactions *transactions,
                          const struct event_packages *packages, struct metrics *metrics,
                          const struct notify_options *options)
{
    struct notify *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->state = state;
    self->transactions = transactions;
    self->window = WINDOW_FIRST;
    self->options = *options;
    make_content(self, packages, metrics);
    self->pacer = (struct pacer){.state = state, .on_due = on_due, .context = self};
    notify_reconfigure(self, options);
    self->watermark = watermark_new(state, options->owed_after_s);
    list_init(&self->turns);
    loop_later_init(&self->pump, pump);
    loop_later_init(&self->look_at_all, look_at_all);
    buffer_init(&self->head, HEAD_BYTES_MAX);
    make_metrics(self, metrics);
    watch_state(self);
    return self;
}

static void unwatch_state(struct notify *self)
{
    struct state *state = self->state;

    resources_watch(state->resources, NULL, NULL, NULL);
    subscriptions_watch(state->subscriptions, NULL, NULL, NULL);
    accounts_watch(state->accounts, NULL, NULL);
    domains_watch(state->domains, NULL, NULL);
    watcher_rules_watch(state->watcher_rules, NULL, NULL);
    dialects_watch(state->dialects, NULL, NULL);
    resource_lists_watch(state->lists, NULL, NULL);
}

static void forget_contents(struct resource *resource, void *context)
{
    const struct notify *self = context;
    struct list *link = resource->subscriptions.next;

    for (; link != &resource->subscriptions; link = link->next) {
        pacer_forget(&self->pacer, subscription_of_resource(link));
        content_forget(&self->content, subscription_of_resource(link));
    }
}

void notify_free(struct notify *self)
{
    if (self == NULL)
        return;
    loop_later_cancel(&self->pump);
    loop_later_cancel(&self->look_at_all);
    timer_stop(timers_of(self), &self->pause);
    /* The resources live on: a drain that ran out of time leaves some waiting for their turn. */
    while (list_take(&self->turns) != NULL)
        ;
    unwatch_state(self);
    rosters_free(self->content.rosters); /* what it lets go of may end resources */
    self->content.rosters = NULL;
    resources_each(self->state->resources, forget_contents, self);
    views_free(self->content.views);
    watermark_free(self->watermark);
    buffer_deinit(&self->head);
    free(self);
}

/* One that is over is owed its last NOTIFY until it is answered, and nothing after it. */
static bool is_owed_loaded(struct subscription *subscription, bool all)
{
    const struct subscription_view view = subscription_view(subscription);

    if (subscription_is_over(view.state))
        return view.owed;
    return all || subscription_delivery(subscription)->acked_version == 0;
}

/* What changed after the mark of the crashed server, or was marked, is owed again; rules may have
 * changed meanwhile, and then the commit of what they decide tells. */
static void owe_loaded(struct resource *resource, void *context)
{
    struct notify *self = context;
    struct list *link = resource->subscriptions.next;

    for (; link != &resource->subscriptions; link = link->next) {
        struct subscription *subscription = subscription_of_resource(link);

        pacer_take(&self->pacer, subscription, false);
        if (is_decided(self, subscription) || !is_owed_loaded(subscription, resource->needs_mark))
            continue;
        subscription_delivery(subscription)->acked_version = 0;
        owe(self, subscription);
    }
    resource->needs_mark = false;
}

void notify_start(struct notify *self)
{
    self->started = true;
    watermark_start(self->watermark, self->state->loaded_notified_batch);
    rosters_start(self->content.rosters);
    resources_each(self->state->resources, owe_loaded, self);
    state_release_marked(self->state);
}

const struct content *notify_content(const struct notify *self)
{
    return &self->content;
}

bool notify_is_idle(const struct notify *self)
{
    return self->outstanding == 0 && self->silent == 0 && list_empty(&self->turns);
}
