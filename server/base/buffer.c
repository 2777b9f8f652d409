/* buffer.c - doubling memory up to a cap; after the first overflow nothing more is taken. */
#include "server/base/buffer.h"

#include "server/base/must.h"

#include <stdarg.h>

enum { FIRST_BYTES = 256 };

void buffer_init(struct buffer *self, size_t max_bytes)
{
    *self = (struct buffer){.max_bytes = max_bytes};
}

void buffer_init_fixed(struct buffer *self, void *memory, size_t size_bytes)
{
    *self = (struct buffer){
        .at = memory, .cap_bytes = size_bytes, .max_bytes = size_bytes, .borrowed = true};
}

void buffer_deinit(struct buffer *self)
{
    if (!self->borrowed)
        free(self->at);
    *self = (struct buffer){0};
}

void buffer_reset(struct buffer *self)
{
    self->len = 0;
    self->overflowed = false;
}

static void grow(struct buffer *self, size_t needed_bytes)
{
    size_t cap_bytes = self->cap_bytes == 0 ? FIRST_BYTES : self->cap_bytes;

    while (cap_bytes < needed_bytes)
        cap_bytes *= 2;
    if (cap_bytes > self->max_bytes)
        cap_bytes = self->max_bytes;
    self->at = realloc(self->at, cap_bytes);
    must(self->at != NULL);
    self->cap_bytes = cap_bytes;
}

/* True when `more_bytes` fit behind what is there. A piece that is too long ends the text, so
 * that what was composed is always a beginning of what was meant, without holes. */
static bool make_room(struct buffer *self, size_t more_bytes)
{
    if (self->overflowed || more_bytes > self->max_bytes - self->len) {
        self->overflowed = true;
        return false;
    }
    if (more_bytes > self->cap_bytes - self->len)
        grow(self, self->len + more_bytes);
    return true;
}

void buffer_put(struct buffer *self, struct span bytes)
{
    if (bytes.len == 0 || !make_room(self, bytes.len))
        return;
    memcpy(self->at + self->len, bytes.at, bytes.len);
    self->len += bytes.len;
}

void buffer_put_char(struct buffer *self, char byte)
{
    if (!make_room(self, 1))
        return;
    self->at[self->len++] = byte;
}

static void put_number(struct buffer *self, uint64_t number, unsigned base)
{
    char digits[20];
    size_t first = sizeof(digits);

    do {
        digits[--first] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    buffer_put(self, (struct span){digits + first, sizeof(digits) - first});
}

void buffer_put_u64(struct buffer *self, uint64_t number)
{
    put_number(self, number, 10);
}

void buffer_put_hex64(struct buffer *self, uint64_t number)
{
    put_number(self, number, 16);
}

/* Text that fits but for the NUL that vsnprintf() would put behind it. */
__attribute__((format(printf, 2, 0))) static void put_exact(struct buffer *self, const char *format,
                                                            va_list arguments)
{
    char *text;
    int len = vasprintf(&text, format, arguments);

    must(len >= 0);
    buffer_put(self, (struct span){text, (size_t)len});
    free(text);
}

void buffer_printf(struct buffer *self, const char *format, ...)
{
    size_t room_bytes = self->cap_bytes - self->len;
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(room_bytes == 0 ? NULL : self->at + self->len, room_bytes, format, arguments);
    va_end(arguments);
    must(len >= 0);
    if (!make_room(self, (size_t)len))
        return;
    if ((size_t)len < room_bytes) {
        self->len += (size_t)len;
        return;
    }
    va_start(arguments, format);
    if ((size_t)len < self->cap_bytes - self->len)
        self->len +=
            (size_t)vsnprintf(self->at + self->len, self->cap_bytes - self->len, format, arguments);
    else
        put_exact(self, format, arguments);
    va_end(arguments);
}

void buffer_cut(struct buffer *self, size_t len)
{
    if (len < self->len)
        self->len = len;
}
