/*
 * call.c - what callers, callees and strangers see of the proxy (RFC 3261 section 16); each test
 * is its sentence.
 */
#include "tests/support/cluster.h"
#include "tests/support/peer.h"

#include "server/base/must.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { TESTS_MAX = 80, SOON_MS = 5000, QUIET_MS = 300, TEXT = 2048 };

/* A dialog as one side keeps it (RFC 3261 section 12). */
struct side {
    char target[PEER_TEXT];
    char to[PEER_TEXT];
    char routes[TEXT]; /* whole lines, in the order to go */
};

/* Every test has accounts of its own. */
static struct {
    struct cluster *cluster;
    struct peer alice, bob, bob_too, stranger;
    char bob_uri[PEER_TEXT];
    int port;
    int next;
} w;

static const char domain[] = "example.org";

static void set_up(void)
{
    char name[32];

    snprintf(name, sizeof(name), "c%03d", w.next++);
    peer_start(&w.alice, w.port, name, domain, "secret");
    snprintf(name, sizeof(name), "c%03d", w.next++);
    peer_start(&w.bob, w.port, name, domain, "secret");
    peer_start(&w.bob_too, w.port, name, domain, "secret");
    peer_start(&w.stranger, w.port, "stranger", "elsewhere.example", "secret");
    snprintf(w.bob_uri, sizeof(w.bob_uri), "%s", w.bob.aor);
}

static void tear_down(void)
{
    struct peer *const all[] = {&w.alice, &w.bob, &w.bob_too, &w.stranger};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        peer_stop(all[i]);
        memset(all[i], 0, sizeof(*all[i]));
    }
}

/* ---- acting ---- */

static const char *contact_of(const struct peer *peer)
{
    static char text[PEER_TEXT];

    snprintf(text, sizeof(text), "Contact: <sip:%s@%s:%d>\r\n", peer->user, peer->via_host,
             peer->port);
    return text;
}

static void register_with(struct peer *peer, const char *contact)
{
    struct ask ask = {.method = "REGISTER", .uri = "sip:example.org", .headers = contact};
    char to[PEER_TEXT + 2];

    snprintf(to, sizeof(to), "<%s>", peer->aor);
    ask.to = to;
    ck_assert_int_eq(peer_ask(peer, &ask), 200);
    peer_new_call(peer);
}

static void registered(struct peer *peer)
{
    register_with(peer, contact_of(peer));
}

/* The first response but 100 to alice's INVITE. */
static int call(const char *uri)
{
    const struct ask ask = {.method = "INVITE",
                            .uri = uri,
                            .headers = contact_of(&w.alice),
                            .body = "v=0\r\ns=alice\r\n"};

    return peer_ask(&w.alice, &ask);
}

/* Sends the INVITE and leaves alice waiting for what the callees say. */
static void ring(struct peer *callees[], size_t count)
{
    const struct ask ask = {.method = "INVITE",
                            .uri = w.bob_uri,
                            .headers = contact_of(&w.alice),
                            .body = "v=0\r\ns=alice\r\n"};
    const struct ask options = {.method = "OPTIONS", .uri = "sip:nobody@example.org"};

    ck_assert_int_eq(peer_ask(&w.alice, &options), 404); /* now she has a nonce */
    peer_new_call(&w.alice);
    peer_send_request(&w.alice, &ask);
    for (size_t i = 0; i < count; i++)
        ck_assert(peer_expect_request(callees[i], SIP_INVITE, SOON_MS));
}

static bool hears(struct peer *peer, int status)
{
    while (peer_expect_response(peer, SOON_MS))
        if (peer->message.status == status)
            return true;
        else
            ck_assert_msg(peer->message.status < 200, "%d instead of %d", peer->message.status,
                          status);
    return false;
}

static void put_route(char *out, size_t size, struct span value)
{
    const size_t len = strlen(out);

    snprintf(out + len, size - len, "Route: " SPAN_FMT "\r\n", SPAN_ARG(value));
}

