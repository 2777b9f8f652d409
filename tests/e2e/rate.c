/*
 * rate.c - what watchers see who say how often they want to hear (RFC 6446); each test is its
 * sentence. With OWED=file in the environment: one test alone, in which the server is killed once
 * that file is there.
 *
 * Time is measured from before a request is sent, and NOTIFYs are numbered from the one that it
 * causes: the n-th never comes sooner than n intervals later, however slow this machine is.
 */
#include "tests/support/cluster.h"
#include "tests/support/peer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ACCOUNTS = 60, SOON_MS = 3000, QUIET_MS = 250, TEXT = 1024 };

static struct {
    struct cluster *cluster;
    struct peer alice, bob;
    char alice_name[32];
    int port;
    int next;
    char etag[128];
    char uri[256]; /* that is subscribed to */
    char dialog_to[512];
    char target[256];
    int64_t asked_at_ms; /* when the last SUBSCRIBE was sent */
} w;

static const char domain[] = "example.org";

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_up(void)
{
    char name[32];

    snprintf(w.alice_name, sizeof(w.alice_name), "r%03d", w.next++);
    snprintf(name, sizeof(name), "r%03d", w.next++);
    peer_start(&w.alice, w.port, w.alice_name, domain, "secret");
    peer_start(&w.bob, w.port, name, domain, "secret");
    snprintf(w.uri, sizeof(w.uri), "%s", w.alice.aor);
    w.etag[0] = w.dialog_to[0] = '\0';
}

static void limit_domain(const char *interval_ms)
{
    cluster_ask(w.cluster,
                "update presence.domain set notify_interval_min_ms = %s where name = '%s'",
                interval_ms, domain);
}

static void tear_down(void)
{
    peer_stop(&w.alice);
    peer_stop(&w.bob);
    memset(&w.alice, 0, sizeof(w.alice));
    memset(&w.bob, 0, sizeof(w.bob));
    limit_domain("null");
    ck_assert_str_eq(cluster_ask(w.cluster, "select count(*) from presence.invariant"), "0");
}

/* ---- what both do ---- */

static void publish(struct peer *peer, const char *note)
{
    char headers[TEXT], body[TEXT];
    struct ask ask = {.method = "PUBLISH", .uri = peer->aor, .headers = headers, .body = body};
    const bool first = peer != &w.alice || w.etag[0] == '\0';

    snprintf(headers, sizeof(headers),
             "Event: presence\r\nContent-Type: application/pidf+xml\r\n%s%s%s",
             first ? "" : "SIP-If-Match: ", first ? "" : w.etag, first ? "" : "\r\n");
    snprintf(body, sizeof(body),
             "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
             "entity=\"%s\"><tuple id=\"t\"><status><basic>open</basic></status><note>%s</note>"
             "</tuple></presence>",
             peer->aor, note);
    ck_assert_int_eq(peer_ask(peer, &ask), 200);
    if (peer == &w.alice)
        snprintf(w.etag, sizeof(w.etag), "%s", peer_header(peer, SIP_SIP_ETAG));
}

static int ask_for(const char *params, const char *headers)
{
    char lines[TEXT];
    struct ask ask = {.method = "SUBSCRIBE", .uri = w.uri, .headers = lines};
    int status;

    snprintf(lines, sizeof(lines), "Event: presence%s\r\nContact: <sip:b@127.0.0.1:%d>\r\n%s",
             params, w.bob.port, headers);
    if (w.dialog_to[0] != '\0') {
        ask.to = w.dialog_to;
        ask.uri = w.target;
    }
    w.asked_at_ms = now_ms();
    status = peer_ask(&w.bob, &ask);
    if (status == 200 && w.dialog_to[0] == '\0') {
        const char *contact = peer_header(&w.bob, SIP_CONTACT);

        snprintf(w.target, sizeof(w.target), "%.*s", (int)strcspn(contact + 1, ">"), contact + 1);
        snprintf(w.dialog_to, sizeof(w.dialog_to), "%s", peer_header(&w.bob, SIP_TO));
    }
    return status;
}

