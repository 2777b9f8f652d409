/* mark.c - fixed widths, so that a mark is cut without looking for separators. */
#include "server/base/mark.h"

#include "server/base/hex.h"

enum { BUCKET_AT = 1, NUMBER_AT = 4, MAC_AT = 20 };

/* The purpose is under the MAC but not in the text. */
static uint64_t mac_of(const struct mac_key *key, enum mark_purpose purpose, const char *mark)
{
    char octets[MAC_AT + 1];

    memcpy(octets, mark, MAC_AT);
    octets[MAC_AT] = (char)purpose;
    return mac64(key, (struct span){octets, sizeof(octets)});
}

struct span mark_compose(const struct mac_key *key, enum mark_purpose purpose, uint16_t bucket,
                         uint64_t number, char out[MARK_BYTES])
{
    out[0] = '1';
    hex_put(out + BUCKET_AT, NUMBER_AT - BUCKET_AT, bucket);
    hex_put(out + NUMBER_AT, MAC_AT - NUMBER_AT, number);
    hex_put(out + MAC_AT, MARK_BYTES - MAC_AT, mac_of(key, purpose, out));
    return (struct span){out, MARK_BYTES};
}

bool mark_parse(const struct mac_key *key, enum mark_purpose purpose, struct span mark,
                uint64_t *number)
{
    char mac[MARK_BYTES - MAC_AT];

    if (mark.len != MARK_BYTES || mark.at[0] != '1')
        return false;
    hex_put(mac, sizeof(mac), mac_of(key, purpose, mark.at));
    if (!crypto_equal(span_skip(mark, MAC_AT), (struct span){mac, sizeof(mac)}))
        return false;
    return hex_get((struct span){mark.at + NUMBER_AT, MAC_AT - NUMBER_AT}, number);
}
