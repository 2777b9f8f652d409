/* trusted_peer.c - a table by masked address; asked once for each prefix length that is in use, the
 * longest first. */
#include "server/state/trusted_peer.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/base/table.h"

#include <stdlib.h>

enum { ADDRESS_BITS = 128, PREFIXES = ADDRESS_BITS + 1, ANY_TRANSPORT = -1 };

struct trusted_peer {
    struct table_link address_link;
    struct table_link id_link;
    struct trusted_peer_row row; /* its spans point behind it */
    int protocol;                /* enum transport_protocol, or ANY_TRANSPORT */
    char octets[];
};

struct trusted_peers {
    struct table by_address;
    struct table by_id;
    size_t ipv4_count[PREFIXES];
    size_t ipv6_count[PREFIXES];
};

/* What is hashed: without padding. */
struct prefix {
    uint8_t family;
    uint8_t bits;
    uint8_t address[16];
};

static struct trusted_peer *by_address(struct table_link *link)
{
    return CONTAINER_OF(link, struct trusted_peer, address_link);
}

static struct trusted_peer *by_id(struct table_link *link)
{
    return CONTAINER_OF(link, struct trusted_peer, id_link);
}

struct trusted_peers *trusted_peers_new(void)
{
    struct trusted_peers *self = calloc(1, sizeof(*self));

    must(self != NULL);
    table_init(&self->by_address);
    table_init(&self->by_id);
    return self;
}

static void free_one(struct table_link *link, void *context)
{
    (void)context;
    free(by_id(link));
}

void trusted_peers_free(struct trusted_peers *self)
{
    if (self == NULL)
        return;
    table_each(&self->by_id, free_one, NULL);
    table_deinit(&self->by_address);
    table_deinit(&self->by_id);
    free(self);
}

size_t trusted_peers_count(const struct trusted_peers *self)
{
    return self->by_id.count;
}

/* ---- rows ---- */

static uint64_t id_hash(const struct trusted_peers *self, int64_t id)
{
    return table_hash(&self->by_id, (struct span){(const char *)&id, sizeof(id)});
}

static struct prefix prefix_of(uint8_t family, const uint8_t address[16], unsigned bits)
{
    struct prefix prefix = {.family = family, .bits = (uint8_t)bits};

    memcpy(prefix.address, address, bits / 8);
    if (bits % 8 != 0)
        prefix.address[bits / 8] = (uint8_t)(address[bits / 8] & (0xff << (8 - bits % 8)));
    return prefix;
}

static uint64_t prefix_hash(const struct trusted_peers *self, const struct prefix *prefix)
{
    return table_hash(&self->by_address,
                      (struct span){(const char *)prefix, sizeof(struct prefix)});
}

/* How many rows there are of each prefix length. */
static size_t *counts_of(struct trusted_peers *self, uint8_t family)
{
    return family == ENDPOINT_IPV4 ? self->ipv4_count : self->ipv6_count;
}

void trusted_peers_remove(struct trusted_peers *self, int64_t id)
{
    struct table_link *link = table_first(&self->by_id, id_hash(self, id));
    struct trusted_peer *peer;

    while (link != NULL && by_id(link)->row.id != id)
        link = table_next(link);
    if (link == NULL)
        return;
    peer = by_id(link);
    table_remove(&self->by_id, &peer->id_link);
    table_remove(&self->by_address, &peer->address_link);
    counts_of(self, peer->row.family)[peer->row.prefix]--;
    free(peer);
}

static struct span keep(char *at, struct span octets)
{
    if (octets.len > 0)
        memcpy(at, octets.at, octets.len);
    return (struct span){at, octets.len};
}

static struct trusted_peer *peer_new(const struct trusted_peer_row *row, int protocol)
{
    struct trusted_peer *peer = calloc(1, sizeof(*peer) + row->domain.len + row->transport.len);

    must(peer != NULL);
    peer->row = *row;
    peer->row.domain = keep(peer->octets, row->domain);
    peer->row.transport = keep(peer->octets + row->domain.len, row->transport);
    peer->protocol = protocol;
    return peer;
}

