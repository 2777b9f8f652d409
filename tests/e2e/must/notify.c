/* notify.c - RFC 6665 section 4.2.2: what a NOTIFY says, where it goes, and what its answer does.
 */
#include "tests/e2e/must/must.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(a_change_is_told_at_once)
{
    ck_assert_int_eq(subscribe(""), 200);
    notified("active", "closed");
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, 500));
    ck_assert(peer_body_has(&w.bob, "one"));
    ck_assert_int_eq(publish(if_match(TYPE), PIDF("two")), 200);
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, 500));
    ck_assert(peer_body_has(&w.bob, "two"));
    ck_assert_int_eq(publish(if_match("Expires: 0\r\n"), NULL), 200);
    notified("active", "closed");
}
END_TEST

/* notify.chances are two here: one more try after a pause, since a network may be away shortly. */
START_TEST(silence_until_timer_f_removes_the_subscription)
{
    w.bob.notify_status = 0;
    ck_assert_int_eq(subscribe("Expires: 7200\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscriptions(), 1);
    ck_assert(
        shows_within(12000, "0", "select count(*) from presence.subscription where aor = '%s'"));
    another_call();
    w.bob.notify_status = 200;
    w.bob.waiting = 0;
    ck_assert_int_eq(subscribe("Expires: 7200\r\n"), 200); /* and it may come again */
    while (peer_expect_request(&w.bob, SIP_NOTIFY, QUIET_MS))
        ;
}
END_TEST

START_TEST(answers_that_end_a_subscription)
{
    static const int ending[] = {404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604};

    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        another_call();
        w.bob.notify_status = ending[i];
        ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
        notified("active", NULL);
        ck_assert_msg(shows("0", "select count(*) from presence.subscription where aor = '%s'"),
                      "after %d", ending[i]);
        ck_assert_int_eq(subscribe("Expires: 60\r\n"), 481);
    }
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    ck_assert(silent());
}
END_TEST

/* RFC 5057 section 5.1: of the transaction alone. After its pause the state is told again. */
START_TEST(answers_that_end_nothing)
{
    static const int passing[] = {400, 408, 486, 500, 503, 600};
    unsigned cseq;

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        another_call();
        w.bob.notify_status = passing[i];
        ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
        cseq = notified("active", "closed");
        w.bob.notify_status = 200;
        ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
        ck_assert_uint_eq(notified("active", "closed"), cseq + 1);
        ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
        notified("terminated", NULL);
    }
    another_call();
    w.bob.notify_status = 500;
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    cseq = notified("active", "closed");
    w.bob.notify_status = 200;
    ck_assert_uint_eq(notified("active", "closed"), cseq + 1); /* within notify.retry_min_s */
    ck_assert_int_eq(subscriptions(), 1);
}
END_TEST

START_TEST(every_notify_has_one_of_three_states)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active;", NULL);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_SUBSCRIPTION_STATE), 1);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    notified("active;", NULL);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_SUBSCRIPTION_STATE), 1);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    notified("terminated;", NULL);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_SUBSCRIPTION_STATE), 1);
    rule("confirm");
    another_call();
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("pending;", NULL);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_SUBSCRIPTION_STATE), 1);
}
END_TEST

START_TEST(active_and_pending_tell_what_is_left)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active;expires=", NULL);
    ck_assert_int_ge(left_s(), 58);
    ck_assert_int_le(left_s(), 60);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_EXPIRES), 0); /* not the header field */
    rule("confirm");
    notified("terminated", NULL);
    another_call();
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("pending;expires=", NULL);
    ck_assert_int_ge(left_s(), 58);
    ck_assert_int_le(left_s(), 60);
}
END_TEST

START_TEST(what_is_left_is_never_more_than_was_granted)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active;expires=", NULL);
    poll(NULL, 0, 1100);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    notified("active;expires=", "one");
    ck_assert_int_le(left_s(), 59);
    ck_assert_int_ge(left_s(), 55);
}
END_TEST

START_TEST(terminated_tells_a_reason)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    about_alice("select presence.terminate_subscription(id) from presence.subscription where aor = "
                "'%s'");
    notified("terminated;reason=deactivated", NULL);
    another_call();
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    rule("block");
    notified("terminated;reason=rejected", NULL);
    ck_assert(shows("0", "select count(*) from presence.subscription where aor = '%s'"));
}
END_TEST

/* RFC 6665 section 4.1.3: "noresource" is what will not come back. */
START_TEST(a_presentity_that_is_no_more_ends_with_noresource)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    about_alice("select presence.remove_account('%s')");
    notified("terminated;reason=noresource", NULL);
    ck_assert(shows("0", "select count(*) from presence.subscription where aor = '%s'"));
}
END_TEST

/* ---- its way (RFC 3261 section 12) ---- */

