/*
 * change.c - one question at a time: a scan, some rows by id, or the commands. Rows by id are told
 * when all have come that are hinted at: half of a transaction might show what neither what was
 * before it nor what it made would have shown.
 */
#include "storage/change.h"

#include "server/base/must.h"
#include "storage/control.h"
#include "storage/known.h"
#include "storage/link.h"

#include <inttypes.h>
#include <stdlib.h>

enum { IDS_WAITING_MAX = 100000 };

struct ids {
    int64_t *at;
    size_t count;
    size_t cap;
};

struct noun {
    struct change *change;
    const struct control *control;
    struct known known;
    bool scan; /* read everything */
    struct ids waiting;
    struct ids asked;
    struct result *read; /* the answer to that, which is not told yet */
    int64_t bad;         /* rows of a scan that could not be read */
};

/* A command that was told stays in its table until its batch commits: it is told once. */
struct told {
    int64_t id;
    uint64_t batch; /* that carries its effect; 0 while unknown */
    bool done;      /* that batch has committed */
};

struct change {
    struct loop *loop;
    struct log *log;
    struct link *link;
    const struct storage_events *events;
    struct change_owner owner;
    bool busy;
    bool loaded;
    bool stopped;
    struct loop_later later; /* steps when all hints that came together are taken */
    struct noun nouns[CONTROLS];

    bool serve;
    bool commands; /* there may be new ones */
    struct told *told;
    size_t told_count;
    size_t told_cap;
    struct ids asked;
    struct sheet sheet; /* makes the array of ids that are asked for */
};

static void step(struct change *self);

static void ids_add(struct ids *self, int64_t id)
{
    if (self->count == self->cap) {
        self->cap = self->cap == 0 ? 64 : self->cap * 2;
        self->at = realloc(self->at, self->cap * sizeof(self->at[0]));
        must(self->at != NULL);
    }
    self->at[self->count++] = id;
}

/* ---- rows upward ---- */

static void tell_row(struct noun *noun, struct row *row)
{
    int64_t id;

    if (noun->control->tell(noun->change->events, row, &id))
        known_see(&noun->known, id);
    else
        noun->bad++;
}

static void complain(struct noun *noun)
{
    if (noun->bad > 0)
        log_line(noun->change->log, LOG_ERROR, "change", "table=%s unreadable_rows=%" PRId64,
                 noun->control->name, noun->bad);
    noun->bad = 0;
}

/* ---- reading everything ---- */

static void on_scan_row(void *context, struct row *row)
{
    struct noun *noun = context;

    tell_row(noun, row);
}

static void on_gone(void *context, int64_t id)
{
    const struct noun *noun = context;

    noun->control->tell_gone(noun->change->events, id);
}

static void on_scanned(void *context, const struct link_answer *answer)
{
    struct noun *noun = context;
    struct change *self = noun->change;

    self->busy = false;
    complain(noun);
    if (answer->ok) {
        known_end_scan(&noun->known, on_gone, noun);
    } else {
        noun->scan = true;
        log_line(self->log, LOG_ERROR, "change", "table=%s scan_failed=\"" SPAN_FMT "\"",
                 noun->control->name, SPAN_ARG(answer->message));
        link_drop(self->link, "a scan failed");
        return;
    }
    if (!self->loaded && noun == &self->nouns[CONTROLS - 1]) {
        self->loaded = true;
        self->owner.on_loaded(self->owner.context);
    }
    step(self);
}

static void scan(struct noun *noun)
{
    noun->scan = false;
    noun->waiting.count = 0; /* the scan begins later than they changed */
    noun->change->busy = true;
    known_begin_scan(&noun->known);
    link_copy(noun->change->link, noun->control->scan_sql, on_scan_row, on_scanned, noun);
}

/* ---- reading some by id ---- */

/* An id may be asked for more than once: "list 1", "list 1,2". */
static void tell_gone(struct noun *noun, const struct known *found)
{
    for (size_t i = 0; i < noun->asked.count; i++) {
        const int64_t id = noun->asked.at[i];

        if (!known_has(found, id) && known_forget(&noun->known, id))
            noun->control->tell_gone(noun->change->events, id);
    }
    noun->asked.count = 0;
}

static void tell_read(struct noun *noun)
{
    struct known found;
    struct row row;

    known_init(&found);
    for (int i = 0; i < result_count(noun->read); i++) {
        result_row(noun->read, i, &row);
        known_see(&found, row_int8(&row));
        row.next = 0;
        tell_row(noun, &row);
    }
    complain(noun);
    tell_gone(noun, &found);
    known_deinit(&found);
    result_free(noun->read);
    noun->read = NULL;
}

