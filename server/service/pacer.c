/* pacer.c - one timer per pace: until its NOTIFY may leave, or else until one is due. */
#include "server/service/pacer.h"

#include "server/base/must.h"
#include "server/sip/event.h"

#include <stdlib.h>

/* What is kept beside a subscription. */
struct paced {
    struct pace pace;
    struct timer timer;
    const struct pacer *pacer;
    struct subscription *subscription;
    uint32_t cseq; /* of the SUBSCRIBE whose rates were read */
    bool asked;    /* that one asked for rates: a 2xx may ask for others (RFC 6446 section 4.1) */
};

static struct timers *timers_of(const struct pacer *self)
{
    return loop_timers(self->state->node.loop);
}

static struct instant now_of(const struct pacer *self)
{
    return loop_now(self->state->node.loop);
}

static struct paced *paced_of(struct subscription *subscription)
{
    return subscription_delivery(subscription)->paced;
}

/* ---- the timer ---- */

static void on_time(struct timer *timer, struct instant now)
{
    struct paced *paced = CONTAINER_OF(timer, struct paced, timer);
    const enum subscription_state state = subscription_view(paced->subscription).state;

    (void)now;
    if (state == SUBSCRIPTION_ACTIVE || state == SUBSCRIPTION_PENDING)
        paced->pacer->on_due(paced->pacer->context, paced->subscription);
}

static void set_timer(struct paced *paced)
{
    struct timers *timers = timers_of(paced->pacer);
    struct instant due;

    if (paced->pace.waiting)
        timer_start(timers, &paced->timer, pace_opens_at(&paced->pace), on_time);
    else if (pace_due_at(&paced->pace, &due))
        timer_start(timers, &paced->timer, due, on_time);
    else
        timer_stop(timers, &paced->timer);
}

/* ---- agreeing ---- */

/* 0: none. */
static uint32_t interval_min_ms(const struct pacer *self, const struct resource *resource)
{
    const struct domain_row *domain =
        domains_find(self->state->domains, domain_of_aor(resource_aor(resource)));

    return domain == NULL ? 0 : domain->notify_interval_min_ms;
}

static void agree(struct paced *paced, const struct sip_rates *asked, uint32_t domain_ms)
{
    const struct pacer *self = paced->pacer;
    const struct subscription_view view = subscription_view(paced->subscription);
    const struct pace_limits limits = {
        .interval_min_ms = domain_ms,
        .min_rate_interval_min_ms = self->min_rate_interval_min_ms,
        .left_s = subscription_is_over(view.state) ? 0 : view.left_s,
    };

    pace_set(&paced->pace, asked, &limits, now_of(self));
}

/* Gives it one; the caller agrees on rates. */
static struct paced *begin(const struct pacer *self, struct subscription *subscription)
{
    struct paced *paced = calloc(1, sizeof(*paced));

    must(paced != NULL);
    paced->pacer = self;
    paced->subscription = subscription;
    subscription_delivery(subscription)->paced = paced;
    return paced;
}

/* What was stored is what subscribe_terms.c has let in; of a row that SQL has changed, nothing. */
static struct sip_rates rates_of(const struct subscription_view *view)
{
    struct sip_rates rates = {0};
    const char *phrase;

    if (sip_rates_parse(view->event_params, &rates, &phrase) != STATUS_OK)
        return (struct sip_rates){0};
    return rates;
}

void pacer_take(const struct pacer *self, struct subscription *subscription, bool at_once)
{
    const struct subscription_view view = subscription_view(subscription);
    const uint32_t domain_ms = interval_min_ms(self, subscription_resource(subscription));
    const struct sip_rates rates = rates_of(&view);
    struct paced *paced = paced_of(subscription);

    if (subscription_id(subscription) == 0) /* a fetch has one NOTIFY, and no rate */
        return;
    if (domain_ms == 0 && sip_rates_are_none(&rates)) {
        pacer_forget(self, subscription);
        return;
    }
    if (paced == NULL) {
        paced = begin(self, subscription);
        paced->pace.asked = rates;
    }
    /* What a 2xx has asked for since that SUBSCRIBE holds when only the state changes. */
    agree(paced, paced->cseq == view.remote_cseq ? &paced->pace.asked : &rates, domain_ms);
    paced->cseq = view.remote_cseq;
    paced->asked = !sip_rates_are_none(&rates);
    paced->pace.at_once = at_once;
    paced->pace.waiting = false;
    set_timer(paced);
}

void pacer_look(const struct pacer *self, struct resource *resource)
{
    const uint32_t domain_ms = interval_min_ms(self, resource);

    for (struct list *link = resource->subscriptions.next; link != &resource->subscriptions;
         link = link->next) {
        struct subscription *subscription = subscription_of_resource(link);
        struct paced *paced = paced_of(subscription);

        if (!subscription_is_committed(subscription) || subscription_id(subscription) == 0 ||
            (paced == NULL && domain_ms == 0))
            continue;
        if (paced == NULL) {
            paced = begin(self, subscription);
            paced->cseq = subscription_view(subscription).remote_cseq;
        }
        /* A limit that is gone leaves the pace until the next SUBSCRIBE: one may be waiting. */
        agree(paced, &paced->pace.asked, domain_ms);
        set_timer(paced);
    }
}

/* ---- NOTIFYs ---- */

bool pacer_holds(const struct pacer *self, struct subscription *subscription)
{
    struct paced *paced = paced_of(subscription);

    if (paced == NULL || subscription_is_over(subscription_view(subscription).state) ||
        instant_reached(now_of(self), pace_opens_at(&paced->pace)))
        return false;
    paced->pace.waiting = true;
    set_timer(paced);
    return true;
}

struct sip_rates pacer_rates(const struct pacer *self, struct subscription *subscription)
{
    struct paced *paced = paced_of(subscription);

    if (paced == NULL)
        return (struct sip_rates){0};
    if (!subscription_is_over(subscription_view(subscription).state))
        agree(paced, &paced->pace.asked,
              interval_min_ms(self, subscription_resource(subscription)));
    return paced->pace.agreed;
}

void pacer_note_sent(const struct pacer *self, struct subscription *subscription)
{
    struct paced *paced = paced_of(subscription);

    if (paced == NULL)
        return;
    pace_note_sent(&paced->pace, now_of(self));
    set_timer(paced);
}

/* Other parameters of Event mean nothing there, and another event type is no answer to this. */
static bool read_event(const struct sip_message *response, struct span event,
                       struct sip_rates *rates)
{
    const struct span value = sip_header_value(response, SIP_EVENT);
    struct sip_event parsed;
    const char *phrase;

    return value.at != NULL && sip_event_parse(value, &parsed) == STATUS_OK &&
           span_equal(parsed.package, event) &&
           sip_rates_parse(parsed.params, rates, &phrase) == STATUS_OK;
}

void pacer_note_answered(const struct pacer *self, struct subscription *subscription,
                         const struct sip_message *response)
{
    const struct resource *resource = subscription_resource(subscription);
    struct paced *paced = paced_of(subscription);
    struct sip_rates rates;

    if (paced == NULL)
        return;
    paced->pace.at_once = false;
    if (paced->asked && read_event(response, resource_event(resource), &rates))
        agree(paced, &rates, interval_min_ms(self, resource));
    set_timer(paced);
}

void pacer_forget(const struct pacer *self, struct subscription *subscription)
{
    struct paced *paced = paced_of(subscription);

    if (paced == NULL)
        return;
    timer_stop(timers_of(self), &paced->timer);
    pace_deinit(&paced->pace);
    free(paced);
    subscription_delivery(subscription)->paced = NULL;
}
