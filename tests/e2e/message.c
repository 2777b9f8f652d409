/*
 * message.c - what senders, devices and administrators see of messages (RFC 3428); each test is its
 * sentence. PART=before ends with a server that has something to lose, PART=after finds it again,
 * PART=away takes PostgreSQL away for a while.
 */
#include "tests/support/cluster.h"
#include "tests/support/peer.h"

#include "server/base/must.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { TESTS_MAX = 60, SOON_MS = 3000, QUIET_MS = 300, TEXT = 1024 };

/* Every test has accounts of its own: alice sends, bob has two devices. */
static struct {
    struct cluster *cluster;
    struct peer alice, phone, tablet;
    char bob[PEER_TEXT]; /* "sip:user@domain" */
    char bob_name[32];
    const char *kind; /* what names begin with: by UDP and by TCP each has its own */
    int port;
    int next;
} w;

static const char domain[] = "example.org";

static void start_as(const char *alice, const char *bob)
{
    snprintf(w.bob_name, sizeof(w.bob_name), "%s", bob);
    peer_start(&w.alice, w.port, alice, domain, "secret");
    peer_start(&w.phone, w.port, bob, domain, "secret");
    peer_start(&w.tablet, w.port, bob, domain, "secret");
    snprintf(w.bob, sizeof(w.bob), "%s", w.phone.aor);
}

static void set_up(void)
{
    char alice[32], bob[32];

    snprintf(alice, sizeof(alice), "%s%03d", w.kind, w.next++);
    snprintf(bob, sizeof(bob), "%s%03d", w.kind, w.next++);
    start_as(alice, bob);
}

static void stop(struct peer *peer)
{
    peer_stop(peer);
    memset(peer, 0, sizeof(*peer));
}

static void tear_down(void)
{
    stop(&w.alice);
    stop(&w.phone);
    stop(&w.tablet);
    ck_assert_str_eq(cluster_ask(w.cluster, "select count(*) from presence.invariant"), "0");
}

/* ---- acting ---- */

static int send_with(const char *headers, const char *body)
{
    const struct ask ask = {.method = "MESSAGE", .uri = w.bob, .headers = headers, .body = body};

    return peer_ask(&w.alice, &ask);
}

static int send_text(const char *body)
{
    return send_with("Content-Type: text/plain\r\n", body);
}

static void register_as(struct peer *device, const char *agent, int expires_s)
{
    char headers[TEXT], to[PEER_TEXT + 2];
    const struct ask ask = {
        .method = "REGISTER", .uri = "sip:example.org", .to = to, .headers = headers};

    snprintf(to, sizeof(to), "<%s>", device->aor);
    snprintf(headers, sizeof(headers),
             "Contact: <sip:%s@127.0.0.1:%d>;expires=%d\r\nUser-Agent: %s\r\n", device->user,
             device->port, expires_s, agent);
    ck_assert_int_eq(peer_ask(device, &ask), 200);
}

static void phone_comes(void)
{
    register_as(&w.phone, "Phone", 600);
}

static void phone_goes(void)
{
    register_as(&w.phone, "Phone", 0);
}

static void tablet_comes(void)
{
    register_as(&w.tablet, "Tablet", 600);
}

/* Its network is gone, and another one is there: nothing from before is heard any more. */
static void phone_moves(void)
{
    stop(&w.phone);
    peer_start(&w.phone, w.port, w.bob_name, domain, "secret");
}

static bool hears(struct peer *device, const char *body)
{
    return peer_expect_request(device, SIP_MESSAGE, SOON_MS) &&
           span_equal(device->message.body, span_of(body));
}

static bool takes(struct peer *device, const char *body)
{
    if (!hears(device, body))
        return false;
    peer_answer(device, 200, "");
    return true;
}

static bool is_quiet(struct peer *device)
{
    return !peer_expect_request(device, SIP_MESSAGE, QUIET_MS);
}

/* How many messages wait for bob, by what people see. */
static int waiting(void)
{
    return (int)strtol(
        cluster_ask(w.cluster, "select count(*) from presence.message where aor = '%s'", w.bob + 4),
        NULL, 10);
}

static bool shows_soon(const char *wanted, const char *what)
{
    char query[TEXT];

    snprintf(query, sizeof(query), "select %s from presence.message where aor = '%s'", what,
             w.bob + 4);
    return cluster_shows(w.cluster, wanted, SOON_MS, query);
}

