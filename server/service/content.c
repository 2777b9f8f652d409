/* content.c - a subscription sees its resource through a view, or a list through a roster. */
#include "server/service/content.h"

#include "server/service/roster.h"
#include "server/sip/media.h"

static const struct event_package *package_of(const struct content *self,
                                              const struct subscription *subscription)
{
    return event_package_find(self->packages, resource_event(subscription_resource(subscription)));
}

/* ---- choosing ---- */

struct judgement content_judge(const struct content *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);
    const uint64_t generation = policy_generation(self->policy);
    struct judgement judgement = {(enum watcher_action)delivery->action, delivery->hidden};

    if (delivery->judged == generation)
        return judgement;
    judgement = rosters_is_list(self->rosters, subscription)
                    ? (struct judgement){.action = WATCHER_ALLOW} /* its members are judged */
                    : policy_judge(self->policy, package_of(self, subscription),
                                   resource_aor(subscription_resource(subscription)),
                                   subscription_newest(subscription).watcher);
    delivery->judged = generation;
    delivery->action = (uint8_t)judgement.action;
    delivery->hidden = (uint8_t)judgement.hidden;
    return judgement;
}

/* What most watchers send: one content type and nothing else. */
static int named_alone(const struct event_package *package, struct span accept)
{
    for (int i = 0; i < EVENT_FORMATS_MAX; i++)
        if (span_equal_nocase(accept, package->formats[i].content_type))
            return i;
    return -1;
}

int content_format(const struct event_package *package, struct span accept)
{
    unsigned best_q = 0;
    int best;

    if (span_empty(accept))
        return 0;
    best = named_alone(package, accept);
    if (best >= 0)
        return best;
    for (int i = 0; i < EVENT_FORMATS_MAX && !span_empty(package->formats[i].content_type); i++) {
        const unsigned q = sip_accept_q(accept, package->formats[i].content_type);

        if (q > best_q) {
            best_q = q;
            best = i;
        }
    }
    return best;
}

struct span content_filter(const struct subscription_view *view)
{
    return span_equal_nocase(view->body_type, SPAN("application/simple-filter+xml"))
               ? view->body
               : (struct span){0};
}

/* What has been committed counts; of one that was not yet, what it will be. */
static struct subscription_view seen(const struct subscription *subscription)
{
    return subscription_is_committed(subscription) ? subscription_view(subscription)
                                                   : subscription_newest(subscription);
}

static struct view_key key_for(const struct content *self, struct subscription *subscription,
                               const struct event_package *package)
{
    const struct subscription_view view = seen(subscription);
    const struct judgement judgement = content_judge(self, subscription);
    const int format = content_format(package, view.accept);

    return (struct view_key){
        /* What the state says and the rules say must agree before anything is shown. */
        .closed = view.state == SUBSCRIPTION_PENDING || view.state == SUBSCRIPTION_WAITING ||
                  judgement.action != WATCHER_ALLOW,
        .pending = judgement.action == WATCHER_CONFIRM && view.state != SUBSCRIPTION_ACTIVE,
        .format = format < 0 ? 0 : (uint8_t)format,
        .dialect = dialects_find(self->state->dialects, view.user_agent, package->name),
        .hidden = judgement.hidden,
        .filter = content_filter(&view),
    };
}

/* Versions of what it saw before mean nothing any more, one that is on its way included. */
void content_owe_full(struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    delivery->acked_version = 0;
    delivery->sent_version = 0;
    delivery->suppressed_version = 0;
}

static void choose_view(const struct content *self, struct subscription *subscription)
{
    const struct event_package *package = package_of(self, subscription);
    struct delivery *delivery = subscription_delivery(subscription);
    const struct view_key key = key_for(self, subscription, package);
    struct view *before = delivery->view;

    delivery->chosen = policy_generation(self->policy);
    if (before != NULL && view_key_equal(&before->key, &key))
        return;
    delivery->view = view_get(subscription_resource(subscription), package, &key);
    if (before != NULL)
        content_owe_full(subscription);
    view_release(before);
}

/* What it rests on changes with rules, dialects and domains, and with what the watcher asks for. */
static bool is_chosen(const struct content *self, const struct delivery *delivery)
{
    return delivery->view != NULL && delivery->chosen == policy_generation(self->policy);
}

/* An AOR that was a person's is a list's now, or the other way round. */
static void change_kind(const struct content *self, struct subscription *subscription)
{
    content_forget(self, subscription);
    content_owe_full(subscription);
}

void content_choose(const struct content *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    if (rosters_is_list(self->rosters, subscription)) {
        if (delivery->view != NULL)
            change_kind(self, subscription);
        roster_choose(self->rosters, subscription);
        return;
    }
    if (delivery->roster != NULL)
        change_kind(self, subscription);
    if (!is_chosen(self, delivery))
        choose_view(self, subscription);
    (void)view_refresh(self->views, delivery->view);
}

bool content_is_owed(struct subscription *subscription)
{
    const struct delivery *delivery = subscription_delivery(subscription);

    if (delivery->acked_version == 0)
        return true;
    if (delivery->roster != NULL)
        return roster_is_owed(delivery->roster);
    return delivery->view == NULL || delivery->acked_version != delivery->view->version;
}

/* ---- what is sent ---- */

uint64_t content_version(struct subscription *subscription)
{
    const struct delivery *delivery = subscription_delivery(subscription);

    return delivery->roster != NULL ? 1 : delivery->view->version;
}

struct blob *content_body(const struct content *self, struct subscription *subscription,
                          uint32_t number)
{
    struct delivery *delivery = subscription_delivery(subscription);
    bool full;

    content_choose(self, subscription);
    full = delivery->acked_version == 0 || delivery->missed;
    if (full && delivery->view != NULL)
        view_renew(self->views, delivery->view);
    delivery->sent_version = content_version(subscription);
    delivery->sent_bodiless =
        delivery->bodiless && delivery->sent_version == delivery->suppressed_version;
    delivery->bodiless = false;
    if (delivery->sent_bodiless)
        return NULL;
    return delivery->roster != NULL
               ? roster_body(self->rosters, delivery->roster, number, full)
               : view_body(self->views, delivery->view, full ? 0 : delivery->acked_version, number);
}

void content_type(struct subscription *subscription, struct buffer *out)
{
    const struct delivery *delivery = subscription_delivery(subscription);

    if (delivery->roster != NULL)
        roster_type(delivery->roster, out);
    else
        buffer_put(out, view_content_type(delivery->view));
}

struct span content_entity_tag(const struct content *self, struct subscription *subscription,
                               char out[ENTITY_TAG_BYTES])
{
    struct delivery *delivery = subscription_delivery(subscription);

    content_choose(self, subscription);
    return delivery->roster != NULL ? roster_entity_tag(self->rosters, delivery->roster, out)
                                    : view_entity_tag(self->views, delivery->view, out);
}

/* ---- what became of it ---- */

void content_acknowledge(struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    delivery->acked_version = delivery->sent_version;
    delivery->missed = delivery->sent_bodiless; /* a number was counted, and no document came */
    if (delivery->roster != NULL)
        roster_acknowledge(delivery->roster);
}

void content_miss(struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    delivery->missed = true;
    if (delivery->roster != NULL)
        roster_miss(delivery->roster);
}

void content_forget(const struct content *self, struct subscription *subscription)
{
    struct delivery *delivery = subscription_delivery(subscription);

    view_release(delivery->view);
    roster_free(self->rosters, delivery->roster);
    delivery->view = NULL;
    delivery->roster = NULL;
}
