/* refuse.c - an answer without any state, for what should not cost us any. */
#include "server/transport/transport.h"

#include "server/base/crypto.h"

enum { RESPONSE_MAX_BYTES = 32 * 1024, TAG_BYTES = 16 };

/*
 * RFC 3261 section 8.2.7: the tag must be the same for the same request. It need not be hard to
 * guess, since there will be no dialog of it; so a fixed key will do.
 */
static struct span tag_of(const struct sip_message *request, char out[TAG_BYTES])
{
    static const uint64_t key[2] = {0x7465732073656972, 0x65646f6d736e6172};
    uint64_t hash = hash64(key, request->via.text) ^ hash64(key, request->call_id);

    for (size_t i = TAG_BYTES; i-- > 0; hash >>= 4)
        out[i] = "0123456789abcdef"[hash & 15];
    return (struct span){out, TAG_BYTES};
}

void transport_refuse(struct transport *self, const struct sip_message *request,
                      const struct flow *arrived_on, int status, struct span phrase,
                      struct span more)
{
    char octets[RESPONSE_MAX_BYTES];
    char text[ENDPOINT_TEXT_MAX];
    char tag[TAG_BYTES];
    struct sip_source source = transport_source(arrived_on, text);
    struct buffer response;
    struct flow to;

    if (request->method == SIP_ACK)
        return; /* nobody would understand it */
    buffer_init_fixed(&response, octets, sizeof(octets));
    sip_compose_response_head(&response, request, status, phrase, tag_of(request, tag), &source,
                              false);
    buffer_put(&response, more);
    sip_compose_body(&response, (struct span){0}, (struct span){0});
    if (response.overflowed)
        return; /* longer than any header block that we take */
    transport_response_flow(self, arrived_on, &request->via, &to);
    if (transport_send(self, &to, buffer_span(&response), NULL) != STATUS_OK)
        return; /* counted there; the client will ask again */
}