static bool none_waits_soon(void)
{
    return shows_soon("0", "count(*)");
}

/* Alice sends and does not wait for the answer; she has a nonce already. */
static void send_and_go(const char *headers, const char *body)
{
    const struct ask ask = {.method = "MESSAGE", .uri = w.bob, .headers = headers, .body = body};
    const struct ask options = {.method = "OPTIONS", .uri = "sip:nobody@example.org"};

    ck_assert_int_eq(peer_ask(&w.alice, &options), 404);
    peer_send_request(&w.alice, &ask);
}

static int answer_to_alice(void)
{
    while (peer_expect_response(&w.alice, SOON_MS))
        if (w.alice.message.status >= 200)
            return w.alice.message.status;
    return 0;
}

/* ---- relayed ---- */

START_TEST(a_message_goes_to_the_device_that_is_there_and_is_not_kept)
{
    phone_comes();
    send_and_go("Content-Type: text/plain\r\n", "hello");
    ck_assert(takes(&w.phone, "hello"));
    ck_assert_int_eq(answer_to_alice(), 200);
    ck_assert_int_eq(waiting(), 0);
    ck_assert(is_quiet(&w.phone));
}
END_TEST

START_TEST(what_every_device_refuses_for_good_is_refused)
{
    phone_comes();
    send_and_go("Content-Type: text/strange\r\n", "hello");
    ck_assert(hears(&w.phone, "hello"));
    peer_answer(&w.phone, 415, "Accept: text/plain\r\n");
    ck_assert_int_eq(answer_to_alice(), 415);
    ck_assert_int_eq(waiting(), 0);
}
END_TEST

START_TEST(nobody_has_no_messages)
{
    const struct ask ask = {.method = "MESSAGE", .uri = "sip:nobody@example.org", .body = "x"};

    ck_assert_int_eq(peer_ask(&w.alice, &ask), 404);
}
END_TEST

/* ---- kept ---- */

START_TEST(a_202_says_that_it_is_stored)
{
    char wanted[TEXT];

    ck_assert_int_eq(send_text("hello"), 202);
    snprintf(wanted, sizeof(wanted), "%s %s text/plain hello", w.bob + 4, w.alice.aor + 4);
    ck_assert_str_eq(cluster_ask(w.cluster,
                                 "select aor || ' ' || sender || ' ' || content_type || ' ' || body"
                                 " from presence.message where aor = '%s'",
                                 w.bob + 4),
                     wanted);
}
END_TEST

START_TEST(kept_messages_come_in_order_when_a_device_registers)
{
    ck_assert_int_eq(send_text("one"), 202);
    ck_assert_int_eq(send_text("two"), 202);
    ck_assert_int_eq(send_text("three"), 202);
    phone_comes();
    ck_assert(hears(&w.phone, "one"));
    ck_assert(is_quiet(&w.phone)); /* one at a time */
    peer_answer(&w.phone, 200, "");
    ck_assert(takes(&w.phone, "two"));
    ck_assert(takes(&w.phone, "three"));
    ck_assert(none_waits_soon());
    phone_comes();
    ck_assert(is_quiet(&w.phone));
}
END_TEST

START_TEST(each_device_gets_each_message_once)
{
    phone_comes();
    tablet_comes();
    phone_goes();
    register_as(&w.tablet, "Tablet", 0);
    ck_assert_int_eq(send_text("one"), 202);
    ck_assert_int_eq(send_text("two"), 202);
    phone_comes();
    ck_assert(takes(&w.phone, "one"));
    ck_assert(takes(&w.phone, "two"));
    ck_assert(is_quiet(&w.phone));
    ck_assert_int_eq(waiting(), 2);
    ck_assert_str_eq(cluster_ask(w.cluster,
                                 "select string_agg(user_agent || ' ' || state, ', ' order by "
                                 "user_agent, message) from presence.delivery where aor = '%s'",
                                 w.bob + 4),
                     "Phone delivered, Phone delivered, Tablet waiting, Tablet waiting");
    tablet_comes();
    ck_assert(takes(&w.tablet, "one"));
    ck_assert(takes(&w.tablet, "two"));
    ck_assert(none_waits_soon());
    phone_comes();
    tablet_comes();
    ck_assert(is_quiet(&w.phone));
    ck_assert(is_quiet(&w.tablet));
}
END_TEST

