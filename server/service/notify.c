/*
 * notify.c - reads top to bottom in time: notify_resource_changed() | on_told() -> notify_owe() ->
 * notify_send.c.
 */
#include "server/base/must.h"
#include "server/service/notifier.h"

#include <stdlib.h>

enum {
    HEAD_BYTES_MAX = 65536, /* a datagram; what is kept of two requests may stand in it */
    WINDOW_FIRST = 1024,    /* between its bounds */
};

/* ---- owing ---- */

static bool can_be_told(const struct subscription *subscription, const struct delivery *delivery)
{
    return subscription_is_committed(subscription) && !delivery->outstanding && !delivery->parked &&
           !delivery->held && !timer_is_running(&delivery->retry) && list_empty(&delivery->link);
}

void notify_queue(struct notify *self, struct subscription *subscription)
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
    notify_queue(context, subscription);
}

void notify_owe(struct notify *self, struct subscription *subscription)
{
    watermark_owe(self->watermark, subscription);
    notify_queue(self, subscription);
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
        notify_look(self, subscription_of_resource(link));
    }
    rosters_look(self->content.rosters, resource);
    watermark_release(self->watermark, resource);
}

void notify_resource_changed(void *context, struct resource *resource)
{
    struct notify *self = context;

    if (!resource_is_watched(resource))
        return;
    watermark_hold(self->watermark, resource);
    resource->notify.notifier = self;
    resource->notify.changed.fn = tell_all;
    loop_later(self->state->node.loop, &resource->notify.changed);
}

/* A member of a list shows something else. */
static void on_roster_owed(void *context, struct subscription *subscription)
{
    struct notify *self = context;

    if (subscription_is_committed(subscription) &&
        subscription_state(subscription) == SUBSCRIPTION_ACTIVE)
        notify_owe(self, subscription);
}

static void on_resource_gone(void *context, struct resource *resource)
{
    struct notify *self = context;

    watermark_forget(self->watermark, resource);
}

/* ---- a watcher is to be told, or goes ---- */

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
            notify_look(self, subscription);
        return;
    }
    if (delivery->outstanding)
        content_miss(subscription);
    notify_give_up(self, delivery);
    timer_stop(notify_timers(self), &delivery->retry);
    delivery->parked = false;
    delivery->failures = 0;
    delivery->chosen = 0;
    if (delivery->roster != NULL)
        roster_tell_watched(delivery->roster);
    suppressed = notice == NOTICE_SUPPRESSED && is_suppressed(self, subscription);
    pacer_take(&self->pacer, subscription, !suppressed);
    if (!suppressed) {
        delivery->acked_version = 0;
        delivery->bodiless = notice == NOTICE_NO_BODY;
        notify_owe(self, subscription);
    } else if (content_is_owed(subscription)) {
        notify_owe(self, subscription); /* a member of a list has changed meanwhile */
    }
    if (may_be_judged(self, subscription))
        (void)notify_decide(self, subscription);
}

static void on_subscription_gone(void *context, struct subscription *subscription)
{
    struct notify *self = context;

    notify_give_up(self, subscription_delivery(subscription));
    watermark_settle(self->watermark, subscription);
    pacer_forget(&self->pacer, subscription);
    content_forget(&self->content, subscription);
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
    rosters_reconfigure(self->content.rosters, &options->roster);
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

    resources_watch(state->resources, notify_resource_changed, on_resource_gone, self);
    subscriptions_watch(state->subscriptions, on_told, on_subscription_gone, self);
    notify_watch_rules(self);
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
    loop_later_init(&self->pump, notify_pump);
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
    notify_unwatch_rules(self);
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
    timer_stop(notify_timers(self), &self->pause);
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
        if (notify_decide(self, subscription) ||
            !is_owed_loaded(subscription, resource->needs_mark))
            continue;
        subscription_delivery(subscription)->acked_version = 0;
        notify_owe(self, subscription);
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
