/* text.h - appending to a fixed buffer: cheaper than printf where every NOTIFY passes. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include "server/base/must.h"
#include "server/base/span.h"

#include <stdint.h>

/** Bytes being written; a message that does not fit is our mistake. */
struct text {
    char *at;
    size_t len;
    size_t size;
};

static inline void text_put(struct text *self, struct span s)
{
    must(self->len + s.len <= self->size);
    if (s.len > 0)
        memcpy(self->at + self->len, s.at, s.len);
    self->len += s.len;
}

#define TEXT(self, literal) text_put((self), SPAN(literal))

static inline void text_number(struct text *self, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_put(self, (struct span){digits + at, sizeof(digits) - at});
}

static inline struct span text_span(const struct text *self)
{
    return (struct span){self->at, self->len};
}

#endif
