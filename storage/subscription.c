/* subscription.c - RFC 6665: the rows of watchers' dialogs. */
#include "storage/noun.h"

const char subscription_scan[] =
    "copy (select id, aor, event, event_id, watcher, call_id, local_tag, remote_tag, local_uri,"
    " remote_uri, route_set, accept, user_agent, event_params, body_type, body, eventlist, "
    "instance, state,"
    " reason, remote_target, remote_cseq, cseq_mark, cseq_epoch, owed, written_batch, flow_node, "
    "flow_incarnation, flow_transport,"
    " flow_local, flow_remote, flow_connection, flow_bound, expires_at, now() from "
    "presence_state.subscription)"
    " to stdout (format binary)";

static void encode_identity(struct sheet *sheet, const struct subscription_row *row)
{
    sheet_octets(sheet, row->aor);
    sheet_octets(sheet, row->event);
    sheet_octets(sheet, row->event_id);
    sheet_octets(sheet, row->watcher);
    sheet_octets(sheet, row->call_id);
    sheet_octets(sheet, row->local_tag);
    sheet_octets(sheet, row->remote_tag);
}

static void encode_peer(struct sheet *sheet, const struct subscription_row *row)
{
    sheet_octets(sheet, row->local_uri);
    sheet_octets(sheet, row->remote_uri);
    sheet_octets(sheet, row->route_set);
    sheet_octets(sheet, row->accept);
    sheet_octets(sheet, row->user_agent);
    sheet_octets(sheet, row->event_params);
    sheet_octets(sheet, row->body_type);
    sheet_octets(sheet, row->body);
    sheet_bool(sheet, row->eventlist);
    sheet_octets(sheet, row->instance);
}

static void encode_refresh(struct sheet *sheet, const struct subscription_row *row)
{
    sheet_int2(sheet, (int16_t)row->state);
    sheet_octets(sheet, row->reason);
    sheet_octets(sheet, row->remote_target);
    sheet_int8(sheet, row->remote_cseq);
    sheet_int8(sheet, row->cseq_mark);
    sheet_int8(sheet, (int64_t)row->cseq_epoch);
    sheet_bool(sheet, row->owed);
    flow_encode(sheet, &row->flow);
    sheet_int8(sheet, row->expires_s);
}

void subscription_encode(struct sheet *sheet, enum storage_change change,
                         const struct subscription_row *row)
{
    const uint16_t bucket = storage_bucket_of(row->aor);

    sheet_begin(sheet, bucket, row->id);
    sheet_int2(sheet, (int16_t)bucket);
    sheet_int8(sheet, row->id);
    if (change == STORAGE_INSERT)
        encode_identity(sheet, row);
    if (change == STORAGE_INSERT || change == STORAGE_UPDATE)
        encode_peer(sheet, row);
    if (change != STORAGE_DELETE)
        encode_refresh(sheet, row);
    sheet_end(sheet);
}

bool subscription_decode(struct row *from, uint64_t notified_batch, struct subscription_row *out)
{
    int16_t state;
    bool owed;

    *out = (struct subscription_row){.id = row_int8(from)};
    out->aor = row_octets(from);
    out->event = row_octets(from);
    out->event_id = row_octets(from);
    out->watcher = row_octets(from);
    out->call_id = row_octets(from);
    out->local_tag = row_octets(from);
    out->remote_tag = row_octets(from);
    out->local_uri = row_octets(from);
    out->remote_uri = row_octets(from);
    out->route_set = row_octets(from);
    out->accept = row_octets(from);
    out->user_agent = row_octets(from);
    out->event_params = row_octets(from);
    out->body_type = row_octets(from);
    out->body = row_octets(from);
    out->eventlist = row_bool(from);
    out->instance = row_octets(from);
    state = row_int2(from);
    out->reason = row_octets(from);
    out->remote_target = row_octets(from);
    out->remote_cseq = (uint32_t)row_int8(from);
    out->cseq_mark = (uint32_t)row_int8(from);
    out->cseq_epoch = (uint64_t)row_int8(from);
    owed = row_bool(from);
    out->owed = (uint64_t)row_int8(from) > notified_batch || owed;
    flow_decode(from, &out->flow);
    out->remaining_us = row_remaining_us(from);
    if (state < SUBSCRIPTION_ROW_PENDING || state > SUBSCRIPTION_ROW_WAITING)
        return false;
    out->state = (enum subscription_row_state)state;
    return row_is_good(from);
}
