/* test_auth.c - whom a server and a proxy believe, request by request (RFC 3261 section 22). */
#include "server/service/auth.h"
#include "server/sip/digest.h"
#include "server/sip/parse.h"
#include "tests/unit/run.h"
#include "tests/unit/transaction/rig.h"

Suite *service_auth_suite(void);

enum { FAILURES_MAX = 3, LOCKOUT_S = 60 };

/* The layers below auth: transactions over a recorder, a state whose storage is scripted. */
static struct rig *rig;
static struct loop *loop;
static struct transport *transport;
static struct state *state;
static struct requests *requests;
static struct auth *auth;
static const struct mac_key tag_key = {{5, 6}};

static const struct domain_row org = {
    .id = 1,
    .name = {"example.org", 11},
    .authentication = true,
    .algorithms = {DIGEST_SHA256, DIGEST_MD5},
    .algorithm_count = 2,
};

static struct domain_row domain; /* as the requests see it */

/* What is asked, and what became of it. */
typedef bool may_fn(struct auth *self, struct request *request, const struct domain_row *domain,
                    struct span aor);
static may_fn *may;
static const char *aor;
static bool allowed;

static void on_request(void *context, struct sip_message *message, const struct flow *from,
                       struct handle transaction, struct handle invite)
{
    struct request *request = request_new(requests, message, from, transaction);

    (void)context;
    (void)invite;
    allowed = may(auth, request, &domain, span_of(aor));
    if (!allowed)
        return;
    request_compose(request, 200, (struct span){0}, (struct span){0}, false);
    request_answer(request);
}

static void put_account(int64_t id, const char *name, const char *address, bool disabled)
{
    char md5[DIGEST_HEX_MAX], sha256[DIGEST_HEX_MAX];
    struct account_row row = {.id = id,
                              .aor = span_of(address),
                              .domain = org.name,
                              .username = span_of(name),
                              .disabled = disabled};

    row.ha1_md5 =
        (struct span){md5, sip_digest_ha1(DIGEST_MD5, row.username, org.name, SPAN("secret"), md5)};
    row.ha1_sha256 = (struct span){
        sha256, sip_digest_ha1(DIGEST_SHA256, row.username, org.name, SPAN("secret"), sha256)};
    accounts_put(state->accounts, &row);
}

static void set_up(void)
{
    const struct transaction_options transactions = {0};
    const struct transport_options none = {0};
    const struct state_options options = {
        .storage = {.node_id = 1},
        .batch = {.rows_max = 10, .bytes_max = 1000, .patience_us = 1000},
        .publication = {.per_resource_max = 4, .publications_max = 4},
        .subscription = {.per_resource_max = 4, .per_watcher_max = 4, .subscriptions_max = 4},
        .bindings_max = 4,
        .expiry_per_s = 10};
    const struct auth_options auth_options = {.nonce_life_s = 60,
                                              .nonces_max = 8,
                                              .nonce_window = 8,
                                              .failures_max = FAILURES_MAX,
                                              .lockout_s = LOCKOUT_S};

    rig = rig_new(&transactions, false);
    loop = loop_new();
    transport = transport_new(loop, NULL, rig->metrics, &none);
    state = state_new(loop, NULL, rig->metrics, transport, &options);
    requests = requests_new(loop, NULL, rig->metrics, rig->transactions, &tag_key, 16);
    auth = auth_new(state, rig->metrics, &auth_options);
    transactions_on_request(rig->transactions, on_request, NULL);
    domain = org;
    domains_put(state->domains, &org);
    put_account(1, "alice", "alice@example.org", false);
    put_account(2, "bob", "bob@example.org", false);
    put_account(3, "carol", "carol@example.org", true);
    may = auth_may_forward;
    aor = "alice@example.org";
}

static void tear_down(void)
{
    ck_assert_uint_eq(requests_count(requests), 0);
    auth_free(auth);
    requests_free(requests);
    state_free(state);
    transport_free(transport);
    loop_free(loop);
    rig_free(rig);
}

