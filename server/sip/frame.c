/* frame.c - sip_frame_stream(): where messages of a stream end (RFC 3261 section 18.3). */
#include "server/sip/line.h"
#include "server/sip/parse.h"
#include "server/sip/scan.h"

static enum sip_parse_result refuse(struct sip_fault *fault, int status, const char *phrase)
{
    *fault = (struct sip_fault){status, phrase};
    return SIP_MALFORMED;
}

/* Behind the empty line that ends the head; NULL when it has not come yet. */
static const char *find_head_end(struct span message, size_t *scanned_bytes)
{
    const char *at = message.at + *scanned_bytes, *end = span_end(message);

    while (at < end && (at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
        if (end - at < 4) {
            *scanned_bytes = (size_t)(at - message.at);
            return NULL;
        }
        if (memcmp(at, "\r\n\r\n", 4) == 0)
            return at + 4;
        at++;
    }
    *scanned_bytes = message.len;
    return NULL;
}

/* Looks at every header field's name, as the parser will, for what it says must be the same. */
static enum sip_parse_result find_length(struct span head, uint64_t *length,
                                         struct sip_fault *fault)
{
    const char *end = span_end(head);
    struct sip_line line = sip_line_next(head.at, end, false);
    bool found = false;

    while (line.end != NULL && line.next < end) {
        const char *colon;
        struct span name;

        line = sip_line_next(line.next, end, true);
        if (line.end == NULL || (colon = span_find(line.text, ':')) == NULL)
            continue;
        name = sip_trim(span_between(line.text.at, colon));
        if (sip_header_id_of(name) != SIP_CONTENT_LENGTH)
            continue;
        if (found)
            return refuse(fault, 400, "Multiple Content-Length");
        found = true;
        if (sip_number(sip_trim(span_between(colon + 1, line.end)), UINT32_MAX, length) !=
            STATUS_OK)
            return refuse(fault, 400, "Malformed Content-Length");
    }
    return found ? SIP_PARSED : refuse(fault, 400, "Missing Content-Length");
}

enum sip_parse_result sip_frame_stream(struct span bytes, const struct sip_limits *limits,
                                       struct sip_frame *frame, struct sip_fault *fault)
{
    const char *end = span_end(bytes), *start, *head_end;
    struct span message;
    uint64_t length = 0;
    enum sip_parse_result result;

    if (span_empty(bytes))
        return SIP_INCOMPLETE;
    start = sip_skip_empty_lines(bytes.at, end);
    frame->pings = (size_t)(start - bytes.at) / 4;
    /* what has nothing behind it may be the first half of a ping */
    if (start == end || (end - start == 1 && *start == '\r'))
        start = bytes.at + frame->pings * 4;
    frame->skip_bytes = (size_t)(start - bytes.at);
    message = span_between(start, end);
    if (message.len < 4)
        return SIP_INCOMPLETE; /* may be empty lines yet, so that nothing is scanned */
    if (frame->message_bytes == 0) {
        head_end = find_head_end(message, &frame->scanned_bytes);
        if ((head_end == NULL ? message.len : (size_t)(head_end - start)) > limits->header_bytes)
            return refuse(fault, 513, "Message Too Large");
        if (head_end == NULL)
            return SIP_INCOMPLETE;
        frame->message_bytes = (size_t)(head_end - start);
        result = find_length(span_between(start, head_end), &length, fault);
        if (result != SIP_PARSED)
            return result;
        if (length > limits->body_bytes)
            return refuse(fault, 413, "Request Entity Too Large");
        frame->message_bytes += (size_t)length;
    }
    return message.len >= frame->message_bytes ? SIP_PARSED : SIP_INCOMPLETE;
}
