/* dialect.h - phones that need their documents in another form, as SQL names them. */
#ifndef STATE_DIALECT_H
#define STATE_DIALECT_H

#include "server/state/node.h"

/** The rows of presence.dialect, in order. */
struct dialects;

struct dialects *dialects_new(void);
void dialects_free(struct dialects *self);

/** Told when a row was added, changed or removed, at the load too: every watcher may see another
 * form now. Not told of rows that are read again and are what they were. */
typedef void dialects_changed_fn(void *context);
void dialects_watch(struct dialects *self, dialects_changed_fn *fn, void *context);

size_t dialects_count(const struct dialects *self);

/** What SQL says: a new row, or a changed one. */
void dialects_put(struct dialects *self, const struct dialect_row *row);
void dialects_remove(struct dialects *self, int64_t id);

/** The bits of the first row that fits, or 0. `user_agent` as the device gave it. */
uint32_t dialects_find(const struct dialects *self, struct span user_agent, struct span event);

#endif
