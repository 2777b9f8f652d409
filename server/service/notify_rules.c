/* notify_rules.c - what rules, accounts, lists and dialects do to live subscriptions, at once. */
#include "server/service/notifier.h"

/* ---- what the rules say of a live subscription ---- */

/* Why a subscription is over whatever the rules say; empty when it is not. */
static struct span over_because(const struct notify *self, const struct subscription *subscription)
{
    const struct span aor = resource_aor(subscription_resource(subscription));

    if (!rosters_is_list(self->content.rosters, subscription))
        return accounts_find(self->state->accounts, aor) == NULL ? SPAN("noresource")
                                                                 : (struct span){0};
    return rosters_may_watch(self->content.rosters, aor, subscription_newest(subscription).watcher)
               ? (struct span){0}
               : SPAN("rejected");
}

/* True when its state changes: its commit tells. */
bool notify_decide(struct notify *self, struct subscription *subscription)
{
    const enum subscription_state state = subscription_newest_state(subscription);
    const enum watcher_action action = content_judge(&self->content, subscription).action;
    const struct span over = over_because(self, subscription);

    if (state != SUBSCRIPTION_TERMINATED && !span_empty(over)) {
        subscription_end(subscription, over);
        return true;
    }
    if (state == SUBSCRIPTION_TERMINATED || action == WATCHER_ALLOW ||
        action == WATCHER_POLITE_BLOCK) {
        if (state != SUBSCRIPTION_PENDING && state != SUBSCRIPTION_WAITING)
            return false;
        subscription_allow(subscription);
        return true;
    }
    if (action == WATCHER_CONFIRM && state != SUBSCRIPTION_ACTIVE)
        return false;
    subscription_end(subscription,
                     action == WATCHER_BLOCK ? SPAN("rejected") : SPAN("deactivated"));
    return true;
}

/* Its commit tells; before it, "active" would be said of what has been decided against. */
static bool is_about_to_change(const struct subscription *subscription)
{
    return subscription_newest_state(subscription) != subscription_state(subscription);
}

/* Owes it what it has not been told, if it may be told. */
void notify_look(struct notify *self, struct subscription *subscription)
{
    /* What is pending is looked at again when it has been committed. */
    if (!subscription_is_committed(subscription) || subscription_id(subscription) == 0 ||
        (subscription_is_settled(subscription) && notify_decide(self, subscription)) ||
        is_about_to_change(subscription) || subscription_state(subscription) != SUBSCRIPTION_ACTIVE)
        return;
    content_choose(&self->content, subscription);
    if (content_is_owed(subscription))
        notify_owe(self, subscription);
}

/* ---- rules, lists or dialects changed ---- */

static void look_at_resource(struct resource *resource, void *context)
{
    const struct notify *self = context;

    pacer_look(&self->pacer, resource);
    notify_resource_changed(context, resource);
}

static void look_at_all(struct loop_later *later)
{
    struct notify *self = CONTAINER_OF(later, struct notify, look_at_all);

    resources_each(self->state->resources, look_at_resource, self);
}

static void on_all_changed(void *context)
{
    struct notify *self = context;

    self->policy.changes++;
    if (self->started)
        loop_later(self->state->node.loop, &self->look_at_all);
}

static void on_domain_changed(void *context, struct span domain)
{
    (void)domain;
    on_all_changed(context);
}

/* What is watched of that AOR in any package may show something else. */
static void on_presentity_changed(struct notify *self, struct span presentity)
{
    const struct event_packages *packages = self->content.packages;

    for (size_t i = 0; self->started && packages->all[i] != NULL; i++) {
        struct resource *resource =
            resources_find(self->state->resources, presentity, packages->all[i]->name);

        if (resource != NULL)
            notify_resource_changed(self, resource);
    }
}

static void on_rules_changed(void *context, struct span domain, struct span presentity)
{
    struct notify *self = context;

    (void)domain;
    if (span_empty(presentity))
        on_all_changed(self);
    on_presentity_changed(self, presentity);
}

static void on_account_changed(void *context, struct span aor)
{
    struct notify *self = context;
    const struct event_packages *packages = self->content.packages;

    self->policy.changes++;
    for (size_t i = 0; self->started && packages->all[i] != NULL; i++) {
        struct resource *resource =
            resources_find(self->state->resources, aor, packages->all[i]->name);

        if (resource == NULL)
            continue;
        rosters_forget_judgements(resource);
        notify_resource_changed(self, resource);
    }
}

static void on_list_changed(void *context, struct span aor)
{
    struct notify *self = context;
    const struct event_packages *packages = self->content.packages;

    if (self->started)
        rosters_list_changed(self->content.rosters, aor);
    for (size_t i = 0; self->started && packages->all[i] != NULL; i++) {
        struct resource *resource =
            resources_find(self->state->resources, aor, packages->all[i]->name);
        struct list *link = resource == NULL ? NULL : resource->subscriptions.next;

        for (; link != NULL && link != &resource->subscriptions; link = link->next)
            rosters_rebuild(self->content.rosters, subscription_of_resource(link));
        if (resource != NULL)
            notify_resource_changed(self, resource); /* it may be over */
    }
}

void notify_watch_rules(struct notify *self)
{
    const struct state *state = self->state;

    loop_later_init(&self->look_at_all, look_at_all);
    accounts_watch(state->accounts, on_account_changed, self);
    domains_watch(state->domains, on_domain_changed, self);
    watcher_rules_watch(state->watcher_rules, on_rules_changed, self);
    dialects_watch(state->dialects, on_all_changed, self);
    resource_lists_watch(state->lists, on_list_changed, self);
}

void notify_unwatch_rules(struct notify *self)
{
    const struct state *state = self->state;

    loop_later_cancel(&self->look_at_all);
    accounts_watch(state->accounts, NULL, NULL);
    domains_watch(state->domains, NULL, NULL);
    watcher_rules_watch(state->watcher_rules, NULL, NULL);
    dialects_watch(state->dialects, NULL, NULL);
    resource_lists_watch(state->lists, NULL, NULL);
}
