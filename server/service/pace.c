/* pace.c - rates are agreed, then asked for the two instants that follow from the last NOTIFY. */
#include "server/service/pace.h"

#include "server/base/must.h"

#include <stdlib.h>

enum {
    /* The period of section 7.4, in reciprocals of adaptive-min-rate: "several times". */
    PERIOD = 8,
    /* NOTIFYs that count within it: a burst is followed by HISTORY / PERIOD reciprocals of silence
     * at the most, where the formula alone knows no bound. */
    HISTORY = 32,
};

struct pace_history {
    struct instant sent_at[HISTORY]; /* a ring */
    size_t next;
};

/* ---- what is agreed ---- */

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of two upper bounds, of which 0 is none. */
static uint64_t bound(uint64_t rate, uint64_t max)
{
    if (rate == 0 || max == 0)
        return rate;
    return lesser(rate, max);
}

/* Section 5.3. */
static uint64_t agree_max(uint64_t asked, const struct pace_limits *limits)
{
    uint64_t rate = asked;

    if (limits->interval_min_ms != 0) {
        const uint64_t most = sip_rate_within_us(limits->interval_min_ms * US_PER_MS);

        rate = rate == 0 ? most : lesser(rate, most);
    }
    if (rate != 0 && limits->left_s != 0 &&
        sip_rate_interval_us(rate) > (int64_t)limits->left_s * US_PER_S)
        rate = sip_rate_reaching_us((int64_t)limits->left_s * US_PER_S);
    return rate;
}

struct sip_rates pace_agree(const struct sip_rates *asked, const struct pace_limits *limits)
{
    const uint64_t most = limits->min_rate_interval_min_ms == 0
                              ? 0
                              : sip_rate_within_us(limits->min_rate_interval_min_ms * US_PER_MS);
    struct sip_rates agreed = {.max = agree_max(asked->max, limits)};

    agreed.min = bound(bound(asked->min, most), agreed.max);
    agreed.adaptive_min = bound(bound(asked->adaptive_min, most), agreed.max);
    if (asked->adaptive_min != 0 && asked->min >= asked->adaptive_min)
        agreed.min = 0;
    return agreed;
}

/* ---- section 7.2: the record ---- */

/* As if the adaptive rate had been kept up to the NOTIFY that comes next. */
static void begin_history(struct pace *self, struct instant now)
{
    const int64_t step_us = sip_rate_interval_us(self->agreed.adaptive_min);

    if (self->history == NULL)
        self->history = malloc(sizeof(*self->history));
    must(self->history != NULL);
    for (int i = 0; i < HISTORY; i++)
        self->history->sent_at[i] = instant_after(now, -(HISTORY - i) * step_us);
    self->history->next = 0;
}

static void drop_history(struct pace *self)
{
    free(self->history);
    self->history = NULL;
}

static int64_t count(const struct pace *self, struct instant since)
{
    int64_t number = 0;

    for (int i = 0; i < HISTORY; i++)
        number += self->history->sent_at[i].us > since.us;
    return number;
}

/* Section 7.4: count / (rate^2 * period), which is count/PERIOD reciprocals. */
static int64_t adaptive_timeout_us(const struct pace *self)
{
    const int64_t reciprocal_us = sip_rate_interval_us(self->agreed.adaptive_min);
    const struct instant since = instant_after(self->sent_at, -PERIOD * reciprocal_us);
    int64_t timeout_us = reciprocal_us / PERIOD * count(self, since);
    int64_t least_us = self->shortest_ms * US_PER_MS;

    if (self->agreed.max != 0 && sip_rate_interval_us(self->agreed.max) > least_us)
        least_us = sip_rate_interval_us(self->agreed.max); /* equation (2) */
    return timeout_us > least_us ? timeout_us : least_us;
}

/* ---- its life ---- */

void pace_deinit(struct pace *self)
{
    drop_history(self);
}

void pace_set(struct pace *self, const struct sip_rates *asked, const struct pace_limits *limits,
              struct instant now)
{
    const uint64_t before = self->agreed.adaptive_min;

    self->asked = *asked;
    self->agreed = pace_agree(asked, limits);
    self->shortest_ms = limits->min_rate_interval_min_ms;
    if (!self->sent)
        self->sent_at = now;
    if (self->agreed.adaptive_min == 0)
        drop_history(self);
    else if (self->agreed.adaptive_min != before)
        begin_history(self, self->sent ? self->sent_at : now);
}

void pace_note_sent(struct pace *self, struct instant now)
{
    self->sent_at = now;
    self->sent = true;
    self->waiting = false;
    if (self->history == NULL)
        return;
    self->history->sent_at[self->history->next] = now;
    self->history->next = (self->history->next + 1) % HISTORY;
}

struct instant pace_opens_at(const struct pace *self)
{
    if (self->at_once || !self->sent || self->agreed.max == 0)
        return self->sent_at;
    return instant_after(self->sent_at, sip_rate_interval_us(self->agreed.max));
}

bool pace_due_at(const struct pace *self, struct instant *out)
{
    int64_t after_us = INT64_MAX;

    if (self->agreed.min != 0)
        after_us = sip_rate_interval_us(self->agreed.min);
    if (self->agreed.adaptive_min != 0 && adaptive_timeout_us(self) < after_us)
        after_us = adaptive_timeout_us(self);
    if (after_us == INT64_MAX)
        return false;
    *out = instant_after(self->sent_at, after_us);
    return true;
}
