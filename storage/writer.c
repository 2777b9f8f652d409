/* writer.c - two batches: one is filled while the other is on its way. */
#include "storage/writer.h"

#include "server/base/must.h"
#include "storage/link.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    TICK_MS = 250,
    HEARTBEAT_MS = 2000,
    RETRIES_MAX = 5,
    RETRY_MS = 10,
};

struct batch {
    uint64_t number;
    struct sheet sheets[STATEMENT_COUNT];
};

struct meters {
    struct metric_histogram *rows;
    struct metric_histogram *bytes;
    struct metric_histogram *seconds;
    uint64_t *committed;
    uint64_t *failed;
    uint64_t *away;
    uint64_t *retries;
    uint64_t *resent;
    uint64_t *reconnects;
    uint64_t *missed;
    uint64_t *by_statement[STATEMENT_COUNT];
};

struct writer {
    struct loop *loop;
    struct log *log;
    struct writer_owner owner;
    struct link *link;
    struct lease lease;
    struct meters meters;
    int64_t stuck_us;

    bool held;  /* connected, and the state is ours */
    bool owned; /* it was ours before */
    bool stopped;
    struct batch batches[2];
    struct batch *filling;
    struct batch *flight; /* the other one while it waits for its outcome, else NULL */
    storage_written_fn *fn;
    void *waiter;
    struct instant given; /* when the batch in flight was given */
    uint32_t retries;
    struct timer retry;
    struct loop_later away;

    uint64_t notified;
    struct timer tick;
    bool beating;          /* a heartbeat is on its way */
    struct instant fenced; /* when the fence row was last asked to be written */
};

/* ---- the batch being filled ---- */

static size_t rows_of(const struct batch *batch)
{
    size_t rows = 0;

    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        rows += batch->sheets[i].count;
    return rows;
}

static size_t bytes_of(const struct batch *batch)
{
    size_t bytes = 0;

    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        bytes += sheet_bytes(&batch->sheets[i]);
    return bytes;
}

struct sheet *writer_sheet(struct writer *self, enum statement_id statement)
{
    return &self->filling->sheets[statement];
}

size_t writer_filled_rows(const struct writer *self)
{
    return rows_of(self->filling);
}

size_t writer_filled_bytes(const struct writer *self)
{
    return bytes_of(self->filling);
}

uint64_t writer_next_batch(const struct writer *self)
{
    return self->filling->number;
}

void writer_set_notified(struct writer *self, uint64_t batch)
{
    if (batch > self->notified)
        self->notified = batch;
}

/* ---- the outcome ---- */

static void count_rows(struct writer *self, const struct batch *batch)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        *self->meters.by_statement[i] += batch->sheets[i].count;
}

static void finish(struct writer *self, enum storage_outcome outcome, struct span message)
{
    struct batch *batch = self->flight;
    storage_written_fn *fn = self->fn;

    switch (outcome) {
    case STORAGE_COMMITTED:
        (*self->meters.committed)++;
        count_rows(self, batch);
        metric_observe(self->meters.seconds,
                       (double)(loop_now(self->loop).us - self->given.us) / (double)US_PER_S);
        break;
    case STORAGE_FAILED:
        (*self->meters.failed)++;
        break;
    case STORAGE_AWAY:
        (*self->meters.away)++;
        break;
    }
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sheet_reset(&batch->sheets[i]);
    self->flight = NULL;
    if (outcome == STORAGE_COMMITTED)
        self->owner.on_committed(self->owner.context, batch->number);
    fn(self->waiter, outcome, message);
}

static bool is_transient(const char *sqlstate)
{
    static const char states[][6] = {
        "40001", /* serialization_failure */
        "40P01", /* deadlock_detected */
        "55P03", /* lock_not_available: lock_timeout */
        "57014", /* query_canceled: somebody's pg_cancel_backend() */
    };

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(states[i], sqlstate) == 0)
            return true;
    return false;
}

/* A row that is gone was taken by somebody who writes to presence_state himself. */
static void compare_rows(struct writer *self, uint64_t touched)
{
    const uint64_t expected = 1 + rows_of(self->flight); /* and the fence */

    if (touched >= expected)
        return;
    *self->meters.missed += expected - touched;
    log_line(self->log, LOG_WARNING, "batch", "batch=%" PRIu64 " rows=%" PRIu64 " missing=%" PRIu64,
             self->flight->number, expected - 1, expected - touched);
}

