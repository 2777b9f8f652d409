/* node.c - numbers that are never used twice, and the pace of expiry. */
#include "server/state/node.h"

enum { PACE_US = 100 * US_PER_MS, CLOSED_US = US_PER_S, COUNTER_BITS = 40 };

uint64_t node_number(struct node *self)
{
    return self->epoch << COUNTER_BITS | ++self->last_number;
}

struct span node_text_or_nothing(struct span text)
{
    return storage_is_text(text) ? text : (struct span){0};
}

void node_begin_grace(struct node *self)
{
    self->grace_until = instant_after(loop_now(self->loop), self->outage_grace_us);
}

bool node_may_expire(struct node *self, struct instant now, struct instant *again)
{
    if (!batch_is_open(self->batch)) {
        *again = instant_after(now, CLOSED_US);
        return false;
    }
    if (!instant_reached(now, self->grace_until)) {
        *again = self->grace_until;
        return false;
    }
    if (instant_reached(now, instant_after(self->pace_from, PACE_US))) {
        self->pace_from = now;
        self->expiries = 0;
    }
    if (self->expiries >= self->expiries_max) {
        *again = instant_after(self->pace_from, PACE_US);
        return false;
    }
    self->expiries++;
    return true;
}

/* What never expires has the end of the range left: no clock reaches the half of it either. */
struct instant node_deadline(const struct node *self, int64_t remaining_us)
{
    if (remaining_us > INT64_MAX / 2)
        remaining_us = INT64_MAX / 2;
    return instant_after(loop_now(self->loop),
                         remaining_us > 0 ? remaining_us : self->outage_grace_us);
}
