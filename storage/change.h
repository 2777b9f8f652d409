/* change.h - what people change by SQL, told upward: the nouns of control.h, and commands. */
#ifndef STORAGE_CHANGE_H
#define STORAGE_CHANGE_H

#include "storage/storage.h"

/**
 * Listens on its own connection. A NOTIFY is only a hint: channels have no privileges, and
 * one may be lost with its connection. So what changed is read by id, and at every connect
 * everything is read anew; what is not there any more has gone.
 */
struct change;

struct change_owner {
    void *context;
    /** All rows of all nouns have been told for the first time. */
    void (*on_loaded)(void *context);
};

/** Borrows loop, log and `events`. */
struct change *change_new(struct loop *loop, struct log *log, const char *conninfo,
                          const struct storage_events *events, const struct change_owner *owner);
void change_free(struct change *self);
void change_start(struct change *self);
void change_stop(struct change *self);

/** From now on commands are told too, those that wait first. */
void change_serve_commands(struct change *self);

/** Batch `batch` will carry the effect of command `id`. */
void change_command_done(struct change *self, int64_t id, uint64_t batch);

/** That batch has committed. */
void change_committed(struct change *self, uint64_t batch);

#endif
