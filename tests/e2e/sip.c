/* sip.c - what a user agent and an administrator see of the server; each test is its sentence. */
#include "tests/support/cluster.h"
#include "tests/support/peer.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { ACCOUNTS = 80, SOON_MS = 2000, QUIET_MS = 300 };

/* Every test has two accounts of its own, so that none sees what another left. */
struct wire {
    struct cluster *cluster;
    struct peer alice, bob;
    char alice_name[32];
    const char *domain;
    int port;
    int next;
    char etag[128];
    char dialog_to[512];
    char target[256];
};

static struct wire w;

static void name_of(int number, char out[32])
{
    snprintf(out, 32, "w%03d", number);
}

static void set_up(void)
{
    char name[32];

    name_of(w.next++, w.alice_name);
    name_of(w.next++, name);
    peer_start(&w.alice, w.port, w.alice_name, w.domain, "secret");
    peer_start(&w.bob, w.port, name, w.domain, "secret");
}

static void tear_down(void)
{
    peer_stop(&w.alice);
    peer_stop(&w.bob);
    memset(&w.alice, 0, sizeof(w.alice));
    memset(&w.bob, 0, sizeof(w.bob));
    ck_assert_str_eq(cluster_ask(w.cluster, "select count(*) from presence.invariant"), "0");
}

static const char *about_alice(const char *format)
{
    static char text[512];

    snprintf(text, sizeof(text), "%s where aor = '%s'", format, w.alice.aor + 4);
    return text;
}

/* ---- the router: RFC 3261 section 8.2 ---- */

struct refusal {
    const char *sentence;
    const char *method, *uri, *headers;
    int status;
    enum sip_header_id id;
    const char *value;
};

static const struct refusal refusals[] = {
    {"a method for nobody is 405 with Allow", "INVITE", "sip:example.org", NULL, 405, SIP_ALLOW,
     "SUBSCRIBE"},
    {"an unknown method for nobody is 501", "NONSENSE", "sip:example.org", NULL, 501,
     SIP_HEADER_OTHER, NULL},
    {"an unknown scheme is 416", "OPTIONS", "tel:+4930", NULL, 416, SIP_HEADER_OTHER, NULL},
    {"to another domain one needs credentials", "OPTIONS", "sip:x@example.invalid", NULL, 407,
     SIP_PROXY_AUTHENTICATE, "example.org"},
    {"an extension is 420 and named", "OPTIONS", "sip:example.org", "Require: 100rel, path\r\n",
     420, SIP_UNSUPPORTED, "100rel"},
    {"an encoded body is 415", "PUBLISH", NULL, "Content-Encoding: gzip\r\n", 415,
     SIP_ACCEPT_ENCODING, "identity"},
    {"a CANCEL of nothing is 481", "CANCEL", NULL, NULL, 481, SIP_HEADER_OTHER, NULL},
    {"OPTIONS is 200 with Allow-Events", "OPTIONS", "sip:example.org", NULL, 200, SIP_ALLOW_EVENTS,
     "presence"},
    {"OPTIONS tells Accept", "OPTIONS", "sip:example.org", NULL, 200, SIP_ACCEPT,
     "application/pidf+xml"},
    {"OPTIONS tells Supported", "OPTIONS", "sip:example.org", NULL, 200, SIP_SUPPORTED, "path"},
    {"a malformed Contact is 400", "REGISTER", NULL, "Contact: <sip:\r\n", 400, SIP_HEADER_OTHER,
     NULL},
    {"a malformed Expires is 400", "PUBLISH", NULL, "Expires: soon\r\n", 400, SIP_HEADER_OTHER,
     NULL},
};

START_TEST(a_refusal_names_its_fault_and_can_be_matched)
{
    const struct refusal *it = &refusals[_i];
    struct ask ask = {.method = it->method,
                      .uri = it->uri != NULL ? it->uri : w.alice.aor,
                      .headers = it->headers,
                      .body = strcmp(it->method, "PUBLISH") == 0 ? "x" : NULL,
                      .bare = true};

    ck_assert_msg(peer_ask(&w.alice, &ask) == it->status, "%s: got %d " SPAN_FMT, it->sentence,
                  w.alice.message.status, SPAN_ARG(w.alice.message.reason));
    ck_assert_str_eq(peer_header(&w.alice, SIP_CALL_ID), w.alice.call_id);
    ck_assert(!span_empty(w.alice.message.to.tag));
    ck_assert(span_equal(w.alice.message.from.tag, span_of(w.alice.from_tag)));
    if (it->value != NULL)
        ck_assert_msg(peer_header_has(&w.alice, it->id, it->value), "%s", it->sentence);
}
END_TEST

