/* connections.h - every connection, found by its number and by its peer; counted by source; for
 * this folder only. */
#ifndef TRANSPORT_CONNECTIONS_H
#define TRANSPORT_CONNECTIONS_H

#include "server/base/list.h"
#include "server/base/pool.h"
#include "server/base/table.h"
#include "server/transport/endpoint.h"
#include "server/transport/stream.h"

struct source;

struct connection {
    struct stream stream;
    struct tcp *tcp;
    struct endpoint remote;
    uint32_t number; /* as in struct flow: counts up, so that a dead one's names nobody */
    uint16_t listener;
    bool accepted;
    bool named; /* found by number and peer; no longer once it takes no messages */
    struct table_link by_number;
    struct table_link by_remote;
    struct source *source; /* of an accepted one */
    struct list link;
};

struct connections {
    struct pool *pool;
    struct table by_number;
    struct table by_remote;
    struct table sources;
    struct list all;
    struct list gone; /* ended; freed by connections_free_gone() */
    uint32_t last_number;
    uint32_t max;
    uint32_t per_source_max;
};

void connections_init(struct connections *self, uint32_t max, uint32_t per_source_max);

/** The streams must have ended. */
void connections_deinit(struct connections *self);

/** How many there are, ended ones until they are freed. */
static inline size_t connections_count(const struct connections *self)
{
    return pool_count(self->pool);
}

enum connections_limit {
    CONNECTIONS_OK,
    CONNECTIONS_FULL,
    CONNECTIONS_SOURCE_FULL, /* that address has enough; asked for accepted ones only */
};

/** A new one, named; its stream is not started. NULL with `limit` when there may be no more. */
struct connection *connections_add(struct connections *self, const struct endpoint *remote,
                                   bool accepted, enum connections_limit *limit);

/** Nobody finds it any more. Twice is fine. */
void connections_hide(struct connections *self, struct connection *connection);

/** It has ended: takes it out; its memory stays until connections_free_gone(). */
void connections_remove(struct connections *self, struct connection *connection);

void connections_free_gone(struct connections *self);

/** NULL when there is none. */
struct connection *connections_find(const struct connections *self, uint32_t number);

/** One to exactly that address and port, whoever opened it; NULL when there is none. */
struct connection *connections_find_remote(const struct connections *self,
                                           const struct endpoint *remote);

#endif
