/* subscribe.c - RFC 6665 sections 4.2.1 and 4.4.1 to 4.4.3: subscriptions begin, go on and end. */
#include "tests/e2e/must/must.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static int rows_expire_in(void)
{
    return (int)strtol(about_alice("select ceil(extract(epoch from remaining)) from "
                                   "presence.subscription where aor = '%s'"),
                       NULL, 10);
}

START_TEST(only_a_subscribe_makes_a_subscription)
{
    static const char *const methods[] = {"PUBLISH", "OPTIONS", "NOTIFY", "REFER", "INFO"};
    char headers[256];
    struct ask ask = {.uri = w.alice.aor, .headers = headers};

    snprintf(headers, sizeof(headers),
             EVENT "Expires: 60\r\nRefer-To: <sip:x@example.org>\r\n"
                   "Subscription-State: active\r\nContact: <sip:b@127.0.0.1:%d>\r\n",
             w.bob.port);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        ask.method = methods[i];
        ck_assert_int_ge(peer_ask(&w.bob, &ask), 400);
    }
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert(silent());
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    ck_assert_int_eq(subscriptions(), 1);
}
END_TEST

START_TEST(the_answer_waits_for_no_user)
{
    rule("confirm");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200); /* within peer_ask()'s 3 s */
    notified("pending;expires=", NULL);
}
END_TEST

START_TEST(a_success_is_200_and_never_202)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe("Expires: 50\r\n"), 200);
    rule("confirm");
    another_call();
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    another_call();
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
}
END_TEST

START_TEST(a_package_that_is_not_known_is_489_with_allow_events)
{
    ck_assert_int_eq(subscribe_to("Event: nonsense\r\n", ""), 489);
    ck_assert(peer_header_has(&w.bob, SIP_ALLOW_EVENTS, "presence"));
    ck_assert_int_eq(subscribe_to("Event: presence.nonsense\r\n", ""), 489);
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert(silent());
}
END_TEST

START_TEST(no_event_is_489)
{
    ck_assert_int_eq(subscribe_to("", ""), 489);
    ck_assert(peer_header_has(&w.bob, SIP_ALLOW_EVENTS, "presence"));
}
END_TEST

START_TEST(a_watcher_is_authenticated_by_401_and_then_judged)
{
    const struct ask bare = {
        .method = "SUBSCRIBE", .uri = w.alice.aor, .headers = EVENT, .bare = true};

    ck_assert_int_eq(peer_ask(&w.bob, &bare), 401);
    ck_assert(peer_header_has(&w.bob, SIP_WWW_AUTHENTICATE, "Digest"));
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_PROXY_AUTHENTICATE), 0);
    snprintf(w.bob.password, sizeof(w.bob.password), "wrong");
    ck_assert_int_eq(subscribe(""), 401);
    snprintf(w.bob.password, sizeof(w.bob.password), "secret");
    rule("block");
    ck_assert_int_eq(subscribe(""), 403);
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert(silent());
}
END_TEST

START_TEST(an_interval_is_shortened_and_never_lengthened)
{
    static const int asked[] = {2, 10, 3600, 7200, 7201, 4294967};
    char line[64];

    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        int granted;

        snprintf(line, sizeof(line), "Expires: %d\r\n", asked[i]);
        another_call();
        ck_assert_int_eq(subscribe(line), 200);
        granted = (int)strtol(header(&w.bob, SIP_EXPIRES), NULL, 10);
        ck_assert_int_eq(granted, asked[i] < 7200 ? asked[i] : 7200);
        notified("active", NULL);
        ck_assert_int_le(left_s(), granted);
    }
}
END_TEST

START_TEST(a_refresh_is_never_lengthened)
{
    ck_assert_int_eq(subscribe("Expires: 100\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe("Expires: 50\r\n"), 200);
    ck_assert_str_eq(header(&w.bob, SIP_EXPIRES), "50");
    notified("active", NULL);
    ck_assert_int_le(left_s(), 50);
    ck_assert_int_le(rows_expire_in(), 50);
    ck_assert_int_eq(subscribe("Expires: 80\r\n"), 200);
    ck_assert_str_eq(header(&w.bob, SIP_EXPIRES), "80");
    notified("active", NULL);
    ck_assert_int_le(left_s(), 80);
    ck_assert_int_gt(rows_expire_in(), 50);
    ck_assert_int_le(rows_expire_in(), 80);
}
END_TEST

/* 2 s in the configuration; and what is shortened is not too brief by that. */
START_TEST(an_interval_too_brief_is_423_with_min_expires)
{
    ck_assert_int_eq(subscribe("Expires: 1\r\n"), 423);
    ck_assert_str_eq(header(&w.bob, SIP_MIN_EXPIRES), "2");
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert_int_eq(subscribe("Expires: 2\r\n"), 200);
    another_call();
    cluster_ask(w.cluster, "update presence.domain set subscription_expires_max_s = 1");
    for (int tries = 0; tries < 400; tries++) {
        ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
        if (strcmp(header(&w.bob, SIP_EXPIRES), "1") == 0)
            break;
        another_call();
        poll(NULL, 0, 5);
    }
    ck_assert_str_eq(header(&w.bob, SIP_EXPIRES), "1");
    cluster_ask(w.cluster, "update presence.domain set subscription_expires_max_s = null");
}
END_TEST

START_TEST(a_refresh_too_brief_is_423_and_changes_nothing)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe("Expires: 1\r\n"), 423);
    ck_assert_str_eq(header(&w.bob, SIP_MIN_EXPIRES), "2");
    ck_assert(silent());
    ck_assert_int_gt(rows_expire_in(), 30);
}
END_TEST

