#include "server/sip/parse.h"

#include "server/sip/line.h"
#include "server/sip/scan.h"

const struct sip_limits sip_limits_default = {
    .header_bytes = 16384,
    .body_bytes = 65536,
    .uri_bytes = 1024,
    .headers = SIP_HEADERS_MAX,
};

/* One parse. The first fault is the one reported; parsing goes on behind it, since whoever answers
   needs Via, From, To, Call-ID and CSeq, wherever they stand. */
struct parser {
    const char *at;
    const char *end;
    const struct sip_limits *limits;
    struct sip_message *message;
    struct sip_fault *fault;
};

static void fault(struct parser *self, int status, const char *phrase)
{
    if (self->fault->status == 0)
        *self->fault = (struct sip_fault){status, phrase};
}

/* "SIP" "/" 1*DIGIT "." 1*DIGIT */
static bool is_version(struct span text)
{
    const char *end = span_end(text), *at, *dot;

    if (text.len < 7 || !text_is((struct span){text.at, 4}, SPAN("sip/")))
        return false;
    at = text.at + 4;
    dot = skip_class(at, end, OCTET_DIGIT);
    return dot > at && end - dot >= 2 && *dot == '.' &&
           skip_class(dot + 1, end, OCTET_DIGIT) == end;
}

static void check_version(struct parser *self)
{
    struct span version = self->message->version;

    if (!is_version(version))
        fault(self, 400, "Malformed Start Line");
    else if (!text_is(version, SPAN("sip/2.0")))
        fault(self, 505, "Version Not Supported");
}

/* SIP-Version SP Status-Code SP Reason-Phrase. The last space may lack when the phrase does (RFC
   4475 section 3.1.1.13). */
static void parse_status_line(struct parser *self, struct span line)
{
    struct sip_message *message = self->message;
    struct span rest = span_skip(line, 8), code;
    uint64_t status;

    message->version = (struct span){line.at, line.len < 7 ? line.len : 7};
    check_version(self);
    code = (struct span){rest.at, rest.len < 3 ? rest.len : 3};
    if (line.len < 11 || line.at[7] != ' ' || (rest.len > 3 && rest.at[3] != ' ') ||
        sip_number(code, 699, &status) != STATUS_OK || status < 100) {
        fault(self, 400, "Malformed Status Line");
        return;
    }
    message->status = (int)status;
    message->reason = span_skip(rest, 4);
}

/* The Request-URI: any URI, but a SIP URI without headers (section 19.1.1). */
static void parse_request_uri(struct parser *self)
{
    struct sip_message *message = self->message;

    if (message->request_uri.len > self->limits->uri_bytes)
        fault(self, 414, "Request-URI Too Long");
    if (sip_uri_parse(message->request_uri, &message->uri) != STATUS_OK) {
        message->uri = (struct sip_uri){0};
        fault(self, 400, "Malformed Request-URI");
    } else if (!span_empty(message->uri.headers))
        fault(self, 400, "Header Fields in Request-URI");
}

/* Method SP Request-URI SP SIP-Version, with one SP each (section 7.1). */
static void parse_request_line(struct parser *self, struct span line)
{
    struct sip_message *message = self->message;
    const char *end = span_end(line);
    const char *method_end = skip_class(line.at, end, OCTET_TOKEN), *uri_end;

    if (method_end == line.at || method_end == end || *method_end != ' ') {
        fault(self, 400, "Malformed Request Line");
        return;
    }
    message->request = true;
    message->method_name = span_between(line.at, method_end);
    message->method = sip_method_of(message->method_name);
    uri_end = memchr(method_end + 1, ' ', (size_t)(end - method_end - 1));
    if (uri_end == NULL) {
        fault(self, 400, "Malformed Request Line");
        return;
    }
    message->request_uri = span_between(method_end + 1, uri_end);
    message->version = span_between(uri_end + 1, end);
    check_version(self);
    parse_request_uri(self);
}

static void add_header(struct parser *self, struct span name, struct span value)
{
    struct sip_message *message = self->message;
    struct sip_header *header;
    uint16_t place;

    if (message->header_count >= self->limits->headers ||
        message->header_count >= SIP_HEADERS_MAX) {
        fault(self, 513, "Too Many Header Fields");
        return;
    }
    header = &message->headers[message->header_count++];
    place = (uint16_t)message->header_count;
    *header = (struct sip_header){.name = name, .value = value, .id = sip_header_id_of(name)};
    if (message->first[header->id] == 0)
        message->first[header->id] = place;
    else
        message->headers[message->last[header->id] - 1].next = place;
    message->last[header->id] = place;
}