struct octets {
    const char *sentence, *text;
    int status; /* 0: no answer */
};

#define HEAD(method, version, branch)                                                              \
    method " sip:example.org " version "\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKraw" branch \
           ";rport\r\n"
#define NAMES "From: <sip:a@example.org>;tag=1\r\nTo: <sip:a@example.org>\r\n"

static const struct octets raw[] = {
    {"another version is 505",
     HEAD("OPTIONS", "SIP/3.0", "1") NAMES
     "Call-ID: a\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n",
     505},
    {"no Call-ID is 400",
     HEAD("OPTIONS", "SIP/2.0", "2") NAMES "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n", 400},
    {"another method in CSeq is 400",
     HEAD("OPTIONS", "SIP/2.0", "3") NAMES "Call-ID: b\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\n\r\n",
     400},
    {"ACK is never answered",
     HEAD("ACK", "SIP/2.0", "4") NAMES "Call-ID: c\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\n\r\n", 0},
};

START_TEST(malformed_octets_are_answered_or_dropped)
{
    bool came;

    peer_send(&w.alice, raw[_i].text);
    came = peer_expect_response(&w.alice, raw[_i].status == 0 ? QUIET_MS : SOON_MS);
    ck_assert_msg(came == (raw[_i].status != 0), "%s", raw[_i].sentence);
    if (came)
        ck_assert_msg(w.alice.message.status == raw[_i].status, "%s: got %d", raw[_i].sentence,
                      w.alice.message.status);
}
END_TEST

/* ---- REGISTER, and digest: RFC 3261 sections 10.3 and 22, RFC 8760 ---- */

static int do_register(struct peer *peer, const char *headers)
{
    struct ask ask = {.method = "REGISTER", .uri = "sip:example.org", .headers = headers};
    char to[PEER_TEXT + 2];

    snprintf(to, sizeof(to), "<%s>", peer->aor);
    ask.to = to;
    return peer_ask(peer, &ask);
}

START_TEST(a_challenge_has_realm_nonce_qop_and_algorithm)
{
    struct ask ask = {.method = "REGISTER",
                      .uri = "sip:example.org",
                      .to = "<sip:nobody@example.org>",
                      .from = "sip:nobody@example.org",
                      .bare = true};

    ck_assert_int_eq(peer_ask(&w.alice, &ask), 401); /* nor does it tell who exists */
    ck_assert(peer_header_has(&w.alice, SIP_WWW_AUTHENTICATE, "realm=\"example.org\""));
    ck_assert(peer_header_has(&w.alice, SIP_WWW_AUTHENTICATE, "nonce=\""));
    ck_assert(peer_header_has(&w.alice, SIP_WWW_AUTHENTICATE, "qop=\"auth\""));
    ck_assert(peer_header_has(&w.alice, SIP_WWW_AUTHENTICATE, "algorithm=MD5"));
}
END_TEST

START_TEST(a_wrong_password_is_challenged_again)
{
    snprintf(w.alice.password, sizeof(w.alice.password), "wrong");
    ck_assert_int_eq(do_register(&w.alice, NULL), 401);
}
END_TEST

START_TEST(an_nc_used_twice_is_stale)
{
    ck_assert_int_eq(do_register(&w.alice, NULL), 200);
    w.alice.nc--;
    ck_assert_int_eq(do_register(&w.alice, NULL), 200); /* after a second challenge */
    ck_assert_uint_eq(w.alice.nc, 1);
}
END_TEST

START_TEST(credentials_without_qop_are_refused)
{
    w.alice.qop = false;
    ck_assert_int_eq(do_register(&w.alice, NULL), 401);
}
END_TEST

START_TEST(a_digest_uri_of_another_server_is_400)
{
    w.alice.digest_uri = "sip:elsewhere.invalid";
    ck_assert_int_eq(do_register(&w.alice, NULL), 400);
}
END_TEST

START_TEST(the_aor_of_somebody_else_is_403)
{
    struct ask ask = {.method = "REGISTER", .uri = "sip:example.org", .from = w.alice.aor};
    char to[PEER_TEXT + 2];

    snprintf(to, sizeof(to), "<%s>", w.bob.aor);
    ask.to = to;
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 403);
}
END_TEST

/* A little later, at most SOON_MS in all: what SQL changed is live in a moment, not at once. */
static bool later(int *tries)
{
    poll(NULL, 0, 2);
    return ++*tries < SOON_MS / 2;
}

