/* test_watcherinfo.c - documents of RFC 3858, whole and in part. */
#include "pidf/event/watcherinfo.h"
#include "tests/unit/pidf/hostile.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

Suite *pidf_watcherinfo_suite(void);

enum { BYTES_MAX = 1 << 20 };

static struct parts parts;
static struct buffer out;

static void setup(void)
{
    parts_init(&parts, BYTES_MAX);
    buffer_init(&out, BYTES_MAX);
}

static void teardown(void)
{
    parts_deinit(&parts);
    buffer_deinit(&out);
}

static void compose(uint32_t version, bool full, struct span resource, int64_t now_us)
{
    buffer_reset(&out);
    watcherinfo_begin(&out, version, full, resource, SPAN("presence"));
    for (size_t i = 0; i < parts.count; i++) {
        struct part part = parts_get(&parts, i);

        watcherinfo_put_part(&out, &part, now_us);
    }
    watcherinfo_end(&out);
    ck_assert(schema_file_accepts("watcherinfo.xsd", buffer_span(&out)));
}

static bool says(const char *text)
{
    return memmem(out.at, out.len, text, strlen(text)) != NULL;
}

static struct watcherinfo_watcher watcher_a(void)
{
    return (struct watcherinfo_watcher){
        .id = SPAN("8ajksjda7s"),
        .status = WATCHERINFO_STATUS_ACTIVE,
        .event = WATCHERINFO_EVENT_APPROVED,
        .uri = SPAN("sip:userA@example.net"),
    };
}

static void add(const struct watcherinfo_watcher *watcher)
{
    ck_assert(watcherinfo_add(&parts, watcher));
}

/* ---- RFC 3858 section 5 ---- */

START_TEST(the_professors_watchers_are_written_as_in_the_rfc)
{
    const struct watcherinfo_watcher a = watcher_a();
    const struct watcherinfo_watcher b = {
        .id = SPAN("hh8juja87s997-ass7"),
        .status = WATCHERINFO_STATUS_PENDING,
        .event = WATCHERINFO_EVENT_SUBSCRIBE,
        .display_name = SPAN("Mr. Subscriber"),
        .language = SPAN("en"),
        .uri = SPAN("sip:userB@example.org"),
    };

    add(&a);
    add(&b);
    compose(0, true, SPAN("sip:professor@example.net"), 0);
    ck_assert(span_equal(
        buffer_span(&out),
        SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
             "<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\" version=\"0\" "
             "state=\"full\"><watcher-list resource=\"sip:professor@example.net\" "
             "package=\"presence\">"
             "<watcher id=\"8ajksjda7s\" status=\"active\" event=\"approved\">"
             "sip:userA@example.net</watcher>"
             "<watcher id=\"hh8juja87s997-ass7\" status=\"pending\" event=\"subscribe\" "
             "display-name=\"Mr. Subscriber\" xml:lang=\"en\">sip:userB@example.org</watcher>"
             "</watcher-list></watcherinfo>")));
}
END_TEST

START_TEST(nobody_watching_is_an_empty_list)
{
    compose(4294967295, false, SPAN("sip:a@b"), 0);
    ck_assert(says("version=\"4294967295\" state=\"partial\""));
}
END_TEST

/* ---- RFC 3858 section 3 ---- */

START_TEST(every_status_and_event_has_its_word)
{
    static const char *const statuses[] = {"pending", "active", "waiting", "terminated"};
    static const char *const events[] = {"subscribe", "approved", "deactivated", "probation",
                                         "rejected",  "timeout",  "giveup",      "noresource"};
    struct watcherinfo_watcher watcher = watcher_a();
    char wanted[128];

    for (unsigned status = 0; status < 4; status++) {
        parts_reset(&parts);
        watcher.status = (enum watcherinfo_status)status;
        watcher.event = (enum watcherinfo_event)_i;
        add(&watcher);
        compose(1, false, SPAN("sip:a@b"), 0);
        snprintf(wanted, sizeof(wanted), " status=\"%s\" event=\"%s\"", statuses[status],
                 events[_i]);
        ck_assert(says(wanted));
    }
}
END_TEST

