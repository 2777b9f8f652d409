/* path.h - flows as rows keep them: by addresses, since listener numbers change with a restart. */
#ifndef STATE_PATH_H
#define STATE_PATH_H

#include "server/state/node.h"
#include "server/transport/flow.h"

/** Room for the texts of one flow_row. */
struct path_text {
    char local[ENDPOINT_TEXT_MAX];
    char remote[ENDPOINT_TEXT_MAX];
};

/** Lends `text` to the row that it returns; a flow to nowhere has empty texts. */
struct flow_row path_to_row(const struct node *node, const struct flow *flow,
                            struct path_text *text);

/**
 * The flow of a loaded row: out of the listener that it came in by, else out of one of the same
 * protocol and family. False when there is none, or when it was a connection of another epoch.
 */
bool path_from_row(const struct node *node, const struct flow_row *row, struct flow *out);

#endif
