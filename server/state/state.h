/* state.h - everything durable, as this node holds it: the nouns, and how they come from storage.
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include "server/state/account.h"
#include "server/state/batch.h"
#include "server/state/binding.h"
#include "server/state/device.h"
#include "server/state/dialect.h"
#include "server/state/domain.h"
#include "server/state/message.h"
#include "server/state/publication.h"
#include "server/state/resource.h"
#include "server/state/resource_list.h"
#include "server/state/subscription.h"
#include "server/state/trusted_peer.h"
#include "server/state/watcher_rule.h"

/**
 * The walk through this layer, for a change:
 *
 *     service: NOUN_stage()  ->  batch_wait()  ->  storage  ->  hot_commit()  ->  the effect is
 * marked
 *
 * and for a start: state_open() -> storage loads every row into its noun -> on_ready().
 */
struct state {
    struct node node;
    struct domains *domains;
    struct accounts *accounts;
    struct trusted_peers *trusted_peers;
    struct watcher_rules *watcher_rules;
    struct resource_lists *lists;
    struct dialects *dialects;
    struct resources *resources;
    struct bindings *bindings;
    struct publications *publications;
    struct subscriptions *subscriptions;
    struct mailboxes mailboxes;
    struct devices *devices;
    struct messages *messages;
    bool ready;   /* loaded, and the owner */
    bool standby; /* waits for the lease */
    uint64_t loaded_notified_batch;
    struct resource **marked; /* held from the load until it is known who watches them */
    size_t marked_count;
    struct {
        void *context;
        /** Loaded; requests may come. */
        void (*on_ready)(void *context);
        /** Another process owns the state; this one waits. */
        void (*on_standby)(void *context);
        /** An administrator's command; batch_command_done() takes it out. */
        void (*on_command)(void *context, const struct command_row *row);
        /** This process must stop. */
        void (*on_fatal)(void *context, const char *why);
    } upward;
};

struct state_options {
    struct storage_options storage;
    struct batch_options batch;
    struct publication_limits publication;
    struct subscription_limits subscription;
    struct device_limits device;
    struct message_limits message;
    uint32_t bindings_max;
    int64_t outage_grace_us;
    uint32_t expiry_per_s;
};

/** Borrows all but `options`. Fill in `upward` and the watchers of nouns before state_open(). */
struct state *state_new(struct loop *loop, struct log *log, struct metrics *metrics,
                        struct transport *transport, const struct state_options *options);
/** Takes over what can change while running: times, paces, limits per resource and watcher. */
void state_reconfigure(struct state *self, const struct state_options *options);
void state_open(struct state *self);
/** Everything that looks at a resource has been made after the load: lets go of those that a crash
 * may have left untold and nobody looks at. */
void state_release_marked(struct state *self);
void state_free(struct state *self);

#endif
