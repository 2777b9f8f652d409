/* table.c - chains in a power of two of slots; a second array while the number changes. */
#include "server/base/table.h"

#include "server/base/crypto.h"
#include "server/base/must.h"

#include <stdlib.h>

enum {
    SLOTS_MIN = 16,
    /* Slots moved per change. Growing from N slots is over after N/8 changes, long before the
     * new ones are full; shrinking, begun at N/8 objects, ends before the last one is gone. */
    MOVES_PER_CHANGE = 8,
    FOLD_BYTES = 256,
};

void table_init(struct table *self)
{
    *self = (struct table){0};
    crypto_random(self->key, sizeof(self->key));
}

void table_deinit(struct table *self)
{
    free(self->slots);
    free(self->old_slots);
    *self = (struct table){0};
}

/* ---- hashes ---- */

uint64_t table_hash(const struct table *self, struct span key)
{
    return hash64(self->key, key);
}

uint64_t table_hash_more(const struct table *self, uint64_t hash, struct span key)
{
    const uint64_t mixed[2] = {self->key[0] ^ hash, self->key[1]};

    return hash64(mixed, key);
}

uint64_t table_hash_nocase(const struct table *self, struct span key)
{
    unsigned char folded[FOLD_BYTES];
    uint64_t hash = 0;

    /* Longer keys are hashed piece by piece: the pieces are the same for equal keys. */
    do {
        size_t len = key.len < sizeof(folded) ? key.len : sizeof(folded);

        for (size_t i = 0; i < len; i++) {
            unsigned char byte = (unsigned char)key.at[i];

            folded[i] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
        }
        hash = table_hash_more(self, hash, (struct span){(char *)folded, len});
        key = span_skip(key, len);
    } while (!span_empty(key));
    return hash;
}

/* ---- the two arrays ---- */

/* While slots move, everything of one old slot is still there or already gone to the new ones.
 * All objects with one hash are thus in one chain at any time, which table_next() relies on. */
static struct table_link **slot_of(const struct table *self, uint64_t hash)
{
    if (self->old_slots != NULL && (hash & self->old_mask) >= self->moved)
        return &self->old_slots[hash & self->old_mask];
    return &self->slots[hash & self->mask];
}

static struct table_link **slots_new(size_t count)
{
    struct table_link **slots = calloc(count, sizeof(struct table_link *));

    must(slots != NULL);
    return slots;
}

static void move_slot(struct table *self, size_t index)
{
    struct table_link *link = self->old_slots[index];

    while (link != NULL) {
        struct table_link *next = link->next;
        struct table_link **slot = &self->slots[link->hash & self->mask];

        link->next = *slot;
        *slot = link;
        link = next;
    }
    self->old_slots[index] = NULL;
}

static void move(struct table *self, size_t slots)
{
    while (slots-- > 0 && self->moved <= self->old_mask)
        move_slot(self, self->moved++);
    if (self->moved > self->old_mask) {
        free(self->old_slots);
        self->old_slots = NULL;
        self->moved = 0;
    }
}

static void resize(struct table *self, size_t slots)
{
    self->old_slots = self->slots;
    self->old_mask = self->mask;
    self->moved = 0;
    self->slots = slots_new(slots);
    self->mask = slots - 1;
}

static void release_slots(struct table *self)
{
    free(self->slots);
    free(self->old_slots);
    self->slots = NULL;
    self->old_slots = NULL;
    self->mask = 0;
    self->moved = 0;
}

static void after_change(struct table *self)
{
    size_t slots = self->mask + 1;

    if (self->walks > 0) /* table_each() knows its place by slot */
        return;
    if (self->count == 0 && slots > SLOTS_MIN)
        release_slots(self);
    else if (self->old_slots != NULL)
        move(self, MOVES_PER_CHANGE);
    else if (self->count > slots)
        resize(self, slots * 2);
    else if (slots > SLOTS_MIN && self->count < slots / 8)
        resize(self, slots / 4);
}

/* ---- objects ---- */

void table_add(struct table *self, struct table_link *link, uint64_t hash)
{
    struct table_link **slot;

    if (self->slots == NULL) {
        self->slots = slots_new(SLOTS_MIN);
        self->mask = SLOTS_MIN - 1;
    }
    slot = slot_of(self, hash);
    link->hash = hash;
    link->next = *slot;
    *slot = link;
    self->count++;
    after_change(self);
}

void table_remove(struct table *self, struct table_link *link)
{
    struct table_link **at;

    must(self->count > 0);
    at = slot_of(self, link->hash);
    while (*at != link) {
        must(*at != NULL);
        at = &(*at)->next;
    }
    *at = link->next;
    link->next = NULL;
    self->count--;
    after_change(self);
}

static struct table_link *find_in_chain(struct table_link *link, uint64_t hash)
{
    while (link != NULL && link->hash != hash)
        link = link->next;
    return link;
}

struct table_link *table_first(const struct table *self, uint64_t hash)
{
    return self->count == 0 ? NULL : find_in_chain(*slot_of(self, hash), hash);
}

struct table_link *table_next(const struct table_link *link)
{
    return find_in_chain(link->next, link->hash);
}

void table_each(struct table *self, table_each_fn *fn, void *context)
{
    if (self->old_slots != NULL && self->walks == 0)
        move(self, self->old_mask + 1);
    self->walks++;
    for (size_t i = 0; self->slots != NULL && i <= self->mask; i++) {
        for (struct table_link *link = self->slots[i], *next; link != NULL; link = next) {
            next = link->next;
            fn(link, context);
        }
    }
    self->walks--;
    after_change(self);
}
