/* node.h - what every durable noun of this node shares. */
#ifndef STATE_NODE_H
#define STATE_NODE_H

#include "server/base/crypto.h"
#include "server/base/handle.h"
#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/base/metric.h"
#include "server/state/batch.h"
#include "server/transport/transport.h"
#include "storage/storage.h"

/** Filled in by state.c. Borrowed by the nouns for the life of the process. */
struct node {
    struct loop *loop;
    struct log *log;
    struct transport *transport;
    struct storage *storage;
    struct handle_table *objects; /* every hot object; its capacity is the cap */
    struct batch *batch;
    uint32_t id;
    uint64_t epoch;
    uint64_t last_number; /* of this epoch: for ids, entity-tags, local tags */
    struct mac_key mark_key;
    struct mac_key nonce_key;
    int64_t outage_grace_us;
    struct instant grace_until; /* what was due during an outage expires behind this */
    uint32_t expiries_max;      /* in one period of the pace */
    uint32_t expiries;          /* so far in this one */
    struct instant pace_from;
};

/** Never the same again, over all restarts: the epoch in front, a counter behind. */
uint64_t node_number(struct node *self);

/** `text` if it can be a text column (UTF-8 without NUL), else nothing: for what only informs
 * people. */
struct span node_text_or_nothing(struct span text);

/** Begins the grace: the database is back, or was just loaded. */
void node_begin_grace(struct node *self);

/**
 * Asked by an object that is due: true when it may expire now. Else it waits until `again`:
 * nothing can be committed, clients still have their grace after an outage, or too many
 * expired in this moment already (an outage must not end in a storm).
 */
bool node_may_expire(struct node *self, struct instant now, struct instant *again);

/** When a loaded row expires: what ran out while no one could refresh it gets the grace. */
struct instant node_deadline(const struct node *self, int64_t remaining_us);

#endif
