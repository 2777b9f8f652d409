/* trigger.h - whether something that a watcher waits for has happened (RFC 4661 section 3.6). */
#ifndef PIDF_FILTER_TRIGGER_H
#define PIDF_FILTER_TRIGGER_H

#include "pidf/filter/filter_set.h"
#include "pidf/filter/node.h"
#include "pidf/filter/select.h"

/**
 * Finds for every node of both documents the same thing in the other one. A thing is known by
 * its place, its name, and its id where it has one (tuples, devices, watchers, dialogs); else by
 * how many of that name stand before it. A presentity has one person, whatever its id.
 */
void trigger_pair(struct node *before, struct node *now, struct scratch *scratch,
                  const uint64_t key[2]);

/** Whether any of `triggers` is met. Both documents have been paired. */
bool trigger_met(const struct filter_trigger *triggers, struct node *before, struct node *now,
                 struct select_budget *budget);

#endif