static void send_batch(struct writer *self);

static void on_retry(struct timer *timer, struct instant now)
{
    struct writer *self = CONTAINER_OF(timer, struct writer, retry);

    (void)now;
    send_batch(self);
}

/* The fence comes first: when it fails the epoch in the table is not ours. */
static bool is_fenced(const struct link_answer *answer)
{
    return answer->failed_at == 0 && strcmp(answer->sqlstate, "22012") == 0;
}

static void on_batch(void *context, const struct link_answer *answer)
{
    struct writer *self = context;

    if (answer->ok) {
        compare_rows(self, answer->rows);
        finish(self, STORAGE_COMMITTED, (struct span){0});
        return;
    }
    if (is_fenced(answer)) {
        self->owner.on_fatal(self->owner.context, "another server owns the state");
        finish(self, STORAGE_FAILED, SPAN("another server owns the state"));
        return;
    }
    if (is_transient(answer->sqlstate) && self->retries < RETRIES_MAX) {
        self->retries++;
        (*self->meters.retries)++;
        timer_start(
            loop_timers(self->loop), &self->retry,
            instant_after(loop_now(self->loop), (int64_t)self->retries * RETRY_MS * US_PER_MS),
            on_retry);
        return;
    }
    log_line(self->log, LOG_ERROR, "batch", "batch=%" PRIu64 " sqlstate=%s failed=\"" SPAN_FMT "\"",
             self->flight->number, answer->sqlstate, SPAN_ARG(answer->message));
    finish(self, STORAGE_FAILED, answer->message);
}

/* ---- sending ---- */

static struct span number_span(int64_t number, uint8_t octets[8])
{
    encode_int8(number, octets);
    return (struct span){(const char *)octets, 8};
}

static void send_fence(struct writer *self)
{
    uint8_t octets[4][8];
    const struct span values[] = {
        number_span(self->lease.node, octets[0]),
        number_span((int64_t)self->lease.epoch, octets[1]),
        number_span((int64_t)self->flight->number, octets[2]),
        number_span((int64_t)self->notified, octets[3]),
    };

    self->fenced = loop_now(self->loop);
    link_execute(self->link, "fence", values, 4);
}

static void send_batch(struct writer *self)
{
    struct span values[1 + ARRAY_COLUMNS_MAX];
    uint8_t octets[8];

    values[0] = number_span((int64_t)self->flight->number, octets);
    send_fence(self);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        if (self->flight->sheets[i].count == 0)
            continue;
        sheet_build(&self->flight->sheets[i], values + 1);
        link_execute(self->link, statements[i].name, values, 1 + strlen(statements[i].columns));
    }
    link_end(self->link, on_batch, self);
}

static void on_given_while_away(struct loop_later *later)
{
    struct writer *self = CONTAINER_OF(later, struct writer, away);

    finish(self, STORAGE_AWAY, (struct span){0});
}

void writer_write(struct writer *self, storage_written_fn *fn, void *waiter)
{
    must(self->flight == NULL);
    self->flight = self->filling;
    self->filling = self->filling == &self->batches[0] ? &self->batches[1] : &self->batches[0];
    self->filling->number = self->flight->number + 1;
    self->fn = fn;
    self->waiter = waiter;
    self->given = loop_now(self->loop);
    self->retries = 0;
    if (!self->held) {
        loop_later(self->loop, &self->away);
        return;
    }
    metric_observe(self->meters.rows, (double)rows_of(self->flight));
    metric_observe(self->meters.bytes, (double)bytes_of(self->flight));
    send_batch(self);
}

/* ---- signs of life ---- */

static void on_beat(void *context, const struct link_answer *answer)
{
    struct writer *self = context;

    self->beating = false;
    if (answer->ok)
        return;
    if (is_fenced(answer))
        self->owner.on_fatal(self->owner.context, "another server owns the state");
    else
        log_line(self->log, LOG_WARNING, "heartbeat", "failed=\"" SPAN_FMT "\"",
                 SPAN_ARG(answer->message));
}

