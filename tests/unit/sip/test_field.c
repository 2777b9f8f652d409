/* test_field.c - the values of header fields: parameters, addresses, Via, CSeq, Event, media types.
 */
#include "server/sip/event.h"
#include "server/sip/media.h"
#include "server/sip/reason.h"
#include "server/sip/scan.h"
#include "tests/unit/run.h"
#include "tests/unit/sip/sample.h"

#define LOOP(test, table) tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))

START_TEST(octet_classes_are_those_of_the_grammar)
{
#define ALPHANUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define UNRESERVED ALPHANUM "-_.!~*'()"
    static const struct {
        int class;
        const char *octets;
    } classes[] = {
        {OCTET_TOKEN, ALPHANUM "-.!%*_+`'~"},
        {OCTET_USER, UNRESERVED "&=+$,;?/"},
        {OCTET_PASSWORD, UNRESERVED "&=+$,"},
        {OCTET_PARAM, UNRESERVED "[]/:&+$"},
        {OCTET_HNV, UNRESERVED "[]/?:+$"},
        {OCTET_HOST, ALPHANUM "-._"},
        {OCTET_WORD, ALPHANUM "-.!%*_+`'~()<>:\\\"/[]?{}"},
        {OCTET_HEX, "0123456789abcdefABCDEF"},
        {OCTET_DIGIT, "0123456789"},
        {OCTET_UNRESERVED, UNRESERVED},
        {OCTET_URI, UNRESERVED ";/?:@&=+$,[]#"},
        {OCTET_VALUE, ALPHANUM "-.!%*_+`'~[]:/=@&$(){}|^#"},
        {OCTET_SPACE, " \t\r\n"},
    };

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        for (int octet = 0; octet < 256; octet++)
            ck_assert_msg(octet_is((char)octet, classes[i].class) ==
                              (octet != 0 && strchr(classes[i].octets, octet) != NULL),
                          "class %zu octet %d", i, octet);
}
END_TEST

START_TEST(a_comma_splits_a_list_but_not_a_quoted_string_or_a_uri)
{
    struct span rest = SPAN("\"a,\\\",b\" <sip:x,y@z>;p=\",\" ,\r\n <sip:b@c>,,d , ");
    struct span value;

    ck_assert(sip_value_next(&rest, &value));
    ck_assert_span_eq(value, "\"a,\\\",b\" <sip:x,y@z>;p=\",\"");
    ck_assert(sip_value_next(&rest, &value));
    ck_assert_span_eq(value, "<sip:b@c>");
    ck_assert(sip_value_next(&rest, &value) && span_empty(value));
    ck_assert(sip_value_next(&rest, &value));
    ck_assert_span_eq(value, "d");
    ck_assert(sip_value_next(&rest, &value) && span_empty(value));
    ck_assert(!sip_value_next(&rest, &value));
}
END_TEST

START_TEST(an_open_quote_takes_the_rest_of_the_list)
{
    struct span rest = SPAN("\"a, b"), value;

    ck_assert(sip_value_next(&rest, &value));
    ck_assert_span_eq(value, "\"a, b");
    ck_assert(!sip_value_next(&rest, &value));
}
END_TEST

START_TEST(parameters_stand_in_any_order_case_and_white_space)
{
    struct span params = SPAN(" ; A=1 ;\r\n b ; c = \"x;\\\"y\" ;d=[::1]:5");
    struct sip_parameter found;
    struct span value;

    ck_assert(sip_parameters_valid(params));
    ck_assert(sip_parameter(params, SPAN("a"), &value));
    ck_assert_span_eq(value, "1");
    ck_assert(sip_parameter_find(params, SPAN("B"), &found) && !found.has_value);
    ck_assert(sip_parameter(params, SPAN("c"), &value));
    ck_assert_span_eq(value, "\"x;\\\"y\"");
    ck_assert(sip_parameter(params, SPAN("d"), &value));
    ck_assert_span_eq(value, "[::1]:5");
    ck_assert(!sip_parameter(params, SPAN("e"), &value));
}
END_TEST

static const char *const bad_parameters[] = {
    ";",      ";;a",        "a",    ";a;",    ";a=",  ";a=;b",  ";=b",
    ";a=\"b", ";a=\"b\\\"", ";a b", ";a=b c", ";a,b", ";a=<b>",
};

