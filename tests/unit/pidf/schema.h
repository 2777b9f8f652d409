/* schema.h - asks the RFCs' own schemas, where the reference folder is present. */
#ifndef UNIT_PIDF_SCHEMA_H
#define UNIT_PIDF_SCHEMA_H

#include "server/base/span.h"

/** True when `document` is valid, or (said once on stdout) when there are no schemas to ask. */
bool schema_accepts(struct span document);

/** The same by another schema of the reference folder, e.g. "dialog-info.xsd". */
bool schema_file_accepts(const char *file, struct span document);

#endif