/* In one turn of the loop, so that nobody is judged by some of them. */
static void tell_all_read(struct change *self)
{
    for (int i = 0; i < CONTROLS; i++)
        if (self->nouns[i].read != NULL)
            tell_read(&self->nouns[i]);
}

static void on_read(void *context, const struct link_answer *answer)
{
    struct noun *noun = context;
    struct change *self = noun->change;

    self->busy = false;
    if (!answer->ok) {
        noun->scan = true;
        link_drop(self->link, "reading by id failed");
        return;
    }
    noun->read = link_keep_result(self->link);
    step(self);
}

static struct span array_of(struct change *self, const int64_t ids[], size_t count)
{
    struct span array;

    sheet_reset(&self->sheet);
    for (size_t i = 0; i < count; i++) {
        sheet_begin(&self->sheet, 0, ids[i]);
        sheet_int8(&self->sheet, ids[i]);
        sheet_end(&self->sheet);
    }
    sheet_build(&self->sheet, &array);
    return array;
}

static void read_some(struct noun *noun)
{
    struct change *self = noun->change;
    const struct ids asked = noun->asked;
    struct span array;

    noun->asked = noun->waiting;
    noun->waiting = asked;
    noun->waiting.count = 0;
    array = array_of(self, noun->asked.at, noun->asked.count);
    self->busy = true;
    link_ask(self->link, noun->control->read_sql, "L", &array, 1);
    link_end(self->link, on_read, noun);
}

/* ---- commands ---- */

static struct told *told_find(struct change *self, int64_t id)
{
    for (size_t i = 0; i < self->told_count; i++)
        if (self->told[i].id == id)
            return &self->told[i];
    return NULL;
}

static void told_add(struct change *self, int64_t id)
{
    if (self->told_count == self->told_cap) {
        self->told_cap = self->told_cap == 0 ? 64 : self->told_cap * 2;
        self->told = realloc(self->told, self->told_cap * sizeof(self->told[0]));
        must(self->told != NULL);
    }
    self->told[self->told_count++] = (struct told){.id = id};
}

/* What is done cannot be read again by a question that begins now. */
static void forget_done(struct change *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->told_count; i++)
        if (!self->told[i].done)
            self->told[kept++] = self->told[i];
    self->told_count = kept;
}

static void on_commands(void *context, const struct link_answer *answer)
{
    struct change *self = context;
    struct row row;
    struct command_row command;

    self->busy = false;
    if (!answer->ok) {
        link_drop(self->link, "reading commands failed");
        return;
    }
    if (result_count(answer->result) == COMMANDS_READ_MAX)
        self->commands = true;
    for (int i = 0; i < result_count(answer->result); i++) {
        result_row(answer->result, i, &row);
        if (!command_decode(&row, &command)) {
            log_line(self->log, LOG_ERROR, "command", "id=%" PRId64 " unreadable=1", command.id);
            told_add(self, command.id);
            continue;
        }
        if (told_find(self, command.id) != NULL)
            continue;
        told_add(self, command.id);
        self->events->on_command(self->events->context, &command);
    }
    step(self);
}

/* Not "greater than the last one seen": a lower id may be committed later. */
static void ask_commands(struct change *self)
{
    struct span array;

    self->commands = false;
    forget_done(self);
    self->asked.count = 0;
    for (size_t i = 0; i < self->told_count; i++)
        ids_add(&self->asked, self->told[i].id);
    array = array_of(self, self->asked.at, self->asked.count);
    self->busy = true;
    link_ask(self->link, command_read, "L", &array, 1);
    link_end(self->link, on_commands, self);
}

void change_serve_commands(struct change *self)
{
    self->serve = true;
    self->commands = true;
    step(self);
}

void change_command_done(struct change *self, int64_t id, uint64_t batch)
{
    struct told *told = told_find(self, id);

    if (told != NULL)
        told->batch = batch;
}

void change_committed(struct change *self, uint64_t batch)
{
    for (size_t i = 0; i < self->told_count; i++)
        if (self->told[i].batch == batch && batch != 0)
            self->told[i].done = true;
}

/* ---- what next ---- */

static struct noun *noun_to_scan(struct change *self)
{
    for (int i = 0; i < CONTROLS; i++)
        if (self->nouns[i].scan)
            return &self->nouns[i];
    return NULL;
}

static struct noun *noun_to_read(struct change *self)
{
    for (int i = 0; i < CONTROLS; i++)
        if (self->nouns[i].waiting.count > 0 && self->nouns[i].read == NULL && !self->nouns[i].scan)
            return &self->nouns[i];
    return NULL;
}

