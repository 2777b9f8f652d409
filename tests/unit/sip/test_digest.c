#include "server/sip/digest.h"
#include "tests/unit/run.h"
#include "tests/unit/sip/sample.h"

#define LOOP(test, table) tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))

/* The worked examples of RFC 2617 section 3.5 and RFC 7616 section 3.9.1; the last has no qop, as
   RFC 2069 had it: H(HA1:nonce:HA2) over the values of the first. */
static const struct {
    enum digest_algorithm algorithm;
    const char *username;
    const char *realm;
    const char *password;
    const char *method;
    const char *value;
} examples[] = {
    {DIGEST_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "GET",
     "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, "
     "nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", "
     "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""},
    {DIGEST_MD5, "Mufasa", "http-auth@example.org", "Circle of Life", "GET",
     "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "
     "algorithm=MD5, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
     "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "
     "response=\"8ca523f5e9506fed4657c9700eebdbec\", "
     "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""},
    {DIGEST_SHA256, "Mufasa", "http-auth@example.org", "Circle of Life", "GET",
     "DIGEST username=\"Mufasa\",realm=\"http-auth@example.org\",uri=\"/dir/index.html\","
     "algorithm=sha-256,nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",nc=00000001,"
     "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\",qop=auth,"
     "response=\"753927FA0E85D155564E2E272A28D1802CA10DAF4496794697CF8DB5856CB6C1\""},
    {DIGEST_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "GET",
     "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
     "response=\"670fd8c2df070c60b045671b8b24ff02\""},
};

START_TEST(the_worked_examples_of_the_rfcs_prove_their_password)
{
    struct sip_credentials credentials;
    char ha1[DIGEST_HEX_MAX];
    struct span ha1_hex;
    enum digest_algorithm algorithm = examples[_i].algorithm;

    ck_assert_int_eq(sip_credentials_parse(span_of(examples[_i].value), &credentials), STATUS_OK);
    ck_assert(credentials.is_digest && credentials.algorithm_known);
    ck_assert_int_eq(credentials.algorithm, algorithm);
    ha1_hex = (struct span){ha1, sip_digest_ha1(algorithm, span_of(examples[_i].username),
                                                span_of(examples[_i].realm),
                                                span_of(examples[_i].password), ha1)};
    ck_assert(sip_credentials_prove(&credentials, ha1_hex, span_of(examples[_i].method),
                                    (struct span){0}));
    ck_assert(!sip_credentials_prove(&credentials, ha1_hex, SPAN("PUT"), (struct span){0}));
    ha1[0] = ha1[0] == '0' ? '1' : '0';
    ck_assert(!sip_credentials_prove(&credentials, ha1_hex, span_of(examples[_i].method),
                                     (struct span){0}));
}
END_TEST

START_TEST(auth_int_covers_the_body)
{
    struct sip_credentials credentials;
    struct sip_digest_input input = {.algorithm = DIGEST_SHA512_256,
                                     .ha1_hex = SPAN("00"),
                                     .nonce = SPAN("n"),
                                     .nc = SPAN("0000000a"),
                                     .cnonce = SPAN("c"),
                                     .qop = SIP_QOP_AUTH_INT,
                                     .method = SPAN("PUBLISH"),
                                     .uri = SPAN("sip:a@x"),
                                     .body = SPAN("body")};
    char hex[DIGEST_HEX_MAX], value[512];
    size_t len = sip_digest_response(&input, hex);

    ck_assert_uint_eq(len, 64);
    snprintf(value, sizeof(value),
             "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:a@x\",qop=\"auth-int\","
             "nc=0000000A,cnonce=\"c\",algorithm=SHA-512-256,response=\"%.*s\"",
             (int)len, hex);
    ck_assert_int_eq(sip_credentials_parse(span_of(value), &credentials), STATUS_OK);
    ck_assert_int_eq(credentials.qop, SIP_QOP_AUTH_INT);
    ck_assert_uint_eq(credentials.nc, 10);
    /* nc is hashed as it was sent, and it was sent otherwise */
    ck_assert(!sip_credentials_prove(&credentials, SPAN("00"), SPAN("PUBLISH"), SPAN("body")));
    credentials.nc_text = SPAN("0000000a");
    ck_assert(sip_credentials_prove(&credentials, SPAN("00"), SPAN("PUBLISH"), SPAN("body")));
    ck_assert(!sip_credentials_prove(&credentials, SPAN("00"), SPAN("PUBLISH"), SPAN("other")));
}
END_TEST

#define GOOD "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:a@x\", response=\"0\""

static const char *const bad[] = {
    "",
    "Digest",
    "Digest username",
    "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:a@x\"",
    GOOD ", realm=\"r\"",
    (GOOD ", RESPONSE=\"0\""),
    (GOOD ", qop=auth"),
    (GOOD ", qop=auth, nc=00000001"),
    (GOOD ", qop=auth, nc=1, cnonce=\"c\""),
    (GOOD ", qop=auth, nc=0000000g, cnonce=\"c\""),
    (GOOD ", opaque=\"o"),
    (GOOD ", opaque="),
    (GOOD ", opaque=\"o\"x"),
    (GOOD "; opaque=\"o\""),
    ("Digest, " GOOD),
};

START_TEST(credentials_that_are_ambiguous_or_broken_are_refused)
{
    struct sip_credentials credentials;

    ck_assert_msg(sip_credentials_parse(span_of(bad[_i]), &credentials) == STATUS_MALFORMED, "%s",
                  bad[_i]);
}
END_TEST

START_TEST(what_we_cannot_compute_never_proves_anything)
{
    static const char *const values[] = {GOOD ", algorithm=MD5-sess", GOOD ", algorithm=ROT13",
                                         GOOD ", qop=other, nc=00000001, cnonce=\"c\"",
                                         "NoOneKnowsThisScheme opaque-data=here", "Basic YTpi"};
    struct sip_credentials credentials;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ck_assert_int_eq(sip_credentials_parse(span_of(values[i]), &credentials), STATUS_OK);
        ck_assert(!sip_credentials_prove(&credentials, SPAN("0"), SPAN("GET"), SPAN("")));
    }
}
END_TEST

START_TEST(a_quoted_username_keeps_its_escapes_and_says_so)
{
    struct sip_credentials credentials;
    char out[16];
    struct span plain;

    ck_assert_int_eq(sip_credentials_parse(SPAN("Digest username=\"a\\\"b, c\", realm=\"r\",\r\n"
                                                " nonce=\"n\", uri=\"sip:a@x\", response=0,, x=y"),
                                           &credentials),
                     STATUS_OK);
    ck_assert(credentials.username_escaped);
    ck_assert_span_eq(credentials.username, "a\\\"b, c");
    ck_assert_int_eq(sip_unescape_quoted(credentials.username, out, sizeof(out), &plain),
                     STATUS_OK);
    ck_assert_span_eq(plain, "a\"b, c");
    ck_assert_int_eq(credentials.qop, SIP_QOP_NONE);
}
END_TEST

START_TEST(a_challenge_names_all_it_offers)
{
    struct sip_challenge challenge = {.realm = SPAN("example.org"),
                                      .nonce = SPAN("n1"),
                                      .algorithm = DIGEST_SHA256,
                                      .qop_auth = true,
                                      .stale = true};
    char memory[256];
    struct buffer buffer;

    buffer_init_fixed(&buffer, memory, sizeof(memory));
    sip_challenge_compose(&buffer, SPAN("WWW-Authenticate"), &challenge);
    ck_assert_span_eq(buffer_span(&buffer),
                      "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n1\", "
                      "algorithm=SHA-256, qop=\"auth\", stale=true\r\n");
    buffer_reset(&buffer);
    challenge = (struct sip_challenge){
        .realm = SPAN("x"), .nonce = SPAN("n"), .opaque = SPAN("o"), .algorithm = DIGEST_MD5};
    sip_challenge_compose(&buffer, SPAN("Proxy-Authenticate"), &challenge);
    ck_assert_span_eq(buffer_span(&buffer), "Proxy-Authenticate: Digest realm=\"x\", nonce=\"n\", "
                                            "opaque=\"o\", algorithm=MD5\r\n");
}
END_TEST

suite_fn sip_digest_suite;

Suite *sip_digest_suite(void)
{
    Suite *suite = suite_create("sip/digest");
    TCase *tcase = tcase_create("RFC 7616, RFC 2617");

    LOOP(the_worked_examples_of_the_rfcs_prove_their_password, examples);
    tcase_add_test(tcase, auth_int_covers_the_body);
    LOOP(credentials_that_are_ambiguous_or_broken_are_refused, bad);
    tcase_add_test(tcase, what_we_cannot_compute_never_proves_anything);
    tcase_add_test(tcase, a_quoted_username_keeps_its_escapes_and_says_so);
    tcase_add_test(tcase, a_challenge_names_all_it_offers);
    suite_add_tcase(suite, tcase);
    return suite;
}
