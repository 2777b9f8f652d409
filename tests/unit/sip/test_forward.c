#include "server/sip/forward.h"
#include "tests/unit/run.h"
#include "tests/unit/sip/sample.h"

Suite *sip_forward_suite(void);

static struct sample sample;
static char memory[8192];
static struct buffer out;

static const struct sip_source source = {{"192.0.2.9", 9}, 4444};

static struct sip_forward how_plain(void)
{
    return (struct sip_forward){
        .request_uri = SPAN("sip:b@192.0.2.7:5062"),
        .via = SPAN("Via: SIP/2.0/UDP p.x;branch=z9hG4bKours\r\n"),
        .source = &source,
    };
}

static const char *forwarded(const char *request, const struct sip_forward *how)
{
    sample_parse_good(&sample, span_of(request));
    buffer_init_fixed(&out, memory, sizeof(memory));
    sip_compose_forward(&out, &sample.message, how);
    ck_assert(!out.overflowed);
    return text_of(buffer_span(&out));
}

#define HEAD(uri)                                                                                  \
    "MESSAGE " uri " SIP/2.0\r\nVia: SIP/2.0/UDP pc.x;branch=z9hG4bK1;rport\r\n"                   \
    "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 7 MESSAGE\r\n"

#define HEAD_ON(hops)                                                                              \
    "MESSAGE sip:b@192.0.2.7:5062 SIP/2.0\r\nVia: SIP/2.0/UDP p.x;branch=z9hG4bKours\r\n"          \
    "Via: SIP/2.0/UDP pc.x;branch=z9hG4bK1;received=192.0.2.9;rport=4444\r\n" hops

#define PARTIES "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 7 MESSAGE\r\n"

START_TEST(what_a_proxy_need_not_touch_passes_octet_by_octet)
{
    const struct sip_forward how = how_plain();

    ck_assert_str_eq(forwarded(HEAD("sip:b@x") "max-forwards: 5\r\nX-Odd : a,\r\n  b\r\n"
                                               "c: text/plain;charset=\"utf-8\"\r\nl: 6\r\n\r\n"
                                               "a\r\n\r\nb",
                               &how),
                     HEAD_ON("Max-Forwards: 4\r\n") PARTIES
                     "X-Odd : a,\r\n  b\r\nc: text/plain;charset=\"utf-8\"\r\n"
                     "Content-Length: 6\r\n\r\na\r\n\r\nb");
}
END_TEST

START_TEST(hops_and_length_are_added_where_they_are_missing)
{
    const struct sip_forward how = how_plain();

    ck_assert_str_eq(forwarded(HEAD("sip:b@x") "\r\nhello", &how),
                     HEAD_ON("Max-Forwards: 70\r\n") PARTIES "Content-Length: 5\r\n\r\nhello");
}
END_TEST

START_TEST(breadth_and_record_route_are_ours)
{
    struct sip_forward how = how_plain();

    how.max_breadth = 30;
    how.record_route = SPAN("Record-Route: <sip:m@p.x;lr>\r\n");
    ck_assert_str_eq(forwarded(HEAD("sip:b@x") "Max-Breadth: 60\r\nRecord-Route: <sip:q;lr>\r\n"
                                               "Content-Length: 0\r\n\r\n",
                               &how),
                     HEAD_ON("Record-Route: <sip:m@p.x;lr>\r\nMax-Forwards: 70\r\n"
                             "Max-Breadth: 30\r\n") PARTIES
                     "Record-Route: <sip:q;lr>\r\nContent-Length: 0\r\n\r\n");
}
END_TEST

struct routes {
    const char *sentence;
    const char *route; /* of the request, whole lines */
    size_t taken;
    bool last_taken;
    const char *before, *behind;
    const char *left;
};

