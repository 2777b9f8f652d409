/* timer.c - a wheel per byte of the tick: a timer lies in the wheel of the highest byte in which
 * its tick differs from the present one, and comes down a wheel when that byte is reached. */
#include "server/base/timer.h"

#include "server/base/must.h"

#include <stdint.h>

enum {
    LEVELS = 4,
    LEVEL_BITS = 8,
    LEVEL_SLOTS = 1 << LEVEL_BITS,
    WORD_BITS = 64,
    LEVEL_WORDS = LEVEL_SLOTS / WORD_BITS,
    NO_SLOT = LEVEL_SLOTS,
};

struct timers {
    int64_t origin_us; /* tick 0: whoever counts from the start in milliseconds is met exactly */
    uint64_t tick;     /* all up to and with this one have run */
    size_t count;
    struct timer *slots[LEVELS * LEVEL_SLOTS];
    uint64_t occupied[LEVELS * LEVEL_WORDS]; /* a bit per slot that is not empty */
    struct timer *overflow;                  /* beyond the wheels: 2^32 ms, 49 days */
    struct timer *overdue;                   /* was due already when it was started */
    struct timer *running;                   /* what timers_run() has still to call */
};

struct timers *timers_new(struct instant now)
{
    struct timers *self = calloc(1, sizeof(*self));

    must(self != NULL && now.us >= 0);
    self->origin_us = now.us;
    return self;
}

void timers_free(struct timers *self)
{
    free(self);
}

size_t timers_count(const struct timers *self)
{
    return self->count;
}

/* ---- lists: a timer knows the pointer that points to it ---- */

static void push(struct timer **head, struct timer *timer)
{
    timer->next = *head;
    timer->prev_next = head;
    if (*head != NULL)
        (*head)->prev_next = &timer->next;
    *head = timer;
}

static void unlink_timer(struct timer *timer)
{
    *timer->prev_next = timer->next;
    if (timer->next != NULL)
        timer->next->prev_next = timer->prev_next;
    timer->next = NULL;
    timer->prev_next = NULL;
}

/* ---- slots ---- */

static void mark_occupied(struct timers *self, size_t slot)
{
    self->occupied[slot / WORD_BITS] |= UINT64_C(1) << slot % WORD_BITS;
}

static void mark_empty(struct timers *self, size_t slot)
{
    self->occupied[slot / WORD_BITS] &= ~(UINT64_C(1) << slot % WORD_BITS);
}

/* The first occupied slot of `level` at or behind `from`, or NO_SLOT. */
static unsigned next_occupied(const struct timers *self, unsigned level, unsigned from)
{
    const uint64_t *words = &self->occupied[(size_t)level * LEVEL_WORDS];
    uint64_t mask = UINT64_MAX << from % WORD_BITS;

    for (unsigned word = from / WORD_BITS; word < LEVEL_WORDS; word++, mask = UINT64_MAX) {
        uint64_t bits = words[word] & mask;

        if (bits != 0)
            return word * WORD_BITS + (unsigned)__builtin_ctzll(bits);
    }
    return NO_SLOT;
}

/* Byte `level` of a tick: its slot in that wheel. */
static unsigned slot_in(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> level * LEVEL_BITS) & (LEVEL_SLOTS - 1);
}

/* The first tick that is not before `due`. */
static uint64_t tick_of(const struct timers *self, int64_t due_us)
{
    int64_t after_us;

    if (due_us <= self->origin_us)
        return 0;
    after_us = due_us - self->origin_us;
    return (uint64_t)(after_us / US_PER_MS + (after_us % US_PER_MS != 0));
}

static int64_t us_of(const struct timers *self, uint64_t tick)
{
    return self->origin_us + (int64_t)tick * US_PER_MS;
}