START_TEST(every_accepted_subscribe_is_followed_by_a_notify_at_once)
{
    unsigned cseq;

    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    cseq = notified("active;expires=", "closed");
    ck_assert(strstr(w.dialog_to, header(&w.bob, SIP_FROM)) != NULL ||
              span_equal(w.bob.message.from.tag, span_of(strstr(w.dialog_to, ";tag=") + 5)));
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200); /* nothing has changed */
    ck_assert_uint_eq(notified("active;expires=", "closed"), cseq + 1);
    rule("confirm"); /* who was active must ask again */
    notified("terminated;reason=deactivated", NULL);
    another_call();
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    cseq = notified("pending;expires=", NULL);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    ck_assert_uint_eq(notified("pending;expires=", NULL), cseq + 1);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    ck_assert_uint_eq(notified("terminated;reason=timeout", NULL), cseq + 2);
    another_call();
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    notified("terminated;reason=timeout", NULL);
    ck_assert(silent());
}
END_TEST

START_TEST(who_is_blocked_gets_403_and_no_row)
{
    rule("block");
    ck_assert_int_eq(subscribe(""), 403);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 403);
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert(silent());
}
END_TEST

START_TEST(who_is_declined_later_is_told_rejected)
{
    rule("confirm");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("pending;expires=", NULL);
    rule("block");
    notified("terminated;reason=rejected", NULL);
    ck_assert(shows("0", "select count(*) from presence.subscription where aor = '%s' and state "
                         "<> 'waiting'"));
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 481);
}
END_TEST

START_TEST(what_is_not_refreshed_is_removed_and_told_with_reason_timeout)
{
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("last seen")), 200);
    ck_assert_int_eq(subscribe("Expires: 2\r\n"), 200);
    notified("active", "last seen");
    ck_assert(peer_expect_request(&w.bob, SIP_NOTIFY, 4000));
    ck_assert_str_eq(header(&w.bob, SIP_SUBSCRIPTION_STATE), "terminated;reason=timeout");
    ck_assert(shows("0", "select count(*) from presence.subscription where aor = '%s'"));
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 481);
}
END_TEST

START_TEST(expires_0_ends_at_once_with_reason_timeout)
{
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("last seen")), 200);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    ck_assert_str_eq(header(&w.bob, SIP_EXPIRES), "0");
    notified("terminated;reason=timeout", "last seen");
    ck_assert_str_eq(header(&w.bob, SIP_SUBSCRIPTION_STATE), "terminated;reason=timeout");
    ck_assert(shows("0", "select count(*) from presence.subscription where aor = '%s'"));
}
END_TEST

START_TEST(a_fetch_is_one_notify_in_its_dialog_and_no_row)
{
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("fetched")), 200);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200);
    notified("terminated;reason=timeout", "fetched");
    ck_assert(span_equal(w.bob.message.from.tag, span_of(strstr(w.dialog_to, ";tag=") + 5)));
    ck_assert_int_eq(subscriptions(), 0);
    ck_assert(silent());
    ck_assert_int_eq(publish(if_match(TYPE), PIDF("later")), 200);
    ck_assert(silent());
}
END_TEST

START_TEST(a_request_of_no_dialog_is_481)
{
    char to[PEER_TEXT + 32];
    char headers[128];
    const struct ask ask = {
        .method = "SUBSCRIBE", .uri = w.alice.aor, .to = to, .headers = headers};

    snprintf(to, sizeof(to), "<%s>;tag=nowhere", w.alice.aor);
    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n", w.bob.port);
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 481);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    snprintf(w.bob.from_tag, sizeof(w.bob.from_tag), "another");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 481);
    ck_assert_int_eq(subscriptions(), 1);
    ck_assert(silent());
}
END_TEST