/* `message` of the peer made the dialog: a response for its UAC, a request for its UAS. */
static struct side side_of(struct peer *peer)
{
    const struct sip_message *message = &peer->message;
    struct sip_values values = sip_values_of(message, SIP_RECORD_ROUTE);
    struct span all[16], value;
    struct sip_address contact;
    struct side side = {0};
    size_t count = 0;

    while (count < 16 && sip_values_next(&values, &value))
        all[count++] = value;
    for (size_t i = 0; i < count; i++)
        put_route(side.routes, sizeof(side.routes), all[message->request ? i : count - 1 - i]);
    must(sip_address_parse(sip_header_value(message, SIP_CONTACT), &contact) == STATUS_OK);
    snprintf(side.target, sizeof(side.target), SPAN_FMT, SPAN_ARG(contact.uri_text));
    snprintf(side.to, sizeof(side.to), "%s",
             peer_header(peer, message->request ? SIP_FROM : SIP_TO));
    return side;
}

static void send_within(struct peer *peer, const struct side *side, const char *method, bool repeat)
{
    const struct ask ask = {.method = method,
                            .uri = side->target,
                            .to = side->to,
                            .headers = side->routes,
                            .repeat = repeat,
                            .bare = true};

    peer_send_request(peer, &ask);
}

/* An answered call; both sides' dialogs. */
static void talk(struct side *caller, struct side *callee)
{
    struct peer *callees[] = {&w.bob};
    struct peer_datagram invite;

    ring(callees, 1);
    *callee = side_of(&w.bob);
    snprintf(w.bob.call_id, sizeof(w.bob.call_id), "%s", w.alice.call_id);
    invite = w.bob.taken;
    peer_answer_to(&w.bob, &invite, 180, "", NULL);
    ck_assert(hears(&w.alice, 180));
    peer_answer_to(&w.bob, &invite, 200, contact_of(&w.bob), "v=0\r\ns=bob\r\n");
    ck_assert(hears(&w.alice, 200));
    ck_assert(peer_body_has(&w.alice, "s=bob"));
    *caller = side_of(&w.alice);
    send_within(&w.alice, caller, "ACK", true);
    ck_assert(peer_expect_request(&w.bob, SIP_ACK, SOON_MS));
}

/* ---- calls ---- */

START_TEST(a_call_rings_is_answered_and_is_ended_by_the_callee)
{
    struct side caller, callee;

    registered(&w.bob);
    talk(&caller, &callee);
    send_within(&w.bob, &callee, "BYE", false);
    ck_assert(peer_expect_request(&w.alice, SIP_BYE, SOON_MS));
    peer_answer(&w.alice, 200, "");
    ck_assert(hears(&w.bob, 200));
}
END_TEST

static const char *const methods_within[] = {"INFO",    "UPDATE",  "PRACK", "REFER",   "NOTIFY",
                                             "MESSAGE", "OPTIONS", "BYE",   "NONSENSE"};

START_TEST(every_method_passes_within_a_dialog_both_ways)
{
    const char *method = methods_within[_i];
    struct side caller, callee;

    registered(&w.bob);
    talk(&caller, &callee);
    send_within(&w.alice, &caller, method, false);
    ck_assert(peer_expect_request(&w.bob, sip_method_of(span_of(method)), SOON_MS));
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_ROUTE), 0);
    peer_answer(&w.bob, 200, "");
    ck_assert(hears(&w.alice, 200));
    send_within(&w.bob, &callee, method, false);
    ck_assert(peer_expect_request(&w.alice, sip_method_of(span_of(method)), SOON_MS));
    peer_answer(&w.alice, 200, "");
    ck_assert(hears(&w.bob, 200));
}
END_TEST

static const char *const methods_outside[] = {"OPTIONS", "INFO", "REFER", "NOTIFY", "NONSENSE"};