START_TEST(each_algorithm_of_an_account_proves_it)
{
    static const char *const names[] = {"MD5", "SHA-256", "SHA-512-256"};
    int status = 0;

    cluster_ask(w.cluster, "update presence.account set algorithms = '{%s}' where aor = '%s'",
                names[_i], w.alice.aor + 4);
    for (int tries = 0; later(&tries);) { /* until it is live, the other one is offered */
        w.alice.nonce[0] = '\0';
        status = do_register(&w.alice, NULL);
        if (strcmp(w.alice.algorithm, names[_i]) == 0)
            break;
    }
    ck_assert_str_eq(w.alice.algorithm, names[_i]);
    ck_assert_int_eq(status, 200);
}
END_TEST

START_TEST(a_disabled_account_and_a_new_password_are_live)
{
    int status = 200;

    ck_assert_int_eq(do_register(&w.alice, NULL), 200);
    cluster_ask(w.cluster, "update presence.account set disabled = true where aor = '%s'",
                w.alice.aor + 4);
    for (int tries = 0; status == 200 && later(&tries);)
        status = do_register(&w.alice, NULL);
    ck_assert_int_eq(status, 403);
    ck_assert_int_eq(do_register(&w.bob, NULL), 200);
    cluster_ask(w.cluster, "select presence.set_password('%s', 'other')", w.bob.aor + 4);
    ck_assert(cluster_shows(w.cluster, "1", 100, "select 1")); /* a turn of the server */
    for (int tries = 0; status != 401 && later(&tries);)
        status = do_register(&w.bob, NULL);
    ck_assert_int_eq(status, 401);
    snprintf(w.bob.password, sizeof(w.bob.password), "other");
    ck_assert_int_eq(do_register(&w.bob, NULL), 200);
}
END_TEST

START_TEST(bindings_are_added_refreshed_and_removed_with_their_rows)
{
    ck_assert_int_eq(do_register(&w.alice, "Contact: <sip:a@192.0.2.1>;q=0.5\r\nExpires: 90\r\n"),
                     200);
    ck_assert(peer_header_has(&w.alice, SIP_CONTACT, "expires=90"));
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s",
                    about_alice("select contact || ' ' || q::numeric(2,1) from presence.binding")),
        "sip:a@192.0.2.1 0.5");
    ck_assert_int_eq(
        do_register(&w.alice,
                    "Contact: <sip:a@192.0.2.1>;expires=120, <sip:a@192.0.2.2>\r\nExpires: 70\r\n"),
        200);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_CONTACT), 2);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s",
                    about_alice("select string_agg(round(extract(epoch from expires_at - "
                                "updated_at))::text, ' ' order by contact) from presence.binding")),
        "120 70");
    ck_assert_int_eq(do_register(&w.alice, NULL), 200);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_CONTACT), 2);
    ck_assert_int_eq(do_register(&w.alice, "Contact: <sip:a@192.0.2.1>;expires=0\r\n"), 200);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.binding")), "1");
    ck_assert_int_eq(do_register(&w.alice, "Contact: *\r\nExpires: 10\r\n"), 400);
    ck_assert_int_eq(do_register(&w.alice, "Contact: *, <sip:a@192.0.2.1>\r\nExpires: 0\r\n"), 400);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.binding")), "1");
    ck_assert_int_eq(do_register(&w.alice, "Contact: *\r\nExpires: 0\r\n"), 200);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_CONTACT), 0);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.binding")), "0");
}
END_TEST

START_TEST(a_register_with_a_lower_cseq_is_500_and_changes_nothing)
{
    ck_assert_int_eq(do_register(&w.alice, "Contact: <sip:a@192.0.2.1>\r\nExpires: 90\r\n"), 200);
    w.alice.cseq = 0;
    ck_assert_int_eq(do_register(&w.alice, "Contact: <sip:a@192.0.2.1>\r\nExpires: 0\r\n"), 500);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.binding")), "1");
}
END_TEST

START_TEST(a_register_with_too_many_contacts_is_403_and_leaves_none)
{
    char headers[4096] = "Expires: 90\r\n";

    for (int i = 0; i < 17; i++)
        snprintf(headers + strlen(headers), 64, "Contact: <sip:a@192.0.2.%d>\r\n", i + 1);
    ck_assert_int_eq(do_register(&w.alice, headers), 403);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.binding")), "0");
}
END_TEST

START_TEST(a_binding_expires_with_its_row)
{
    ck_assert_int_eq(do_register(&w.alice, "Contact: <sip:a@192.0.2.1>\r\nExpires: 1\r\n"), 200);
    ck_assert(
        cluster_shows(w.cluster, "0", 4000, about_alice("select count(*) from presence.binding")));
}
END_TEST

/* ---- PUBLISH: RFC 3903 section 6 ---- */

