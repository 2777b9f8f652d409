/* notifier.h - the inside of struct notify, for notify.c, notify_rules.c and notify_send.c. */
#ifndef SERVICE_NOTIFIER_H
#define SERVICE_NOTIFIER_H

#include "server/service/notify.h"
#include "server/service/pacer.h"
#include "server/service/watermark.h"

/**
 *     notify.c        a commit changed something: who is owed what
 *     notify_rules.c  what rules, accounts, lists and dialects do to live subscriptions
 *     notify_send.c   sends what is owed as far as the window goes, and hears what became of it
 */
struct notify {
    struct state *state;
    struct transactions *transactions;
    struct policy policy;
    struct content content;
    struct notify_options options;
    struct pacer pacer;
    struct watermark *watermark;
    struct list turns; /* resources with watchers who are owed, in turn */
    struct loop_later pump;
    struct loop_later look_at_all; /* rules of a whole domain changed, or the like */
    struct timer pause;
    struct buffer head;
    uint32_t window;
    uint32_t outstanding; /* that the window counts */
    uint32_t silent;      /* outstanding too, but no longer waited for */
    struct instant shrunk_at;
    bool started;
    uint64_t *sent;
    uint64_t *acknowledged;
    uint64_t *failed;
    uint64_t *ended;
    uint64_t *long_datagrams;
};

static inline struct timers *notify_timers(const struct notify *self)
{
    return loop_timers(self->state->node.loop);
}

static inline struct instant notify_now(const struct notify *self)
{
    return loop_now(self->state->node.loop);
}

/** It is owed a NOTIFY, also after a crash; queue() alone: it is its turn as soon as it may be
 * told. */
void notify_owe(struct notify *self, struct subscription *subscription);
void notify_queue(struct notify *self, struct subscription *subscription);

/** What `resource` shows, or who may see it, may have changed: looked at at the end of the turn. */
void notify_resource_changed(void *context, struct resource *resource);

/* ---- notify_rules.c ---- */

/** Does what the rules of now say to a subscription whose row is settled. True when its state
 * changes: its commit tells. */
bool notify_decide(struct notify *self, struct subscription *subscription);

/** Decides, and owes it what it has not been told, if it may be told. */
void notify_look(struct notify *self, struct subscription *subscription);

/** Hears of rules, domains, accounts, lists and dialects from here on; and no more. */
void notify_watch_rules(struct notify *self);
void notify_unwatch_rules(struct notify *self);

/* ---- notify_send.c ---- */

/** A loop_later_fn: sends to those whose turn it is. */
void notify_pump(struct loop_later *later);

/** Its outstanding NOTIFY, if there is one, is not waited for any more. */
void notify_give_up(struct notify *self, struct delivery *delivery);

#endif