static const struct routes routes[] = {
    {"one of ours goes", "Route: <sip:p;lr>\r\n", 1, false, NULL, NULL, ""},
    {"what is behind it stays", "Route: <sip:p;lr>, <sip:q;lr>\r\nRoute: <sip:r;lr>\r\n", 1, false,
     NULL, NULL, "Route: <sip:q;lr>, <sip:r;lr>\r\n"},
    {"two lines of ours go", "Route: <sip:p;lr>\r\nRoute: <sip:p2;lr>\r\n", 2, false, NULL, NULL,
     ""},
    {"a Path comes before", "Route: <sip:p;lr>, <sip:q;lr>\r\n", 1, false, "<sip:e;lr>", NULL,
     "Route: <sip:e;lr>, <sip:q;lr>\r\n"},
    {"a Path stands alone", "", 0, false, "<sip:e;lr>, <sip:f;lr>", NULL,
     "Route: <sip:e;lr>, <sip:f;lr>\r\n"},
    {"a strict router gets the target as the last route", "Route: <sip:q>, <sip:r;lr>\r\n", 1,
     false, NULL, "sip:b@t", "Route: <sip:r;lr>, <sip:b@t>\r\n"},
    {"what a strict router put last goes", "Route: <sip:q;lr>, <sip:b@t>\r\n", 0, true, NULL, NULL,
     "Route: <sip:q;lr>\r\n"},
    {"and nothing may be left then", "Route: <sip:b@t>\r\n", 0, true, NULL, NULL, ""},
};

START_TEST(routes_are_taken_off_and_put_before)
{
    const struct routes *it = &routes[_i];
    struct sip_forward how = how_plain();
    char request[512], expected[1024];

    how.routes_taken = it->taken;
    how.last_route_taken = it->last_taken;
    how.route_before = span_of(it->before);
    how.route_behind = span_of(it->behind);
    snprintf(request, sizeof(request), HEAD("sip:b@x") "%s\r\n", it->route);
    snprintf(expected, sizeof(expected),
             HEAD_ON("%sMax-Forwards: 70\r\n") PARTIES "Content-Length: 0\r\n\r\n", it->left);
    ck_assert_msg(strcmp(forwarded(request, &how), expected) == 0, "%s: %s", it->sentence, memory);
}
END_TEST

static const struct {
    const char *value;
    bool ours;
} realms[] = {
    {"Digest username=\"a\", realm=\"x\", nonce=\"n\", uri=\"u\", response=\"00\"", true},
    {"Digest username=\"a\", realm=\"X\", nonce=\"n\", uri=\"u\", response=\"00\"", true},
    {"Digest username=\"a\", realm=\"y\", nonce=\"n\", uri=\"u\", response=\"00\"", false},
    {"Digest realm=\"x\"", false}, /* malformed: whose it is cannot be said */
    {"Basic realm=\"x\"", false},
    {"", false},
};

START_TEST(credentials_of_our_realm_go_no_further_and_those_of_others_do)
{
    struct sip_forward how = how_plain();
    char request[1024];

    how.realm = SPAN("x");
    snprintf(request, sizeof(request), HEAD("sip:b@x") "Proxy-Authorization: %s\r\n\r\n",
             realms[_i].value);
    ck_assert((strstr(forwarded(request, &how), "Proxy-Authorization") == NULL) == realms[_i].ours);
    snprintf(request, sizeof(request), HEAD("sip:b@x") "Authorization: %s\r\n\r\n",
             realms[_i].value);
    ck_assert((strstr(forwarded(request, &how), "Authorization") == NULL) == realms[_i].ours);
}
END_TEST

START_TEST(an_identity_that_a_stranger_asserts_goes_no_further)
{
    struct sip_forward how = how_plain();
    static const char request[] = HEAD("sip:b@x") "P-Asserted-Identity: <sip:boss@x>\r\n\r\n";

    ck_assert_ptr_null(strstr(forwarded(request, &how), "boss"));
    how.is_trusted = true;
    ck_assert_ptr_nonnull(strstr(forwarded(request, &how), "boss"));
}
END_TEST

struct way_back {
    const char *sentence;
    const char *came, *goes;
};

#define ANSWER "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 7 MESSAGE\r\n"