START_TEST(a_parameter_list_with_a_hole_is_refused)
{
    ck_assert_msg(!sip_parameters_valid(span_of(bad_parameters[_i])), "%s", bad_parameters[_i]);
}
END_TEST

START_TEST(unquoting_removes_quotes_and_escapes_once)
{
    char out[16];
    struct span text;

    ck_assert_int_eq(sip_unquote(SPAN("\"a\\\"\\\\b\""), out, sizeof(out), &text), STATUS_OK);
    ck_assert_span_eq(text, "a\"\\b");
    ck_assert_int_eq(sip_unquote(SPAN("plain"), out, 0, &text), STATUS_OK);
    ck_assert_span_eq(text, "plain");
    ck_assert_int_eq(sip_unquote(SPAN("\"\""), out, 0, &text), STATUS_OK);
    ck_assert(span_empty(text));
    ck_assert_int_eq(sip_unquote(SPAN("\""), out, sizeof(out), &text), STATUS_MALFORMED);
    ck_assert_int_eq(sip_unquote(SPAN("\"a\\\""), out, sizeof(out), &text), STATUS_MALFORMED);
    ck_assert_int_eq(sip_unquote(SPAN("\"a\"b"), out, sizeof(out), &text), STATUS_MALFORMED);
    ck_assert_int_eq(sip_unquote(SPAN("\"ab\\c\""), out, 2, &text), STATUS_LIMIT);
}
END_TEST

START_TEST(numbers_know_their_limits)
{
    uint64_t number = 7;
    uint32_t seconds;
    unsigned q;

    ck_assert_int_eq(sip_number(SPAN("0068"), 255, &number), STATUS_OK);
    ck_assert_uint_eq(number, 68);
    ck_assert_int_eq(sip_number(SPAN("255"), 255, &number), STATUS_OK);
    ck_assert_int_eq(sip_number(SPAN("256"), 255, &number), STATUS_LIMIT);
    ck_assert_int_eq(sip_number(SPAN("7"), 5, &number), STATUS_LIMIT);
    ck_assert_int_eq(sip_number(SPAN("18446744073709551615"), UINT64_MAX, &number), STATUS_OK);
    ck_assert(number == UINT64_MAX);
    ck_assert_int_eq(sip_number(SPAN("18446744073709551616"), UINT64_MAX, &number), STATUS_LIMIT);
    ck_assert_int_eq(sip_number(SPAN("99999999999999999999x"), 255, &number), STATUS_MALFORMED);
    ck_assert_int_eq(sip_number(SPAN(""), 255, &number), STATUS_MALFORMED);
    ck_assert_int_eq(sip_number(SPAN("-1"), 255, &number), STATUS_MALFORMED);
    ck_assert_int_eq(sip_delta_seconds(SPAN("100000000000000000000"), &seconds), STATUS_OK);
    ck_assert_uint_eq(seconds, UINT32_MAX);
    ck_assert_int_eq(sip_delta_seconds(SPAN("1h"), &seconds), STATUS_MALFORMED);
    ck_assert_int_eq(sip_qvalue(SPAN("0.75"), &q), STATUS_OK);
    ck_assert_uint_eq(q, 750);
    ck_assert_int_eq(sip_qvalue(SPAN("1.000"), &q), STATUS_OK);
    ck_assert_uint_eq(q, 1000);
    ck_assert_int_eq(sip_qvalue(SPAN("1.001"), &q), STATUS_MALFORMED);
    ck_assert_int_eq(sip_qvalue(SPAN("0.1234"), &q), STATUS_MALFORMED);
    ck_assert_int_eq(sip_qvalue(SPAN(".5"), &q), STATUS_MALFORMED);
}
END_TEST

START_TEST(without_brackets_a_parameter_belongs_to_the_field)
{
    struct sip_address address;

    ck_assert_int_eq(sip_address_parse(SPAN("sip:a@x;lr;tag=7"), &address), STATUS_OK);
    ck_assert_span_eq(address.uri_text, "sip:a@x");
    ck_assert_span_eq(address.params, ";lr;tag=7");
    ck_assert_span_eq(address.tag, "7");
    ck_assert_int_eq(sip_address_parse(SPAN("<sip:a@x;lr>;tag=7"), &address), STATUS_OK);
    ck_assert_span_eq(address.uri.params, ";lr");
    ck_assert_span_eq(address.params, ";tag=7");
}
END_TEST

