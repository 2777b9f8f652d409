/* batch.c - three queues of requests: in flight, to be tried again alone, and of the next batch. */
#include "server/state/batch.h"

#include "server/base/must.h"
#include "server/state/hot.h"

#include <stdlib.h>
#include <string.h>

struct waiting {
    struct list link;
    struct batch_waiter waiter;
    struct instant since;
    bool answered; /* refused by patience while its batch was in flight */
    size_t count;
    struct handle objects[]; /* by name: a removal that committed has freed its object */
};

enum { COMMANDS_MAX = 1024 };

struct batch {
    struct loop *loop;
    struct log *log;
    struct storage *storage;
    struct handle_table *objects;
    struct batch_options options;
    struct list in_flight;
    struct list rest; /* the other part of a batch that failed, to be written next */
    struct list next;
    bool writing;
    uint64_t number;           /* of the batch in flight */
    uint64_t committed;        /* of the last one that was */
    size_t row_bytes;          /* of one row, on the average of the last batch */
    size_t last_requests;      /* in the last batch that was taken from `next` */
    struct instant written_at; /* when the batch in flight was given to storage */
    struct loop_later later;
    struct timer spacing;
    struct timer patience;
    int64_t commands[COMMANDS_MAX];
    size_t command_count;
    size_t commands_written; /* of them, in the batch in flight */
    uint64_t *refused_failed;
    uint64_t *refused_unavailable;
    uint64_t *bisections;
    struct metric_histogram *requests_per_batch;
};

typedef bool is_fn(const struct hot *hot);
typedef void act_fn(struct hot *hot);

/* ---- one request's objects, and those of a whole queue ---- */

static struct waiting *waiting_of(struct list *link)
{
    return CONTAINER_OF(link, struct waiting, link);
}

static bool any(const struct batch *self, const struct waiting *waiting, is_fn *is)
{
    for (size_t i = 0; i < waiting->count; i++) {
        const struct hot *hot = handle_find(self->objects, waiting->objects[i]);

        if (hot != NULL && is(hot))
            return true;
    }
    return false;
}

static void each(const struct batch *self, const struct waiting *waiting, act_fn *act)
{
    for (size_t i = 0; i < waiting->count; i++) {
        struct hot *hot = handle_find(self->objects, waiting->objects[i]);

        if (hot != NULL)
            act(hot);
    }
}

static void each_in(const struct batch *self, const struct list *queue, act_fn *act)
{
    for (struct list *link = queue->next; link != queue; link = link->next)
        each(self, waiting_of(link), act);
}

static bool is_marked(const struct hot *hot)
{
    return hot->marked;
}

static void mark(struct hot *hot)
{
    hot->marked = true;
}

static void unmark(struct hot *hot)
{
    hot->marked = false;
}

static void put_rows(const struct batch *self, const struct waiting *waiting)
{
    for (size_t i = 0; i < waiting->count; i++) {
        struct hot *hot = handle_find(self->objects, waiting->objects[i]);

        if (hot == NULL || hot->marked || hot->writing == NULL)
            continue;
        hot_put(hot, self->storage);
        hot->marked = true; /* another request of this batch may share it */
    }
}

/* Moves from `from` to the end of `to` every request that shares a marked object, and marks
 * the rest of its objects, until none is left that does. */
static void gather_marked(const struct batch *self, struct list *from, struct list *to)
{
    bool moved = true;

    while (moved) {
        moved = false;
        for (struct list *link = from->next, *next; link != from; link = next) {
            next = link->next;
            if (!any(self, waiting_of(link), is_marked))
                continue;
            each(self, waiting_of(link), mark);
            list_remove(link);
            list_append(to, link);
            moved = true;
        }
    }
}

/* ---- life ---- */

static loop_later_fn flush_later;
static timer_fn on_patience;

struct batch *batch_new(struct loop *loop, struct log *log, struct metrics *metrics,
                        struct storage *storage, struct handle_table *objects,
                        const struct batch_options *options)
{
    struct batch *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->storage = storage;
    self->objects = objects;
    self->options = *options;
    list_init(&self->in_flight);
    list_init(&self->rest);
    list_init(&self->next);
    loop_later_init(&self->later, flush_later);
    self->refused_failed = metric_counter(metrics, "commit_refusals_total", "why=\"failed\"",
                                          "Requests refused because their commit was");
    self->refused_unavailable =
        metric_counter(metrics, "commit_refusals_total", "why=\"unavailable\"", "");
    self->bisections = metric_counter(metrics, "batch_bisections_total", NULL,
                                      "Batches cut in two to find the request at fault");
    self->requests_per_batch =
        metric_histogram(metrics, "batch_requests", "Requests that shared one commit", 1);
    return self;
}

