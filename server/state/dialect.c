/* dialect.c - there are few: an array in the order in which they are tried. */
#include "server/state/dialect.h"

#include "server/base/must.h"

#include <stdlib.h>

struct dialect {
    struct dialect_row row; /* its spans point behind it */
    char octets[];
};

struct dialects {
    struct dialect **at;
    size_t count;
    size_t cap;
    dialects_changed_fn *fn;
    void *context;
};

struct dialects *dialects_new(void)
{
    struct dialects *self = calloc(1, sizeof(*self));

    must(self != NULL);
    return self;
}

void dialects_free(struct dialects *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        free(self->at[i]);
    free(self->at);
    free(self);
}

void dialects_watch(struct dialects *self, dialects_changed_fn *fn, void *context)
{
    self->fn = fn;
    self->context = context;
}

size_t dialects_count(const struct dialects *self)
{
    return self->count;
}

static bool begins_nocase(struct span text, struct span start)
{
    return text.len >= start.len && span_equal_nocase((struct span){text.at, start.len}, start);
}

uint32_t dialects_find(const struct dialects *self, struct span user_agent, struct span event)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct dialect_row *row = &self->at[i]->row;

        if (span_equal(row->event, event) && begins_nocase(user_agent, row->user_agent))
            return row->bits;
    }
    return 0;
}

/* ---- rows ---- */

static size_t index_of(const struct dialects *self, int64_t id)
{
    size_t i = 0;

    while (i < self->count && self->at[i]->row.id != id)
        i++;
    return i;
}

static struct dialect *dialect_new(const struct dialect_row *row)
{
    struct dialect *dialect = calloc(1, sizeof(*dialect) + row->user_agent.len + row->event.len);
    char *event;

    must(dialect != NULL);
    event = dialect->octets + row->user_agent.len;
    dialect->row = *row;
    if (row->user_agent.len > 0)
        memcpy(dialect->octets, row->user_agent.at, row->user_agent.len);
    if (row->event.len > 0)
        memcpy(event, row->event.at, row->event.len);
    dialect->row.user_agent = (struct span){dialect->octets, row->user_agent.len};
    dialect->row.event = (struct span){event, row->event.len};
    return dialect;
}

static bool is_same(const struct dialect_row *a, const struct dialect_row *b)
{
    return a->position == b->position && a->bits == b->bits &&
           span_equal(a->user_agent, b->user_agent) && span_equal(a->event, b->event);
}

static bool comes_before(const struct dialect_row *a, const struct dialect_row *b)
{
    return a->position != b->position ? a->position < b->position : a->id < b->id;
}

static void take_out(struct dialects *self, size_t index)
{
    free(self->at[index]);
    self->count--;
    memmove(&self->at[index], &self->at[index + 1],
            (self->count - index) * sizeof(struct dialect *));
}

static void insert(struct dialects *self, struct dialect *dialect)
{
    size_t at = self->count;

    if (self->count == self->cap) {
        self->cap = self->cap == 0 ? 16 : self->cap * 2;
        self->at = realloc(self->at, self->cap * sizeof(struct dialect *));
        must(self->at != NULL);
    }
    for (; at > 0 && comes_before(&dialect->row, &self->at[at - 1]->row); at--)
        self->at[at] = self->at[at - 1];
    self->at[at] = dialect;
    self->count++;
}

static void changed(const struct dialects *self)
{
    if (self->fn != NULL)
        self->fn(self->context);
}

/* After a reconnect every row is told again: nothing has changed by that. */
void dialects_put(struct dialects *self, const struct dialect_row *row)
{
    const size_t old = index_of(self, row->id);

    if (old < self->count && is_same(&self->at[old]->row, row))
        return;
    if (old < self->count)
        take_out(self, old);
    insert(self, dialect_new(row));
    changed(self);
}

void dialects_remove(struct dialects *self, int64_t id)
{
    const size_t index = index_of(self, id);

    if (index == self->count)
        return;
    take_out(self, index);
    changed(self);
}