static void beat(struct writer *self)
{
    uint8_t octets[3][8];
    const struct span values[] = {
        number_span(self->lease.node, octets[0]),
        number_span((int64_t)self->lease.epoch, octets[1]),
        number_span((int64_t)self->notified, octets[2]),
    };

    self->beating = true;
    self->fenced = loop_now(self->loop);
    link_execute(self->link, "heartbeat", values, 3);
    link_end(self->link, on_beat, self);
}

static void tick(struct timer *timer, struct instant now)
{
    struct writer *self = CONTAINER_OF(timer, struct writer, tick);

    timer_start(loop_timers(self->loop), &self->tick, instant_after(now, TICK_MS * US_PER_MS),
                tick);
    if (link_waiting_us(self->link) > self->stuck_us)
        link_drop(self->link, "no answer for too long");
    else if (self->held && self->flight == NULL && !self->beating &&
             now.us - self->fenced.us >= HEARTBEAT_MS * US_PER_MS)
        beat(self);
}

/* ---- the connection ---- */

static void on_prepared(void *context, const struct link_answer *answer)
{
    struct writer *self = context;
    char why[600];

    if (answer->ok)
        return;
    snprintf(why, sizeof(why), "a statement cannot be prepared: " SPAN_FMT,
             SPAN_ARG(answer->message));
    self->owner.on_fatal(self->owner.context, why);
}

static void prepare(struct writer *self)
{
    link_prepare(self->link, "fence", statement_fence, "llll");
    link_prepare(self->link, "heartbeat", statement_heartbeat, "lll");
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        const struct statement *statement = &statements[i];
        char types[2 + ARRAY_COLUMNS_MAX] = {'l'};

        for (size_t c = 0; statement->columns[c] != '\0'; c++)
            types[1 + c] = (char)(statement->columns[c] - 'a' + 'A');
        link_prepare(self->link, statement->name, statement->sql, types);
    }
    link_end(self->link, on_prepared, self);
}

/* `committed`, with the lock in hand, is final: no statement of an older connection runs. */
static void settle_flight(struct writer *self, uint64_t committed)
{
    if (self->flight == NULL || self->away.link.next != &self->away.link)
        return;
    if (committed >= self->flight->number) {
        finish(self, STORAGE_COMMITTED, (struct span){0});
        return;
    }
    (*self->meters.resent)++;
    send_batch(self);
}

static void on_held(void *context, uint64_t committed)
{
    struct writer *self = context;

    self->held = true;
    self->fenced = loop_now(self->loop);
    prepare(self);
    if (self->owned) {
        settle_flight(self, committed);
        self->owner.on_back(self->owner.context);
        return;
    }
    self->owned = true;
    self->filling->number = self->lease.first_batch + 1;
    self->notified = self->lease.notified_batch;
    self->owner.on_owned(self->owner.context);
}

static void on_up(void *context)
{
    struct writer *self = context;

    lease_begin(&self->lease);
}

static void on_down(void *context, struct span why, bool was_up)
{
    struct writer *self = context;
    const bool was_held = self->held;

    self->held = false;
    self->beating = false;
    timer_stop(loop_timers(self->loop), &self->retry);
    lease_pause(&self->lease);
    if (was_up)
        (*self->meters.reconnects)++;
    log_line(self->log, LOG_WARNING, "database_away", "link=writer why=\"" SPAN_FMT "\"",
             SPAN_ARG(why));
    if (was_held)
        self->owner.on_away(self->owner.context);
}

static void on_standby(void *context)
{
    const struct writer *self = context;

    self->owner.on_standby(self->owner.context);
}

static void on_fatal(void *context, const char *why)
{
    const struct writer *self = context;

    self->owner.on_fatal(self->owner.context, why);
}

/* ---- life ---- */

static double is_connected(void *context)
{
    return writer_is_connected(context) ? 1 : 0;
}

