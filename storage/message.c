/* message.c - RFC 3428 section 8: the rows of messages that wait for their devices. */
#include "storage/noun.h"

/* Rising ids are the order of delivery: the queues are filled from their front. */
const char message_scan[] =
    "copy (select id, aor, sender, call_id, from_tag, cseq, content_type, headers, body,"
    " (extract(epoch from now() - kept_at) * 1000000)::int8, expires_at, now()"
    " from presence_state.message order by id) to stdout (format binary)";

void message_encode(struct sheet *sheet, enum storage_change change, const struct message_row *row)
{
    const uint16_t bucket = storage_bucket_of(row->aor);

    sheet_begin(sheet, bucket, row->id);
    sheet_int2(sheet, (int16_t)bucket);
    sheet_int8(sheet, row->id);
    if (change == STORAGE_INSERT) {
        sheet_octets(sheet, row->aor);
        sheet_octets(sheet, row->sender);
        sheet_octets(sheet, row->call_id);
        sheet_octets(sheet, row->from_tag);
        sheet_int8(sheet, row->cseq);
        sheet_octets(sheet, row->content_type);
        sheet_octets(sheet, row->headers);
        sheet_octets(sheet, row->body);
        sheet_int8(sheet, row->expires_s);
    }
    sheet_end(sheet);
}

bool message_decode(struct row *from, struct message_row *out)
{
    *out = (struct message_row){.id = row_int8(from)};
    out->aor = row_octets(from);
    out->sender = row_octets(from);
    out->call_id = row_octets(from);
    out->from_tag = row_octets(from);
    out->cseq = (uint32_t)row_int8(from);
    out->content_type = row_octets(from);
    out->headers = row_octets(from);
    out->body = row_octets(from);
    out->kept_us = row_int8(from);
    out->remaining_us = row_remaining_us(from);
    return row_is_good(from);
}
