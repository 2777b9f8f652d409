/* policy.h - who may see what of whom: rules, the package's audience, the domain's default. */
#ifndef SERVICE_POLICY_H
#define SERVICE_POLICY_H

#include "server/service/event_package.h"
#include "server/state/state.h"

/** Filled in by server.c. */
struct policy {
    const struct state *state;
    uint64_t changes; /* of domains and accounts: they judge too */
};

struct judgement {
    enum watcher_action action;
    uint32_t hidden; /* enum rule_hidden */
};

/**
 * Judges now (DESIGN section 7): nobody sees who is no account; the presentity always sees itself;
 * then the rules; then, for a package that is open to watchers at all, the default of the
 * presentity's domain.
 */
struct judgement policy_judge(const struct policy *self, const struct event_package *package,
                              struct span presentity, struct span watcher);

/** Another number whenever a judgement may differ; never 0. */
uint64_t policy_generation(const struct policy *self);

#endif