START_TEST(a_part_differs_only_when_something_happened)
{
    struct watcherinfo_watcher watcher = watcher_a();

    add(&watcher);
    watcher.deadline_us = 3600000000;
    watcher.duration_subscribed_s = 17;
    add(&watcher);
    watcher.event = WATCHERINFO_EVENT_SUBSCRIBE;
    add(&watcher);
    ck_assert(span_equal(parts_get(&parts, 0).octets, parts_get(&parts, 1).octets));
    ck_assert(!span_equal(parts_get(&parts, 1).octets, parts_get(&parts, 2).octets));
    ck_assert(span_equal(parts_get(&parts, 0).key, SPAN("8ajksjda7s")));
}
END_TEST

START_TEST(expiration_is_what_is_left_when_the_document_is_sent)
{
    struct watcherinfo_watcher watcher = watcher_a();

    watcher.deadline_us = 3600000000;
    add(&watcher);
    compose(0, true, SPAN("sip:a@b"), 600000000);
    ck_assert(says("<watcher expiration=\"3000\" id"));
    compose(1, true, SPAN("sip:a@b"), 4000000000);
    ck_assert(says("<watcher expiration=\"0\" id"));
}
END_TEST

START_TEST(a_terminated_watcher_is_said_for_the_last_time_with_its_duration)
{
    struct watcherinfo_watcher watcher = watcher_a();

    add(&watcher);
    watcher.status = WATCHERINFO_STATUS_TERMINATED;
    watcher.event = WATCHERINFO_EVENT_TIMEOUT;
    watcher.duration_subscribed_s = 509;
    watcher.deadline_us = 3600000000;
    add(&watcher);
    ck_assert(!parts_get(&parts, 0).last);
    ck_assert(parts_get(&parts, 1).last);
    ck_assert_int_eq(parts_get(&parts, 1).deadline_us, 0);
    compose(0, false, SPAN("sip:a@b"), 0);
    ck_assert(says("duration-subscribed=\"509\""));
    ck_assert(!says("expiration"));
}
END_TEST

/* ---- what nobody vouches for ---- */

START_TEST(no_value_breaks_the_document)
{
    const struct watcherinfo_watcher watcher = {
        .id = hostile[_i],
        .uri = hostile[_i],
        .display_name = hostile[_i],
        .language = hostile[_i],
    };

    add(&watcher);
    buffer_reset(&out);
    watcherinfo_begin(&out, 0, true, hostile[_i], hostile[_i]);
    watcherinfo_put_part(&out, &(struct part){.octets = parts_get(&parts, 0).octets}, 0);
    watcherinfo_end(&out);
    ck_assert(is_well_formed(buffer_span(&out)));
    ck_assert(!says("><watcher id=\"x\""));
}
END_TEST

START_TEST(a_watcher_for_whom_there_is_no_room_is_left_out)
{
    struct watcherinfo_watcher watcher = watcher_a();
    struct parts small;

    parts_init(&small, 150);
    ck_assert(watcherinfo_add(&small, &watcher));
    ck_assert(!watcherinfo_add(&small, &watcher));
    ck_assert_uint_eq(small.count, 1);
    ck_assert(parts_overflowed(&small));
    parts_deinit(&small);
}
END_TEST

Suite *pidf_watcherinfo_suite(void)
{
    Suite *suite = suite_create("pidf/watcherinfo");
    TCase *section_3 = tcase_create("RFC 3858 section 3");
    TCase *section_5 = tcase_create("RFC 3858 section 5"), *safety = tcase_create("safety");

    tcase_add_checked_fixture(section_3, setup, teardown);
    tcase_add_loop_test(section_3, every_status_and_event_has_its_word, 0, 8);
    tcase_add_test(section_3, a_part_differs_only_when_something_happened);
    tcase_add_test(section_3, expiration_is_what_is_left_when_the_document_is_sent);
    tcase_add_test(section_3, a_terminated_watcher_is_said_for_the_last_time_with_its_duration);
    tcase_add_checked_fixture(section_5, setup, teardown);
    tcase_add_test(section_5, the_professors_watchers_are_written_as_in_the_rfc);
    tcase_add_test(section_5, nobody_watching_is_an_empty_list);
    tcase_add_checked_fixture(safety, setup, teardown);
    tcase_add_loop_test(safety, no_value_breaks_the_document, 0, HOSTILE_COUNT);
    tcase_add_test(safety, a_watcher_for_whom_there_is_no_room_is_left_out);
    suite_add_tcase(suite, section_3);
    suite_add_tcase(suite, section_5);
    suite_add_tcase(suite, safety);
    return suite;
}
