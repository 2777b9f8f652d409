/* hot.h - one durable object in memory: its committed, written and newest version. */
#ifndef STATE_HOT_H
#define STATE_HOT_H

#include "server/base/handle.h"
#include "storage/storage.h"

#include <stdbool.h>

/** First member of each noun's version. One allocation, immutable once staged. */
struct hot_version {
    bool removed; /* this version says that the object is no more */
    bool partial; /* it differs from its predecessor only by what STORAGE_REFRESH writes */
    bool repeats; /* and even only by what STORAGE_REPEAT does */
};

struct hot;

/** What differs from noun to noun. */
struct hot_kind {
    /** Puts `version` into the batch being filled. */
    void (*write)(const struct hot *self, const struct hot_version *version,
                  enum storage_change change, struct storage *storage);
    /** The effect: marks what changed since `before`, NULL at first. Stages nothing. */
    void (*committed)(struct hot *self, const struct hot_version *before);
    /** A pending version was dropped; what committed() relies on (a timer, say) is set again. */
    void (*dropped)(struct hot *self);
    /** Frees a version. */
    void (*discard)(struct hot_version *version);
    /** Nothing is left of it: leave the tables, hot_deinit(), free. */
    void (*gone)(struct hot *self);
};

/**
 * First member of each noun. The world sees `committed` and nothing else; requests are
 * judged by `newest`. The two differ while a change is pending. A change made while the
 * pending version is being written waits beside it: hence the third.
 */
struct hot {
    const struct hot_kind *kind;
    struct handle handle;
    struct hot_version *committed; /* NULL before the first commit */
    struct hot_version *writing;   /* in the batch in flight; NULL when not in it */
    struct hot_version *newest;    /* equals one of the two above when nothing waits */
    bool marked;                   /* batch.c: scratch, false between its calls */
};

/** Takes `version`, a malloc()ed one, as the newest. The caller's next step is batch_wait(). */
void hot_stage(struct hot *self, struct hot_version *version);

/** Takes `version` as committed: for what a load brings and for what is never stored. */
void hot_load(struct hot *self, struct hot_version *version);

/** True when the newest version is not in a batch yet. */
bool hot_is_dirty(const struct hot *self);

/** True when the newest version is committed: an answer that rests on it need not wait. */
bool hot_is_settled(const struct hot *self);

/** Frees the versions, for a noun that ends. */
void hot_deinit(struct hot *self);

/* For batch.c alone. Each does nothing if there is nothing to do; the last two may free it. */
void hot_take(struct hot *self);                         /* newest -> writing */
void hot_put(struct hot *self, struct storage *storage); /* writing -> the batch being filled */
void hot_commit(struct hot *self);                       /* writing -> committed, effect */
void hot_drop(struct hot *self);                         /* back to committed */
void hot_forget(struct hot *self);                       /* newest back to writing or committed */

#endif
