/* subscriptions.h - the inside of subscriptions, for subscription.c and subscription_read.c. */
#ifndef STATE_SUBSCRIPTIONS_H
#define STATE_SUBSCRIPTIONS_H

#include "server/base/table.h"
#include "server/state/subscription_version.h"
#include "server/state/tally.h"

enum {
    CSEQ_BLOCK = 1000, /* DESIGN section 4: each epoch owns the next so many numbers */
    FETCHED_ID = 0,    /* the id of what is never stored */
};

struct subscription {
    struct hot hot; /* first, likewise */
    struct table_link dialog_link;
    struct table_link watcher_link;
    struct list link;
    struct resource *resource;
    struct subscriptions *owner;
    struct tally *tally;
    struct tally *unauthorized; /* NULL while it does not count as such */
    struct timer expiry;
    struct delivery delivery;
    int64_t id;
};

struct subscriptions {
    struct node *node;
    struct resources *resources;
    struct subscription_limits limits;
    subscription_told_fn *on_told;
    subscription_gone_fn *on_gone;
    void *context;
    struct table dialogs;        /* by Call-ID and remote tag */
    struct table watchers;       /* by resource and watcher */
    struct tallies tallies;      /* of each watcher */
    struct tallies unauthorized; /* of each, pending or waiting */
    size_t count;
};

static inline struct subscription_version *subscription_version_of(struct hot_version *version)
{
    return (struct subscription_version *)version;
}

static inline const struct subscription_version *
subscription_newest_version(const struct subscription *self)
{
    return subscription_version_of(self->hot.newest);
}

static inline uint64_t subscriptions_dialog_hash(const struct subscriptions *self,
                                                 struct span call_id, struct span remote_tag)
{
    return table_hash_more(&self->dialogs, table_hash(&self->dialogs, call_id), remote_tag);
}

/** Before next_cseq is used: the first number of this epoch's block. */
void subscription_prepare_cseq(struct subscription *self);

#endif
