/* link.c - libpq's state machines, driven by the loop; nothing here blocks but session_*(). */
#include "storage/link.h"

#include "server/base/crypto.h"
#include "server/base/must.h"
#include "storage/array.h"

#include <libpq-fe.h>
#include <stdlib.h>

enum phase {
    PHASE_IDLE,       /* not started, or stopped */
    PHASE_WAITING,    /* for the next attempt */
    PHASE_CONNECTING, /* PQconnectPoll() */
    PHASE_SETTING,    /* the settings are on their way */
    PHASE_UP,
};

/* At most this many groups on the way: a batch, a heartbeat, and what a start-up asks for. */
enum { GROUPS_MAX = 8, PARAMETERS_MAX = 40, MESSAGE_BYTES_MAX = 500 };

enum { BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 1000, CONNECT_TIMEOUT_S = 5 };

struct group {
    link_answer_fn *fn;
    void *context;
    struct instant asked;
};

struct link {
    struct loop *loop;
    struct log *log;
    struct link_owner owner;
    char *conninfo;
    char *settings;
    char *malformed; /* libpq's words on the conninfo */
    bool pipeline;

    enum phase phase;
    PGconn *conn;
    struct loop_io *io;
    struct timer timer;
    struct loop_later later; /* closes what broke, at the end of the turn */
    bool breaking;
    char why[MESSAGE_BYTES_MAX];
    int64_t backoff_ms;
    int64_t backend;

    struct group groups[GROUPS_MAX]; /* a ring */
    size_t first;
    size_t count;
    /* the answer to the first group, as far as it has come */
    struct link_answer answer;
    char message[MESSAGE_BYTES_MAX];
    size_t statement;
    PGresult *result;

    link_row_fn *on_row; /* while a COPY runs */
    struct copy_reader copy;
    bool copying;
};

static void connect_now(struct link *self);

static char *copy_text(const char *text)
{
    char *copy = strdup(text);

    must(copy != NULL);
    return copy;
}

/* libpq's messages end with line feeds, and may have them within. */
static void copy_words(char out[MESSAGE_BYTES_MAX], const char *words)
{
    size_t len = 0;

    for (; *words != '\0' && len < MESSAGE_BYTES_MAX - 1; words++)
        out[len++] = (char)(*words == '\n' ? ' ' : *words);
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

/* ---- the end of a connection ---- */

static void clear_answer(struct link *self)
{
    PQclear(self->result);
    self->result = NULL;
    self->answer = (struct link_answer){.ok = true};
    self->message[0] = '\0';
    self->statement = 0;
}

static void close_connection(struct link *self)
{
    loop_later_cancel(&self->later);
    timer_stop(loop_timers(self->loop), &self->timer);
    loop_io_free(self->io);
    self->io = NULL;
    PQfinish(self->conn);
    self->conn = NULL;
    self->breaking = false;
    self->count = 0;
    self->copying = false;
    self->on_row = NULL;
    clear_answer(self);
}

static void on_retry(struct timer *timer, struct instant now)
{
    struct link *self = CONTAINER_OF(timer, struct link, timer);

    (void)now;
    connect_now(self);
}

/* Jitter, so that many nodes do not come back at the same moment. */
static void wait_and_retry(struct link *self)
{
    const int64_t jitter_us = (int64_t)(crypto_random_u64() % (uint64_t)(self->backoff_ms * 250));

    self->phase = PHASE_WAITING;
    timer_start(loop_timers(self->loop), &self->timer,
                instant_after(loop_now(self->loop), self->backoff_ms * US_PER_MS + jitter_us),
                on_retry);
    self->backoff_ms *= 2;
    if (self->backoff_ms > BACKOFF_MAX_MS)
        self->backoff_ms = BACKOFF_MAX_MS;
}

static void on_broken(struct loop_later *later)
{
    struct link *self = CONTAINER_OF(later, struct link, later);
    const bool was_up = self->phase == PHASE_UP;

    close_connection(self);
    if (self->phase == PHASE_IDLE)
        return;
    wait_and_retry(self);
    self->owner.on_down(self->owner.context, span_of(self->why), was_up);
}

static void break_off(struct link *self, const char *why)
{
    if (self->breaking)
        return;
    self->breaking = true;
    copy_words(self->why, why);
    loop_later(self->loop, &self->later);
}

void link_drop(struct link *self, const char *why)
{
    if (self->conn != NULL)
        break_off(self, why);
}

void link_stop(struct link *self)
{
    self->phase = PHASE_IDLE;
    timer_stop(loop_timers(self->loop), &self->timer);
    self->breaking = true;
    loop_later(self->loop, &self->later);
}

/* ---- what comes in ---- */

static void take_error(struct link *self, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (!self->answer.ok)
        return; /* the first error is the cause of the others */
    self->answer.ok = false;
    self->answer.failed_at = self->statement;
    if (sqlstate != NULL && strlen(sqlstate) < sizeof(self->answer.sqlstate))
        memcpy(self->answer.sqlstate, sqlstate, strlen(sqlstate));
    copy_words(self->message, primary != NULL ? primary : PQresultErrorMessage(result));
}

static void finish_group(struct link *self)
{
    const struct group group = self->groups[self->first];

    self->first = (self->first + 1) % GROUPS_MAX;
    self->count--;
    self->copying = false;
    self->answer.message = span_of(self->message);
    self->answer.result = (const struct result *)(const void *)self->result;
    if (group.fn != NULL)
        group.fn(group.context, &self->answer);
    clear_answer(self);
}

static void take_result(struct link *self, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
        self->answer.rows += strtoull(PQcmdTuples(result), NULL, 10);
        self->statement++;
        PQclear(self->result);
        self->result = result;
        return;
    case PGRES_COMMAND_OK:
        self->answer.rows += strtoull(PQcmdTuples(result), NULL, 10);
        self->statement++;
        break;
    case PGRES_PIPELINE_SYNC:
        finish_group(self);
        break;
    case PGRES_COPY_OUT:
        self->copying = true;
        break;
    case PGRES_PIPELINE_ABORTED:
        self->statement++;
        break;
    case PGRES_EMPTY_QUERY:
    case PGRES_NONFATAL_ERROR:
    case PGRES_BAD_RESPONSE:
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
    case PGRES_SINGLE_TUPLE:
    case PGRES_FATAL_ERROR:
        take_error(self, result);
        self->statement++;
        break;
    }
    PQclear(result);
}

