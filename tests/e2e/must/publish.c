/* publish.c - RFC 3903 section 6: what the event state compositor does with a PUBLISH, in order. */
#include "tests/e2e/must/must.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static int publish_to(const char *aor, const char *headers, const char *body)
{
    const struct ask ask = {.method = "PUBLISH", .uri = aor, .headers = headers, .body = body};

    return peer_ask(&w.alice, &ask);
}

/* What she shows: the note of her one publication. */
static bool holds(const char *note)
{
    char query[256];

    snprintf(query, sizeof(query),
             "select string_agg(document, '') like '%%%%%s%%%%' from presence.publication where "
             "aor = '%%s'",
             note);
    return strcmp(about_alice(query), "t") == 0;
}

START_TEST(record_route_and_contact_are_ignored)
{
    static const char *const ignored[] = {
        "Record-Route: <sip:127.0.0.1:9;lr>\r\n",
        "Record-Route: nonsense <\r\n",
        "Contact: <sip:a@127.0.0.1>, <sip:b@127.0.0.1>\r\n",
        "Contact: *\r\n",
        "Contact: <sip:\r\n",
        "Contact: <mailto:a@example.org>\r\n",
    };
    char headers[512];

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        peer_new_call(&w.alice);
        snprintf(headers, sizeof(headers), EVENT TYPE "%s", ignored[i]);
        ck_assert_msg(publish(headers, PIDF("one")) == 200, "%s: %d", ignored[i],
                      w.alice.message.status);
        ck_assert_uint_eq(sip_count(&w.alice.message, SIP_RECORD_ROUTE), 0);
        ck_assert_int_eq(publish(if_match("Expires: 0\r\n"), NULL), 200);
    }
    ck_assert_int_eq(publish(EVENT "Record-Route: <sip:127.0.0.1:9;lr>\r\n", NULL), 400);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_RECORD_ROUTE), 0);
}
END_TEST

/* All at once, each on the entity-tag of none: the last one that came is what is shown last. */
START_TEST(publishes_are_processed_in_the_order_that_they_come)
{
    enum { MANY = 12 };
    char headers[256], body[1024];
    char etag[128];
    struct ask ask = {.method = "PUBLISH", .uri = w.alice.aor, .headers = headers};
    int accepted = 0, refused = 0;

    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", NULL);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("zero")), 200);
    snprintf(etag, sizeof(etag), "%s", w.etag);
    snprintf(headers, sizeof(headers), EVENT TYPE "SIP-If-Match: %s\r\n", etag);
    for (int i = 0; i < MANY; i++) { /* the first takes the entity-tag, the others come too late */
        snprintf(body, sizeof(body),
                 "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
                 "entity=\"sip:x@example.org\"><tuple id=\"t\"><status><basic>open</basic></status>"
                 "<note>number-%d.</note></tuple></presence>",
                 i);
        ask.body = body;
        peer_send_request(&w.alice, &ask);
    }
    for (int i = 0; i < MANY; i++) {
        ck_assert(peer_expect_response(&w.alice, SOON_MS));
        if (w.alice.message.status == 200) {
            accepted++;
            snprintf(w.etag, sizeof(w.etag), "%s", header(&w.alice, SIP_SIP_ETAG));
        } else if (w.alice.message.status == 412) {
            refused++;
        }
    }
    ck_assert_int_eq(accepted, 1);
    ck_assert_int_eq(refused, MANY - 1);
    ck_assert(holds("number-0."));
    ck_assert_int_eq(publish(if_match("Expires: 0\r\n"), NULL), 200);
}
END_TEST

START_TEST(a_publish_is_processed_whole_or_not_at_all)
{
    ck_assert_int_eq(publish(EVENT TYPE "Expires: 90\r\n", PIDF("kept")), 200);
    ck_assert_int_eq(publish(if_match(TYPE "Expires: 900\r\n"), "<presence>"), 400);
    ck_assert(holds("kept"));
    ck_assert_str_eq(about_alice("select count(*) from presence.publication where aor = '%s' and "
                                 "remaining <= interval '90 s'"),
                     "1");
    ck_assert_int_eq(publish(if_match("Expires: 80\r\n"), NULL), 200); /* its tag is still good */
}
END_TEST

