/*
 * notify.c - reads top to bottom in time: on_changed() | on_told() -> owe() -> pump() -> send() ->
 * on_result() -> acknowledge() | fail().
 */
#include "server/service/notify.h"

#include "server/base/must.h"
#include "server/service/notify_flow.h"
#include "server/service/watermark.h"
#include "server/sip/compose.h"
#include "server/sip/event.h"
#include "server/sip/parameter.h"

#include <stdlib.h>

enum {
    HEAD_BYTES_MAX = 65536, /* a datagram; what is kept of two requests may stand in it */
    SILENT_AT = 2,          /* retransmissions, then the window waits no longer for an answer */
    SILENT_US = 1500000,    /* the same over a connection, where there are none */
    IN_A_ROW = 32,          /* to the watchers of one resource, then it is the next one's turn */
    IN_A_TURN = 1024,       /* of the loop, so that requests are not kept waiting */
    SHRINK_US = 500000,     /* the window shrinks once per T1 at the most */
    WINDOW_FIRST = 1024,    /* between its bounds */
    BRIEF_US = 1000000,     /* until what could not be sent for our own reasons is tried again */
};

struct notify {
    struct state *state;
    struct transactions *transactions;
    const struct event_packages *packages;
    struct notify_options options;
    struct watermark *watermark;
    struct list turns; /* resources with watchers who are owed, in turn */
    struct loop_later pump;
    struct timer pause;
    struct buffer head;
    struct buffer document;
    uint32_t window;
    uint32_t outstanding; /* that the window counts */
    uint32_t silent;      /* outstanding too, but no longer waited for */
    struct instant shrunk_at;
    bool started;
    uint64_t *sent;
    uint64_t *acknowledged;
    uint64_t *failed;
    uint64_t *ended;
    uint64_t *composed;
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

    if (!self->started || !can_be_told(subscription, delivery))
        return;
    list_append(&resource->notify.owed, &delivery->link);
    if (list_empty(&resource->notify.turn))
        list_append(&self->turns, &resource->notify.turn);
    loop_later(self->state->node.loop, &self->pump);
}

static void owe(struct notify *self, struct subscription *subscription)
{
    watermark_owe(self->watermark, subscription);
    queue(self, subscription);
}

/* ---- a resource shows something else ---- */

static const struct event_package *package_of(const struct notify *self,
                                              const struct resource *resource)
{
    return event_package_find(self->packages, resource_event(resource));
}

/* Composed once, shared by all watchers. False when the version shown before was the same. */
static bool compose(struct notify *self, struct resource *resource)
{
    struct blob *before = resource->notify.document;
    const struct event_package *package = package_of(self, resource);

    buffer_reset(&self->document);
    package->compose(package, resource, &self->document);
    (*self->composed)++;
    if (before != NULL && span_equal(blob_span(before), buffer_span(&self->document)))
        return false;
    resource->notify.document = blob_new(buffer_span(&self->document));
    blob_unref(before);
    return true;
}

static struct blob *document_of(struct notify *self, struct resource *resource)
{
    if (resource->notify.document == NULL)
        compose(self, resource);
    return resource->notify.document;
}

/*
 * At the end of the turn, however many changes it had. Whom this process has told nothing yet
 * knows what a process before it composed: a document equal to ours of a moment ago, made for a
 * new watcher, may still be news to it.
 */
static void tell_all(struct loop_later *later)
{
    struct resource *resource = CONTAINER_OF(later, struct resource, notify.changed);
    struct notify *self = resource->notify.notifier;
    struct list *link = resource->subscriptions.next;

    bool differs = compose(self, resource);

    if (differs)
        resource->version++;
    for (; link != &resource->subscriptions; link = link->next) {
        struct subscription *subscription = subscription_of_resource(link);

        if ((differs || subscription_delivery(subscription)->sent_version == 0) &&
            subscription_is_committed(subscription) &&
            subscription_view(subscription).state == SUBSCRIPTION_ACTIVE)
            owe(self, subscription);
    }
    watermark_release(self->watermark, resource);
}

