/* shelf.h - octets of any length that live for seconds, kept apart from what lives for hours. */
#ifndef BASE_SHELF_H
#define BASE_SHELF_H

#include <stddef.h>

/**
 * A response is kept for half a minute so that it can be sent again. Were it allocated between
 * two bindings, its hole would stay between them for ever: memory would never go back to the
 * system. So such octets have pools of their own, by size (pool.h); what is longer than the
 * largest slot is malloc()ed.
 */
struct shelf;

/** Reserves addresses, not memory, for `max` pieces of each size. Free with shelf_free(). */
struct shelf *shelf_new(size_t max);
void shelf_free(struct shelf *self);

/** Never NULL: beyond the cap it is malloc() that serves. */
void *shelf_alloc(struct shelf *self, size_t size_bytes);

/** Takes back a piece; `size_bytes` is what was asked for. NULL is fine. */
void shelf_give_back(struct shelf *self, void *piece, size_t size_bytes);

#endif
