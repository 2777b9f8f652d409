/* hex.h - numbers as lower-case hex of fixed width: what our marks are made of. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "server/base/span.h"

#include <stdint.h>

/** Writes exactly `digits` characters (at most 16) of the number's lowest bits. */
void hex_put(char *at, size_t digits, uint64_t number);

/** Reads all of `text`, at most 16 digits. False, `out` untouched, for anything but 0-9 and a-f. */
bool hex_get(struct span text, uint64_t *out);

#endif
