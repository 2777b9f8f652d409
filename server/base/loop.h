/* loop.h - the event loop: file descriptors, signals, timers, the end of a turn; libev's doorman.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "server/base/clock.h"
#include "server/base/list.h"
#include "server/base/timer.h"

#include <stdbool.h>

/**
 * One turn: the clock is read once, due timers run, then every ready descriptor, then what
 * asked for the end of the turn (loop_later() in order, then the hooks of loop_each_turn()),
 * then the loop sleeps. Callbacks never run from inside the call that asked for them.
 */
struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *self);

/** Runs until loop_stop(). */
void loop_run(struct loop *self);

/** Runs what is ready now and returns; waits for something at most `wait_us`. For tests. */
void loop_run_once(struct loop *self, int64_t wait_us);

void loop_stop(struct loop *self);

/** The monotonic clock as read at the begin of this turn. */
struct instant loop_now(const struct loop *self);

/** The time of day as read at the begin of this turn. */
struct wall_time loop_wall(const struct loop *self);

/** The wheel that this loop drives. */
struct timers *loop_timers(struct loop *self);

/* ---- descriptors ---- */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/** `events`: which of LOOP_READ, LOOP_WRITE are ready. */
typedef void loop_io_fn(void *context, int events);

struct loop_io;

/** Watches `fd` for `events`. Keeps `context`. The descriptor stays the caller's. */
struct loop_io *loop_io_new(struct loop *self, int fd, int events, loop_io_fn *fn, void *context);

/** Changes what is watched for; 0 pauses. */
void loop_io_set(struct loop_io *io, int events);

/** Ends it; safe in its own callback. NULL is fine. */
void loop_io_free(struct loop_io *io);

/* ---- the end of the turn ---- */

struct loop_later;
typedef void loop_later_fn(struct loop_later *later);

/** Lives in the object that asks; init with loop_later_init(). */
struct loop_later {
    struct list link;
    loop_later_fn *fn;
};

static inline void loop_later_init(struct loop_later *later, loop_later_fn *fn)
{
    list_init(&later->link);
    later->fn = fn;
}

/** Runs `later` once at the end of this turn; asking twice is asking once. */
void loop_later(struct loop *self, struct loop_later *later);

static inline void loop_later_cancel(struct loop_later *later)
{
    list_remove(&later->link);
}

/** Runs `fn` at the end of every turn, in order of `place` (small first), until the loop is freed;
 * with a negative `place` at the begin of the turn instead, before its timers.
 */
typedef void loop_turn_fn(void *context);
void loop_each_turn(struct loop *self, int place, loop_turn_fn *fn, void *context);

/* ---- signals ---- */

typedef void loop_signal_fn(void *context, int signal);
void loop_on_signal(struct loop *self, int signal, loop_signal_fn *fn, void *context);

/** libev's own loop, for libraries that run on it (libwebsockets). */
void *loop_raw(struct loop *self);

#endif
