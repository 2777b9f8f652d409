/* parts.c - places are kept as offsets, since the octets move while they grow. */
#include "pidf/parts.h"

#include "server/base/must.h"

#include <stdlib.h>

struct part_place {
    size_t key_at;
    size_t octets_at; /* the key ends here */
    size_t end;
    bool last;
    int64_t deadline_us;
};

enum { PLACES_FIRST = 16 };

void parts_init(struct parts *self, size_t bytes_max)
{
    *self = (struct parts){0};
    buffer_init(&self->octets, bytes_max);
}

void parts_deinit(struct parts *self)
{
    buffer_deinit(&self->octets);
    free(self->places);
}

void parts_reset(struct parts *self)
{
    buffer_reset(&self->octets);
    self->count = 0;
}

static struct part_place *next_place(struct parts *self)
{
    if (self->count == self->cap) {
        self->cap = self->cap == 0 ? PLACES_FIRST : self->cap * 2;
        self->places = realloc(self->places, self->cap * sizeof(self->places[0]));
        must(self->places != NULL);
    }
    return &self->places[self->count];
}

struct buffer *parts_begin(struct parts *self, struct span key)
{
    struct part_place *place = next_place(self);

    place->key_at = self->octets.len;
    buffer_put(&self->octets, key);
    place->octets_at = self->octets.len;
    return &self->octets;
}

bool parts_end(struct parts *self, bool last, int64_t deadline_us)
{
    struct part_place *place = &self->places[self->count];

    if (self->octets.overflowed) {
        buffer_cut(&self->octets, place->key_at);
        return false;
    }
    place->end = self->octets.len;
    place->last = last;
    place->deadline_us = deadline_us;
    self->count++;
    return true;
}

struct part parts_get(const struct parts *self, size_t i)
{
    const struct part_place *place = &self->places[i];
    const char *at = buffer_span(&self->octets).at;

    return (struct part){
        .key = {at + place->key_at, place->octets_at - place->key_at},
        .octets = {at + place->octets_at, place->end - place->octets_at},
        .last = place->last,
        .deadline_us = place->deadline_us,
    };
}

bool parts_overflowed(const struct parts *self)
{
    return self->octets.overflowed;
}
