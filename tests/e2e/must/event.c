/* event.c - RFC 6665 sections 4.3 to 4.6 and 8.2.1: proxies, Allow-Events, local targets, Event. */
#include "tests/e2e/must/must.h"

#include <stdio.h>
#include <stdlib.h>

/* Also those that nobody may watch: known is what does not get 489. */
static const char *const packages[] = {"presence",     "presence.winfo",  "dialog",
                                       "dialog.winfo", "message-summary", "reg"};

enum { PACKAGES = sizeof(packages) / sizeof(packages[0]) };

static bool lists(const char *value, const char *token)
{
    const size_t len = strlen(token);

    for (const char *at = value; *at != '\0'; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        if (strncmp(at, token, len) == 0 && strchr(", ", at[len]) != NULL)
            return true;
    }
    return false;
}

static int count_of(const char *value)
{
    int count = *value != '\0';

    for (; *value != '\0'; value++)
        count += *value == ',';
    return count;
}

START_TEST(allow_events_lists_every_package_and_no_other)
{
    const struct ask options = {.method = "OPTIONS", .uri = "sip:example.org"};
    char allowed[512];

    ck_assert_int_eq(peer_ask(&w.bob, &options), 200);
    snprintf(allowed, sizeof(allowed), "%s", header(&w.bob, SIP_ALLOW_EVENTS));
    for (int i = 0; i < PACKAGES; i++) {
        char event[64];

        ck_assert_msg(lists(allowed, packages[i]), "%s is not in %s", packages[i], allowed);
        snprintf(event, sizeof(event), "Event: %s\r\n", packages[i]);
        another_call();
        ck_assert_int_ne(subscribe_to(event, "Expires: 0\r\n"), 489);
    }
    ck_assert_int_eq(count_of(allowed), PACKAGES);
    another_call();
    ck_assert_int_eq(subscribe_to("Event: nonsense\r\n", ""), 489);
    ck_assert_str_eq(header(&w.bob, SIP_ALLOW_EVENTS), allowed);
}
END_TEST

START_TEST(allow_events_is_in_options_and_what_begins_a_dialog)
{
    const struct ask options = {.method = "OPTIONS", .uri = "sip:example.org"};

    ck_assert_int_eq(peer_ask(&w.bob, &options), 200);
    ck_assert(lists(header(&w.bob, SIP_ALLOW_EVENTS), "presence"));
    ck_assert_int_eq(subscribe(""), 200);
    ck_assert(lists(header(&w.bob, SIP_ALLOW_EVENTS), "presence"));
}
END_TEST

/* RFC 5627 section 4.3: self-made, of the server's own address, with "gr". */
static bool is_gruu(const char *contact, const char *port)
{
    return strstr(contact, "@127.0.0.1:") != NULL && strstr(contact, port) != NULL &&
           (strstr(contact, ";gr>") != NULL || strstr(contact, ";gr;") != NULL ||
            strstr(contact, ";gr=") != NULL);
}

START_TEST(the_local_target_is_a_gruu_of_its_dialog)
{
    char port[16];
    char first[PEER_TEXT];

    snprintf(port, sizeof(port), ":%d", w.port);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    snprintf(first, sizeof(first), "%s", header(&w.bob, SIP_CONTACT));
    ck_assert_msg(is_gruu(first, port), "%s", first);
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_CONTACT), first);
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200); /* it leads here */
    ck_assert_str_eq(header(&w.bob, SIP_CONTACT), first);
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_CONTACT), first);
    another_call();
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    ck_assert_str_ne(header(&w.bob, SIP_CONTACT), first);
}
END_TEST

START_TEST(another_subscription_in_the_dialog_is_403_that_says_why)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe_to("Event: presence;id=7\r\n", "Expires: 60\r\n"), 403);
    ck_assert(span_equal(w.bob.message.reason, SPAN("Dialog Sharing Not Supported")));
    ck_assert_int_eq(subscribe_to("Event: dialog\r\n", "Expires: 60\r\n"), 403);
    ck_assert(span_equal(w.bob.message.reason, SPAN("Dialog Sharing Not Supported")));
    ck_assert_int_eq(subscriptions(), 1);
    ck_assert(silent());
}
END_TEST

