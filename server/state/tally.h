/* tally.h - how many subscriptions each watcher has, for its limit. */
#ifndef STATE_TALLY_H
#define STATE_TALLY_H

#include "server/base/span.h"
#include "server/base/table.h"

struct tally;

/** All watchers that have any. */
struct tallies {
    struct table table;
};

void tallies_init(struct tallies *self);

/** All tallies must have been given back. */
void tallies_deinit(struct tallies *self);

/** One more of that watcher; to be given back with tally_release(). */
struct tally *tally_take(struct tallies *self, struct span watcher);
void tally_release(struct tallies *self, struct tally *tally);

uint32_t tally_count(const struct tallies *self, struct span watcher);

#endif
