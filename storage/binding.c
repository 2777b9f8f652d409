/* binding.c - RFC 3261 section 10: the rows of Contacts. */
#include "storage/noun.h"

const char binding_scan[] =
    "copy (select id, aor, contact_key, contact, parameters, path, instance, reg_id, q_thousandths,"
    " call_id, from_tag, cseq, user_agent, flow_node, flow_incarnation, flow_transport, flow_local,"
    " flow_remote, flow_connection, flow_bound, expires_at, now() from presence_state.binding)"
    " to stdout (format binary)";

static void encode_all(struct sheet *sheet, enum storage_change change,
                       const struct binding_row *row)
{
    if (change == STORAGE_INSERT) {
        sheet_octets(sheet, row->aor);
        sheet_octets(sheet, row->contact_key);
    }
    sheet_octets(sheet, row->contact);
    sheet_octets(sheet, row->parameters);
    sheet_octets(sheet, row->path);
    sheet_octets(sheet, row->instance);
    sheet_int8(sheet, row->reg_id);
    sheet_int2(sheet, (int16_t)row->q_thousandths);
    sheet_octets(sheet, row->call_id);
    sheet_octets(sheet, row->from_tag);
    sheet_int8(sheet, row->cseq);
    sheet_octets(sheet, row->user_agent);
    flow_encode(sheet, &row->flow);
    sheet_int8(sheet, row->expires_s);
}

static void encode_refresh(struct sheet *sheet, const struct binding_row *row)
{
    sheet_int2(sheet, (int16_t)row->q_thousandths);
    sheet_octets(sheet, row->call_id);
    sheet_int8(sheet, row->cseq);
    flow_encode(sheet, &row->flow);
    sheet_int8(sheet, row->expires_s);
}

void binding_encode(struct sheet *sheet, enum storage_change change, const struct binding_row *row)
{
    const uint16_t bucket = storage_bucket_of(row->aor);

    sheet_begin(sheet, bucket, row->id);
    sheet_int2(sheet, (int16_t)bucket);
    sheet_int8(sheet, row->id);
    switch (change) {
    case STORAGE_INSERT:
    case STORAGE_UPDATE:
        encode_all(sheet, change, row);
        break;
    case STORAGE_REFRESH:
        encode_refresh(sheet, row);
        break;
    case STORAGE_REPEAT:
        sheet_int8(sheet, row->cseq);
        sheet_int8(sheet, row->expires_s);
        break;
    case STORAGE_DELETE:
        break;
    }
    sheet_end(sheet);
}

bool binding_decode(struct row *from, struct binding_row *out)
{
    *out = (struct binding_row){.id = row_int8(from)};
    out->aor = row_octets(from);
    out->contact_key = row_octets(from);
    out->contact = row_octets(from);
    out->parameters = row_octets(from);
    out->path = row_octets(from);
    out->instance = row_octets(from);
    out->reg_id = (uint32_t)row_int8(from);
    out->q_thousandths = row_int2(from);
    out->call_id = row_octets(from);
    out->from_tag = row_octets(from);
    out->cseq = (uint32_t)row_int8(from);
    out->user_agent = row_octets(from);
    flow_decode(from, &out->flow);
    out->remaining_us = row_remaining_us(from);
    return row_is_good(from);
}
