/* buffer.h - growing bytes to compose into: messages, documents, log lines, metrics. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "server/base/span.h"

#include <stdint.h>

/**
 * Appends until `max_bytes`; what does not fit is left out and `overflowed` set, so that a
 * composer checks once, at its end. With memory of its own it grows; with borrowed memory
 * it does not.
 */
struct buffer {
    char *at;
    size_t len;
    size_t cap_bytes;
    size_t max_bytes;
    bool overflowed;
    bool borrowed;
};

/** Owns its memory and grows up to `max_bytes`. Free with buffer_deinit(). */
void buffer_init(struct buffer *self, size_t max_bytes);

/** Composes into `memory`, which it borrows; buffer_deinit() then frees nothing. */
void buffer_init_fixed(struct buffer *self, void *memory, size_t size_bytes);

void buffer_deinit(struct buffer *self);

/** Empties it and clears `overflowed`; the memory stays. */
void buffer_reset(struct buffer *self);

void buffer_put(struct buffer *self, struct span bytes);
void buffer_put_char(struct buffer *self, char byte);
void buffer_put_u64(struct buffer *self, uint64_t number);   /* decimal */
void buffer_put_hex64(struct buffer *self, uint64_t number); /* lower-case, no leading zeros */
void buffer_printf(struct buffer *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Drops everything behind the first `len` bytes. */
void buffer_cut(struct buffer *self, size_t len);

/** Lends what has been composed, until the next change. */
static inline struct span buffer_span(const struct buffer *self)
{
    return (struct span){self->at, self->len};
}

#endif
