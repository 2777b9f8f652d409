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
    uint64_t hash;
};

struct list_visit {
    uint64_t hash;
    unsigned depth;
};

bool list_may_be_watched(const struct list_row *list, struct span watcher)
{
    if (!span_empty(list->owner))
        return span_equal(list->owner, watcher);
    return span_equal(domain_of_aor(list->aor), domain_of_aor(watcher));
}

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
    free(self->visits);
}

bool list_member_aor(struct span uri, char octets[SIP_AOR_BYTES_MAX], struct span *out)
{
    struct sip_uri parsed;

    return sip_uri_parse(uri, &parsed) == STATUS_OK &&
           sip_uri_canonical_aor(&parsed, octets, SIP_AOR_BYTES_MAX, out) == STATUS_OK;
}

/* ---- each once ---- */

static void put_slot(struct list_members *self, size_t place)
{
    size_t slot = self->places[place].hash & self->slot_mask;

    while (self->slots[slot] != 0)
        slot = (slot + 1) & self->slot_mask;
    self->slots[slot] = (uint32_t)place + 1;
}

static void grow_slots(struct list_members *self)
{
    self->slot_mask = 2 * self->slot_mask + 1;
    free(self->slots);
    self->slots = calloc(self->slot_mask + 1, sizeof(self->slots[0]));
    must(self->slots != NULL);
    for (size_t i = 0; i < self->count; i++)
        put_slot(self, i);
}

/* Equal keyed hashes of 64 bits are taken for equal members. */
static bool is_there(const struct list_members *self, uint64_t hash)
{
    size_t slot = hash & self->slot_mask;

    for (; self->slots[slot] != 0; slot = (slot + 1) & self->slot_mask)
        if (self->places[self->slots[slot] - 1].hash == hash)
            return true;
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

    if (self->count == self->max || is_there(self, hash))
        return;
    if (self->count == self->cap)
        grow_places(self);
    if (2 * self->count > self->slot_mask)
        grow_slots(self);
    place = &self->places[self->count];
    place->uri_at = self->octets.len;
    buffer_put(&self->octets, uri);
    place->name_at = self->octets.len;
    buffer_put(&self->octets, name);
    place->end = self->octets.len;
    place->hash = hash;
    put_slot(self, self->count++);
}

/* ---- lists within lists ---- */

static void add_visit(struct list_members *self, uint64_t hash, unsigned depth)
{
    if (self->visit_count == self->visit_cap) {
        self->visit_cap = self->visit_cap == 0 ? 4 : 2 * self->visit_cap;
        self->visits = realloc(self->visits, self->visit_cap * sizeof(self->visits[0]));
        must(self->visits != NULL);
    }
    self->visits[self->visit_count++] = (struct list_visit){hash, depth};
}

/* A body may name one list in thousands of ways: it is walked once, and again only from further
 * up, whence more of what is in it is seen. */
static bool was_visited(struct list_members *self, const struct list_row *list, unsigned depth)
{
    const uint64_t hash = hash64(self->key, list->aor);

    for (size_t i = 0; i < self->visit_count; i++) {
        struct list_visit *visit = &self->visits[i];

        if (visit->hash != hash)
            continue;
        if (visit->depth <= depth)
            return true;
        visit->depth = depth;
        return false;
    }
    add_visit(self, hash, depth);
    return false;
}

static void add_list(struct list_members *self, const struct state *state,
                     const struct list_row *list, unsigned depth);

static void add_member(struct list_members *self, const struct state *state, struct span uri,
                       struct span name, unsigned depth)
{
    char octets[SIP_AOR_BYTES_MAX];
    const struct list_row *nested = NULL;
    struct span aor = uri; /* what has no AOR is told apart by its octets */

    if (list_member_aor(uri, octets, &aor))
        nested = resource_lists_find(state->lists, aor);
    self->has_lists |= nested != NULL;
    if (nested == NULL || !list_may_be_watched(nested, self->watcher))
        add(self, uri, name, hash64(self->key, aor));
    else if (depth < NESTED_MAX)
        add_list(self, state, nested, depth + 1);
}

static void add_list(struct list_members *self, const struct state *state,
                     const struct list_row *list, unsigned depth)
{
    if (was_visited(self, list, depth))
        return;
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
