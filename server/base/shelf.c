/* shelf.c - a pool per size; a full pool sends its surplus to malloc(), told apart by a first word.
 */
#include "server/base/shelf.h"

#include "server/base/must.h"
#include "server/base/pool.h"

#include <stdint.h>
#include <stdlib.h>

enum { SIZES = 8, HEADER_BYTES = 16 };

/* With the header word; a 200 to a PUBLISH has some 400 octets, a NOTIFY's head 500. */
static const size_t slot_bytes[SIZES] = {256, 384, 512, 640, 768, 1024, 1536, 2048};

struct shelf {
    struct pool *pools[SIZES];
};

struct shelf *shelf_new(size_t max)
{
    struct shelf *self = calloc(1, sizeof(*self));

    must(self != NULL);
    for (int i = 0; i < SIZES; i++)
        self->pools[i] = pool_new(slot_bytes[i], max);
    return self;
}

void shelf_free(struct shelf *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < SIZES; i++)
        pool_free(self->pools[i]);
    free(self);
}

static int class_of(size_t size_bytes)
{
    int class = 0;

    while (class < SIZES && slot_bytes[class] < size_bytes + HEADER_BYTES)
        class ++;
    return class;
}

void *shelf_alloc(struct shelf *self, size_t size_bytes)
{
    int class = class_of(size_bytes);
    uint64_t *piece = class < SIZES ? pool_alloc(self->pools[class]) : NULL;
    uint64_t pooled = piece != NULL;

    if (piece == NULL)
        piece = malloc(size_bytes + HEADER_BYTES);
    must(piece != NULL);
    *piece = pooled;
    return (char *)piece + HEADER_BYTES;
}

void shelf_give_back(struct shelf *self, void *piece, size_t size_bytes)
{
    uint64_t *begin;

    if (piece == NULL)
        return;
    begin = (uint64_t *)(void *)((char *)piece - HEADER_BYTES);
    if (*begin != 0)
        pool_free_slot(self->pools[class_of(size_bytes)], begin);
    else
        free(begin);
}
