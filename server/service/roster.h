/* roster.h - what the watcher of a list is told of each member (RFC 4662). */
#ifndef SERVICE_ROSTER_H
#define SERVICE_ROSTER_H

#include "server/service/content.h"

/**
 * A subscription to a list has a roster: its members, each looking at a resource through a view
 * that the member's presentity allows this watcher. There are no dialogs to ourselves: a member is
 * judged and shown as a subscription of its own would be, and a change of it makes the list's
 * subscription owe one NOTIFY, however many members changed. The first NOTIFY tells of all, further
 * ones of those that changed.
 */
struct roster;
struct rosters;

struct roster_options {
    uint32_t members_max; /* of one list; further ones show as terminated */
    /* Of a NOTIFY; what has no room comes with the next one. Full state names all members as long
     * as that has room; of longer lists they are named when their turn comes. */
    size_t body_bytes_max;
};

/** Told when a list's subscription is owed a NOTIFY for what a member shows. */
typedef void roster_owed_fn(void *context, struct subscription *subscription);

/** Borrows `content`. */
struct rosters *rosters_new(const struct content *content, struct metrics *metrics,
                            const struct roster_options *options, roster_owed_fn *on_owed,
                            void *context);
void rosters_free(struct rosters *self);
void rosters_reconfigure(struct rosters *self, const struct roster_options *options);

/** Everything is loaded: makes the rosters of loaded subscriptions; a list with a member that
 * changed while nobody was told is owed full state. */
void rosters_start(struct rosters *self);

/** Judges a list in a SUBSCRIBE's body (RFC 5367): STATUS_MALFORMED, STATUS_LIMIT, STATUS_CONFLICT
 * (what is not supported: 488) with `phrase`. */
enum status rosters_check(struct rosters *self, struct span body, const char **phrase);

/** Whether `watcher` may subscribe to the list of that AOR; true for what is none of SQL. */
bool rosters_may_watch(const struct rosters *self, struct span aor, struct span watcher);

/** Whether what is subscribed to at that AOR, with such a body, is a list. */
bool rosters_is_list_of(const struct rosters *self, struct span aor, struct span body_type);

/** Whether this subscription is to a list: one of SQL, or one in its body (RFC 5367). */
bool rosters_is_list(const struct rosters *self, const struct subscription *subscription);

/** Makes the subscription's roster where it has none, and judges every member. */
void roster_choose(struct rosters *self, struct subscription *subscription);

/** The list has other members now: its watchers get full state. */
void rosters_rebuild(struct rosters *self, struct subscription *subscription);

/** A list of SQL has other members, or is one now, or none any more: lists that hold it are
 * rebuilt. */
void rosters_list_changed(struct rosters *self, struct span aor);

/** Whether there is somebody who `resource` belongs to may have changed: its members of lists are
 * judged anew when they are looked at. */
void rosters_forget_judgements(struct resource *resource);

/** What `resource` shows, or who may see it, may have changed: looks at its members of lists. */
void rosters_look(struct rosters *self, struct resource *resource);

/** Who watches a resource as a member of a list: for its presentity (RFC 3857). */
struct roster_watcher {
    int64_t subscription; /* of the list */
    struct span watcher;
    enum subscription_state state; /* pending, active, or terminated when a rule refuses it */
    uint32_t left_s;               /* of the list's subscription */
};
typedef void roster_watcher_fn(const struct roster_watcher *watcher, void *context);
/** Its subscription was committed, or changed: those who are watched by it may see so. */
void roster_tell_watched(const struct roster *self);

void roster_watchers(const struct resource *resource, roster_watcher_fn *fn, void *context);

bool roster_is_owed(const struct roster *self);

/** The body of its next NOTIFY, the caller's reference. `full`: all members, whatever was told. */
struct blob *roster_body(struct rosters *self, struct roster *roster, uint32_t number, bool full);

/** Its Content-Type, appended. */
void roster_type(const struct roster *self, struct buffer *out);

struct span roster_entity_tag(struct rosters *self, struct roster *roster,
                              char out[ENTITY_TAG_BYTES]);

void roster_acknowledge(struct roster *self);
void roster_miss(struct roster *self);
void roster_free(struct rosters *self, struct roster *roster);

#endif
