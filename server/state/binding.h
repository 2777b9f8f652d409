/* binding.h - the location service: which Contacts an AOR is bound to (RFC 3261 section 10). */
#ifndef STATE_BINDING_H
#define STATE_BINDING_H

#include "server/base/list.h"
#include "server/state/hot.h"
#include "server/state/node.h"
#include "server/state/resource.h"

/** One Contact of one AOR. */
struct binding;

/** An AOR with at least one binding, perhaps a pending one. */
struct location;

/** All of them. Changes are staged here, committed by a batch, and seen only then. */
struct bindings;

/** Borrows both: presence and registration state (RFC 3680) are composed of bindings, and touched
 * by them. At most `bindings_max` in the process. */
struct bindings *bindings_new(struct node *node, const struct resources *resources,
                              uint32_t bindings_max);
void bindings_free(struct bindings *self);
size_t bindings_count(const struct bindings *self);

/** Called when a binding was made, changed or refreshed, by its commit. One watcher: keep.c. */
typedef void binding_committed_fn(void *context, struct span aor, const struct binding *binding);
void bindings_watch(struct bindings *self, binding_committed_fn *fn, void *context);

/** NULL when the AOR has none. */
struct location *bindings_find(const struct bindings *self, struct span aor);

/** What an accepted REGISTER asks for one Contact; the spans are copied. */
struct binding_change {
    struct span aor;
    struct span contact_key; /* what makes it the same binding: see registrar's contact_key() */
    struct span contact;
    struct span parameters;
    struct span path;
    struct span instance;
    uint32_t reg_id;
    int32_t q_thousandths; /* -1 when not given */
    struct span call_id;
    struct span from_tag;
    uint32_t cseq;
    struct span user_agent;
    struct flow flow;
    bool bound;         /* requests go over `flow`, whatever the Contact says */
    uint32_t expires_s; /* granted; 0 removes */
};

/** Of one version, the newest or the committed one; lent until the next stage. */
struct binding_view {
    int64_t id;
    struct span contact_key;
    struct span contact;
    struct span parameters;
    struct span path;
    struct span instance;
    struct span user_agent;
    int32_t q_thousandths;
    struct span call_id;
    uint32_t cseq;
    struct flow flow;
    bool bound;
    uint32_t expires_s;      /* left, rounded up */
    struct instant deadline; /* when it is over */
};

/** The binding of that key whose newest version is live, or NULL; `location` may be NULL. */
struct binding *location_find(const struct location *location, struct span contact_key);

/** How many bindings are live by their newest versions; NULL has none. */
size_t location_count(const struct location *location);

typedef void location_each_fn(struct binding *binding, void *context);
/** Calls `fn` for each live binding, oldest first; `fn` may stage changes of the one it is given.
 */
void location_each(const struct location *location, location_each_fn *fn, void *context);

/** The same for what the world sees: bindings that are live by their committed versions. */
void location_each_seen(const struct location *location, location_each_fn *fn, void *context);

/** Names those with something pending, be it a removal, at most `max`; returns how many. */
size_t location_unsettled(const struct location *location, struct handle out[], size_t max);

/** Reads the newest version. */
struct binding_view binding_view(const struct binding *self);

/** Reads the committed version of one that location_each_seen() gave. */
struct binding_view binding_seen(const struct binding *self);

/**
 * Stages one change: makes, refreshes or removes. The caller's next step is batch_wait()
 * with all bindings of its request.
 *
 * STATUS_NOT_FOUND  a removal of what is not there: nothing to do, nothing staged
 * STATUS_LIMIT      one more than the process may hold
 */
MUST_USE enum status binding_stage(struct bindings *self, const struct binding_change *change,
                                   struct binding **out);

/** Stages its removal and writes it: for expiry and administrators. */
void binding_stage_removal(struct binding *self);

/** The binding with that id, or NULL. */
struct binding *location_find_id(const struct location *location, int64_t id);

void bindings_load(struct bindings *self, const struct binding_row *row);

struct handle binding_handle(const struct binding *self);

#endif