void trusted_peers_put(struct trusted_peers *self, const struct trusted_peer_row *row)
{
    const struct prefix prefix = prefix_of(row->family, row->address, row->prefix);
    enum transport_protocol protocol;
    int wanted = ANY_TRANSPORT;
    struct trusted_peer *peer;

    trusted_peers_remove(self, row->id);
    if (!span_empty(row->transport)) {
        if (!transport_protocol_find(row->transport, &protocol))
            return; /* the table's check lets none such in; trusting less is the safe side */
        wanted = (int)protocol;
    }
    peer = peer_new(row, wanted);
    table_add(&self->by_id, &peer->id_link, id_hash(self, row->id));
    table_add(&self->by_address, &peer->address_link, prefix_hash(self, &prefix));
    counts_of(self, row->family)[row->prefix]++;
}

/* ---- looking up ---- */

static bool is_in(const struct trusted_peer *peer, const struct prefix *prefix)
{
    const struct prefix own = prefix_of(peer->row.family, peer->row.address, peer->row.prefix);

    return memcmp(&own, prefix, sizeof(own)) == 0;
}

static bool speaks(const struct trusted_peer *peer, const struct endpoint *source)
{
    return (peer->row.port == 0 || peer->row.port == source->port) &&
           (peer->protocol == ANY_TRANSPORT || peer->protocol == source->protocol);
}

/* Among rows of one prefix; `domain` empty: whichever. */
static bool is_better(const struct trusted_peer *a, const struct trusted_peer *b,
                      struct span domain)
{
    const int wanted = span_empty(domain) ? 0 : 1;
    const int rank_a = 4 * (span_empty(a->row.domain) != wanted) + 2 * (a->row.port != 0) +
                       (a->protocol != ANY_TRANSPORT);
    const int rank_b = 4 * (span_empty(b->row.domain) != wanted) + 2 * (b->row.port != 0) +
                       (b->protocol != ANY_TRANSPORT);

    return rank_a != rank_b ? rank_a > rank_b : a->row.id < b->row.id;
}

/* The best of one prefix. `decides` becomes true when a row is for that source at all. */
static const struct trusted_peer *best_of(const struct trusted_peers *self,
                                          const struct prefix *prefix,
                                          const struct endpoint *source, struct span domain,
                                          bool *decides)
{
    struct table_link *link = table_first(&self->by_address, prefix_hash(self, prefix));
    const struct trusted_peer *best = NULL;

    for (; link != NULL; link = table_next(link)) {
        const struct trusted_peer *peer = by_address(link);

        if (!is_in(peer, prefix) || !speaks(peer, source))
            continue;
        *decides = true;
        if (!span_empty(domain) && !span_empty(peer->row.domain) &&
            !span_equal_nocase(peer->row.domain, domain))
            continue;
        if (best == NULL || is_better(peer, best, domain))
            best = peer;
    }
    return best;
}

static const struct trusted_peer_row *find(const struct trusted_peers *self,
                                           const struct endpoint *source, struct span domain)
{
    const bool ipv4 = source->family == ENDPOINT_IPV4;
    const size_t *counts = ipv4 ? self->ipv4_count : self->ipv6_count;

    if (self->by_id.count == 0)
        return NULL;
    for (int bits = ipv4 ? 32 : ADDRESS_BITS; bits >= 0; bits--) {
        const struct trusted_peer *peer;
        struct prefix prefix;
        bool decides = false;

        if (counts[bits] == 0)
            continue;
        prefix = prefix_of(source->family, source->address, (unsigned)bits);
        peer = best_of(self, &prefix, source, domain, &decides);
        if (decides)
            return peer == NULL ? NULL : &peer->row;
    }
    return NULL;
}

const struct trusted_peer_row *trusted_peers_find(const struct trusted_peers *self,
                                                  const struct endpoint *source)
{
    return find(self, source, (struct span){0});
}

const struct trusted_peer_row *trusted_peers_find_for(const struct trusted_peers *self,
                                                      const struct endpoint *source,
                                                      struct span domain)
{
    return find(self, source, domain);
}