static void on_changed(void *context, struct resource *resource)
{
    struct notify *self = context;

    if (resource->subscription_count == 0) {
        blob_unref(resource->notify.document);
        resource->notify.document = NULL;
        return;
    }
    watermark_hold(self->watermark, resource);
    resource->notify.notifier = self;
    resource->notify.changed.fn = tell_all;
    loop_later(self->state->node.loop, &resource->notify.changed);
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

/* RFC 6665 section 4.2.1.2: at once, full state, to the target of now. */
static void on_told(void *context, struct subscription *subscription)
{
    struct notify *self = context;
    struct delivery *delivery = subscription_delivery(subscription);

    give_up_outstanding(self, delivery);
    timer_stop(timers_of(self), &delivery->retry);
    delivery->acked_version = 0;
    delivery->parked = false;
    delivery->failures = 0;
    owe(self, subscription);
}

static void on_subscription_gone(void *context, struct subscription *subscription)
{
    struct notify *self = context;

    give_up_outstanding(self, subscription_delivery(subscription));
    watermark_settle(self->watermark, subscription);
}

/* ---- sending ---- */

static void retry_at(struct notify *self, struct subscription *subscription, int64_t after_us);

static void put_state(struct buffer *out, const struct subscription_view *view)
{
    const bool over = view->state == SUBSCRIPTION_TERMINATED;
    const struct sip_subscription_state state = {
        .state = span_of(subscription_state_name(view->state)),
        .reason = over ? view->reason : (struct span){0},
        .expires_s = over ? -1 : (int64_t)view->left_s,
        .retry_after_s = -1,
    };

    buffer_put(out, SPAN("Subscription-State: "));
    sip_subscription_state_compose(out, &state);
    buffer_put(out, SPAN("\r\n"));
}

static void compose_head(struct notify *self, const struct resource *resource,
                         const struct subscription_view *view, uint32_t cseq,
                         const struct flow *flow, struct span branch, size_t body_bytes)
{
    struct buffer *out = &self->head;
    const struct event_package *package = package_of(self, resource);

    buffer_reset(out);
    dialog_compose_head(self->state->node.transport, &view->ids, SIP_NOTIFY, cseq, flow, branch,
                        out);
    buffer_put(out, SPAN("Contact: <sip:"));
    transport_contact_host(self->state->node.transport, flow, out);
    buffer_put(out, SPAN(">\r\nEvent: "));
    buffer_put(out, package->name);
    if (!span_empty(view->event_id)) {
        buffer_put(out, SPAN(";id="));
        buffer_put(out, view->event_id);
    }
    buffer_put(out, SPAN("\r\n"));
    put_state(out, view);
    buffer_put(out, SPAN("Content-Type: "));
    buffer_put(out, package->content_type);
    buffer_put(out, SPAN("\r\nContent-Length: "));
    buffer_put_u64(out, body_bytes);
    buffer_put(out, SPAN("\r\n\r\n"));
}

/* Too long for UDP, and there is a connection: that one (RFC 3261 section 18.1.1). */
static struct flow choose_flow(struct notify *self, const struct resource *resource,
                               const struct subscription_view *view, size_t body_bytes)
{
    const struct transport *transport = self->state->node.transport;
    const struct flow flow = notify_flow(transport, view);
    struct flow wide = flow;

    if (!notify_flow_widen(transport, view, &wide))
        return flow;
    compose_head(self, resource, view, UINT32_MAX, &flow, (struct span){0}, body_bytes);
    return self->head.len + BRANCH_MAX + body_bytes > self->options.udp_bytes_max ? wide : flow;
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

/* What a watcher without the presentity's consent sees says nothing of it. */
static struct blob *body_for(struct notify *self, struct resource *resource,
                             const struct subscription_view *view)
{
    const struct event_package *package = package_of(self, resource);

    if (view->state != SUBSCRIPTION_PENDING)
        return blob_ref(document_of(self, resource));
    buffer_reset(&self->document);
    package->compose_closed(package, resource, &self->document);
    return blob_new(buffer_span(&self->document));
}

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

static void send(struct notify *self, struct subscription *subscription)
{
    struct resource *resource = subscription_resource(subscription);
    struct delivery *delivery = subscription_delivery(subscription);
    const struct subscription_view view = subscription_view(subscription);
    struct flow flow;
    char branch[BRANCH_MAX];
    size_t branch_len;
    struct blob *body;
    uint32_t cseq = subscription_take_cseq(subscription);

    if (cseq == 0) {
        hold_for_mark(self, subscription);
        return;
    }
    body = body_for(self, resource, &view);
    flow = choose_flow(self, resource, &view, blob_span(body).len);
    if (!begin_transaction(self, subscription, &flow, branch, &branch_len)) {
        blob_unref(body);
        retry_at(self, subscription, BRIEF_US);
        return;
    }
    compose_head(self, resource, &view, cseq, &flow, (struct span){branch, branch_len},
                 blob_span(body).len);
    count_long(self, &view, &flow, self->head.len + blob_span(body).len);
    delivery->outstanding = true;
    delivery->sent_version = resource->version;
    delivery->sent_last = view.state == SUBSCRIPTION_TERMINATED;
    self->outstanding++;
    (*self->sent)++;
    if (flow_is_reliable(&flow)) {
        resource->notify.notifier = self;
        timer_start(timers_of(self), &delivery->retry, instant_after(now_of(self), SILENT_US),
                    on_unanswered);
    }
    client_transaction_send(self->transactions, delivery->transaction, buffer_span(&self->head),
                            body);
    blob_unref(body);
    if (subscription_needs_mark(subscription) && subscription_is_settled(subscription) &&
        batch_is_open(self->state->node.batch))
        subscription_write_mark(subscription, view.owed);
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

static void acknowledge(struct notify *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);
    const struct resource *resource = subscription_resource(subscription);

    (*self->acknowledged)++;
    delivery->failures = 0;
    delivery->acked_version = delivery->sent_version;
    if (delivery->sent_last) {
        watermark_settle(self->watermark, subscription);
        subscription_remove(subscription);
    } else if (delivery->acked_version == resource->version ||
               subscription_view(subscription).state == SUBSCRIPTION_PENDING) {
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
        acknowledge(self, subscription);
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
    self->composed =
        metric_counter(metrics, "documents_composed_total", NULL, "Documents composed");
    metric_gauge(metrics, "notify_outstanding", NULL, "NOTIFYs that wait for their answer",
                 outstanding_gauge, self);
    metric_gauge(metrics, "notify_window", NULL, "How many NOTIFYs may be outstanding",
                 window_gauge, self);
}

void notify_reconfigure(struct notify *self, const struct notify_options *options)
{
    self->options = *options;
    if (self->window > options->window_max)
        self->window = options->window_max;
    if (self->window < options->window_min)
        self->window = options->window_min;
}

struct notify *notify_new(struct state *state, struct transactions *transactions,
                          const struct event_packages *packages, struct metrics *metrics,
                          const struct notify_options *options)
{
    struct notify *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->state = state;
    self->transactions = transactions;
    self->packages = packages;
    self->window = WINDOW_FIRST;
    notify_reconfigure(self, options);
    self->watermark = watermark_new(state, options->owed_after_s);
    list_init(&self->turns);
    loop_later_init(&self->pump, pump);
    buffer_init(&self->head, HEAD_BYTES_MAX);
    buffer_init(&self->document, options->document_bytes_max);
    make_metrics(self, metrics);
    resources_watch(state->resources, on_changed, on_resource_gone, self);
    subscriptions_watch(state->subscriptions, on_told, on_subscription_gone, self);
    return self;
}

void notify_free(struct notify *self)
{
    if (self == NULL)
        return;
    loop_later_cancel(&self->pump);
    timer_stop(timers_of(self), &self->pause);
    /* The resources live on: a drain that ran out of time leaves some waiting for their turn. */
    while (list_take(&self->turns) != NULL)
        ;
    resources_watch(self->state->resources, NULL, NULL, NULL);
    subscriptions_watch(self->state->subscriptions, NULL, NULL, NULL);
    watermark_free(self->watermark);
    buffer_deinit(&self->head);
    buffer_deinit(&self->document);
    free(self);
}

/* What changed after the mark of the crashed server, or was marked, is owed again. */
static void owe_loaded(struct resource *resource, void *context)
{
    struct notify *self = context;
    struct list *link = resource->subscriptions.next;

    for (; link != &resource->subscriptions; link = link->next) {
        struct subscription *subscription = subscription_of_resource(link);
        struct delivery *delivery = subscription_delivery(subscription);

        if (resource->needs_mark)
            delivery->acked_version = 0;
        if (delivery->acked_version == 0 ||
            subscription_view(subscription).state == SUBSCRIPTION_TERMINATED)
            owe(self, subscription);
    }
    resource->needs_mark = false;
}

void notify_start(struct notify *self)
{
    self->started = true;
    watermark_start(self->watermark, self->state->loaded_notified_batch);
    resources_each(self->state->resources, owe_loaded, self);
}

bool notify_is_idle(const struct notify *self)
{
    return self->outstanding == 0 && self->silent == 0 && list_empty(&self->turns);
}
