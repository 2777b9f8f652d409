/* array.c - cells are kept row by row, so that sorting moves numbers and not octets. */
#include "storage/array.h"

#include "server/base/must.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* OIDs of built-in types never change: pg_type.dat. */
uint32_t type_oid(char letter)
{
    switch (letter) {
    case 's':
        return 21;
    case 'l':
        return 20;
    case 'b':
        return 16;
    case 't':
        return 25;
    case 'y':
        return 17;
    case 'S':
        return 1005;
    case 'L':
        return 1016;
    case 'B':
        return 1000;
    case 'T':
        return 1009;
    case 'Y':
        return 1001;
    default:
        must(letter == '\0'); /* no letter that is not in this list */
        return 0;
    }
}

static void put_int4(uint8_t *at, uint32_t value)
{
    const uint32_t network = htonl(value);

    memcpy(at, &network, sizeof(network));
}

void encode_int8(int64_t number, uint8_t out[8])
{
    put_int4(out, (uint32_t)((uint64_t)number >> 32));
    put_int4(out + 4, (uint32_t)((uint64_t)number & UINT32_MAX));
}

static uint8_t *octets_grow(struct octets *self, size_t more)
{
    uint8_t *at;

    if (self->cap - self->len < more) {
        size_t cap = self->cap == 0 ? 1024 : self->cap;

        while (cap - self->len < more)
            cap *= 2;
        self->at = realloc(self->at, cap);
        must(self->at != NULL);
        self->cap = cap;
    }
    at = self->at + self->len;
    self->len += more;
    return at;
}

void sheet_init(struct sheet *self, const char *columns, bool distinct)
{
    *self = (struct sheet){.columns = columns, .distinct = distinct};
    must(strlen(columns) <= ARRAY_COLUMNS_MAX);
}

void sheet_deinit(struct sheet *self)
{
    free(self->cells.at);
    free(self->rows);
    for (size_t i = 0; i < ARRAY_COLUMNS_MAX; i++)
        free(self->arrays[i].at);
    *self = (struct sheet){0};
}

void sheet_reset(struct sheet *self)
{
    self->cells.len = 0;
    self->count = 0;
    self->built = false;
}

/* ---- filling ---- */

void sheet_begin(struct sheet *self, uint16_t bucket, int64_t id)
{
    must(!self->built);
    if (self->count == self->cap) {
        self->cap = self->cap == 0 ? 64 : self->cap * 2;
        self->rows = realloc(self->rows, self->cap * sizeof(self->rows[0]));
        must(self->rows != NULL);
    }
    self->rows[self->count] =
        (struct sheet_row){.bucket = bucket, .id = id, .begin = self->cells.len};
}

void sheet_end(struct sheet *self)
{
    self->rows[self->count++].end = self->cells.len;
}

void sheet_int2(struct sheet *self, int16_t value)
{
    uint8_t *at = octets_grow(&self->cells, 6);

    put_int4(at, 2);
    at[4] = (uint8_t)((uint16_t)value >> 8);
    at[5] = (uint8_t)((uint16_t)value & 0xff);
}

void sheet_int8(struct sheet *self, int64_t value)
{
    uint8_t *at = octets_grow(&self->cells, 12);

    put_int4(at, 8);
    encode_int8(value, at + 4);
}

void sheet_bool(struct sheet *self, bool value)
{
    uint8_t *at = octets_grow(&self->cells, 5);

    put_int4(at, 1);
    at[4] = value ? 1 : 0;
}

void sheet_octets(struct sheet *self, struct span value)
{
    uint8_t *at;

    must(value.len <= INT32_MAX);
    at = octets_grow(&self->cells, 4 + value.len);
    put_int4(at, (uint32_t)value.len);
    if (value.len > 0)
        memcpy(at + 4, value.at, value.len);
}

/* ---- sending ---- */

static bool is_same(const struct sheet *self, const struct sheet_row *a, const struct sheet_row *b)
{
    return a->bucket == b->bucket && a->id == b->id && a->end - a->begin == b->end - b->begin &&
           memcmp(self->cells.at + a->begin, self->cells.at + b->begin, a->end - a->begin) == 0;
}

static int compare(const void *left, const void *right)
{
    const struct sheet_row *a = left;
    const struct sheet_row *b = right;

    if (a->bucket != b->bucket)
        return a->bucket < b->bucket ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return 0;
}

static void sort(struct sheet *self)
{
    for (size_t i = 1; i < self->count; i++) {
        if (compare(&self->rows[i - 1], &self->rows[i]) > 0) {
            qsort(self->rows, self->count, sizeof(self->rows[0]), compare);
            return;
        }
    }
}

/* An object that comes twice would be written with either of its states: our own mistake. */
static void drop_repeats(struct sheet *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (kept > 0 && self->distinct && is_same(self, &self->rows[kept - 1], &self->rows[i]))
            continue;
        must(kept == 0 || self->distinct || compare(&self->rows[kept - 1], &self->rows[i]) != 0);
        self->rows[kept++] = self->rows[i];
    }
    self->count = kept;
}

/* ndim, flags, element type, length, lower bound: array_recv() of PostgreSQL. */
enum { ARRAY_HEADER_BYTES = 20 };

static void put_header(struct octets *array, char letter, size_t count)
{
    uint8_t *at = octets_grow(array, ARRAY_HEADER_BYTES);

    put_int4(at, 1);
    put_int4(at + 4, 0);
    put_int4(at + 8, type_oid(letter));
    put_int4(at + 12, (uint32_t)count);
    put_int4(at + 16, 1);
}

static uint32_t cell_bytes(const uint8_t *cell)
{
    uint32_t network;

    memcpy(&network, cell, sizeof(network));
    return 4 + ntohl(network);
}

void sheet_build(struct sheet *self, struct span out[])
{
    const size_t columns = strlen(self->columns);

    if (!self->built) {
        sort(self);
        drop_repeats(self);
        for (size_t c = 0; c < columns; c++) {
            self->arrays[c].len = 0;
            put_header(&self->arrays[c], self->columns[c], self->count);
        }
        for (size_t i = 0; i < self->count; i++) {
            const uint8_t *cell = self->cells.at + self->rows[i].begin;

            for (size_t c = 0; c < columns; c++) {
                const uint32_t bytes = cell_bytes(cell);

                memcpy(octets_grow(&self->arrays[c], bytes), cell, bytes);
                cell += bytes;
            }
            must(cell == self->cells.at + self->rows[i].end);
        }
        self->built = true;
    }
    for (size_t c = 0; c < columns; c++)
        out[c] = (struct span){(const char *)self->arrays[c].at, self->arrays[c].len};
}
