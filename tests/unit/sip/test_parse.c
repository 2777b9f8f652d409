/* test_parse.c - our own torture messages, which make every point of RFC 4475 and RFC 5118; and
 * framing. */
#include "tests/unit/run.h"
#include "tests/unit/sip/sample.h"

static char octets[SAMPLE_BYTES_MAX];
static struct sample sample;

/* Each is a file of tests/fuzz/corpus/message; `status` 0: to be taken. */
/* clang-format off */
static const struct {
    const char *file;
    int status;
    const char *phrase;
} messages[] = {
    /* taken */
    {"white_space_everywhere", 0, NULL},
    {"every_token_octet_in_a_method", 0, NULL},
    {"escapes_are_octets", 0, NULL},
    {"escaped_nul_in_users", 0, NULL},
    {"percent_where_it_is_no_escape", 0, NULL},
    {"no_space_before_the_bracket", 0, NULL},
    {"long_values", 0, NULL},
    {"a_second_request_behind_it", 0, NULL},
    {"semicolons_in_the_user", 0, NULL},
    {"transports_we_do_not_know", 0, NULL},
    {"binary_body", 0, NULL},
    {"reason_in_utf8", 0, NULL},
    {"no_reason_phrase", 0, NULL},
    {"no_reason_and_no_space", 0, NULL},
    {"a_code_that_no_rfc_has", 0, NULL},
    {"request_line_version_in_small_letters", 0, NULL},
    {"a_date_that_is_not_gmt", 0, NULL},
    {"bare_magic_cookie", 0, NULL},
    {"unknown_scheme", 0, NULL},
    {"scheme_with_authority", 0, NULL},
    {"schemes_in_to_from_contact", 0, NULL},
    {"unknown_extensions", 0, NULL},
    {"unknown_content_type", 0, NULL},
    {"unknown_authorization_scheme", 0, NULL},
    {"second_via_is_broadcast", 0, NULL},
    {"max_forwards_zero", 0, NULL},
    {"contact_parameter_without_brackets", 0, NULL},
    {"contact_uri_parameter", 0, NULL},
    {"escaped_route_in_a_contact", 0, NULL},
    {"as_rfc2543_had_it", 0, NULL},
    {"ipv6_everywhere", 0, NULL},
    {"ipv6_port_inside_the_brackets", 0, NULL},
    {"ipv6_port_outside_the_brackets", 0, NULL},
    {"received_in_brackets", 0, NULL},
    {"received_without_brackets", 0, NULL},
    {"vias_of_both_families", 0, NULL},
    {"ipv4_mapped_address", 0, NULL},
    {"three_colons", 0, NULL},
    {"two_colons", 0, NULL},
    {"compact_names", 0, NULL},
    {"empty_lines_before_it", 0, NULL},
    {"publish", 0, NULL},
    {"huge_expires", 0, NULL},
    /* refused */
    {"stray_separators_in_via", 400, "Malformed Via"},
    {"stray_separator_in_contact", 400, "Malformed Contact"},
    {"body_shorter_than_said", 400, "Body Shorter Than Content-Length"},
    {"negative_content_length", 400, "Malformed Content-Length"},
    {"content_length_is_a_word", 400, "Malformed Content-Length"},
    {"two_content_lengths", 400, "Multiple Content-Length"},
    {"cseq_too_large", 400, "Malformed CSeq"},
    {"cseq_is_2_to_the_31", 400, "Malformed CSeq"},
    {"max_forwards_too_large", 400, "Malformed Max-Forwards"},
    {"response_with_huge_cseq", 400, "Malformed CSeq"},
    {"open_quote_in_to", 400, "Malformed To"},
    {"request_uri_in_brackets", 400, "Malformed Request-URI"},
    {"space_in_the_request_uri", 400, "Malformed Start Line"},
    {"spaces_between_elements", 400, "Malformed Start Line"},
    {"space_behind_the_version", 400, "Malformed Start Line"},
    {"headers_in_the_request_uri", 400, "Header Fields in Request-URI"},
    {"contact_with_headers_without_brackets", 400, "Malformed Contact"},
    {"spaces_inside_the_brackets", 400, "Malformed To"},
    {"bare_comma_in_a_display_name", 400, "Malformed From"},
    {"version_seven", 505, "Version Not Supported"},
    {"cseq_of_another_method", 400, "CSeq Method Does Not Match"},
    {"cseq_of_a_known_method_in_an_unknown_one", 400, "CSeq Method Does Not Match"},
    {"status_code_beyond_32_bits", 400, "Malformed Status Line"},
    {"status_code_99", 400, "Malformed Status Line"},
    {"nothing_but_via_and_cseq", 400, "Missing From"},
    {"no_via", 400, "Missing Via"},
    {"no_call_id", 400, "Missing Call-ID"},
    {"two_of_each", 400, "Multiple From"},
    {"two_expires", 400, "Multiple Expires"},
    {"ipv6_without_brackets", 400, "Malformed Request-URI"},
    {"line_without_colon", 400, "Malformed Header Field"},
    {"name_with_a_space", 400, "Malformed Header Field"},
    {"fold_behind_the_start_line", 400, "Malformed Header Field"},
    {"nul_in_a_field", 400, "Control Octet in Header"},
    {"bare_line_feed", 400, "Control Octet in Header"},
    {"bare_carriage_return", 400, "Control Octet in Header"},
    {"no_empty_line", 400, "Missing Empty Line"},
    {"cut_in_a_field", 400, "Unterminated Header"},
    {"spaces_in_the_call_id", 400, "Malformed Call-ID"},
    {"star_in_to", 400, "Malformed To"},
    {"route_without_brackets", 400, "Malformed Route"},
    {"expires_is_a_word", 400, "Malformed Expires"},
    {"event_is_a_list", 400, "Malformed Event"},
    {"content_type_without_subtype", 400, "Malformed Content-Type"},
    {"request_without_a_version", 400, "Malformed Request Line"},
    {"no_sip_at_all", 400, "Malformed Request Line"},
    {"too_many_fields", 513, "Too Many Header Fields"},
    {"request_uri_of_2000_octets", 414, "Request-URI Too Long"},
};
/* clang-format on */

