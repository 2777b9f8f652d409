/* publication.c - RFC 3903: the rows of published state. */
#include "storage/noun.h"

const char publication_scan[] =
    "copy (select id, aor, event, entity_tag, previous_tag, sequence, content_type, document, "
    "call_id,"
    " from_tag, cseq, hard_state, expires_at, now() from presence_state.publication)"
    " to stdout (format binary)";

/* Below zero: never, which is infinity in the table. */
static void encode_expires(struct sheet *sheet, const struct publication_row *row)
{
    sheet_int8(sheet, row->hard_state && row->expires_s == 0 ? -1 : (int64_t)row->expires_s);
}

static void encode_all(struct sheet *sheet, enum storage_change change,
                       const struct publication_row *row)
{
    if (change == STORAGE_INSERT) {
        sheet_octets(sheet, row->aor);
        sheet_octets(sheet, row->event);
    }
    sheet_octets(sheet, row->entity_tag);
    sheet_octets(sheet, row->previous_tag);
    sheet_int8(sheet, row->sequence);
    sheet_octets(sheet, row->content_type);
    sheet_octets(sheet, row->document);
    sheet_octets(sheet, row->call_id);
    sheet_octets(sheet, row->from_tag);
    sheet_int8(sheet, row->cseq);
    sheet_bool(sheet, row->hard_state);
    encode_expires(sheet, row);
}

static void encode_refresh(struct sheet *sheet, const struct publication_row *row)
{
    sheet_octets(sheet, row->entity_tag);
    sheet_octets(sheet, row->previous_tag);
    sheet_octets(sheet, row->call_id);
    sheet_octets(sheet, row->from_tag);
    sheet_int8(sheet, row->cseq);
    encode_expires(sheet, row);
}

void publication_encode(struct sheet *sheet, enum storage_change change,
                        const struct publication_row *row)
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
    case STORAGE_REPEAT:
        encode_refresh(sheet, row);
        break;
    case STORAGE_DELETE:
        break;
    }
    sheet_end(sheet);
}

bool publication_decode(struct row *from, struct publication_row *out)
{
    *out = (struct publication_row){.id = row_int8(from)};
    out->aor = row_octets(from);
    out->event = row_octets(from);
    out->entity_tag = row_octets(from);
    out->previous_tag = row_octets(from);
    out->sequence = row_int8(from);
    out->content_type = row_octets(from);
    out->document = row_octets(from);
    out->call_id = row_octets(from);
    out->from_tag = row_octets(from);
    out->cseq = (uint32_t)row_int8(from);
    out->hard_state = row_bool(from);
    out->remaining_us = row_remaining_us(from);
    return row_is_good(from);
}