START_TEST(the_id_is_in_every_notify)
{
    ck_assert_int_eq(subscribe_to("Event: presence;id=aB7\r\n", "Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_EVENT), "presence;id=aB7");
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    notified("active", "one");
    ck_assert_str_eq(header(&w.bob, SIP_EVENT), "presence;id=aB7");
    ck_assert_int_eq(subscribe_to("Event: presence;id=aB7\r\n", "Expires: 0\r\n"), 200);
    notified("terminated", NULL);
    ck_assert_str_eq(header(&w.bob, SIP_EVENT), "presence;id=aB7");
}
END_TEST

START_TEST(a_refresh_without_the_id_is_not_of_the_subscription)
{
    ck_assert_int_eq(subscribe_to("Event: presence;id=aB7\r\n", "Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 403);
    ck_assert_int_eq(subscribe_to("Event: presence;id=ab7\r\n", "Expires: 0\r\n"), 403);
    ck_assert_int_eq(subscriptions(), 1);
    ck_assert(silent());
}
END_TEST

START_TEST(event_and_id_are_compared_byte_by_byte_and_nothing_else)
{
    ck_assert_int_eq(subscribe_to("Event: presence;id=1234\r\n", "Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe_to("o: presence ; param=abcd ; id=1234\r\n", "Expires: 60\r\n"),
                     200);
    notified("active", NULL);
    ck_assert_int_eq(subscribe_to("Event: Presence;id=1234\r\n", "Expires: 60\r\n"), 489);
    ck_assert_int_eq(subscribe_to("Event: presence;ID=1234\r\n", "Expires: 60\r\n"), 200);
    notified("active", NULL);
}
END_TEST

START_TEST(two_event_types_are_400)
{
    ck_assert_int_eq(subscribe_to("Event: presence, dialog\r\n", ""), 400);
    ck_assert_int_eq(subscribe_to("Event: presence\r\nEvent: dialog\r\n", ""), 400);
    ck_assert_int_eq(publish("Event: presence, dialog\r\n" TYPE, PIDF("x")), 400);
    ck_assert_int_eq(subscriptions() + publications(), 0);
}
END_TEST

START_TEST(no_response_has_an_event)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_EVENT), 0);
    ck_assert_int_eq(subscribe("Expires: 1\r\n"), 423);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_EVENT), 0);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_EVENT), 0);
    ck_assert_int_eq(publish("Event: nonsense\r\n" TYPE, PIDF("one")), 489);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_EVENT), 0);
}
END_TEST

/* ---- CANCEL ---- */

START_TEST(a_cancel_is_answered_and_changes_nothing)
{
    char headers[256];
    struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers};
    const struct ask cancel = {.method = "CANCEL", .uri = w.alice.aor, .same = true, .bare = true};
    bool subscribed = false, cancelled = false;

    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200); /* for a nonce */
    notified("terminated", NULL);
    another_call();
    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n", w.bob.port);
    peer_send_request(&w.bob, &ask);
    peer_send_request(&w.bob, &cancel);
    for (int i = 0; i < 2; i++) {
        ck_assert(peer_expect_response(&w.bob, SOON_MS));
        ck_assert_int_eq(w.bob.message.status, 200);
        subscribed |= w.bob.message.cseq.method == SIP_SUBSCRIBE;
        cancelled |= w.bob.message.cseq.method == SIP_CANCEL;
    }
    ck_assert(subscribed && cancelled);
    notified("active", NULL);
    ck_assert_int_eq(subscriptions(), 1);
    peer_send_request(&w.bob, &cancel); /* after its end too */
    ck_assert(peer_expect_response(&w.bob, SOON_MS));
    ck_assert_int_eq(w.bob.message.status, 200);
    ck_assert_int_eq(subscriptions(), 1);
}
END_TEST

/* ---- as a proxy ---- */

/* What alice's device, a notifier at an address of its own, gets of bob's SUBSCRIBE. */
static struct peer_datagram passed_on(void)
{
    char uri[64], headers[256];
    const struct ask ask = {.method = "SUBSCRIBE", .uri = uri, .headers = headers};

    ck_assert_int_eq(subscribe("Expires: 0\r\n"), 200); /* for a nonce */
    notified("terminated", NULL);
    another_call();
    snprintf(uri, sizeof(uri), "sip:n@127.0.0.1:%d", w.alice.port);
    snprintf(headers, sizeof(headers), EVENT "Contact: <sip:b@127.0.0.1:%d>\r\n", w.bob.port);
    peer_send_request(&w.bob, &ask);
    if (!peer_expect_request(&w.alice, SIP_SUBSCRIBE, SOON_MS))
        ck_assert_msg(false, "bob got %d",
                      peer_expect_response(&w.bob, QUIET_MS) ? w.bob.message.status : 0);
    return w.alice.taken;
}