static struct span corpus_read(const char *file)
{
    char path[1024];
    struct span bytes;

    snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/message/%s", SOURCE_DIR, file);
    ck_assert_msg(sample_read(path, octets, &bytes), "%s", path);
    return bytes;
}

START_TEST(each_message_is_taken_or_its_fault_is_named)
{
    const char *file = messages[_i].file;

    sample_parse(&sample, corpus_read(file));
    if (sample.result == SIP_PARSED && !sip_check_fields(&sample.message, &sample.fault))
        sample.result = SIP_MALFORMED;
    ck_assert_msg(sample.fault.status == messages[_i].status, "%s: %d %s", file,
                  sample.fault.status, sample.fault.phrase);
    if (messages[_i].status != 0)
        ck_assert_msg(strcmp(sample.fault.phrase, messages[_i].phrase) == 0, "%s: %s", file,
                      sample.fault.phrase);
}
END_TEST

START_TEST(escapes_nuls_and_unknown_names_are_left_alone)
{
    struct sip_values values;
    struct sip_address address;
    struct span value;

    sample_parse_good(&sample, corpus_read("percent_where_it_is_no_escape"));
    ck_assert_int_eq(sample.message.method, SIP_METHOD_OTHER);
    ck_assert_uint_eq(sip_count(&sample.message, SIP_CONTACT), 2);
    ck_assert_ptr_nonnull(sip_header_named(&sample.message, SPAN("c%6fntact")));

    sample_parse_good(&sample, corpus_read("escaped_nul_in_users"));
    values = sip_values_of(&sample.message, SIP_CONTACT);
    ck_assert(sip_values_next(&values, &value));
    ck_assert_int_eq(sip_address_parse(value, &address), STATUS_OK);
    ck_assert_span_eq(address.uri.user, "%00");
    ck_assert(sip_values_next(&values, &value));
    ck_assert_int_eq(sip_address_parse(value, &address), STATUS_OK);
    ck_assert_span_eq(address.uri.user, "%00%00");
    ck_assert(!sip_values_next(&values, &value));
}
END_TEST

