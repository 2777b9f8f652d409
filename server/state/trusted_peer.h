/* trusted_peer.h - who is believed by where it sends from: PBXs, gateways, other proxies. */
#ifndef STATE_TRUSTED_PEER_H
#define STATE_TRUSTED_PEER_H

#include "server/transport/endpoint.h"
#include "storage/storage.h"

/**
 * The enabled rows of presence.trusted_peer. For a source, the most specific address that has a
 * row for its port and transport decides, and no wider one: so a host can be held to one domain
 * within a network that may speak for all.
 */
struct trusted_peers;

struct trusted_peers *trusted_peers_new(void);
void trusted_peers_free(struct trusted_peers *self);

/** What SQL says: a new peer, or a changed one. */
void trusted_peers_put(struct trusted_peers *self, const struct trusted_peer_row *row);
void trusted_peers_remove(struct trusted_peers *self, int64_t id);

size_t trusted_peers_count(const struct trusted_peers *self);

/**
 * The row that trusts `source`, or NULL. Where several do, one for all domains comes first, then
 * the one that names more of port and transport, then the oldest. Lent until the loop turn ends.
 */
const struct trusted_peer_row *trusted_peers_find(const struct trusted_peers *self,
                                                  const struct endpoint *source);

/** The row by which `source` may speak for `domain`, one of ours and in lower case; or NULL. */
const struct trusted_peer_row *trusted_peers_find_for(const struct trusted_peers *self,
                                                      const struct endpoint *source,
                                                      struct span domain);

#endif