START_TEST(display_names_come_in_every_shape)
{
    struct sip_address address;

    ck_assert_int_eq(sip_address_parse(SPAN("\"A, \\\"B\\\" <x>\"<sip:a@x>"), &address), STATUS_OK);
    ck_assert_span_eq(address.display, "\"A, \\\"B\\\" <x>\"");
    ck_assert_int_eq(sip_address_parse(SPAN("Anna  Maria\r\n <sip:a@x> ; tag = 9"), &address),
                     STATUS_OK);
    ck_assert_span_eq(address.display, "Anna  Maria");
    ck_assert_span_eq(address.tag, "9");
    ck_assert_int_eq(sip_address_parse(SPAN("caller<sip:a@x>"), &address), STATUS_OK);
    ck_assert_span_eq(address.display, "caller");
    ck_assert_int_eq(sip_address_parse(SPAN("J\xc3\xb6rg <sip:a@x>"), &address), STATUS_OK);
    ck_assert_int_eq(sip_address_parse(SPAN("*"), &address), STATUS_OK);
    ck_assert(address.is_star);
}
END_TEST

static const char *const bad_addresses[] = {
    "",
    " ",
    "a",
    "<a>",
    "<sip:a@x",
    "sip:a@x>",
    "\"a <sip:a@x>",
    "\"a\" sip:a@x",
    "a, b <sip:a@x>",
    "< sip:a@x>",
    "<sip:a@x >",
    "<sip:a@x>x",
    "<sip:a@x>;",
    "<sip:a@x>;tag",
    "<sip:a@x>;tag=\"q\"",
    "sip:a@x?Route=%3Csip:b%3E",
    "sip:a,b@x",
    "*;expires=0",
    "<>",
    "a@b <sip:a@x>",
    "sip:a@x y",
};

START_TEST(what_is_no_address_is_refused)
{
    struct sip_address address;

    ck_assert_msg(sip_address_parse(span_of(bad_addresses[_i]), &address) == STATUS_MALFORMED, "%s",
                  bad_addresses[_i]);
}
END_TEST

START_TEST(a_via_tells_where_an_answer_goes)
{
    struct sip_via via;

    ck_assert_int_eq(sip_via_parse(SPAN("SIP / 2.0\r\n / udp [2001:db8::9] : 5070 ;branch=z9hG4bKx"
                                        " ; rport;received=[2001:db8::1];ttl=16;maddr=224.0.1.75"),
                                   &via),
                     STATUS_OK);
    ck_assert_span_eq(via.transport, "udp");
    ck_assert_span_eq(via.host, "2001:db8::9");
    ck_assert(via.host_is_ipv6 && via.has_rport && via.rport == 0);
    ck_assert_uint_eq(via.port, 5070);
    ck_assert_span_eq(via.branch, "z9hG4bKx");
    ck_assert_span_eq(via.received, "2001:db8::1");
    ck_assert_span_eq(via.maddr, "224.0.1.75");
    ck_assert_int_eq(via.ttl, 16);
    ck_assert(sip_via_has_cookie(&via));
    ck_assert_int_eq(
        sip_via_parse(SPAN("SIP/2.0/TCP a.b;received=2001:db8::1;rport=5062;branch=z9hG4bK"), &via),
        STATUS_OK);
    ck_assert_span_eq(via.received, "2001:db8::1");
    ck_assert_uint_eq(via.rport, 5062);
    ck_assert(!sip_via_has_cookie(&via));
}
END_TEST

static const struct {
    const char *text;
    bool has_sent_by;
} bad_vias[] = {
    {"", false},
    {"SIP/2.0", false},
    {"SIP/2.0/UDP", false},
    {"SIP/2.0/UDP ", false},
    {"SIP/2.0/UDPhost", false},
    {"SIP/2.0/UDP a:0", false},
    {"SIP/2.0/UDP a:99999", false},
    {"SIP/2.0/UDP 2001:db8::1", false},
    {"SIP/2.0/UDP a b", true},
    {"SIP/2.0/UDP a;;", true},
    {"SIP/2.0/UDP a;ttl=256", true},
    {"SIP/2.0/UDP a;rport=70000", true},
    {"SIP/2.0/UDP a;branch", true},
    {"SIP/2.0/UDP a;branch=\"z9hG4bK\"", true},
    {"SIP/2.0/UDP a;received=\"x\"", true},
};

