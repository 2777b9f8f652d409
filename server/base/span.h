/* span.h - a borrowed run of bytes: the string type of the code base. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/** Points into memory owned by someone else; not NUL-terminated; copy it to keep it. */
struct span {
    const char *at;
    size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

/* For printf: printf("aor=" SPAN_FMT, SPAN_ARG(aor)). */
#define SPAN_FMT "%.*s"
#define SPAN_ARG(s) (int)(s).len, (s).at

/** The bytes of a NUL-terminated string; NULL gives the empty span. */
static inline struct span span_of(const char *text)
{
    return text == NULL ? (struct span){0} : (struct span){text, strlen(text)};
}

static inline bool span_empty(struct span s)
{
    return s.len == 0;
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/** ASCII only, which is what SIP tokens and media types are. */
static inline bool span_equal_nocase(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.at, b.at, a.len) == 0);
}

static inline bool span_begins(struct span s, struct span start)
{
    return s.len >= start.len && (start.len == 0 || memcmp(s.at, start.at, start.len) == 0);
}

/** What is left behind the first `count` bytes; empty when there are fewer. */
static inline struct span span_skip(struct span s, size_t count)
{
    return count >= s.len ? (struct span){0} : (struct span){s.at + count, s.len - count};
}

/** The bytes from `from` up to `end`, both pointers into one buffer. */
static inline struct span span_between(const char *from, const char *end)
{
    return (struct span){from, (size_t)(end - from)};
}

/** The first `byte`, or NULL. */
static inline const char *span_find(struct span s, char byte)
{
    return s.len == 0 ? NULL : memchr(s.at, byte, s.len);
}

#endif
