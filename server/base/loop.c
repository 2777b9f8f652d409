/* loop.c - one iteration of libev is the first half of a turn; the end of the turn is ours. */
#include "server/base/loop.h"

#include "server/base/must.h"

#include <ev.h>
#include <string.h>
#include <time.h>

enum {
    /* How often what runs at the end of a turn may ask for the end of this same turn. What asks
     * for more than that waits one turn, so that descriptors and timers are not starved. */
    LATER_ROUNDS = 16,
};

struct hook {
    int place;
    loop_turn_fn *fn;
    void *context;
};

struct on_signal {
    ev_signal watcher;
    struct list link;
    loop_signal_fn *fn;
    void *context;
};

struct loop {
    struct ev_loop *ev;
    ev_check woken;
    ev_timer alarm;
    struct timers *timers;
    struct instant now;
    struct wall_time wall;
    struct list later;
    struct list signals;
    struct hook *hooks;
    size_t hook_count;
    bool stopping;
};

struct loop_io {
    ev_io watcher;
    struct loop *loop;
    loop_io_fn *fn;
    void *context;
};

/* ---- time ---- */

static int64_t read_us(clockid_t clock)
{
    struct timespec time;

    must(clock_gettime(clock, &time) == 0);
    return (int64_t)time.tv_sec * US_PER_S + time.tv_nsec / 1000;
}

static void read_clocks(struct loop *self)
{
    self->now.us = read_us(CLOCK_MONOTONIC);
    self->wall.us = read_us(CLOCK_REALTIME);
}

struct instant loop_now(const struct loop *self)
{
    return self->now;
}

struct wall_time loop_wall(const struct loop *self)
{
    return self->wall;
}

struct timers *loop_timers(struct loop *self)
{
    return self->timers;
}

/* Those of negative place belong to the begin of the turn, the others to its end. */
static void run_hooks(const struct loop *self, bool begin)
{
    for (size_t i = 0; i < self->hook_count; i++)
        if ((self->hooks[i].place < 0) == begin)
            self->hooks[i].fn(self->hooks[i].context);
}

/* A check watcher of the highest priority is called first of all after the sleep: timers run
 * before descriptors, and everybody sees the same time. */
static void on_woken(struct ev_loop *ev, ev_check *watcher, int events)
{
    struct loop *self = watcher->data;

    (void)ev;
    (void)events;
    read_clocks(self);
    run_hooks(self, true);
    timers_run(self->timers, self->now);
}

/* The alarm only ends the sleep; on_woken() does the rest. */
static void on_alarm(struct ev_loop *ev, ev_timer *watcher, int events)
{
    (void)ev;
    (void)watcher;
    (void)events;
}

struct loop *loop_new(void)
{
    struct loop *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->ev = ev_loop_new(EVFLAG_AUTO);
    must(self->ev != NULL);
    list_init(&self->later);
    list_init(&self->signals);
    read_clocks(self);
    self->timers = timers_new(self->now);
    ev_check_init(&self->woken, on_woken);
    ev_set_priority(&self->woken, EV_MAXPRI);
    self->woken.data = self;
    ev_check_start(self->ev, &self->woken);
    ev_init(&self->alarm, on_alarm);
    return self;
}

void loop_free(struct loop *self)
{
    if (self == NULL)
        return;
    for (struct list *link; (link = list_take(&self->signals)) != NULL;) {
        struct on_signal *on = CONTAINER_OF(link, struct on_signal, link);

        ev_signal_stop(self->ev, &on->watcher);
        free(on);
    }
    /* Whoever still waits must find itself in no list afterwards. */
    while (list_take(&self->later) != NULL)
        ;
    ev_timer_stop(self->ev, &self->alarm);
    ev_check_stop(self->ev, &self->woken);
    ev_loop_destroy(self->ev);
    timers_free(self->timers);
    free(self->hooks);
    free(self);
}

void *loop_raw(struct loop *self)
{
    return self->ev;
}

/* ---- the end of the turn ---- */

void loop_later(struct loop *self, struct loop_later *later)
{
    if (list_empty(&later->link))
        list_append(&self->later, &later->link);
}

