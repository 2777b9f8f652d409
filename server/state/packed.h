/* packed.h - several octet strings behind one another, without a pointer each. */
#ifndef STATE_PACKED_H
#define STATE_PACKED_H

#include "server/base/span.h"

#include <stdint.h>

/*
 * A version holds `uint32_t ends[N]` and, as its last member, `char octets[]`. With 100,000
 * subscriptions in memory, spans of sixteen octets each would cost more than the strings.
 */

static inline size_t packed_size(const struct span parts[], size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += parts[i].len;
    return size;
}

static inline void packed_fill(uint32_t ends[], char *octets, const struct span parts[],
                               size_t count)
{
    uint32_t end = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(octets + end, parts[i].at, parts[i].len);
        end += (uint32_t)parts[i].len;
        ends[i] = end;
    }
}

static inline struct span packed_get(const uint32_t ends[], const char *octets, size_t index)
{
    uint32_t begin = index == 0 ? 0 : ends[index - 1];

    return (struct span){octets + begin, ends[index] - begin};
}

#endif
