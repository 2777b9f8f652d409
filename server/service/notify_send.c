/*
 * notify_send.c - reads top to bottom in time: notify_pump() -> send() -> on_result() ->
 * acknowledge() | fail().
 */
#include "server/base/must.h"
#include "server/service/notifier.h"
#include "server/service/notify_flow.h"
#include "server/service/notify_head.h"
#include "server/service/roster.h"
#include "server/sip/parameter.h"

enum {
    SILENT_AT = 2,        /* retransmissions, then the window waits no longer for an answer */
    SILENT_US = 1500000,  /* the same over a connection, where there are none */
    IN_A_ROW = 32,        /* to the watchers of one resource, then it is the next one's turn */
    IN_A_TURN = 1024,     /* of the loop, so that requests are not kept waiting */
    TYPE_BYTES_MAX = 512, /* of a Content-Type */
    SHRINK_US = 500000,   /* the window shrinks once per T1 at the most */
    BRIEF_US = 1000000,   /* until what could not be sent for our own reasons is tried again */
};

static void forget_outstanding(struct notify *self, struct delivery *delivery)
{
    (*(delivery->silent ? &self->silent : &self->outstanding))--;
    timer_stop(notify_timers(self), &delivery->retry); /* on_unanswered() */
    delivery->outstanding = false;
    delivery->silent = false;
    if (!list_empty(&self->turns))
        loop_later(self->state->node.loop, &self->pump);
}

void notify_give_up(struct notify *self, struct delivery *delivery)
{
    if (!delivery->outstanding)
        return;
    client_transaction_abandon(self->transactions, delivery->transaction);
    forget_outstanding(self, delivery);
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
        timer_start(notify_timers(self), timer, instant_after(now, SILENT_US), on_unanswered);
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
    timer_start(notify_timers(self), &delivery->retry, instant_after(notify_now(self), SILENT_US),
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

void notify_pump(struct loop_later *later)
{
    struct notify *self = CONTAINER_OF(later, struct notify, pump);
    uint32_t count = 0;

    while (!list_empty(&self->turns) && self->outstanding < self->window && count < IN_A_TURN) {
        struct list *first = self->turns.next;

        count += send_some(self, CONTAINER_OF(first, struct resource, notify.turn));
    }
    if (!list_empty(&self->turns) && count >= IN_A_TURN)
        timer_start(notify_timers(self), &self->pause, instant_after(notify_now(self), 1), go_on);
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
        notify_queue(self, subscription);
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
    notify_queue(self, subscription);
}

static void retry_at(struct notify *self, struct subscription *subscription, int64_t after_us)
{
    subscription_resource(subscription)->notify.notifier = self;
    timer_start(notify_timers(self), &subscription_delivery(subscription)->retry,
                instant_after(notify_now(self), after_us), on_retry);
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
    if (count > 1 || !instant_reached(notify_now(self), instant_after(self->shrunk_at, SHRINK_US)))
        return; /* one that is dead repeats itself, and says nothing about the others */
    self->shrunk_at = notify_now(self);
    self->window =
        self->window / 2 > self->options.window_min ? self->window / 2 : self->options.window_min;
}
