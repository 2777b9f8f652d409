/* table.h - an intrusive hash table, keyed by SipHash so that no peer can choose collisions. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "server/base/span.h"

#include <stdint.h>

/** Lives in the object that the table finds. */
struct table_link {
    struct table_link *next;
    uint64_t hash;
};

/**
 * Knows hashes, not keys: the caller compares. Several objects may share one hash, or one
 * key. It grows and shrinks a few slots at each change, so no single call takes long.
 */
struct table {
    struct table_link **slots;     /* where everything ends up */
    struct table_link **old_slots; /* what is being moved from; NULL when nothing is */
    size_t mask;
    size_t old_mask;
    size_t moved; /* old slots below this one are empty */
    size_t count;
    size_t walks;    /* table_each() under way: no slot moves meanwhile */
    uint64_t key[2]; /* SipHash key, drawn at random by table_init() */
};

void table_init(struct table *self);

/** Frees the slots, not the objects. */
void table_deinit(struct table *self);

/** The hash of `key` for this table. Mix two spans by hashing the second with table_hash_more(). */
uint64_t table_hash(const struct table *self, struct span key);
uint64_t table_hash_nocase(const struct table *self, struct span key); /* ASCII case folded */
uint64_t table_hash_more(const struct table *self, uint64_t hash, struct span key);

/** Lends the object that `link` lives in to the table. */
void table_add(struct table *self, struct table_link *link, uint64_t hash);

/** Takes it out; it must be in. */
void table_remove(struct table *self, struct table_link *link);

/** The first object with that hash, and then the next one of the same; NULL at the end. */
struct table_link *table_first(const struct table *self, uint64_t hash);
struct table_link *table_next(const struct table_link *link);

/** Calls `fn` for every object; `fn` may remove and free the one it is given, and no other. */
typedef void table_each_fn(struct table_link *link, void *context);
void table_each(struct table *self, table_each_fn *fn, void *context);

#endif
