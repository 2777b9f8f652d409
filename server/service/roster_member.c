/* roster_member.c - one member of one list, as its watcher may see it. */
#include "server/service/rosters.h"

static uint64_t tag_of(const struct rosters *self, const struct member *member)
{
    const struct mac_key *key = &self->content->state->node.mark_key;
    const uint64_t uri = mac64(key, member->uri);
    char octets[ENTITY_TAG_BYTES + 2];
    struct span shown = {octets, 0};

    if (member->view != NULL)
        shown = view_entity_tag(self->content->views, member->view, octets);
    octets[shown.len++] = member->pending ? 'p' : member->reason != NULL ? 't' : 'a';
    return (uri * 31) ^ mac64(key, shown);
}

static void set_view(struct member *member, struct view *view)
{
    view_release(member->view);
    member->view = view;
}

static struct view *view_for(const struct rosters *self, const struct member *member,
                             const struct judgement *judgement)
{
    const struct event_package *package = roster_package(self, member->roster);
    const struct subscription *subscription = member->roster->subscription;
    const struct subscription_view seen = subscription_newest(subscription);
    const struct span filter = content_filter(&seen);
    const struct view_key key = {
        .closed = judgement->action != WATCHER_ALLOW,
        .pending = judgement->action == WATCHER_CONFIRM,
        .dialect = dialects_find(self->content->state->dialects, seen.user_agent, package->name),
        .hidden = judgement->hidden,
        .filter = filter,
        .list = span_empty(filter) ? (struct span){0}
                                   : resource_aor(subscription_resource(subscription)),
    };

    return view_get(member->resource, package, &key);
}

static void touch_watcherinfo(const struct member *member)
{
    struct resource *watcherinfo = resource_watcherinfo(member->resource);

    if (watcherinfo != NULL)
        resource_touch(watcherinfo);
}

/* RFC 4662 section 7.2: each member's own policy holds for the watcher of the list. */
static struct judgement judgement_of(const struct rosters *self, const struct member *member)
{
    const struct span aor = resource_aor(member->resource);

    if (accounts_find(self->content->state->accounts, aor) == NULL)
        return (struct judgement){.action = WATCHER_BLOCK};
    return policy_judge(self->content->policy, roster_package(self, member->roster), aor,
                        subscription_newest(member->roster->subscription).watcher);
}

static const char *reason_of(const struct rosters *self, const struct member *member)
{
    return accounts_find(self->content->state->accounts, resource_aor(member->resource)) == NULL
               ? "noresource"
               : "rejected";
}

void roster_member_judge(const struct rosters *self, struct member *member)
{
    const uint64_t generation = policy_generation(self->content->policy);
    const bool first = member->judged == 0, pending = member->pending, shown = member->view != NULL;
    struct judgement judgement;

    if (member->resource == NULL || member->judged == generation)
        return;
    member->judged = generation;
    judgement = judgement_of(self, member);
    member->reason = judgement.action == WATCHER_BLOCK ? reason_of(self, member) : NULL;
    member->pending = judgement.action == WATCHER_CONFIRM;
    set_view(member, judgement.action == WATCHER_BLOCK ? NULL : view_for(self, member, &judgement));
    if (first || pending != member->pending || shown != (member->view != NULL))
        touch_watcherinfo(member);
}

bool roster_member_look(const struct rosters *self, struct member *member)
{
    struct roster *roster = member->roster;
    const uint64_t before = member->tag;

    if (member->view != NULL)
        (void)view_refresh(self->content->views, member->view);
    member->tag = tag_of(self, member);
    roster->tag ^= before ^ member->tag;
    if (member->tag == member->told && member->telling == 0 && list_empty(&member->dirty))
        return false;
    if (member->telling != 0)
        return member->tag != member->telling; /* told when what is on its way was answered */
    if (list_empty(&member->dirty))
        list_append(&roster->dirty, &member->dirty);
    return true;
}

void roster_member_attach(struct rosters *self, struct member *member, bool within_limit)
{
    const struct state *state = self->content->state;
    char octets[SIP_AOR_BYTES_MAX];
    struct span aor;

    if (!within_limit) {
        member->reason = "giveup"; /* seen, and not watched: it never vanishes */
    } else if (!list_member_aor(member->uri, octets, &aor)) {
        member->reason = "noresource";
    } else {
        member->resource =
            resources_get(state->resources, aor,
                          resource_event(subscription_resource(member->roster->subscription)));
        resource_hold(member->resource);
        list_append(&member->resource->notify.members, &member->look);
        roster_member_judge(self, member);
    }
    (void)roster_member_look(self, member);
}

void roster_member_detach(struct member *member)
{
    list_remove(&member->look);
    list_remove(&member->dirty);
    set_view(member, NULL);
    if (member->resource == NULL)
        return;
    touch_watcherinfo(member);
    resource_unhold(member->resource);
    member->resource = NULL;
}
