/* tally.c - a watcher is known by its AOR while it has a subscription. */
#include "server/state/tally.h"

#include "server/base/list.h"
#include "server/base/must.h"

#include <stdlib.h>

struct tally {
    struct table_link link;
    uint32_t count;
    uint32_t len;
    char watcher[];
};

void tallies_init(struct tallies *self)
{
    table_init(&self->table);
}

void tallies_deinit(struct tallies *self)
{
    table_deinit(&self->table);
}

static struct tally *find(const struct tallies *self, struct span watcher)
{
    struct table_link *link = table_first(&self->table, table_hash(&self->table, watcher));

    for (; link != NULL; link = table_next(link)) {
        struct tally *each = CONTAINER_OF(link, struct tally, link);

        if (span_equal((struct span){each->watcher, each->len}, watcher))
            return each;
    }
    return NULL;
}

struct tally *tally_take(struct tallies *self, struct span watcher)
{
    struct tally *tally = find(self, watcher);

    if (tally == NULL) {
        tally = calloc(1, sizeof(*tally) + watcher.len);
        must(tally != NULL);
        tally->len = (uint32_t)watcher.len;
        if (watcher.len > 0)
            memcpy(tally->watcher, watcher.at, watcher.len);
        table_add(&self->table, &tally->link, table_hash(&self->table, watcher));
    }
    tally->count++;
    return tally;
}

void tally_release(struct tallies *self, struct tally *tally)
{
    if (--tally->count > 0)
        return;
    table_remove(&self->table, &tally->link);
    free(tally);
}

uint32_t tally_count(const struct tallies *self, struct span watcher)
{
    const struct tally *tally = find(self, watcher);

    return tally == NULL ? 0 : tally->count;
}
