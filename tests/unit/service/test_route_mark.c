#include "server/service/route_mark.h"
#include "server/sip/parse.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *service_route_mark_suite(void);

static const struct mac_key key = {{1, 2}};
static char memory[ROUTE_MARK_MAX_BYTES];
static struct sip_message message;

static struct span marked(const struct flow *flow)
{
    struct buffer out;

    buffer_init_fixed(&out, memory, sizeof(memory));
    route_mark_compose(&key, 1, SPAN("call"), SPAN("caller"), flow, &out);
    ck_assert(!out.overflowed);
    return buffer_span(&out);
}

static bool is_taken(const char *from_tag, const char *to_tag, const char *call_id,
                     struct span mark, struct route_mark *out)
{
    struct sip_fault fault;
    char text[512];

    snprintf(
        text, sizeof(text),
        "BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=%s\r\n"
        "To: <sip:b@x>;tag=%s\r\nCall-ID: %s\r\nCSeq: 1 BYE\r\n\r\n",
        from_tag, to_tag, call_id);
    ck_assert_int_eq(sip_parse_datagram(span_of(text), &sip_limits_default, &message, &fault),
                     SIP_PARSED);
    return route_mark_parse(&key, 1, &message, mark, out);
}

START_TEST(both_sides_of_a_dialog_are_known_by_it)
{
    struct route_mark mark;

    ck_assert(is_taken("caller", "callee", "call", marked(NULL), &mark));
    ck_assert(is_taken("callee", "caller", "call", marked(NULL), &mark));
    ck_assert(!mark.has_flow);
}
END_TEST

START_TEST(another_dialog_is_not)
{
    struct route_mark mark;

    ck_assert(!is_taken("other", "callee", "call", marked(NULL), &mark));
    ck_assert(!is_taken("caller", "callee", "call2", marked(NULL), &mark));
}
END_TEST

static const struct flow flows[] = {
    {.remote = {TRANSPORT_UDP, ENDPOINT_IPV4, 5060, {192, 0, 2, 1}}, .listener = 2},
    {.remote = {TRANSPORT_TCP, ENDPOINT_IPV6, 65535, {0x20, 1, 0xd, 0xb8, [15] = 0xff}},
     .connection = 0xfedcba98,
     .listener = 63},
};

START_TEST(a_flow_comes_back_as_it_went)
{
    struct route_mark mark;

    ck_assert(is_taken("caller", "callee", "call", marked(&flows[_i]), &mark));
    ck_assert(mark.has_flow);
    ck_assert(flow_equal(&mark.flow, &flows[_i]));
}
END_TEST

START_TEST(whatever_octet_is_changed_or_missing_it_is_no_mark)
{
    struct span mark = marked(&flows[_i]);
    struct route_mark out;

    for (size_t i = 0; i < mark.len; i++) {
        const char before = memory[i];

        memory[i] = before == '0' ? '1' : '0';
        ck_assert(!is_taken("caller", "callee", "call", mark, &out));
        memory[i] = before;
        ck_assert(!is_taken("caller", "callee", "call", (struct span){mark.at, i}, &out));
    }
}
END_TEST

Suite *service_route_mark_suite(void)
{
    Suite *suite = suite_create("service/route_mark");
    TCase *tcase = tcase_create("Record-Route with a MAC");

    tcase_add_test(tcase, both_sides_of_a_dialog_are_known_by_it);
    tcase_add_test(tcase, another_dialog_is_not);
    tcase_add_loop_test(tcase, a_flow_comes_back_as_it_went, 0, 2);
    tcase_add_loop_test(tcase, whatever_octet_is_changed_or_missing_it_is_no_mark, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