#define PIDF(note)                                                                                 \
    "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "                      \
    "entity=\"sip:x@example.org\"><tuple id=\"t\"><status><basic>open</basic></status><note>" note \
    "</note></tuple></presence>"
#define TYPE "Content-Type: application/pidf+xml\r\n"
#define EVENT "Event: presence\r\n"

static int do_publish(struct peer *peer, const char *headers, const char *body)
{
    struct ask ask = {.method = "PUBLISH", .uri = peer->aor, .headers = headers, .body = body};
    int status = peer_ask(peer, &ask);

    if (status == 200)
        snprintf(w.etag, sizeof(w.etag), "%s", peer_header(peer, SIP_SIP_ETAG));
    return status;
}

static const char *if_match(const char *more)
{
    static char text[1024];

    snprintf(text, sizeof(text), EVENT "SIP-If-Match: %s\r\n%s", w.etag, more);
    return text;
}

START_TEST(a_publication_lives_refreshes_changes_and_ends)
{
    char first[128], second[128];

    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE "Expires: 90\r\n", PIDF("one")), 200);
    ck_assert_str_eq(peer_header(&w.alice, SIP_EXPIRES), "90");
    memcpy(first, w.etag, sizeof(first));
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select entity_tag from presence.publication")),
        first);
    ck_assert_int_eq(do_publish(&w.alice, if_match("Expires: 80\r\n"), NULL), 200);
    memcpy(second, w.etag, sizeof(second));
    ck_assert_str_ne(first, second);
    ck_assert_int_eq(do_publish(&w.alice, if_match(TYPE), PIDF("two")), 200);
    ck_assert_str_ne(w.etag, second);
    ck_assert_str_eq(cluster_ask(w.cluster, "%s",
                                 about_alice("select document ~ 'two' from presence.publication")),
                     "t");
    ck_assert_int_eq(do_publish(&w.alice, if_match("Expires: 0\r\n"), NULL), 200);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.publication")),
        "0");
    ck_assert_int_eq(do_publish(&w.alice, if_match(""), NULL), 412);
}
END_TEST

static const struct publish_case {
    const char *sentence, *headers, *body;
    int status;
    enum sip_header_id id;
} publish_cases[] = {
    {"a foreign package is 489", "Event: nonsense\r\n" TYPE, PIDF("x"), 489, SIP_ALLOW_EVENTS},
    {"no Event is 489", TYPE, PIDF("x"), 489, SIP_ALLOW_EVENTS},
    {"no body and no entity-tag is 400", EVENT, NULL, 400, SIP_HEADER_OTHER},
    {"an unknown entity-tag is 412", EVENT "SIP-If-Match: nonsense\r\n", NULL, 412,
     SIP_HEADER_OTHER},
    {"another type is 415", EVENT "Content-Type: text/plain\r\n", "x", 415, SIP_ACCEPT},
    {"bad XML is 400", EVENT TYPE, "<presence>", 400, SIP_HEADER_OTHER},
    {"a body without a type is 400", EVENT, PIDF("x"), 400, SIP_HEADER_OTHER},
};

START_TEST(a_refused_publish_leaves_no_row)
{
    const struct publish_case *it = &publish_cases[_i];
    int status = do_publish(&w.alice, it->headers, it->body);

    ck_assert_msg(status == it->status, "%s: got %d " SPAN_FMT, it->sentence, status,
                  SPAN_ARG(w.alice.message.reason));
    if (it->id != SIP_HEADER_OTHER)
        ck_assert_uint_ge(sip_count(&w.alice.message, it->id), 1);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.publication")),
        "0");
}
END_TEST

/* RFC 3261 section 8.2.2.2, while the first waits for its commit. */
START_TEST(the_same_request_over_two_ways_is_merged)
{
    struct ask ask = {
        .method = "PUBLISH", .uri = w.alice.aor, .headers = EVENT TYPE, .body = PIDF("one")};
    int sum = 0;

    ck_assert_int_eq(do_register(&w.alice, NULL), 200); /* for a nonce */
    peer_send_request(&w.alice, &ask);
    ask.repeat = true;
    peer_send_request(&w.alice, &ask);
    for (int i = 0; i < 2; i++) {
        ck_assert(peer_expect_response(&w.alice, SOON_MS));
        sum += w.alice.message.status;
    }
    ck_assert_int_eq(sum, 200 + 482);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.publication")),
        "1");
}
END_TEST

START_TEST(a_repeated_publish_gets_the_same_answer_and_makes_nothing)
{
    struct ask ask = {
        .method = "PUBLISH", .uri = w.alice.aor, .headers = EVENT TYPE, .body = PIDF("one")};

    ck_assert_int_eq(do_publish(&w.alice, ask.headers, ask.body), 200);
    ask.repeat = true;
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 200);
    ck_assert_str_eq(peer_header(&w.alice, SIP_SIP_ETAG), w.etag);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.publication")),
        "1");
}
END_TEST

