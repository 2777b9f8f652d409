/* mark.c - fixed widths, so that a mark is cut without looking for separators. */
#include "server/base/mark.h"

enum { BUCKET_AT = 1, NUMBER_AT = 4, MAC_AT = 20 };

static void put_hex(char *at, size_t digits, uint64_t number)
{
    for (size_t i = digits; i-- > 0; number >>= 4)
        at[i] = "0123456789abcdef"[number & 15];
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool get_hex(struct span digits, uint64_t *out)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits.len; i++) {
        int value = hex_value(digits.at[i]);

        if (value < 0)
            return false;
        number = number << 4 | (uint64_t)value;
    }
    *out = number;
    return true;
}

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
    put_hex(out + BUCKET_AT, NUMBER_AT - BUCKET_AT, bucket);
    put_hex(out + NUMBER_AT, MAC_AT - NUMBER_AT, number);
    put_hex(out + MAC_AT, MARK_BYTES - MAC_AT, mac_of(key, purpose, out));
    return (struct span){out, MARK_BYTES};
}

bool mark_parse(const struct mac_key *key, enum mark_purpose purpose, struct span mark,
                uint64_t *number)
{
    char mac[MARK_BYTES - MAC_AT];

    if (mark.len != MARK_BYTES || mark.at[0] != '1')
        return false;
    put_hex(mac, sizeof(mac), mac_of(key, purpose, mark.at));
    if (!crypto_equal(span_skip(mark, MAC_AT), (struct span){mac, sizeof(mac)}))
        return false;
    return get_hex((struct span){mark.at + NUMBER_AT, MAC_AT - NUMBER_AT}, number);
}
