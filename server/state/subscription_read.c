/* subscription_read.c - finds subscriptions, and tells what stands in them. */
#include "server/base/mark.h"
#include "server/state/subscriptions.h"

enum {
    CSEQ_RESERVE = 200, /* with so many left the next block is asked for */
};

/* ---- finding ---- */

struct subscription *subscriptions_find(const struct subscriptions *self, struct span call_id,
                                        struct span local_tag, struct span remote_tag)
{
    struct table_link *link =
        table_first(&self->dialogs, subscriptions_dialog_hash(self, call_id, remote_tag));
    uint64_t number;

    if (!mark_parse(&self->node->mark_key, MARK_LOCAL_TAG, local_tag, &number))
        return NULL;
    for (; link != NULL; link = table_next(link)) {
        struct subscription *each = CONTAINER_OF(link, struct subscription, dialog_link);

        if (span_equal(
                subscription_field(subscription_newest_version(each), SUBSCRIPTION_LOCAL_TAG),
                local_tag) &&
            span_equal(subscription_field(subscription_newest_version(each), SUBSCRIPTION_CALL_ID),
                       call_id) &&
            span_equal(
                subscription_field(subscription_newest_version(each), SUBSCRIPTION_REMOTE_TAG),
                remote_tag))
            return each->hot.newest->removed ? NULL : each;
    }
    return NULL;
}

struct subscription *subscriptions_find_repeat(const struct subscriptions *self,
                                               const struct subscription_change *change)
{
    const struct dialog_ids *ids = &change->ids;
    struct table_link *link =
        table_first(&self->dialogs, subscriptions_dialog_hash(self, ids->call_id, ids->remote_tag));

    for (; link != NULL; link = table_next(link)) {
        struct subscription *each = CONTAINER_OF(link, struct subscription, dialog_link);
        const struct subscription_version *last = subscription_newest_version(each);

        if (last->remote_cseq == change->remote_cseq && !last->hot.removed &&
            each->id != FETCHED_ID &&
            span_equal(subscription_field(last, SUBSCRIPTION_CALL_ID), ids->call_id) &&
            span_equal(subscription_field(last, SUBSCRIPTION_REMOTE_TAG), ids->remote_tag) &&
            span_equal(subscription_field(last, SUBSCRIPTION_EVENT_ID), change->event_id) &&
            span_equal(resource_aor(each->resource), change->aor) &&
            span_equal(resource_event(each->resource), change->event))
            return each;
    }
    return NULL;
}

struct subscription *subscription_find_id(const struct resource *resource, int64_t id)
{
    struct list *link = resource->subscriptions.next;

    for (; link != &resource->subscriptions; link = link->next)
        if (subscription_of_resource(link)->id == id &&
            !subscription_of_resource(link)->hot.newest->removed)
            return subscription_of_resource(link);
    return NULL;
}

/* ---- what it says, and the numbers of its NOTIFYs ---- */

/* The first number of this epoch's block: each epoch that did not write has used one block at
 * the most above the mark. */
void subscription_prepare_cseq(struct subscription *self)
{
    const struct subscription_version *last = subscription_newest_version(self);

    if (self->delivery.next_cseq == 0)
        self->delivery.next_cseq =
            last->cseq_mark + (uint32_t)(self->owner->node->epoch - last->cseq_epoch) * CSEQ_BLOCK;
}

struct subscription_view subscription_view(const struct subscription *self)
{
    return subscription_version_view(subscription_version_of(self->hot.committed),
                                     loop_now(self->owner->node->loop));
}

struct subscription_view subscription_newest(const struct subscription *self)
{
    return subscription_version_view(subscription_newest_version(self),
                                     loop_now(self->owner->node->loop));
}

enum subscription_state subscription_state(const struct subscription *self)
{
    return (enum subscription_state)subscription_version_of(self->hot.committed)->state;
}

enum subscription_state subscription_newest_state(const struct subscription *self)
{
    return (enum subscription_state)subscription_newest_version(self)->state;
}

bool subscription_has_list(const struct subscription *self)
{
    const struct subscription_version *last = subscription_newest_version(self);

    return last->eventlist && span_equal_nocase(subscription_field(last, SUBSCRIPTION_BODY_TYPE),
                                                SPAN("application/resource-lists+xml"));
}

bool subscription_takes_lists(const struct subscription *self)
{
    return subscription_newest_version(self)->eventlist;
}

int64_t subscription_id(const struct subscription *self)
{
    return self->id;
}

bool subscription_is_committed(const struct subscription *self)
{
    return self->hot.committed != NULL && !self->hot.committed->removed;
}

/* What the committed row protects: its mark's block, or this epoch's share above an older mark. */
static uint32_t cseq_limit(const struct subscription *self)
{
    const struct subscription_version *seen = subscription_version_of(self->hot.committed);
    uint64_t epochs = self->owner->node->epoch - seen->cseq_epoch;

    return seen->cseq_mark + (uint32_t)epochs * CSEQ_BLOCK + CSEQ_BLOCK;
}

uint32_t subscription_take_cseq(struct subscription *self)
{
    subscription_prepare_cseq(self);
    if (self->id != FETCHED_ID && self->delivery.next_cseq >= cseq_limit(self))
        return 0;
    return self->delivery.next_cseq++;
}

bool subscription_needs_mark(const struct subscription *self)
{
    return self->id != FETCHED_ID && self->delivery.next_cseq != 0 &&
           self->delivery.next_cseq + CSEQ_RESERVE >= cseq_limit(self);
}

struct delivery *subscription_delivery(struct subscription *self)
{
    return &self->delivery;
}

struct subscription *subscription_of_delivery(struct list *link)
{
    return CONTAINER_OF(link, struct subscription, delivery.link);
}

struct subscription *subscription_of_retry(struct timer *retry)
{
    return CONTAINER_OF(retry, struct subscription, delivery.retry);
}

struct resource *subscription_resource(const struct subscription *self)
{
    return self->resource;
}

struct subscription *subscription_of_resource(struct list *link)
{
    return CONTAINER_OF(link, struct subscription, link);
}

struct handle subscription_handle(const struct subscription *self)
{
    return self->hot.handle;
}

bool subscription_is_settled(const struct subscription *self)
{
    return hot_is_settled(&self->hot);
}