START_TEST(a_broken_via_still_tells_what_stood_before_the_fault)
{
    struct sip_via via;

    ck_assert_msg(sip_via_parse(span_of(bad_vias[_i].text), &via) == STATUS_MALFORMED, "%s",
                  bad_vias[_i].text);
    ck_assert_msg(via.has_sent_by == bad_vias[_i].has_sent_by, "%s", bad_vias[_i].text);
}
END_TEST

START_TEST(a_cseq_is_a_number_below_2_to_the_31_and_a_method)
{
    struct sip_cseq cseq;

    ck_assert_int_eq(sip_cseq_parse(SPAN("0009\r\n INVITE"), &cseq), STATUS_OK);
    ck_assert_uint_eq(cseq.number, 9);
    ck_assert_int_eq(cseq.method, SIP_INVITE);
    ck_assert_int_eq(sip_cseq_parse(SPAN("2147483647 invite"), &cseq), STATUS_OK);
    ck_assert_int_eq(cseq.method, SIP_METHOD_OTHER);
    ck_assert_int_eq(sip_cseq_parse(SPAN("2147483648 INVITE"), &cseq), STATUS_LIMIT);
    ck_assert_int_eq(sip_cseq_parse(SPAN("1INVITE"), &cseq), STATUS_MALFORMED);
    ck_assert_int_eq(sip_cseq_parse(SPAN("1 "), &cseq), STATUS_MALFORMED);
    ck_assert_int_eq(sip_cseq_parse(SPAN("INVITE"), &cseq), STATUS_MALFORMED);
    ck_assert_int_eq(sip_cseq_parse(SPAN("1 A B"), &cseq), STATUS_MALFORMED);
}
END_TEST

START_TEST(events_are_equal_by_package_and_id)
{
    struct sip_event plain, with_id, template;

    ck_assert_int_eq(sip_event_parse(SPAN("presence"), &plain), STATUS_OK);
    ck_assert_int_eq(sip_event_parse(SPAN("presence ; id=7"), &with_id), STATUS_OK);
    ck_assert_int_eq(sip_event_parse(SPAN("presence.winfo;x=1"), &template), STATUS_OK);
    ck_assert_span_eq(template.package, "presence.winfo");
    ck_assert_span_eq(with_id.id, "7");
    ck_assert(!sip_event_equal(&plain, &with_id));
    ck_assert(!sip_event_equal(&plain, &template));
    ck_assert(sip_event_equal(&with_id, &with_id));
    ck_assert_int_eq(sip_event_parse(SPAN(""), &plain), STATUS_MALFORMED);
    ck_assert_int_eq(sip_event_parse(SPAN("presence,dialog"), &plain), STATUS_MALFORMED);
}
END_TEST

START_TEST(a_subscription_state_survives_composing)
{
    struct sip_subscription_state state, again;
    char memory[128];
    struct buffer buffer;

    ck_assert_int_eq(
        sip_subscription_state_parse(SPAN("terminated;reason=probation;retry-after=60"), &state),
        STATUS_OK);
    ck_assert(state.expires_s == -1 && state.retry_after_s == 60);
    state.expires_s = 3599;
    buffer_init_fixed(&buffer, memory, sizeof(memory));
    sip_subscription_state_compose(&buffer, &state);
    ck_assert_span_eq(buffer_span(&buffer),
                      "terminated;reason=probation;expires=3599;retry-after=60");
    ck_assert_int_eq(sip_subscription_state_parse(buffer_span(&buffer), &again), STATUS_OK);
    ck_assert(again.expires_s == 3599);
}
END_TEST

static const struct {
    const char *accept;
    bool pidf;
} accepts[] = {
    {"application/pidf+xml", true},
    {"Application / PIDF+xml ; charset=utf-8", true},
    {"text/plain, application/*;q=0.2", true},
    {"*/*", true},
    {"*/*, application/pidf+xml;q=0", false},
    {"application/*;q=0, application/pidf+xml", true},
    {"text/plain", false},
    {"", false},
    {"application/pidf", false},
};