START_TEST(every_method_passes_outside_of_a_dialog)
{
    const struct ask ask = {.method = methods_outside[_i], .uri = w.bob_uri, .body = "odd\r\n"};

    w.bob.notify_status = 0; /* answered as the others are */
    registered(&w.bob);
    ck_assert_int_eq(call("sip:nobody@example.org"), 404); /* now she has a nonce */
    peer_new_call(&w.alice);
    peer_send_request(&w.alice, &ask);
    ck_assert(peer_expect_request(&w.bob, sip_method_of(span_of(ask.method)), SOON_MS));
    ck_assert(span_equal(w.bob.message.body, SPAN("odd\r\n")));
    peer_answer(&w.bob, 202, "");
    ck_assert(hears(&w.alice, 202));
}
END_TEST

START_TEST(a_body_passes_octet_by_octet_with_fields_that_nobody_knows)
{
    struct peer *callees[] = {&w.bob};

    registered(&w.bob);
    ring(callees, 1);
    ck_assert(span_equal(w.bob.message.body, SPAN("v=0\r\ns=alice\r\n")));
    ck_assert_int_eq(w.bob.message.max_forwards, 69);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_VIA), 2);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_PROXY_AUTHORIZATION), 0);
    peer_answer(&w.bob, 603, "X-Odd: yes\r\n");
    ck_assert(hears(&w.alice, 603));
    ck_assert_ptr_nonnull(sip_header_named(&w.alice.message, SPAN("x-odd")));
}
END_TEST

START_TEST(a_call_rings_everywhere_and_the_others_are_cancelled)
{
    struct peer *callees[] = {&w.bob, &w.bob_too};
    struct peer_datagram first, second;

    registered(&w.bob);
    registered(&w.bob_too);
    ring(callees, 2);
    first = w.bob.taken;
    second = w.bob_too.taken;
    peer_answer_to(&w.bob, &first, 180, "", NULL);
    peer_answer_to(&w.bob_too, &second, 180, "", NULL);
    ck_assert(hears(&w.alice, 180));
    ck_assert(hears(&w.alice, 180));
    peer_answer_to(&w.bob, &first, 200, contact_of(&w.bob), NULL);
    ck_assert(hears(&w.alice, 200));
    ck_assert(peer_expect_request(&w.bob_too, SIP_CANCEL, SOON_MS));
    peer_answer(&w.bob_too, 200, "");
    peer_answer_to(&w.bob_too, &second, 487, "", NULL);
    ck_assert(peer_expect_request(&w.bob_too, SIP_ACK, SOON_MS));
    ck_assert(!peer_expect_response(&w.alice, QUIET_MS));
}
END_TEST

START_TEST(a_second_2xx_that_crosses_the_cancel_goes_back_too)
{
    struct peer *callees[] = {&w.bob, &w.bob_too};
    struct peer_datagram first, second;

    registered(&w.bob);
    registered(&w.bob_too);
    ring(callees, 2);
    first = w.bob.taken;
    second = w.bob_too.taken;
    peer_answer_to(&w.bob, &first, 200, contact_of(&w.bob), NULL);
    peer_answer_to(&w.bob_too, &second, 200, contact_of(&w.bob_too), NULL);
    ck_assert(hears(&w.alice, 200));
    ck_assert(hears(&w.alice, 200));
    peer_answer_to(&w.bob, &first, 200, contact_of(&w.bob), NULL); /* no ACK yet: once more */
    ck_assert(hears(&w.alice, 200));
}
END_TEST

START_TEST(a_caller_who_gives_up_gets_487_and_the_phone_stops_ringing)
{
    struct peer *callees[] = {&w.bob};
    struct peer_datagram invite;
    const struct ask cancel = {.method = "CANCEL", .uri = w.bob_uri, .same = true, .bare = true};
    const struct ask ack = {.method = "ACK", .uri = w.bob_uri, .same = true, .bare = true};

    registered(&w.bob);
    ring(callees, 1);
    invite = w.bob.taken;
    peer_answer_to(&w.bob, &invite, 180, "", NULL);
    ck_assert(hears(&w.alice, 180));
    peer_send_request(&w.alice, &cancel);
    ck_assert(hears(&w.alice, 200));
    ck_assert(peer_expect_request(&w.bob, SIP_CANCEL, SOON_MS));
    peer_answer(&w.bob, 200, "");
    peer_answer_to(&w.bob, &invite, 487, "", NULL);
    ck_assert(hears(&w.alice, 487));
    peer_send_request(&w.alice, &ack);
    ck_assert(peer_expect_request(&w.bob, SIP_ACK, SOON_MS));
}
END_TEST

