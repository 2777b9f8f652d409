/* late.h - what became of a relayed MESSAGE after it was kept: its branches are open for a while.
 */
#ifndef SERVICE_LATE_H
#define SERVICE_LATE_H

#include "server/base/handle.h"
#include "server/base/loop.h"

/** Which message a fork has become. */
struct lates;

/** Remembers each for `linger_ms`, after which no branch is open any more: 64*T1. */
struct lates *lates_new(struct loop *loop, uint32_t linger_ms);
void lates_free(struct lates *self);

void lates_add(struct lates *self, struct handle fork, struct handle message);

/** The fork that `message` was; {0} when there is none. */
struct handle lates_find_fork(const struct lates *self, struct handle message);

/** The message of that fork; {0} when there is none. */
struct handle lates_find(const struct lates *self, struct handle fork);

#endif
