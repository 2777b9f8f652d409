/* array.h - rows gathered one by one, then turned into one binary array per column. */
#ifndef STORAGE_ARRAY_H
#define STORAGE_ARRAY_H

#include "server/base/span.h"

#include <stdint.h>

/**
 * A type is a letter: s int2, l int8, b bool, t text, y bytea; in upper case an array of it.
 * Everything goes to the database in binary form, which costs it and us a fraction of text.
 */
uint32_t type_oid(char letter);

/** An int8 in the database's octets. */
void encode_int8(int64_t number, uint8_t out[8]);

enum { ARRAY_COLUMNS_MAX = 40 };

/** Growing octets; memory stays when emptied. */
struct octets {
    uint8_t *at;
    size_t len;
    size_t cap;
};

/** Where one row's cells lie. Rows of one statement are sent in order of (bucket, id): every writer
 * takes its locks in the same order, so two never wait for each other. */
struct sheet_row {
    uint16_t bucket;
    int64_t id;
    size_t begin;
    size_t end;
};

/** The rows of one statement of a batch. Filling it allocates nothing once it has grown. */
struct sheet {
    const char *columns; /* one letter each */
    bool distinct;       /* a row put twice is sent once */
    struct octets cells; /* each: its length in four octets, then its value */
    struct sheet_row *rows;
    size_t count;
    size_t cap;
    bool built;
    struct octets arrays[ARRAY_COLUMNS_MAX];
};

/** Keeps `columns`. */
void sheet_init(struct sheet *self, const char *columns, bool distinct);
void sheet_deinit(struct sheet *self);

/** Forgets all rows; the memory stays. */
void sheet_reset(struct sheet *self);

/* A row: begin, its cells in the order of the columns, end. Spans are copied. */
void sheet_begin(struct sheet *self, uint16_t bucket, int64_t id);
void sheet_int2(struct sheet *self, int16_t value);
void sheet_int8(struct sheet *self, int64_t value);
void sheet_bool(struct sheet *self, bool value);
void sheet_octets(struct sheet *self, struct span value); /* t or y */
void sheet_end(struct sheet *self);

/** Octets gathered so far. */
static inline size_t sheet_bytes(const struct sheet *self)
{
    return self->cells.len;
}

/** Sorts the rows and makes the arrays, once; a second call lends the same. `out` has a place for
 * every column. */
void sheet_build(struct sheet *self, struct span out[]);

#endif