struct choice {
    int first, second, best;
};

static const struct choice choices[] = {
    {486, 404, 486}, {404, 603, 603}, {480, 302, 302}, {503, 503, 500}, {408, 486, 486}};

START_TEST(of_two_refusals_the_better_goes_back)
{
    struct peer *callees[] = {&w.bob, &w.bob_too};
    const struct choice *it = &choices[_i];
    struct peer_datagram first, second;

    registered(&w.bob);
    registered(&w.bob_too);
    ring(callees, 2);
    first = w.bob.taken;
    second = w.bob_too.taken;
    peer_answer_to(&w.bob, &first, it->first, "", NULL);
    ck_assert(peer_expect_request(&w.bob, SIP_ACK, SOON_MS));
    peer_answer_to(&w.bob_too, &second, it->second, "", NULL);
    ck_assert(hears(&w.alice, it->best));
}
END_TEST

START_TEST(behind_a_nat_both_sides_are_reached_over_their_flows)
{
    struct side caller, callee;

    w.alice.via_host = "10.1.2.3";
    w.bob.via_host = "10.3.2.1";
    registered(&w.bob);
    talk(&caller, &callee);
    ck_assert_ptr_nonnull(strstr(caller.target, "10.3.2.1"));
    send_within(&w.bob, &callee, "BYE", false);
    ck_assert(peer_expect_request(&w.alice, SIP_BYE, SOON_MS));
    peer_answer(&w.alice, 200, "");
    ck_assert(hears(&w.bob, 200));
}
END_TEST

START_TEST(a_phone_that_rings_for_ever_is_cancelled)
{
    struct peer *callees[] = {&w.bob};
    struct peer_datagram invite;

    registered(&w.bob);
    ring(callees, 1);
    invite = w.bob.taken;
    peer_answer_to(&w.bob, &invite, 180, "", NULL);
    ck_assert(peer_expect_request(&w.bob, SIP_CANCEL, SOON_MS)); /* Timer C is a second here */
    peer_answer(&w.bob, 200, "");
    peer_answer_to(&w.bob, &invite, 487, "", NULL);
    ck_assert(hears(&w.alice, 487));
}
END_TEST

START_TEST(a_phone_that_says_nothing_is_a_408)
{
    struct peer *callees[] = {&w.bob};

    registered(&w.bob);
    ring(callees, 1);
    ck_assert(w.alice.tcp || peer_expect_request(&w.bob, SIP_INVITE, SOON_MS)); /* once more */
    ck_assert(hears(&w.alice, 408));
}
END_TEST

START_TEST(a_large_request_arrives_whole_whatever_it_takes)
{
    char body[4001] = "";
    struct ask ask = {.method = "INVITE", .uri = w.bob_uri, .body = body};

    for (size_t i = 0; i < sizeof(body) - 1; i++)
        body[i] = (char)('a' + i % 26);
    registered(&w.bob);
    ck_assert_int_eq(call("sip:nobody@example.org"), 404); /* now she has a nonce */
    peer_new_call(&w.alice);
    peer_send_request(&w.alice, &ask);
    ck_assert(peer_expect_request(&w.bob, SIP_INVITE, SOON_MS));
    ck_assert(span_equal(w.bob.message.body, span_of(body)));
    peer_answer(&w.bob, 486, "");
    ck_assert(hears(&w.alice, 486));
}
END_TEST

/* ---- refusals ---- */

