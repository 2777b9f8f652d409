/* show.h - takes out of a document what a watcher may not see (RFC 5025 section 3.3). */
#ifndef PIDF_SHOW_H
#define PIDF_SHOW_H

#include "pidf/document.h"

/**
 * Takes out what the bits of enum pidf_hidden name, and with any of them what nobody can judge.
 * What stays is schema-valid, but for the ids, of which more are missing then. To be called
 * before documents are merged, so that nothing that is hidden has a say in how.
 */
void show_hide(struct document *document, unsigned hidden, struct scratch *scratch);

#endif