static int ask_in_dialog(const char *method)
{
    const struct ask ask = {
        .method = method, .uri = w.target, .to = w.dialog_to, .headers = EVENT, .bare = true};

    return peer_ask(&w.bob, &ask);
}

/* RFC 3261 sections 8.2.1 and 12.2.2, RFC 5057 section 5.2. */
START_TEST(what_a_notifier_does_not_do_is_refused_in_its_dialog)
{
    char tag[PEER_TEXT];

    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(ask_in_dialog("NOTIFY"), 405);
    ck_assert_int_eq(ask_in_dialog("MESSAGE"), 405);
    ck_assert_int_eq(ask_in_dialog("NONSENSE"), 501);
    ck_assert_int_eq(ask_in_dialog("BYE"), 481); /* there is no INVITE's usage */
    ck_assert_int_eq(ask_in_dialog("OPTIONS"), 200);
    ck_assert_int_eq(subscriptions(), 1);
    snprintf(tag, sizeof(tag), "%s", w.bob.from_tag);
    snprintf(w.bob.from_tag, sizeof(w.bob.from_tag), "another");
    ck_assert_int_eq(ask_in_dialog("NOTIFY"), 481);
    ck_assert_int_eq(ask_in_dialog("OPTIONS"), 481);
    snprintf(w.bob.from_tag, sizeof(w.bob.from_tag), "%s", tag);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200); /* it lives on */
}
END_TEST

START_TEST(a_refresh_out_of_order_is_500_and_changes_nothing)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    w.bob.cseq -= 2;
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 500);
    ck_assert(silent());
    ck_assert_int_eq(subscriptions(), 1);
}
END_TEST

START_TEST(a_retransmission_gets_the_same_answer_and_makes_nothing)
{
    char headers[256];
    struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers};
    char first[PEER_TEXT];

    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n", w.bob.port);
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 200);
    snprintf(first, sizeof(first), "%s", header(&w.bob, SIP_TO));
    notified("active", NULL);
    ask.same = true; /* by its branch */
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 200);
    ck_assert_str_eq(header(&w.bob, SIP_TO), first);
    ask.same = false;
    ask.repeat = true; /* over another way */
    ck_assert_int_eq(peer_ask(&w.bob, &ask), 200);
    ck_assert_str_eq(header(&w.bob, SIP_TO), first);
    ck_assert_int_eq(subscriptions(), 1);
    ck_assert(silent());
}
END_TEST

START_TEST(forks_of_one_request_make_one_subscription)
{
    char headers[256];
    struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers};
    int answers[2];

    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200); /* for a nonce */
    notified("terminated", NULL);
    another_call();
    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n", w.bob.port);
    peer_send_request(&w.bob, &ask);
    ask.repeat = true;
    peer_send_request(&w.bob, &ask);
    for (int i = 0; i < 2; i++) {
        ck_assert(peer_expect_response(&w.bob, SOON_MS));
        answers[i] = w.bob.message.status;
    }
    ck_assert_int_eq(answers[0] + answers[1], 200 + 482);
    notified("active", NULL);
    ck_assert(silent());
    ck_assert_int_eq(subscriptions(), 1);
    w.bob.cseq = 0; /* another From tag is another subscription */
    snprintf(w.bob.from_tag, sizeof(w.bob.from_tag), "another");
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
}
END_TEST

const TTest *const *subscribe_proofs(void)
{
    static const TTest *proofs[32];
    const TTest *const all[] = {
        only_a_subscribe_makes_a_subscription,
        the_answer_waits_for_no_user,
        a_success_is_200_and_never_202,
        a_package_that_is_not_known_is_489_with_allow_events,
        no_event_is_489,
        a_watcher_is_authenticated_by_401_and_then_judged,
        an_interval_is_shortened_and_never_lengthened,
        a_refresh_is_never_lengthened,
        an_interval_too_brief_is_423_with_min_expires,
        a_refresh_too_brief_is_423_and_changes_nothing,
        every_accepted_subscribe_is_followed_by_a_notify_at_once,
        who_is_blocked_gets_403_and_no_row,
        who_is_declined_later_is_told_rejected,
        what_is_not_refreshed_is_removed_and_told_with_reason_timeout,
        expires_0_ends_at_once_with_reason_timeout,
        a_fetch_is_one_notify_in_its_dialog_and_no_row,
        a_request_of_no_dialog_is_481,
        what_a_notifier_does_not_do_is_refused_in_its_dialog,
        a_refresh_out_of_order_is_500_and_changes_nothing,
        a_retransmission_gets_the_same_answer_and_makes_nothing,
        forks_of_one_request_make_one_subscription,
    };

    memcpy(proofs, all, sizeof(all));
    return proofs;
}
