/* subscription_version.h - what one accepted SUBSCRIBE, or one change of state, makes of a
 * subscription; for subscription.c. */
#ifndef STATE_SUBSCRIPTION_VERSION_H
#define STATE_SUBSCRIPTION_VERSION_H

#include "server/state/hot.h"
#include "server/state/path.h"
#include "server/state/subscription.h"

enum subscription_field {
    SUBSCRIPTION_CALL_ID,
    SUBSCRIPTION_LOCAL_TAG,
    SUBSCRIPTION_REMOTE_TAG,
    SUBSCRIPTION_LOCAL_URI,
    SUBSCRIPTION_REMOTE_URI,
    SUBSCRIPTION_TARGET,
    SUBSCRIPTION_ROUTE_SET,
    SUBSCRIPTION_EVENT_ID,
    SUBSCRIPTION_WATCHER,
    SUBSCRIPTION_ACCEPT,
    SUBSCRIPTION_USER_AGENT,
    SUBSCRIPTION_REASON,
    SUBSCRIPTION_EVENT_PARAMS,
    SUBSCRIPTION_BODY_TYPE,
    SUBSCRIPTION_BODY,
    SUBSCRIPTION_INSTANCE,
    SUBSCRIPTION_FIELDS
};

/** Immutable once it is staged. */
struct subscription_version {
    struct hot_version hot;          /* first: hot.c knows it by this */
    enum subscription_notice notice; /* what its commit owes the watcher */
    bool owed;                       /* as the row says */
    bool bound;
    bool eventlist;
    uint8_t state; /* enum subscription_state */
    uint32_t remote_cseq;
    uint32_t cseq_mark;
    uint32_t expires_s;
    uint64_t cseq_epoch;
    struct instant deadline;
    struct flow flow;
    uint32_t ends[SUBSCRIPTION_FIELDS];
    char octets[];
};

struct span subscription_field(const struct subscription_version *self,
                               enum subscription_field which);

/** The first version of a new one; its local tag is made here. */
struct subscription_version *subscription_version_first(struct node *node, uint16_t bucket,
                                                        const struct subscription_change *change);

/** `last` again, as a refresh changes it: what `change` leaves empty stays. */
struct subscription_version *
subscription_version_refreshed(const struct subscription_version *last,
                               const struct subscription_change *change);

/** `last` again, with another reason where one is given; to be changed and staged. */
struct subscription_version *subscription_version_again(const struct subscription_version *last,
                                                        struct span reason);

/** Counts from now. */
void subscription_version_expire(struct subscription_version *self, const struct node *node,
                                 uint32_t expires_s);

/** What a row says; and the row, but for id, AOR and event. `text` holds what its flow is lent. */
struct subscription_version *subscription_version_of_row(struct node *node,
                                                         const struct subscription_row *row);
struct subscription_row subscription_version_to_row(const struct subscription_version *self,
                                                    const struct node *node,
                                                    struct path_text *text);

struct subscription_view subscription_version_view(const struct subscription_version *self,
                                                   struct instant now);

#endif
