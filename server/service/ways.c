/* ways.c - one pass over the bindings of an AOR. */
#include "server/service/ways.h"

struct device *ways_device_of(const struct mailbox *mailbox, const struct binding *binding)
{
    const struct binding_view view = binding_seen(binding);
    const struct device_name name = {
        .instance = view.instance, .user_agent = view.user_agent, .contact_key = view.contact_key};

    return mailbox_find_device(mailbox, &name);
}

static bool is_better(const struct ways *ways, const struct way *way, const struct way *than)
{
    const bool failed = ways->has_failed(way->device, way->target.binding);

    if (failed != ways->has_failed(than->device, than->target.binding))
        return !failed;
    return way->expires_s >= than->expires_s;
}

static void collect(struct binding *binding, void *context)
{
    struct ways *ways = context;
    struct way way = {.device = ways_device_of(ways->mailbox, binding),
                      .expires_s = binding_seen(binding).expires_s};

    if (way.device == NULL || !target_of_binding(ways->state, binding, &way.target))
        return;
    for (size_t i = 0; i < ways->count; i++)
        if (ways->at[i].device == way.device) {
            if (is_better(ways, &way, &ways->at[i]))
                ways->at[i] = way;
            return;
        }
    if (ways->count < TARGETS_MAX)
        ways->at[ways->count++] = way;
}

void ways_find(const struct state *state, const struct mailbox *mailbox,
               bool (*has_failed)(struct device *device, int64_t binding), struct ways *out)
{
    out->state = state;
    out->mailbox = mailbox;
    out->has_failed = has_failed;
    out->count = 0;
    location_each_seen(bindings_find(state->bindings, mailbox_aor(mailbox)), collect, out);
}

struct naming {
    const struct mailbox *mailbox;
    struct target *targets;
    size_t count;
};

static void name_device(struct binding *binding, void *context)
{
    const struct naming *it = context;
    const int64_t id = binding_seen(binding).id;
    const struct device *device = NULL;

    for (size_t i = 0; i < it->count; i++)
        if (it->targets[i].binding == id && (device = ways_device_of(it->mailbox, binding)) != NULL)
            it->targets[i].device = device_handle(device);
}

void ways_name_devices(const struct state *state, struct span aor, struct target targets[],
                       size_t count)
{
    struct naming it = {mailboxes_find(&state->mailboxes, aor), targets, count};

    if (it.mailbox != NULL)
        location_each_seen(bindings_find(state->bindings, aor), name_device, &it);
}
