/* late.c - a table by fork; all live equally long, so the oldest is always the first of a list. */
#include "server/service/late.h"

#include "server/base/must.h"
#include "server/base/table.h"

#include <stdlib.h>

struct late {
    struct table_link by_fork;
    struct table_link by_message;
    struct list queue;
    struct handle fork;
    struct handle message;
    struct instant until;
};

struct lates {
    struct loop *loop;
    int64_t linger_us;
    struct table forks;
    struct table messages;
    struct list queue; /* the oldest first */
    struct timer timer;
};

struct lates *lates_new(struct loop *loop, uint32_t linger_ms)
{
    struct lates *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->loop = loop;
    self->linger_us = linger_ms * US_PER_MS;
    table_init(&self->forks);
    table_init(&self->messages);
    list_init(&self->queue);
    return self;
}

static struct late *first_of(struct lates *self)
{
    return list_empty(&self->queue) ? NULL : CONTAINER_OF(self->queue.next, struct late, queue);
}

static void forget(struct lates *self, struct late *late)
{
    table_remove(&self->forks, &late->by_fork);
    table_remove(&self->messages, &late->by_message);
    list_remove(&late->queue);
    free(late);
}

void lates_free(struct lates *self)
{
    struct late *first;

    if (self == NULL)
        return;
    while ((first = first_of(self)) != NULL)
        forget(self, first);
    timer_stop(loop_timers(self->loop), &self->timer);
    table_deinit(&self->forks);
    table_deinit(&self->messages);
    free(self);
}

static timer_fn on_due;

static void watch(struct lates *self)
{
    const struct late *first = first_of(self);

    if (first != NULL && !timer_is_running(&self->timer))
        timer_start(loop_timers(self->loop), &self->timer, first->until, on_due);
}

static void on_due(struct timer *timer, struct instant now)
{
    struct lates *self = CONTAINER_OF(timer, struct lates, timer);
    struct late *first;

    while ((first = first_of(self)) != NULL && instant_reached(now, first->until))
        forget(self, first);
    watch(self);
}

static uint64_t hash_of(const struct table *table, struct handle handle)
{
    return table_hash(table, (struct span){(const char *)&handle, sizeof(handle)});
}

static bool is_same(struct handle a, struct handle b)
{
    return a.slot == b.slot && a.generation == b.generation;
}

void lates_add(struct lates *self, struct handle fork, struct handle message)
{
    struct late *late = calloc(1, sizeof(*late));

    must(late != NULL);
    late->fork = fork;
    late->message = message;
    late->until = instant_after(loop_now(self->loop), self->linger_us);
    table_add(&self->forks, &late->by_fork, hash_of(&self->forks, fork));
    table_add(&self->messages, &late->by_message, hash_of(&self->messages, message));
    list_append(&self->queue, &late->queue);
    watch(self);
}

struct handle lates_find(const struct lates *self, struct handle fork)
{
    struct table_link *link = table_first(&self->forks, hash_of(&self->forks, fork));

    for (; link != NULL; link = table_next(link))
        if (is_same(CONTAINER_OF(link, struct late, by_fork)->fork, fork))
            return CONTAINER_OF(link, struct late, by_fork)->message;
    return (struct handle){0};
}

struct handle lates_find_fork(const struct lates *self, struct handle message)
{
    struct table_link *link = table_first(&self->messages, hash_of(&self->messages, message));

    for (; link != NULL; link = table_next(link))
        if (is_same(CONTAINER_OF(link, struct late, by_message)->message, message))
            return CONTAINER_OF(link, struct late, by_message)->fork;
    return (struct handle){0};
}
