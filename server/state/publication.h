/* publication.h - the event state that presentities have published (RFC 3903). */
#ifndef STATE_PUBLICATION_H
#define STATE_PUBLICATION_H

#include "server/base/blob.h"
#include "server/state/hot.h"
#include "server/state/resource.h"

/** One publication of one resource: created, modified, refreshed and removed by PUBLISH. */
struct publication;

/** All of them. Changes are staged here, committed by a batch, and seen only then. */
struct publications;

struct publication_limits {
    uint32_t per_resource_max;
    uint32_t publications_max; /* of the process */
};

/** Borrows both. */
struct publications *publications_new(struct node *node, struct resources *resources,
                                      const struct publication_limits *limits);

/** Frees every publication, in whatever state. NULL is fine. */
void publications_free(struct publications *self);

/** Takes other limits from now on; what is there stays. */
void publications_reconfigure(struct publications *self, const struct publication_limits *limits);

size_t publications_count(const struct publications *self);

/** What an accepted PUBLISH asks for; the spans are copied. RFC 3903 table 1 tells which. */
struct publication_change {
    struct span aor;
    struct span event;
    struct span if_match; /* empty creates */
    struct span content_type;
    struct span document; /* empty keeps the one there is */
    uint32_t expires_s;   /* granted; 0 removes */
    struct span call_id;  /* with from_tag and cseq: who asks, to know a repeat */
    struct span from_tag;
    uint32_t cseq;
    bool hard_state;           /* never expires: set by SQL */
    uint32_t per_resource_max; /* of its domain; 0: the process-wide limit */
};

/**
 * Stages one change, judged by the newest versions. The caller's next step is batch_wait().
 *
 * STATUS_OK         `out` is the publication, its newest version the one that was asked for;
 *                   a request that made this version before stages nothing and finds it
 * STATUS_CONFLICT   a pending change of `out` replaces the entity-tag: 412 if it commits
 * STATUS_NOT_FOUND  the entity-tag names nothing alive; so ends the repeat of a removal
 *                   that has committed: nothing is left to know it by
 * STATUS_LIMIT      one more than may be held
 */
MUST_USE enum status publication_stage(struct publications *self,
                                       const struct publication_change *change,
                                       struct publication **out);

/** Whether publication_stage() would find what the entity-tag of `change` names, or the publication
 * that this very request made: if not, STATUS_NOT_FOUND is certain. */
bool publication_is_known(const struct publications *self, const struct publication_change *change);

/** Stages its removal, whatever its entity-tag: for what an administrator asks. */
void publication_stage_removal(struct publication *self);

/** What a load brings. */
void publications_load(struct publications *self, const struct publication_row *row);

/** The publication with that id, or NULL. Walks the resource's list. */
struct publication *publication_find(const struct resource *resource, int64_t id);

/** The newest document of the publication of that entity-tag, lent until the next stage; empty when
 * there is none. */
struct span publication_document(const struct publications *self, struct span aor,
                                 struct span event, struct span entity_tag);

/** The resource's hard state, or NULL. */
struct publication *publication_find_hard_state(const struct resource *resource);

/** What to hand to batch_wait(). */
struct handle publication_handle(const struct publication *self);

/** True when nothing of it is pending. */
bool publication_is_settled(const struct publication *self);

/* Of the newest version, for the answer that a commit will release. Lent until the next stage. */
struct span publication_entity_tag(const struct publication *self);
uint32_t publication_expires_s(const struct publication *self);

/** What watchers may see of one publication: its committed version. */
struct publication_view {
    int64_t id;
    struct span document;
    int64_t sequence; /* greater is newer */
    bool hard_state;
};

/**
 * Lends the committed documents of a resource, at most `max`, until the caller returns to the
 * loop. Returns how many there are. Never shows what is pending.
 */
size_t publication_views(const struct resource *resource, struct publication_view views[],
                         size_t max);

#endif
