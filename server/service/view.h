/* view.h - what a group of watchers sees of a resource: composed once, shared by all of them. */
#ifndef SERVICE_VIEW_H
#define SERVICE_VIEW_H

#include "server/service/event_package.h"
#include "server/state/node.h"

/**
 *     resource ──< view (who may see what, in which form) ──< subscriptions, members of lists
 *
 * A view has a version of its own, so that a change that it does not show is told to nobody who
 * looks through it. It keeps the documents of a few versions back where partial documents can be
 * made from them (RFC 3858, 4235, 5263).
 */
struct view {
    struct list link; /* among the views of its resource */
    struct resource *resource;
    const struct event_package *package;
    struct view_key key; /* its spans are the view's own */
    uint64_t version;    /* 1 before anything was composed */
    uint32_t uses;
    bool stale; /* the resource may show something else by now */
    struct snapshot *now;
    struct snapshot *past; /* the newest first */
};

/** Composes for all resources; one per process. */
struct views;

struct views *views_new(struct node *node, struct metrics *metrics, size_t document_bytes_max);
void views_free(struct views *self);

/** The view of that key, made when there is none. Give it back with view_release(). */
struct view *view_get(struct resource *resource, const struct event_package *package,
                      const struct view_key *key);

/** One use less; the last one frees it. NULL is fine. */
void view_release(struct view *view);

bool view_key_equal(const struct view_key *a, const struct view_key *b);

/** What the resource shows may have changed. */
void views_touch(struct resource *resource);

/** Composes if that is needed; true when the version is another one now. */
bool view_refresh(struct views *self, struct view *view);

/** Before a whole document: the times in it that moved without a word, as those of a registration
 * that was refreshed, are those of now. */
void view_renew(struct views *self, struct view *view);

/**
 * The body of a NOTIFY: what changed since version `from` where the package has such documents and
 * knows what it showed then; with `from` 0, or else, everything. `number` counts the documents that
 * were sent to the subscription before. The caller gets a reference.
 */
struct blob *view_body(struct views *self, struct view *view, uint64_t from, uint32_t number);

/** The whole document as it is now, for a member of a list that was told `number` times before.
 * Lent until the next call. */
struct span view_document(struct views *self, struct view *view, uint32_t number);

enum { ENTITY_TAG_BYTES = 16 };

/**
 * The entity-tag of what is shown now (RFC 5839 section 6.1): made of the document's octets and a
 * key that the database keeps, so that it is the same after a restart.
 */
struct span view_entity_tag(struct views *self, struct view *view, char out[ENTITY_TAG_BYTES]);

static inline struct span view_content_type(const struct view *view)
{
    return view->package->formats[view->key.format].content_type;
}

#endif