static void subscribe(const char *params)
{
    ck_assert_int_eq(ask_for(params, "Expires: 60\r\n"), 200);
}

/* The next NOTIFY, its Subscription-State and its body; NULL: whatever they are. */
static void notified(const char *state, const char *text)
{
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, SOON_MS));
    if (state != NULL)
        ck_assert_msg(peer_header_has(&w.bob, SIP_SUBSCRIPTION_STATE, state), "wanted %s, got %s",
                      state, peer_header(&w.bob, SIP_SUBSCRIPTION_STATE));
    if (text != NULL)
        ck_assert_msg(peer_body_has(&w.bob, text), "no %s in " SPAN_FMT, text,
                      SPAN_ARG(w.bob.message.body));
}

static bool reflects(const char *rate)
{
    return peer_header_has(&w.bob, SIP_SUBSCRIPTION_STATE, rate);
}

static bool silent(void)
{
    return !peer_expect_request(&w.bob, SIP_NOTIFY, QUIET_MS);
}

static void not_sooner_than(int64_t after_ms)
{
    ck_assert_int_ge(now_ms() - w.asked_at_ms, after_ms);
}

/* NOTIFYs until one has the text; the n-th, from 1, not sooner than n intervals. Their number. */
static int notified_until(const char *text, int64_t interval_ms)
{
    int count = 0;

    do {
        count++;
        ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, SOON_MS));
        not_sooner_than(count * interval_ms);
    } while (!peer_body_has(&w.bob, text));
    return count;
}

/* Publishes until the NOTIFYs reflect the limit, or do not. */
static void until_reflected(const char *rate, bool wanted)
{
    char note[32];

    for (int i = 0;; i++) {
        ck_assert_int_lt(i, 100);
        snprintf(note, sizeof(note), "try-%s-%d", rate, i);
        w.asked_at_ms = now_ms();
        publish(&w.alice, note);
        notified("active", NULL);
        if (reflects(rate) == wanted)
            return;
    }
}

/* ---- section 9.2 ---- */

static const char *const malformed[] = {";max-rate=0",     ";max-rate=100",
                                        ";min-rate=x",     ";adaptive-min-rate=1.",
                                        ";min-rate=\"1\"", ";max-rate=1;max-rate=2"};

START_TEST(section_9_2_a_malformed_rate_is_400)
{
    ck_assert_int_eq(ask_for(malformed[_i], ""), 400);
    ck_assert(memmem(w.bob.message.reason.at, w.bob.message.reason.len, "-rate", 5) != NULL);
}
END_TEST

/* ---- section 5: max-rate ---- */

START_TEST(section_5_2_a_burst_is_told_at_the_rate_and_its_last_state_at_last)
{
    char note[16];

    subscribe(";max-rate=2");
    notified("active;expires=60;max-rate=2", "closed");
    for (int i = 0; i < 20; i++) {
        snprintf(note, sizeof(note), "state-%02d", i);
        publish(&w.alice, note);
    }
    ck_assert_int_lt(notified_until("state-19", 500), 20);
    ck_assert(silent());
    publish(&w.alice, "after");
    notified(";max-rate=2", "after");
}
END_TEST

START_TEST(section_5_2_subscribe_and_the_last_notify_do_not_wait)
{
    subscribe(";max-rate=0.1");
    notified(";max-rate=0.1", "closed");
    publish(&w.alice, "one");
    ck_assert(silent());
    subscribe(";max-rate=0.1");
    notified(";max-rate=0.1", "one");
    publish(&w.alice, "two");
    ck_assert(silent());
    ck_assert_int_eq(ask_for("", "Expires: 0\r\n"), 200);
    notified("terminated;reason=timeout", "two");
}
END_TEST

