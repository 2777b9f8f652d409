/* watermark.h - the batch up to which every watcher was told or marked: what a crash may have lost.
 */
#ifndef SERVICE_WATERMARK_H
#define SERVICE_WATERMARK_H

#include "server/state/state.h"

/**
 * A resource is unsettled from the batch that changed it until all who watch it have
 * acknowledged, or are marked `owed` in their rows. The mark in the fence row stays below the
 * first unsettled batch; after a restart everything above it is owed again (DESIGN section 4).
 */
struct watermark;

/** Borrows `state`. What is unsettled for `owed_after_s` gets its rows marked, and the mark passes
 * on. */
struct watermark *watermark_new(struct state *state, uint32_t owed_after_s);
void watermark_free(struct watermark *self);

/** What was loaded is unsettled since the batch behind `notified_batch`. */
void watermark_start(struct watermark *self, uint64_t notified_batch);

/** A batch has just changed the resource: the mark waits, even before it is known who is owed. */
void watermark_hold(struct watermark *self, struct resource *resource);

/** That is known now: with nobody owed the mark passes on. */
void watermark_release(struct watermark *self, struct resource *resource);

/** The watcher is owed a NOTIFY; or is not any more. Each may be said again. */
void watermark_owe(struct watermark *self, struct subscription *subscription);
void watermark_settle(struct watermark *self, struct subscription *subscription);

/** The resource ends. */
void watermark_forget(struct watermark *self, struct resource *resource);

#endif
