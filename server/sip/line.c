#include "server/sip/line.h"

#include <stdint.h>

#define EVERY_OCTET(value) (UINT64_MAX / 255 * (value))

/* Eight octets at once: whether one of them is a control octet (below 0x20, or 0x7F). */
static bool has_control(const char *at)
{
    uint64_t word, delete;

    memcpy(&word, at, sizeof(word));
    delete = word ^ EVERY_OCTET(0x7F);
    return (((word - EVERY_OCTET(0x20)) & ~word & EVERY_OCTET(0x80)) |
            ((delete - EVERY_OCTET(0x01)) & ~delete &EVERY_OCTET(0x80))) != 0;
}

/* The first control octet, or `end`. */
static const char *find_control(const char *at, const char *end)
{
    while (end - at >= 8 && !has_control(at))
        at += 8;
    while (at < end && (unsigned char)*at >= 0x20 && *at != 0x7F)
        at++;
    return at;
}

struct sip_line sip_line_next(const char *at, const char *end, bool folds)
{
    struct sip_line line = {0};
    const char *start = at;

    for (;;) {
        at = find_control(at, end);
        if (at == end)
            return line;
        if (*at == '\r' && end - at >= 2 && at[1] == '\n') {
            bool folded = folds && at > start && end - at >= 3 && (at[2] == ' ' || at[2] == '\t');

            if (!folded)
                break;
            at += 3;
            continue;
        }
        if (*at != '\t' && (*at == '\r' || *at == '\n' || at == start || at[-1] != '\\'))
            line.bad_octet = true;
        at++;
    }
    line.text = span_between(start, at);
    line.end = at;
    line.next = at + 2;
    return line;
}

const char *sip_skip_empty_lines(const char *at, const char *end)
{
    while (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
        at += 2;
    return at;
}
