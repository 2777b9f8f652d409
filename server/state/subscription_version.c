/* subscription_version.c - versions are made whole; none is changed once it is staged. */
#include "server/state/subscription_version.h"

#include "server/base/mark.h"
#include "server/base/must.h"
#include "server/state/packed.h"
#include "server/state/path.h"

#include <stdlib.h>

struct span subscription_field(const struct subscription_version *self,
                               enum subscription_field which)
{
    return packed_get(self->ends, self->octets, which);
}

static struct subscription_version *version_new(const struct span fields[SUBSCRIPTION_FIELDS])
{
    struct subscription_version *version =
        calloc(1, sizeof(*version) + packed_size(fields, SUBSCRIPTION_FIELDS));

    must(version != NULL);
    packed_fill(version->ends, version->octets, fields, SUBSCRIPTION_FIELDS);
    return version;
}

void subscription_version_expire(struct subscription_version *self, const struct node *node,
                                 uint32_t expires_s)
{
    self->expires_s = expires_s;
    self->deadline = instant_after(loop_now(node->loop), (int64_t)expires_s * US_PER_S);
}

struct subscription_version *subscription_version_first(struct node *node, uint16_t bucket,
                                                        const struct subscription_change *change)
{
    char tag[MARK_BYTES];
    const struct dialog_ids *ids = &change->ids;
    const struct span fields[SUBSCRIPTION_FIELDS] = {
        [SUBSCRIPTION_CALL_ID] = ids->call_id,
        [SUBSCRIPTION_LOCAL_TAG] =
            mark_compose(&node->mark_key, MARK_LOCAL_TAG, bucket, node_number(node), tag),
        [SUBSCRIPTION_REMOTE_TAG] = ids->remote_tag,
        [SUBSCRIPTION_LOCAL_URI] = ids->local_uri,
        [SUBSCRIPTION_REMOTE_URI] = ids->remote_uri,
        [SUBSCRIPTION_TARGET] = ids->remote_target,
        [SUBSCRIPTION_ROUTE_SET] = ids->route_set,
        [SUBSCRIPTION_EVENT_ID] = change->event_id,
        [SUBSCRIPTION_WATCHER] = change->watcher,
        [SUBSCRIPTION_ACCEPT] = change->accept,
        [SUBSCRIPTION_USER_AGENT] = change->user_agent,
        [SUBSCRIPTION_REASON] = change->expires_s == 0 ? SPAN("timeout") : (struct span){0},
        [SUBSCRIPTION_EVENT_PARAMS] = change->event_params,
        [SUBSCRIPTION_BODY_TYPE] = change->body_type,
        [SUBSCRIPTION_BODY] = change->body,
        [SUBSCRIPTION_INSTANCE] = change->instance,
    };
    struct subscription_version *version = version_new(fields);

    version->state = (uint8_t)change->state;
    version->notice = change->notice;
    version->bound = change->bound;
    version->eventlist = change->eventlist;
    version->remote_cseq = change->remote_cseq;
    version->flow = change->flow;
    subscription_version_expire(version, node, change->expires_s);
    return version;
}

static struct subscription_version *made_again(const struct subscription_version *last,
                                               const struct span fields[SUBSCRIPTION_FIELDS])
{
    struct subscription_version *version = version_new(fields);

    version->hot.partial = true;
    version->state = last->state;
    version->bound = last->bound;
    version->eventlist = last->eventlist;
    version->remote_cseq = last->remote_cseq;
    version->expires_s = last->expires_s;
    version->deadline = last->deadline;
    version->flow = last->flow;
    return version;
}

static void copy_fields(const struct subscription_version *last,
                        struct span fields[SUBSCRIPTION_FIELDS])
{
    for (size_t i = 0; i < SUBSCRIPTION_FIELDS; i++)
        fields[i] = subscription_field(last, (enum subscription_field)i);
}

struct subscription_version *subscription_version_again(const struct subscription_version *last,
                                                        struct span reason)
{
    struct span fields[SUBSCRIPTION_FIELDS];

    copy_fields(last, fields);
    if (!span_empty(reason))
        fields[SUBSCRIPTION_REASON] = reason;
    return made_again(last, fields);
}

