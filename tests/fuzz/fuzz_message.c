/* fuzz_message.c - whatever arrives: spans stay inside it, answers and streams agree with it. */
#include "server/base/must.h"
#include "server/sip/compose.h"
#include "server/sip/parse.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span part, struct span whole)
{
    must(part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len));
}

static void check_spans(const struct sip_message *message, struct span bytes)
{
    inside(message->bytes, bytes);
    inside(message->body, message->bytes);
    inside(message->request_uri, bytes);
    inside(message->reason, bytes);
    inside(message->version, bytes);
    inside(message->via.text, bytes);
    inside(message->via.branch, bytes);
    inside(message->from.tag, bytes);
    inside(message->to.params, bytes);
    inside(message->call_id, bytes);
    for (size_t i = 0; i < message->header_count; i++) {
        inside(message->headers[i].name, bytes);
        inside(message->headers[i].value, bytes);
        must(message->headers[i].value.at != NULL);
    }
}

static void check_values(const struct sip_message *message, struct span bytes)
{
    struct span value;

    for (int id = 0; id < SIP_HEADER_IDS; id++) {
        struct sip_values values = sip_values_of(message, (enum sip_header_id)id);

        while (sip_values_next(&values, &value))
            inside(value, bytes);
    }
}

/* What we answer to it is good SIP whenever it was, and never overflows. */
static void check_answer(const struct sip_message *message, bool good)
{
    static struct sip_message answer;
    const struct sip_source source = {SPAN("2001:db8::1"), 65535};
    struct sip_fault fault;
    struct buffer buffer;

    buffer_init(&buffer, 1 << 20);
    sip_compose_response_head(&buffer, message, 400, (struct span){0}, SPAN("tag"), &source, true);
    sip_compose_body(&buffer, (struct span){0}, (struct span){0});
    must(!buffer.overflowed);
    if (good) {
        const struct sip_limits limits = {1 << 20, 1 << 20, 1 << 20, SIP_HEADERS_MAX};

        must(sip_parse_datagram(buffer_span(&buffer), &limits, &answer, &fault) == SIP_PARSED);
        must(span_equal(answer.call_id, message->call_id));
        must(span_equal(answer.via.branch, message->via.branch));
        must(!span_empty(answer.to.tag));
    }
    buffer_deinit(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sip_message message;
    const struct span bytes = {(const char *)data, size};
    struct sip_frame frame = {0};
    struct sip_fault fault, other;
    bool good = sip_parse_datagram(bytes, &sip_limits_default, &message, &fault) == SIP_PARSED;

    must(good == (fault.status == 0));
    check_spans(&message, bytes);
    check_values(&message, bytes);
    if (good && !sip_check_fields(&message, &other))
        must(other.status == 400);
    if (message.request && message.method != SIP_ACK && (good || message.answerable))
        check_answer(&message, good);
    if (sip_frame_stream(bytes, &sip_limits_default, &frame, &other) == SIP_PARSED) {
        struct span framed = {bytes.at + frame.skip_bytes, frame.message_bytes};

        inside(framed, bytes);
        if (good) /* datagrams and streams see the same message */
            must(message.bytes.at == framed.at && message.bytes.len == framed.len);
    }
    return 0;
}
