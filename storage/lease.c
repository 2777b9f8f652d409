/* lease.c - the walk from a new connection to the right to write. */
#include "storage/lease.h"

#include "storage/array.h"
#include "storage/migrate.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    POLL_QUICK_MS = 20, /* at first: a process that was killed a moment ago still holds the lock */
    POLL_MS = 200,
    QUICK_FOR_MS = 500,
    REFUSE_AFTER_MS = 3000, /* without standby: so long the lock may stay held */
    YIELD_MS = 2000,   /* a standby lets the owner come back first when the database was away */
    SILENT_MS = 15000, /* an owner that holds the lock without a sign of life is hung */
    SILENT_POLLS = 5,  /* seen so often: one that has just come back has not written yet */
};

static const char version_sql[] =
    "select coalesce(max(version), 0)::int8 from presence.schema_version";

/* 1886545267 is "pres". */
static const char lock_sql[] =
    "with l as materialized (select pg_try_advisory_lock(1886545267, 1) as got)"
    " select l.got,"
    " coalesce((select (extract(epoch from clock_timestamp() - n.heartbeat_at) * 1000)::int8"
    " from presence_state.node n where n.owns limit 1), 0),"
    " coalesce((select n.epoch from presence_state.node n where n.owns and n.id = $1), 0),"
    " case when l.got then 0::int8 else coalesce((select k.pid::int8 from pg_locks k"
    " where k.locktype = 'advisory' and k.classid = 1886545267 and k.objid = 1 and k.granted"
    " and k.database = (select d.oid from pg_database d where d.datname = current_database())"
    " limit 1), 0) end from l";

static const char terminate_sql[] = "select pg_terminate_backend($1::int4)";

static const char take_over_sql[] =
    "select epoch, batch, notified_batch, secret from presence_state.take_over($1)";

static const char resume_sql[] = "update presence_state.node set heartbeat_at = clock_timestamp()"
                                 " where id = $1 and epoch = $2 and owns returning batch";

static void ask_lock(struct lease *self);

void lease_init(struct lease *self, struct loop *loop, struct log *log, struct link *link,
                int64_t node, bool standby, const struct lease_owner *owner)
{
    *self = (struct lease){
        .loop = loop, .log = log, .link = link, .owner = *owner, .node = node, .standby = standby};
}

static void ask(struct lease *self, const char *sql, const int64_t numbers[], size_t count,
                link_answer_fn *fn)
{
    uint8_t octets[2][8];
    struct span values[2] = {{0}};
    char types[3] = {0};

    for (size_t i = 0; i < count; i++) {
        encode_int8(numbers[i], octets[i]);
        values[i] = (struct span){(const char *)octets[i], 8};
        types[i] = 'l';
    }
    link_ask(self->link, sql, types, values, count);
    link_end(self->link, fn, self);
}

static void on_poll(struct timer *timer, struct instant now)
{
    struct lease *self = CONTAINER_OF(timer, struct lease, timer);

    (void)now;
    ask_lock(self);
}

static void poll_in(struct lease *self, int64_t ms)
{
    timer_start(loop_timers(self->loop), &self->timer,
                instant_after(loop_now(self->loop), ms * US_PER_MS), on_poll);
}

/* ---- the schema's version ---- */

static void refuse_version(struct lease *self, int64_t found)
{
    char why[200];

    if (found == 0)
        snprintf(why, sizeof(why), "the database has no schema of ours: run presenced --migrate");
    else if (found < SCHEMA_VERSION)
        snprintf(why, sizeof(why),
                 "the database's schema is version %" PRId64 ", this server needs %d: run "
                 "presenced --migrate",
                 found, SCHEMA_VERSION);
    else
        snprintf(why, sizeof(why),
                 "the database's schema is version %" PRId64 ", this server knows only up to %d: "
                 "install the newer server (presenced --migrate does not go back)",
                 found, SCHEMA_VERSION);
    self->owner.on_fatal(self->owner.context, why);
}

static void on_version(void *context, const struct link_answer *answer)
{
    struct lease *self = context;
    struct row row;
    int64_t found;

    if (strcmp(answer->sqlstate, "42P01") == 0) { /* undefined_table */
        refuse_version(self, 0);
        return;
    }
    if (!answer->ok || result_count(answer->result) != 1) {
        char why[600];

        snprintf(why, sizeof(why), "the schema's version cannot be read: " SPAN_FMT,
                 SPAN_ARG(answer->message));
        self->owner.on_fatal(self->owner.context, why);
        return;
    }
    result_row(answer->result, 0, &row);
    found = row_int8(&row);
    if (found != SCHEMA_VERSION) {
        refuse_version(self, found);
        return;
    }
    if (self->told_standby && self->epoch == 0)
        poll_in(self, YIELD_MS);
    else
        ask_lock(self);
}

void lease_begin(struct lease *self)
{
    ask(self, version_sql, NULL, 0, on_version);
}

