/* branch.h - the branch of our own requests: it names its transaction, and shows that it is ours.
 */
#ifndef TRANSACTION_BRANCH_H
#define TRANSACTION_BRANCH_H

#include "server/base/crypto.h"
#include "server/base/handle.h"
#include "server/base/span.h"

/** Octets of a branch: cookie, version, node, slot and generation, MAC. */
enum { BRANCH_BYTES = 7 + 1 + 4 + 16 + 16 };

/** Always BRANCH_BYTES octets, all of them token characters (RFC 3261 section 8.1.1.7). */
void branch_compose(const struct mac_key *key, uint16_t node, struct handle transaction,
                    char out[BRANCH_BYTES]);

enum branch_owner {
    BRANCH_STRANGE, /* nobody of us made it */
    BRANCH_FOREIGN, /* it has the form of ours and another node's number */
    BRANCH_OURS,    /* `transaction` says whose; it may be over */
};

enum branch_owner branch_parse(const struct mac_key *key, uint16_t node, struct span branch,
                               struct handle *transaction);

#endif
