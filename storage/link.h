/* link.h - one connection to the database, on the loop: asks, answers, reconnects by itself. */
#ifndef STORAGE_LINK_H
#define STORAGE_LINK_H

#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/base/span.h"
#include "server/base/status.h"
#include "storage/row.h"

#include <stdint.h>

/**
 * Statements are asked one by one and ended together: a group, which is one transaction.
 *
 *     link_ask() or link_execute() ...  ->  link_end()  ->  [database]  ->  link_answer_fn
 *
 * The answer comes when everything of the group is over, commit included, and never when the
 * connection breaks: then on_down() says that no further answer will come. With `pipeline`
 * many groups may be on the way; without it one, of one statement, which may be a COPY.
 * There is no BEGIN and no COMMIT: an error would skip the COMMIT and leave the next group
 * in a failed transaction.
 */
struct link;

struct link_answer {
    bool ok;
    char sqlstate[6];    /* of the first error; empty when ok */
    struct span message; /* its words; lent for the call */
    size_t failed_at; /* which statement of the group failed first, from 0; a COMMIT is one more */
    uint64_t rows;    /* that all statements together have touched */
    const struct result
        *result; /* of the last statement that gave rows, or NULL; lent for the call */
};

typedef void link_answer_fn(void *context, const struct link_answer *answer);

/** What the owner hears. Never from inside a call of the owner's. */
struct link_owner {
    void *context;
    /** Connected, and its settings made. */
    void (*on_up)(void *context);
    /** Not connected, or not any more: what was asked is not answered. Tries again by itself. */
    void (*on_down)(void *context, struct span why, bool was_up);
    /** A NOTIFY on a channel that was listened to. May be NULL. */
    void (*on_notice)(void *context, struct span payload);
};

struct link_options {
    const char *conninfo; /* copied */
    const char *settings; /* SQL that is run at every connect; copied */
    bool pipeline;
};

/** Borrows loop and log. Connects in link_start(). */
struct link *link_new(struct loop *loop, struct log *log, const struct link_options *options,
                      const struct link_owner *owner);
/** Closes the connection without calling anyone. Not from inside a callback. NULL is fine. */
void link_free(struct link *self);

/** STATUS_MALFORMED when the conninfo is; `why` then lends the words until the next call. */
MUST_USE enum status link_check(struct link *self, const char **why);

void link_start(struct link *self);

/** Closes the connection soon, on_down() tells it, and connects anew. */
void link_drop(struct link *self, const char *why);

/** Closes the connection soon and for good; nobody is called any more. */
void link_stop(struct link *self);

bool link_is_up(const struct link *self);

/** How long the oldest group waits for its answer; 0 when none does. */
int64_t link_waiting_us(const struct link *self);

/** The process that serves this connection, or served the last one; 0 before the first. */
int64_t link_backend(const struct link *self);

/* `types` and `values`: a letter of array.h for each, and its octets in binary form. */
void link_prepare(struct link *self, const char *name, const char *sql, const char *types);
void link_execute(struct link *self, const char *name, const struct span values[], size_t count);
void link_ask(struct link *self, const char *sql, const char *types, const struct span values[],
              size_t count);
void link_end(struct link *self, link_answer_fn *fn, void *context);

/** From inside a link_answer_fn: the answer's result is the caller's, to be given to
 * result_free(). NULL when there is none. */
struct result *link_keep_result(struct link *self);

/** Rows of one COPY ... TO STDOUT BINARY, lent for the call. */
typedef void link_row_fn(void *context, struct row *row);

/** Without `pipeline` only. The answer follows the last row. */
void link_copy(struct link *self, const char *sql, link_row_fn *on_row, link_answer_fn *fn,
               void *context);

/* ---- outside of the loop, for migrations ---- */

struct session;

/** Connects and waits for it; NULL when it fails, with the words on stderr. */
struct session *session_open(const char *conninfo);
void session_close(struct session *self);

/** Runs one or many statements; false when one fails, with the words on stderr. */
MUST_USE bool session_run(struct session *self, const char *sql);

/** The one number that `sql` selects; false when it fails or selects none. */
MUST_USE bool session_number(struct session *self, const char *sql, int64_t *out);

#endif
