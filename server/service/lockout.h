/* lockout.h - a pause after repeated wrong passwords, per account name and source address. */
#ifndef SERVICE_LOCKOUT_H
#define SERVICE_LOCKOUT_H

#include "server/base/clock.h"
#include "server/base/span.h"
#include "server/transport/flow.h"

/** Per source too, so that nobody can lock an account for its owner. */
struct lockout;

/** 0 failures_max: never. At most `max` pairs are remembered; beyond, the oldest is forgotten. */
struct lockout *lockout_new(uint32_t failures_max, uint32_t pause_s, uint32_t max);
void lockout_free(struct lockout *self);

/** One more failure. */
void lockout_count(struct lockout *self, struct span username, const struct flow *source,
                   struct instant now);

/** True while this pair has to pause. */
bool lockout_is_closed(const struct lockout *self, struct span username, const struct flow *source,
                       struct instant now);

#endif
