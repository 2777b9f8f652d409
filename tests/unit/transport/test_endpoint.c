/* test_endpoint.c - numeric hosts and ports, and nothing else. */
#include "server/transport/endpoint.h"
#include "tests/unit/run.h"

#include <stdlib.h>

Suite *transport_endpoint_suite(void);

/* clang-format off */
static const struct {
    const char *text;
    const char *composed; /* NULL: malformed */
} endpoints[] = {
    {"192.0.2.1:5060", "192.0.2.1:5060"},
    {"192.0.2.1", "192.0.2.1"},
    {"[::1]:5060", "[::1]:5060"},
    {"[2001:DB8:0:0::1]:65535", "[2001:db8::1]:65535"},
    {"[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"},
    {"0.0.0.0:1", "0.0.0.0:1"},
    {"", NULL}, {":5060", NULL}, {"[]:5060", NULL}, {"[::1", NULL}, {"[::1]x", NULL},
    {"::1", NULL}, {"192.0.2.1:", NULL}, {"192.0.2.1:0", NULL}, {"192.0.2.1:65536", NULL},
    {"192.0.2.1:x", NULL}, {"192.0.2.1:5060 ", NULL}, {"192.0.2", NULL}, {"192.0.2.256", NULL},
    {"example.org:5060", NULL}, {"[192.0.2.1]:5060", NULL}, {"192.0.2.1:000005", NULL},
    {"[fe80::1%eth0]:5060", NULL}, {"1111111111111111111111111111111111111111111111111:5", NULL},
};
/* clang-format on */

START_TEST(an_endpoint_is_read_and_written_or_refused)
{
    struct endpoint endpoint = {0};
    char text[ENDPOINT_TEXT_MAX];
    struct buffer out;
    enum status status = endpoint_parse(span_of(endpoints[_i].text), &endpoint);

    if (endpoints[_i].composed == NULL) {
        ck_assert_msg(status == STATUS_MALFORMED, "%s", endpoints[_i].text);
        ck_assert_uint_eq(endpoint.family, 0);
        return;
    }
    ck_assert_int_eq(status, STATUS_OK);
    buffer_init_fixed(&out, text, sizeof(text));
    endpoint_compose(&endpoint, &out);
    ck_assert_msg(span_equal(buffer_span(&out), span_of(endpoints[_i].composed)), "%s",
                  endpoints[_i].text);
}
END_TEST

START_TEST(a_host_with_a_nul_octet_is_not_numeric)
{
    struct endpoint endpoint = {0};

    ck_assert_int_eq(endpoint_parse_host(SPAN("192.0.2.1\0.evil"), &endpoint), STATUS_MALFORMED);
}
END_TEST

START_TEST(an_ipv6_host_is_read_with_and_without_brackets)
{
    struct endpoint a = {0}, b = {0};

    ck_assert_int_eq(endpoint_parse_host(SPAN("2001:db8::9"), &a), STATUS_OK);
    ck_assert_int_eq(endpoint_parse_host(SPAN("[2001:DB8::9]"), &b), STATUS_OK);
    ck_assert(endpoint_equal(&a, &b));
    b.port = 1;
    ck_assert(!endpoint_equal(&a, &b));
    ck_assert(endpoint_same_address(&a, &b));
}
END_TEST

START_TEST(protocols_are_found_by_name_in_any_case)
{
    enum transport_protocol protocol = TRANSPORT_UDP;

    ck_assert(transport_protocol_find(SPAN("wSs"), &protocol));
    ck_assert_int_eq(protocol, TRANSPORT_WSS);
    ck_assert(!transport_protocol_find(SPAN("SCTP"), &protocol));
    ck_assert_uint_eq(transport_protocol_port(TRANSPORT_TLS), 5061);
}
END_TEST

Suite *transport_endpoint_suite(void)
{
    Suite *suite = suite_create("transport/endpoint");
    TCase *tcase = tcase_create("text");

    tcase_add_loop_test(tcase, an_endpoint_is_read_and_written_or_refused, 0,
                        sizeof(endpoints) / sizeof(endpoints[0]));
    tcase_add_test(tcase, a_host_with_a_nul_octet_is_not_numeric);
    tcase_add_test(tcase, an_ipv6_host_is_read_with_and_without_brackets);
    tcase_add_test(tcase, protocols_are_found_by_name_in_any_case);
    suite_add_tcase(suite, tcase);
    return suite;
}
