/* storage_script.c - no database: what was put is kept, what was asked is never answered by itself.
 */
#include "tests/support/script/storage_script.h"

#include "server/base/must.h"

#include <check.h>
#include <stdlib.h>

struct storage *storage_new(struct loop *loop, struct log *log, struct metrics *metrics,
                            const struct storage_options *options)
{
    struct storage *self = calloc(1, sizeof(*self));

    (void)loop;
    (void)log;
    (void)metrics;
    (void)options;
    must(self != NULL);
    self->next_batch = 1;
    return self;
}

void storage_open(struct storage *self, const struct storage_events *events)
{
    self->events = *events;
}

void storage_free(struct storage *self)
{
    free(self);
}

bool storage_is_connected(const struct storage *self)
{
    return !self->away;
}

static void put(struct storage *self, struct script_row row)
{
    ck_assert_uint_lt(self->filling, SCRIPT_ROWS_MAX);
    for (size_t i = 0; i < self->filling; i++)
        ck_assert_msg(row.kind == SCRIPT_RESOURCE || self->filled[i].kind != row.kind ||
                          self->filled[i].id != row.id,
                      "one object twice in a batch");
    self->filled[self->filling++] = row;
}

void storage_put_binding(struct storage *self, enum storage_change change,
                         const struct binding_row *row)
{
    put(self, (struct script_row){.kind = SCRIPT_BINDING,
                                  .change = change,
                                  .id = row->id,
                                  .cseq = row->cseq,
                                  .expires_s = row->expires_s});
}

void storage_put_publication(struct storage *self, enum storage_change change,
                             const struct publication_row *row)
{
    put(self, (struct script_row){.kind = SCRIPT_PUBLICATION,
                                  .change = change,
                                  .id = row->id,
                                  .cseq = row->cseq,
                                  .expires_s = row->expires_s});
}

void storage_put_subscription(struct storage *self, enum storage_change change,
                              const struct subscription_row *row)
{
    put(self, (struct script_row){.kind = SCRIPT_SUBSCRIPTION,
                                  .change = change,
                                  .id = row->id,
                                  .cseq = row->remote_cseq,
                                  .cseq_mark = row->cseq_mark,
                                  .expires_s = row->expires_s});
}

void storage_put_device(struct storage *self, enum storage_change change,
                        const struct device_row *row)
{
    ck_assert(change != STORAGE_INSERT || !span_empty(row->device_key));
    put(self, (struct script_row){.kind = SCRIPT_DEVICE,
                                  .change = change,
                                  .id = row->id,
                                  .delivered_through = row->delivered_through});
}

void storage_put_message(struct storage *self, enum storage_change change,
                         const struct message_row *row)
{
    put(self, (struct script_row){.kind = SCRIPT_MESSAGE,
                                  .change = change,
                                  .id = row->id,
                                  .cseq = row->cseq,
                                  .expires_s = row->expires_s});
}

void storage_put_resource(struct storage *self, struct span aor, struct span event)
{
    (void)aor;
    (void)event;
    put(self, (struct script_row){.kind = SCRIPT_RESOURCE});
}

void storage_put_command_done(struct storage *self, int64_t id)
{
    (void)id;
    self->commands++;
}

void storage_set_notified_batch(struct storage *self, uint64_t batch)
{
    self->notified_batch = batch;
}

size_t storage_filled_rows(const struct storage *self)
{
    return self->filling;
}

size_t storage_filled_bytes(const struct storage *self)
{
    return self->filling * sizeof(self->filled[0]);
}

uint64_t storage_next_batch(const struct storage *self)
{
    return self->next_batch;
}

void storage_write(struct storage *self, storage_written_fn *on_written, void *waiter)
{
    ck_assert_msg(self->on_written == NULL, "two batches in flight");
    self->writes++;
    self->rows = self->filling;
    memcpy(self->row, self->filled, sizeof(self->row));
    self->filling = 0;
    self->on_written = on_written;
    self->waiter = waiter;
}

void storage_script_answer(struct storage *self, enum storage_outcome outcome)
{
    storage_written_fn *on_written = self->on_written;

    ck_assert_msg(on_written != NULL, "nothing is in flight");
    self->on_written = NULL;
    if (outcome == STORAGE_COMMITTED)
        self->next_batch++;
    on_written(self->waiter, outcome, SPAN("by script"));
}

const struct script_row *storage_script_row(const struct storage *self, int64_t id)
{
    for (size_t i = 0; i < self->rows; i++)
        if (self->row[i].id == id && self->row[i].kind != SCRIPT_RESOURCE)
            return &self->row[i];
    return NULL;
}

/* Any number will do: nothing here is compared with what SQL computes. */
uint16_t storage_bucket_of(struct span aor)
{
    return (uint16_t)(aor.len % 1024);
}

bool storage_is_text(struct span bytes)
{
    return span_find(bytes, '\0') == NULL;
}