static void step(struct change *self)
{
    struct noun *noun;

    if (self->busy || self->stopped || !link_is_up(self->link))
        return;
    if ((noun = noun_to_read(self)) != NULL) {
        read_some(noun);
        return;
    }
    tell_all_read(self);
    if ((noun = noun_to_scan(self)) != NULL)
        scan(noun);
    else if ((noun = noun_to_read(self)) != NULL)
        read_some(noun);
    else if (self->serve && self->commands)
        ask_commands(self);
}

static void step_later(struct loop_later *later)
{
    step(CONTAINER_OF(later, struct change, later));
}

static void on_listening(void *context, const struct link_answer *answer)
{
    struct change *self = context;

    self->busy = false;
    if (!answer->ok) {
        link_drop(self->link, "LISTEN failed");
        return;
    }
    for (int i = 0; i < CONTROLS; i++)
        self->nouns[i].scan = true;
    self->commands = true;
    step(self);
}

/* LISTEN first, then read: what changes in between is told. */
static void on_up(void *context)
{
    struct change *self = context;

    self->busy = true;
    link_ask(self->link, "listen presence_change", "", NULL, 0);
    link_end(self->link, on_listening, self);
}

static void forget_read(struct change *self)
{
    for (int i = 0; i < CONTROLS; i++) {
        result_free(self->nouns[i].read);
        self->nouns[i].read = NULL;
        self->nouns[i].asked.count = 0;
    }
}

static void on_down(void *context, struct span why, bool was_up)
{
    struct change *self = context;

    self->busy = false;
    forget_read(self); /* a scan follows */
    log_line(self->log, was_up ? LOG_WARNING : LOG_DEBUG, "database_away",
             "link=change why=\"" SPAN_FMT "\"", SPAN_ARG(why));
}

/* ---- hints: "account 1,2,3", "domain reload", "command" ---- */

/* False when the payload is not a list of ids: somebody else's words. */
static bool take_ids(struct noun *noun, struct span list)
{
    while (!span_empty(list)) {
        int64_t id = 0;
        size_t digits = 0;

        while (digits < list.len && digits < 18 && list.at[digits] >= '0' && list.at[digits] <= '9')
            id = id * 10 + (list.at[digits++] - '0');
        if (digits == 0 || (digits < list.len && list.at[digits] != ','))
            return false;
        ids_add(&noun->waiting, id);
        list = span_skip(list, digits + 1);
    }
    return true;
}

static bool take_hint(struct noun *noun, struct span payload)
{
    const struct span name = span_of(noun->control->name);

    if (!span_begins(payload, name) || payload.len <= name.len || payload.at[name.len] != ' ')
        return false;
    payload = span_skip(payload, name.len + 1);
    if (span_equal(payload, SPAN("reload")) || !take_ids(noun, payload) ||
        noun->waiting.count > IDS_WAITING_MAX)
        noun->scan = true;
    return true;
}

static void on_notice(void *context, struct span payload)
{
    struct change *self = context;

    if (span_equal(payload, SPAN("command")))
        self->commands = true;
    for (int i = 0; i < CONTROLS && !take_hint(&self->nouns[i], payload); i++)
        continue;
    loop_later(self->loop, &self->later);
}

/* ---- life ---- */

struct change *change_new(struct loop *loop, struct log *log, const char *conninfo,
                          const struct storage_events *events, const struct change_owner *owner)
{
    struct change *self = calloc(1, sizeof(*self));
    const struct link_owner link_owner = {
        .context = self, .on_up = on_up, .on_down = on_down, .on_notice = on_notice};

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->events = events;
    self->owner = *owner;
    self->link =
        link_new(loop, log,
                 &(struct link_options){.conninfo = conninfo,
                                        .settings = "set jit = off; set statement_timeout = 0;"
                                                    " set idle_session_timeout = 0;"
                                                    " set search_path = pg_catalog, pg_temp",
                                        .pipeline = false},
                 &link_owner);
    for (int i = 0; i < CONTROLS; i++) {
        self->nouns[i].change = self;
        self->nouns[i].control = &controls[i];
        known_init(&self->nouns[i].known);
    }
    loop_later_init(&self->later, step_later);
    sheet_init(&self->sheet, "l", true);
    return self;
}

static void noun_free(struct noun *noun)
{
    known_deinit(&noun->known);
    free(noun->waiting.at);
    free(noun->asked.at);
}

void change_free(struct change *self)
{
    if (self == NULL)
        return;
    loop_later_cancel(&self->later);
    link_free(self->link);
    forget_read(self);
    for (int i = 0; i < CONTROLS; i++)
        noun_free(&self->nouns[i]);
    sheet_deinit(&self->sheet);
    free(self->told);
    free(self->asked.at);
    free(self);
}

void change_start(struct change *self)
{
    link_start(self->link);
}

void change_stop(struct change *self)
{
    self->stopped = true;
    link_stop(self->link);
}
