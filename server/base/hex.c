/* hex.c - upper-case digits are refused: a mark has one spelling. */
#include "server/base/hex.h"

void hex_put(char *at, size_t digits, uint64_t number)
{
    for (size_t i = digits; i-- > 0; number >>= 4)
        at[i] = "0123456789abcdef"[number & 15];
}

static int value_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool hex_get(struct span text, uint64_t *out)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        const int value = value_of(text.at[i]);

        if (value < 0)
            return false;
        number = number << 4 | (uint64_t)value;
    }
    *out = number;
    return true;
}