START_TEST(section_5_2_pending_to_active_does_not_wait)
{
    cluster_ask(w.cluster, "select presence.confirm('%s@%s', '%s')", w.alice_name, domain,
                w.bob.aor + 4);
    publish(&w.alice, "one");
    while (ask_for(";max-rate=0.1", "Expires: 60\r\n"), /* the rule is on its way */
           peer_expect_request(&w.bob, SIP_NOTIFY, SOON_MS) &&
               !peer_header_has(&w.bob, SIP_SUBSCRIPTION_STATE, "pending;"))
        continue;
    ck_assert(reflects(";max-rate=0.1"));
    cluster_ask(w.cluster, "select presence.allow('%s@%s', '%s')", w.alice_name, domain,
                w.bob.aor + 4);
    notified("active;", "one");
}
END_TEST

START_TEST(section_5_3_a_rate_that_would_quench_is_raised)
{
    subscribe(";max-rate=0.0001");
    notified(";max-rate=0.016", "closed"); /* 1/60 s */
    ck_assert(!reflects("0.0001"));
    ck_assert_int_eq(ask_for(";max-rate=0.02", "Expires: 20\r\n"), 200);
    notified("active;expires=20;max-rate=0.05", "closed"); /* the subscription is shortened */
}
END_TEST

START_TEST(section_5_1_a_refresh_without_a_rate_removes_it)
{
    subscribe(";max-rate=0.1");
    notified(";max-rate=0.1", "closed");
    subscribe("");
    notified("active", "closed");
    ck_assert(!reflects("rate"));
    publish(&w.alice, "one");
    notified("active", "one");
    publish(&w.alice, "two");
    notified("active", "two");
}
END_TEST

START_TEST(section_5_2_a_change_while_one_is_outstanding_waits_from_its_sending)
{
    w.bob.notify_status = 0;
    subscribe(";max-rate=1");
    notified(";max-rate=1", "closed");
    publish(&w.alice, "one");
    peer_answer(&w.bob, 200, "");
    do
        notified(";max-rate=1", NULL);
    while (!peer_body_has(&w.bob, "one")); /* the first one again, by Timer E */
    not_sooner_than(1000);
    peer_answer(&w.bob, 200, "");
    ck_assert(silent());
}
END_TEST

START_TEST(section_5_2_one_that_failed_is_sent_again_at_the_rate)
{
    w.bob.notify_status = 500; /* notify.retry_min_s is 1 */
    subscribe(";max-rate=0.9");
    notified(";max-rate=0.9", "closed");
    w.bob.notify_status = 200;
    notified(";max-rate=0.9", "closed"); /* what SUBSCRIBE asks for waits for nothing else */
    w.bob.notify_status = 500;
    publish(&w.alice, "one");
    notified(";max-rate=0.9", "one");
    not_sooner_than(1000 + 1111);
    w.bob.notify_status = 200;
    notified(";max-rate=0.9", "one");
    not_sooner_than(1000 + 2 * 1111);
}
END_TEST

START_TEST(section_5_4_the_rate_holds_for_the_whole_list)
{
    char note[32];

    cluster_ask(w.cluster, "select presence.add_list('%s-list@%s', '%s')", w.alice_name, domain,
                w.bob.aor + 4);
    cluster_ask(w.cluster,
                "select count(presence.add_list_member('%s-list@%s', uri)) "
                "from unnest(array['%s', '%s']) uri",
                w.alice_name, domain, w.alice.aor, w.bob.aor);
    snprintf(w.uri, sizeof(w.uri), "sip:%s-list@%s", w.alice_name, domain);
    for (int tries = 0; ask_for(";max-rate=2", "Supported: eventlist\r\n") != 200; tries++)
        ck_assert_int_lt(tries, 1000); /* the list is on its way */
    do
        notified(";max-rate=2", "rlmi");
    while (!peer_body_has(&w.bob, w.bob.aor)); /* its members, too */
    subscribe(";max-rate=2");
    notified(";max-rate=2", "rlmi");
    for (int i = 0; i < 5; i++) {
        snprintf(note, sizeof(note), "alice-%d", i);
        publish(&w.alice, note);
    }
    publish(&w.bob, "bob-here"); /* its NOTIFYs wait in the inbox meanwhile */
    ck_assert_int_lt(notified_until("bob-here", 500), 5);
    ck_assert(silent());
}
END_TEST