static void queue_free(struct list *queue)
{
    for (struct list *link; (link = list_take(queue)) != NULL;)
        free(waiting_of(link));
}

void batch_free(struct batch *self)
{
    if (self == NULL)
        return;
    loop_later_cancel(&self->later);
    timer_stop(loop_timers(self->loop), &self->spacing);
    timer_stop(loop_timers(self->loop), &self->patience);
    queue_free(&self->in_flight);
    queue_free(&self->rest);
    queue_free(&self->next);
    free(self);
}

void batch_reconfigure(struct batch *self, const struct batch_options *options)
{
    self->options = *options;
}

static bool is_stuck(const struct batch *self)
{
    return self->writing &&
           instant_reached(loop_now(self->loop),
                           instant_after(self->written_at, self->options.patience_us));
}

bool batch_is_open(const struct batch *self)
{
    return storage_is_connected(self->storage) && !is_stuck(self);
}

uint64_t batch_committed(const struct batch *self)
{
    return self->committed;
}

void batch_begin(struct batch *self, uint64_t committed)
{
    self->committed = committed;
}

bool batch_is_idle(const struct batch *self)
{
    return !self->writing && list_empty(&self->next);
}

/* ---- waiting ---- */

static struct waiting *waiting_new(const struct batch *self, const struct batch_waiter *waiter,
                                   const struct handle objects[], size_t count)
{
    struct waiting *waiting = malloc(sizeof(*waiting) + count * sizeof(objects[0]));

    must(waiting != NULL);
    waiting->waiter = *waiter;
    waiting->since = loop_now(self->loop);
    waiting->answered = false;
    waiting->count = count;
    memcpy(waiting->objects, objects, count * sizeof(objects[0]));
    return waiting;
}

static void watch_patience(struct batch *self, struct instant since)
{
    if (!timer_is_running(&self->patience))
        timer_start(loop_timers(self->loop), &self->patience,
                    instant_after(since, self->options.patience_us), on_patience);
}

/* Where a request waits that changes nothing itself: with the writes that it rests on. Those that
 * a bisection set aside are not in flight, and must not be taken for committed with what is. */
static struct list *queue_of_writes(struct batch *self, const struct waiting *waiting)
{
    bool aside;

    each_in(self, &self->rest, mark);
    aside = any(self, waiting, is_marked);
    each_in(self, &self->rest, unmark);
    return aside ? &self->rest : &self->in_flight;
}

void batch_wait(struct batch *self, const struct batch_waiter *waiter,
                const struct handle objects[], size_t count)
{
    struct waiting *waiting = waiting_new(self, waiter, objects, count);
    bool dirty = any(self, waiting, hot_is_dirty);

    must(dirty || self->writing);
    list_append(dirty ? &self->next : queue_of_writes(self, waiting), &waiting->link);
    watch_patience(self, waiting->since);
    if (dirty)
        loop_later(self->loop, &self->later);
}

void batch_write(struct batch *self, const struct handle objects[], size_t count)
{
    const struct batch_waiter nobody = {0};
    bool settled = true;

    for (size_t i = 0; i < count; i++) {
        const struct hot *hot = handle_find(self->objects, objects[i]);

        settled = settled && (hot == NULL || hot_is_settled(hot));
    }
    if (!settled)
        batch_wait(self, &nobody, objects, count);
}

void batch_command_done(struct batch *self, int64_t command)
{
    if (self->command_count == COMMANDS_MAX)
        return; /* it stays in its table, and comes again after a restart: commands are idempotent
                 */
    self->commands[self->command_count++] = command;
    loop_later(self->loop, &self->later);
}

/* ---- in time: flush() -> write() -> [storage] -> on_written() -> the answers ---- */

static storage_written_fn on_written;

/* With the last part of a batch that was cut: their effects are in it, or committed before. */
static void put_commands(struct batch *self)
{
    if (!list_empty(&self->rest))
        return;
    for (size_t i = 0; i < self->command_count; i++)
        storage_put_command_done(self->storage, self->commands[i]);
    self->commands_written = self->command_count;
}

