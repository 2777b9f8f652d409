/* nonce.c - "epoch, milliseconds, MAC" in hex; a table and a list in order of use for what is
 * known. */
#include "server/service/nonce.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/base/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EPOCH_DIGITS = 16, COUNT_DIGITS = 16, MAC_DIGITS = 16, WINDOW = 64, COUNTER_BITS = 20 };

struct known {
    struct table_link link;
    struct list used; /* the one used longest ago first */
    uint64_t made;    /* its number: milliseconds and a counter */
    uint32_t highest; /* nc */
    uint64_t window;  /* bit i: highest - i was used */
};

struct nonces {
    const struct mac_key *key;
    const uint64_t *epoch;
    int64_t life_us;
    uint32_t max;
    uint32_t window;
    uint64_t counter;
    uint64_t forgotten; /* no nonce up to this number is known any more */
    struct table table;
    struct list used;
};

struct nonces *nonces_new(const struct mac_key *key, const uint64_t *epoch, uint32_t life_s,
                          uint32_t max, uint32_t window)
{
    struct nonces *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->key = key;
    self->epoch = epoch;
    self->life_us = (int64_t)life_s * US_PER_S;
    self->max = max;
    self->window = window < WINDOW ? window : WINDOW;
    table_init(&self->table);
    list_init(&self->used);
    return self;
}

static void forget(struct nonces *self, struct known *known)
{
    table_remove(&self->table, &known->link);
    list_remove(&known->used);
    free(known);
}

static struct known *oldest(struct nonces *self)
{
    return list_empty(&self->used) ? NULL : CONTAINER_OF(self->used.next, struct known, used);
}

void nonces_free(struct nonces *self)
{
    if (self == NULL)
        return;
    for (struct known *known; (known = oldest(self)) != NULL;)
        forget(self, known);
    table_deinit(&self->table);
    free(self);
}

/* ---- the text ---- */

static uint64_t mac_of(const struct nonces *self, struct span realm, struct span front)
{
    char octets[EPOCH_DIGITS + COUNT_DIGITS + 16];
    uint64_t mac;

    snprintf(octets, sizeof(octets), SPAN_FMT, SPAN_ARG(front));
    mac = mac64(self->key, (struct span){octets, front.len});
    return mac64(self->key, realm) ^ mac * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t number_at(const struct nonces *self, struct instant now)
{
    return (uint64_t)(now.us / US_PER_MS) << COUNTER_BITS |
           (self->counter & ((UINT64_C(1) << COUNTER_BITS) - 1));
}

struct span nonce_compose(struct nonces *self, struct span realm, struct instant now,
                          char out[NONCE_BYTES])
{
    char text[NONCE_BYTES + 1];

    self->counter++;
    snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, *self->epoch, number_at(self, now));
    snprintf(text + EPOCH_DIGITS + COUNT_DIGITS, MAC_DIGITS + 1, "%016" PRIx64,
             mac_of(self, realm, (struct span){text, EPOCH_DIGITS + COUNT_DIGITS}));
    memcpy(out, text, NONCE_BYTES);
    return (struct span){out, NONCE_BYTES};
}

static uint64_t hex_of(struct span digits)
{
    char text[COUNT_DIGITS + 1];

    snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(digits));
    return strtoull(text, NULL, 16);
}

static uint64_t made_of(struct span nonce)
{
    return hex_of((struct span){nonce.at + EPOCH_DIGITS, COUNT_DIGITS});
}

static bool is_ours(const struct nonces *self, struct span realm, struct span nonce)
{
    char mac[MAC_DIGITS + 1];
    const struct span front = {nonce.at, EPOCH_DIGITS + COUNT_DIGITS};

    if (nonce.len != NONCE_BYTES)
        return false;
    snprintf(mac, sizeof(mac), "%016" PRIx64, mac_of(self, realm, front));
    return crypto_equal(span_skip(nonce, front.len), (struct span){mac, MAC_DIGITS});
}

/* ---- what is known ---- */

static uint64_t hash_of(const struct nonces *self, uint64_t made)
{
    return table_hash(&self->table, (struct span){(const char *)&made, sizeof(made)});
}

static struct known *find(const struct nonces *self, uint64_t made)
{
    struct table_link *link = table_first(&self->table, hash_of(self, made));

    for (; link != NULL; link = table_next(link)) {
        struct known *each = CONTAINER_OF(link, struct known, link);

        if (each->made == made)
            return each;
    }
    return NULL;
}

enum nonce_verdict nonce_check(const struct nonces *self, struct span realm, struct span nonce,
                               struct instant now)
{
    uint64_t made;
    int64_t made_us;

    if (!is_ours(self, realm, nonce))
        return NONCE_FOREIGN;
    made = made_of(nonce);
    made_us = (int64_t)(made >> COUNTER_BITS) * US_PER_MS;
    if (hex_of((struct span){nonce.at, EPOCH_DIGITS}) != *self->epoch ||
        now.us > made_us + self->life_us)
        return NONCE_STALE;
    if (made <= self->forgotten && find(self, made) == NULL)
        return NONCE_STALE;
    return NONCE_GOOD;
}

static struct known *learn(struct nonces *self, uint64_t made)
{
    struct known *known = calloc(1, sizeof(*known));

    must(known != NULL);
    known->made = made;
    list_init(&known->used);
    table_add(&self->table, &known->link, hash_of(self, made));
    return known;
}

/* Those too old are of no use; beyond the cap the one used longest ago goes, and with it the
 * right of all as old as it to begin. */
static void make_room(struct nonces *self, struct instant now)
{
    struct known *known;

    while ((known = oldest(self)) != NULL) {
        int64_t made_us = (int64_t)(known->made >> COUNTER_BITS) * US_PER_MS;
        bool dead = now.us > made_us + self->life_us;

        if (!dead && self->table.count <= self->max)
            return;
        if (!dead && known->made > self->forgotten)
            self->forgotten = known->made;
        forget(self, known);
    }
}

static bool take(struct known *known, uint32_t nc, uint32_t window)
{
    uint64_t bit;

    if (nc > known->highest) {
        uint32_t step = nc - known->highest;

        known->window = step < WINDOW ? known->window << step : 0;
        known->window |= 1;
        known->highest = nc;
        return true;
    }
    if (known->highest - nc >= window)
        return false;
    bit = UINT64_C(1) << (known->highest - nc);
    if ((known->window & bit) != 0)
        return false;
    known->window |= bit;
    return true;
}

bool nonce_use(struct nonces *self, struct span nonce, uint32_t nc, struct instant now)
{
    uint64_t made = made_of(nonce);
    struct known *known = find(self, made);

    if (known == NULL)
        known = learn(self, made);
    list_remove(&known->used);
    list_append(&self->used, &known->used);
    if (!take(known, nc, self->window))
        return false;
    make_room(self, now);
    return true;
}