/* Puts the timer where its tick, which is not before the present one, belongs. */
static void place(struct timers *self, struct timer *timer, uint64_t tick)
{
    uint64_t difference = tick ^ self->tick;
    unsigned level = 0;
    size_t slot;

    if (difference >> LEVELS * LEVEL_BITS != 0) {
        push(&self->overflow, timer);
        return;
    }
    if (difference >= LEVEL_SLOTS)
        level = (63 - (unsigned)__builtin_clzll(difference)) / LEVEL_BITS;
    slot = (size_t)level * LEVEL_SLOTS + slot_in(tick, level);
    push(&self->slots[slot], timer);
    mark_occupied(self, slot);
}

void timer_start(struct timers *self, struct timer *timer, struct instant due, timer_fn *fn)
{
    uint64_t tick = tick_of(self, due.us);

    timer_stop(self, timer);
    timer->due_us = due.us;
    timer->fn = fn;
    if (tick <= self->tick)
        push(&self->overdue, timer);
    else
        place(self, timer, tick);
    self->count++;
}

void timer_stop(struct timers *self, struct timer *timer)
{
    struct timer **at = timer->prev_next;
    uintptr_t offset = (uintptr_t)at - (uintptr_t)self->slots;

    if (at == NULL)
        return;
    unlink_timer(timer);
    self->count--;
    /* When the last one has left a slot its mark goes too, so that nobody wakes up for it. */
    if (*at == NULL && offset < sizeof(self->slots))
        mark_empty(self, offset / sizeof(struct timer *));
}

/* ---- time ---- */

/* The next tick at which something happens: timers run, or come down. False when never. */
static bool next_event(const struct timers *self, uint64_t *out)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        unsigned slot = next_occupied(self, level, slot_in(self->tick, level));
        unsigned above = (level + 1) * LEVEL_BITS;

        if (slot != NO_SLOT) {
            *out = self->tick >> above << above | (uint64_t)slot << level * LEVEL_BITS;
            return true;
        }
    }
    if (self->overflow == NULL)
        return false;
    *out = ((self->tick >> LEVELS * LEVEL_BITS) + 1) << LEVELS * LEVEL_BITS;
    return true;
}

static void replace_all(struct timers *self, struct timer **from)
{
    struct timer *timer = *from;

    *from = NULL;
    while (timer != NULL) {
        struct timer *next = timer->next;

        place(self, timer, tick_of(self, timer->due_us));
        timer = next;
    }
}

/* Brings down what lies in the slots that begin at the present tick, from the top. */
static void bring_down(struct timers *self)
{
    if (self->tick << (64 - LEVELS * LEVEL_BITS) == 0)
        replace_all(self, &self->overflow);
    for (unsigned level = LEVELS - 1; level > 0; level--) {
        size_t slot = (size_t)level * LEVEL_SLOTS + slot_in(self->tick, level);

        if (self->tick << (64 - level * LEVEL_BITS) != 0 || self->slots[slot] == NULL)
            continue;
        mark_empty(self, slot);
        replace_all(self, &self->slots[slot]);
    }
}

/* Each timer leaves the list before its call, so that it may be freed there, or started again. */
static void run_list(struct timers *self, struct timer **from, struct instant now)
{
    self->running = *from;
    *from = NULL;
    if (self->running != NULL)
        self->running->prev_next = &self->running;
    while (self->running != NULL) {
        struct timer *timer = self->running;

        unlink_timer(timer);
        self->count--;
        timer->fn(timer, now);
    }
}

void timers_run(struct timers *self, struct instant now)
{
    uint64_t target = now.us <= self->origin_us ? 0 : (uint64_t)(now.us - self->origin_us) / 1000;
    uint64_t tick;

    must(self->running == NULL);
    run_list(self, &self->overdue, now);
    while (next_event(self, &tick) && tick <= target) {
        unsigned slot = slot_in(tick, 0);

        self->tick = tick;
        bring_down(self);
        mark_empty(self, slot);
        run_list(self, &self->slots[slot], now);
    }
    if (self->tick < target)
        self->tick = target;
}

bool timers_next(const struct timers *self, struct instant *out)
{
    uint64_t tick = self->tick;

    if (self->overdue == NULL && !next_event(self, &tick))
        return false;
    out->us = us_of(self, tick);
    return true;
}
