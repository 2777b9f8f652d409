/* mark.h - identifiers that we hand out: they tell whose they are, and that they are ours. */
#ifndef BASE_MARK_H
#define BASE_MARK_H

#include "server/base/crypto.h"
#include "server/base/span.h"

#include <stdint.h>

/**
 * A mark is a version digit, the bucket of the AOR in three hex digits, a number in sixteen
 * and a keyed MAC in sixteen. A mark made for one purpose is not taken for another.
 */
enum mark_purpose {
    MARK_ENTITY_TAG = 'e', /* RFC 3903 section 4.1 */
    MARK_LOCAL_TAG = 't',  /* RFC 3261 section 19.3 */
};

enum { MARK_BYTES = 36 };

/** Writes exactly MARK_BYTES characters, all of them token characters. */
struct span mark_compose(const struct mac_key *key, enum mark_purpose purpose, uint16_t bucket,
                         uint64_t number, char out[MARK_BYTES]);

/** False when we never made it; `number` is then untouched. */
bool mark_parse(const struct mac_key *key, enum mark_purpose purpose, struct span mark,
                uint64_t *number);

#endif
