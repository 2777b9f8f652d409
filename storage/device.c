/* device.c - who is known at an AOR, and how far messages have been delivered to it. */
#include "storage/noun.h"

const char device_scan[] =
    "copy (select id, aor, device_key, delivered_through,"
    " (extract(epoch from now() - last_seen_at) * 1000000)::int8 from presence_state.device)"
    " to stdout (format binary)";

void device_encode(struct sheet *sheet, enum storage_change change, const struct device_row *row)
{
    const uint16_t bucket = storage_bucket_of(row->aor);

    sheet_begin(sheet, bucket, row->id);
    sheet_int2(sheet, (int16_t)bucket);
    sheet_int8(sheet, row->id);
    switch (change) {
    case STORAGE_INSERT:
        sheet_octets(sheet, row->aor);
        sheet_octets(sheet, row->device_key);
        sheet_octets(sheet, row->user_agent);
        sheet_int8(sheet, row->delivered_through);
        break;
    case STORAGE_UPDATE:
        sheet_octets(sheet, row->user_agent);
        sheet_int8(sheet, row->delivered_through);
        break;
    case STORAGE_REFRESH:
    case STORAGE_REPEAT:
        sheet_int8(sheet, row->delivered_through);
        break;
    case STORAGE_DELETE:
        break;
    }
    sheet_end(sheet);
}

bool device_decode(struct row *from, struct device_row *out)
{
    *out = (struct device_row){.id = row_int8(from)};
    out->aor = row_octets(from);
    out->device_key = row_octets(from);
    out->delivered_through = row_int8(from);
    out->unseen_us = row_int8(from);
    return row_is_good(from);
}
