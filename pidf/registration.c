/* registration.c - bindings as a presence document, for domains where who is registered is there.
 */
#include "pidf/pidf.h"
#include "pidf/xml/escape.h"

#include "server/base/crypto.h"

/* Not a secret: the id of a contact must be the same in every process. */
static const uint64_t made_key[2] = {0, 0};

enum { PRIORITY_ONE = 1000, PIECE_BYTES = 256 };

/* "<urn:uuid:...>", which a parser may have left in its quotes. */
static struct span bare(struct span instance)
{
    while (instance.len > 0 && (*instance.at == '"' || *instance.at == '<'))
        instance = span_skip(instance, 1);
    while (instance.len > 0 &&
           (instance.at[instance.len - 1] == '"' || instance.at[instance.len - 1] == '>'))
        instance.len--;
    return instance;
}

static void put_uri(struct buffer *out, struct span uri)
{
    while (!span_empty(uri)) {
        char memory[3 * PIECE_BYTES];
        struct span piece = {uri.at, uri.len < PIECE_BYTES ? uri.len : PIECE_BYTES};
        struct buffer escaped;

        buffer_init_fixed(&escaped, memory, sizeof(memory));
        escape_put_uri(&escaped, piece);
        escape_put_value(out, buffer_span(&escaped));
        uri = span_skip(uri, piece.len);
    }
}

static void put_tuple(struct buffer *out, const struct pidf_contact *contact)
{
    struct span instance = bare(contact->instance);
    uint64_t id = hash64(made_key, span_empty(instance) ? contact->uri : instance);

    buffer_put(out, SPAN("<tuple id=\"r"));
    buffer_put_hex64(out, id);
    buffer_put(out, SPAN("\"><status><basic>open</basic></status>"));
    if (!span_empty(instance)) {
        buffer_put(out, SPAN("<dm:deviceID>"));
        put_uri(out, instance);
        buffer_put(out, SPAN("</dm:deviceID>"));
    }
    buffer_put(out, SPAN("<contact"));
    if (contact->q_thousandths >= 0 && contact->q_thousandths <= PRIORITY_ONE)
        buffer_printf(out, " priority=\"%d.%03d\"", contact->q_thousandths / PRIORITY_ONE,
                      contact->q_thousandths % PRIORITY_ONE);
    buffer_put_char(out, '>');
    put_uri(out, contact->uri);
    buffer_put(out, SPAN("</contact></tuple>"));
}

enum status pidf_registration(struct span entity, const struct pidf_contact contacts[],
                              size_t count, struct buffer *out)
{
    size_t start = out->len;

    if (count == 0)
        return STATUS_OK;
    buffer_put(out, SPAN("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""
                         " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" entity=\""));
    put_uri(out, entity);
    buffer_put(out, SPAN("\">"));
    for (size_t i = 0; i < count; i++)
        put_tuple(out, &contacts[i]);
    buffer_put(out, SPAN("</presence>\n"));
    if (!out->overflowed)
        return STATUS_OK;
    buffer_cut(out, start);
    return STATUS_LIMIT;
}