START_TEST(white_space_and_compact_names_change_nothing)
{
    struct sip_values values;
    struct sip_via via;
    struct span value;

    sample_parse_good(&sample, corpus_read("white_space_everywhere"));
    ck_assert_int_eq(sample.message.max_forwards, 68);
    ck_assert_uint_eq(sample.message.cseq.number, 9);
    ck_assert_span_eq(sample.message.via.branch, "390skdj");
    ck_assert_span_eq(sample.message.from.tag, "98");
    ck_assert_span_eq(sample.message.to.tag, "19n");
    values = sip_values_of(&sample.message, SIP_VIA);
    for (int i = 0; i < 3; i++) {
        ck_assert(sip_values_next(&values, &value));
        ck_assert_int_eq(sip_via_parse(value, &via), STATUS_OK);
    }
    ck_assert_span_eq(via.host, "192.168.255.111");
    ck_assert(!sip_values_next(&values, &value));

    sample_parse_good(&sample, corpus_read("compact_names"));
    ck_assert_span_eq(sample.message.body, "hi");
    ck_assert(sip_lists(&sample.message, SIP_SUPPORTED, SPAN("PATH")));
    ck_assert(!sip_lists(&sample.message, SIP_SUPPORTED, SPAN("pat")));
}
END_TEST

START_TEST(octets_behind_the_body_are_cut_off)
{
    struct span bytes = corpus_read("a_second_request_behind_it");

    sample_parse_good(&sample, bytes);
    ck_assert_int_eq(sample.message.method, SIP_REGISTER);
    ck_assert_uint_eq(sample.message.body.len, 0);
    ck_assert_uint_lt(sample.message.bytes.len, bytes.len);

    sample_parse_good(&sample, corpus_read("as_rfc2543_had_it"));
    ck_assert_uint_gt(sample.message.body.len, 0);
    ck_assert_int_eq(sample.message.max_forwards, -1);

    sample_parse_good(&sample, corpus_read("binary_body"));
    ck_assert_uint_eq(sample.message.body.len, 12);
}
END_TEST