/* ---- section 6: min-rate ---- */

START_TEST(section_6_2_nothing_new_is_told_all_the_same_at_the_rate)
{
    publish(&w.alice, "one");
    subscribe(";min-rate=2");
    notified(";min-rate=2", "one");
    for (int i = 1; i <= 3; i++) {
        notified(";min-rate=2", "one");
        not_sooner_than(500 * i);
    }
    publish(&w.alice, "two");
    while (notified(";min-rate=2", NULL), !peer_body_has(&w.bob, "two"))
        continue;
}
END_TEST

START_TEST(section_6_2_a_partial_document_says_that_nothing_has_changed)
{
    publish(&w.alice, "one");
    ck_assert_int_eq(ask_for(";min-rate=4", "Accept: application/pidf-diff+xml\r\n"), 200);
    notified(";min-rate=4", "pidf-full");
    notified(";min-rate=4", "pidf-diff");
    ck_assert(!peer_body_has(&w.bob, "<tuple"));
    ck_assert(peer_body_has(&w.bob, "version=\"2\""));
    notified(";min-rate=4", "version=\"3\"");
}
END_TEST

START_TEST(section_6_3_a_watcher_does_not_make_us_send_as_often_as_it_likes)
{
    subscribe(";min-rate=50"); /* notify.min_rate_interval_min_ms is 250 */
    notified(";min-rate=4", "closed");
    for (int i = 1; i <= 3; i++) {
        notified(";min-rate=4", "closed");
        not_sooner_than(250 * i);
    }
}
END_TEST

START_TEST(section_6_2_one_that_is_outstanding_is_not_overtaken)
{
    uint32_t cseq;

    w.bob.notify_status = 0;
    subscribe(";min-rate=4");
    notified(";min-rate=4", "closed");
    cseq = w.bob.message.cseq.number;
    notified(";min-rate=4", "closed");
    ck_assert_uint_eq(w.bob.message.cseq.number, cseq); /* again, by Timer E */
    peer_answer(&w.bob, 200, "");
    w.bob.notify_status = 200;
    do
        notified(";min-rate=4", "closed");
    while (w.bob.message.cseq.number == cseq);
    ck_assert_uint_eq(w.bob.message.cseq.number, cseq + 1);
}
END_TEST

/* ---- section 7: adaptive-min-rate ---- */

START_TEST(section_7_2_the_adaptive_rate_is_kept_and_a_burst_is_followed_by_silence)
{
    char note[16];

    subscribe(";adaptive-min-rate=1");
    notified(";adaptive-min-rate=1", "closed");
    notified(";adaptive-min-rate=1", "closed");
    not_sooner_than(1000);
    for (int i = 0; i < 16; i++) {
        snprintf(note, sizeof(note), "state-%02d", i);
        publish(&w.alice, note);
        notified(";adaptive-min-rate=1", note);
    }
    w.asked_at_ms = now_ms() - 500; /* more than it took to arrive */
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, 6000));
    not_sooner_than(2000); /* in the last 8 s at least 16 were sent: 16/8 reciprocals */
    ck_assert(peer_body_has(&w.bob, "state-15"));
}
END_TEST

/* ---- section 9.3: the 2xx to a NOTIFY ---- */

static void answer_with(const char *event)
{
    peer_answer(&w.bob, 200, event);
}

START_TEST(section_9_3_a_2xx_changes_the_rate_and_removes_it)
{
    w.bob.notify_status = 0;
    subscribe(";max-rate=0.1");
    notified(";max-rate=0.1", "closed");
    answer_with("Event: presence;max-rate=5;id=9\r\n");
    publish(&w.alice, "one");
    notified(";max-rate=5", "one");
    answer_with("Event: presence;min-rate=4\r\n");
    notified(";min-rate=4", "one");
    ck_assert(!reflects("max-rate"));
    answer_with("Event: presence\r\n");
    ck_assert(silent());
    publish(&w.alice, "two");
    notified("active", "two");
    ck_assert(!reflects("rate"));
    answer_with("");
}
END_TEST

