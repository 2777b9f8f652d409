/* preflight.h - what is judged about a body's bytes before a parser sees them. */
#ifndef PIDF_PREFLIGHT_H
#define PIDF_PREFLIGHT_H

#include "pidf/pidf.h"

/** Bytes, encodings by their first octets, attributes per tag. Writes `fault` when it refuses. */
MUST_USE enum status preflight(struct span body, const struct pidf_limits *limits,
                               struct pidf_fault *fault);

#endif