START_TEST(nobody_there_is_480_and_nobody_of_that_name_is_404)
{
    ck_assert_int_eq(call(w.bob_uri), 480);
    peer_new_call(&w.alice);
    ck_assert_int_eq(call("sip:nobody@example.org"), 404);
}
END_TEST

struct refusal {
    const char *sentence;
    const char *headers;
    int status;
};

static const struct refusal refusals[] = {
    {"no hop is left", "Max-Forwards: 0\r\n", 483},
    {"an extension that a proxy must understand", "Proxy-Require: foo\r\n", 420},
    {"too narrow for two devices", "Max-Breadth: 1\r\n", 440},
};

START_TEST(what_a_proxy_may_not_pass_is_refused)
{
    char text[512];

    registered(&w.bob);
    registered(&w.bob_too);
    snprintf(text, sizeof(text),
             "OPTIONS %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKx%d;rport\r\n"
             "From: <sip:s@elsewhere.example>;tag=1\r\nTo: <%s>\r\nCall-ID: r%d.%s\r\n"
             "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n%s\r\n",
             w.bob_uri, w.stranger.port, w.next, w.bob_uri, w.next, w.stranger.call_id,
             refusals[_i].headers);
    peer_send(&w.stranger, text);
    ck_assert(peer_expect_response(&w.stranger, SOON_MS));
    ck_assert_msg(w.stranger.message.status == refusals[_i].status, "%s: %d", refusals[_i].sentence,
                  w.stranger.message.status);
}
END_TEST

START_TEST(a_binding_that_leads_back_to_itself_is_a_loop)
{
    char contact[PEER_TEXT];

    if (w.bob.tcp)
        return; /* whatever the Contact says, it is reached over its connection */
    snprintf(contact, sizeof(contact), "Contact: <%s:%d;maddr=127.0.0.1>\r\n", w.bob_uri, w.port);
    register_with(&w.bob, contact);
    ck_assert_int_eq(call(w.bob_uri), 482);
}
END_TEST

START_TEST(a_user_of_ours_needs_credentials_of_his_own)
{
    struct ask ask = {.method = "INVITE", .uri = w.bob_uri, .bare = true};

    registered(&w.bob);
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 407);
    ck_assert(peer_header_has(&w.alice, SIP_PROXY_AUTHENTICATE, "realm=\"example.org\""));
    peer_new_call(&w.alice);
    ask.bare = false;
    ask.from = w.bob_uri; /* alice's password, bob's name */
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 403);
    ck_assert(!peer_expect_request(&w.bob, SIP_INVITE, QUIET_MS));
}
END_TEST

/* ---- no open relay ---- */

static int ask_stranger_to(const char *uri)
{
    const struct ask ask = {.method = "MESSAGE", .uri = uri, .bare = true};

    return peer_ask(&w.stranger, &ask);
}

START_TEST(a_stranger_reaches_our_users_and_nobody_else)
{
    const struct ask ask = {.method = "OPTIONS", .uri = w.bob_uri, .bare = true};
    char elsewhere[PEER_TEXT];

    registered(&w.bob);
    peer_send_request(&w.stranger, &ask);
    ck_assert(peer_expect_request(&w.bob, SIP_OPTIONS, SOON_MS));
    peer_answer(&w.bob, 200, "");
    ck_assert(hears(&w.stranger, 200));
    snprintf(elsewhere, sizeof(elsewhere), "sip:x@127.0.0.1:%d", w.alice.port);
    ck_assert_int_eq(ask_stranger_to(elsewhere), 403);
    ck_assert(!peer_expect_request(&w.alice, SIP_MESSAGE, QUIET_MS));
}
END_TEST

