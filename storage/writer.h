/* writer.h - the one connection that writes: a batch is one pipeline, one Sync, one transaction. */
#ifndef STORAGE_WRITER_H
#define STORAGE_WRITER_H

#include "server/base/metric.h"
#include "storage/array.h"
#include "storage/lease.h"
#include "storage/statement.h"
#include "storage/storage.h"

struct writer;

struct writer_owner {
    void *context;
    void (*on_standby)(void *context);
    /** The state is ours for the first time. */
    void (*on_owned)(void *context);
    void (*on_away)(void *context);
    void (*on_back)(void *context);
    void (*on_fatal)(void *context, const char *why);
    /** Commands whose effect this committed batch carried are done. */
    void (*on_committed)(void *context, uint64_t batch);
};

struct writer *writer_new(struct loop *loop, struct log *log, struct metrics *metrics,
                          const struct storage_options *options, const struct writer_owner *owner);
void writer_free(struct writer *self);
void writer_start(struct writer *self);
void writer_stop(struct writer *self);

bool writer_is_connected(const struct writer *self);
/** Epoch, first batch, secret: valid from on_owned() on. */
const struct lease *writer_lease(const struct writer *self);

/** The rows of that statement in the batch being filled. */
struct sheet *writer_sheet(struct writer *self, enum statement_id statement);
size_t writer_filled_rows(const struct writer *self);
size_t writer_filled_bytes(const struct writer *self);
uint64_t writer_next_batch(const struct writer *self);
void writer_set_notified(struct writer *self, uint64_t batch);
void writer_write(struct writer *self, storage_written_fn *fn, void *waiter);

#endif
