/* trusted_peer.c - whom administrators trust by address. What is not enabled is not there. */
#include "storage/noun.h"

#define TRUSTED_PEER_SELECT                                                                        \
    "select id, address, coalesce(port, 0)::int8, coalesce(transport, ''), coalesce(domain, ''),"  \
    " may_relay from presence.trusted_peer where enabled"

const char trusted_peer_scan[] = "copy (" TRUSTED_PEER_SELECT ") to stdout (format binary)";
const char trusted_peer_read[] = TRUSTED_PEER_SELECT " and id = any ($1)";

/* As cidr_send() writes it: family, bits, whether it is a cidr, the address's length, the address.
 */
enum { CIDR_HEAD = 4, CIDR_IPV4 = 2, CIDR_IPV6 = 3 };

static bool decode_cidr(struct span octets, struct trusted_peer_row *out)
{
    const unsigned char *at = (const unsigned char *)octets.at;

    if (octets.len == CIDR_HEAD + 4 && at[0] == CIDR_IPV4)
        out->family = 4;
    else if (octets.len == CIDR_HEAD + 16 && at[0] == CIDR_IPV6)
        out->family = 6;
    else
        return false;
    out->prefix = at[1];
    memcpy(out->address, at + CIDR_HEAD, octets.len - CIDR_HEAD);
    return out->prefix <= 8 * (octets.len - CIDR_HEAD);
}

bool trusted_peer_decode(struct row *from, struct trusted_peer_row *out)
{
    struct span address;

    *out = (struct trusted_peer_row){.id = row_int8(from)};
    address = row_octets(from);
    out->port = (uint16_t)row_int8(from);
    out->transport = row_octets(from);
    out->domain = row_octets(from);
    out->may_relay = row_bool(from);
    return row_is_good(from) && decode_cidr(address, out);
}
