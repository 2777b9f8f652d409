/* control.h - the control plane: what people write in SQL and the server reads, noun by noun. */
#ifndef STORAGE_CONTROL_H
#define STORAGE_CONTROL_H

#include "storage/noun.h"

/** In the order in which they are read: an account's domain is known before it. */
enum control_kind {
    CONTROL_DOMAIN,
    CONTROL_ACCOUNT,
    CONTROL_TRUSTED_PEER,
    CONTROL_WATCHER_RULE,
    CONTROL_LIST,
    CONTROL_DIALECT,
    CONTROLS
};

struct control {
    const char *name;     /* as in hints */
    const char *scan_sql; /* everything */
    const char *read_sql; /* those whose id is in $1; the id is the first column */
    /** Decodes a row and tells it upward; false when it is malformed. */
    bool (*tell)(const struct storage_events *events, struct row *row, int64_t *id);
    void (*tell_gone)(const struct storage_events *events, int64_t id);
};

extern const struct control controls[CONTROLS];

#endif
