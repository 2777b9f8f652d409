/* publish.h - the event state compositor: PUBLISH (RFC 3903 section 6). */
#ifndef SERVICE_PUBLISH_H
#define SERVICE_PUBLISH_H

#include "server/service/auth.h"
#include "server/service/event_package.h"
#include "server/service/request.h"
#include "server/state/state.h"

/** Filled in by server.c; borrows all its collaborators for the life of the process. */
struct publish {
    struct state *state;
    struct auth *auth;
    const struct event_packages *packages;
    uint32_t expires_min_s;
    uint32_t expires_default_s;
    uint32_t expires_max_s;
    size_t body_bytes_max;
};

/** The four operations of RFC 3903 table 1. */
enum publish_operation {
    PUBLISH_INITIAL,
    PUBLISH_REFRESH,
    PUBLISH_MODIFY,
    PUBLISH_REMOVE,
    PUBLISH_NONSENSE, /* a combination the table does not have */
};

/** Pure: a body, an entity-tag, an Expires of zero make the operation. A body that comes with what
 * removes has no business there (section 4.5), and changes nothing: it is removed all the same. */
enum publish_operation publish_operation(bool body, bool entity_tag, bool zero);

/** Takes over `request` and answers it, at once or when what the answer says is committed. */
void publish_receive(struct publish *self, struct request *request);

#endif