/* False when it was the same before. */
static bool replace(struct span fields[SUBSCRIPTION_FIELDS], enum subscription_field which,
                    struct span by)
{
    if (by.at == NULL || span_equal(fields[which], by))
        return false;
    fields[which] = by;
    return true;
}

struct subscription_version *
subscription_version_refreshed(const struct subscription_version *last,
                               const struct subscription_change *change)
{
    struct span fields[SUBSCRIPTION_FIELDS];
    struct subscription_version *version;
    bool partial = true; /* what follows is written by STORAGE_UPDATE alone */

    copy_fields(last, fields);
    partial = !replace(fields, SUBSCRIPTION_ACCEPT, change->accept) && partial;
    partial = !replace(fields, SUBSCRIPTION_EVENT_PARAMS, change->event_params) && partial;
    partial = !replace(fields, SUBSCRIPTION_BODY_TYPE, change->body_type) && partial;
    partial = !replace(fields, SUBSCRIPTION_BODY, change->body) && partial;
    if (!span_empty(change->ids.remote_target))
        fields[SUBSCRIPTION_TARGET] = change->ids.remote_target;
    if (change->expires_s == 0)
        fields[SUBSCRIPTION_REASON] = SPAN("timeout");
    version = made_again(last, fields);
    version->hot.partial = partial;
    version->notice = change->notice;
    version->state = (uint8_t)change->state;
    version->remote_cseq = change->remote_cseq;
    version->flow = change->flow;
    version->bound = change->bound;
    return version;
}

/* ---- rows ---- */

static enum subscription_row_state row_state(enum subscription_state state)
{
    switch (state) {
    case SUBSCRIPTION_PENDING:
        return SUBSCRIPTION_ROW_PENDING;
    case SUBSCRIPTION_ACTIVE:
        return SUBSCRIPTION_ROW_ACTIVE;
    case SUBSCRIPTION_WAITING:
        return SUBSCRIPTION_ROW_WAITING;
    case SUBSCRIPTION_TERMINATED:
        break;
    }
    return SUBSCRIPTION_ROW_TERMINATED;
}

static enum subscription_state loaded_state(enum subscription_row_state state)
{
    switch (state) {
    case SUBSCRIPTION_ROW_PENDING:
        return SUBSCRIPTION_PENDING;
    case SUBSCRIPTION_ROW_ACTIVE:
        return SUBSCRIPTION_ACTIVE;
    case SUBSCRIPTION_ROW_WAITING:
        return SUBSCRIPTION_WAITING;
    case SUBSCRIPTION_ROW_TERMINATED:
        break;
    }
    return SUBSCRIPTION_TERMINATED;
}

struct subscription_row subscription_version_to_row(const struct subscription_version *self,
                                                    const struct node *node, struct path_text *text)
{
    struct subscription_row row = {
        .event_id = subscription_field(self, SUBSCRIPTION_EVENT_ID),
        .watcher = subscription_field(self, SUBSCRIPTION_WATCHER),
        .state = row_state((enum subscription_state)self->state),
        .reason = subscription_field(self, SUBSCRIPTION_REASON),
        .call_id = subscription_field(self, SUBSCRIPTION_CALL_ID),
        .local_tag = subscription_field(self, SUBSCRIPTION_LOCAL_TAG),
        .remote_tag = subscription_field(self, SUBSCRIPTION_REMOTE_TAG),
        .local_uri = subscription_field(self, SUBSCRIPTION_LOCAL_URI),
        .remote_uri = subscription_field(self, SUBSCRIPTION_REMOTE_URI),
        .remote_target = subscription_field(self, SUBSCRIPTION_TARGET),
        .route_set = subscription_field(self, SUBSCRIPTION_ROUTE_SET),
        .accept = subscription_field(self, SUBSCRIPTION_ACCEPT),
        .user_agent = subscription_field(self, SUBSCRIPTION_USER_AGENT),
        .event_params = subscription_field(self, SUBSCRIPTION_EVENT_PARAMS),
        .body_type = subscription_field(self, SUBSCRIPTION_BODY_TYPE),
        .body = subscription_field(self, SUBSCRIPTION_BODY),
        .instance = subscription_field(self, SUBSCRIPTION_INSTANCE),
        .eventlist = self->eventlist,
        .remote_cseq = self->remote_cseq,
        .cseq_mark = self->cseq_mark,
        .cseq_epoch = self->cseq_epoch,
        .owed = self->owed,
        .flow = path_to_row(node, &self->flow, text),
        .expires_s = self->expires_s,
    };

    row.flow.bound = self->bound;
    return row;
}

