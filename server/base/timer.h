/* timer.h - one hierarchical timer wheel carries every timer of the process: a million cheaply. */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include "server/base/clock.h"

#include <stdbool.h>
#include <stddef.h>

struct timer;
typedef void timer_fn(struct timer *timer, struct instant now);

/** Lives in the object that waits; CONTAINER_OF() finds it. Zeroed is "not running". */
struct timer {
    struct timer *next;
    struct timer **prev_next; /* NULL while not running */
    int64_t due_us;
    timer_fn *fn;
};

/** The wheel: ticks of one millisecond, four levels of 256 slots, and what lies beyond. */
struct timers;

/** Time begins at `now`; from then on it is told by timers_run(). Free with timers_free(). */
struct timers *timers_new(struct instant now);

/** Forgets all timers without calling them. NULL is fine. */
void timers_free(struct timers *self);

/** Runs `fn` once when `due` is reached, never from inside this call. Restarts a running timer.
 * O(1). */
void timer_start(struct timers *self, struct timer *timer, struct instant due, timer_fn *fn);

/** Never runs then; stopping one that is not running is fine. O(1). */
void timer_stop(struct timers *self, struct timer *timer);

static inline bool timer_is_running(const struct timer *timer)
{
    return timer->prev_next != NULL;
}

/** Calls everything that is due at `now`, oldest tick first. Callbacks may start and stop any
 * timer. */
void timers_run(struct timers *self, struct instant now);

/** No timer is due before this instant; may be earlier than the earliest timer. False when none
 * runs. */
bool timers_next(const struct timers *self, struct instant *out);

/** How many are running. */
size_t timers_count(const struct timers *self);

#endif
