/* seen.c - open addressing, at most half full; a slot is never taken back. */
#include "pidf/xml/seen.h"

enum { SLOTS_MIN = 16 };

static void place(struct seen *self, uint64_t hash, void *value)
{
    size_t mask = self->slot_count - 1;
    size_t i = (size_t)hash & mask;

    while (self->slots[i].value != NULL)
        i = (i + 1) & mask;
    self->slots[i] = (struct seen_slot){hash, value};
    self->count++;
}

static void grow(struct seen *self, struct scratch *scratch)
{
    struct seen old = *self;

    self->slot_count = old.slot_count == 0 ? SLOTS_MIN : 2 * old.slot_count;
    self->slots = scratch_alloc(scratch, self->slot_count * sizeof(self->slots[0]));
    self->count = 0;
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].value != NULL)
            place(self, old.slots[i].hash, old.slots[i].value);
}

void seen_add(struct seen *self, struct scratch *scratch, uint64_t hash, void *value)
{
    if (2 * (self->count + 1) > self->slot_count)
        grow(self, scratch);
    place(self, hash, value);
}

void *seen_next(const struct seen *self, uint64_t hash, size_t *at)
{
    size_t mask = self->slot_count - 1;

    if (self->slot_count == 0)
        return NULL;
    for (;;) {
        const struct seen_slot *slot = &self->slots[((size_t)hash + *at) & mask];

        if (slot->value == NULL)
            return NULL;
        ++*at;
        if (slot->hash == hash)
            return slot->value;
    }
}
