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
    uint32_t unauthorized_max;  /* pending or waiting, of one watcher (RFC 3857 section 4.7.1) */
    uint32_t subscriptions_max; /* of the process */
    uint32_t waiting_s;         /* until one that was never approved is given up (the same) */
};

/** What a commit owes the watcher; the greater is the stronger. */
enum subscription_notice {
    NOTICE_NONE,
    NOTICE_SUPPRESSED, /* an accepted SUBSCRIBE that asked for no NOTIFY (RFC 5839 section 6.3) */
    NOTICE_NO_BODY,    /* a NOTIFY without body (section 6.2) */
    NOTICE_FULL,       /* full state, at once (RFC 6665 section 4.2.1.2) */
};

struct view;
struct roster;
struct paced;

/** How far one watcher has been told: service/notify's and its neighbours', kept beside the
 * subscription. */
struct delivery {
    struct list link;          /* among the owed of its resource, while it waits for its turn */
    struct timer retry;        /* until a NOTIFY that failed is tried again */
    struct handle transaction; /* of the NOTIFY that is outstanding */
    struct view *view;         /* what it sees of its resource; NULL before it is asked for */
    struct roster *roster;     /* of a list: what it sees of each member; NULL for others */
    struct paced *paced;       /* how often it wants to hear (RFC 6446); NULL: at once */
    uint64_t acked_version;    /* of the view; 0: full state is owed whatever it shows */
    uint64_t sent_version;
    uint64_t suppressed_version; /* the view's that the watcher says it has (RFC 5839) */
    uint64_t chosen;    /* the generation in which `view` was chosen; 0: to be chosen anew */
    uint64_t judged;    /* the generation of rules that `action` and `hidden` were taken from */
    uint32_t next_cseq; /* 0 before it is first asked for */
    uint8_t hidden;     /* enum rule_hidden */
    uint8_t action;     /* enum watcher_action */
    uint8_t failures;   /* chances used since the last good answer */
    bool outstanding;
    bool silent;        /* outstanding for long: the window does not wait for it */
    bool sent_last;     /* the outstanding NOTIFY says `terminated` */
    bool parked;        /* unreachable: until its device is heard of again */
    bool unsettled;     /* counted in the resource's unsettled_count */
    bool over;          /* its last NOTIFY is done with: only the row remains */
    bool held;          /* waits for the commit of its next block of CSeq numbers */
    bool bodiless;      /* the next NOTIFY, if nothing changes, has no body (RFC 5839) */
    bool sent_bodiless; /* the outstanding one has none */
    bool missed;        /* a document may have been missed: the next one is full */
};

/** Told after each commit, with what it owes the watcher: nothing when the row alone was written,
 * yet what came meanwhile was left for this. */
typedef void subscription_told_fn(void *context, struct subscription *subscription,
                                  enum subscription_notice notice);
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
    struct dialog_ids ids; /* local_tag is made here; of a refresh: the target alone. A refresh
                              leaves as it was what is NULL here, from `accept` to `body` */
    struct span accept;
    struct span user_agent;
    struct span event_params; /* of Event, from the first ';' */
    struct span body_type;
    struct span body;     /* a filter or a list, as it now stands */
    struct span instance; /* the device, when its Contact tells (RFC 5626); else empty */
    enum subscription_state state;
    enum subscription_notice notice;
    uint32_t remote_cseq;
    struct flow flow;
    bool bound;               /* NOTIFYs go over `flow` */
    bool eventlist;           /* Supported says so (RFC 4662) */
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

/**
 * Stages an entry that is `waiting` from the beginning, for a fetch that nobody has allowed or
 * refused: the presentity sees it in its watcher information (RFC 3857 section 4.7.1). It has no
 * dialog. Errors as above.
 */
MUST_USE enum status subscription_stage_waiting(struct subscriptions *self,
                                                const struct subscription_change *change,
                                                struct subscription **out);

/**
 * Stages the end of what a new subscription of the same watcher to the same resource makes
 * redundant, and puts their handles into `out`, at most `max`: entries that are waiting, and the
 * subscription of the same device (its instance, else its Contact and User-Agent) in another
 * dialog, which it has forgotten. `made` is spared. Returns their number.
 */
size_t subscriptions_stage_replaced(struct subscriptions *self, const struct subscription *made,
                                    const struct subscription_change *change, struct handle out[],
                                    size_t max);

/** Stages a refresh, or with expires_s 0 the end, of which NOTICE_SUPPRESSED says nothing. The
 * caller's next step is batch_wait(). */
void subscription_stage_refresh(struct subscription *self,
                                const struct subscription_change *change);

/** Stages and writes that it is active now: a rule allows it. One that waits is over by that. */
void subscription_allow(struct subscription *self);

/** Stages and writes the end, for another reason than a SUBSCRIBE: "timeout", "deactivated" ...
 * One that is pending and times out waits on for the presentity's word; one that waits ends by it,
 * and its watcher is not told again. */
void subscription_end(struct subscription *self, struct span reason);

/** Takes it out: its last NOTIFY was answered, or there is no one to send it to. */
void subscription_remove(struct subscription *self);

/** Its last NOTIFY is done with: takes it out, unless it waits for the presentity's word. */
void subscription_finish(struct subscription *self);

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
    struct span accept;
    struct span user_agent;
    struct span event_params;
    struct span body_type;
    struct span body;
    struct span reason; /* when terminated or waiting */
    enum subscription_state state;
    uint32_t remote_cseq;
    uint32_t expires_s; /* granted by the last SUBSCRIBE */
    uint32_t left_s;    /* rounded up */
    struct flow flow;
    bool bound;
    bool owed; /* as the row says */
    bool eventlist;
};
struct subscription_view subscription_view(const struct subscription *self);
struct subscription_view subscription_newest(const struct subscription *self);

/** The state alone, of these two versions: asked for every watcher of what has changed. */
enum subscription_state subscription_state(const struct subscription *self);
enum subscription_state subscription_newest_state(const struct subscription *self);

/** True when it has been committed, or fetched: what is not must not be notified. */
bool subscription_is_committed(const struct subscription *self);

/** The next NOTIFY's CSeq is taken by this: 0 when a new block must be committed first. */
uint32_t subscription_take_cseq(struct subscription *self);

/** True when the block of CSeq numbers is nearly used up. */
bool subscription_needs_mark(const struct subscription *self);

/** Its members stand in the body of its SUBSCRIBE (RFC 5367). */
bool subscription_has_list(const struct subscription *self);

/** Its watcher takes lists (RFC 4662). */
bool subscription_takes_lists(const struct subscription *self);

/** A number that is never used again; 0 for a fetch. */
int64_t subscription_id(const struct subscription *self);

struct delivery *subscription_delivery(struct subscription *self);
struct subscription *subscription_of_delivery(struct list *link);
struct subscription *subscription_of_retry(struct timer *retry);
struct resource *subscription_resource(const struct subscription *self);
struct subscription *subscription_of_resource(struct list *link); /* of resource->subscriptions */
struct handle subscription_handle(const struct subscription *self);
bool subscription_is_settled(const struct subscription *self);

#endif
