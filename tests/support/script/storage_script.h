/* storage_script.h - a storage that remembers its rows and answers when the test says so. */
#ifndef SUPPORT_STORAGE_SCRIPT_H
#define SUPPORT_STORAGE_SCRIPT_H

#include "storage/storage.h"

enum { SCRIPT_ROWS_MAX = 512 };

enum script_kind {
    SCRIPT_BINDING,
    SCRIPT_PUBLICATION,
    SCRIPT_SUBSCRIPTION,
    SCRIPT_DEVICE,
    SCRIPT_MESSAGE,
    SCRIPT_RESOURCE
};

struct script_row {
    enum script_kind kind;
    enum storage_change change;
    int64_t id;
    uint32_t cseq;
    uint32_t cseq_mark;
    uint32_t expires_s;
    int64_t delivered_through;
};

/** Takes the place of libstorage in the programs that link it. Open, for tests to look into. */
struct storage {
    bool away;
    int writes;                                /* how often storage_write() was called */
    size_t rows;                               /* in the batch in flight, or the last one */
    size_t filling;                            /* in the next */
    size_t commands;                           /* taken out by all batches */
    uint64_t next_batch;                       /* its number */
    uint64_t notified_batch;                   /* as last set */
    struct script_row row[SCRIPT_ROWS_MAX];    /* in flight */
    struct script_row filled[SCRIPT_ROWS_MAX]; /* the next */
    storage_written_fn *on_written;            /* NULL while nothing is in flight */
    void *waiter;
    struct storage_events events;
};

/** The database's answer to the batch in flight. */
void storage_script_answer(struct storage *self, enum storage_outcome outcome);

/** The row of that id in the batch in flight or the last one, or NULL. */
const struct script_row *storage_script_row(const struct storage *self, int64_t id);

#endif
