/* watcher_rule.h - who may see whom, as presentities and administrators have said it in SQL. */
#ifndef STATE_WATCHER_RULE_H
#define STATE_WATCHER_RULE_H

#include "server/state/node.h"

/**
 * The rows of presence.watcher_rule. The most specific identity decides (DESIGN section 7): the
 * watcher itself, then its domain, then everyone; for the same identity a presentity's own rule
 * before one of its whole domain, and then a rule for this event package before one for all. Among
 * equals it is RFC 4745's union: the greatest action, and what one of those with that action shows
 * is shown. A rule counts from valid_from to valid_until, by the wall clock.
 * presence.deciding_rules() does the same in SQL.
 */
struct watcher_rules;

/** Borrows `node` for its clock and timers. */
struct watcher_rules *watcher_rules_new(struct node *node);
void watcher_rules_free(struct watcher_rules *self);

/**
 * Told when a rule that counts was added, changed or removed, at the load too, and when one begins
 * or ends to count; not of one that is read again and is what it was. `presentity` empty: it
 * concerns every presentity of `domain`. Spans are lent. From the loop; rules must not be put or
 * removed meanwhile.
 */
typedef void watcher_rules_changed_fn(void *context, struct span domain, struct span presentity);
void watcher_rules_watch(struct watcher_rules *self, watcher_rules_changed_fn *fn, void *context);

/** What SQL says: a new rule, or a changed one. */
void watcher_rules_put(struct watcher_rules *self, const struct watcher_rule_row *row);
void watcher_rules_remove(struct watcher_rules *self, int64_t id);

size_t watcher_rules_count(const struct watcher_rules *self);

/** Another number whenever a judgement may differ from one made before: what was kept of one is
 * good while it stays. Never 0. */
uint64_t watcher_rules_generation(const struct watcher_rules *self);

struct watcher_judgement {
    enum watcher_action action;
    uint32_t hidden; /* enum rule_hidden */
    int64_t rule;    /* the first by id of those with that action */
};

/**
 * What the rules say of this watcher now. `named_only`: rules for all event packages do not count.
 * False when none says anything. Asks some tables, whatever the number of rules.
 */
bool watcher_rules_judge(const struct watcher_rules *self, struct span presentity,
                         struct span watcher, struct span event, bool named_only,
                         struct watcher_judgement *out);

#endif
