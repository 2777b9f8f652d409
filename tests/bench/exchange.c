/* exchange.c - a table of requests in the air, found by the index in their branch. */
#include "tests/bench/exchange.h"

#include "server/base/must.h"

#include <stdio.h>
#include <stdlib.h>

#define NOBODY UINT32_MAX

void exchange_table_init(struct exchange_table *self, struct wire *wire, uint32_t capacity,
                         uint32_t t1_ms)
{
    *self = (struct exchange_table){.wire = wire, .capacity = capacity};
    self->t1_us = (int64_t)t1_ms * 1000;
    self->t2_us = 8 * self->t1_us;
    self->timeout_us = 64 * self->t1_us;
    self->tick = wire_now_us() / EXCHANGE_TICK_US;
    self->exchanges = calloc(capacity, sizeof(*self->exchanges));
    must(self->exchanges != NULL);
    for (uint32_t i = 0; i < EXCHANGE_WHEEL; i++)
        self->wheel[i] = NOBODY;
    for (uint32_t i = 0; i < capacity; i++) {
        self->exchanges[i].index = i;
        self->exchanges[i].next = i + 1 < capacity ? i + 1 : NOBODY;
    }
}

void exchange_table_deinit(struct exchange_table *self)
{
    free(self->exchanges);
}

struct exchange *exchange_new(struct exchange_table *self, uint32_t port, int64_t now_us)
{
    struct exchange *exchange;

    if (self->free == NOBODY)
        return NULL;
    exchange = &self->exchanges[self->free];
    self->free = exchange->next;
    self->busy++;
    exchange->generation++;
    exchange->busy = true;
    exchange->proceeding = false;
    exchange->invite = false;
    exchange->port = port;
    exchange->attempts = 0;
    exchange->repeats = 0;
    exchange->began_us = now_us;
    exchange->deadline_us = now_us + self->timeout_us;
    return exchange;
}

void exchange_branch(const struct exchange *exchange, char *out, size_t size)
{
    (void)snprintf(out, size, "z9hG4bK%x.%x", exchange->index, exchange->generation);
}

static void wheel_add(struct exchange_table *self, struct exchange *exchange)
{
    int64_t tick = exchange->due_us / EXCHANGE_TICK_US + 1;
    uint32_t *slot;

    if (tick <= self->tick)
        tick = self->tick + 1;
    slot = &self->wheel[tick % EXCHANGE_WHEEL];
    exchange->previous = NOBODY;
    exchange->next = *slot;
    if (*slot != NOBODY)
        self->exchanges[*slot].previous = exchange->index;
    *slot = exchange->index;
    exchange->due_us = tick * EXCHANGE_TICK_US;
}

static void wheel_remove(struct exchange_table *self, struct exchange *exchange)
{
    if (exchange->next != NOBODY)
        self->exchanges[exchange->next].previous = exchange->previous;
    if (exchange->previous != NOBODY)
        self->exchanges[exchange->previous].next = exchange->next;
    else
        self->wheel[exchange->due_us / EXCHANGE_TICK_US % EXCHANGE_WHEEL] = exchange->next;
}

static void schedule(struct exchange_table *self, struct exchange *exchange, int64_t now_us)
{
    int64_t due = now_us + exchange->interval_us;

    exchange->due_us = due < exchange->deadline_us ? due : exchange->deadline_us;
    wheel_add(self, exchange);
}

void exchange_send(struct exchange_table *self, struct exchange *exchange, int64_t now_us)
{
    exchange->interval_us = self->t1_us;
    schedule(self, exchange, now_us);
    wire_send(self->wire, exchange->port, (struct span){exchange->bytes, exchange->len});
}

static void end(struct exchange_table *self, struct exchange *exchange, const struct scan *response)
{
    wheel_remove(self, exchange);
    exchange->on_final(exchange->context, exchange, response);
    exchange->busy = false;
    exchange->next = self->free;
    self->free = exchange->index;
    self->busy--;
}

static struct exchange *find(struct exchange_table *self, struct span branch)
{
    char text[32];
    char *dot;
    unsigned long index;
    unsigned long generation;

    if (!span_begins(branch, SPAN("z9hG4bK")) || branch.len - 7 >= sizeof(text))
        return NULL;
    memcpy(text, branch.at + 7, branch.len - 7);
    text[branch.len - 7] = '\0';
    index = strtoul(text, &dot, 16);
    if (*dot != '.' || index >= self->capacity)
        return NULL;
    generation = strtoul(dot + 1, NULL, 16);
    if (!self->exchanges[index].busy || self->exchanges[index].generation != generation)
        return NULL;
    return &self->exchanges[index];
}

bool exchange_receive(struct exchange_table *self, const struct scan *response, int64_t now_us)
{
    struct exchange *exchange = find(self, scan_branch(response));

    if (exchange == NULL || exchange->cseq != response->cseq) {
        self->strays++;
        return false;
    }
    if (response->status >= 200) {
        end(self, exchange, response);
    } else if (!exchange->proceeding) {
        exchange->proceeding = true;
        exchange->interval_us = exchange->invite ? self->timeout_us : self->t2_us;
        wheel_remove(self, exchange);
        schedule(self, exchange, now_us);
    }
    return true;
}

static void fire(struct exchange_table *self, struct exchange *exchange, int64_t now_us)
{
    if (now_us >= exchange->deadline_us) {
        end(self, exchange, NULL);
        return;
    }
    wheel_remove(self, exchange);
    exchange->interval_us *= 2;
    if (exchange->interval_us > self->t2_us || exchange->proceeding)
        exchange->interval_us = self->t2_us;
    schedule(self, exchange, now_us);
    self->retransmissions++;
    exchange->repeats++;
    wire_send(self->wire, exchange->port, (struct span){exchange->bytes, exchange->len});
}

void exchange_run(struct exchange_table *self, int64_t now_us)
{
    int64_t until = now_us / EXCHANGE_TICK_US;

    if (until - self->tick > EXCHANGE_WHEEL)
        self->tick = until - EXCHANGE_WHEEL;
    while (self->tick < until) {
        int64_t due = ++self->tick * EXCHANGE_TICK_US;
        uint32_t next;

        for (uint32_t at = self->wheel[self->tick % EXCHANGE_WHEEL]; at != NOBODY; at = next) {
            next = self->exchanges[at].next;
            if (self->exchanges[at].due_us <= due) /* else it is of a later turn of the wheel */
                fire(self, &self->exchanges[at], now_us);
        }
    }
}
