/* lockout.c - a pair is known by a keyed hash; a collision costs a stranger one pause. */
#include "server/service/lockout.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/base/table.h"

#include <stdlib.h>

struct pair {
    struct table_link link;
    struct list order;    /* the oldest first */
    struct instant until; /* the failures count up to then */
    uint32_t failures;
};

struct lockout {
    uint32_t failures_max;
    int64_t pause_us;
    uint32_t max;
    struct table table;
    struct list order;
};

struct lockout *lockout_new(uint32_t failures_max, uint32_t pause_s, uint32_t max)
{
    struct lockout *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->failures_max = failures_max;
    self->pause_us = (int64_t)pause_s * US_PER_S;
    self->max = max;
    table_init(&self->table);
    list_init(&self->order);
    return self;
}

static void forget(struct lockout *self, struct pair *pair)
{
    table_remove(&self->table, &pair->link);
    list_remove(&pair->order);
    free(pair);
}

static struct pair *oldest(struct lockout *self)
{
    return list_empty(&self->order) ? NULL : CONTAINER_OF(self->order.next, struct pair, order);
}

void lockout_free(struct lockout *self)
{
    if (self == NULL)
        return;
    for (struct pair *pair; (pair = oldest(self)) != NULL;)
        forget(self, pair);
    table_deinit(&self->table);
    free(self);
}

static uint64_t hash_of(const struct lockout *self, struct span username, const struct flow *source)
{
    return table_hash_more(
        &self->table, table_hash_nocase(&self->table, username),
        (struct span){(const char *)source->remote.address, sizeof(source->remote.address)});
}

static struct pair *find(const struct lockout *self, uint64_t hash)
{
    struct table_link *link = table_first(&self->table, hash);

    return link == NULL ? NULL : CONTAINER_OF(link, struct pair, link);
}

static void forget_old(struct lockout *self, struct instant now)
{
    struct pair *pair;

    while ((pair = oldest(self)) != NULL &&
           (instant_reached(now, pair->until) || self->table.count >= self->max))
        forget(self, pair);
}

void lockout_count(struct lockout *self, struct span username, const struct flow *source,
                   struct instant now)
{
    uint64_t hash = hash_of(self, username, source);
    struct pair *pair;

    if (self->failures_max == 0)
        return;
    forget_old(self, now);
    pair = find(self, hash);
    if (pair == NULL) {
        pair = calloc(1, sizeof(*pair));
        must(pair != NULL);
        list_init(&pair->order);
        table_add(&self->table, &pair->link, hash);
    }
    pair->failures++;
    pair->until = instant_after(now, self->pause_us);
    list_remove(&pair->order);
    list_append(&self->order, &pair->order);
}

bool lockout_is_closed(const struct lockout *self, struct span username, const struct flow *source,
                       struct instant now)
{
    const struct pair *pair;

    if (self->failures_max == 0)
        return false;
    pair = find(self, hash_of(self, username, source));
    return pair != NULL && pair->failures >= self->failures_max &&
           !instant_reached(now, pair->until);
}
