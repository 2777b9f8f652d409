/* presence.c - RFC 3856 section 6: the event package `presence`. */
#include "tests/e2e/must/must.h"

#include <stdio.h>
#include <stdlib.h>

#define FULL "application/pidf+xml"
#define PARTIAL "application/pidf-diff+xml"

static void body_of_bob(char out[4096])
{
    snprintf(out, 4096, SPAN_FMT, SPAN_ARG(w.bob.message.body));
}

START_TEST(pidf_is_given_whether_or_not_accept_is_there)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", "urn:ietf:params:xml:ns:pidf\"");
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), FULL);
    another_call();
    ck_assert_int_eq(subscribe("Accept: text/plain, " FULL "\r\n"), 200);
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), FULL);
    another_call();
    ck_assert_int_eq(subscribe("Accept: text/plain\r\nAccept: application/*;q=0.5\r\n"), 200);
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), FULL);
}
END_TEST

START_TEST(a_type_that_is_not_given_is_406_with_accept)
{
    ck_assert_int_eq(subscribe("Accept: text/plain\r\n"), 406);
    ck_assert(peer_header_has(&w.bob, SIP_ACCEPT, FULL));
    ck_assert_int_eq(subscribe("Accept: text/plain, " FULL ";q=0\r\n"), 406);
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert(silent());
}
END_TEST

START_TEST(the_most_recent_accept_counts)
{
    ck_assert_int_eq(subscribe("Accept: " FULL ";q=0.5, " PARTIAL "\r\n"), 200);
    notified("active", "pidf-full");
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), PARTIAL);
    ck_assert_int_eq(subscribe("Accept: " FULL "\r\n"), 200);
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), FULL);
    ck_assert_int_eq(subscribe("Accept: " FULL ";q=0.5, " PARTIAL "\r\n"), 200);
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), PARTIAL);
    ck_assert_int_eq(subscribe(""), 200); /* none: the default of the package */
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), FULL);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    notified("active", "one");
    ck_assert_str_eq(header(&w.bob, SIP_CONTENT_TYPE), FULL);
    ck_assert_int_eq(subscribe("Accept: text/plain\r\n"), 406);
    ck_assert_int_eq(subscriptions(), 1);
}
END_TEST

START_TEST(the_default_duration_is_an_hour)
{
    ck_assert_int_eq(subscribe(""), 200);
    ck_assert_str_eq(header(&w.bob, SIP_EXPIRES), "3600");
    notified("active", NULL);
    ck_assert_int_ge(left_s(), 3598);
    ck_assert_int_le(left_s(), 3600);
}
END_TEST

START_TEST(every_subscribe_is_authenticated)
{
    char headers[512];
    struct ask bare = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers, .bare = true};

    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n", w.bob.port);
    ck_assert_int_eq(peer_ask(&w.bob, &bare), 401);
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    bare.uri = w.target;
    bare.to = w.dialog_to;
    snprintf(headers, sizeof(headers), EVENT "Expires: 0\r\nContact: <sip:b@127.0.0.1:%d>\r\n",
             w.bob.port);
    ck_assert_int_eq(peer_ask(&w.bob, &bare), 401); /* in the dialog too */
    ck_assert_int_eq(subscriptions(), 1);
    ck_assert(silent());
    bare.uri = w.alice.aor;
    bare.to = NULL;
    bare.from = "sip:stranger@example.com";
    peer_new_call(&w.bob);
    ck_assert_int_eq(peer_ask(&w.bob, &bare), 403);
}
END_TEST

START_TEST(what_is_not_authorized_is_not_accepted)
{
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("secret-note")), 200);
    rule("block");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 403);
    rule("confirm");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("pending", NULL);
    ck_assert(!peer_body_has(&w.bob, "secret-note"));
    ck_assert(!peer_body_has(&w.bob, "open"));
    ck_assert_int_eq(publish(if_match(TYPE), PIDF("secret-note-2")), 200);
    ck_assert(silent());
    ck_assert_str_eq(about_alice("select state from presence.subscription where aor = '%s'"),
                     "pending");
}
END_TEST

START_TEST(pending_says_so_in_a_note)
{
    rule("confirm");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("pending", "<note");
    ck_assert(peer_body_has(&w.bob, "ending"));
    ck_assert(peer_body_has(&w.bob, "closed"));
    rule("allow");
    notified("active", "closed");
    ck_assert(!peer_body_has(&w.bob, "ending"));
}
END_TEST

START_TEST(politely_blocked_looks_like_offline)
{
    char offline[4096], blocked[4096], answer[4096];

    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    snprintf(answer, sizeof(answer), "%s", header(&w.bob, SIP_EXPIRES));
    notified("active;expires=", "closed");
    body_of_bob(offline);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    notified("terminated;reason=timeout", "closed");
    rule("polite_block");
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("hidden")), 200);
    another_call();
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    ck_assert_str_eq(header(&w.bob, SIP_EXPIRES), answer);
    notified("active;expires=", "closed");
    body_of_bob(blocked);
    ck_assert_str_eq(blocked, offline);
    ck_assert_int_eq(publish(if_match(TYPE), PIDF("hidden too")), 200);
    ck_assert(silent());
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active;expires=", "closed");
    body_of_bob(blocked);
    ck_assert_str_eq(blocked, offline);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    notified("terminated;reason=timeout", "closed");
}
END_TEST

START_TEST(who_is_allowed_later_is_told_the_state_of_now)
{
    rule("confirm");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("pending", NULL);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("now")), 200);
    ck_assert(silent());
    rule("allow");
    notified("active;expires=", "now");
    ck_assert_str_eq(about_alice("select state from presence.subscription where aor = '%s'"),
                     "active");
}
END_TEST

START_TEST(devices_are_aggregated_here)
{
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("desk")), 200);
    peer_new_call(&w.alice);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("mobile")), 200);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", "desk");
    ck_assert(peer_body_has(&w.bob, "mobile"));
    ck_assert(!peer_expect_request(&w.bob, SIP_NOTIFY, QUIET_MS)); /* one document, one dialog */
}
END_TEST

START_TEST(the_presentity_can_watch_her_watchers)
{
    char headers[256];
    const struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers};

    snprintf(headers, sizeof(headers),
             "Event: presence.winfo\r\nContact: <sip:a@127.0.0.1:%d>\r\nExpires: 60\r\n",
             w.alice.port);
    rule("confirm");
    ck_assert_int_eq(peer_ask(&w.alice, &ask), 200);
    ck_assert(peer_expect_request(&w.alice, SIP_NOTIFY, SOON_MS));
    ck_assert_str_eq(header(&w.alice, SIP_CONTENT_TYPE), "application/watcherinfo+xml");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    ck_assert(peer_expect_request(&w.alice, SIP_NOTIFY, SOON_MS));
    ck_assert(peer_body_has(&w.alice, w.bob.aor));
    ck_assert(peer_body_has(&w.alice, "pending"));
}
END_TEST

const TTest *const *presence_proofs(void)
{
    static const TTest *proofs[32];
    const TTest *const all[] = {
        pidf_is_given_whether_or_not_accept_is_there,
        a_type_that_is_not_given_is_406_with_accept,
        the_most_recent_accept_counts,
        the_default_duration_is_an_hour,
        every_subscribe_is_authenticated,
        what_is_not_authorized_is_not_accepted,
        pending_says_so_in_a_note,
        politely_blocked_looks_like_offline,
        who_is_allowed_later_is_told_the_state_of_now,
        devices_are_aggregated_here,
        the_presentity_can_watch_her_watchers,
    };

    memcpy(proofs, all, sizeof(all));
    return proofs;
}