struct subscription_version *subscription_version_of_row(struct node *node,
                                                         const struct subscription_row *row)
{
    const struct span fields[SUBSCRIPTION_FIELDS] = {
        [SUBSCRIPTION_CALL_ID] = row->call_id,
        [SUBSCRIPTION_LOCAL_TAG] = row->local_tag,
        [SUBSCRIPTION_REMOTE_TAG] = row->remote_tag,
        [SUBSCRIPTION_LOCAL_URI] = row->local_uri,
        [SUBSCRIPTION_REMOTE_URI] = row->remote_uri,
        [SUBSCRIPTION_TARGET] = row->remote_target,
        [SUBSCRIPTION_ROUTE_SET] = row->route_set,
        [SUBSCRIPTION_EVENT_ID] = row->event_id,
        [SUBSCRIPTION_WATCHER] = row->watcher,
        [SUBSCRIPTION_ACCEPT] = row->accept,
        [SUBSCRIPTION_USER_AGENT] = row->user_agent,
        [SUBSCRIPTION_REASON] = row->reason,
        [SUBSCRIPTION_EVENT_PARAMS] = row->event_params,
        [SUBSCRIPTION_BODY_TYPE] = row->body_type,
        [SUBSCRIPTION_BODY] = row->body,
        [SUBSCRIPTION_INSTANCE] = row->instance,
    };
    struct subscription_version *version = version_new(fields);

    version->state = (uint8_t)loaded_state(row->state);
    version->owed = row->owed;
    version->eventlist = row->eventlist;
    version->remote_cseq = row->remote_cseq;
    version->cseq_mark = row->cseq_mark;
    version->cseq_epoch = row->cseq_epoch;
    version->expires_s = row->expires_s;
    version->deadline = node_deadline(node, row->remaining_us);
    /* Bound to a flow that is gone it still is, so that its NOTIFYs go nowhere else by datagrams.
     */
    version->bound = row->flow.bound;
    (void)path_from_row(node, &row->flow, &version->flow);
    return version;
}

/* ---- reading ---- */

struct subscription_view subscription_version_view(const struct subscription_version *self,
                                                   struct instant now)
{
    int64_t left_us = self->deadline.us - now.us;

    return (struct subscription_view){
        .ids = {.call_id = subscription_field(self, SUBSCRIPTION_CALL_ID),
                .local_uri = subscription_field(self, SUBSCRIPTION_LOCAL_URI),
                .local_tag = subscription_field(self, SUBSCRIPTION_LOCAL_TAG),
                .remote_uri = subscription_field(self, SUBSCRIPTION_REMOTE_URI),
                .remote_tag = subscription_field(self, SUBSCRIPTION_REMOTE_TAG),
                .remote_target = subscription_field(self, SUBSCRIPTION_TARGET),
                .route_set = subscription_field(self, SUBSCRIPTION_ROUTE_SET)},
        .event_id = subscription_field(self, SUBSCRIPTION_EVENT_ID),
        .watcher = subscription_field(self, SUBSCRIPTION_WATCHER),
        .accept = subscription_field(self, SUBSCRIPTION_ACCEPT),
        .user_agent = subscription_field(self, SUBSCRIPTION_USER_AGENT),
        .reason = subscription_field(self, SUBSCRIPTION_REASON),
        .event_params = subscription_field(self, SUBSCRIPTION_EVENT_PARAMS),
        .body_type = subscription_field(self, SUBSCRIPTION_BODY_TYPE),
        .body = subscription_field(self, SUBSCRIPTION_BODY),
        .state = (enum subscription_state)self->state,
        .remote_cseq = self->remote_cseq,
        .expires_s = self->expires_s,
        .left_s = left_us <= 0 ? 0 : (uint32_t)((left_us + US_PER_S - 1) / US_PER_S),
        .flow = self->flow,
        .bound = self->bound,
        .owed = self->owed,
        .eventlist = self->eventlist,
    };
}
