/* row.h - typed, checked access to a row that came from the database in binary form. */
#ifndef STORAGE_ROW_H
#define STORAGE_ROW_H

#include "server/base/span.h"

#include <stdint.h>

enum { ROW_FIELDS_MAX = 40 };

/**
 * Fields are taken in the order of the SELECT's list. A field of another size than its type
 * has, or one too many, sets `bad` and reads as zero: the reader looks once, at its end.
 */
struct row {
    struct span fields[ROW_FIELDS_MAX]; /* `at` is NULL for SQL's null */
    int count;
    int next;
    bool bad;
};

/** A PGresult whose columns were asked for in binary form. */
struct result;

int result_count(const struct result *self);

/** For one that was kept: see link_keep_result(). NULL is fine. */
void result_free(struct result *self);

/** Lends the row; 0 <= index < result_count(). */
void result_row(const struct result *self, int index, struct row *out);

/** A stream of COPY BINARY: its signature first, then rows. */
struct copy_reader {
    bool begun;
    bool ended;
};

/**
 * Takes one row off the front of `chunk`, which is lent. False when there is none left, or
 * when the chunk is malformed: `bad` is then set.
 */
bool copy_row(struct copy_reader *self, struct span *chunk, struct row *out, bool *bad);

int16_t row_int2(struct row *self);
int64_t row_int8(struct row *self);
bool row_bool(struct row *self);
/** Text or bytea; null reads as empty. */
struct span row_octets(struct row *self);
/** Takes two fields: a timestamptz, and the database's now(). INT64_MAX when it is infinity. */
int64_t row_remaining_us(struct row *self);

/** All fields were taken, and all were good. */
bool row_is_good(const struct row *self);

#endif