static const struct way_back ways_back[] = {
    {"a Via line of its own goes whole",
     "SIP/2.0 200 Fine by me\r\nVia: SIP/2.0/UDP p;branch=1\r\nVia: SIP/2.0/UDP "
     "q;branch=2\r\n" ANSWER "l: 1\r\n\r\nx",
     "SIP/2.0 200 Fine by me\r\nVia: SIP/2.0/UDP q;branch=2\r\n" ANSWER "l: 1\r\n\r\nx"},
    {"wherever it stands",
     "SIP/2.0 200 OK\r\n" ANSWER "v: SIP/2.0/UDP p;branch=1\r\nVia: SIP/2.0/UDP q;branch=2\r\n"
     "Content-Length: 0\r\n\r\n",
     "SIP/2.0 200 OK\r\n" ANSWER "Via: SIP/2.0/UDP q;branch=2\r\nContent-Length: 0\r\n\r\n"},
    {"of a list the first value goes",
     "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP p;branch=1, SIP/2.0/UDP q;branch=2\r\n" ANSWER
     "Content-Length: 0\r\n\r\n",
     "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP q;branch=2\r\n" ANSWER "Content-Length: 0\r\n\r\n"},
    {"a missing length is added",
     "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP p;branch=1\r\nVia: SIP/2.0/UDP q;branch=2\r\n" ANSWER
     "\r\nabc",
     "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP q;branch=2\r\n" ANSWER "Content-Length: 3\r\n\r\nabc"},
};

START_TEST(a_response_goes_back_without_our_via)
{
    const struct way_back *it = &ways_back[_i];

    sample_parse_good(&sample, span_of(it->came));
    buffer_init_fixed(&out, memory, sizeof(memory));
    sip_compose_backward(&out, &sample.message);
    ck_assert_msg(span_equal(buffer_span(&out), span_of(it->goes)), "%s: " SPAN_FMT, it->sentence,
                  SPAN_ARG(buffer_span(&out)));
}
END_TEST

START_TEST(what_concerns_the_ends_is_kept_without_the_hops)
{
    sample_parse_good(&sample,
                      SPAN(HEAD("sip:b@x") "Route: <sip:p;lr>\r\nRecord-Route: <sip:p;lr>\r\n"
                                           "Contact: <sip:a@h>\r\nMax-Forwards: 3\r\n"
                                           "Subject: hi\r\nc: message/cpim\r\nExpires: 5\r\n"
                                           "Authorization: Basic x\r\nContent-Length: 0\r\n\r\n"));
    buffer_init_fixed(&out, memory, sizeof(memory));
    sip_compose_end_to_end(&out, &sample.message);
    ck_assert_span_eq(buffer_span(&out),
                      PARTIES "Subject: hi\r\nc: message/cpim\r\nExpires: 5\r\n");
}
END_TEST

Suite *sip_forward_suite(void)
{
    Suite *suite = suite_create("sip/forward");
    TCase *tcase = tcase_create("RFC 3261 section 16.6");

    tcase_add_test(tcase, what_a_proxy_need_not_touch_passes_octet_by_octet);
    tcase_add_test(tcase, hops_and_length_are_added_where_they_are_missing);
    tcase_add_test(tcase, breadth_and_record_route_are_ours);
    tcase_add_loop_test(tcase, routes_are_taken_off_and_put_before, 0,
                        sizeof(routes) / sizeof(routes[0]));
    tcase_add_loop_test(tcase, credentials_of_our_realm_go_no_further_and_those_of_others_do, 0,
                        sizeof(realms) / sizeof(realms[0]));
    tcase_add_test(tcase, an_identity_that_a_stranger_asserts_goes_no_further);
    tcase_add_test(tcase, what_concerns_the_ends_is_kept_without_the_hops);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("RFC 3261 section 16.7");
    tcase_add_loop_test(tcase, a_response_goes_back_without_our_via, 0,
                        sizeof(ways_back) / sizeof(ways_back[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