static int subscribe_by(const char *routes, const char *contact)
{
    char headers[1024];
    const struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers};

    snprintf(headers, sizeof(headers), EVENT "%sContact: <%s>\r\n", routes, contact);
    return peer_ask(&w.bob, &ask);
}

START_TEST(a_notify_goes_by_the_route_set_to_the_contact)
{
    char routes[256];

    snprintf(routes, sizeof(routes),
             "Record-Route: <sip:127.0.0.1:%d;lr;x=1>\r\nRecord-Route: <sip:192.0.2.1;lr>\r\n",
             w.bob.port);
    ck_assert_int_eq(subscribe_by(routes, "sip:b@192.0.2.2:5070;ob"), 200);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_RECORD_ROUTE), 2);
    notified("active", NULL);
    ck_assert(span_equal(w.bob.message.request_uri, SPAN("sip:b@192.0.2.2:5070;ob")));
    snprintf(routes, sizeof(routes), "<sip:127.0.0.1:%d;lr;x=1>, <sip:192.0.2.1;lr>", w.bob.port);
    ck_assert_str_eq(header(&w.bob, SIP_ROUTE), routes);
}
END_TEST

START_TEST(a_strict_router_gets_its_uri_as_request_uri)
{
    char routes[256];

    snprintf(routes, sizeof(routes), "Record-Route: <sip:127.0.0.1:%d>\r\n", w.bob.port);
    ck_assert_int_eq(subscribe_by(routes, "sip:b@192.0.2.2:5070"), 200);
    notified("active", NULL);
    snprintf(routes, sizeof(routes), "sip:127.0.0.1:%d", w.bob.port);
    ck_assert(span_equal(w.bob.message.request_uri, span_of(routes)));
    ck_assert_str_eq(header(&w.bob, SIP_ROUTE), "<sip:b@192.0.2.2:5070>");
}
END_TEST

START_TEST(a_refresh_moves_the_target_and_keeps_the_route_set)
{
    char headers[512];
    const struct ask ask = {
        .method = "SUBSCRIBE", .uri = w.target, .to = w.dialog_to, .headers = headers};

    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    snprintf(headers, sizeof(headers),
             EVENT "Expires: 60\r\nRecord-Route: <sip:192.0.2.1;lr>\r\n"
                   "Contact: <sip:b@127.0.0.1:%d;x=moved>\r\n",
             w.bob.port);
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 200);
    notified("active", NULL);
    ck_assert(peer_header_has(&w.bob, SIP_CALL_ID, w.bob.call_id));
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_ROUTE), 0);
    ck_assert(memmem(w.bob.message.request_uri.at, w.bob.message.request_uri.len, ";x=moved", 8) !=
              NULL);
}
END_TEST

START_TEST(the_cseq_of_notifies_grows_by_one)
{
    unsigned cseq;

    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    cseq = notified("active", NULL);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(
            publish(i == 0 ? EVENT TYPE : if_match(TYPE), i % 2 == 0 ? PIDF("even") : PIDF("odd")),
            200);
        ck_assert_uint_eq(notified("active", i % 2 == 0 ? "even" : "odd"), ++cseq);
    }
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    ck_assert_uint_eq(notified("terminated", NULL), ++cseq);
}
END_TEST

const TTest *const *notify_proofs(void)
{
    static const TTest *proofs[32];
    const TTest *const all[] = {
        a_change_is_told_at_once,
        answers_that_end_a_subscription,
        answers_that_end_nothing,
        every_notify_has_one_of_three_states,
        active_and_pending_tell_what_is_left,
        what_is_left_is_never_more_than_was_granted,
        terminated_tells_a_reason,
        a_presentity_that_is_no_more_ends_with_noresource,
        a_notify_goes_by_the_route_set_to_the_contact,
        a_strict_router_gets_its_uri_as_request_uri,
        a_refresh_moves_the_target_and_keeps_the_route_set,
        the_cseq_of_notifies_grows_by_one,
    };

    memcpy(proofs, all, sizeof(all));
    return proofs;
}

/* Below the minimum, but not below an hour: section 4.2.1.1 forbids 423. */
START_TEST(an_hour_is_never_too_brief)
{
    ck_assert_int_eq(subscribe("Expires: 3599\r\n"), 423);
    ck_assert_str_eq(header(&w.bob, SIP_MIN_EXPIRES), "3600");
    ck_assert_int_eq(subscribe("Expires: 3600\r\n"), 200);
    ck_assert_str_eq(header(&w.bob, SIP_EXPIRES), "3600");
    notified("active", NULL);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    while (peer_expect_request(&w.bob, SIP_NOTIFY, QUIET_MS))
        ;
}
END_TEST

const TTest *const *other_proofs(void)
{
    static const TTest *proofs[4];
    const TTest *const all[] = {silence_until_timer_f_removes_the_subscription,
                                an_hour_is_never_too_brief};

    memcpy(proofs, all, sizeof(all));
    return proofs;
}