/* A batch that is refused for the sake of a request leaves them to the next one. */
static void settle_commands(struct batch *self, enum storage_outcome outcome)
{
    size_t written = self->commands_written;

    self->commands_written = 0;
    if (outcome == STORAGE_FAILED && !list_empty(&self->in_flight))
        return;
    self->command_count -= written;
    memmove(self->commands, self->commands + written,
            self->command_count * sizeof(self->commands[0]));
}

static void write_in_flight(struct batch *self)
{
    for (struct list *link = self->in_flight.next; link != &self->in_flight; link = link->next)
        put_rows(self, waiting_of(link));
    each_in(self, &self->in_flight, unmark);
    put_commands(self);
    self->writing = true;
    self->written_at = loop_now(self->loop);
    self->number = storage_next_batch(self->storage);
    if (storage_filled_rows(self->storage) > 0)
        self->row_bytes = storage_filled_bytes(self->storage) / storage_filled_rows(self->storage);
    storage_write(self->storage, on_written, self);
}

/* What a row will take is known only once it is put: the last batch tells what to expect. */
static bool is_full(const struct batch *self, size_t rows)
{
    return rows >= self->options.rows_max || rows * self->row_bytes >= self->options.bytes_max;
}

/* A request shares its batch with all that it was built on, and with all that were built on it:
 * what comes behind the cut but shares an object with what comes before it is taken too. */
static void take_next(struct batch *self)
{
    struct list *link;
    size_t requests = 0;
    size_t rows = 0;

    while (!is_full(self, rows) && (link = list_take(&self->next)) != NULL) {
        list_append(&self->in_flight, link);
        each(self, waiting_of(link), mark);
        rows += waiting_of(link)->count;
        requests++;
    }
    if (!list_empty(&self->next))
        gather_marked(self, &self->next, &self->in_flight);
    each_in(self, &self->in_flight, unmark);
    each_in(self, &self->in_flight, hot_take);
    self->last_requests = requests;
    metric_observe(self->requests_per_batch, (double)requests);
}

static void on_spacing(struct timer *timer, struct instant now)
{
    struct batch *self = CONTAINER_OF(timer, struct batch, spacing);

    (void)now;
    loop_later(self->loop, &self->later);
}

/* One client that asks again as soon as it was answered gains nothing from waiting for others. */
static bool is_lonely(const struct batch *self)
{
    return self->last_requests <= 1 && self->next.next == self->next.prev;
}

static void flush(struct batch *self)
{
    struct instant due = instant_after(self->written_at, self->options.spacing_us);

    if (self->writing || (list_empty(&self->next) && self->command_count == 0))
        return;
    if (!is_lonely(self) && !instant_reached(loop_now(self->loop), due)) {
        if (!timer_is_running(&self->spacing))
            timer_start(loop_timers(self->loop), &self->spacing, due, on_spacing);
        return;
    }
    take_next(self);
    write_in_flight(self);
}

static void flush_later(struct loop_later *later)
{
    flush(CONTAINER_OF(later, struct batch, later));
}

static void answer(struct batch *self, struct waiting *waiting, enum storage_outcome outcome)
{
    const struct batch_waiter *waiter = &waiting->waiter;

    if (waiting->answered)
        return;
    waiting->answered = true;
    switch (outcome) {
    case STORAGE_COMMITTED:
        if (waiter->on_committed != NULL)
            waiter->on_committed(waiter);
        return;
    case STORAGE_FAILED:
        (*self->refused_failed)++;
        if (waiter->on_refused != NULL)
            waiter->on_refused(waiter, STATUS_FAILED);
        return;
    case STORAGE_AWAY:
        (*self->refused_unavailable)++;
        if (waiter->on_refused != NULL)
            waiter->on_refused(waiter, STATUS_UNAVAILABLE);
        return;
    }
}

static void answer_all(struct batch *self, struct list *done, enum storage_outcome outcome)
{
    for (struct list *link; (link = list_take(done)) != NULL; free(waiting_of(link)))
        answer(self, waiting_of(link), outcome);
}

/* A refused request takes all its objects along, and they every request built on them. */
static void drop(struct batch *self, struct list *refused)
{
    each_in(self, refused, mark);
    gather_marked(self, &self->rest, refused);
    gather_marked(self, &self->next, refused);
    each_in(self, refused, unmark);
    each_in(self, refused, hot_drop);
}

