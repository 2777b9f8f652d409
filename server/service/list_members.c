/* list_members.c - places are offsets, since the octets move while they grow. */
#include "server/service/list_members.h"

#include "server/base/must.h"
#include "server/sip/uri.h"

#include <stdlib.h>

enum { NESTED_MAX = 4, PLACES_FIRST = 64, SLOTS_FIRST = 256 };

struct list_member_place {
    size_t uri_at;
    size_t name_at; /* the URI ends here */
    size_t end;
};

void list_members_init(struct list_members *self, size_t max, struct span watcher)
{
    *self = (struct list_members){.max = max, .slot_mask = SLOTS_FIRST - 1, .watcher = watcher};
    buffer_init(&self->octets, UINT32_MAX);
    self->slots = calloc(SLOTS_FIRST, sizeof(self->slots[0]));
    must(self->slots != NULL);
    crypto_random(self->key, sizeof(self->key));
}

void list_members_deinit(struct list_members *self)
{
    buffer_deinit(&self->octets);
    free(self->places);
    free(self->slots);
}

bool list_member_aor(struct span uri, char octets[SIP_AOR_BYTES_MAX], struct span *out)
{
    struct sip_uri parsed;

    return sip_uri_parse(uri, &parsed) == STATUS_OK &&
           sip_uri_canonical_aor(&parsed, octets, SIP_AOR_BYTES_MAX, out) == STATUS_OK;
}

bool list_may_be_watched(const struct list_row *list, struct span watcher)
{
    if (span_empty(list->owner))
        return span_equal(domain_of_aor(list->aor), domain_of_aor(watcher));
    return span_equal(list->owner, watcher);
}

/* ---- each once ---- */

static void put_slot(struct list_members *self, uint64_t hash)
{
    size_t slot = hash & self->slot_mask;

    while (self->slots[slot] != 0)
        slot = (slot + 1) & self->slot_mask;
    self->slots[slot] = hash;
}

static void grow_slots(struct list_members *self)
{
    uint64_t *old = self->slots;
    const size_t count = self->slot_mask + 1;

    self->slot_mask = 2 * self->slot_mask + 1;
    self->slots = calloc(self->slot_mask + 1, sizeof(self->slots[0]));
    must(self->slots != NULL);
    for (size_t i = 0; i < count; i++)
        if (old[i] != 0)
            put_slot(self, old[i]);
    free(old);
}

/* True when it was met before; from now on it was. Equal keyed hashes of 64 bits are taken for
 * equal members, or lists. */
static bool meet(struct list_members *self, uint64_t hash)
{
    size_t slot;

    if (hash == 0)
        hash = 1; /* 0 is an empty slot */
    for (slot = hash & self->slot_mask; self->slots[slot] != 0; slot = (slot + 1) & self->slot_mask)
        if (self->slots[slot] == hash)
            return true;
    if (2 * ++self->met > self->slot_mask)
        grow_slots(self);
    put_slot(self, hash);
    return false;
}

static void grow_places(struct list_members *self)
{
    self->cap = self->cap == 0 ? PLACES_FIRST : 2 * self->cap;
    self->places = realloc(self->places, self->cap * sizeof(self->places[0]));
    must(self->places != NULL);
}

static void add(struct list_members *self, struct span uri, struct span name, uint64_t hash)
{
    struct list_member_place *place;

    if (self->count == self->max || meet(self, hash))
        return;
    if (self->count == self->cap)
        grow_places(self);
    place = &self->places[self->count++];
    place->uri_at = self->octets.len;
    buffer_put(&self->octets, uri);
    place->name_at = self->octets.len;
    buffer_put(&self->octets, name);
    place->end = self->octets.len;
}

/*
 * ---- lists within lists ----
 *
 * A list that was met at the same depth has given all that it gives: lists that hold one another,
 * or a body that names one again and again, must not cost their product.
 */

static void add_list(struct list_members *self, const struct state *state,
                     const struct list_row *list, unsigned depth);

static void add_member(struct list_members *self, const struct state *state, struct span uri,
                       struct span name, unsigned depth)
{
    char octets[SIP_AOR_BYTES_MAX];
    const struct list_row *nested = NULL;
    uint64_t hash;
    struct span aor = uri; /* what has no AOR is told apart by its octets */

    if (list_member_aor(uri, octets, &aor))
        nested = resource_lists_find(state->lists, aor);
    self->has_lists |= nested != NULL;
    hash = hash64(self->key, aor);
    if (nested == NULL || !list_may_be_watched(nested, self->watcher))
        add(self, uri, name, hash); /* whose list it is not, to them it is nobody */
    else if (depth < NESTED_MAX && !meet(self, hash ^ (depth + 1)))
        add_list(self, state, nested, depth + 1);
}

static void add_list(struct list_members *self, const struct state *state,
                     const struct list_row *list, unsigned depth)
{
    for (size_t i = 0; i < list->member_count && self->count < self->max; i++)
        add_member(self, state, list->members[i].uri, list->members[i].name, depth);
}

void list_members_add_list(struct list_members *self, const struct state *state,
                           const struct list_row *list)
{
    add_list(self, state, list, 1);
}

void list_members_add_body(struct list_members *self, const struct state *state,
                           struct resource_list_reader *reader, struct span body)
{
    struct resource_list list;

    if (resource_list_read(reader, body, &list, NULL) != STATUS_OK)
        return; /* it was judged when it came */
    for (size_t i = 0; i < list.count; i++)
        add_member(self, state, list.entries[i].uri, list.entries[i].name, 1);
}

struct span list_members_uri(const struct list_members *self, size_t i)
{
    const struct list_member_place *place = &self->places[i];

    return (struct span){self->octets.at + place->uri_at, place->name_at - place->uri_at};
}

struct span list_members_name(const struct list_members *self, size_t i)
{
    const struct list_member_place *place = &self->places[i];

    return (struct span){self->octets.at + place->name_at, place->end - place->name_at};
}
