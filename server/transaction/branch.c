/* branch.c - fixed widths; looking up a response costs one MAC and no hash table. */
#include "server/transaction/branch.h"

#include "server/base/hex.h"

enum { VERSION_AT = 7, NODE_AT = 8, NUMBER_AT = 12, MAC_AT = 28 };

static bool take(struct span branch, size_t from, size_t end, uint64_t *out)
{
    return hex_get((struct span){branch.at + from, end - from}, out);
}

void branch_compose(const struct mac_key *key, uint16_t node, struct handle transaction,
                    char out[BRANCH_BYTES])
{
    memcpy(out, "z9hG4bK1", NODE_AT);
    hex_put(out + NODE_AT, NUMBER_AT - NODE_AT, node);
    hex_put(out + NUMBER_AT, MAC_AT - NUMBER_AT,
            (uint64_t)transaction.slot << 32 | transaction.generation);
    hex_put(out + MAC_AT, BRANCH_BYTES - MAC_AT, mac64(key, (struct span){out, MAC_AT}));
}

enum branch_owner branch_parse(const struct mac_key *key, uint16_t node, struct span branch,
                               struct handle *transaction)
{
    uint64_t number, mac, said_node;

    if (branch.len != BRANCH_BYTES || memcmp(branch.at, "z9hG4bK1", NODE_AT) != 0 ||
        !take(branch, NODE_AT, NUMBER_AT, &said_node) ||
        !take(branch, NUMBER_AT, MAC_AT, &number) || !take(branch, MAC_AT, BRANCH_BYTES, &mac))
        return BRANCH_STRANGE;
    if (said_node != node)
        return BRANCH_FOREIGN;
    if (mac != mac64(key, (struct span){branch.at, MAC_AT}))
        return BRANCH_STRANGE;
    *transaction = (struct handle){(uint32_t)(number >> 32), (uint32_t)number};
    return BRANCH_OURS;
}
