/* companion.c - which field comes from where: all but To and the method are the INVITE's. */
#include "server/transaction/companion.h"

#include "server/sip/compose.h"

static void compose(const struct sip_message *invite, struct span method, struct span to,
                    struct buffer *out)
{
    sip_compose_request_line(out, method, invite->request_uri);
    sip_compose_header(out, SPAN("Via"), invite->via.text);
    sip_compose_header_number(out, SPAN("Max-Forwards"), 70);
    for (const struct sip_header *route = sip_header_first(invite, SIP_ROUTE); route != NULL;
         route = sip_header_next(invite, route))
        sip_compose_header(out, SPAN("Route"), route->value);
    sip_compose_header(out, SPAN("From"), sip_header_value(invite, SIP_FROM));
    sip_compose_header(out, SPAN("To"), to);
    sip_compose_header(out, SPAN("Call-ID"), invite->call_id);
    buffer_printf(out, "CSeq: %u " SPAN_FMT "\r\n", (unsigned)invite->cseq.number,
                  SPAN_ARG(method));
    sip_compose_body(out, (struct span){0}, (struct span){0});
}

void ack_compose(const struct sip_message *invite, const struct sip_message *response,
                 struct buffer *out)
{
    compose(invite, SPAN("ACK"), sip_header_value(response, SIP_TO), out); /* with its tag */
}

void cancel_compose(const struct sip_message *invite, struct buffer *out)
{
    compose(invite, SPAN("CANCEL"), sip_header_value(invite, SIP_TO), out);
}
