/* branch.c - fixed widths; looking up a response costs one MAC and no hash table. */
#include "server/transaction/branch.h"

enum { VERSION_AT = 7, NODE_AT = 8, NUMBER_AT = 12, MAC_AT = 28 };

static void put_hex(char *at, size_t digits, uint64_t number)
{
    for (size_t i = digits; i-- > 0; number >>= 4)
        at[i] = "0123456789abcdef"[number & 15];
}

static bool get_hex(const char *at, size_t digits, uint64_t *out)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits; i++) {
        char digit = at[i];

        if (digit >= '0' && digit <= '9')
            number = number << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            number = number << 4 | (uint64_t)(digit - 'a' + 10);
        else
            return false;
    }
    *out = number;
    return true;
}

void branch_compose(const struct mac_key *key, uint16_t node, struct handle transaction,
                    char out[BRANCH_BYTES])
{
    memcpy(out, "z9hG4bK1", NODE_AT);
    put_hex(out + NODE_AT, NUMBER_AT - NODE_AT, node);
    put_hex(out + NUMBER_AT, MAC_AT - NUMBER_AT,
            (uint64_t)transaction.slot << 32 | transaction.generation);
    put_hex(out + MAC_AT, BRANCH_BYTES - MAC_AT, mac64(key, (struct span){out, MAC_AT}));
}

enum branch_owner branch_parse(const struct mac_key *key, uint16_t node, struct span branch,
                               struct handle *transaction)
{
    uint64_t number, mac, said_node;

    if (branch.len != BRANCH_BYTES || memcmp(branch.at, "z9hG4bK1", NODE_AT) != 0 ||
        !get_hex(branch.at + NODE_AT, NUMBER_AT - NODE_AT, &said_node) ||
        !get_hex(branch.at + NUMBER_AT, MAC_AT - NUMBER_AT, &number) ||
        !get_hex(branch.at + MAC_AT, BRANCH_BYTES - MAC_AT, &mac))
        return BRANCH_STRANGE;
    if (said_node != node)
        return BRANCH_FOREIGN;
    if (mac != mac64(key, (struct span){branch.at, MAC_AT}))
        return BRANCH_STRANGE;
    *transaction = (struct handle){(uint32_t)(number >> 32), (uint32_t)number};
    return BRANCH_OURS;
}