/* field-name HCOLON field-value; HCOLON = *( SP / HTAB ) ":" SWS. */
static void parse_header_line(struct parser *self, struct span line)
{
    const char *end = span_end(line);
    const char *name_end = skip_class(line.at, end, OCTET_TOKEN), *colon = name_end;

    while (colon < end && (*colon == ' ' || *colon == '\t'))
        colon++;
    if (name_end == line.at || colon == end || *colon != ':') {
        fault(self, 400, "Malformed Header Field");
        return;
    }
    add_header(self, span_between(line.at, name_end), sip_trim(span_between(colon + 1, end)));
}

static struct span take_line(struct parser *self, bool folds)
{
    struct sip_line line = sip_line_next(self->at, self->end, folds);

    if (line.bad_octet)
        fault(self, 400, "Control Octet in Header");
    if (line.end == NULL) {
        fault(self, 400, "Unterminated Header");
        line.end = self->end;
        line.next = self->end;
    }
    line.text = span_between(self->at, line.end);
    self->at = line.next;
    return line.text;
}

/* The start line, the header fields, and the empty line behind them. */
static void parse_head(struct parser *self)
{
    struct span line = take_line(self, false);

    if (line.len >= 4 && text_is((struct span){line.at, 4}, SPAN("sip/")))
        parse_status_line(self, line);
    else
        parse_request_line(self, line);
    for (;;) {
        if (self->at == self->end) {
            fault(self, 400, "Missing Empty Line");
            return;
        }
        line = take_line(self, true);
        if (span_empty(line))
            return;
        parse_header_line(self, line);
    }
}

static const char *const missing[] = {
    [SIP_VIA] = "Missing Via",         [SIP_FROM] = "Missing From", [SIP_TO] = "Missing To",
    [SIP_CALL_ID] = "Missing Call-ID", [SIP_CSEQ] = "Missing CSeq",
};

/* Fields that stand at most once (section 20, table 2, and the RFCs that define the others). */
static const struct {
    enum sip_header_id id;
    const char *phrase;
} singles[] = {
    {SIP_FROM, "Multiple From"},
    {SIP_TO, "Multiple To"},
    {SIP_CALL_ID, "Multiple Call-ID"},
    {SIP_CSEQ, "Multiple CSeq"},
    {SIP_MAX_FORWARDS, "Multiple Max-Forwards"},
    {SIP_CONTENT_LENGTH, "Multiple Content-Length"},
    {SIP_CONTENT_TYPE, "Multiple Content-Type"},
    {SIP_EXPIRES, "Multiple Expires"},
    {SIP_MIN_EXPIRES, "Multiple Min-Expires"},
    {SIP_EVENT, "Multiple Event"},
    {SIP_SUBSCRIPTION_STATE, "Multiple Subscription-State"},
    {SIP_SIP_ETAG, "Multiple SIP-ETag"},
    {SIP_SIP_IF_MATCH, "Multiple SIP-If-Match"},
    {SIP_SUPPRESS_IF_MATCH, "Multiple Suppress-If-Match"},
    {SIP_CONTENT_DISPOSITION, "Multiple Content-Disposition"},
    {SIP_MAX_BREADTH, "Multiple Max-Breadth"},
    {SIP_DATE, "Multiple Date"},
    {SIP_TIMESTAMP, "Multiple Timestamp"},
    {SIP_RETRY_AFTER, "Multiple Retry-After"},
    {SIP_REFER_TO, "Multiple Refer-To"},
};

static void check_presence(struct parser *self)
{
    const struct sip_message *message = self->message;

    for (int id = SIP_VIA; id <= SIP_CSEQ; id++)
        if (message->first[id] == 0)
            fault(self, 400, missing[id]);
    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
        if (message->first[singles[i].id] != message->last[singles[i].id])
            fault(self, 400, singles[i].phrase);
}

/* callid = word [ "@" word ] */
static bool is_call_id(struct span text)
{
    const char *end = span_end(text), *at, *host;

    if (text.len == 0)
        return false;
    at = skip_class(text.at, end, OCTET_WORD);
    if (at == end)
        return true;
    host = at + 1;
    return at > text.at && *at == '@' && host < end && skip_class(host, end, OCTET_WORD) == end;
}

