#include "tests/unit/run.h"
#include "tests/unit/sip/sample.h"

static struct sip_uri good(const char *text)
{
    struct sip_uri uri;

    ck_assert_msg(sip_uri_parse(span_of(text), &uri) == STATUS_OK, "%s", text);
    return uri;
}

START_TEST(every_part_of_a_sip_uri_is_found)
{
    struct sip_uri uri = good("SIPS:al%69ce;x=1:s%20cret@Atlanta.Example.COM:5061"
                              ";transport=TLS;lr?subject=a%20b&priority=urgent");

    ck_assert_int_eq(uri.scheme, SIP_SCHEME_SIPS);
    ck_assert_span_eq(uri.user, "al%69ce;x=1");
    ck_assert(uri.has_password);
    ck_assert_span_eq(uri.password, "s%20cret");
    ck_assert_span_eq(uri.host, "Atlanta.Example.COM");
    ck_assert_uint_eq(uri.port, 5061);
    ck_assert_span_eq(uri.params, ";transport=TLS;lr");
    ck_assert_span_eq(uri.headers, "subject=a%20b&priority=urgent");
}
END_TEST

START_TEST(an_ipv6_reference_loses_its_brackets_and_keeps_its_port_apart)
{
    struct sip_uri uri = good("sip:[2001:db8::10:5070]");

    ck_assert(uri.host_is_ipv6);
    ck_assert_span_eq(uri.host, "2001:db8::10:5070");
    ck_assert_uint_eq(uri.port, 0);
    uri = good("sip:bob@[::ffff:192.0.2.1]:5070;lr");
    ck_assert_span_eq(uri.host, "::ffff:192.0.2.1");
    ck_assert_uint_eq(uri.port, 5070);
}
END_TEST

START_TEST(parameters_are_found_without_case_and_through_escapes)
{
    struct sip_uri uri = good("sip:a@x;Transport=tcp;lr;m%61ddr=192.0.2.1");
    struct span value;

    ck_assert(sip_uri_parameter(&uri, SPAN("transport"), &value));
    ck_assert_span_eq(value, "tcp");
    ck_assert(sip_uri_parameter(&uri, SPAN("maddr"), &value));
    ck_assert_span_eq(value, "192.0.2.1");
    ck_assert(sip_uri_parameter(&uri, SPAN("LR"), &value));
    ck_assert(span_empty(value));
    ck_assert(!sip_uri_parameter(&uri, SPAN("ttl"), &value));
}
END_TEST

static const char *const accepted[] = {
    "sip:x",
    "sip:example.com.",
    "sip:user;par=u%40example.net@example.com",
    "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sip:1*unusual'~(user)@x",
    "sip:a@x;[p]=/:&+$",
    "sip:a@x?h=",
    "sip:%00@x",
    "sip:[2001:db8:::192.0.2.1]",
    "soap.beep://192.0.2.103:3002",
    "nobodyKnowsThisScheme:totallyopaquecontent",
    "isbn:2983792873",
    "urn:service:sos",
    "tel:+358-555-1234567;postd=pp22",
    "im:alice@example.com",
};

START_TEST(a_uri_of_the_grammar_parses)
{
    good(accepted[_i]);
}
END_TEST

static const char *const refused[] = {
    "",
    "sip",
    "sip:",
    ":x",
    "1x:y",
    "a b:c",
    "sip:@x",
    "sip:a@",
    "sip:a@@x",
    "sip:a b@x",
    "sip:a%4@x",
    "sip:a%zz@x",
    "sip:a<b@x",
    "sip:a@x:",
    "sip:a@x:0",
    "sip:a@x:65536",
    "sip:a@x:50a",
    "sip:a@x;",
    "sip:a@x;;lr",
    "sip:a@x;lr=",
    "sip:a@x;p=\"q\"",
    "sip:a@x?",
    "sip:a@x?h",
    "sip:a@x?h=1&",
    "sip:a@x?h=1@",
    "sip:a@x y",
    "sip:a@.x",
    "sip:a@x..y",
    "sip:2001:db8::10",
    "sip:[2001:db8::10",
    "sip:[2001:db8::1g]",
    "sip:[1.2.3.4]",
    "sip:[::1]x",
    "<sip:a@x>",
    "http:",
    "http:a b",
    "http:a%2",
};

START_TEST(what_is_no_uri_is_refused)
{
    struct sip_uri uri;

    ck_assert_msg(sip_uri_parse(span_of(refused[_i]), &uri) == STATUS_MALFORMED, "%s", refused[_i]);
}
END_TEST

