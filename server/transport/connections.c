/* connections.c - the tables; what a number means is decided here alone. */
#include "server/transport/connections.h"

#include "server/base/must.h"

#include <stdlib.h>

/* Connections that one address has made to us. */
struct source {
    struct table_link link;
    struct endpoint address; /* port 0 */
    uint32_t count;
};

static struct span octets_of(const void *at, size_t len)
{
    return (struct span){at, len};
}

void connections_init(struct connections *self, uint32_t max, uint32_t per_source_max)
{
    *self = (struct connections){.max = max, .per_source_max = per_source_max};
    self->pool = pool_new(sizeof(struct connection), max);
    table_init(&self->by_number);
    table_init(&self->by_remote);
    table_init(&self->sources);
    list_init(&self->all);
    list_init(&self->gone);
}

void connections_deinit(struct connections *self)
{
    connections_free_gone(self);
    must(connections_count(self) == 0);
    pool_free(self->pool);
    table_deinit(&self->by_number);
    table_deinit(&self->by_remote);
    table_deinit(&self->sources);
}

/* ---- sources ---- */

static uint64_t source_hash(const struct connections *self, const struct endpoint *address)
{
    return table_hash(&self->sources, octets_of(address, sizeof(*address)));
}

static struct source *find_source(const struct connections *self, const struct endpoint *address)
{
    struct table_link *link = table_first(&self->sources, source_hash(self, address));

    for (; link != NULL; link = table_next(link)) {
        struct source *source = CONTAINER_OF(link, struct source, link);

        if (endpoint_equal(&source->address, address))
            return source;
    }
    return NULL;
}

/* NULL when it has enough already. */
static struct source *take_source(struct connections *self, const struct endpoint *remote)
{
    struct endpoint address = *remote;
    struct source *source;

    address.port = 0;
    source = find_source(self, &address);
    if (source == NULL) {
        source = calloc(1, sizeof(*source));
        must(source != NULL);
        source->address = address;
        table_add(&self->sources, &source->link, source_hash(self, &address));
    }
    if (source->count >= self->per_source_max)
        return NULL;
    source->count++;
    return source;
}

static void give_source_back(struct connections *self, struct source *source)
{
    if (source == NULL || --source->count > 0)
        return;
    table_remove(&self->sources, &source->link);
    free(source);
}

/* ---- connections ---- */

static uint64_t number_hash(const struct connections *self, uint32_t number)
{
    return table_hash(&self->by_number, octets_of(&number, sizeof(number)));
}

static uint64_t remote_hash(const struct connections *self, const struct endpoint *remote)
{
    return table_hash(&self->by_remote, octets_of(remote, sizeof(*remote)));
}

/* It comes round after four billion connections; what lives so long keeps its number. */
static uint32_t next_number(struct connections *self)
{
    do
        self->last_number++;
    while (self->last_number == 0 || connections_find(self, self->last_number) != NULL);
    return self->last_number;
}

struct connection *connections_add(struct connections *self, const struct endpoint *remote,
                                   bool accepted, enum connections_limit *limit)
{
    struct connection *connection;
    struct source *source = NULL;

    if (connections_count(self) >= self->max) {
        *limit = CONNECTIONS_FULL;
        return NULL;
    }
    if (accepted && (source = take_source(self, remote)) == NULL) {
        *limit = CONNECTIONS_SOURCE_FULL;
        return NULL;
    }
    connection = pool_alloc(self->pool);
    must(connection != NULL);
    *connection = (struct connection){.remote = *remote,
                                      .number = next_number(self),
                                      .accepted = accepted,
                                      .named = true,
                                      .source = source};
    table_add(&self->by_number, &connection->by_number, number_hash(self, connection->number));
    table_add(&self->by_remote, &connection->by_remote, remote_hash(self, remote));
    list_append(&self->all, &connection->link);
    *limit = CONNECTIONS_OK;
    return connection;
}

void connections_hide(struct connections *self, struct connection *connection)
{
    if (!connection->named)
        return;
    connection->named = false;
    table_remove(&self->by_number, &connection->by_number);
    table_remove(&self->by_remote, &connection->by_remote);
}

void connections_remove(struct connections *self, struct connection *connection)
{
    connections_hide(self, connection);
    give_source_back(self, connection->source);
    connection->source = NULL;
    list_remove(&connection->link);
    list_append(&self->gone, &connection->link);
}

void connections_free_gone(struct connections *self)
{
    struct list *link;

    while ((link = list_take(&self->gone)) != NULL)
        pool_free_slot(self->pool, CONTAINER_OF(link, struct connection, link));
}

struct connection *connections_find(const struct connections *self, uint32_t number)
{
    struct table_link *link = table_first(&self->by_number, number_hash(self, number));

    for (; link != NULL; link = table_next(link)) {
        struct connection *connection = CONTAINER_OF(link, struct connection, by_number);

        if (connection->number == number)
            return connection;
    }
    return NULL;
}

struct connection *connections_find_remote(const struct connections *self,
                                           const struct endpoint *remote)
{
    struct table_link *link = table_first(&self->by_remote, remote_hash(self, remote));

    for (; link != NULL; link = table_next(link)) {
        struct connection *connection = CONTAINER_OF(link, struct connection, by_remote);

        if (endpoint_equal(&connection->remote, remote))
            return connection;
    }
    return NULL;
}
