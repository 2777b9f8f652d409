/* content.h - what a NOTIFY to one subscription carries: a view of its resource, or of a list's
 * members. */
#ifndef SERVICE_CONTENT_H
#define SERVICE_CONTENT_H

#include "server/service/policy.h"
#include "server/service/view.h"

struct rosters;

/** Filled in by notify.c; borrows all. */
struct content {
    struct state *state;
    const struct event_packages *packages;
    struct policy *policy;
    struct views *views;
    struct rosters *rosters;
};

/** What the rules say of its watcher now; kept beside the subscription. */
struct judgement content_judge(const struct content *self, struct subscription *subscription);

/**
 * Chooses what it sees by its judgement, Accept, User-Agent and filter, whoever caused the change;
 * another choice means that full state is owed. Composes what is stale.
 */
void content_choose(const struct content *self, struct subscription *subscription);

/** What it was told so far counts for nothing: it is owed everything. */
void content_owe_full(struct subscription *subscription);

/** True when it has not acknowledged what it would see now. */
bool content_is_owed(struct subscription *subscription);

/** The version of what content_choose() chose; its place, for a list, is always 1. */
uint64_t content_version(struct subscription *subscription);

/** The body for its next NOTIFY, the caller's reference; NULL for none. `number`: of documents sent
 * before. Notes what is sent, until content_acknowledge() or content_miss(). */
struct blob *content_body(const struct content *self, struct subscription *subscription,
                          uint32_t number);

/** Value of Content-Type for that body, appended. */
void content_type(struct subscription *subscription, struct buffer *out);

/** The entity-tag (RFC 5839) of what it sees now. */
struct span content_entity_tag(const struct content *self, struct subscription *subscription,
                               char out[ENTITY_TAG_BYTES]);

/** The NOTIFY that was sent last was answered with a 2xx; or nobody knows whether it arrived. */
void content_acknowledge(struct subscription *subscription);
void content_miss(struct subscription *subscription);

/** The subscription ends: gives back what it looks through. */
void content_forget(const struct content *self, struct subscription *subscription);

/** Which of the package's formats an Accept asks for: the one with the greatest q, then the first
 * (RFC 5263 section 4.1); -1 when it admits none. `accept` empty: the default. */
int content_format(const struct event_package *package, struct span accept);

#endif