static void make_meters(struct writer *self, struct metrics *metrics)
{
    struct meters *meters = &self->meters;

    meters->rows = metric_histogram(metrics, "storage_batch_rows", "Rows per batch.", 1);
    meters->bytes = metric_histogram(metrics, "storage_batch_bytes", "Octets per batch.", 64);
    meters->seconds = metric_histogram(metrics, "storage_commit_seconds",
                                       "From giving a batch to knowing its commit.", 0.0001);
    meters->committed = metric_counter(metrics, "storage_batches_total", "outcome=\"committed\"",
                                       "Batches by outcome.");
    meters->failed = metric_counter(metrics, "storage_batches_total", "outcome=\"failed\"", "");
    meters->away = metric_counter(metrics, "storage_batches_total", "outcome=\"away\"", "");
    meters->retries = metric_counter(metrics, "storage_retries_total", NULL,
                                     "Batches sent again after a transient fault.");
    meters->resent = metric_counter(metrics, "storage_resent_total", NULL,
                                    "Batches sent again after a lost connection.");
    meters->reconnects = metric_counter(metrics, "storage_reconnects_total", NULL,
                                        "Connections of the writer lost.");
    meters->missed = metric_counter(metrics, "storage_rows_missed_total", NULL,
                                    "Rows to change that were not there.");
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        meters->by_statement[i] = metric_counter(
            metrics, "storage_rows_total", statements[i].labels, "Rows written and committed.");
    metric_gauge(metrics, "storage_connected", NULL, "1 while the state can be written.",
                 is_connected, self);
}

static struct link *make_link(struct writer *self, const struct storage_options *options)
{
    char settings[400];
    const struct link_owner owner = {
        .context = self, .on_up = on_up, .on_down = on_down, .on_notice = NULL};

    snprintf(settings, sizeof(settings),
             "set synchronous_commit = on; set plan_cache_mode = force_generic_plan; set jit = off;"
             " set lock_timeout = %" PRIu32 "; set statement_timeout = 0;"
             " set idle_session_timeout = 0;"
             " set default_transaction_isolation = 'read committed';"
             " set search_path = pg_catalog, pg_temp",
             options->lock_timeout_ms);
    return link_new(self->loop, self->log,
                    &(struct link_options){
                        .conninfo = options->conninfo, .settings = settings, .pipeline = true},
                    &owner);
}

struct writer *writer_new(struct loop *loop, struct log *log, struct metrics *metrics,
                          const struct storage_options *options, const struct writer_owner *owner)
{
    struct writer *self = calloc(1, sizeof(*self));
    const struct lease_owner lease_owner = {
        .context = self, .on_standby = on_standby, .on_held = on_held, .on_fatal = on_fatal};

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->owner = *owner;
    self->stuck_us = (int64_t)options->stuck_ms * US_PER_MS;
    self->link = make_link(self, options);
    lease_init(&self->lease, loop, log, self->link, options->node_id, options->standby,
               &lease_owner);
    for (size_t b = 0; b < 2; b++)
        for (size_t i = 0; i < STATEMENT_COUNT; i++)
            sheet_init(&self->batches[b].sheets[i], statements[i].columns, i == PUT_RESOURCE);
    self->filling = &self->batches[0];
    loop_later_init(&self->away, on_given_while_away);
    make_meters(self, metrics);
    return self;
}

void writer_stop(struct writer *self)
{
    self->stopped = true;
    self->held = false;
    timer_stop(loop_timers(self->loop), &self->tick);
    timer_stop(loop_timers(self->loop), &self->retry);
    lease_pause(&self->lease);
    link_stop(self->link);
}

void writer_free(struct writer *self)
{
    if (self == NULL)
        return;
    timer_stop(loop_timers(self->loop), &self->tick);
    timer_stop(loop_timers(self->loop), &self->retry);
    loop_later_cancel(&self->away);
    lease_pause(&self->lease);
    link_free(self->link);
    for (size_t b = 0; b < 2; b++)
        for (size_t i = 0; i < STATEMENT_COUNT; i++)
            sheet_deinit(&self->batches[b].sheets[i]);
    free(self);
}

void writer_start(struct writer *self)
{
    const char *why;
    char words[600];

    if (link_check(self->link, &why) != STATUS_OK) {
        snprintf(words, sizeof(words), "the database's conninfo is malformed: %s", why);
        self->owner.on_fatal(self->owner.context, words);
        return;
    }
    tick(&self->tick, loop_now(self->loop));
    link_start(self->link);
}

bool writer_is_connected(const struct writer *self)
{
    return self->held;
}

const struct lease *writer_lease(const struct writer *self)
{
    return &self->lease;
}