START_TEST(a_user_of_ours_reaches_others_and_takes_no_credentials_there)
{
    char elsewhere[PEER_TEXT], route[PEER_TEXT];
    struct ask ask = {.method = "OPTIONS", .uri = elsewhere, .headers = route};

    snprintf(elsewhere, sizeof(elsewhere), "sip:x@127.0.0.1:%d%s", w.stranger.port,
             w.stranger.tcp ? ";transport=tcp" : "");
    snprintf(route, sizeof(route), "Route: <sip:127.0.0.1:%d;lr>\r\n", w.port);
    ask.bare = true;
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 407);
    ask.bare = false;
    ask.uri = "sip:nobody@example.org";
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 404); /* now she has a nonce */
    ask.uri = elsewhere;
    peer_send_request(&w.alice, &ask);
    ck_assert(peer_expect_request(&w.stranger, SIP_OPTIONS, SOON_MS));
    ck_assert_uint_eq(sip_count(&w.stranger.message, SIP_PROXY_AUTHORIZATION), 0);
    ck_assert_uint_eq(sip_count(&w.stranger.message, SIP_ROUTE), 0);
    peer_answer(&w.stranger, 200, "");
    ck_assert(hears(&w.alice, 200));
}
END_TEST

START_TEST(our_mark_serves_its_own_dialog_only)
{
    struct side caller, callee;

    registered(&w.bob);
    talk(&caller, &callee);
    peer_new_call(&w.stranger);
    snprintf(caller.target, sizeof(caller.target), "sip:x@127.0.0.1:%d", w.alice.port);
    send_within(&w.stranger, &caller, "BYE", false);
    ck_assert(hears(&w.stranger, 403));
    send_within(&w.stranger, &caller, "ACK", true);
    ck_assert(!peer_expect_request(&w.alice, SIP_ACK, QUIET_MS));
}
END_TEST

/* The stranger's call rings at bob's: now he has our mark. */
static struct side stranger_calls(void)
{
    const struct ask ask = {
        .method = "INVITE", .uri = w.bob_uri, .headers = contact_of(&w.stranger), .bare = true};

    registered(&w.bob);
    peer_send_request(&w.stranger, &ask);
    ck_assert(peer_expect_request(&w.bob, SIP_INVITE, SOON_MS));
    peer_answer(&w.bob, 180, contact_of(&w.bob));
    ck_assert(hears(&w.stranger, 180));
    return side_of(&w.stranger);
}

START_TEST(a_mark_leads_a_stranger_to_the_other_side_and_nowhere_else)
{
    struct side side = stranger_calls();
    char elsewhere[PEER_TEXT];
    struct ask ask = {.method = "INVITE", .uri = elsewhere, .headers = side.routes, .bare = true};

    snprintf(elsewhere, sizeof(elsewhere), "sip:x@127.0.0.1:%d", w.alice.port);
    ask.to = "<sip:x@elsewhere.example>";
    ck_assert_int_eq(peer_ask(&w.stranger, &ask), 403); /* it would begin something */
    ask.to = side.to;
    if (!w.bob.tcp) /* over whose connection it goes to him, whatever it says */
        ck_assert_int_eq(peer_ask(&w.stranger, &ask), 403);
    ck_assert(!peer_expect_request(&w.alice, SIP_INVITE, QUIET_MS));
    send_within(&w.stranger, &side, "INFO", false);
    ck_assert(peer_expect_request(&w.bob, sip_method_of(SPAN("INFO")), SOON_MS));
}
END_TEST

START_TEST(a_mark_lends_nobody_the_name_of_another)
{
    const struct side side = stranger_calls();
    const struct ask ask = {.method = "MESSAGE",
                            .uri = w.bob_uri,
                            .to = side.to,
                            .from = w.alice.aor,
                            .headers = side.routes,
                            .bare = true};

    ck_assert_int_eq(peer_ask(&w.stranger, &ask), 407);
    ck_assert(!peer_expect_request(&w.bob, SIP_MESSAGE, QUIET_MS));
}
END_TEST

START_TEST(an_ack_without_a_mark_goes_nowhere)
{
    struct side side = {.to = "<sip:x@elsewhere.example>;tag=1"};

    snprintf(side.target, sizeof(side.target), "sip:x@127.0.0.1:%d", w.bob.port);
    send_within(&w.stranger, &side, "ACK", false);
    ck_assert(!peer_expect_request(&w.bob, SIP_ACK, QUIET_MS));
}
END_TEST

