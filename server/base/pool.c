/* pool.c - one range of addresses in chunks; two levels of bits find the lowest with room. */
#include "server/base/pool.h"

#include "server/base/must.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size_bytes) ((void)(at), (void)(size_bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, size_bytes) ((void)(at), (void)(size_bytes))
#endif

enum {
    CHUNK_BYTES = 64 * 1024,
    SPARES_MAX = 2, /* so that traffic around a chunk's border does not call the kernel */
    WORD_BITS = 64,
    SUMMARY_BITS = WORD_BITS * WORD_BITS, /* chunks that one word of the summary speaks for */
};

#define NO_SLOT UINT32_MAX

struct chunk {
    uint32_t used;
    uint32_t made;       /* slots cut so far; those behind were not touched since the last return */
    uint32_t first_free; /* each free slot begins with the number of the next one */
    bool held;           /* may have pages */
};

struct pool {
    char *memory;
    size_t slot_bytes;   /* asked for */
    size_t stride_bytes; /* aligned */
    uint32_t chunk_slots;
    size_t max_slots;
    size_t count;
    size_t chunk_count;
    size_t opened; /* chunks that the kernel allows to be used; those above are bare addresses */
    size_t held;
    size_t spares; /* held and empty */
    struct chunk *chunks;
    uint64_t *with_room; /* a bit per chunk */
    uint64_t *summary;   /* a bit per word of `with_room` that is not 0 */
};

/* ---- which chunk ---- */

static void set_room(struct pool *self, size_t index, bool room)
{
    size_t word = index / WORD_BITS;
    uint64_t bit = UINT64_C(1) << index % WORD_BITS;
    uint64_t summary_bit = UINT64_C(1) << word % WORD_BITS;

    if (room) {
        self->with_room[word] |= bit;
        self->summary[word / WORD_BITS] |= summary_bit;
        return;
    }
    self->with_room[word] &= ~bit;
    if (self->with_room[word] == 0)
        self->summary[word / WORD_BITS] &= ~summary_bit;
}

/* One word of the summary speaks for 256 MiB, so that this loop is short. There is a chunk with
 * room whenever the cap is not reached. */
static size_t lowest_with_room(const struct pool *self)
{
    size_t at = 0;
    size_t word;

    while (self->summary[at] == 0)
        at++;
    word = at * WORD_BITS + (size_t)__builtin_ctzll(self->summary[at]);
    return word * WORD_BITS + (size_t)__builtin_ctzll(self->with_room[word]);
}

/* ---- chunks ---- */

static char *slot_at(const struct pool *self, size_t index, uint32_t slot)
{
    return self->memory + index * CHUNK_BYTES + slot * self->stride_bytes;
}

/* The lowest chunks come first, so that these are always a first part of the range: two
 * mappings for the kernel, however many chunks there are. */
static void open_up_to(struct pool *self, size_t index)
{
    size_t more = index + 1 - self->opened;
    char *at = self->memory + self->opened * CHUNK_BYTES;

    must(mprotect(at, more * CHUNK_BYTES, PROT_READ | PROT_WRITE) == 0);
    self->opened += more;
}

static void hold(struct pool *self, size_t index)
{
    struct chunk *chunk = &self->chunks[index];

    if (chunk->held) {
        self->spares--;
        return;
    }
    if (index >= self->opened)
        open_up_to(self, index);
    chunk->held = true;
    self->held++;
}

static void return_pages(struct pool *self, size_t index)
{
    struct chunk *chunk = &self->chunks[index];

    must(madvise(slot_at(self, index, 0), CHUNK_BYTES, MADV_DONTNEED) == 0);
    *chunk = (struct chunk){.first_free = NO_SLOT};
    self->held--;
}

static uint32_t take_slot(struct pool *self, size_t index)
{
    struct chunk *chunk = &self->chunks[index];
    uint32_t slot = chunk->first_free;

    if (chunk->used == 0)
        hold(self, index);
    if (slot == NO_SLOT) {
        slot = chunk->made++;
    } else {
        ASAN_UNPOISON_MEMORY_REGION(slot_at(self, index, slot), self->slot_bytes);
        memcpy(&chunk->first_free, slot_at(self, index, slot), sizeof(chunk->first_free));
    }
    if (++chunk->used == self->chunk_slots)
        set_room(self, index, false);
    return slot;
}

