/* subscription.h - the dialogs of watchers (RFC 6665 section 4.2), as this node holds them. */
#ifndef STATE_SUBSCRIPTION_H
#define STATE_SUBSCRIPTION_H

#include "server/dialog/dialog.h"
#include "server/dialog/subscription_state.h"
#include "server/state/hot.h"
#include "server/state/resource.h"

struct subscription;
struct subscriptions;

struct subscription_limits {
    uint32_t per_resource_max;
    uint32_t per_watcher_max;
    uint32_t subscriptions_max; /* of the process */
};

/** How far one watcher has been told: service/notify's, kept beside the subscription. */
struct delivery {
    struct list link;          /* among the owed of its resource, while it waits for its turn */
    struct timer retry;        /* until a NOTIFY that failed is tried again */
    struct handle transaction; /* of the NOTIFY that is outstanding */
    uint64_t acked_version;    /* of the resource; 0: full state is owed whatever it shows */
    uint64_t sent_version;
    uint32_t next_cseq; /* 0 before it is first asked for */
    uint8_t failures;   /* chances used since the last good answer */
    bool outstanding;
    bool silent;    /* outstanding for long: the window does not wait for it */
    bool sent_last; /* the outstanding NOTIFY says `terminated` */
    bool parked;    /* unreachable: until its device is heard of again */
    bool unsettled; /* counted in the resource's unsettled_count */
    bool over;      /* its last NOTIFY is done with: only the row remains */
    bool held;      /* waits for the commit of its next block of CSeq numbers */
};

/** Told after a commit that owes the watcher a NOTIFY: an accepted SUBSCRIBE, a change of state. */
typedef void subscription_told_fn(void *context, struct subscription *subscription);
/** Told when it is about to be freed: its delivery is to be let go. */
typedef void subscription_gone_fn(void *context, struct subscription *subscription);

/** Borrows both. */
struct subscriptions *subscriptions_new(struct node *node, struct resources *resources,
                                        const struct subscription_limits *limits);
void subscriptions_free(struct subscriptions *self);
void subscriptions_watch(struct subscriptions *self, subscription_told_fn *on_told,
                         subscription_gone_fn *on_gone, void *context);
/** Takes other limits from now on; what is there stays. */
void subscriptions_reconfigure(struct subscriptions *self,
                               const struct subscription_limits *limits);

size_t subscriptions_count(const struct subscriptions *self);

/** What an accepted SUBSCRIBE asks for; the spans are copied. */
struct subscription_change {
    struct span aor; /* the presentity; this and the next three are read for a new one alone */
    struct span event;
    struct span event_id;
    struct span watcher;
    struct dialog_ids ids; /* local_tag is made here; of a refresh: the target alone */
    struct span accept;
    struct span user_agent;
    enum subscription_state state;
    uint32_t remote_cseq;
    struct flow flow;
    bool bound;               /* NOTIFYs go over `flow` */
    uint32_t expires_s;       /* granted; 0 ends it */
    uint32_t per_watcher_max; /* of the domain; 0: the process-wide limit */
};

/**
 * Stages a new subscription. The caller's next step is batch_wait(). A local tag that is ours
 * alone names its dialog.
 *
 * STATUS_LIMIT     one more than may be held: by the process
 * STATUS_CONFLICT  one more than the resource or the watcher may have
 */
MUST_USE enum status subscription_stage_new(struct subscriptions *self,
                                            const struct subscription_change *change,
                                            struct subscription **out);

/**
 * A fetch (RFC 6665 section 4.4.3): a subscription that lives for one NOTIFY and is never
 * stored. on_told() follows as if it had been committed, from inside this call. Errors as
 * above.
 */
MUST_USE enum status subscription_fetch(struct subscriptions *self,
                                        const struct subscription_change *change,
                                        struct subscription **out);

/** Stages a refresh, or with expires_s 0 the end. The caller's next step is batch_wait(). */
void subscription_stage_refresh(struct subscription *self,
                                const struct subscription_change *change);

/** Stages and writes the end, for another reason than a SUBSCRIBE: "timeout", "deactivated" ... */
void subscription_end(struct subscription *self, struct span reason);

/** Takes it out: its last NOTIFY was answered, or there is no one to send it to. */
void subscription_remove(struct subscription *self);

/** Writes the row again, with a new block of CSeq numbers from next_cseq on, and `owed` as given.
 */
void subscription_write_mark(struct subscription *self, bool owed);

/** The dialog of an in-dialog request (RFC 3261 section 12.2.2), or NULL. `local_tag` is its To
 * tag. */
struct subscription *subscriptions_find(const struct subscriptions *self, struct span call_id,
                                        struct span local_tag, struct span remote_tag);

/**
 * The subscription that this very initial SUBSCRIBE made before, or NULL: the same Call-ID, From
 * tag, CSeq, resource and event id.
 */
struct subscription *subscriptions_find_repeat(const struct subscriptions *self,
                                               const struct subscription_change *change);

/** The subscription of that id among the resource's, or NULL. */
struct subscription *subscription_find_id(const struct resource *resource, int64_t id);

void subscriptions_load(struct subscriptions *self, const struct subscription_row *row);

/** Its last committed version, for NOTIFYs; or its newest, for answers. Spans are lent until the
 * next commit or stage. */
struct subscription_view {
    struct dialog_ids ids;
    struct span event_id;
    struct span watcher;
    struct span reason; /* when terminated */
    enum subscription_state state;
    uint32_t remote_cseq;
    uint32_t expires_s; /* granted by the last SUBSCRIBE */
    uint32_t left_s;    /* rounded up */
    struct flow flow;
    bool bound;
    bool owed; /* as the row says */
};
struct subscription_view subscription_view(const struct subscription *self);
struct subscription_view subscription_newest(const struct subscription *self);

/** True when it has been committed, or fetched: what is not must not be notified. */
bool subscription_is_committed(const struct subscription *self);

/** The next NOTIFY's CSeq is taken by this: 0 when a new block must be committed first. */
uint32_t subscription_take_cseq(struct subscription *self);

/** True when the block of CSeq numbers is nearly used up. */
bool subscription_needs_mark(const struct subscription *self);

struct delivery *subscription_delivery(struct subscription *self);
struct subscription *subscription_of_delivery(struct list *link);
struct subscription *subscription_of_retry(struct timer *retry);
struct resource *subscription_resource(const struct subscription *self);
struct subscription *subscription_of_resource(struct list *link); /* of resource->subscriptions */
struct handle subscription_handle(const struct subscription *self);
bool subscription_is_settled(const struct subscription *self);

#endif
