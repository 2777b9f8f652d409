/* resource_list.h - lists that are subscribed to as one (RFC 4662), as SQL defines them. */
#ifndef STATE_RESOURCE_LIST_H
#define STATE_RESOURCE_LIST_H

#include "server/state/node.h"

/** The enabled rows of presence.list with their members. */
struct resource_lists;

struct resource_lists *resource_lists_new(void);
void resource_lists_free(struct resource_lists *self);

/** Told when a list was added, changed or removed, at the load too; not of one that is read again
 * and is what it was. `aor` is lent; a changed AOR is told as two. */
typedef void resource_lists_changed_fn(void *context, struct span aor);
void resource_lists_watch(struct resource_lists *self, resource_lists_changed_fn *fn,
                          void *context);

/** What SQL says: a new list, or a changed one; copied. */
void resource_lists_put(struct resource_lists *self, const struct list_row *row);
void resource_lists_remove(struct resource_lists *self, int64_t id);

size_t resource_lists_count(const struct resource_lists *self);

/** The list of that canonical AOR, or NULL. Lent until the loop turn ends. */
const struct list_row *resource_lists_find(const struct resource_lists *self, struct span aor);

#endif