/* ---- the pool ---- */

static size_t parts(size_t whole, size_t part)
{
    return (whole + part - 1) / part;
}

static void *zeroed(size_t count, size_t size_bytes)
{
    void *memory = calloc(count, size_bytes);

    must(memory != NULL);
    return memory;
}

struct pool *pool_new(size_t slot_bytes, size_t max_slots)
{
    struct pool *self = zeroed(1, sizeof(*self));

    must(slot_bytes > 0 && slot_bytes <= CHUNK_BYTES && max_slots > 0);
    self->slot_bytes = slot_bytes < sizeof(uint32_t) ? sizeof(uint32_t) : slot_bytes;
    self->stride_bytes = parts(slot_bytes, alignof(max_align_t)) * alignof(max_align_t);
    self->chunk_slots = (uint32_t)(CHUNK_BYTES / self->stride_bytes);
    self->max_slots = max_slots;
    self->chunk_count = parts(max_slots, self->chunk_slots);
    self->chunks = zeroed(self->chunk_count, sizeof(self->chunks[0]));
    self->with_room = zeroed(parts(self->chunk_count, WORD_BITS), sizeof(uint64_t));
    self->summary = zeroed(parts(self->chunk_count, SUMMARY_BITS), sizeof(uint64_t));
    for (size_t i = 0; i < self->chunk_count; i++) {
        self->chunks[i].first_free = NO_SLOT;
        set_room(self, i, true);
    }
    self->memory = mmap(NULL, self->chunk_count * CHUNK_BYTES, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(self->memory != MAP_FAILED);
    /* Huge pages would bring back, in the background, the memory that was returned. A kernel
     * without them refuses, which is as good. */
    (void)madvise(self->memory, self->chunk_count * CHUNK_BYTES, MADV_NOHUGEPAGE);
    ASAN_POISON_MEMORY_REGION(self->memory, self->chunk_count * CHUNK_BYTES);
#ifdef WITH_ASAN
    /* What only objects in here point to is not leaked. */
    __lsan_register_root_region(self->memory, self->chunk_count * CHUNK_BYTES);
#endif
    return self;
}

void pool_free(struct pool *self)
{
    if (self == NULL)
        return;
#ifdef WITH_ASAN
    __lsan_unregister_root_region(self->memory, self->chunk_count * CHUNK_BYTES);
#endif
    ASAN_UNPOISON_MEMORY_REGION(self->memory, self->chunk_count * CHUNK_BYTES);
    must(munmap(self->memory, self->chunk_count * CHUNK_BYTES) == 0);
    free(self->chunks);
    free(self->with_room);
    free(self->summary);
    free(self);
}

void *pool_alloc(struct pool *self)
{
    size_t index;
    char *slot;

    if (self->count == self->max_slots)
        return NULL;
    self->count++;
    index = lowest_with_room(self);
    slot = slot_at(self, index, take_slot(self, index));
    ASAN_UNPOISON_MEMORY_REGION(slot, self->slot_bytes);
    return slot;
}

void pool_free_slot(struct pool *self, void *slot)
{
    size_t offset = (size_t)((uintptr_t)slot - (uintptr_t)self->memory);
    size_t index = offset / CHUNK_BYTES;
    struct chunk *chunk;

    if (slot == NULL)
        return;
    must(index < self->chunk_count && offset % CHUNK_BYTES % self->stride_bytes == 0);
    chunk = &self->chunks[index];
    must(chunk->used > 0);
    /* This write is what AddressSanitizer reports when a slot is freed twice. */
    *(volatile char *)slot = 0;
    memcpy(slot, &chunk->first_free, sizeof(chunk->first_free));
    ASAN_POISON_MEMORY_REGION(slot, self->slot_bytes);
    chunk->first_free = (uint32_t)(offset % CHUNK_BYTES / self->stride_bytes);
    self->count--;
    if (chunk->used == self->chunk_slots)
        set_room(self, index, true);
    if (--chunk->used > 0)
        return;
    if (self->spares < SPARES_MAX)
        self->spares++;
    else
        return_pages(self, index);
}

size_t pool_count(const struct pool *self)
{
    return self->count;
}

size_t pool_held_bytes(const struct pool *self)
{
    return self->held * CHUNK_BYTES;
}
