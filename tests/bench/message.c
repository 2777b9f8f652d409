/* message.c - composing. */
#include "tests/bench/message.h"

#include <arpa/inet.h>
#include <stdio.h>

static void put_address(struct text *out, const struct wire *wire, uint32_t port)
{
    char host[INET_ADDRSTRLEN];

    must(inet_ntop(AF_INET, &wire->local.sin_addr, host, sizeof(host)) != NULL);
    text_put(out, span_of(host));
    TEXT(out, ":");
    text_number(out, wire_local_port(wire, port));
}

static void put_party(struct text *out, struct span name, struct span uri, struct span tag)
{
    text_put(out, name);
    TEXT(out, ": <");
    text_put(out, uri);
    TEXT(out, ">");
    if (!span_empty(tag)) {
        TEXT(out, ";tag=");
        text_put(out, tag);
    }
    TEXT(out, "\r\n");
}

static void put_via(struct text *out, const struct wire *wire, const struct exchange *exchange)
{
    char branch[32];

    exchange_branch(exchange, branch, sizeof(branch));
    TEXT(out, "Via: SIP/2.0/UDP ");
    put_address(out, wire, exchange->port);
    TEXT(out, ";rport;branch=");
    text_put(out, span_of(branch));
    TEXT(out, "\r\n");
}

static void put_contact(struct text *out, const struct wire *wire, const struct exchange *exchange,
                        const struct request *request)
{
    TEXT(out, "Contact: ");
    if (span_empty(request->contact)) {
        TEXT(out, "<sip:bench@");
        put_address(out, wire, exchange->port);
        TEXT(out, ">");
    } else {
        text_put(out, request->contact);
    }
    TEXT(out, "\r\n");
}

void message_request(const struct wire *wire, struct exchange *exchange,
                     const struct request *request)
{
    struct text out = {exchange->bytes, 0, sizeof(exchange->bytes)};

    text_put(&out, request->method);
    TEXT(&out, " ");
    text_put(&out, request->uri);
    TEXT(&out, " SIP/2.0\r\n");
    put_via(&out, wire, exchange);
    TEXT(&out, "Max-Forwards: 70\r\n");
    put_party(&out, SPAN("From"), request->from_uri, request->from_tag);
    put_party(&out, SPAN("To"), request->to_uri, request->to_tag);
    TEXT(&out, "Call-ID: ");
    text_put(&out, request->call_id);
    TEXT(&out, "\r\nCSeq: ");
    text_number(&out, request->cseq);
    TEXT(&out, " ");
    text_put(&out, request->method);
    TEXT(&out, "\r\n");
    if (!request->no_contact)
        put_contact(&out, wire, exchange, request);
    text_put(&out, request->headers);
    if (!span_empty(request->content_type)) {
        TEXT(&out, "Content-Type: ");
        text_put(&out, request->content_type);
        TEXT(&out, "\r\n");
    }
    TEXT(&out, "Content-Length: ");
    text_number(&out, request->body.len);
    TEXT(&out, "\r\n\r\n");
    text_put(&out, request->body);
    exchange->len = out.len;
    exchange->cseq = request->cseq;
    exchange->invite = span_equal(request->method, SPAN("INVITE"));
}

/* One header line, changed where a repeat must differ. */
static void put_line_again(struct text *out, struct span line, const struct exchange *to,
                           struct span authorization)
{
    char branch[32];

    if (span_begins(line, SPAN("Via: "))) {
        struct span rest = scan_behind(line, SPAN(";branch="));

        exchange_branch(to, branch, sizeof(branch));
        text_put(out, span_between(line.at, rest.at));
        text_put(out, span_of(branch));
        TEXT(out, "\r\n");
    } else if (span_begins(line, SPAN("CSeq: "))) {
        const char *space = span_find(span_skip(line, 6), ' ');

        TEXT(out, "CSeq: ");
        text_number(out, to->cseq);
        text_put(out, span_between(space, line.at + line.len));
    } else if (span_begins(line, SPAN("Content-Length: "))) {
        text_put(out, authorization);
        text_put(out, line);
    } else if (!span_begins(line, SPAN("Authorization: ")) &&
               !span_begins(line, SPAN("Proxy-Authorization: "))) {
        text_put(out, line);
    }
}

void message_again(const struct exchange *from, struct exchange *to, struct span authorization)
{
    struct text out = {to->bytes, 0, sizeof(to->bytes)};
    struct span rest = {from->bytes, from->len};
    struct span line;

    to->cseq = from->cseq + 1;
    to->on_final = from->on_final;
    to->context = from->context;
    to->subject = from->subject;
    to->detail = from->detail;
    to->began_us = from->began_us;
    to->attempts = from->attempts + 1;
    do {
        const char *newline = span_find(rest, '\n');

        must(newline != NULL);
        line = span_between(rest.at, newline + 1);
        rest = span_between(newline + 1, from->bytes + from->len);
        put_line_again(&out, line, to, authorization);
    } while (line.len > 2);
    text_put(&out, rest);
    to->len = out.len;
}