START_TEST(only_what_can_be_answered_is_called_answerable)
{
    static const struct {
        const char *text;
        bool answerable;
    } cases[] = {
        {"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n", true},
        {"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;;\r\n\r\n", true},
        {"OPTIONS <>\r\nVia: SIP/2.0/UDP h\r\n\r\n", true},
        {"ACK sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n", false},
        {"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP\r\n\r\n", false},
        {"OPTIONS sip:x SIP/2.0\r\n\r\n", false},
        {"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n\r\n", false},
        {"\r\n\r\n", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sample_parse(&sample, span_of(cases[i].text));
        ck_assert_int_eq(sample.result, SIP_MALFORMED);
        ck_assert_msg(sample.message.answerable == cases[i].answerable, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(a_body_over_the_limit_is_413)
{
    struct sip_limits limits = sip_limits_default;
    struct span bytes = corpus_read("publish");

    sample_parse_good(&sample, bytes);
    limits.body_bytes = sample.message.body.len - 1;
    ck_assert_int_eq(sip_parse_datagram(bytes, &limits, &sample.message, &sample.fault),
                     SIP_MALFORMED);
    ck_assert_int_eq(sample.fault.status, 413);
    ck_assert(sample.message.answerable);
    limits = sip_limits_default;
    limits.header_bytes = 100;
    ck_assert_int_eq(sip_parse_datagram(bytes, &limits, &sample.message, &sample.fault),
                     SIP_MALFORMED);
    ck_assert_int_eq(sample.fault.status, 513);
}
END_TEST

#define HEAD "MESSAGE sip:b@x SIP/2.0\r\nl: 2\r\n\r\n"

static enum sip_parse_result frame_of(const char *text, struct sip_frame *frame)
{
    *frame = (struct sip_frame){0};
    sample.fault = (struct sip_fault){0};
    return sip_frame_stream(span_of(text), &sip_limits_default, frame, &sample.fault);
}

START_TEST(a_stream_is_cut_by_content_length)
{
    struct sip_frame frame;

    ck_assert_int_eq(frame_of(HEAD "hiMESSAGE", &frame), SIP_PARSED);
    ck_assert_uint_eq(frame.message_bytes, strlen(HEAD) + 2);
    ck_assert_int_eq(frame_of(HEAD "h", &frame), SIP_INCOMPLETE);
    ck_assert_uint_eq(frame.message_bytes, strlen(HEAD) + 2);
    ck_assert_int_eq(frame_of("\r\n\r\n\r\n" HEAD "hi", &frame), SIP_PARSED);
    ck_assert_uint_eq(frame.skip_bytes, 6);
    ck_assert_uint_eq(frame.pings, 1);
}
END_TEST

START_TEST(a_keepalive_is_seen_however_it_arrives)
{
    struct sip_frame frame;

    ck_assert_int_eq(frame_of("\r\n\r\n", &frame), SIP_INCOMPLETE);
    ck_assert(frame.pings == 1 && frame.skip_bytes == 4);
    for (size_t len = 1; len < 4; len++) {
        frame = (struct sip_frame){0};
        ck_assert_int_eq(sip_frame_stream((struct span){"\r\n\r", len}, &sip_limits_default, &frame,
                                          &sample.fault),
                         SIP_INCOMPLETE);
        ck_assert(frame.pings == 0 && frame.skip_bytes == 0 && frame.scanned_bytes == 0);
    }
}
END_TEST

START_TEST(a_stream_whose_framing_is_lost_says_why)
{
    static const struct {
        const char *text;
        const char *phrase;
    } cases[] = {
        {"A sip:x SIP/2.0\r\nTo: x\r\n\r\n", "Missing Content-Length"},
        {"A sip:x SIP/2.0\r\nl: 2\r\nContent-Length : 2\r\n\r\nhi", "Multiple Content-Length"},
        {"A sip:x SIP/2.0\r\nContent-Length: -999\r\n\r\n", "Malformed Content-Length"},
        {"A sip:x SIP/2.0\r\nContent-Length: five\r\n\r\n", "Malformed Content-Length"},
        {"A sip:x SIP/2.0\r\nContent-Length:\r\n 99999999\r\n\r\n", "Request Entity Too Large"},
    };
    struct sip_frame frame;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(frame_of(cases[i].text, &frame), SIP_MALFORMED);
        ck_assert_str_eq(sample.fault.phrase, cases[i].phrase);
        ck_assert_uint_gt(frame.message_bytes, 0);
    }
    memset(octets, 'a', sizeof(octets));
    frame = (struct sip_frame){0};
    ck_assert_int_eq(sip_frame_stream((struct span){octets, sizeof(octets)}, &sip_limits_default,
                                      &frame, &sample.fault),
                     SIP_MALFORMED);
    ck_assert_int_eq(sample.fault.status, 513);
}
END_TEST

suite_fn sip_parse_suite;

Suite *sip_parse_suite(void)
{
    Suite *suite = suite_create("sip/parse");
    TCase *tcase = tcase_create("RFC 3261 7");

    tcase_add_loop_test(tcase, each_message_is_taken_or_its_fault_is_named, 0,
                        sizeof(messages) / sizeof(messages[0]));
    tcase_add_test(tcase, escapes_nuls_and_unknown_names_are_left_alone);
    tcase_add_test(tcase, white_space_and_compact_names_change_nothing);
    tcase_add_test(tcase, octets_behind_the_body_are_cut_off);
    tcase_add_test(tcase, only_what_can_be_answered_is_called_answerable);
    tcase_add_test(tcase, a_body_over_the_limit_is_413);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("RFC 3261 18.3");
    tcase_add_test(tcase, a_stream_is_cut_by_content_length);
    tcase_add_test(tcase, a_keepalive_is_seen_however_it_arrives);
    tcase_add_test(tcase, a_stream_whose_framing_is_lost_says_why);
    suite_add_tcase(suite, tcase);
    return suite;
}