/* CPIM and IMDN live by what is in parameters, header fields and octets. */
START_TEST(what_was_kept_comes_octet_by_octet)
{
    static const char body[] =
        "From: Alice <im:alice@example.org>\r\nNS: imdn <urn:ietf:params:"
        "imdn>\r\nimdn.Message-ID: 34jk324j\r\nimdn.Disposition-Notification:"
        " positive-delivery\r\n\r\nContent-Type: text/plain; charset=utf-8"
        "\r\n\r\nGr\303\274\303\237e, \360\237\230\200\n\t ";

    ck_assert_int_eq(send_with("Content-Type: message/cpim;charset=\"utf-8\";x=1\r\n"
                               "Subject: =?x?= \303\274\r\nX-Unknown: a, b;c=\"d\"\r\n"
                               "Contact: <sip:alice@127.0.0.1>\r\nExpires: 600\r\n"
                               "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n",
                               body),
                     202);
    phone_comes();
    ck_assert(takes(&w.phone, body));
    ck_assert_str_eq(peer_header(&w.phone, SIP_CONTENT_TYPE), "message/cpim;charset=\"utf-8\";x=1");
    ck_assert_str_eq(peer_header(&w.phone, SIP_SUBJECT), "=?x?= \303\274");
    ck_assert_str_eq(peer_header(&w.phone, SIP_DATE), "Sat, 13 Nov 2010 23:29:00 GMT");
    ck_assert_str_eq(peer_header(&w.phone, SIP_EXPIRES), "600");
    ck_assert_str_eq(peer_header(&w.phone, SIP_CALL_ID), w.alice.call_id);
    ck_assert(span_equal(sip_header_named(&w.phone.message, SPAN("X-Unknown"))->value,
                         SPAN("a, b;c=\"d\"")));
    ck_assert_uint_eq(w.phone.message.cseq.number, w.alice.cseq);
    ck_assert_int_eq(w.phone.message.max_forwards, 70);
    ck_assert_uint_eq(sip_count(&w.phone.message, SIP_VIA), 1);
    ck_assert_uint_eq(sip_count(&w.phone.message, SIP_CONTACT), 0);
    ck_assert_uint_eq(sip_count(&w.phone.message, SIP_PROXY_AUTHORIZATION), 0);
    ck_assert_uint_eq(sip_count(&w.phone.message, SIP_RECORD_ROUTE), 0);
}
END_TEST

/* RFC 3261 section 18.1.1 wants TCP for it; where nobody listens there, UDP is better than nothing.
 */
START_TEST(a_long_message_reaches_a_phone_that_has_udp_alone)
{
    char body[3000];

    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    ck_assert_int_eq(send_text(body), 202);
    ck_assert_int_eq(send_text("brief"), 202);
    phone_comes();
    ck_assert(takes(&w.phone, body));
    ck_assert(takes(&w.phone, "brief"));
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(a_kept_message_has_a_date)
{
    ck_assert_int_eq(send_text("hello"), 202);
    phone_comes();
    ck_assert(takes(&w.phone, "hello"));
    ck_assert(peer_header_has(&w.phone, SIP_DATE, " GMT"));
}
END_TEST

START_TEST(a_repeat_is_the_same_message)
{
    const struct ask again = {.method = "MESSAGE",
                              .uri = w.bob,
                              .headers = "Content-Type: text/plain\r\n",
                              .body = "hello",
                              .repeat = true};

    ck_assert_int_eq(send_text("hello"), 202);
    ck_assert_int_eq(peer_ask(&w.alice, &again), 202);
    ck_assert_int_eq(waiting(), 1);
    phone_comes();
    ck_assert(takes(&w.phone, "hello"));
    ck_assert(none_waits_soon());
    ck_assert_int_eq(peer_ask(&w.alice, &again), 202); /* it is remembered for a while */
    ck_assert(is_quiet(&w.phone));
}
END_TEST

START_TEST(what_is_of_the_moment_is_relayed_and_not_kept)
{
    static const char composing[] = "Content-Type: application/im-iscomposing+xml\r\n";

    ck_assert_int_eq(send_with(composing, "<isComposing/>"), 480);
    ck_assert_int_eq(send_with("Content-Type: text/plain\r\nExpires: 0\r\n", "now"), 480);
    ck_assert_int_eq(waiting(), 0);
    phone_comes();
    ck_assert(is_quiet(&w.phone));
    send_and_go(composing, "<isComposing/>");
    ck_assert(takes(&w.phone, "<isComposing/>"));
    ck_assert_int_eq(answer_to_alice(), 200);
}
END_TEST

START_TEST(a_message_that_expired_is_not_sent)
{
    ck_assert_int_eq(send_with("Content-Type: text/plain\r\nExpires: 1\r\n", "brief"), 202);
    ck_assert_int_eq(send_text("lasting"), 202);
    ck_assert(shows_soon("1", "count(*)"));
    phone_comes();
    ck_assert(takes(&w.phone, "lasting"));
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(an_aor_has_room_for_so_many)
{
    char body[8];

    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof(body), "%d", i);
        ck_assert_int_eq(send_text(body), 202);
    }
    ck_assert_int_eq(send_text("5"), 480);
    ck_assert(span_equal(w.alice.message.reason, SPAN("Too Many Kept Messages")));
    phone_comes();
    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof(body), "%d", i);
        ck_assert(takes(&w.phone, body));
    }
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(a_domain_that_keeps_no_messages_refuses_them)
{
    snprintf(w.bob, sizeof(w.bob), "sip:%s@quiet.example", w.kind);
    ck_assert_int_eq(send_text("x"), 480);
    ck_assert_int_eq(waiting(), 0);
}
END_TEST