/* RFC 3581 section 4: who asked with an empty rport is told where the request came from. */
static void put_vias(struct text *out, const struct wire *wire, struct span vias)
{
    struct span behind = scan_behind(vias, SPAN(";rport"));
    const char *newline = span_find(vias, '\n');
    char host[INET_ADDRSTRLEN];

    if (behind.at == NULL || newline == NULL || behind.at > newline || *behind.at == '=') {
        text_put(out, vias);
        return;
    }
    text_put(out, span_between(vias.at, behind.at));
    TEXT(out, "=");
    text_number(out, ntohs(wire->server.sin_port));
    TEXT(out, ";received=");
    must(inet_ntop(AF_INET, &wire->server.sin_addr, host, sizeof(host)) != NULL);
    text_put(out, span_of(host));
    text_put(out, behind);
}

static void put_optional(struct text *out, struct span name, struct span value)
{
    if (span_empty(value))
        return;
    text_put(out, name);
    text_put(out, value);
    TEXT(out, "\r\n");
}

void message_compose_answer(struct text *out, const struct wire *wire, const struct scan *request,
                            const struct answer *answer)
{
    text_put(out, answer->status_line);
    TEXT(out, "\r\n");
    put_vias(out, wire, request->vias);
    if (!span_empty(answer->contact))
        text_put(out, request->record_routes); /* RFC 3261 section 12.1.1 */
    put_optional(out, SPAN("From: "), request->from);
    TEXT(out, "To: ");
    text_put(out, request->to);
    if (!span_empty(answer->to_tag) && span_empty(scan_parameter(request->to, SPAN("tag")))) {
        TEXT(out, ";tag=");
        text_put(out, answer->to_tag);
    }
    TEXT(out, "\r\n");
    put_optional(out, SPAN("Call-ID: "), request->call_id);
    put_optional(out, SPAN("CSeq: "), request->cseq_line);
    put_optional(out, SPAN("Contact: "), answer->contact);
    put_optional(out, SPAN("Content-Type: "), answer->content_type);
    TEXT(out, "Content-Length: ");
    text_number(out, answer->body.len);
    TEXT(out, "\r\n\r\n");
    text_put(out, answer->body);
}

void message_answer(struct wire *wire, uint32_t port, const struct scan *request,
                    struct span status_line)
{
    char bytes[WIRE_SEND_BYTES];
    struct text out = {bytes, 0, sizeof(bytes)};

    message_compose_answer(&out, wire, request, &(struct answer){.status_line = status_line});
    wire_send(wire, port, text_span(&out));
}

void message_ack_refusal(struct wire *wire, const struct exchange *exchange,
                         const struct scan *refusal)
{
    char bytes[WIRE_SEND_BYTES];
    struct text out = {bytes, 0, sizeof(bytes)};
    struct span invite = {exchange->bytes, exchange->len};
    struct scan request;

    if (!scan_message(invite, &request))
        return;
    TEXT(&out, "ACK ");
    text_put(&out, request.uri);
    TEXT(&out, " SIP/2.0\r\n");
    text_put(&out, request.vias);
    TEXT(&out, "Max-Forwards: 70\r\n");
    put_optional(&out, SPAN("From: "), request.from);
    put_optional(&out, SPAN("To: "), refusal->to);
    put_optional(&out, SPAN("Call-ID: "), request.call_id);
    TEXT(&out, "CSeq: ");
    text_number(&out, request.cseq);
    TEXT(&out, " ACK\r\nContent-Length: 0\r\n\r\n");
    wire_send(wire, exchange->port, text_span(&out));
}

void message_document(struct text *out, struct span aor, uint32_t presentity, uint32_t device,
                      uint32_t serial, size_t bytes)
{
    static const char filler[] = "so that the document has the size of those that phones send. ";
    size_t head;
    int len = snprintf(
        out->at + out->len, out->size - out->len,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""
        " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
        " xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"" SPAN_FMT "\">\r\n"
        "<tuple id=\"t%u-%u\"><status><basic>%s</basic></status>"
        "<contact priority=\"0.8\">" SPAN_FMT "</contact>"
        "<note>m:%u:%u:%u;</note></tuple>\r\n"
        "<dm:person id=\"p%u-%u\"><rpid:activities><rpid:%s/></rpid:activities>"
        "<rpid:mood><rpid:happy/></rpid:mood><rpid:place-is><rpid:audio><rpid:noisy/></rpid:audio>"
        "</rpid:place-is><dm:note>",
        SPAN_ARG(aor), presentity, device, serial % 2 == 0 ? "open" : "closed", SPAN_ARG(aor),
        presentity, device, serial, presentity, device, serial % 2 == 0 ? "busy" : "away");
    const struct span tail = SPAN("</dm:note></dm:person>\r\n</presence>\r\n");

    must(len > 0 && out->len + (size_t)len < out->size);
    head = out->len;
    out->len += (size_t)len;
    while (out->len - head + tail.len < bytes) {
        size_t room = bytes - (out->len - head) - tail.len;

        text_put(out, (struct span){filler, room < sizeof(filler) - 1 ? room : sizeof(filler) - 1});
    }
    text_put(out, tail);
}
