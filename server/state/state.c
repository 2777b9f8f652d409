/* state.c - makes the nouns, and hands each loaded row to its own. */
#include "server/state/state.h"

#include "server/base/must.h"

#include <inttypes.h>
#include <stdlib.h>

static double bindings_gauge(void *context)
{
    return (double)bindings_count(((struct state *)context)->bindings);
}

static double publications_gauge(void *context)
{
    return (double)publications_count(((struct state *)context)->publications);
}

static double subscriptions_gauge(void *context)
{
    return (double)subscriptions_count(((struct state *)context)->subscriptions);
}

static double devices_gauge(void *context)
{
    return (double)devices_count(((struct state *)context)->devices);
}

static double messages_gauge(void *context)
{
    return (double)messages_waiting(((struct state *)context)->messages);
}

static double accounts_gauge(void *context)
{
    return (double)accounts_count(((struct state *)context)->accounts);
}

static double trusted_peers_gauge(void *context)
{
    return (double)trusted_peers_count(((struct state *)context)->trusted_peers);
}

static double watcher_rules_gauge(void *context)
{
    return (double)watcher_rules_count(((struct state *)context)->watcher_rules);
}

static double lists_gauge(void *context)
{
    return (double)resource_lists_count(((struct state *)context)->lists);
}

static double dialects_gauge(void *context)
{
    return (double)dialects_count(((struct state *)context)->dialects);
}

static void add_gauges(struct state *self, struct metrics *metrics)
{
    metric_gauge(metrics, "bindings", NULL, "Contacts bound to AORs", bindings_gauge, self);
    metric_gauge(metrics, "publications", NULL, "Live publications", publications_gauge, self);
    metric_gauge(metrics, "subscriptions", NULL, "Subscriptions in any state", subscriptions_gauge,
                 self);
    metric_gauge(metrics, "devices", NULL, "Devices known at AORs", devices_gauge, self);
    metric_gauge(metrics, "messages_waiting", NULL, "Messages kept for devices", messages_gauge,
                 self);
    metric_gauge(metrics, "accounts", NULL, "Accounts in memory", accounts_gauge, self);
    metric_gauge(metrics, "trusted_peers", NULL, "Enabled trusted peers in memory",
                 trusted_peers_gauge, self);
    metric_gauge(metrics, "watcher_rules", NULL, "Watcher rules in memory", watcher_rules_gauge,
                 self);
    metric_gauge(metrics, "lists", NULL, "Enabled resource lists in memory", lists_gauge, self);
    metric_gauge(metrics, "dialects", NULL, "Dialects in memory", dialects_gauge, self);
}

struct state *state_new(struct loop *loop, struct log *log, struct metrics *metrics,
                        struct transport *transport, const struct state_options *options)
{
    uint32_t objects_max = options->bindings_max + options->publication.publications_max +
                           options->subscription.subscriptions_max + options->device.devices_max +
                           options->message.messages_max;
    struct state *self = calloc(1, sizeof(*self));
    struct node *node;

    must(self != NULL);
    node = &self->node;
    node->loop = loop;
    node->log = log;
    node->transport = transport;
    node->id = options->storage.node_id;
    node->objects = handle_table_new(objects_max);
    node->storage = storage_new(loop, log, metrics, &options->storage);
    node->batch = batch_new(loop, log, metrics, node->storage, node->objects, &options->batch);
    self->domains = domains_new();
    self->accounts = accounts_new();
    self->trusted_peers = trusted_peers_new();
    self->watcher_rules = watcher_rules_new(node);
    self->lists = resource_lists_new();
    self->dialects = dialects_new();
    self->resources = resources_new(node);
    self->bindings = bindings_new(node, self->resources, options->bindings_max);
    self->publications = publications_new(node, self->resources, &options->publication);
    self->subscriptions = subscriptions_new(node, self->resources, &options->subscription);
    mailboxes_init(&self->mailboxes);
    self->devices = devices_new(node, &self->mailboxes, &options->device);
    self->messages = messages_new(node, self->resources, &self->mailboxes, &options->message);
    state_reconfigure(self, options);
    add_gauges(self, metrics);
    return self;
}

void state_reconfigure(struct state *self, const struct state_options *options)
{
    self->node.outage_grace_us = options->outage_grace_us;
    self->node.expiries_max = options->expiry_per_s / 10 + 1;
    batch_reconfigure(self->node.batch, &options->batch);
    publications_reconfigure(self->publications, &options->publication);
    subscriptions_reconfigure(self->subscriptions, &options->subscription);
    devices_reconfigure(self->devices, &options->device);
    messages_reconfigure(self->messages, &options->message);
}

void state_free(struct state *self)
{
    if (self == NULL)
        return;
    batch_free(self->node.batch);
    storage_free(self->node.storage);
    messages_free(self->messages);
    devices_free(self->devices);
    mailboxes_deinit(&self->mailboxes);
    subscriptions_free(self->subscriptions);
    state_release_marked(self);
    publications_free(self->publications);
    bindings_free(self->bindings);
    resources_free(self->resources);
    dialects_free(self->dialects);
    resource_lists_free(self->lists);
    watcher_rules_free(self->watcher_rules);
    trusted_peers_free(self->trusted_peers);
    accounts_free(self->accounts);
    domains_free(self->domains);
    handle_table_free(self->node.objects);
    free(self);
}

/* ---- what storage tells ---- */

static void on_standby(void *context)
{
    struct state *self = context;

    self->standby = true;
    log_line(self->node.log, LOG_INFO, "standby", "waits_for=lease node=%" PRIu32, self->node.id);
    self->upward.on_standby(self->upward.context);
}