void lease_pause(struct lease *self)
{
    timer_stop(loop_timers(self->loop), &self->timer);
    self->old_backend = link_backend(self->link);
    self->trying = false;
    self->silent_polls = 0;
}

/* ---- the lock ---- */

static void on_taken_over(void *context, const struct link_answer *answer)
{
    struct lease *self = context;
    struct row row;
    struct span secret;

    if (!answer->ok || result_count(answer->result) != 1) {
        /* The fence row may be held by the last batch of a writer that is dying. */
        log_line(self->log, LOG_WARNING, "take_over", "failed=\"" SPAN_FMT "\"",
                 SPAN_ARG(answer->message));
        poll_in(self, POLL_MS);
        return;
    }
    result_row(answer->result, 0, &row);
    self->epoch = (uint64_t)row_int8(&row);
    self->first_batch = (uint64_t)row_int8(&row);
    self->notified_batch = (uint64_t)row_int8(&row);
    secret = row_octets(&row);
    if (!row_is_good(&row) || secret.len != sizeof(self->secret)) {
        self->owner.on_fatal(self->owner.context,
                             "presence_state.secret holds no key of 32 octets");
        return;
    }
    memcpy(self->secret, secret.at, sizeof(self->secret));
    log_line(self->log, LOG_INFO, "take_over", "node=%" PRId64 " epoch=%" PRIu64 " batch=%" PRIu64,
             self->node, self->epoch, self->first_batch);
    self->owner.on_held(self->owner.context, self->first_batch);
}

static void on_resumed(void *context, const struct link_answer *answer)
{
    struct lease *self = context;
    struct row row;

    if (!answer->ok) {
        log_line(self->log, LOG_WARNING, "lease", "failed=\"" SPAN_FMT "\"",
                 SPAN_ARG(answer->message));
        poll_in(self, POLL_MS);
        return;
    }
    if (result_count(answer->result) != 1) {
        self->owner.on_fatal(self->owner.context, "another server owns the state");
        return;
    }
    result_row(answer->result, 0, &row);
    self->owner.on_held(self->owner.context, (uint64_t)row_int8(&row));
}

static void on_terminated(void *context, const struct link_answer *answer)
{
    struct lease *self = context;

    if (!answer->ok)
        log_line(self->log, LOG_WARNING, "lease", "terminate_failed=\"" SPAN_FMT "\"",
                 SPAN_ARG(answer->message));
    poll_in(self, POLL_QUICK_MS);
}

/* Somebody else's: stand by, or say so. */
static void wait_for_lock(struct lease *self)
{
    const int64_t tried_ms = (loop_now(self->loop).us - self->tried_since.us) / US_PER_MS;

    if (self->epoch == 0 && tried_ms > QUICK_FOR_MS && !self->told_standby && self->standby) {
        self->told_standby = true;
        self->owner.on_standby(self->owner.context);
    }
    if (self->epoch == 0 && tried_ms > REFUSE_AFTER_MS && !self->standby) {
        self->owner.on_fatal(self->owner.context,
                             "another process owns the state of this database, and this one is "
                             "not configured to stand by for it");
        return;
    }
    poll_in(self, tried_ms < QUICK_FOR_MS ? POLL_QUICK_MS : POLL_MS);
}

static void on_lock(void *context, const struct link_answer *answer)
{
    struct lease *self = context;
    struct row row;
    bool got;
    int64_t silent_ms;
    int64_t epoch;
    int64_t holder;

    if (!answer->ok || result_count(answer->result) != 1) {
        log_line(self->log, LOG_WARNING, "lease", "failed=\"" SPAN_FMT "\"",
                 SPAN_ARG(answer->message));
        poll_in(self, POLL_MS);
        return;
    }
    result_row(answer->result, 0, &row);
    got = row_bool(&row);
    silent_ms = row_int8(&row);
    epoch = row_int8(&row);
    holder = row_int8(&row);
    self->silent_polls = silent_ms > SILENT_MS ? self->silent_polls + 1 : 0;
    if (got && self->epoch == 0)
        ask(self, take_over_sql, &self->node, 1, on_taken_over);
    else if (got)
        ask(self, resume_sql, (const int64_t[]){self->node, (int64_t)self->epoch}, 2, on_resumed);
    else if (self->epoch != 0 && (uint64_t)epoch != self->epoch)
        self->owner.on_fatal(self->owner.context, "another server owns the state");
    else if (holder != 0 && (holder == self->old_backend || self->silent_polls >= SILENT_POLLS)) {
        log_line(self->log, LOG_WARNING, "lease", "terminating=%" PRId64 " silent_ms=%" PRId64,
                 holder, silent_ms);
        self->silent_polls = 0;
        ask(self, terminate_sql, &holder, 1, on_terminated);
    } else {
        wait_for_lock(self);
    }
}

static void ask_lock(struct lease *self)
{
    if (!self->trying) {
        self->trying = true;
        self->tried_since = loop_now(self->loop);
    }
    ask(self, lock_sql, &self->node, 1, on_lock);
}