/* ---- devices that are asleep, or not in the mood ---- */

START_TEST(a_phone_whose_network_is_gone_gets_its_message_when_it_comes_back)
{
    phone_comes();
    phone_moves();
    ck_assert_int_eq(send_text("hello"), 202);
    ck_assert_int_eq(waiting(), 1);
    phone_comes();
    ck_assert(takes(&w.phone, "hello"));
    ck_assert(none_waits_soon());
    phone_comes();
    ck_assert(is_quiet(&w.phone));
}
END_TEST

START_TEST(a_device_that_answers_late_is_not_sent_it_again)
{
    phone_comes();
    ck_assert_int_eq(send_text("hello"), 202);
    ck_assert(takes(&w.phone, "hello"));
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(a_device_that_cannot_now_is_asked_again)
{
    phone_comes();
    send_and_go("Content-Type: text/plain\r\n", "hello");
    ck_assert(hears(&w.phone, "hello"));
    peer_answer(&w.phone, 480, "");
    ck_assert_int_eq(answer_to_alice(), 202);
    ck_assert(takes(&w.phone, "hello")); /* after its rest */
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(what_a_device_refuses_for_good_keeps_nothing_up)
{
    ck_assert_int_eq(send_text("one"), 202);
    ck_assert_int_eq(send_text("two"), 202);
    phone_comes();
    ck_assert(hears(&w.phone, "one"));
    peer_answer(&w.phone, 415, "");
    ck_assert(hears(&w.phone, "two"));
    peer_answer(&w.phone, 482, ""); /* it has it already */
    ck_assert(none_waits_soon());
    phone_comes();
    ck_assert(is_quiet(&w.phone));
}
END_TEST

/* RFC 3428 section 8: in order; so nothing is relayed past what is kept. */
START_TEST(a_new_message_goes_behind_those_that_are_kept)
{
    ck_assert_int_eq(send_text("one"), 202);
    phone_comes();
    ck_assert(hears(&w.phone, "one"));
    ck_assert_int_eq(send_text("two"), 202);
    ck_assert(!peer_expect_request(&w.phone, SIP_MESSAGE, 100));
    peer_answer(&w.phone, 200, "");
    ck_assert(takes(&w.phone, "two"));
    ck_assert(none_waits_soon());
    send_and_go("Content-Type: text/plain\r\n", "three");
    ck_assert(takes(&w.phone, "three"));
    ck_assert_int_eq(answer_to_alice(), 200); /* relayed again */
}
END_TEST

START_TEST(one_that_is_asleep_holds_up_no_other)
{
    phone_comes();
    phone_moves();
    tablet_comes();
    send_and_go("Content-Type: text/plain\r\n", "one");
    ck_assert(hears(&w.tablet, "one"));
    peer_answer(&w.tablet, 480, "");
    ck_assert_int_eq(answer_to_alice(), 202);
    tablet_comes();
    ck_assert(takes(&w.tablet, "one"));
    ck_assert_int_eq(send_text("two"), 202); /* the phone has not got the first */
    ck_assert(takes(&w.tablet, "two"));
    phone_comes();
    ck_assert(takes(&w.phone, "one"));
    ck_assert(takes(&w.phone, "two"));
    ck_assert(none_waits_soon());
}
END_TEST

/* ---- by SQL ---- */

START_TEST(sql_sends_a_message_that_is_kept_and_delivered)
{
    phone_comes();
    cluster_ask(w.cluster, "select presence.send_message('robot@example.org', '%s', 'Gr\303\274n')",
                w.bob + 4);
    ck_assert(takes(&w.phone, "Gr\303\274n"));
    ck_assert_str_eq(peer_header(&w.phone, SIP_CONTENT_TYPE), "text/plain;charset=UTF-8");
    ck_assert(span_equal(w.phone.message.from.uri.text, SPAN("sip:robot@example.org")));
    ck_assert(span_equal(w.phone.message.to.uri.text, span_of(w.bob)));
    ck_assert(none_waits_soon());
    phone_goes();
    cluster_ask(w.cluster,
                "select presence.send_message('robot@example.org', '%s', '<x/>', 'text/xml', "
                "interval '1 hour')",
                w.bob + 4);
    phone_comes();
    ck_assert(takes(&w.phone, "<x/>"));
    ck_assert_str_eq(peer_header(&w.phone, SIP_EXPIRES), "3600");
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(sql_takes_a_message_back)
{
    ck_assert_int_eq(send_text("one"), 202);
    ck_assert_int_eq(send_text("two"), 202);
    cluster_ask(w.cluster, "delete from presence.message where aor = '%s' and body = 'one'",
                w.bob + 4);
    ck_assert(shows_soon("two", "string_agg(body, ',')"));
    phone_comes();
    ck_assert(takes(&w.phone, "two"));
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(sql_forgets_a_device_and_nothing_waits_for_it)
{
    phone_comes();
    phone_goes();
    tablet_comes();
    register_as(&w.tablet, "Tablet", 0);
    ck_assert_int_eq(send_text("hello"), 202);
    phone_comes();
    ck_assert(takes(&w.phone, "hello"));
    ck_assert_int_eq(waiting(), 1);
    cluster_ask(w.cluster, "delete from presence.device where aor = '%s' and user_agent = 'Tablet'",
                w.bob + 4);
    ck_assert(none_waits_soon());
}
END_TEST

START_TEST(who_gets_the_name_of_a_removed_account_gets_none_of_its_messages)
{
    const char *name = w.bob + 4;

    ck_assert_int_eq(send_text("for the old one"), 202);
    cluster_ask(w.cluster, "select presence.remove_account('%s')", name);
    ck_assert(none_waits_soon());
    cluster_ask(w.cluster, "select presence.add_account('%s', 'secret')", name);
    cluster_ask(w.cluster, "select presence.send_message('robot@example.org', '%s', 'welcome')",
                name);
    ck_assert(shows_soon("welcome", "string_agg(body, ',')"));
    phone_comes();
    ck_assert(takes(&w.phone, "welcome"));
    ck_assert(none_waits_soon());
}
END_TEST

/* ---- the server is killed: what it has promised and what it was doing ---- */

static const char instance[] = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";

static void phone_comes_by_instance(void)
{
    char headers[TEXT], to[PEER_TEXT + 2];
    const struct ask ask = {
        .method = "REGISTER", .uri = "sip:example.org", .to = to, .headers = headers};

    snprintf(to, sizeof(to), "<%s>", w.phone.aor);
    snprintf(headers, sizeof(headers),
             "Contact: <sip:%s@127.0.0.1:%d>;expires=600;%s\r\nUser-Agent: Phone\r\n", w.phone.user,
             w.phone.port, instance);
    ck_assert_int_eq(peer_ask(&w.phone, &ask), 200);
}

static void set_up_crash(void)
{
    char alice[32], bob[32];

    snprintf(alice, sizeof(alice), "%s-crash-a", w.kind);
    snprintf(bob, sizeof(bob), "%s-crash-b", w.kind);
    start_as(alice, bob);
    snprintf(w.alice.call_id, sizeof(w.alice.call_id), "before-the-crash");
    snprintf(w.alice.from_tag, sizeof(w.alice.from_tag), "t");
}

START_TEST(three_are_kept_one_is_delivered_and_one_on_its_way)
{
    phone_comes_by_instance();
    phone_goes();
    ck_assert_int_eq(send_text("one"), 202);
    ck_assert_int_eq(send_text("two"), 202);
    ck_assert_int_eq(send_text("three"), 202);
    phone_comes_by_instance();
    ck_assert(takes(&w.phone, "one"));
    ck_assert(hears(&w.phone, "two"));
    ck_assert(shows_soon("2", "count(*)"));
}
END_TEST

START_TEST(a_repeat_of_what_was_kept_before_is_known_after)
{
    const struct ask again = {.method = "MESSAGE",
                              .uri = w.bob,
                              .headers = "Content-Type: text/plain\r\n",
                              .body = "three",
                              .repeat = true};

    w.alice.cseq = (unsigned)strtoul(
        cluster_ask(w.cluster, "select max(cseq) from presence.message where aor = '%s'",
                    w.bob + 4),
        NULL, 10);
    ck_assert_int_eq(peer_ask(&w.alice, &again), 202);
    ck_assert(shows_soon("1", "count(*) filter (where body = 'three')"));
}
END_TEST

START_TEST(what_was_on_its_way_and_what_waited_comes_and_what_was_delivered_does_not)
{
    phone_comes_by_instance();
    ck_assert(takes(&w.phone, "two"));
    ck_assert_str_eq(peer_header(&w.phone, SIP_CALL_ID), w.alice.call_id);
    ck_assert(takes(&w.phone, "three"));
    ck_assert(is_quiet(&w.phone));
}
END_TEST

/* ---- PostgreSQL is away: nothing is promised, and what needs no promise goes on ---- */

static void postgresql(const char *verb)
{
    char command[TEXT];

    snprintf(command, sizeof(command), "tests/support/postgres.sh %s \"$TESTS_PGDIR\" >&2", verb);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c): a script of the tests */
}

static bool is_kept_soon(void)
{
    for (int i = 0; i < 200; i++) {
        if (send_text("after") == 202)
            return true;
        ck_assert_int_eq(w.alice.message.status, 500);
        (void)peer_expect_request(&w.tablet, SIP_MESSAGE, 50);
    }
    return false;
}

START_TEST(without_postgresql_messages_are_relayed_and_none_is_kept)
{
    phone_comes();
    postgresql("kill");
    send_and_go("Content-Type: text/plain\r\n", "hello");
    ck_assert(takes(&w.phone, "hello"));
    ck_assert_int_eq(answer_to_alice(), 200);
    peer_new_call(&w.alice);
    send_and_go("Content-Type: text/plain\r\n", "hello");
    ck_assert(hears(&w.phone, "hello"));
    peer_answer(&w.phone, 480, "");
    ck_assert_int_eq(answer_to_alice(), 500);
    snprintf(w.bob, sizeof(w.bob), "sip:%s-nobody@example.org", w.kind); /* who is not there */
    ck_assert_int_eq(send_text("hello"), 500);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_RETRY_AFTER), 1);
    postgresql("restart");
    cluster_close(w.cluster);
    w.cluster = cluster_open();
    ck_assert(is_kept_soon());
    ck_assert_int_eq(waiting(), 1);
}
END_TEST

/* ---- the suite ---- */

static void add_tests(Suite *suite)
{
    TCase *tcase = tcase_create("RFC 3428");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_message_goes_to_the_device_that_is_there_and_is_not_kept);
    tcase_add_test(tcase, what_every_device_refuses_for_good_is_refused);
    tcase_add_test(tcase, nobody_has_no_messages);
    tcase_add_test(tcase, a_202_says_that_it_is_stored);
    tcase_add_test(tcase, kept_messages_come_in_order_when_a_device_registers);
    tcase_add_test(tcase, each_device_gets_each_message_once);
    tcase_add_test(tcase, what_was_kept_comes_octet_by_octet);
    tcase_add_test(tcase, a_long_message_reaches_a_phone_that_has_udp_alone);
    tcase_add_test(tcase, a_kept_message_has_a_date);
    tcase_add_test(tcase, a_repeat_is_the_same_message);
    tcase_add_test(tcase, what_is_of_the_moment_is_relayed_and_not_kept);
    tcase_add_test(tcase, a_message_that_expired_is_not_sent);
    tcase_add_test(tcase, an_aor_has_room_for_so_many);
    tcase_add_test(tcase, a_domain_that_keeps_no_messages_refuses_them);
    tcase_add_test(tcase, a_phone_whose_network_is_gone_gets_its_message_when_it_comes_back);
    tcase_add_test(tcase, a_device_that_answers_late_is_not_sent_it_again);
    tcase_add_test(tcase, a_device_that_cannot_now_is_asked_again);
    tcase_add_test(tcase, what_a_device_refuses_for_good_keeps_nothing_up);
    tcase_add_test(tcase, a_new_message_goes_behind_those_that_are_kept);
    tcase_add_test(tcase, one_that_is_asleep_holds_up_no_other);
    tcase_add_test(tcase, sql_sends_a_message_that_is_kept_and_delivered);
    tcase_add_test(tcase, sql_takes_a_message_back);
    tcase_add_test(tcase, sql_forgets_a_device_and_nothing_waits_for_it);
    tcase_add_test(tcase, who_gets_the_name_of_a_removed_account_gets_none_of_its_messages);
    suite_add_tcase(suite, tcase);
}

