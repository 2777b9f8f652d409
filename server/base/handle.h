/* handle.h - names for objects that may be gone by the time an answer comes back. */
#ifndef BASE_HANDLE_H
#define BASE_HANDLE_H

#include "server/base/status.h"

#include <stddef.h>
#include <stdint.h>

/**
 * What a request, dialog or flow hands out before it waits for anything.
 *
 * A handle stays safe after its object dies: the slot's generation moves on,
 * so handle_find() answers NULL instead of a stale pointer. {0} names nothing.
 */
struct handle {
    uint32_t slot;
    uint32_t generation;
};

struct handle_table;

/** Holds at most `capacity` objects; its memory grows with use. Free with handle_table_free(). */
struct handle_table *handle_table_new(uint32_t capacity);

/** Frees the table, not the objects in it. NULL is fine. */
void handle_table_free(struct handle_table *table);

/**
 * Lends `object` (not NULL) to the table and names it.
 *
 * STATUS_LIMIT when the table is full; `out` is then untouched.
 */
MUST_USE enum status handle_add(struct handle_table *table, void *object, struct handle *out);

/** The object, or NULL when it has been removed. O(1). */
void *handle_find(const struct handle_table *table, struct handle handle);

/** Forgets the object; every copy of its handle now finds NULL. Twice is fine. */
void handle_remove(struct handle_table *table, struct handle handle);

/** How many objects the table names now. */
size_t handle_count(const struct handle_table *table);

#endif
