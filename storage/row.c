/* row.c - everything is checked: a view or a table may have been altered under the server. */
#include "storage/row.h"

#include <libpq-fe.h>

/* PGresult under the name that the rest of storage/ knows it by. */
static const PGresult *pg(const struct result *self)
{
    return (const PGresult *)(const void *)self;
}

int result_count(const struct result *self)
{
    return self == NULL ? 0 : PQntuples(pg(self));
}

void result_free(struct result *self)
{
    PQclear((PGresult *)(void *)self);
}

void result_row(const struct result *self, int index, struct row *out)
{
    const int count = PQnfields(pg(self));

    out->next = 0;
    out->bad = count > ROW_FIELDS_MAX;
    out->count = out->bad ? 0 : count;
    for (int i = 0; i < out->count; i++) {
        if (PQgetisnull(pg(self), index, i))
            out->fields[i] = (struct span){0};
        else
            out->fields[i] = (struct span){PQgetvalue(pg(self), index, i),
                                           (size_t)PQgetlength(pg(self), index, i)};
    }
}

static uint64_t number(const char *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | (uint8_t)at[i];
    return value;
}

/* ---- COPY BINARY ---- */

static const char signature[11] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', '\377', '\r', '\n', '\0'};

static bool take(struct span *chunk, size_t bytes, uint64_t *out)
{
    if (chunk->len < bytes)
        return false;
    *out = number(chunk->at, bytes);
    *chunk = span_skip(*chunk, bytes);
    return true;
}

/* Signature, flags, and an extension whose length it says. */
static bool skip_header(struct span *chunk)
{
    uint64_t flags;
    uint64_t extension;

    if (!span_begins(*chunk, (struct span){signature, sizeof(signature)}))
        return false;
    *chunk = span_skip(*chunk, sizeof(signature));
    if (!take(chunk, 4, &flags) || !take(chunk, 4, &extension) || chunk->len < extension)
        return false;
    *chunk = span_skip(*chunk, extension);
    return true;
}

static bool take_fields(struct span *chunk, uint64_t count, struct row *out)
{
    if (count > ROW_FIELDS_MAX)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t bytes;

        if (!take(chunk, 4, &bytes))
            return false;
        if (bytes == UINT32_MAX) {
            out->fields[i] = (struct span){0};
            continue;
        }
        if (chunk->len < bytes)
            return false;
        out->fields[i] = (struct span){chunk->at, bytes};
        *chunk = (struct span){chunk->at + bytes, chunk->len - bytes};
    }
    out->count = (int)count;
    out->next = 0;
    out->bad = false;
    return true;
}

bool copy_row(struct copy_reader *self, struct span *chunk, struct row *out, bool *bad)
{
    uint64_t count;

    *bad = false;
    if (!self->begun) {
        if (!skip_header(chunk)) {
            *bad = true;
            return false;
        }
        self->begun = true;
    }
    if (chunk->len == 0)
        return false;
    if (self->ended || !take(chunk, 2, &count)) {
        *bad = true;
        return false;
    }
    if (count == UINT16_MAX) {
        self->ended = true;
        return false;
    }
    *bad = !take_fields(chunk, count, out);
    return !*bad;
}

/* ---- fields ---- */

static struct span next(struct row *self)
{
    if (self->next >= self->count) {
        self->bad = true;
        return (struct span){0};
    }
    return self->fields[self->next++];
}

static uint64_t next_number(struct row *self, size_t bytes)
{
    const struct span field = next(self);

    if (field.at == NULL || field.len != bytes) {
        self->bad = true;
        return 0;
    }
    return number(field.at, bytes);
}

int16_t row_int2(struct row *self)
{
    return (int16_t)(uint16_t)next_number(self, 2);
}

int64_t row_int8(struct row *self)
{
    return (int64_t)next_number(self, 8);
}

bool row_bool(struct row *self)
{
    return next_number(self, 1) != 0;
}

struct span row_octets(struct row *self)
{
    return next(self);
}

int64_t row_remaining_us(struct row *self)
{
    const int64_t expires = row_int8(self);
    const int64_t now = row_int8(self);

    /* infinity and -infinity: the ends of the type's range */
    if (expires == INT64_MAX || expires == INT64_MIN)
        return expires;
    return expires - now;
}

bool row_is_good(const struct row *self)
{
    return !self->bad && self->next == self->count;
}
