/* fuzz_forward.c - what a proxy passes on of whatever it takes is good SIP again, body and all. */
#include "server/base/must.h"
#include "server/sip/forward.h"
#include "server/sip/parse.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 20 };

static const struct sip_limits limits = {BYTES_MAX, BYTES_MAX, BYTES_MAX, SIP_HEADERS_MAX};

static bool parses(struct span bytes, struct sip_message *out)
{
    struct sip_fault fault;

    return sip_parse_datagram(bytes, &limits, out, &fault) == SIP_PARSED;
}

/* The ends of a dialog and the body are never touched. */
static void check_same(const struct sip_message *before, const struct sip_message *after)
{
    must(span_equal(before->call_id, after->call_id));
    must(span_equal(before->from.tag, after->from.tag));
    must(span_equal(before->to.tag, after->to.tag));
    must(before->cseq.number == after->cseq.number);
    must(span_equal(before->body, after->body));
    must(after->first[SIP_CONTENT_LENGTH] != 0);
}

static void check_forward(const struct sip_message *message, size_t routes_taken)
{
    static struct sip_message passed_on;
    const struct sip_source source = {SPAN("2001:db8::1"), 65535};
    const struct sip_forward how = {
        .request_uri = SPAN("sip:b@192.0.2.1"),
        .via = SPAN("Via: SIP/2.0/TCP p;branch=z9hG4bKp;rport\r\n"),
        .record_route = SPAN("Record-Route: <sip:m@p;lr>\r\n"),
        .route_before = routes_taken == 2 ? SPAN("<sip:e;lr>") : (struct span){0},
        .routes_taken = routes_taken,
        .last_route_taken = routes_taken == 1,
        .route_behind = routes_taken == 1 ? SPAN("sip:t@h") : (struct span){0},
        .max_breadth = 60,
        .realm = SPAN("example.org"),
        .source = &source,
    };
    struct buffer out;

    /* One more line than it may have of any is what a limit refuses at the next hop. */
    if (message->max_forwards == 0 || message->header_count > SIP_HEADERS_MAX - 8)
        return;
    buffer_init(&out, 2 * BYTES_MAX);
    sip_compose_forward(&out, message, &how);
    must(!out.overflowed && parses(buffer_span(&out), &passed_on));
    check_same(message, &passed_on);
    must(span_equal(passed_on.via.branch, SPAN("z9hG4bKp")));
    must(passed_on.max_forwards >= 0);
    buffer_deinit(&out);
}

static void check_backward(const struct sip_message *message)
{
    static struct sip_message passed_back;
    struct sip_values values = sip_values_of(message, SIP_VIA);
    struct span value;
    struct buffer out;
    size_t vias = 0;

    while (sip_values_next(&values, &value))
        vias++;
    if (vias < 2 || message->header_count > SIP_HEADERS_MAX - 8)
        return; /* it was for us */
    buffer_init(&out, 2 * BYTES_MAX);
    sip_compose_backward(&out, message);
    must(!out.overflowed);
    /* The second Via has not been looked at before. */
    if (parses(buffer_span(&out), &passed_back)) {
        check_same(message, &passed_back);
        must(passed_back.status == message->status);
    }
    buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sip_message message;

    if (!parses((struct span){(const char *)data, size}, &message))
        return 0;
    for (size_t taken = 0; message.request && taken < 3; taken++)
        check_forward(&message, taken);
    if (!message.request)
        check_backward(&message);
    return 0;
}
