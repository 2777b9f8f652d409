#include "server/sip/compose.h"

#include "server/sip/reason.h"
#include "server/sip/scan.h"

#include <time.h>

static void put_crlf(struct buffer *buffer)
{
    buffer_put(buffer, SPAN("\r\n"));
}

void sip_compose_header(struct buffer *buffer, struct span name, struct span value)
{
    buffer_put(buffer, name);
    buffer_put(buffer, SPAN(": "));
    buffer_put(buffer, value);
    put_crlf(buffer);
}

void sip_compose_header_number(struct buffer *buffer, struct span name, uint64_t value)
{
    buffer_put(buffer, name);
    buffer_put(buffer, SPAN(": "));
    buffer_put_u64(buffer, value);
    put_crlf(buffer);
}

void sip_compose_request_line(struct buffer *buffer, struct span method, struct span uri)
{
    buffer_put(buffer, method);
    buffer_put_char(buffer, ' ');
    buffer_put(buffer, uri);
    buffer_put(buffer, SPAN(" SIP/2.0\r\n"));
}

void sip_compose_date(struct buffer *buffer, int64_t unix_s)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t seconds = (time_t)unix_s;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL)
        return;
    buffer_printf(buffer, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                  tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                  tm.tm_sec);
}

void sip_compose_quoted(struct buffer *buffer, struct span text)
{
    buffer_put_char(buffer, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char octet = (unsigned char)text.at[i];

        if ((octet < 0x20 && octet != '\t') || octet == 0x7F)
            continue;
        if (octet == '"' || octet == '\\')
            buffer_put_char(buffer, '\\');
        buffer_put_char(buffer, (char)octet);
    }
    buffer_put_char(buffer, '"');
}

void sip_compose_body(struct buffer *buffer, struct span type, struct span body)
{
    if (!span_empty(type))
        sip_compose_header(buffer, SPAN("Content-Type"), type);
    sip_compose_header_number(buffer, SPAN("Content-Length"), body.len);
    put_crlf(buffer);
    buffer_put(buffer, body);
}

/* A value as it was received. Line ends that do not fold, which only a malformed message has,
   become spaces: whoever reads our answer shall see no line there that we did not write. */
static void put_received(struct buffer *buffer, struct span value)
{
    const char *at = value.at, *end = span_end(value), *from = at;

    for (; at < end; at++) {
        if (*at != '\r' && *at != '\n')
            continue;
        if (*at == '\r' && end - at >= 3 && at[1] == '\n' && (at[2] == ' ' || at[2] == '\t')) {
            at += 2;
            continue;
        }
        buffer_put(buffer, span_between(from, at));
        buffer_put_char(buffer, ' ');
        from = at + 1;
    }
    buffer_put(buffer, span_between(from, end));
}

static void put_received_header(struct buffer *buffer, struct span name, struct span value)
{
    buffer_put(buffer, name);
    buffer_put(buffer, SPAN(": "));
    put_received(buffer, value);
    put_crlf(buffer);
}

/* RFC 3261 section 18.2.1: sent-by is another host; RFC 3581 section 4: rport wants it always. */
static bool needs_received(const struct sip_via *via, const struct sip_source *source)
{
    return via->has_rport || !span_equal_nocase(via->host, source->address);
}

/* The top Via with our own received and rport, instead of what the client may have put there. */
static void put_stamped_via(struct buffer *buffer, const struct sip_via *via,
                            const struct sip_source *source)
{
    struct span rest = via->params;
    struct sip_parameter parameter;

    buffer_put(buffer, span_between(via->text.at, via->params.at));
    while (sip_parameter_next(&rest, &parameter)) {
        if (text_is(parameter.name, SPAN("received")) || text_is(parameter.name, SPAN("rport")))
            continue;
        buffer_put_char(buffer, ';');
        buffer_put(buffer, parameter.name);
        if (parameter.has_value) {
            buffer_put_char(buffer, '=');
            buffer_put(buffer, parameter.value);
        }
    }
    if (needs_received(via, source)) {
        buffer_put(buffer, SPAN(";received="));
        buffer_put(buffer, source->address);
    }
    if (via->has_rport) {
        buffer_put(buffer, SPAN(";rport="));
        buffer_put_u64(buffer, source->port);
    }
}

/* A Via that was malformed goes back as it came: there is no telling where a stamp would go. */
void sip_compose_vias(struct buffer *buffer, const struct sip_message *request,
                      const struct sip_source *source)
{
    const struct sip_header *header = sip_header_first(request, SIP_VIA);
    struct span list, top;

    if (header == NULL)
        return;
    list = header->value;
    if (source != NULL && request->via.params.at != NULL &&
        sip_parameters_valid(request->via.params) && sip_value_next(&list, &top)) {
        buffer_put(buffer, SPAN("Via: "));
        put_stamped_via(buffer, &request->via, source);
        if (list.at != NULL) {
            buffer_put(buffer, SPAN(", "));
            put_received(buffer, sip_trim(list));
        }
        put_crlf(buffer);
        header = sip_header_next(request, header);
    }
    for (; header != NULL; header = sip_header_next(request, header))
        put_received_header(buffer, SPAN("Via"), header->value);
}

static void put_first(struct buffer *buffer, const struct sip_message *request,
                      enum sip_header_id id, struct span name)
{
    const struct sip_header *header = sip_header_first(request, id);

    if (header != NULL)
        put_received_header(buffer, name, header->value);
}

/* A To that could not be parsed gets no tag: it might land inside a quoted string. */
static void put_to(struct buffer *buffer, const struct sip_message *request, struct span tag)
{
    const struct sip_header *header = sip_header_first(request, SIP_TO);

    if (header == NULL)
        return;
    buffer_put(buffer, SPAN("To: "));
    put_received(buffer, header->value);
    if (!span_empty(tag) && span_empty(request->to.tag) && !span_empty(request->to.uri_text)) {
        buffer_put(buffer, SPAN(";tag="));
        buffer_put(buffer, tag);
    }
    put_crlf(buffer);
}

void sip_compose_response_head(struct buffer *buffer, const struct sip_message *request, int status,
                               struct span phrase, struct span to_tag,
                               const struct sip_source *source, bool record_route)
{
    const struct sip_header *header;

    buffer_put(buffer, SPAN("SIP/2.0 "));
    buffer_put_u64(buffer, (uint64_t)status);
    buffer_put_char(buffer, ' ');
    buffer_put(buffer, span_empty(phrase) ? sip_reason(status) : phrase);
    put_crlf(buffer);
    sip_compose_vias(buffer, request, source);
    if (record_route)
        for (header = sip_header_first(request, SIP_RECORD_ROUTE); header != NULL;
             header = sip_header_next(request, header))
            put_received_header(buffer, SPAN("Record-Route"), header->value);
    put_first(buffer, request, SIP_FROM, SPAN("From"));
    put_to(buffer, request, to_tag);
    put_first(buffer, request, SIP_CALL_ID, SPAN("Call-ID"));
    put_first(buffer, request, SIP_CSEQ, SPAN("CSeq"));
    if (status == 100)
        put_first(buffer, request, SIP_TIMESTAMP, SPAN("Timestamp"));
}