static void add_crash(Suite *suite, bool before)
{
    TCase *tcase = tcase_create("kill -9");

    tcase_add_checked_fixture(tcase, set_up_crash, tear_down);
    if (before) {
        tcase_add_test(tcase, three_are_kept_one_is_delivered_and_one_on_its_way);
    } else {
        tcase_add_test(tcase, a_repeat_of_what_was_kept_before_is_known_after);
        tcase_add_test(tcase,
                       what_was_on_its_way_and_what_waited_comes_and_what_was_delivered_does_not);
    }
    suite_add_tcase(suite, tcase);
}

static void add_away(Suite *suite)
{
    TCase *tcase = tcase_create("PostgreSQL is away");

    w.next = TESTS_MAX;
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, without_postgresql_messages_are_relayed_and_none_is_kept);
    suite_add_tcase(suite, tcase);
}

static void wait_for_accounts(void)
{
    char to[PEER_TEXT + 2];
    const struct ask ask = {.method = "REGISTER", .uri = "sip:quiet.example", .to = to};
    int status = 0;

    for (int i = 0; i < 1000 && status != 200; i++) {
        stop(&w.phone);
        peer_start(&w.phone, w.port, w.kind, "quiet.example", "secret");
        snprintf(to, sizeof(to), "<%s>", w.phone.aor);
        status = peer_ask(&w.phone, &ask);
    }
    stop(&w.phone);
    must(status == 200);
}

