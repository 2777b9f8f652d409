/* scan.h - the octet classes of RFC 3261 section 25.1, and steps over text; for this folder only.
 */
#ifndef SIP_SCAN_H
#define SIP_SCAN_H

#include "server/base/span.h"

#include <stdint.h>

enum {
    OCTET_TOKEN = 1 << 0,
    OCTET_USER = 1 << 1,     /* unreserved / user-unreserved */
    OCTET_PASSWORD = 1 << 2, /* of a URI */
    OCTET_PARAM = 1 << 3,    /* paramchar of a URI, without escaped */
    OCTET_HNV = 1 << 4,      /* header part of a URI, without escaped */
    OCTET_HOST = 1 << 5,     /* host name or IPv4; '_' too, since machines are named so */
    OCTET_WORD = 1 << 6,     /* Call-ID */
    OCTET_HEX = 1 << 7,
    OCTET_DIGIT = 1 << 8,
    OCTET_UNRESERVED = 1 << 9,
    OCTET_URI = 1 << 10,   /* any that RFC 3986 lets stand in some URI, without '%' */
    OCTET_VALUE = 1 << 11, /* gen-value without quotes: token, host, and what clients put there */
    OCTET_SPACE = 1 << 12, /* SP HTAB CR LF: in a parsed field CR and LF only fold */
};

extern const uint16_t sip_octet_classes[256];

static inline bool octet_is(char octet, int classes)
{
    return (sip_octet_classes[(unsigned char)octet] & classes) != 0;
}

/** Behind its last octet; NULL for a span that has no memory, to which nothing may be added. */
static inline const char *span_end(struct span text)
{
    return text.at == NULL ? NULL : text.at + text.len;
}

/** The first octet from `at` on that is in none of `classes`. */
static inline const char *skip_class(const char *at, const char *end, int classes)
{
    while (at < end && octet_is(*at, classes))
        at++;
    return at;
}

static inline const char *skip_space(const char *at, const char *end)
{
    return skip_class(at, end, OCTET_SPACE);
}

/** Like skip_class(), and over %HH; stops at a '%' that is no escape. */
static inline const char *skip_escaped(const char *at, const char *end, int classes)
{
    for (;;) {
        at = skip_class(at, end, classes);
        if (end - at < 3 || *at != '%' || !octet_is(at[1], OCTET_HEX) ||
            !octet_is(at[2], OCTET_HEX))
            return at;
        at += 3;
    }
}

/** Behind the quoted string that begins at `at`; NULL when it does not end. */
const char *sip_quoted_end(const char *at, const char *end);

static inline char octet_lower(char octet)
{
    if (octet >= 'A' && octet <= 'Z')
        octet = (char)(octet | 0x20);
    return octet;
}

/** What a hex digit stands for. */
static inline unsigned octet_hex(char octet)
{
    return octet <= '9' ? (unsigned)(octet - '0') : (unsigned)((octet | 0x20) - 'a' + 10);
}

/** Equal but for the case of ASCII letters; `lower` is lower-case. Faster than strncasecmp(). */
static inline bool text_is(struct span text, struct span lower)
{
    if (text.len != lower.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (octet_lower(text.at[i]) != lower.at[i])
            return false;
    return true;
}

#endif