/* The database refuses to take her row, and hers alone. */
START_TEST(without_the_database_nothing_is_published)
{
    cluster_ask(w.cluster, "alter table presence_state.publication add constraint refused check "
                           "(position('lost'::bytea in document) = 0) not valid");
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("kept")), 200);
    ck_assert_int_eq(publish(if_match(TYPE), PIDF("lost")), 500);
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_SIP_ETAG), 0);
    ck_assert(holds("kept"));
    ck_assert_int_eq(publish(if_match(""), NULL), 200); /* its entity-tag is still good */
    cluster_ask(w.cluster, "alter table presence_state.publication drop constraint refused");
}
END_TEST

/* ---- step 1 ---- */

START_TEST(a_resource_that_is_not_ours_is_404)
{
    char headers[] = EVENT TYPE;

    ck_assert_int_eq(publish_to("sip:nobody-at-all@example.org", headers, PIDF("x")), 404);
    ck_assert_int_eq(
        publish_to("sip:nobody-at-all@example.org", "Event: nonsense\r\n" TYPE, PIDF("x")), 404);
    ck_assert_int_eq(publish_to(w.bob.aor, headers, PIDF("x")), 403); /* another's */
}
END_TEST

/* ---- step 2 ---- */

START_TEST(no_event_or_a_foreign_one_is_489_before_all_else)
{
    ck_assert_int_eq(publish(TYPE, PIDF("x")), 489);
    ck_assert(peer_header_has(&w.alice, SIP_ALLOW_EVENTS, "presence"));
    ck_assert_int_eq(publish("Event: nonsense\r\nSIP-If-Match: nonsense\r\nExpires: 1\r\n"
                             "Content-Type: text/plain\r\n",
                             "x"),
                     489);
    ck_assert_int_eq(publish("Event: presence.winfo\r\n" TYPE, PIDF("x")), 489);
    ck_assert_int_eq(publications(), 0);
}
END_TEST

/* ---- step 3 ---- */

START_TEST(each_initial_publish_gets_an_entity_tag_that_is_stored)
{
    char first[sizeof(w.etag)];

    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    ck_assert_str_ne(w.etag, "");
    snprintf(first, sizeof(first), "%s", w.etag);
    ck_assert_str_eq(about_alice("select entity_tag from presence.publication where aor = '%s'"),
                     first);
    peer_new_call(&w.alice);
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("two")), 200);
    ck_assert_str_ne(w.etag, first);
    ck_assert_int_eq(publications(), 2);
}
END_TEST

START_TEST(more_than_one_entity_tag_is_400)
{
    char headers[512];

    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    snprintf(headers, sizeof(headers), EVENT "SIP-If-Match: %s, other\r\n", w.etag);
    ck_assert_int_eq(publish(headers, NULL), 400);
    snprintf(headers, sizeof(headers), EVENT "SIP-If-Match: %s\r\nSIP-If-Match: other\r\n", w.etag);
    ck_assert_int_eq(publish(headers, NULL), 400);
    ck_assert_int_eq(publish(EVENT "SIP-If-Match: \r\n" TYPE, PIDF("two")), 400);
    ck_assert_int_eq(publications(), 1);
    ck_assert(holds("one"));
}
END_TEST