START_TEST(a_body_above_the_limit_is_413)
{
    static char body[40000];

    memset(body, 'x', sizeof(body) - 1);
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE, body), 413);
}
END_TEST

/* ---- SUBSCRIBE and NOTIFY: RFC 6665 section 4.2 ---- */

static int do_subscribe(struct peer *peer, const char *more)
{
    char headers[1024];
    struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers};
    int status;

    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n%s", peer->port,
             more);
    if (w.dialog_to[0] != '\0') {
        ask.to = w.dialog_to;
        ask.uri = w.target;
    }
    status = peer_ask(peer, &ask);
    if (status == 200 && w.dialog_to[0] == '\0') {
        const char *contact = peer_header(peer, SIP_CONTACT);

        snprintf(w.target, sizeof(w.target), "%.*s", (int)strcspn(contact + 1, ">"), contact + 1);
        snprintf(w.dialog_to, sizeof(w.dialog_to), "%s", peer_header(peer, SIP_TO));
    }
    return status;
}

static void no_dialog(void)
{
    w.dialog_to[0] = '\0';
}

static uint32_t notified(const char *state, const char *text)
{
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, SOON_MS));
    ck_assert_msg(peer_header_has(&w.bob, SIP_SUBSCRIPTION_STATE, state), "wanted %s, got %s",
                  state, peer_header(&w.bob, SIP_SUBSCRIPTION_STATE));
    ck_assert_str_eq(peer_header(&w.bob, SIP_CALL_ID), w.bob.call_id);
    if (text != NULL)
        ck_assert_msg(peer_body_has(&w.bob, text), "no %s in " SPAN_FMT, text,
                      SPAN_ARG(w.bob.message.body));
    return w.bob.message.cseq.number;
}

static bool silent(void)
{
    return !peer_expect_request(&w.bob, SIP_NOTIFY, QUIET_MS);
}

START_TEST(a_watcher_sees_every_change_from_subscription_to_end)
{
    uint32_t cseq;

    ck_assert_int_eq(
        do_subscribe(&w.bob, "Expires: 100000\r\nRecord-Route: <sip:127.0.0.1:9;lr>\r\n"), 200);
    ck_assert_str_eq(peer_header(&w.bob, SIP_EXPIRES), "7200");
    ck_assert_str_eq(peer_header(&w.bob, SIP_RECORD_ROUTE), "<sip:127.0.0.1:9;lr>");
    no_dialog();
    peer_new_call(&w.bob);
    ck_assert_int_eq(do_subscribe(&w.bob, "Expires: 90\r\n"), 200);
    cseq = notified("active;expires=", "closed"); /* nothing is published */
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE "Expires: 90\r\n", PIDF("one")), 200);
    ck_assert_uint_eq(notified("active;expires=", "one"), cseq + 1);
    ck_assert_int_eq(do_publish(&w.alice, if_match("Expires: 95\r\n"), NULL), 200);
    ck_assert_msg(silent(), "a refresh that shows nothing new was told");
    ck_assert_int_eq(do_subscribe(&w.bob, "Expires: 60\r\n"), 200);
    ck_assert_uint_eq(notified("active;expires=", "one"), cseq + 2);
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE, "<presence>"), 400);
    ck_assert(silent());
    ck_assert_int_eq(do_subscribe(&w.bob, "Expires: 0\r\n"), 200);
    ck_assert_uint_eq(notified("terminated;reason=timeout", "one"), cseq + 3);
    ck_assert(cluster_shows(
        w.cluster, "1", SOON_MS,
        about_alice("select count(*) from presence.subscription"))); /* the one with a route set */
    ck_assert_int_eq(do_subscribe(&w.bob, "Expires: 60\r\n"), 481);
}
END_TEST

START_TEST(a_fetch_gets_one_notify_and_leaves_no_row)
{
    ck_assert_int_eq(do_subscribe(&w.bob, "Expires: 0\r\n"), 200);
    notified("terminated;reason=timeout", "closed");
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select count(*) from presence.subscription")),
        "0");
}
END_TEST

START_TEST(two_devices_are_composed)
{
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE, PIDF("desk")), 200);
    peer_new_call(&w.alice);
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE, PIDF("mobile")), 200);
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", "desk");
    ck_assert(peer_body_has(&w.bob, "mobile"));
}
END_TEST

