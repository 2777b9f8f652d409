/* list.c - RFC 4662: lists, each read with all of its members. */
#include "storage/noun.h"

#include "server/base/must.h"

#include <stdlib.h>

/* The members come as one string of octets: their URI and their name, each behind its length. */
#define PACKED(column) "int4send(octet_length(m." column ")) || convert_to(m." column ", 'UTF8')"
#define LIST_SELECT                                                                                \
    "select l.id, l.aor, coalesce(l.owner, ''), l.name,"                                           \
    " (select count(*) from presence.list_member m where m.list_id = l.id),"                       \
    " coalesce((select string_agg(" PACKED("uri") " || " PACKED(                                   \
        "name") ", '' order by m.position, m.id)"                                                  \
                " from presence.list_member m where m.list_id = l.id), '')"                        \
                " from presence.list l where l.enabled"

const char list_scan[] = "copy (" LIST_SELECT ") to stdout (format binary)";
const char list_read[] = LIST_SELECT " and l.id = any ($1)";

enum { LENGTH_BYTES = 4 };

static bool take(struct span *packed, struct span *out)
{
    size_t len = 0;

    if (packed->len < LENGTH_BYTES)
        return false;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        len = len << 8 | (unsigned char)packed->at[i];
    *packed = span_skip(*packed, LENGTH_BYTES);
    if (packed->len < len)
        return false;
    *out = (struct span){packed->at, len};
    *packed = span_skip(*packed, len);
    return true;
}

static bool decode_members(struct span packed, struct list_member_row *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!take(&packed, &members[i].uri) || !take(&packed, &members[i].name))
            return false;
    return span_empty(packed);
}

bool list_decode(struct row *from, struct list_row *out, struct list_member_row **members)
{
    struct span packed;
    int64_t count;

    *members = NULL;
    *out = (struct list_row){.id = row_int8(from)};
    out->aor = row_octets(from);
    out->owner = row_octets(from);
    out->name = row_octets(from);
    count = row_int8(from);
    packed = row_octets(from);
    if (!row_is_good(from) || count < 0 || (size_t)count > packed.len / LENGTH_BYTES)
        return false;
    if (count > 0) {
        *members = calloc((size_t)count, sizeof(**members));
        must(*members != NULL);
    }
    out->members = *members;
    out->member_count = (size_t)count;
    return decode_members(packed, *members, out->member_count);
}