static void make_accounts(void)
{
    cluster_ask(w.cluster,
                "select presence.add_account(format('%s%%s@%s', lpad(i::text, 3, '0')), 'secret') "
                "from generate_series(0, %d) i",
                w.kind, domain, TESTS_MAX * 2);
    cluster_ask(w.cluster,
                "select presence.add_account('%s-' || name || '@%s', 'secret') from "
                "unnest(array['crash-a', 'crash-b', 'nobody']) name",
                w.kind, domain);
    if (strcmp(cluster_ask(w.cluster, "select count(*) from presence.domain"), "1") == 0)
        cluster_ask(w.cluster, "select presence.add_domain('quiet.example')");
    cluster_ask(w.cluster,
                "update presence.domain set keep_messages = false where name = 'quiet.example'");
    cluster_ask(w.cluster, "select presence.add_account('%s@quiet.example', 'secret')", w.kind);
    wait_for_accounts();
}

int main(void)
{
    Suite *suite = suite_create("e2e/message");
    SRunner *runner = srunner_create(suite);
    const char *port = getenv("SIP_PORT");
    const char *part = getenv("PART");
    const bool before = part == NULL || strcmp(part, "before") == 0;
    const bool away = part != NULL && strcmp(part, "away") == 0;
    int failed;

    w.kind = getenv("PEER_TRANSPORT") == NULL ? "udp" : "tcp";
    w.port = port != NULL ? (int)strtol(port, NULL, 10) : 5060;
    w.cluster = cluster_open();
    if (before) {
        make_accounts();
        add_tests(suite);
    }
    if (away)
        add_away(suite);
    else
        add_crash(suite, before);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    cluster_close(w.cluster);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
