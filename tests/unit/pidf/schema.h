/* schema.h - asks the RFCs' own schemas, where the reference folder is present. */
#ifndef UNIT_PIDF_SCHEMA_H
#define UNIT_PIDF_SCHEMA_H

#include "server/base/span.h"

/**
 * True when `document` is valid by the schema in `file`, a name that lives on. Where there are no
 * schemas to ask (said once on stdout), it need only be well-formed.
 */
bool schema_file_accepts(const char *file, struct span document);

/** The same by that of presence documents. */
bool schema_accepts(struct span document);

/** True when `document` is XML at all; needs no schema. */
bool is_well_formed(struct span document);

#endif