/* The same for requests that were never in a batch: what is in flight stays as it is. */
static void forget(struct batch *self, struct list *late)
{
    each_in(self, late, mark);
    gather_marked(self, &self->next, late);
    each_in(self, late, unmark);
    each_in(self, late, hot_forget);
}

/* Moves the first `wanted` requests back in flight, and all that hang together with them. */
static void keep(struct batch *self, struct list *other, size_t wanted)
{
    for (struct list *link; wanted > 0 && (link = list_take(other)) != NULL; wanted--) {
        list_append(&self->in_flight, link);
        each(self, waiting_of(link), mark);
    }
    gather_marked(self, other, &self->in_flight);
    each_in(self, &self->in_flight, unmark);
}

/* Leaves about one half of the batch in flight and moves the other to `rest`; when each half
 * holds on to the other, leaves what the first request holds on to. False when all requests
 * hang together, so that they can only be refused as one. */
static bool cut_in_two(struct batch *self)
{
    struct list other;
    size_t count = 0;

    for (struct list *link = self->in_flight.next; link != &self->in_flight; link = link->next)
        count++;
    if (count < 2)
        return false;
    list_init(&other);
    list_append_all(&other, &self->in_flight);
    keep(self, &other, count / 2);
    if (list_empty(&other)) {
        list_append_all(&other, &self->in_flight);
        keep(self, &other, 1);
    }
    if (list_empty(&other))
        return false;
    list_append_all(&other, &self->rest);
    list_append_all(&self->rest, &other);
    (*self->bisections)++;
    return true;
}

static void write_rest(struct batch *self)
{
    if (list_empty(&self->rest))
        return;
    list_append_all(&self->in_flight, &self->rest);
    write_in_flight(self);
}

static void on_written(void *waiter, enum storage_outcome outcome, struct span message)
{
    struct batch *self = waiter;
    struct list done;

    self->writing = false;
    settle_commands(self, outcome);
    if (outcome == STORAGE_FAILED) {
        log_line(self->log, LOG_WARNING, "batch", "refused=\"" SPAN_FMT "\"", SPAN_ARG(message));
        if (cut_in_two(self)) {
            write_in_flight(self);
            return;
        }
    }
    list_init(&done);
    list_append_all(&done, &self->in_flight);
    if (outcome == STORAGE_COMMITTED) {
        self->committed = self->number;
        each_in(self, &done, hot_commit);
    } else {
        drop(self, &done);
    }
    write_rest(self);
    answer_all(self, &done, outcome);
    loop_later(self->loop, &self->later);
}

/* ---- patience ---- */

/* The oldest come first in each queue: moves the late ones away, or answers them where they
 * are. Lowers `oldest` to the begin of the first that still waits; false when none does. */
static bool refuse_late(struct batch *self, struct list *queue, struct list *late,
                        struct instant now, struct instant *oldest)
{
    for (struct list *link = queue->next, *next; link != queue; link = next) {
        struct waiting *waiting = waiting_of(link);

        next = link->next;
        if (waiting->answered)
            continue;
        if (!instant_reached(now, instant_after(waiting->since, self->options.patience_us))) {
            if (waiting->since.us < oldest->us)
                *oldest = waiting->since;
            return true;
        }
        if (late == NULL) {
            answer(self, waiting, STORAGE_AWAY);
        } else {
            list_remove(link);
            list_append(late, link);
        }
    }
    return false;
}

static void on_patience(struct timer *timer, struct instant now)
{
    struct batch *self = CONTAINER_OF(timer, struct batch, patience);
    struct instant oldest = now;
    struct list late;
    bool waits;

    list_init(&late);
    waits = refuse_late(self, &self->in_flight, NULL, now, &oldest);
    waits |= refuse_late(self, &self->rest, NULL, now, &oldest);
    waits |= refuse_late(self, &self->next, &late, now, &oldest);
    forget(self, &late);
    answer_all(self, &late, STORAGE_AWAY);
    if (waits)
        timer_start(loop_timers(self->loop), &self->patience,
                    instant_after(oldest, self->options.patience_us), on_patience);
}

void batch_forget(struct batch *self, const struct handle objects[], size_t count)
{
    const struct batch_waiter nobody = {0};
    struct waiting *waiting = waiting_new(self, &nobody, objects, count);
    struct list refused;

    list_init(&refused);
    list_append(&refused, &waiting->link);
    forget(self, &refused);
    answer_all(self, &refused, STORAGE_FAILED);
}
