#include "server/dialog/dialog.h"
#include "server/dialog/subscription_state.h"
#include "server/sip/parse.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *dialog_dialog_suite(void);

static char octets[4096];
static struct sip_message message;

/* A SUBSCRIBE with these lines besides the mandatory ones. */
static const struct sip_message *subscribe_with(const char *lines)
{
    struct sip_fault fault;
    int len = snprintf(octets, sizeof(octets),
                       "SUBSCRIBE sip:alice@example.org SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
                       "From: \"Bob\" <sip:bob@example.org>;tag=b1\r\n"
                       "To: <sip:alice@example.org;x=1>\r\n"
                       "Call-ID: c1\r\n"
                       "CSeq: 7 SUBSCRIBE\r\n"
                       "Max-Forwards: 70\r\n"
                       "%s\r\n",
                       lines);

    ck_assert_int_eq(sip_parse_datagram((struct span){octets, (size_t)len}, &sip_limits_default,
                                        &message, &fault),
                     SIP_PARSED);
    return &message;
}

static struct dialog_ids ids;
static char routes[256];

static enum status read_with(const char *lines)
{
    struct buffer memory;

    buffer_init_fixed(&memory, routes, sizeof(routes));
    return dialog_read(subscribe_with(lines), &memory, &ids);
}

START_TEST(a_dialog_takes_uris_tags_and_target_from_its_request)
{
    ck_assert_int_eq(read_with("Contact: \"x\" <sip:bob@192.0.2.1:5070>;expires=5\r\n"), STATUS_OK);
    ck_assert(span_equal(ids.remote_target, SPAN("sip:bob@192.0.2.1:5070")));
    ck_assert(span_equal(ids.remote_uri, SPAN("sip:bob@example.org")));
    ck_assert(span_equal(ids.local_uri, SPAN("sip:alice@example.org;x=1")));
    ck_assert(span_equal(ids.remote_tag, SPAN("b1")));
    ck_assert(span_equal(ids.call_id, SPAN("c1")));
    ck_assert(span_empty(ids.local_tag));
    ck_assert(span_empty(ids.route_set));
}
END_TEST

/* RFC 3261 section 12.1.1: the UAS keeps the order. */
START_TEST(the_route_set_is_record_route_in_order_over_several_fields)
{
    ck_assert_int_eq(read_with("Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
                               "Contact: <sip:bob@h>\r\n"
                               "Record-Route: <sip:p3;lr>\r\n"),
                     STATUS_OK);
    ck_assert(span_equal(ids.route_set, SPAN("<sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>")));
}
END_TEST

static const char *const bad_contacts[] = {
    "",
    "Contact: *\r\n",
    "Contact: <sip:a@h>, <sip:b@h>\r\n",
    "Contact: <tel:+1>\r\n",
    "Contact: <sip:a@h\r\n",
};

START_TEST(a_dialog_needs_one_contact_with_a_sip_uri)
{
    ck_assert_int_eq(read_with(bad_contacts[_i]), STATUS_MALFORMED);
}
END_TEST

START_TEST(a_route_set_beyond_the_memory_is_a_limit)
{
    char lines[600] = "Contact: <sip:bob@h>\r\nRecord-Route: <sip:";
    size_t len = strlen(lines);

    memset(lines + len, 'p', 300);
    snprintf(lines + len + 300, sizeof(lines) - len - 300, ";lr>\r\n");
    ck_assert_int_eq(read_with(lines), STATUS_LIMIT);
}
END_TEST

START_TEST(nothing_leaves_terminated)
{
    for (int event = SUBSCRIPTION_ALLOWED; event <= SUBSCRIPTION_UNREACHABLE; event++)
        ck_assert_int_eq(
            subscription_state_next(SUBSCRIPTION_TERMINATED, (enum subscription_event)event),
            SUBSCRIPTION_TERMINATED);
}
END_TEST

START_TEST(pending_becomes_active_when_allowed_and_stays_pending_when_refreshed)
{
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_PENDING, SUBSCRIPTION_ALLOWED),
                     SUBSCRIPTION_ACTIVE);
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_PENDING, SUBSCRIPTION_REFRESHED),
                     SUBSCRIPTION_PENDING);
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_ACTIVE, SUBSCRIPTION_ENDED),
                     SUBSCRIPTION_TERMINATED);
}
END_TEST

/* RFC 3857 section 4.7.1: the presentity hears of it also after the watcher has gone. */
START_TEST(what_ends_undecided_waits_until_it_is_decided_or_given_up)
{
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_PENDING, SUBSCRIPTION_EXPIRED),
                     SUBSCRIPTION_WAITING);
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_PENDING, SUBSCRIPTION_ENDED),
                     SUBSCRIPTION_WAITING);
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_PENDING, SUBSCRIPTION_REFUSED),
                     SUBSCRIPTION_TERMINATED);
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_WAITING, SUBSCRIPTION_ALLOWED),
                     SUBSCRIPTION_TERMINATED);
    ck_assert_int_eq(subscription_state_next(SUBSCRIPTION_WAITING, SUBSCRIPTION_EXPIRED),
                     SUBSCRIPTION_TERMINATED);
    ck_assert(subscription_is_over(SUBSCRIPTION_WAITING));
    ck_assert_str_eq(subscription_state_name(SUBSCRIPTION_WAITING), "terminated");
}
END_TEST

Suite *dialog_dialog_suite(void)
{
    Suite *suite = suite_create("dialog/dialog");
    TCase *dialogs = tcase_create("RFC 3261 section 12.1.1");
    TCase *states = tcase_create("RFC 6665 section 4.1.2");

    tcase_add_test(dialogs, a_dialog_takes_uris_tags_and_target_from_its_request);
    tcase_add_test(dialogs, the_route_set_is_record_route_in_order_over_several_fields);
    tcase_add_loop_test(dialogs, a_dialog_needs_one_contact_with_a_sip_uri, 0,
                        sizeof(bad_contacts) / sizeof(bad_contacts[0]));
    tcase_add_test(dialogs, a_route_set_beyond_the_memory_is_a_limit);
    tcase_add_test(states, nothing_leaves_terminated);
    tcase_add_test(states, what_ends_undecided_waits_until_it_is_decided_or_given_up);
    tcase_add_test(states, pending_becomes_active_when_allowed_and_stays_pending_when_refreshed);
    suite_add_tcase(suite, dialogs);
    suite_add_tcase(suite, states);
    return suite;
}