START_TEST(an_expired_publication_is_told)
{
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE "Expires: 1\r\n", PIDF("brief")), 200);
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", "brief");
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, 4000));
    ck_assert(peer_body_has(&w.bob, "closed"));
}
END_TEST

START_TEST(an_expired_subscription_is_told_with_reason_timeout)
{
    ck_assert_int_eq(do_subscribe(&w.bob, "Expires: 1\r\n"), 200);
    notified("active", NULL);
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, 4000));
    ck_assert(peer_header_has(&w.bob, SIP_SUBSCRIPTION_STATE, "terminated;reason=timeout"));
    ck_assert(cluster_shows(w.cluster, "0", SOON_MS,
                            about_alice("select count(*) from presence.subscription")));
}
END_TEST

START_TEST(a_notify_answered_481_ends_the_subscription)
{
    w.bob.notify_status = 481;
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", NULL);
    ck_assert(cluster_shows(w.cluster, "0", SOON_MS,
                            about_alice("select count(*) from presence.subscription")));
}
END_TEST

START_TEST(a_silent_watcher_has_one_notify_outstanding_and_then_the_newest)
{
    uint32_t cseq;

    w.bob.notify_status = 0;
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    cseq = notified("active", "closed");
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE, PIDF("one")), 200);
    ck_assert_int_eq(do_publish(&w.alice, if_match(TYPE), PIDF("two")), 200);
    ck_assert_int_eq(do_publish(&w.alice, if_match(TYPE), PIDF("three")), 200);
    ck_assert_uint_eq(notified("active", "closed"), cseq); /* again, by Timer E */
    peer_answer(&w.bob, 200, "");
    do
        ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, SOON_MS));
    while (w.bob.message.cseq.number == cseq); /* one more may have crossed the answer */
    ck_assert_uint_eq(w.bob.message.cseq.number, cseq + 1);
    ck_assert(peer_body_has(&w.bob, "three"));
    peer_answer(&w.bob, 200, "");
    ck_assert(silent());
}
END_TEST

START_TEST(the_id_of_event_is_echoed)
{
    struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor};
    char headers[256];

    snprintf(headers, sizeof(headers), "Event: presence;id=7\r\nContact: <sip:b@127.0.0.1:%d>\r\n",
             w.bob.port);
    ask.headers = headers;
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 200);
    notified("active", NULL);
    ck_assert(peer_header_has(&w.bob, SIP_EVENT, "id=7"));
}
END_TEST

START_TEST(a_type_that_we_cannot_give_is_406)
{
    ck_assert_int_eq(do_subscribe(&w.bob, "Accept: text/plain\r\n"), 406);
}
END_TEST

START_TEST(a_refresh_by_another_account_is_403)
{
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", NULL);
    memcpy(w.alice.call_id, w.bob.call_id, sizeof(w.alice.call_id));
    memcpy(w.alice.from_tag, w.bob.from_tag, sizeof(w.alice.from_tag));
    w.alice.cseq = w.bob.cseq;
    ck_assert_int_eq(do_subscribe(&w.alice, "Expires: 0\r\n"), 403);
    ck_assert(silent());
}
END_TEST

START_TEST(behind_a_nat_the_notify_comes_over_the_flow)
{
    struct ask ask = {.method = "SUBSCRIBE",
                      .uri = w.alice.aor,
                      .headers = EVENT "Contact: <sip:b@192.0.2.9:5060>\r\n"};

    w.bob.via_host = "192.0.2.9";
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 200);
    notified("active", NULL);
}
END_TEST

START_TEST(the_notify_follows_a_refresh_to_another_contact)
{
    char headers[256];
    struct ask ask = {
        .method = "SUBSCRIBE", .uri = w.target, .to = w.dialog_to, .headers = headers};

    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", NULL);
    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n", w.alice.port);
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 200);
    ck_assert(peer_expect_request(&w.alice, SIP_NOTIFY, SOON_MS));
    ck_assert(silent());
}
END_TEST

/* ---- over connections alone ---- */

/* Without a Contact that asks for a connection, nobody else is tried, and nothing ends. */
START_TEST(a_watcher_whose_connection_is_gone_is_told_the_newest_over_the_next)
{
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", "closed");
    peer_hang_up(&w.bob);
    for (int i = 0; i < 4; i++) /* more than notify.chances */
        ck_assert_int_eq(do_publish(&w.alice, i == 0 ? EVENT TYPE : if_match(TYPE), PIDF("away")),
                         200);
    ck_assert_int_eq(do_publish(&w.alice, if_match(TYPE), PIDF("newest")), 200);
    ck_assert_str_eq(
        cluster_ask(w.cluster, "%s", about_alice("select state from presence.subscription")),
        "active");
    peer_reconnect(&w.bob);
    ck_assert(silent());
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200); /* the same dialog */
    notified("active", "newest");
    ck_assert_int_eq(do_publish(&w.alice, if_match(TYPE), PIDF("later")), 200);
    notified("active", "later");
}
END_TEST

