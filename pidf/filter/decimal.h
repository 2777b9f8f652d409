/* decimal.h - xs:decimal in exact arithmetic, for comparing. */
#ifndef PIDF_FILTER_DECIMAL_H
#define PIDF_FILTER_DECIMAL_H

#include "server/base/span.h"

#include <stdint.h>

/**
 * Reads a number in millionths: so exact that 0.3 and 0.2 differ by 0.1. False when `text` is
 * not an xs:decimal, is beyond a million million, or has more than six digits behind the point.
 * White space around it is allowed.
 */
bool decimal_parse(struct span text, int64_t *millionths);

#endif