START_TEST(the_closest_media_range_decides)
{
    static struct sample sample;
    char text[512];

    snprintf(
        text, sizeof(text),
        "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:x>\r\n"
        "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nAccept: %s\r\n\r\n",
        accepts[_i].accept);
    sample_parse_good(&sample, span_of(text));
    ck_assert_msg((sip_accept_q(sip_header_value(&sample.message, SIP_ACCEPT),
                                SPAN("application/pidf+xml")) > 0) == accepts[_i].pidf,
                  "%s", accepts[_i].accept);
}
END_TEST

START_TEST(every_header_name_leads_to_its_id_and_back)
{
    for (int id = SIP_HEADER_OTHER + 1; id < SIP_HEADER_IDS; id++) {
        struct span name = sip_header_name((enum sip_header_id)id);
        char upper[64];

        ck_assert_msg(!span_empty(name), "%d", id);
        ck_assert_int_eq(sip_header_id_of(name), id);
        for (size_t i = 0; i < name.len; i++)
            upper[i] =
                (char)(name.at[i] >= 'a' && name.at[i] <= 'z' ? name.at[i] - 32 : name.at[i]);
        ck_assert_int_eq(sip_header_id_of((struct span){upper, name.len}), id);
        upper[name.len - 1] = '~';
        ck_assert_int_eq(sip_header_id_of((struct span){upper, name.len}), SIP_HEADER_OTHER);
    }
    ck_assert_int_eq(sip_header_id_of(SPAN("V")), SIP_VIA);
    ck_assert_int_eq(sip_header_id_of(SPAN("m")), SIP_CONTACT);
    ck_assert_int_eq(sip_header_id_of(SPAN("z")), SIP_HEADER_OTHER);
    ck_assert_int_eq(sip_header_id_of(SPAN("C%6Fntact")), SIP_HEADER_OTHER);
}
END_TEST

START_TEST(methods_have_case_and_codes_have_phrases)
{
    for (int method = SIP_INVITE; method < SIP_METHODS; method++)
        ck_assert_int_eq(sip_method_of(sip_method_name((enum sip_method)method)), method);
    ck_assert_int_eq(sip_method_of(SPAN("register")), SIP_METHOD_OTHER);
    ck_assert_span_eq(sip_reason(100), "Trying");
    ck_assert_span_eq(sip_reason(489), "Bad Event");
    ck_assert_span_eq(sip_reason(607), "Unwanted");
    ck_assert_span_eq(sip_reason(499), "Bad Request");
    ck_assert_span_eq(sip_reason(42), "");
}
END_TEST

suite_fn sip_field_suite;

Suite *sip_field_suite(void)
{
    Suite *suite = suite_create("sip/field");
    TCase *tcase = tcase_create("RFC 3261 25.1");

    tcase_add_test(tcase, octet_classes_are_those_of_the_grammar);
    tcase_add_test(tcase, a_comma_splits_a_list_but_not_a_quoted_string_or_a_uri);
    tcase_add_test(tcase, an_open_quote_takes_the_rest_of_the_list);
    tcase_add_test(tcase, parameters_stand_in_any_order_case_and_white_space);
    LOOP(a_parameter_list_with_a_hole_is_refused, bad_parameters);
    tcase_add_test(tcase, unquoting_removes_quotes_and_escapes_once);
    tcase_add_test(tcase, numbers_know_their_limits);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("RFC 3261 20");
    tcase_add_test(tcase, without_brackets_a_parameter_belongs_to_the_field);
    tcase_add_test(tcase, display_names_come_in_every_shape);
    LOOP(what_is_no_address_is_refused, bad_addresses);
    tcase_add_test(tcase, a_via_tells_where_an_answer_goes);
    LOOP(a_broken_via_still_tells_what_stood_before_the_fault, bad_vias);
    tcase_add_test(tcase, a_cseq_is_a_number_below_2_to_the_31_and_a_method);
    LOOP(the_closest_media_range_decides, accepts);
    tcase_add_test(tcase, every_header_name_leads_to_its_id_and_back);
    tcase_add_test(tcase, methods_have_case_and_codes_have_phrases);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("RFC 6665 8.2");
    tcase_add_test(tcase, events_are_equal_by_package_and_id);
    tcase_add_test(tcase, a_subscription_state_survives_composing);
    suite_add_tcase(suite, tcase);
    return suite;
}