/* RFC 3261 section 18.1.1 asks for it. */
START_TEST(a_long_document_arrives_whole)
{
    char body[8000];
    int len = snprintf(body, sizeof(body),
                       "<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' "
                       "entity='%s'><tuple id='t'><status><basic>open</basic></status><note>",
                       w.alice.aor);

    memset(body + len, 'x', 5000);
    snprintf(body + len + 5000, sizeof(body) - (size_t)len - 5000, "end</note></tuple></presence>");
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", "closed");
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE, body), 200);
    notified("active", "xend");
}
END_TEST

/* ---- SQL ---- */

START_TEST(what_sql_publishes_and_unpublishes_is_told)
{
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", "closed");
    cluster_ask(w.cluster, "begin; select presence.publish('%s', '%s'); rollback", w.alice.aor + 4,
                PIDF("never"));
    ck_assert(silent());
    cluster_ask(w.cluster, "select presence.publish('%s', '%s')", w.alice.aor + 4, PIDF("meeting"));
    notified("active", "meeting");
    cluster_ask(w.cluster, "select presence.unpublish('%s')", w.alice.aor + 4);
    notified("active", "closed");
}
END_TEST

START_TEST(a_subscription_terminated_by_sql_is_told_and_gone)
{
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", NULL);
    cluster_ask(
        w.cluster, "%s",
        about_alice("select presence.terminate_subscription(id) from presence.subscription"));
    notified("terminated;reason=deactivated", NULL);
    ck_assert(cluster_shows(w.cluster, "0", SOON_MS,
                            about_alice("select count(*) from presence.subscription")));
}
END_TEST

START_TEST(rows_deleted_by_sql_are_gone_on_the_wire)
{
    ck_assert_int_eq(do_register(&w.alice, "Contact: <sip:a@192.0.2.1>\r\n"), 200);
    ck_assert_int_eq(do_publish(&w.alice, EVENT TYPE, PIDF("one")), 200);
    ck_assert_int_eq(do_subscribe(&w.bob, ""), 200);
    notified("active", "one");
    cluster_ask(w.cluster, "%s", about_alice("delete from presence.publication"));
    notified("active", "closed");
    cluster_ask(w.cluster, "%s", about_alice("delete from presence.binding"));
    ck_assert(cluster_shows(w.cluster, "0", SOON_MS,
                            about_alice("select count(*) from presence.binding")));
    ck_assert_int_eq(do_register(&w.alice, NULL), 200);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_CONTACT), 0);
    cluster_ask(w.cluster, "%s", about_alice("delete from presence.subscription"));
    notified("terminated;reason=deactivated", NULL);
}
END_TEST

START_TEST(a_new_domain_is_served_and_a_suspended_one_is_not)
{
    struct ask ask = {.method = "OPTIONS", .uri = "sip:new.example", .bare = true};
    int status = 407; /* until it is live, somewhere else */

    ck_assert_int_eq(peer_ask(&w.alice, &ask), 407);
    cluster_ask(w.cluster, "select presence.add_domain('new.example')");
    for (int tries = 0; status == 407 && later(&tries);)
        status = peer_ask(&w.alice, &ask);
    ck_assert_int_eq(status, 200);
    cluster_ask(w.cluster,
                "update presence.domain set suspended = true where name = 'new.example'");
    ask.method = "PUBLISH";
    ask.uri = "sip:x@new.example";
    status = 401; /* until it is live, a challenge: nobody there has an account */
    for (int tries = 0; status == 401 && later(&tries);)
        status = peer_ask(&w.alice, &ask);
    ck_assert_int_eq(status, 403);
}
END_TEST

/*
 * Of datagrams alone: messages without a Content-Length, transactions that outlive their answer,
 * repetitions, and a Contact that counts though the way of the SUBSCRIBE is known.
 */
static bool is_of_datagrams(const TTest *test)
{
    return test == malformed_octets_are_answered_or_dropped ||
           test == the_same_request_over_two_ways_is_merged ||
           test == a_silent_watcher_has_one_notify_outstanding_and_then_the_newest ||
           test == the_notify_follows_a_refresh_to_another_contact;
}

