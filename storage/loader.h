/* loader.h - reads all hot state once, at start-up or take-over, by COPY on its own connection. */
#ifndef STORAGE_LOADER_H
#define STORAGE_LOADER_H

#include "storage/storage.h"

struct loader;

struct loader_owner {
    void *context;
    void (*on_loaded)(void *context);
    void (*on_fatal)(void *context, const char *why);
};

/** Borrows loop, log and `events`. */
struct loader *loader_new(struct loop *loop, struct log *log, const char *conninfo,
                          const struct storage_events *events, const struct loader_owner *owner);
void loader_free(struct loader *self);
void loader_stop(struct loader *self);

/** Bindings, publications, subscriptions, and resources changed later than `notified_batch`. */
void loader_start(struct loader *self, uint64_t notified_batch);

#endif