/* Sends a MESSAGE with those header lines; the status of the answer. */
static int ask(const char *lines)
{
    static unsigned number;
    static char text[RIG_TEXT];
    struct sip_message message;
    struct sip_fault fault = {0};

    number++;
    snprintf(text, sizeof(text),
             "MESSAGE sip:bob@example.org SIP/2.0\r\n"
             "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%u\r\n"
             "Max-Forwards: 70\r\n"
             "From: <sip:alice@example.org>;tag=from\r\n"
             "To: <sip:bob@example.org>\r\n"
             "Call-ID: call%u\r\n"
             "CSeq: 17 MESSAGE\r\n"
             "%s"
             "Content-Length: 0\r\n\r\n",
             number, number, lines);
    ck_assert_int_eq(sip_parse_datagram(span_of(text), &sip_limits_default, &message, &fault),
                     SIP_PARSED);
    rig->last[0] = '\0';
    transactions_receive(rig->transactions, &message, &rig->peer);
    ck_assert_int_eq(strncmp(rig->last, "SIP/2.0 ", 8), 0);
    return (int)strtol(rig->last + 8, NULL, 10);
}

static bool says(const char *words)
{
    return strstr(rig->last, words) != NULL;
}

/* The nonce of the last challenge. */
static struct span challenged_nonce(void)
{
    static char nonce[200];
    const char *begin = strstr(rig->last, "nonce=\"");
    size_t len;

    ck_assert_ptr_nonnull(begin);
    begin += strlen("nonce=\"");
    len = strcspn(begin, "\"");
    ck_assert_uint_lt(len, sizeof(nonce));
    memcpy(nonce, begin, len);
    return (struct span){nonce, len};
}

struct credentials {
    const char *header;
    const char *username;
    const char *realm;
    const char *password;
    const char *uri;
    struct span nonce;
    unsigned nc;
};

static struct credentials good(const char *header, struct span nonce, unsigned nc)
{
    return (struct credentials){.header = header,
                                .username = "alice",
                                .realm = "example.org",
                                .password = "secret",
                                .uri = "sip:bob@example.org",
                                .nonce = nonce,
                                .nc = nc};
}

/* One header line with credentials by MD5. */
static const char *line_of(const struct credentials *self)
{
    static char lines[4][800];
    static unsigned turn;
    char *line = lines[turn++ % 4];
    char ha1[DIGEST_HEX_MAX], response[DIGEST_HEX_MAX], nc[16];
    struct sip_digest_input input = {.algorithm = DIGEST_MD5,
                                     .nonce = self->nonce,
                                     .cnonce = SPAN("c"),
                                     .qop = SIP_QOP_AUTH,
                                     .method = SPAN("MESSAGE"),
                                     .uri = span_of(self->uri)};

    snprintf(nc, sizeof(nc), "%08x", self->nc);
    input.nc = span_of(nc);
    input.ha1_hex =
        (struct span){ha1, sip_digest_ha1(DIGEST_MD5, span_of(self->username), span_of(self->realm),
                                          span_of(self->password), ha1)};
    snprintf(line, sizeof(lines[0]),
             "%s: Digest username=\"%s\", realm=\"%s\", nonce=\"" SPAN_FMT
             "\", uri=\"%s\", response=\"%.*s\", algorithm=MD5, qop=auth, nc=%s, cnonce=\"c\"\r\n",
             self->header, self->username, self->realm, SPAN_ARG(self->nonce), self->uri,
             (int)sip_digest_response(&input, response), response, nc);
    return line;
}

static int ask_with(const struct credentials *credentials)
{
    return ask(line_of(credentials));
}

/* ---- RFC 3261 section 22.3: a proxy ---- */

START_TEST(a_proxy_challenges_with_407_the_preferred_algorithm_first)
{
    const char *first, *second;

    ck_assert_int_eq(ask(""), 407);
    ck_assert(!allowed);
    ck_assert(says("SIP/2.0 407 Proxy Authentication Required\r\n"));
    ck_assert(!says("WWW-Authenticate"));
    first = strstr(rig->last, "Proxy-Authenticate: Digest realm=\"example.org\"");
    ck_assert_ptr_nonnull(first);
    second = strstr(first + 1, "Proxy-Authenticate: ");
    ck_assert_ptr_nonnull(second);
    ck_assert(strstr(first, "SHA-256") < second);
    ck_assert_ptr_nonnull(strstr(second, "MD5"));
}
END_TEST