void loop_each_turn(struct loop *self, int place, loop_turn_fn *fn, void *context)
{
    size_t at = self->hook_count;

    self->hooks = realloc(self->hooks, (self->hook_count + 1) * sizeof(self->hooks[0]));
    must(self->hooks != NULL);
    while (at > 0 && self->hooks[at - 1].place > place)
        at--;
    memmove(&self->hooks[at + 1], &self->hooks[at],
            (self->hook_count - at) * sizeof(self->hooks[0]));
    self->hooks[at] = (struct hook){place, fn, context};
    self->hook_count++;
}

static void run_later(struct loop *self)
{
    struct list round;

    list_init(&round);
    for (int i = 0; i < LATER_ROUNDS && !list_empty(&self->later); i++) {
        list_append_all(&round, &self->later);
        for (struct list *link; (link = list_take(&round)) != NULL;) {
            struct loop_later *later = CONTAINER_OF(link, struct loop_later, link);

            later->fn(later);
        }
    }
}

static void end_turn(struct loop *self)
{
    run_later(self);
    run_hooks(self, false);
}

/* ---- turns ---- */

/* Sets the alarm to the next timer, or to the end of the wait. False: there is no time to sleep. */
static bool set_alarm(struct loop *self, int64_t wait_us)
{
    struct instant next;

    ev_timer_stop(self->ev, &self->alarm);
    if (timers_next(self->timers, &next) && next.us - self->now.us < wait_us)
        wait_us = next.us - self->now.us;
    if (wait_us <= 0 || !list_empty(&self->later))
        return false;
    if (wait_us == INT64_MAX)
        return true;
    /* Both clocks were last read at the begin of this turn, so that work since then is not
     * slept again. */
    ev_timer_set(&self->alarm, (double)wait_us / (double)US_PER_S, 0.);
    ev_timer_start(self->ev, &self->alarm);
    return true;
}

static void turn(struct loop *self, int64_t wait_us)
{
    ev_run(self->ev, set_alarm(self, wait_us) ? EVRUN_ONCE : EVRUN_NOWAIT);
    end_turn(self);
}

void loop_run(struct loop *self)
{
    while (!self->stopping)
        turn(self, INT64_MAX);
    self->stopping = false;
}

void loop_run_once(struct loop *self, int64_t wait_us)
{
    turn(self, wait_us);
}

void loop_stop(struct loop *self)
{
    self->stopping = true;
}

/* ---- descriptors ---- */

static int ev_events(int events)
{
    return ((events & LOOP_READ) != 0 ? EV_READ : 0) | ((events & LOOP_WRITE) != 0 ? EV_WRITE : 0);
}

static void on_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct loop_io *io = watcher->data;

    (void)ev;
    /* The callback may free `io`. */
    io->fn(io->context,
           ((events & EV_READ) != 0 ? LOOP_READ : 0) | ((events & EV_WRITE) != 0 ? LOOP_WRITE : 0));
}

struct loop_io *loop_io_new(struct loop *self, int fd, int events, loop_io_fn *fn, void *context)
{
    struct loop_io *io = calloc(1, sizeof(*io));

    must(io != NULL);
    io->loop = self;
    io->fn = fn;
    io->context = context;
    ev_io_init(&io->watcher, on_ready, fd, ev_events(events));
    io->watcher.data = io;
    if (events != 0)
        ev_io_start(self->ev, &io->watcher);
    return io;
}

void loop_io_set(struct loop_io *io, int events)
{
    int wanted = ev_events(events);
    bool active = ev_is_active(&io->watcher);

    if (wanted == (active ? io->watcher.events & (EV_READ | EV_WRITE) : 0))
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    if (wanted == 0)
        return;
    ev_io_set(&io->watcher, io->watcher.fd, wanted);
    ev_io_start(io->loop->ev, &io->watcher);
}

void loop_io_free(struct loop_io *io)
{
    if (io == NULL)
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    free(io);
}

/* ---- signals ---- */

static void on_signalled(struct ev_loop *ev, ev_signal *watcher, int events)
{
    struct on_signal *on = watcher->data;

    (void)ev;
    (void)events;
    on->fn(on->context, watcher->signum);
}

void loop_on_signal(struct loop *self, int signal, loop_signal_fn *fn, void *context)
{
    struct on_signal *on = calloc(1, sizeof(*on));

    must(on != NULL);
    on->fn = fn;
    on->context = context;
    ev_signal_init(&on->watcher, on_signalled, signal);
    on->watcher.data = on;
    ev_signal_start(self->ev, &on->watcher);
    list_append(&self->signals, &on->link);
}
