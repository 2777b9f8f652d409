/* dialect.c - devices that need their documents in another form. */
#include "storage/noun.h"

/* The bits are those of pidf/: of enum pidf_dialect, and of its like for dialogs. */
#define DIALECT_SELECT                                                                             \
    "select id, position, user_agent, event, (case event when 'dialog' then "                      \
    "single_dialog::integer + 2 * display::integer"                                                \
    " else plain::integer + 2 * one_tuple::integer + 4 * note_in_tuple::integer"                   \
    " + 8 * entity_pres::integer + 16 * contact::integer end)::int8 from presence.dialect"

const char dialect_scan[] = "copy (" DIALECT_SELECT ") to stdout (format binary)";
const char dialect_read[] = DIALECT_SELECT " where id = any ($1)";

bool dialect_decode(struct row *from, struct dialect_row *out)
{
    *out = (struct dialect_row){.id = row_int8(from)};
    out->position = row_int8(from);
    out->user_agent = row_octets(from);
    out->event = row_octets(from);
    out->bits = (uint32_t)row_int8(from);
    return row_is_good(from);
}