START_TEST(an_entity_tag_of_nothing_is_412_before_what_follows)
{
    static const char *const with[] = {"", "Expires: 1\r\n", "Expires: 0\r\n",
                                       "Content-Type: text/plain\r\n"};
    char headers[512];

    for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
        snprintf(headers, sizeof(headers), EVENT "SIP-If-Match: nonsense\r\n%s", with[i]);
        ck_assert_msg(publish(headers, i == 3 ? "x" : NULL) == 412, "%s: %d", with[i],
                      w.alice.message.status);
    }
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    snprintf(headers, sizeof(headers), "Event: dialog\r\nSIP-If-Match: %s\r\n", w.etag);
    ck_assert_int_eq(publish(headers, NULL), 412); /* of another package */
    snprintf(headers, sizeof(headers), EVENT "SIP-If-Match: %s\r\n", w.etag);
    ck_assert_int_eq(publish(headers, NULL), 200);
    ck_assert_int_eq(publish(headers, NULL), 412); /* replaced meanwhile */
}
END_TEST

/* ---- step 4 ---- */

START_TEST(the_expires_that_is_asked_for_is_granted)
{
    ck_assert_int_eq(publish(EVENT TYPE "Expires: 90\r\n", PIDF("one")), 200);
    ck_assert_str_eq(header(&w.alice, SIP_EXPIRES), "90");
    ck_assert_str_eq(about_alice("select ceil(extract(epoch from remaining))::int between 85 and "
                                 "90 from presence.publication where aor = '%s'"),
                     "t");
    ck_assert_int_eq(publish(if_match("Expires: 100000\r\n"), NULL), 200);
    ck_assert_str_eq(header(&w.alice, SIP_EXPIRES), "7200"); /* less may be chosen */
}
END_TEST

START_TEST(without_expires_the_default_is_granted)
{
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    ck_assert_str_eq(header(&w.alice, SIP_EXPIRES), "3600");
    ck_assert_int_eq(publish(if_match("Expires: 90\r\n"), NULL), 200);
    ck_assert_int_eq(publish(if_match(""), NULL), 200);
    ck_assert_str_eq(header(&w.alice, SIP_EXPIRES), "3600");
}
END_TEST

START_TEST(an_expires_too_brief_is_423_with_min_expires)
{
    ck_assert_int_eq(publish(EVENT TYPE "Expires: 1\r\n", PIDF("one")), 423);
    ck_assert_str_eq(header(&w.alice, SIP_MIN_EXPIRES), "2");
    ck_assert_int_eq(publications(), 0);
    ck_assert_int_eq(publish(EVENT "Content-Type: text/plain\r\nExpires: 1\r\n", "x"), 423);
    ck_assert_int_eq(publish(EVENT TYPE "Expires: 2\r\n", PIDF("one")), 200);
    ck_assert_int_eq(publish(if_match("Expires: 1\r\n"), NULL), 423);
    ck_assert_int_eq(publications(), 1);
}
END_TEST

/* ---- step 5 ---- */

START_TEST(a_type_that_is_not_of_the_package_is_415)
{
    ck_assert_int_eq(publish(EVENT "Content-Type: text/plain\r\n", "x"), 415);
    ck_assert(peer_header_has(&w.alice, SIP_ACCEPT, "application/pidf+xml"));
    ck_assert_int_eq(publish(EVENT "Content-Type: application/dialog-info+xml\r\n", PIDF("x")),
                     415);
    ck_assert_int_eq(publish("Event: message-summary\r\n" TYPE, PIDF("x")), 415);
    ck_assert_int_eq(publications(), 0);
}
END_TEST

START_TEST(neither_body_nor_entity_tag_is_400)
{
    ck_assert_int_eq(publish(EVENT, NULL), 400);
    ck_assert_int_eq(publish(EVENT "Expires: 0\r\n", NULL), 400);
    ck_assert_int_eq(publications(), 0);
}
END_TEST

START_TEST(expires_0_removes_at_once)
{
    ck_assert_int_eq(subscribe("Expires: 60\r\n"), 200);
    notified("active", "closed");
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    notified("active", "one");
    ck_assert_int_eq(publish(if_match("Expires: 0\r\n"), NULL), 200);
    ck_assert_str_eq(header(&w.alice, SIP_EXPIRES), "0");
    ck_assert_uint_eq(sip_count(&w.alice.message, SIP_SIP_ETAG), 1);
    ck_assert_int_eq(publications(), 0);
    notified("active", "closed");
    ck_assert_int_eq(publish(if_match(""), NULL), 412);
}
END_TEST