/* What a phone shows as alice, or as somebody of this server. */
static const struct {
    const char *before, *behind; /* the user */
} false_names[] = {{"<sip:", "@example.org.>"},       {"<im:", "@example.org>"},
                   {"<pres:", "@example.org>"},       {"<mailto:", "@Example.org>"},
                   {"<xmpp:", "@example.org/phone>"}, {"<im:", "@%65xample.org>"},
                   {"<tel:", "@example.org>"},        {"<sip:", "@127.0.0.1.>"},
                   {"<sip:", "@[::ffff:127.0.0.1]>"}, {"<sip:", "@127.0.0.1:9>"}};

START_TEST(a_stranger_has_no_name_of_ours_however_it_is_written)
{
    char from[PEER_TEXT], text[1024];

    registered(&w.bob);
    snprintf(from, sizeof(from), "%s%s%s", false_names[_i].before, w.alice.user,
             false_names[_i].behind);
    snprintf(text, sizeof(text),
             "MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bKf%d;rport\r\n"
             "From: %s;tag=1\r\nTo: <%s>\r\nCall-ID: f%d.%s\r\nCSeq: 1 MESSAGE\r\n"
             "Content-Length: 0\r\n\r\n",
             w.bob_uri, w.stranger.tcp ? "TCP" : "UDP", w.stranger.port, w.next, from, w.bob_uri,
             w.next, w.stranger.call_id);
    peer_send(&w.stranger, text);
    ck_assert(peer_expect_response(&w.stranger, SOON_MS));
    ck_assert_msg(w.stranger.message.status == 407 || w.stranger.message.status == 403, "%s: %d",
                  from, w.stranger.message.status);
    ck_assert(!peer_expect_request(&w.bob, SIP_MESSAGE, QUIET_MS));
}
END_TEST

START_TEST(a_domain_that_takes_no_strangers_says_so_at_once)
{
    const struct ask ask = {.method = "OPTIONS", .uri = w.bob_uri, .bare = true};
    int status = 0;

    registered(&w.bob);
    w.bob.notify_status = 0;
    cluster_ask(w.cluster, "update presence.domain set accept_foreign = false");
    for (int i = 0; i < 100 && status != 403; i++) {
        peer_send_request(&w.stranger, &ask);
        if (peer_expect_request(&w.bob, SIP_OPTIONS, 20))
            peer_answer(&w.bob, 200, "");
        status = peer_expect_response(&w.stranger, SOON_MS) ? w.stranger.message.status : 0;
    }
    cluster_ask(w.cluster, "update presence.domain set accept_foreign = true");
    ck_assert_int_eq(status, 403);
}
END_TEST

START_TEST(a_trusted_peer_may_relay_as_soon_as_sql_says_so)
{
    char elsewhere[PEER_TEXT];
    const struct ask ask = {.method = "OPTIONS", .uri = elsewhere, .bare = true};
    bool came = false;

    snprintf(elsewhere, sizeof(elsewhere), "sip:x@127.0.0.1:%d%s", w.alice.port,
             w.alice.tcp ? ";transport=tcp" : "");
    ck_assert_int_eq(ask_stranger_to(elsewhere), 403);
    cluster_ask(w.cluster,
                "insert into presence.trusted_peer (address, port, may_relay) values "
                "('127.0.0.1', %d, true)",
                w.stranger.port);
    for (int i = 0; i < 100 && !came; i++) {
        peer_send_request(&w.stranger, &ask);
        came = peer_expect_request(&w.alice, SIP_OPTIONS, 20);
    }
    cluster_ask(w.cluster, "delete from presence.trusted_peer");
    ck_assert(came);
}
END_TEST

