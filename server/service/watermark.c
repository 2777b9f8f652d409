/* watermark.c - unsettled resources in the order of their first unsettled batch. */
#include "server/service/watermark.h"

#include "server/base/must.h"

#include <stdlib.h>

enum { LOOK_US = US_PER_S };

struct watermark {
    struct state *state;
    struct list unsettled;
    struct timer look;
    int64_t owed_after_us;
    uint64_t loaded; /* the mark that the load found: what it owes is unsettled since then */
    bool loading;
};

static timer_fn on_look;

static struct resource *resource_of(struct list *link)
{
    return CONTAINER_OF(link, struct resource, notify.unsettled);
}

static void look_again(struct watermark *self)
{
    struct loop *loop = self->state->node.loop;

    timer_start(loop_timers(loop), &self->look, instant_after(loop_now(loop), LOOK_US), on_look);
}

struct watermark *watermark_new(struct state *state, uint32_t owed_after_s)
{
    struct watermark *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->state = state;
    self->owed_after_us = (int64_t)owed_after_s * US_PER_S;
    list_init(&self->unsettled);
    look_again(self);
    return self;
}

void watermark_free(struct watermark *self)
{
    if (self == NULL)
        return;
    timer_stop(loop_timers(self->state->node.loop), &self->look);
    while (list_take(&self->unsettled) != NULL)
        continue;
    free(self);
}

void watermark_start(struct watermark *self, uint64_t notified_batch)
{
    self->loaded = notified_batch;
    self->loading = true;
}

/* Everything below the first unsettled batch is told. */
static void advance(struct watermark *self)
{
    const struct node *node = &self->state->node;
    uint64_t told = batch_committed(node->batch);

    if (!list_empty(&self->unsettled))
        told = resource_of(self->unsettled.next)->notify.unsettled_batch - 1;
    storage_set_notified_batch(node->storage, told);
}

static void leave(struct watermark *self, struct resource *resource)
{
    list_remove(&resource->notify.unsettled);
    advance(self);
}

void watermark_hold(struct watermark *self, struct resource *resource)
{
    const struct node *node = &self->state->node;
    bool loaded = self->loading && batch_committed(node->batch) > self->loaded;

    if (!list_empty(&resource->notify.unsettled))
        return;
    resource->notify.unsettled_batch = loaded ? self->loaded + 1 : batch_committed(node->batch);
    resource->notify.unsettled_at = loop_now(node->loop);
    list_append(&self->unsettled, &resource->notify.unsettled);
}

void watermark_release(struct watermark *self, struct resource *resource)
{
    if (resource->notify.unsettled_count == 0)
        leave(self, resource);
}

void watermark_owe(struct watermark *self, struct subscription *subscription)
{
    struct resource *resource = subscription_resource(subscription);
    struct delivery *delivery = subscription_delivery(subscription);

    watermark_hold(self, resource);
    if (delivery->unsettled)
        return;
    delivery->unsettled = true;
    resource->notify.unsettled_count++;
}

void watermark_settle(struct watermark *self, struct subscription *subscription)
{
    struct resource *resource = subscription_resource(subscription);
    struct delivery *delivery = subscription_delivery(subscription);

    if (!delivery->unsettled)
        return;
    delivery->unsettled = false;
    if (--resource->notify.unsettled_count == 0)
        leave(self, resource);
}

void watermark_forget(struct watermark *self, struct resource *resource)
{
    if (!list_empty(&resource->notify.unsettled))
        leave(self, resource);
}

/* Those still owed are marked in their rows; once a row says so, it need not hold the mark. */
static void mark_laggards(struct watermark *self, struct resource *resource)
{
    for (struct list *link = resource->subscriptions.next, *next; link != &resource->subscriptions;
         link = next) {
        struct subscription *subscription = subscription_of_resource(link);

        next = link->next;
        if (!subscription_delivery(subscription)->unsettled ||
            !subscription_is_committed(subscription))
            continue;
        if (subscription_view(subscription).owed)
            watermark_settle(self, subscription);
        else if (subscription_is_settled(subscription))
            subscription_write_mark(subscription, true);
    }
}

static void on_look(struct timer *timer, struct instant now)
{
    struct watermark *self = CONTAINER_OF(timer, struct watermark, look);

    self->loading = false;
    look_again(self);
    if (!batch_is_open(self->state->node.batch))
        return;
    for (struct list *link = self->unsettled.next, *next; link != &self->unsettled; link = next) {
        struct resource *resource = resource_of(link);

        next = link->next;
        if (!instant_reached(now,
                             instant_after(resource->notify.unsettled_at, self->owed_after_us)))
            return;
        mark_laggards(self, resource);
    }
    advance(self);
}