/* A body has no business there (section 4.5), and changes nothing of what is asked for. */
START_TEST(expires_0_stores_nothing_though_there_is_a_body)
{
    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    ck_assert_int_eq(publish(if_match(TYPE "Expires: 0\r\n"), PIDF("two")), 200);
    ck_assert_int_eq(publications(), 0);
    ck_assert_int_eq(publish(EVENT TYPE "Expires: 0\r\n", PIDF("three")), 400);
    ck_assert_int_eq(publications(), 0);
}
END_TEST

/* ---- step 6 ---- */

START_TEST(a_200_has_expires_and_one_entity_tag)
{
    static const char *const more[] = {TYPE, "Expires: 70\r\n", "Expires: 0\r\n"};

    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        ck_assert_int_eq(publish(if_match(more[i]), i == 0 ? PIDF("two") : NULL), 200);
        ck_assert_uint_eq(sip_count(&w.alice.message, SIP_EXPIRES), 1);
        ck_assert_uint_eq(sip_count(&w.alice.message, SIP_SIP_ETAG), 1);
        ck_assert_uint_eq(strcspn(w.etag, ", ;\""), strlen(w.etag));
    }
}
END_TEST

START_TEST(every_200_has_a_new_entity_tag_that_replaces_the_last)
{
    enum { MANY = 24 };
    static char tags[MANY][sizeof(w.etag)];

    ck_assert_int_eq(publish(EVENT TYPE, PIDF("one")), 200);
    for (int i = 0; i < MANY; i++) {
        const char *headers;

        snprintf(tags[i], sizeof(tags[i]), "%s", w.etag);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(tags[i], tags[j]);
        if (i % 8 == 7) { /* over and begun again: never one that was there before */
            ck_assert_int_eq(publish(if_match("Expires: 0\r\n"), NULL), 200);
            headers = EVENT TYPE;
        } else {
            headers = if_match(i % 2 == 0 ? TYPE : "");
        }
        ck_assert_int_eq(publish(headers, i % 8 == 7 || i % 2 == 0 ? PIDF("more") : NULL), 200);
        ck_assert_str_ne(w.etag, tags[i]);
        ck_assert_str_eq(
            about_alice("select entity_tag from presence.publication where aor = '%s'"), w.etag);
    }
    ck_assert_int_eq(publications(), 1);
    snprintf(w.etag, sizeof(w.etag), "%s", tags[MANY - 1]);
    ck_assert_int_eq(publish(if_match(""), NULL), 412);
}
END_TEST

const TTest *const *publish_proofs(void)
{
    static const TTest *proofs[32];
    const TTest *const all[] = {
        record_route_and_contact_are_ignored,
        publishes_are_processed_in_the_order_that_they_come,
        a_publish_is_processed_whole_or_not_at_all,
        without_the_database_nothing_is_published,
        a_resource_that_is_not_ours_is_404,
        no_event_or_a_foreign_one_is_489_before_all_else,
        each_initial_publish_gets_an_entity_tag_that_is_stored,
        more_than_one_entity_tag_is_400,
        an_entity_tag_of_nothing_is_412_before_what_follows,
        the_expires_that_is_asked_for_is_granted,
        without_expires_the_default_is_granted,
        an_expires_too_brief_is_423_with_min_expires,
        a_type_that_is_not_of_the_package_is_415,
        neither_body_nor_entity_tag_is_400,
        expires_0_removes_at_once,
        expires_0_stores_nothing_though_there_is_a_body,
        a_200_has_expires_and_one_entity_tag,
        every_200_has_a_new_entity_tag_that_replaces_the_last,
    };

    memcpy(proofs, all, sizeof(all));
    return proofs;
}