static void parse_via(struct parser *self)
{
    struct span list = sip_header_value(self->message, SIP_VIA), top;

    if (sip_value_next(&list, &top) && sip_via_parse(top, &self->message->via) != STATUS_OK)
        fault(self, 400, "Malformed Via");
}

static void parse_party(struct parser *self, enum sip_header_id id, struct sip_address *out,
                        const char *phrase)
{
    const struct sip_header *header = sip_header_first(self->message, id);

    if (header != NULL && (sip_address_parse(header->value, out) != STATUS_OK || out->is_star)) {
        *out = (struct sip_address){0};
        fault(self, 400, phrase);
    }
}

static void parse_cseq(struct parser *self)
{
    struct sip_message *message = self->message;
    const struct sip_header *header = sip_header_first(message, SIP_CSEQ);

    if (header == NULL)
        return;
    if (sip_cseq_parse(header->value, &message->cseq) != STATUS_OK)
        fault(self, 400, "Malformed CSeq");
    else if (message->request && !span_equal(message->cseq.method_name, message->method_name))
        fault(self, 400, "CSeq Method Does Not Match");
}

static void parse_max_forwards(struct parser *self)
{
    const struct sip_header *header = sip_header_first(self->message, SIP_MAX_FORWARDS);
    uint64_t number;

    if (header == NULL)
        return;
    if (sip_number(header->value, UINT8_MAX, &number) != STATUS_OK)
        fault(self, 400, "Malformed Max-Forwards");
    else
        self->message->max_forwards = (int)number;
}

static void parse_typed_fields(struct parser *self)
{
    struct sip_message *message = self->message;

    parse_via(self);
    parse_party(self, SIP_FROM, &message->from, "Malformed From");
    parse_party(self, SIP_TO, &message->to, "Malformed To");
    if (is_call_id(sip_header_value(message, SIP_CALL_ID)))
        message->call_id = sip_header_value(message, SIP_CALL_ID);
    else
        fault(self, 400, "Malformed Call-ID");
    parse_cseq(self);
    parse_max_forwards(self);
}

/* Section 18.3: without Content-Length all the rest is body; what is too much is dropped. */
static void parse_body(struct parser *self)
{
    struct sip_message *message = self->message;
    const struct sip_header *header = sip_header_first(message, SIP_CONTENT_LENGTH);
    struct span body = span_between(self->at, self->end);
    uint64_t length = body.len;

    if (header != NULL) {
        switch (sip_number(header->value, UINT32_MAX, &length)) {
        case STATUS_OK:
            break;
        case STATUS_LIMIT:
            length = UINT32_MAX;
            break;
        case STATUS_MALFORMED:
        case STATUS_NOT_FOUND:
        case STATUS_CONFLICT:
        case STATUS_FAILED:
        case STATUS_UNAVAILABLE:
            fault(self, 400, "Malformed Content-Length");
            length = 0;
        }
    }
    if (length > body.len)
        fault(self, 400, "Body Shorter Than Content-Length");
    else
        body.len = (size_t)length;
    if (body.len > self->limits->body_bytes)
        fault(self, 413, "Request Entity Too Large");
    message->body = body;
}

enum sip_parse_result sip_parse_datagram(struct span bytes, const struct sip_limits *limits,
                                         struct sip_message *out, struct sip_fault *fault_out)
{
    struct parser self = {.limits = limits, .message = out, .fault = fault_out};

    /* the table of header fields is left as it is: header_count says how many are good */
    memset(out, 0, offsetof(struct sip_message, headers));
    out->max_forwards = -1;
    *fault_out = (struct sip_fault){0};
    if (span_empty(bytes)) {
        fault(&self, 400, "Malformed Request Line");
        return SIP_MALFORMED;
    }
    self.end = span_end(bytes);
    self.at = sip_skip_empty_lines(bytes.at, self.end);
    out->bytes.at = self.at;
    parse_head(&self);
    if ((size_t)(self.at - out->bytes.at) > limits->header_bytes)
        fault(&self, 513, "Message Too Large");
    check_presence(&self);
    parse_typed_fields(&self);
    parse_body(&self);
    out->bytes.len = (size_t)(self.at - out->bytes.at) + out->body.len;
    if (fault_out->status == 0)
        return SIP_PARSED;
    /* An ACK is never answered (section 17.1.1.3), a response neither. */
    out->answerable = out->request && out->method != SIP_ACK && out->via.has_sent_by;
    return SIP_MALFORMED;
}
