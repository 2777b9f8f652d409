/* ack.c - which field of an ACK comes from where. */
#include "server/transaction/ack.h"

#include "server/sip/compose.h"

void ack_compose(const struct sip_message *invite, const struct sip_message *response,
                 struct buffer *out)
{
    sip_compose_request_line(out, SPAN("ACK"), invite->request_uri);
    sip_compose_header(out, SPAN("Via"), invite->via.text);
    sip_compose_header_number(out, SPAN("Max-Forwards"), 70);
    for (const struct sip_header *route = sip_header_first(invite, SIP_ROUTE); route != NULL;
         route = sip_header_next(invite, route))
        sip_compose_header(out, SPAN("Route"), route->value);
    sip_compose_header(out, SPAN("From"), sip_header_value(invite, SIP_FROM));
    sip_compose_header(out, SPAN("To"), sip_header_value(response, SIP_TO)); /* with its tag */
    sip_compose_header(out, SPAN("Call-ID"), invite->call_id);
    buffer_printf(out, "CSeq: %u ACK\r\n", (unsigned)invite->cseq.number);
    sip_compose_body(out, (struct span){0}, (struct span){0});
}
