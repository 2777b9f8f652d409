/* policy.c - asked for every NOTIFY; what it said is kept while its generation lasts. */
#include "server/service/policy.h"

struct judgement policy_judge(const struct policy *self, const struct event_package *package,
                              struct span presentity, struct span watcher)
{
    const bool named_only = package->audience == AUDIENCE_PRESENTITY;
    const struct domain_row *domain;
    struct watcher_judgement found;

    if (accounts_find(self->state->accounts, presentity) == NULL)
        return (struct judgement){.action = WATCHER_BLOCK};
    if (span_equal(presentity, watcher))
        return (struct judgement){.action = WATCHER_ALLOW};
    if (watcher_rules_judge(self->state->watcher_rules, presentity, watcher, package->name,
                            named_only, &found))
        return (struct judgement){found.action, found.hidden};
    domain = domains_find(self->state->domains, domain_of_aor(presentity));
    if (named_only || domain == NULL)
        return (struct judgement){.action = WATCHER_BLOCK};
    return (struct judgement){.action = domain->default_action};
}

uint64_t policy_generation(const struct policy *self)
{
    return watcher_rules_generation(self->state->watcher_rules) + self->changes;
}