START_TEST(section_9_3_a_2xx_without_event_or_with_another_changes_nothing)
{
    static const char *const answers[] = {"", "Event: dialog;max-rate=0.1\r\n",
                                          "Event: presence;max-rate=0\r\n", "Event: ;\r\n"};
    char note[16];

    w.bob.notify_status = 0;
    subscribe(";max-rate=4");
    notified(";max-rate=4", "closed");
    for (int i = 0; i < 4; i++) {
        answer_with(answers[i]);
        snprintf(note, sizeof(note), "state-%d", i);
        publish(&w.alice, note);
        notified(";max-rate=4", note);
    }
    answer_with("");
}
END_TEST

START_TEST(section_4_1_a_2xx_asks_for_nothing_when_subscribe_did_not)
{
    w.bob.notify_status = 0;
    subscribe("");
    notified("active", "closed");
    answer_with("Event: presence;max-rate=0.1\r\n");
    publish(&w.alice, "one");
    notified("active", "one");
    ck_assert(!reflects("rate"));
    answer_with("");
    limit_domain("100"); /* nor when it has a rate that it did not ask for */
    w.bob.notify_status = 200;
    until_reflected(";max-rate=10", true);
    w.bob.notify_status = 0;
    subscribe("");
    notified(";max-rate=10", NULL);
    answer_with("Event: presence;max-rate=0.1\r\n");
    publish(&w.alice, "three");
    notified(";max-rate=10", "three");
    answer_with("");
}
END_TEST

/* ---- section 5.2: local policy ---- */

START_TEST(section_5_2_a_domains_limit_holds_for_who_asks_for_nothing_while_it_is_there)
{
    char note[16];

    subscribe("");
    notified("active", "closed");
    ck_assert(!reflects("rate"));
    limit_domain("500");
    until_reflected(";max-rate=2", true);
    for (int i = 0; i < 10; i++) {
        snprintf(note, sizeof(note), "state-%02d", i);
        publish(&w.alice, note);
    }
    ck_assert_int_lt(notified_until("state-09", 500), 10);
    limit_domain("30000");
    for (int i = 0; i == 0 || peer_expect_request(&w.bob, SIP_NOTIFY, 1500); i++) {
        ck_assert_int_lt(i, 100); /* the limit is on its way */
        snprintf(note, sizeof(note), "waits-%02d", i);
        publish(&w.alice, note);
    }
    limit_domain("null"); /* what waits is told now */
    notified("active", note);
    until_reflected("rate", false);
}
END_TEST

/* ---- restart ---- */

/* Another watcher, of somebody who changes nothing. */
static void watch_bob(const char *params)
{
    char lines[TEXT];
    const struct ask ask = {.method = "SUBSCRIBE", .uri = w.bob.aor, .headers = lines};

    snprintf(lines, sizeof(lines), "Event: presence%s\r\nContact: <sip:a@127.0.0.1:%d>\r\n", params,
             w.alice.port);
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 200);
    ck_assert(peer_expect_request(&w.alice, SIP_NOTIFY, SOON_MS));
}

/* What is not the one before again, by Timer E. */
static void expect_notifies(struct peer *peer, int count)
{
    uint32_t last = 0;

    while (count > 0) {
        ck_assert(peer_expect_request(peer, SIP_NOTIFY, SOON_MS));
        if (peer->message.cseq.number > last)
            count--;
        last = peer->message.cseq.number;
    }
}

START_TEST(what_is_owed_when_the_server_dies_is_told_after_its_restart)
{
    FILE *owed;

    subscribe(";max-rate=0.03");
    notified(";max-rate=0.03", "closed");
    publish(&w.alice, "owed");
    watch_bob(";min-rate=4");
    ck_assert(silent());
    owed = fopen(getenv("OWED"), "w");
    ck_assert_ptr_nonnull(owed);
    fclose(owed);
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, 20000));
    ck_assert(peer_body_has(&w.bob, "owed"));
    ck_assert(reflects(";max-rate=0.0"));
    /* One may have been outstanding, and one owed: the others are due by the rate alone. */
    expect_notifies(&w.alice, 5);
    publish(&w.alice, "paced");
    ck_assert(silent());
}
END_TEST

