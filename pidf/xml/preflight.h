/* preflight.h - what is judged about a body's bytes before a parser sees them. */
#ifndef PIDF_XML_PREFLIGHT_H
#define PIDF_XML_PREFLIGHT_H

#include "pidf/xml/limits.h"
#include "server/base/span.h"
#include "server/base/status.h"

/** Bytes, encodings by their first octets, attributes per tag. Writes `fault` when it refuses. */
MUST_USE enum status preflight(struct span body, const struct pidf_limits *limits,
                               struct pidf_fault *fault);

#endif