static void on_domain(void *context, const struct domain_row *row)
{
    domains_put(((struct state *)context)->domains, row);
}

static void on_domain_gone(void *context, int64_t id)
{
    domains_remove(((struct state *)context)->domains, id);
}

static void on_account(void *context, const struct account_row *row)
{
    accounts_put(((struct state *)context)->accounts, row);
}

static void on_account_gone(void *context, int64_t id)
{
    accounts_remove(((struct state *)context)->accounts, id);
}

static void on_trusted_peer(void *context, const struct trusted_peer_row *row)
{
    trusted_peers_put(((struct state *)context)->trusted_peers, row);
}

static void on_trusted_peer_gone(void *context, int64_t id)
{
    trusted_peers_remove(((struct state *)context)->trusted_peers, id);
}

static void on_watcher_rule(void *context, const struct watcher_rule_row *row)
{
    watcher_rules_put(((struct state *)context)->watcher_rules, row);
}

static void on_watcher_rule_gone(void *context, int64_t id)
{
    watcher_rules_remove(((struct state *)context)->watcher_rules, id);
}

static void on_list(void *context, const struct list_row *row)
{
    resource_lists_put(((struct state *)context)->lists, row);
}

static void on_list_gone(void *context, int64_t id)
{
    resource_lists_remove(((struct state *)context)->lists, id);
}

static void on_dialect(void *context, const struct dialect_row *row)
{
    dialects_put(((struct state *)context)->dialects, row);
}

static void on_dialect_gone(void *context, int64_t id)
{
    dialects_remove(((struct state *)context)->dialects, id);
}

static void on_binding(void *context, const struct binding_row *row)
{
    bindings_load(((struct state *)context)->bindings, row);
}

static void on_publication(void *context, const struct publication_row *row)
{
    publications_load(((struct state *)context)->publications, row);
}

static void on_subscription(void *context, const struct subscription_row *row)
{
    subscriptions_load(((struct state *)context)->subscriptions, row);
}

static void on_device(void *context, const struct device_row *row)
{
    devices_load(((struct state *)context)->devices, row);
}

static void on_message(void *context, const struct message_row *row)
{
    messages_load(((struct state *)context)->messages, row);
}

static void on_resource(void *context, const struct resource_row *row)
{
    struct state *self = context;
    struct resource *resource = resources_get(self->resources, row->aor, row->event);

    /* Nothing may hang from it yet: members of lists are made later. */
    resource->needs_mark = true; /* notify.c owes all its watchers, once ready */
    resource_hold(resource);
    self->marked = realloc(self->marked, (self->marked_count + 1) * sizeof(struct resource *));
    must(self->marked != NULL);
    self->marked[self->marked_count++] = resource;
}

void state_release_marked(struct state *self)
{
    for (size_t i = 0; i < self->marked_count; i++)
        resource_unhold(self->marked[i]);
    free(self->marked);
    self->marked = NULL;
    self->marked_count = 0;
}

static void on_ready(void *context, const struct storage_epoch *epoch)
{
    struct state *self = context;
    struct node *node = &self->node;

    node->epoch = epoch->epoch;
    memcpy(&node->mark_key, epoch->secret, sizeof(node->mark_key));
    memcpy(&node->nonce_key, epoch->secret + sizeof(node->mark_key), sizeof(node->nonce_key));
    batch_begin(node->batch, epoch->batch);
    self->loaded_notified_batch = epoch->notified_batch;
    self->ready = true;
    self->standby = false;
    log_line(node->log, LOG_INFO, "ready",
             "epoch=%" PRIu64 " accounts=%zu bindings=%zu publications=%zu subscriptions=%zu"
             " devices=%zu messages=%zu",
             node->epoch, accounts_count(self->accounts), bindings_count(self->bindings),
             publications_count(self->publications), subscriptions_count(self->subscriptions),
             devices_count(self->devices), messages_waiting(self->messages));
    self->upward.on_ready(self->upward.context);
}

static void on_command(void *context, const struct command_row *row)
{
    struct state *self = context;

    self->upward.on_command(self->upward.context, row);
}

static void on_away(void *context)
{
    struct state *self = context;

    log_line(self->node.log, LOG_ERROR, "database", "state=away");
}

static void on_back(void *context)
{
    struct state *self = context;

    node_begin_grace(&self->node);
    log_line(self->node.log, LOG_WARNING, "database", "state=back");
}

static void on_fatal(void *context, const char *why)
{
    struct state *self = context;

    log_line(self->node.log, LOG_ERROR, "fatal", "why=\"%s\"", why);
    self->upward.on_fatal(self->upward.context, why);
}

void state_open(struct state *self)
{
    const struct storage_events events = {
        .context = self,
        .on_standby = on_standby,
        .on_domain = on_domain,
        .on_domain_gone = on_domain_gone,
        .on_account = on_account,
        .on_account_gone = on_account_gone,
        .on_trusted_peer = on_trusted_peer,
        .on_trusted_peer_gone = on_trusted_peer_gone,
        .on_watcher_rule = on_watcher_rule,
        .on_watcher_rule_gone = on_watcher_rule_gone,
        .on_list = on_list,
        .on_list_gone = on_list_gone,
        .on_dialect = on_dialect,
        .on_dialect_gone = on_dialect_gone,
        .on_binding = on_binding,
        .on_publication = on_publication,
        .on_subscription = on_subscription,
        .on_device = on_device,
        .on_message = on_message,
        .on_resource = on_resource,
        .on_ready = on_ready,
        .on_command = on_command,
        .on_away = on_away,
        .on_back = on_back,
        .on_fatal = on_fatal,
    };

    storage_open(self->node.storage, &events);
}
