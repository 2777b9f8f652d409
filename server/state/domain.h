/* domain.h - the tenants: which domains this server is responsible for, and their policies. */
#ifndef STATE_DOMAIN_H
#define STATE_DOMAIN_H

#include "server/base/span.h"
#include "storage/storage.h"

/** All domains, as the table presence.domain has them now. */
struct domains;

struct domains *domains_new(void);
void domains_free(struct domains *self);

/** Told when a domain was added, changed or removed, at the load too; not of one that is read again
 * and is what it was. `name` is lent; a changed name is told as two. */
typedef void domains_changed_fn(void *context, struct span name);
void domains_watch(struct domains *self, domains_changed_fn *fn, void *context);

/** What SQL says: a new domain, or a changed one. */
void domains_put(struct domains *self, const struct domain_row *row);
void domains_remove(struct domains *self, int64_t id);

/** The domain of that name, in any case and with a last dot or without, or NULL. Lent until the
 * loop turn ends. */
const struct domain_row *domains_find(const struct domains *self, struct span name);

/** What follows the '@' of a canonical AOR, or all of it. */
struct span domain_of_aor(struct span aor);

#endif
