/* pool.h - slots of one size, capped, whose memory goes back to the system after a burst. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

/**
 * For objects that come by the hundred thousand and live for seconds: transactions, flows.
 *
 * Slots are cut from chunks of 64 KiB. A new object goes to the lowest chunk that has room, so
 * that the upper ones drain; an empty chunk's pages are given back, but for a spare or two.
 * Under AddressSanitizer a free slot is poisoned.
 */
struct pool;

/**
 * Reserves addresses, not memory, for `max_slots` slots of `slot_bytes` each (at most 64 KiB).
 * Free with pool_free().
 */
struct pool *pool_new(size_t slot_bytes, size_t max_slots);

/** Gives everything back, also what is still in use. NULL is fine. */
void pool_free(struct pool *self);

/** A slot aligned for any type, not zeroed; NULL when `max_slots` are in use. O(1). */
void *pool_alloc(struct pool *self);

/** Takes back a slot of this pool. NULL is fine. O(1). */
void pool_free_slot(struct pool *self, void *slot);

/** Slots in use. */
size_t pool_count(const struct pool *self);

/** Memory that the chunks in use, and the spare ones, may occupy. */
size_t pool_held_bytes(const struct pool *self);

#endif