static void take_chunk(struct link *self, struct span chunk)
{
    struct row row;
    bool bad = false;

    while (!self->breaking && copy_row(&self->copy, &chunk, &row, &bad)) {
        if (self->on_row != NULL)
            self->on_row(self->groups[self->first].context, &row);
    }
    if (bad)
        break_off(self, "malformed COPY data");
}

/* True while there is more to do without waiting. */
static bool take_copy(struct link *self)
{
    char *chunk;
    const int len = PQgetCopyData(self->conn, &chunk, 1);

    if (len > 0) {
        take_chunk(self, (struct span){chunk, (size_t)len});
        PQfreemem(chunk);
        return true;
    }
    if (len < 0)
        self->copying = false; /* ended or failed: PQgetResult() tells */
    return len < 0;
}

/*
 * PQgetResult() is never called while PQisBusy(): it would wait, while the server may be
 * holding back its output until we read or sync. After the NULL that ends a statement's
 * results PQisBusy() must therefore be asked again.
 */
static void take_results(struct link *self)
{
    int nulls = 0;

    while (self->count > 0 && !self->breaking) {
        PGresult *result;

        if (self->copying) {
            if (!take_copy(self))
                return;
            continue;
        }
        if (PQisBusy(self->conn))
            return;
        result = PQgetResult(self->conn);
        if (result != NULL) {
            nulls = 0;
            take_result(self, result);
        } else if (!self->pipeline) {
            finish_group(self);
        } else if (++nulls > 2) {
            break_off(self, "the connection is out of step");
        }
    }
}

static void take_notices(struct link *self)
{
    PGnotify *notice;

    while (!self->breaking && (notice = PQnotifies(self->conn)) != NULL) {
        if (self->owner.on_notice != NULL)
            self->owner.on_notice(self->owner.context, span_of(notice->extra));
        PQfreemem(notice);
    }
}

