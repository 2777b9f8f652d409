/* known.c - open addressing with linear probing; ids come from our own tables, nobody chooses them.
 */
#include "storage/known.h"

#include "server/base/must.h"

struct known_slot {
    int64_t id;
    uint32_t scan; /* 0: free */
};

enum { SLOTS_MIN = 64 };

static size_t home(const struct known *self, int64_t id)
{
    return (size_t)(((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & self->mask;
}

static void make_slots(struct known *self, size_t count)
{
    self->slots = calloc(count, sizeof(self->slots[0]));
    must(self->slots != NULL);
    self->mask = count - 1;
    self->count = 0;
}

void known_init(struct known *self)
{
    self->scan = 1;
    make_slots(self, SLOTS_MIN);
}

void known_deinit(struct known *self)
{
    free(self->slots);
    self->slots = NULL;
}

/* The slot of `id`, or the free one where it would go. */
static size_t slot_of(const struct known *self, int64_t id)
{
    size_t at = home(self, id);

    while (self->slots[at].scan != 0 && self->slots[at].id != id)
        at = (at + 1) & self->mask;
    return at;
}

static void put(struct known *self, int64_t id, uint32_t scan)
{
    struct known_slot *slot = &self->slots[slot_of(self, id)];

    if (slot->scan == 0)
        self->count++;
    *slot = (struct known_slot){.id = id, .scan = scan};
}

static void rebuild(struct known *self, size_t slots)
{
    struct known_slot *old = self->slots;
    const size_t old_count = self->mask + 1;

    make_slots(self, slots);
    for (size_t i = 0; i < old_count; i++)
        if (old[i].scan != 0)
            put(self, old[i].id, old[i].scan);
    free(old);
}

void known_see(struct known *self, int64_t id)
{
    if ((self->count + 1) * 2 > self->mask + 1)
        rebuild(self, (self->mask + 1) * 2);
    put(self, id, self->scan);
}

bool known_has(const struct known *self, int64_t id)
{
    return self->slots[slot_of(self, id)].scan != 0;
}

/* What was pushed on by the one that leaves moves back, so that no search ends too early. */
static void close_gap(struct known *self, size_t gap)
{
    for (size_t at = (gap + 1) & self->mask; self->slots[at].scan != 0;
         at = (at + 1) & self->mask) {
        const size_t from_home = (at - home(self, self->slots[at].id)) & self->mask;
        const size_t from_gap = (at - gap) & self->mask;

        if (from_home >= from_gap) {
            self->slots[gap] = self->slots[at];
            gap = at;
        }
    }
    self->slots[gap].scan = 0;
}

bool known_forget(struct known *self, int64_t id)
{
    const size_t at = slot_of(self, id);

    if (self->slots[at].scan == 0)
        return false;
    self->count--;
    close_gap(self, at);
    return true;
}

void known_begin_scan(struct known *self)
{
    self->scan = self->scan == UINT32_MAX ? 1 : self->scan + 1;
}

void known_end_scan(struct known *self, known_gone_fn *fn, void *context)
{
    struct known_slot *old = self->slots;
    const size_t old_count = self->mask + 1;
    size_t slots = SLOTS_MIN;

    while (slots < self->count * 2)
        slots *= 2;
    make_slots(self, slots);
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].scan == self->scan)
            put(self, old[i].id, old[i].scan);
        else if (old[i].scan != 0)
            fn(context, old[i].id);
    }
    free(old);
}
