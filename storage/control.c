/* control.c - from a row of each noun to the event that tells it. */
#include "storage/control.h"

#include <stdlib.h>

static bool tell_domain(const struct storage_events *events, struct row *row, int64_t *id)
{
    struct domain_row decoded;

    if (!domain_decode(row, &decoded))
        return false;
    *id = decoded.id;
    events->on_domain(events->context, &decoded);
    return true;
}

static void tell_domain_gone(const struct storage_events *events, int64_t id)
{
    events->on_domain_gone(events->context, id);
}

static bool tell_account(const struct storage_events *events, struct row *row, int64_t *id)
{
    struct account_row decoded;

    if (!account_decode(row, &decoded))
        return false;
    *id = decoded.id;
    events->on_account(events->context, &decoded);
    return true;
}

static void tell_account_gone(const struct storage_events *events, int64_t id)
{
    events->on_account_gone(events->context, id);
}

static bool tell_trusted_peer(const struct storage_events *events, struct row *row, int64_t *id)
{
    struct trusted_peer_row decoded;

    if (!trusted_peer_decode(row, &decoded))
        return false;
    *id = decoded.id;
    events->on_trusted_peer(events->context, &decoded);
    return true;
}

static void tell_trusted_peer_gone(const struct storage_events *events, int64_t id)
{
    events->on_trusted_peer_gone(events->context, id);
}

static bool tell_watcher_rule(const struct storage_events *events, struct row *row, int64_t *id)
{
    struct watcher_rule_row decoded;

    if (!watcher_rule_decode(row, &decoded))
        return false;
    *id = decoded.id;
    events->on_watcher_rule(events->context, &decoded);
    return true;
}

static void tell_watcher_rule_gone(const struct storage_events *events, int64_t id)
{
    events->on_watcher_rule_gone(events->context, id);
}

static bool tell_list(const struct storage_events *events, struct row *row, int64_t *id)
{
    struct list_member_row *members;
    struct list_row list;
    const bool good = list_decode(row, &list, &members);

    if (good) {
        *id = list.id;
        events->on_list(events->context, &list);
    }
    free(members);
    return good;
}

static void tell_list_gone(const struct storage_events *events, int64_t id)
{
    events->on_list_gone(events->context, id);
}

static bool tell_dialect(const struct storage_events *events, struct row *row, int64_t *id)
{
    struct dialect_row decoded;

    if (!dialect_decode(row, &decoded))
        return false;
    *id = decoded.id;
    events->on_dialect(events->context, &decoded);
    return true;
}

static void tell_dialect_gone(const struct storage_events *events, int64_t id)
{
    events->on_dialect_gone(events->context, id);
}

const struct control controls[CONTROLS] = {
    [CONTROL_DOMAIN] = {"domain", domain_scan, domain_read, tell_domain, tell_domain_gone},
    [CONTROL_ACCOUNT] = {"account", account_scan, account_read, tell_account, tell_account_gone},
    [CONTROL_TRUSTED_PEER] = {"trusted_peer", trusted_peer_scan, trusted_peer_read,
                              tell_trusted_peer, tell_trusted_peer_gone},
    [CONTROL_WATCHER_RULE] = {"watcher_rule", watcher_rule_scan, watcher_rule_read,
                              tell_watcher_rule, tell_watcher_rule_gone},
    [CONTROL_LIST] = {"list", list_scan, list_read, tell_list, tell_list_gone},
    [CONTROL_DIALECT] = {"dialect", dialect_scan, dialect_read, tell_dialect, tell_dialect_gone},
};