START_TEST(who_proves_it_in_proxy_authorization_may_send)
{
    struct credentials credentials;

    ck_assert_int_eq(ask(""), 407);
    credentials = good("Proxy-Authorization", challenged_nonce(), 1);
    ck_assert_int_eq(ask_with(&credentials), 200);
    ck_assert(allowed);
    /* the same once more is a replay */
    ck_assert_int_eq(ask_with(&credentials), 407);
    ck_assert(says("stale=true"));
    credentials.nc = 2;
    ck_assert_int_eq(ask_with(&credentials), 200);
}
END_TEST

START_TEST(authorization_for_our_realm_is_taken_by_a_proxy_too)
{
    struct credentials credentials;

    may = auth_may_act;
    ck_assert_int_eq(ask(""), 401);
    may = auth_may_forward;
    credentials = good("Authorization", challenged_nonce(), 1);
    ck_assert_int_eq(ask_with(&credentials), 200);
}
END_TEST

START_TEST(authorization_for_another_server_is_none_of_a_proxys_business)
{
    struct credentials credentials = good("Authorization", SPAN("theirs"), 1);

    credentials.realm = "example.com";
    ck_assert_int_eq(ask_with(&credentials), 407);
    ck_assert_int_eq(ask("Authorization: Digest nonsense\r\n"), 407);
}
END_TEST

START_TEST(ours_is_found_among_the_credentials_for_several_proxies)
{
    struct credentials theirs = good("Proxy-Authorization", SPAN("theirs"), 1);
    struct credentials ours;
    char lines[2000];

    theirs.realm = "example.com";
    ck_assert_int_eq(ask(""), 407);
    ours = good("Proxy-Authorization", challenged_nonce(), 1);
    snprintf(lines, sizeof(lines), "Proxy-Authorization: Digest x\r\n%s%s", line_of(&theirs),
             line_of(&ours));
    ck_assert_int_eq(ask(lines), 200);
}
END_TEST

START_TEST(malformed_credentials_get_a_400_that_names_them)
{
    ck_assert_int_eq(ask("Proxy-Authorization: Digest username=\"alice\"\r\n"), 400);
    ck_assert(says("400 Malformed Proxy-Authorization\r\n"));
    may = auth_may_act;
    ck_assert_int_eq(ask("Authorization: Digest username=\"alice\"\r\n"), 400);
    ck_assert(says("400 Malformed Authorization\r\n"));
}
END_TEST

START_TEST(who_sends_as_somebody_else_is_refused)
{
    struct credentials credentials;

    ck_assert_int_eq(ask(""), 407);
    credentials = good("Proxy-Authorization", challenged_nonce(), 1);
    credentials.username = "bob";
    ck_assert_int_eq(ask_with(&credentials), 403);
    ck_assert(says("403 Not Your Address Of Record\r\n"));
}
END_TEST

START_TEST(a_disabled_account_is_refused_with_the_right_password_only)
{
    struct credentials credentials;

    aor = "carol@example.org";
    ck_assert_int_eq(ask(""), 407);
    credentials = good("Proxy-Authorization", challenged_nonce(), 1);
    credentials.username = "carol";
    ck_assert_int_eq(ask_with(&credentials), 403);
    ck_assert(says("403 Account Disabled\r\n"));
    credentials.nc = 2;
    credentials.password = "wrong";
    ck_assert_int_eq(ask_with(&credentials), 407);
}
END_TEST

START_TEST(wrong_passwords_are_challenged_again_until_the_pause)
{
    struct credentials credentials;

    ck_assert_int_eq(ask(""), 407);
    credentials = good("Proxy-Authorization", challenged_nonce(), 1);
    credentials.password = "wrong";
    for (int i = 0; i < FAILURES_MAX; i++) {
        ck_assert_int_eq(ask_with(&credentials), 407);
        ck_assert(!says("stale=true"));
    }
    credentials.password = "secret";
    ck_assert_int_eq(ask_with(&credentials), 403);
    ck_assert(says("403 Too Many Failed Attempts\r\n"));
}
END_TEST

START_TEST(an_account_that_does_not_exist_is_challenged_like_any_other)
{
    aor = "nobody@example.org";
    ck_assert_int_eq(ask(""), 407);
}
END_TEST

START_TEST(credentials_made_for_another_server_are_refused)
{
    struct credentials credentials;

    ck_assert_int_eq(ask(""), 407);
    credentials = good("Proxy-Authorization", challenged_nonce(), 1);
    credentials.uri = "sip:bob@example.com";
    ck_assert_int_eq(ask_with(&credentials), 400);
}
END_TEST