static void add(Suite *suite, const char *name, const TTest *const tests[])
{
    bool connected = getenv("PEER_TRANSPORT") != NULL;
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_checked_fixture(tcase, no_dialog, NULL);
    tcase_set_timeout(tcase, 60);
    for (size_t i = 0; tests[i] != NULL; i++) {
        int count = tests[i] == a_refusal_names_its_fault_and_can_be_matched
                        ? (int)(sizeof(refusals) / sizeof(refusals[0]))
                    : tests[i] == malformed_octets_are_answered_or_dropped
                        ? (int)(sizeof(raw) / sizeof(raw[0]))
                    : tests[i] == a_refused_publish_leaves_no_row
                        ? (int)(sizeof(publish_cases) / sizeof(publish_cases[0]))
                    : tests[i] == each_algorithm_of_an_account_proves_it ? 3
                                                                         : 1;

        if (!connected || !is_of_datagrams(tests[i]))
            tcase_add_loop_test(tcase, tests[i], 0, count);
    }
    suite_add_tcase(suite, tcase);
}

static Suite *wire_suite(void)
{
    Suite *suite = suite_create("e2e/sip");

    add(suite, "RFC 3261 section 8.2: refusals",
        (const TTest *const[]){a_refusal_names_its_fault_and_can_be_matched,
                               malformed_octets_are_answered_or_dropped, NULL});
    add(suite, "RFC 8760: digest",
        (const TTest *const[]){
            a_challenge_has_realm_nonce_qop_and_algorithm, a_wrong_password_is_challenged_again,
            an_nc_used_twice_is_stale, credentials_without_qop_are_refused,
            a_digest_uri_of_another_server_is_400, the_aor_of_somebody_else_is_403,
            each_algorithm_of_an_account_proves_it, a_disabled_account_and_a_new_password_are_live,
            NULL});
    add(suite, "RFC 3261 section 10.3: registrar",
        (const TTest *const[]){bindings_are_added_refreshed_and_removed_with_their_rows,
                               a_register_with_a_lower_cseq_is_500_and_changes_nothing,
                               a_register_with_too_many_contacts_is_403_and_leaves_none,
                               a_binding_expires_with_its_row, NULL});
    add(suite, "RFC 3903 section 6: publication",
        (const TTest *const[]){a_publication_lives_refreshes_changes_and_ends,
                               a_refused_publish_leaves_no_row,
                               the_same_request_over_two_ways_is_merged,
                               a_repeated_publish_gets_the_same_answer_and_makes_nothing,
                               a_body_above_the_limit_is_413, NULL});
    add(suite, "RFC 6665 section 4.2: notifier",
        (const TTest *const[]){
            a_watcher_sees_every_change_from_subscription_to_end,
            a_fetch_gets_one_notify_and_leaves_no_row, two_devices_are_composed,
            an_expired_publication_is_told, an_expired_subscription_is_told_with_reason_timeout,
            a_notify_answered_481_ends_the_subscription,
            a_silent_watcher_has_one_notify_outstanding_and_then_the_newest,
            the_id_of_event_is_echoed, a_type_that_we_cannot_give_is_406,
            a_refresh_by_another_account_is_403, behind_a_nat_the_notify_comes_over_the_flow,
            the_notify_follows_a_refresh_to_another_contact, NULL});
    if (getenv("PEER_TRANSPORT") != NULL)
        add(suite, "RFC 3261 section 18: connections",
            (const TTest *const[]){
                a_watcher_whose_connection_is_gone_is_told_the_newest_over_the_next,
                a_long_document_arrives_whole, NULL});
    add(suite, "SQL is the control plane",
        (const TTest *const[]){what_sql_publishes_and_unpublishes_is_told,
                               a_subscription_terminated_by_sql_is_told_and_gone,
                               rows_deleted_by_sql_are_gone_on_the_wire,
                               a_new_domain_is_served_and_a_suspended_one_is_not, NULL});
    return suite;
}

/* The accounts, and the first proof of "live": the last one can register. */
static void prepare(void)
{
    int status = 401;

    w.cluster = cluster_open();
    cluster_ask(w.cluster,
                "select presence.add_account(format('w%%s@%s', lpad(i::text, 3, '0')), 'secret') "
                "from generate_series(0, %d) i",
                w.domain, ACCOUNTS * 2);
    peer_start(&w.alice, w.port, "w160", w.domain, "secret");
    for (int tries = 0; status == 401 && later(&tries);)
        status = do_register(&w.alice, NULL);
    peer_stop(&w.alice);
    memset(&w.alice, 0, sizeof(w.alice));
}

int main(void)
{
    SRunner *runner = srunner_create(wire_suite());
    const char *port = getenv("SIP_PORT");
    int failed;

    w.port = port != NULL ? (int)strtol(port, NULL, 10) : 5060;
    w.domain = "example.org";
    prepare();
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    cluster_close(w.cluster);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
