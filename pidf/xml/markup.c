/* markup.c - finds the runs that XML may hold; what lies between them is replaced. */
#include "pidf/xml/markup.h"

#include "pidf/xml/escape.h"
#include "pidf/xml/value.h"

enum { US_PER_S = 1000000 };

static bool is_continuation(struct span octets, size_t i)
{
    return i < octets.len && ((unsigned char)octets.at[i] & 0xc0) == 0x80;
}

/* How long the sequence is that `lead` opens, and the least character that needs so many. */
static size_t sequence_length(unsigned char lead, uint32_t *least)
{
    if (lead >= 0xc2 && lead < 0xe0) {
        *least = 0x80;
        return 2;
    }
    if (lead >= 0xe0 && lead < 0xf0) {
        *least = 0x800;
        return 3;
    }
    if (lead >= 0xf0 && lead < 0xf5) {
        *least = 0x10000;
        return 4;
    }
    return 0;
}

/* The production Char of XML 1.0, beyond ASCII. */
static bool is_wide_char(uint32_t c)
{
    return c < 0xd800 || (c >= 0xe000 && c < 0xfffe) || (c >= 0x10000 && c < 0x110000);
}

/* Octets of the character in front; 0 when there is none that XML may hold. */
static size_t char_length(struct span octets)
{
    unsigned char lead = (unsigned char)*octets.at;
    uint32_t least = 0, c;
    size_t length;

    if (lead < 0x80)
        return lead >= 0x20 || lead == '\t' || lead == '\n' || lead == '\r' ? 1 : 0;
    length = sequence_length(lead, &least);
    if (length == 0)
        return 0;
    c = lead & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(octets, i))
            return 0;
        c = c << 6 | ((unsigned char)octets.at[i] & 0x3f);
    }
    return c >= least && is_wide_char(c) ? length : 0;
}

static size_t plain_length(struct span octets)
{
    size_t plain = 0;

    while (plain < octets.len) {
        size_t length = char_length(span_skip(octets, plain));

        if (length == 0)
            break;
        plain += length;
    }
    return plain;
}

typedef void put_fn(struct buffer *out, struct span text);
typedef void replace_fn(struct buffer *out, unsigned char octet);

static void replace(struct buffer *out, unsigned char octet)
{
    (void)octet;
    buffer_put(out, SPAN("\xef\xbf\xbd")); /* U+FFFD */
}

/* RFC 3986 section 2.1. */
static void percent_encode(struct buffer *out, unsigned char octet)
{
    static const char hex[] = "0123456789ABCDEF";

    buffer_put_char(out, '%');
    buffer_put_char(out, hex[octet >> 4]);
    buffer_put_char(out, hex[octet & 0xf]);
}

static void put_plain(struct buffer *out, struct span octets, put_fn *put, replace_fn *otherwise)
{
    while (!span_empty(octets)) {
        size_t plain = plain_length(octets);

        put(out, (struct span){octets.at, plain});
        octets = span_skip(octets, plain);
        if (span_empty(octets))
            return;
        otherwise(out, (unsigned char)*octets.at);
        octets = span_skip(octets, 1);
    }
}

void markup_put_text(struct buffer *out, struct span octets)
{
    put_plain(out, octets, escape_put_text, replace);
}

void markup_put_uri(struct buffer *out, struct span uri)
{
    put_plain(out, uri, escape_put_text, percent_encode);
}

static void begin_attribute(struct buffer *out, const char *name)
{
    buffer_put_char(out, ' ');
    buffer_put(out, span_of(name));
    buffer_put(out, SPAN("=\""));
}

void markup_put_attribute(struct buffer *out, const char *name, struct span value)
{
    begin_attribute(out, name);
    put_plain(out, value, escape_put_value, replace);
    buffer_put_char(out, '"');
}

void markup_put_uri_attribute(struct buffer *out, const char *name, struct span uri)
{
    begin_attribute(out, name);
    put_plain(out, uri, escape_put_value, percent_encode);
    buffer_put_char(out, '"');
}

void markup_put_optional(struct buffer *out, const char *name, struct span value)
{
    if (!span_empty(value))
        markup_put_attribute(out, name, value);
}

void markup_put_number(struct buffer *out, const char *name, uint64_t number)
{
    begin_attribute(out, name);
    buffer_put_u64(out, number);
    buffer_put_char(out, '"');
}

void markup_put_language(struct buffer *out, struct span tag)
{
    struct scratch unused = {0};

    if (value_mend(VALUE_LANGUAGE, tag, &unused, &tag))
        markup_put_attribute(out, "xml:lang", tag);
    scratch_deinit(&unused);
}

uint64_t markup_seconds_left(int64_t deadline_us, int64_t now_us)
{
    return deadline_us <= now_us ? 0 : (uint64_t)(deadline_us - now_us) / US_PER_S;
}