START_TEST(a_suspended_domain_sends_nothing)
{
    domain.suspended = true;
    ck_assert_int_eq(ask(""), 403);
    ck_assert(says("403 Domain Suspended\r\n"));
}
END_TEST

START_TEST(without_authentication_the_sender_must_exist)
{
    domain.authentication = false;
    ck_assert_int_eq(ask(""), 200);
    aor = "nobody@example.org";
    ck_assert_int_eq(ask(""), 403);
    ck_assert(says("403 No Such Sender\r\n"));
    aor = "carol@example.org";
    ck_assert_int_eq(ask(""), 403);
    ck_assert(says("403 Account Disabled\r\n"));
}
END_TEST

/* ---- RFC 3261 section 22.2: a server ---- */

START_TEST(a_server_challenges_with_401_and_looks_into_authorization_alone)
{
    struct credentials credentials;

    may = auth_may_act;
    ck_assert_int_eq(ask(""), 401);
    ck_assert(says("WWW-Authenticate: Digest realm=\"example.org\""));
    ck_assert(!says("Proxy-Authenticate"));
    credentials = good("Proxy-Authorization", challenged_nonce(), 1);
    ck_assert_int_eq(ask_with(&credentials), 401);
    credentials.header = "Authorization";
    ck_assert_int_eq(ask_with(&credentials), 200);
}
END_TEST

START_TEST(a_server_without_authentication_says_404_for_who_does_not_exist)
{
    may = auth_may_act;
    domain.authentication = false;
    aor = "nobody@example.org";
    ck_assert_int_eq(ask(""), 404);
    ck_assert(says("404 No Such Account\r\n"));
}
END_TEST

START_TEST(a_trusted_peer_is_believed_on_behalf_of_its_domain_alone)
{
    struct trusted_peer_row peer = {.id = 1, .family = 4, .domain = SPAN("example.net")};

    may = auth_may_act;
    trusted_peers_put(state->trusted_peers, &peer);
    ck_assert_int_eq(ask(""), 401);
    peer.domain = org.name;
    trusted_peers_put(state->trusted_peers, &peer);
    ck_assert_int_eq(ask(""), 200);
    aor = "nobody@example.org";
    ck_assert_int_eq(ask(""), 404);
}
END_TEST

static void add_proxy_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_proxy_challenges_with_407_the_preferred_algorithm_first);
    tcase_add_test(tcase, who_proves_it_in_proxy_authorization_may_send);
    tcase_add_test(tcase, authorization_for_our_realm_is_taken_by_a_proxy_too);
    tcase_add_test(tcase, authorization_for_another_server_is_none_of_a_proxys_business);
    tcase_add_test(tcase, ours_is_found_among_the_credentials_for_several_proxies);
    tcase_add_test(tcase, malformed_credentials_get_a_400_that_names_them);
    tcase_add_test(tcase, who_sends_as_somebody_else_is_refused);
    tcase_add_test(tcase, a_disabled_account_is_refused_with_the_right_password_only);
    tcase_add_test(tcase, wrong_passwords_are_challenged_again_until_the_pause);
    tcase_add_test(tcase, an_account_that_does_not_exist_is_challenged_like_any_other);
    tcase_add_test(tcase, credentials_made_for_another_server_are_refused);
    tcase_add_test(tcase, a_suspended_domain_sends_nothing);
    tcase_add_test(tcase, without_authentication_the_sender_must_exist);
}

Suite *service_auth_suite(void)
{
    Suite *suite = suite_create("service/auth");
    TCase *proxy = tcase_create("RFC 3261 22.3");
    TCase *server = tcase_create("RFC 3261 22.2");

    tcase_add_checked_fixture(proxy, set_up, tear_down);
    add_proxy_tests(proxy);
    suite_add_tcase(suite, proxy);
    tcase_add_checked_fixture(server, set_up, tear_down);
    tcase_add_test(server, a_server_challenges_with_401_and_looks_into_authorization_alone);
    tcase_add_test(server, a_trusted_peer_is_believed_on_behalf_of_its_domain_alone);
    tcase_add_test(server, a_server_without_authentication_says_404_for_who_does_not_exist);
    suite_add_tcase(suite, server);
    return suite;
}