/* The route set that the NOTIFY has made is as good as a password. */
static void refresh_along(const char *routes)
{
    char uri[64], headers[1024], to[PEER_TEXT + 32];
    const struct ask ask = {
        .method = "SUBSCRIBE", .uri = uri, .to = to, .headers = headers, .bare = true};

    snprintf(uri, sizeof(uri), "sip:n@127.0.0.1:%d", w.alice.port);
    snprintf(to, sizeof(to), "<%s>;tag=%s", uri, w.alice.from_tag);
    snprintf(headers, sizeof(headers), EVENT "Route: %s\r\nContact: <sip:b@127.0.0.1:%d>\r\n",
             routes, w.bob.port);
    peer_send_request(&w.bob, &ask);
}

/* Its NOTIFY goes along the Record-Route of the SUBSCRIBE, and gets one by the way too. */
START_TEST(the_proxy_is_in_the_way_of_subscribe_and_notify)
{
    const struct peer_datagram request = passed_on();
    char routes[512], headers[1024], target[64], from[64], to[PEER_TEXT * 2 + 16];
    const struct ask notify = {.method = "NOTIFY",
                               .uri = target,
                               .to = to,
                               .from = from,
                               .headers = headers,
                               .bare = true};

    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_RECORD_ROUTE), 1);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_ALLOW_EVENTS), 0);
    snprintf(routes, sizeof(routes), "%s", header(&w.alice, SIP_RECORD_ROUTE));
    snprintf(headers, sizeof(headers), "Expires: 60\r\nContact: <sip:n@127.0.0.1:%d>\r\n",
             w.alice.port);
    peer_answer_to(&w.alice, &request, 200, headers, NULL);
    ck_assert(peer_expect_response(&w.bob, SOON_MS));
    ck_assert_int_eq(w.bob.message.status, 200);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_RECORD_ROUTE), 1);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_ALLOW_EVENTS), 0);
    snprintf(target, sizeof(target), "sip:b@127.0.0.1:%d", w.bob.port);
    snprintf(from, sizeof(from), "sip:n@127.0.0.1:%d", w.alice.port);
    snprintf(to, sizeof(to), "<%s>;tag=%s", w.bob.aor, w.bob.from_tag);
    snprintf(headers, sizeof(headers),
             EVENT "Route: %s\r\nSubscription-State: active;expires=60\r\n"
                   "Contact: <sip:n@127.0.0.1:%d>\r\n",
             routes, w.alice.port);
    snprintf(w.alice.call_id, sizeof(w.alice.call_id), "%s", w.bob.call_id);
    peer_send_request(&w.alice, &notify);
    notified("active;expires=60", NULL);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_RECORD_ROUTE), 1);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_ALLOW_EVENTS), 0);
    ck_assert_uint_eq(sip_count(&w.bob.message, SIP_ROUTE), 0);
    snprintf(routes, sizeof(routes), "%s", header(&w.bob, SIP_RECORD_ROUTE));
    ck_assert(peer_expect_response(&w.alice, SOON_MS));
    ck_assert_int_eq(w.alice.message.status, 200);
    refresh_along(routes);
    ck_assert(peer_expect_request(&w.alice, SIP_SUBSCRIBE, SOON_MS));
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_ROUTE), 0);
}
END_TEST

const TTest *const *event_proofs(void)
{
    static const TTest *proofs[32];
    const TTest *const all[] = {
        allow_events_lists_every_package_and_no_other,
        allow_events_is_in_options_and_what_begins_a_dialog,
        the_local_target_is_a_gruu_of_its_dialog,
        another_subscription_in_the_dialog_is_403_that_says_why,
        the_id_is_in_every_notify,
        a_refresh_without_the_id_is_not_of_the_subscription,
        event_and_id_are_compared_byte_by_byte_and_nothing_else,
        two_event_types_are_400,
        no_response_has_an_event,
        a_cancel_is_answered_and_changes_nothing,
        the_proxy_is_in_the_way_of_subscribe_and_notify,
    };

    memcpy(proofs, all, sizeof(all));
    return proofs;
}
