#include "server/sip/compose.h"
#include "tests/unit/run.h"
#include "tests/unit/sip/sample.h"

#define LOOP(test, table) tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))
#define REST                                                                                       \
    "\r\nFrom: <sip:a@x>;tag=1\r\nTo: \"B\" <sip:b@x>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n"        \
    "Timestamp: 54\r\nRecord-Route: <sip:p;lr>\r\n\r\n"

static struct sample sample;
static char memory[4096];
static struct buffer buffer;

/* The response to a request with that top Via, as it came from 192.0.2.9:4444. */
static const char *answer(const char *via, int status, const char *tag, bool record_route)
{
    const struct sip_source source = {SPAN("192.0.2.9"), 4444};
    char text[1024];

    snprintf(text, sizeof(text), "OPTIONS sip:b@x SIP/2.0\r\nVia: %s" REST, via);
    sample_parse_good(&sample, span_of(text));
    buffer_init_fixed(&buffer, memory, sizeof(memory));
    sip_compose_response_head(&buffer, &sample.message, status, (struct span){0}, span_of(tag),
                              &source, record_route);
    return text_of(buffer_span(&buffer));
}

START_TEST(a_response_repeats_what_section_8_2_6_2_lists)
{
    ck_assert_str_eq(answer("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", 200, "T", true),
                     "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n"
                     "Record-Route: <sip:p;lr>\r\nFrom: <sip:a@x>;tag=1\r\n"
                     "To: \"B\" <sip:b@x>;tag=T\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n");
    ck_assert_str_eq(answer("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", 100, NULL, false),
                     "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n"
                     "From: <sip:a@x>;tag=1\r\nTo: \"B\" <sip:b@x>\r\nCall-ID: c\r\n"
                     "CSeq: 7 OPTIONS\r\nTimestamp: 54\r\n");
}
END_TEST

static const struct {
    const char *via;
    const char *stamped;
} stamps[] = {
    {"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"},
    {"SIP/2.0/UDP 192.0.2.9", "SIP/2.0/UDP 192.0.2.9"},
    {"SIP/2.0/UDP pc.x;branch=z9hG4bK1", "SIP/2.0/UDP pc.x;branch=z9hG4bK1;received=192.0.2.9"},
    {"SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK1",
     "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;received=192.0.2.9;rport=4444"},
    {"SIP/2.0/UDP pc.x;received=6.6.6.6;rport=1;x=\"y\", SIP/2.0/TCP h2",
     "SIP/2.0/UDP pc.x;x=\"y\";received=192.0.2.9;rport=4444, SIP/2.0/TCP h2"},
};

START_TEST(the_top_via_tells_where_the_request_came_from)
{
    char expected[256];

    snprintf(expected, sizeof(expected), "SIP/2.0 200 OK\r\nVia: %s\r\nFrom", stamps[_i].stamped);
    ck_assert_msg(strncmp(answer(stamps[_i].via, 200, "T", false), expected, strlen(expected)) == 0,
                  "%s", memory);
}
END_TEST

START_TEST(an_answer_to_malformed_octets_has_no_line_that_we_did_not_write)
{
    sample_parse(&sample, SPAN("OPTIONS sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;;\r\n"
                               "To: \"a\nInjected: b\r\n c\r\nCSeq: 1 OPTIONS\r\n\r\n"));
    ck_assert(sample.message.answerable);
    buffer_init_fixed(&buffer, memory, sizeof(memory));
    sip_compose_response_head(&buffer, &sample.message, 400, span_of(sample.fault.phrase),
                              SPAN("T"), &(struct sip_source){SPAN("192.0.2.9"), 1}, false);
    ck_assert_span_eq(buffer_span(&buffer),
                      "SIP/2.0 400 Control Octet in Header\r\nVia: SIP/2.0/UDP h;;\r\n"
                      "To: \"a Injected: b\r\n c\r\nCSeq: 1 OPTIONS\r\n");
}
END_TEST

START_TEST(a_body_has_its_length_and_nobody_has_zero)
{
    buffer_init_fixed(&buffer, memory, sizeof(memory));
    sip_compose_request_line(&buffer, SPAN("NOTIFY"), SPAN("sip:a@x"));
    sip_compose_header(&buffer, SPAN("Event"), SPAN("presence"));
    sip_compose_body(&buffer, SPAN("text/plain"), SPAN("hi"));
    ck_assert_span_eq(buffer_span(&buffer),
                      "NOTIFY sip:a@x SIP/2.0\r\nEvent: presence\r\n"
                      "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
    buffer_reset(&buffer);
    sip_compose_header_number(&buffer, SPAN("Expires"), 3600);
    sip_compose_body(&buffer, (struct span){0}, (struct span){0});
    ck_assert_span_eq(buffer_span(&buffer), "Expires: 3600\r\nContent-Length: 0\r\n\r\n");
    buffer_reset(&buffer);
    sip_compose_quoted(&buffer, SPAN("a\"b\\c\r\nd"));
    ck_assert_span_eq(buffer_span(&buffer), "\"a\\\"b\\\\cd\"");
}
END_TEST

suite_fn sip_compose_suite;

Suite *sip_compose_suite(void)
{
    Suite *suite = suite_create("sip/compose");
    TCase *tcase = tcase_create("RFC 3261 8.2.6, 18.2.1");

    tcase_add_test(tcase, a_response_repeats_what_section_8_2_6_2_lists);
    LOOP(the_top_via_tells_where_the_request_came_from, stamps);
    tcase_add_test(tcase, an_answer_to_malformed_octets_has_no_line_that_we_did_not_write);
    tcase_add_test(tcase, a_body_has_its_length_and_nobody_has_zero);
    suite_add_tcase(suite, tcase);
    return suite;
}