static void flush(struct link *self)
{
    const int left = PQflush(self->conn);

    if (left < 0)
        break_off(self, PQerrorMessage(self->conn));
    else
        loop_io_set(self->io, left > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void take_settings(struct link *self)
{
    while (!PQisBusy(self->conn)) {
        PGresult *result = PQgetResult(self->conn);

        if (result != NULL) {
            if (PQresultStatus(result) == PGRES_FATAL_ERROR)
                take_error(self, result);
            PQclear(result);
            continue;
        }
        if (!self->answer.ok) {
            break_off(self, self->message);
            return;
        }
        if (self->pipeline)
            must(PQenterPipelineMode(self->conn) == 1);
        timer_stop(loop_timers(self->loop), &self->timer);
        self->phase = PHASE_UP;
        self->backoff_ms = BACKOFF_MIN_MS;
        self->owner.on_up(self->owner.context);
        return;
    }
}

static void on_io(void *context, int events)
{
    struct link *self = context;

    if (self->breaking)
        return;
    if ((events & LOOP_READ) != 0) {
        const bool good = PQconsumeInput(self->conn) == 1;

        /* What came before the end still counts: it may hold the answer to a batch. */
        if (self->phase == PHASE_SETTING)
            take_settings(self);
        else
            take_results(self);
        take_notices(self);
        if (!good || PQstatus(self->conn) == CONNECTION_BAD)
            break_off(self, PQerrorMessage(self->conn));
    }
    if (!self->breaking)
        flush(self);
}

/* ---- connecting ---- */

static void on_connect_io(void *context, int events);

static void on_connect_timeout(struct timer *timer, struct instant now)
{
    struct link *self = CONTAINER_OF(timer, struct link, timer);

    (void)now;
    break_off(self, "connecting took too long");
}

/* The descriptor changes when libpq tries the next host: a new watch each time. */
static void watch(struct link *self, int events, loop_io_fn *fn)
{
    loop_io_free(self->io);
    self->io = loop_io_new(self->loop, PQsocket(self->conn), events, fn, self);
}

static void connected(struct link *self)
{
    self->backend = PQbackendPID(self->conn);
    self->phase = PHASE_SETTING;
    watch(self, LOOP_READ, on_io);
    if (PQsetnonblocking(self->conn, 1) != 0 || PQsendQuery(self->conn, self->settings) != 1)
        break_off(self, PQerrorMessage(self->conn));
    else
        flush(self);
}

static void poll_connection(struct link *self)
{
    switch (PQconnectPoll(self->conn)) {
    case PGRES_POLLING_READING:
        watch(self, LOOP_READ, on_connect_io);
        break;
    case PGRES_POLLING_WRITING:
        watch(self, LOOP_WRITE, on_connect_io);
        break;
    case PGRES_POLLING_OK:
        connected(self);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        break_off(self, PQerrorMessage(self->conn));
        break;
    }
}

static void on_connect_io(void *context, int events)
{
    struct link *self = context;

    (void)events;
    if (!self->breaking)
        poll_connection(self);
}

static void on_pg_notice(void *context, const PGresult *result)
{
    const struct link *self = context;
    char words[MESSAGE_BYTES_MAX];

    copy_words(words, PQresultErrorMessage(result));
    log_line(self->log, LOG_DEBUG, "database_notice", "words=\"%s\"", words);
}

/* A host that vanished is noticed in seconds; what conninfo says itself comes later and wins. */
static PGconn *begin_connect(const char *conninfo, bool blocking)
{
    const char *keywords[] = {"keepalives_idle",  "keepalives_interval",
                              "keepalives_count", "tcp_user_timeout",
                              "application_name", "dbname",
                              "client_encoding",  NULL};
    const char *values[] = {"2", "1", "3", "5000", "presenced", conninfo, "UTF8", NULL};

    return blocking ? PQconnectdbParams(keywords, values, 1)
                    : PQconnectStartParams(keywords, values, 1);
}

static void connect_now(struct link *self)
{
    self->phase = PHASE_CONNECTING;
    self->conn = begin_connect(self->conninfo, false);
    must(self->conn != NULL);
    timer_start(loop_timers(self->loop), &self->timer,
                instant_after(loop_now(self->loop), CONNECT_TIMEOUT_S * US_PER_S),
                on_connect_timeout);
    if (PQstatus(self->conn) == CONNECTION_BAD) {
        break_off(self, PQerrorMessage(self->conn));
        return;
    }
    PQsetNoticeReceiver(self->conn, on_pg_notice, self);
    watch(self, LOOP_WRITE, on_connect_io);
}

/* ---- the owner's calls ---- */

struct link *link_new(struct loop *loop, struct log *log, const struct link_options *options,
                      const struct link_owner *owner)
{
    struct link *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->owner = *owner;
    self->conninfo = copy_text(options->conninfo);
    self->settings = copy_text(options->settings);
    self->pipeline = options->pipeline;
    self->backoff_ms = BACKOFF_MIN_MS;
    loop_later_init(&self->later, on_broken);
    clear_answer(self);
    return self;
}

void link_free(struct link *self)
{
    if (self == NULL)
        return;
    close_connection(self);
    free(self->conninfo);
    free(self->settings);
    free(self->malformed);
    free(self);
}

enum status link_check(struct link *self, const char **why)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(self->conninfo, &words);

    if (options != NULL) {
        PQconninfoFree(options);
        return STATUS_OK;
    }
    free(self->malformed);
    self->malformed = copy_text(words == NULL ? "malformed" : words);
    PQfreemem(words);
    *why = self->malformed;
    return STATUS_MALFORMED;
}

void link_start(struct link *self)
{
    must(self->phase == PHASE_IDLE && self->conn == NULL);
    connect_now(self);
}

bool link_is_up(const struct link *self)
{
    return self->phase == PHASE_UP && !self->breaking;
}

int64_t link_waiting_us(const struct link *self)
{
    return self->count == 0 ? 0 : loop_now(self->loop).us - self->groups[self->first].asked.us;
}

int64_t link_backend(const struct link *self)
{
    return self->backend;
}

static size_t oids_of(const char *types, Oid out[PARAMETERS_MAX])
{
    const size_t count = strlen(types);

    must(count <= PARAMETERS_MAX);
    for (size_t i = 0; i < count; i++)
        out[i] = type_oid(types[i]);
    return count;
}

static void lay_out(const struct span values[], size_t count, const char *at[PARAMETERS_MAX],
                    int lengths[PARAMETERS_MAX], int formats[PARAMETERS_MAX])
{
    must(count <= PARAMETERS_MAX);
    for (size_t i = 0; i < count; i++) {
        at[i] = values[i].at;
        lengths[i] = (int)values[i].len;
        formats[i] = 1;
    }
}

void link_prepare(struct link *self, const char *name, const char *sql, const char *types)
{
    Oid oids[PARAMETERS_MAX];
    const size_t count = oids_of(types, oids);

    if (!link_is_up(self))
        return;
    if (PQsendPrepare(self->conn, name, sql, (int)count, oids) != 1)
        break_off(self, PQerrorMessage(self->conn));
}

void link_execute(struct link *self, const char *name, const struct span values[], size_t count)
{
    const char *at[PARAMETERS_MAX];
    int lengths[PARAMETERS_MAX];
    int formats[PARAMETERS_MAX];

    if (!link_is_up(self))
        return;
    lay_out(values, count, at, lengths, formats);
    if (PQsendQueryPrepared(self->conn, name, (int)count, at, lengths, formats, 1) != 1)
        break_off(self, PQerrorMessage(self->conn));
}

void link_ask(struct link *self, const char *sql, const char *types, const struct span values[],
              size_t count)
{
    const char *at[PARAMETERS_MAX];
    int lengths[PARAMETERS_MAX];
    int formats[PARAMETERS_MAX];
    Oid oids[PARAMETERS_MAX];

    if (!link_is_up(self))
        return;
    must(oids_of(types, oids) == count);
    lay_out(values, count, at, lengths, formats);
    if (PQsendQueryParams(self->conn, sql, (int)count, oids, at, lengths, formats, 1) != 1)
        break_off(self, PQerrorMessage(self->conn));
}

static void expect(struct link *self, link_answer_fn *fn, void *context)
{
    must(self->count < GROUPS_MAX && (self->pipeline || self->count == 0));
    self->groups[(self->first + self->count) % GROUPS_MAX] =
        (struct group){.fn = fn, .context = context, .asked = loop_now(self->loop)};
    self->count++;
}

void link_end(struct link *self, link_answer_fn *fn, void *context)
{
    if (!link_is_up(self))
        return;
    expect(self, fn, context);
    if (self->pipeline && PQpipelineSync(self->conn) != 1)
        break_off(self, PQerrorMessage(self->conn));
    else
        flush(self);
}

struct result *link_keep_result(struct link *self)
{
    struct result *kept = (struct result *)(void *)self->result;

    self->result = NULL;
    return kept;
}

void link_copy(struct link *self, const char *sql, link_row_fn *on_row, link_answer_fn *fn,
               void *context)
{
    must(!self->pipeline);
    if (!link_is_up(self))
        return;
    self->on_row = on_row;
    self->copy = (struct copy_reader){0};
    if (PQsendQuery(self->conn, sql) != 1)
        break_off(self, PQerrorMessage(self->conn));
    else
        link_end(self, fn, context);
}

/* ---- outside of the loop ---- */

static PGconn *pg(struct session *session)
{
    return (PGconn *)(void *)session;
}

/* Not the "NOTICE: ... does not exist, skipping" kind of talk, but what a migration says. */
static void print_notice(void *context, const PGresult *result)
{
    (void)context;
    fputs(PQresultErrorMessage(result), stderr);
}

struct session *session_open(const char *conninfo)
{
    PGconn *conn = begin_connect(conninfo, true);

    must(conn != NULL);
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
        PQfinish(conn);
        return NULL;
    }
    PQsetNoticeReceiver(conn, print_notice, NULL);
    return (struct session *)(void *)conn;
}

void session_close(struct session *self)
{
    PQfinish(pg(self));
}

bool session_run(struct session *self, const char *sql)
{
    PGresult *result = PQexec(pg(self), sql);
    const ExecStatusType status = PQresultStatus(result);
    const bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

    if (!ok)
        fprintf(stderr, "%s", PQresultErrorMessage(result));
    PQclear(result);
    return ok;
}

bool session_number(struct session *self, const char *sql, int64_t *out)
{
    PGresult *result = PQexec(pg(self), sql);
    bool ok = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;

    if (ok)
        *out = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    else
        fprintf(stderr, "%s", PQresultErrorMessage(result));
    PQclear(result);
    return ok;
}
