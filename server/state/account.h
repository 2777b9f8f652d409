/* account.h - who may act for an AOR, with what credentials: presence.account in memory. */
#ifndef STATE_ACCOUNT_H
#define STATE_ACCOUNT_H

#include "server/base/crypto.h"
#include "storage/storage.h"

struct account;
struct accounts;

struct accounts *accounts_new(void);
void accounts_free(struct accounts *self);
size_t accounts_count(const struct accounts *self);

/** Told when an AOR has an account now, or has none any more; at the load too. */
typedef void accounts_changed_fn(void *context, struct span aor);
void accounts_watch(struct accounts *self, accounts_changed_fn *fn, void *context);

/** What SQL says: a new account, or a changed one. */
void accounts_put(struct accounts *self, const struct account_row *row);
void accounts_remove(struct accounts *self, int64_t id);

/** The account of a canonical AOR, or NULL. Lent until the loop turn ends. */
const struct account *accounts_find(const struct accounts *self, struct span aor);

struct span account_aor(const struct account *self);
bool account_is_disabled(const struct account *self);

/** Its HA1 in hex; empty when it has none for that algorithm. */
struct span account_ha1(const struct account *self, enum digest_algorithm algorithm);

/** Its algorithms in order of preference; returns their number, 0 when the domain's apply. */
size_t account_algorithms(const struct account *self, enum digest_algorithm out[3]);

#endif