/* ---- the suite ---- */

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static TCase *add(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_calls(Suite *suite)
{
    TCase *tcase = add(suite, "RFC 3261 section 16: calls");

    tcase_add_test(tcase, a_call_rings_is_answered_and_is_ended_by_the_callee);
    tcase_add_loop_test(tcase, every_method_passes_within_a_dialog_both_ways, 0,
                        COUNT(methods_within));
    tcase_add_loop_test(tcase, every_method_passes_outside_of_a_dialog, 0, COUNT(methods_outside));
    tcase_add_test(tcase, a_body_passes_octet_by_octet_with_fields_that_nobody_knows);
    tcase_add_test(tcase, a_call_rings_everywhere_and_the_others_are_cancelled);
    tcase_add_test(tcase, a_second_2xx_that_crosses_the_cancel_goes_back_too);
    tcase_add_test(tcase, a_caller_who_gives_up_gets_487_and_the_phone_stops_ringing);
    tcase_add_loop_test(tcase, of_two_refusals_the_better_goes_back, 0, COUNT(choices));
    tcase_add_test(tcase, behind_a_nat_both_sides_are_reached_over_their_flows);
    tcase_add_test(tcase, a_phone_that_rings_for_ever_is_cancelled);
    tcase_add_test(tcase, a_phone_that_says_nothing_is_a_408);
    tcase_add_test(tcase, a_large_request_arrives_whole_whatever_it_takes);
}

static void add_gates(Suite *suite)
{
    TCase *tcase = add(suite, "RFC 3261 section 16.3: who may pass");

    tcase_add_test(tcase, nobody_there_is_480_and_nobody_of_that_name_is_404);
    tcase_add_loop_test(tcase, what_a_proxy_may_not_pass_is_refused, 0, COUNT(refusals));
    tcase_add_test(tcase, a_binding_that_leads_back_to_itself_is_a_loop);
    tcase_add_test(tcase, a_user_of_ours_needs_credentials_of_his_own);
    tcase_add_test(tcase, a_stranger_reaches_our_users_and_nobody_else);
    tcase_add_test(tcase, a_user_of_ours_reaches_others_and_takes_no_credentials_there);
    tcase_add_test(tcase, our_mark_serves_its_own_dialog_only);
    tcase_add_test(tcase, a_mark_leads_a_stranger_to_the_other_side_and_nowhere_else);
    tcase_add_test(tcase, a_mark_lends_nobody_the_name_of_another);
    tcase_add_test(tcase, an_ack_without_a_mark_goes_nowhere);
    tcase_add_loop_test(tcase, a_stranger_has_no_name_of_ours_however_it_is_written, 0,
                        COUNT(false_names));
    tcase_add_test(tcase, a_domain_that_takes_no_strangers_says_so_at_once);
    tcase_add_test(tcase, a_trusted_peer_may_relay_as_soon_as_sql_says_so);
}

/* The last account that was added is known when it can be asked for. */
static void wait_for_accounts(void)
{
    struct ask ask = {.method = "REGISTER", .uri = "sip:example.org"};
    int status = 0;

    set_up();
    for (int i = 0; i < 1000 && status != 200; i++) {
        peer_stop(&w.stranger);
        memset(&w.stranger, 0, sizeof(w.stranger));
        peer_start(&w.stranger, w.port, "last", domain, "secret");
        ask.to = "<sip:last@example.org>";
        status = peer_ask(&w.stranger, &ask);
    }
    tear_down();
    must(status == 200);
}

int main(void)
{
    Suite *suite = suite_create("e2e/call");
    SRunner *runner = srunner_create(suite);
    const char *port = getenv("SIP_PORT");
    int failed;

    w.port = port != NULL ? (int)strtol(port, NULL, 10) : 5060;
    w.cluster = cluster_open();
    cluster_ask(w.cluster,
                "select presence.add_account(format('c%%s@%s', lpad(i::text, 3, '0')), 'secret') "
                "from generate_series(0, %d) i",
                domain, TESTS_MAX * 2);
    cluster_ask(w.cluster, "select presence.add_account('last@example.org', 'secret')");
    wait_for_accounts();
    add_calls(suite);
    add_gates(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    cluster_close(w.cluster);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