/* RFC 3261 section 19.1.4 prints the first of both tables. */
/* clang-format off */
static const struct {
    const char *a;
    const char *b;
    bool equal;
} pairs[] = {
    {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
    {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
    {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
    {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
     "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
    {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
     "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
    {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
    {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
    {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
    {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
    {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
    {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
    {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
    {"sip:a@x", "sips:a@x", false},
    {"sip:a@x;user=ip", "sip:a@x", false},
    {"sip:a@x;ttl=1", "sip:a@x", false},
    {"sip:a@x;maddr=192.0.2.1", "sip:a@x", false},
    {"sip:a@x", "sip:x", false},
    {"sip:a:p@x", "sip:a@x", false},
    {"sip:a:@x", "sip:a@x", false},
    {"sip:a:p@x", "sip:a:P@x", false},
    {"sip:a%3bb@x", "sip:a;b@x", false}, /* reserved: another than its escape */
    {"sip:a%3bb@x", "sip:a%3Bb@x", true},
    {"sip:a%00@x", "sip:a%00%00@x", false},
    {"sip:a@x;lr", "sip:a@x;lr;q=1", true},
    {"sip:a@x?h=1&h=1", "sip:a@x?h=1", false},
    {"sip:a@x?h=1&h=2", "sip:a@x?h=2&h=1", true},
    {"sip:a@[2001:DB8::1]", "sip:a@[2001:db8::1]", true},
    {"tel:+1-212-555-0101", "tel:+12125550101", true},
    {"tel:+12125550101;ext=7", "tel:+12125550101", false},
    {"tel:5550101;phone-context=EXAMPLE.com;ext=7", "tel:555-0101;ext=7;phone-context=example.com", true},
    {"tel:+1;ext=1;ext=2", "tel:+1;ext=2;ext=1", true},
    {"sip:a@x;p=1;p=2", "sip:a@x;p=2;p=1", true},
    {"http://x/A", "HTTP://x/A", true},
    {"http://x/A", "http://x/a", false},
    {"http:x", "ftp:x", false},
};
/* clang-format on */

START_TEST(uris_are_compared_as_section_19_1_4_says)
{
    struct sip_uri a = good(pairs[_i].a), b = good(pairs[_i].b);

    ck_assert_msg(sip_uri_equal(&a, &b) == pairs[_i].equal, "%s and %s", pairs[_i].a, pairs[_i].b);
    ck_assert(sip_uri_equal(&b, &a) == pairs[_i].equal);
    ck_assert(sip_uri_equal(&a, &a) && sip_uri_equal(&b, &b));
}
END_TEST

static const struct {
    const char *uri;
    const char *aor;
} aors[] = {
    {"sip:alice@Example.COM", "alice@example.com"},
    {"sips:Alice:pw@example.com.:5061;transport=tls?a=b", "Alice@example.com"},
    {"sip:%61l%69ce@example.com", "alice@example.com"},
    {"sip:a%3bb%40c@x", "a%3Bb%40c@x"},
    {"sip:null-%00-null@x", "null-%00-null@x"},
    {"sip:j%c3%b6rg@x", "j%C3%B6rg@x"},
    {"sip:user;par=u@x", "user;par=u@x"},
    {"sip:Example.com", "example.com"},
    {"sip:a@[2001:DB8::1]:5060", "a@[2001:db8::1]"},
};

START_TEST(an_aor_has_one_canonical_form)
{
    struct sip_uri uri = good(aors[_i].uri);
    char out[SIP_AOR_BYTES_MAX];
    struct span aor;

    ck_assert_int_eq(sip_uri_canonical_aor(&uri, out, sizeof(out), &aor), STATUS_OK);
    ck_assert_span_eq(aor, aors[_i].aor);
    ck_assert_int_eq(sip_uri_canonical_aor(&uri, out, aor.len, &aor), STATUS_OK);
    ck_assert_int_eq(sip_uri_canonical_aor(&uri, out, aor.len - 1, &aor), STATUS_LIMIT);
}
END_TEST

START_TEST(only_sip_and_sips_make_an_aor)
{
    struct sip_uri uri = good("tel:+1");
    char out[SIP_AOR_BYTES_MAX];
    struct span aor;

    ck_assert_int_eq(sip_uri_canonical_aor(&uri, out, sizeof(out), &aor), STATUS_MALFORMED);
}
END_TEST

START_TEST(an_escape_is_resolved_once_and_a_nul_cuts_nothing)
{
    char out[32];
    struct span plain;

    ck_assert_int_eq(sip_uri_unescape(SPAN("value%2541"), out, sizeof(out), &plain), STATUS_OK);
    ck_assert_span_eq(plain, "value%41");
    ck_assert_int_eq(sip_uri_unescape(SPAN("a%00b"), out, sizeof(out), &plain), STATUS_OK);
    ck_assert_uint_eq(plain.len, 3);
    ck_assert_int_eq(sip_uri_unescape(SPAN("abc"), out, 2, &plain), STATUS_LIMIT);
}
END_TEST

#define LOOP(test, table) tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))

suite_fn sip_uri_suite;

Suite *sip_uri_suite(void)
{
    Suite *suite = suite_create("sip/uri");
    TCase *tcase = tcase_create("RFC 3261 19.1.1");

    tcase_add_test(tcase, every_part_of_a_sip_uri_is_found);
    tcase_add_test(tcase, an_ipv6_reference_loses_its_brackets_and_keeps_its_port_apart);
    tcase_add_test(tcase, parameters_are_found_without_case_and_through_escapes);
    LOOP(a_uri_of_the_grammar_parses, accepted);
    LOOP(what_is_no_uri_is_refused, refused);
    tcase_add_test(tcase, an_escape_is_resolved_once_and_a_nul_cuts_nothing);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("RFC 3261 19.1.4");
    LOOP(uris_are_compared_as_section_19_1_4_says, pairs);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("RFC 3261 10.3");
    LOOP(an_aor_has_one_canonical_form, aors);
    tcase_add_test(tcase, only_sip_and_sips_make_an_aor);
    suite_add_tcase(suite, tcase);
    return suite;
}
