/* flow.c - the columns of a flow, in binding and subscription alike. */
#include "storage/noun.h"

void flow_encode(struct sheet *sheet, const struct flow_row *flow)
{
    sheet_int8(sheet, flow->node);
    sheet_int8(sheet, (int64_t)flow->incarnation);
    sheet_octets(sheet, flow->transport);
    sheet_octets(sheet, flow->local_address);
    sheet_octets(sheet, flow->remote_address);
    sheet_int8(sheet, (int64_t)flow->connection);
    sheet_bool(sheet, flow->bound);
}

void flow_decode(struct row *from, struct flow_row *out)
{
    out->node = (uint32_t)row_int8(from);
    out->incarnation = (uint64_t)row_int8(from);
    out->transport = row_octets(from);
    out->local_address = row_octets(from);
    out->remote_address = row_octets(from);
    out->connection = (uint64_t)row_int8(from);
    out->bound = row_bool(from);
}