/* ---- all of them ---- */

static void add(Suite *suite, const char *name, const TTest *const tests[])
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    for (; *tests != NULL; tests++)
        tcase_add_test(tcase, *tests);
    suite_add_tcase(suite, tcase);
}

static void add_all(Suite *suite)
{
    TCase *grammar = tcase_create("RFC 6446 section 9.2");

    tcase_add_checked_fixture(grammar, set_up, tear_down);
    tcase_add_loop_test(grammar, section_9_2_a_malformed_rate_is_400, 0,
                        sizeof(malformed) / sizeof(malformed[0]));
    suite_add_tcase(suite, grammar);
    add(suite, "RFC 6446 section 5: max-rate",
        (const TTest *const[]){
            section_5_2_a_burst_is_told_at_the_rate_and_its_last_state_at_last,
            section_5_2_subscribe_and_the_last_notify_do_not_wait,
            section_5_2_pending_to_active_does_not_wait,
            section_5_3_a_rate_that_would_quench_is_raised,
            section_5_1_a_refresh_without_a_rate_removes_it,
            section_5_2_a_change_while_one_is_outstanding_waits_from_its_sending,
            section_5_2_one_that_failed_is_sent_again_at_the_rate,
            section_5_4_the_rate_holds_for_the_whole_list,
            section_5_2_a_domains_limit_holds_for_who_asks_for_nothing_while_it_is_there, NULL});
    add(suite, "RFC 6446 section 6: min-rate",
        (const TTest *const[]){section_6_2_nothing_new_is_told_all_the_same_at_the_rate,
                               section_6_2_a_partial_document_says_that_nothing_has_changed,
                               section_6_3_a_watcher_does_not_make_us_send_as_often_as_it_likes,
                               section_6_2_one_that_is_outstanding_is_not_overtaken, NULL});
    add(suite, "RFC 6446 section 7: adaptive-min-rate",
        (const TTest *const[]){
            section_7_2_the_adaptive_rate_is_kept_and_a_burst_is_followed_by_silence, NULL});
    add(suite, "RFC 6446 section 9.3: answers to NOTIFY",
        (const TTest *const[]){section_9_3_a_2xx_changes_the_rate_and_removes_it,
                               section_9_3_a_2xx_without_event_or_with_another_changes_nothing,
                               section_4_1_a_2xx_asks_for_nothing_when_subscribe_did_not, NULL});
}

static Suite *rate_suite(void)
{
    Suite *suite = suite_create("rate");

    if (getenv("OWED") == NULL)
        add_all(suite);
    else
        add(suite, "restart",
            (const TTest *const[]){what_is_owed_when_the_server_dies_is_told_after_its_restart,
                                   NULL});
    return suite;
}

/* The accounts, until the server has heard of the last. */
static void prepare(void)
{
    struct ask ask = {.method = "REGISTER", .uri = "sip:example.org"};
    int tries = 0;

    cluster_ask(w.cluster,
                "select count(presence.add_account(format('r%%s@%s', lpad(i::text, 3, '0')), "
                "'secret')) from generate_series(0, %d) i",
                domain, ACCOUNTS);
    peer_start(&w.alice, w.port, "r060", domain, "secret");
    ask.to = "<sip:r060@example.org>";
    while (peer_ask(&w.alice, &ask) != 200 && tries < 1000)
        tries++;
    peer_stop(&w.alice);
    memset(&w.alice, 0, sizeof(w.alice));
}

int main(void)
{
    SRunner *runner = srunner_create(rate_suite());
    const char *port = getenv("SIP_PORT");
    int failed;

    w.port = port != NULL ? (int)strtol(port, NULL, 10) : 5060;
    w.cluster = cluster_open();
    if (getenv("OWED") == NULL)
        prepare();
    else
        w.next = ACCOUNTS - 2; /* those that the others left */
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    cluster_close(w.cluster);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
