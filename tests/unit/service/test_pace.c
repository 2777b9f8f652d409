/* test_pace.c - RFC 6446 in virtual time. */
#include "server/service/pace.h"
#include "tests/unit/run.h"

Suite *service_pace_suite(void);

enum { LEFT_S = 3600 };

static const struct pace_limits open_limits = {.left_s = LEFT_S};
static const struct instant begin = {INT64_C(1000) * US_PER_S};
static struct pace pace;

static void set_up(void)
{
    pace = (struct pace){0};
}

static void tear_down(void)
{
    pace_deinit(&pace);
}

static struct sip_rates rates_of(const char *params)
{
    struct sip_rates rates = {0};
    const char *phrase;

    ck_assert_int_eq(sip_rates_parse(span_of(params), &rates, &phrase), STATUS_OK);
    return rates;
}

static struct instant at(int64_t after_ms)
{
    return instant_after(begin, after_ms * US_PER_MS);
}

static void ask(const char *params, int64_t after_ms)
{
    const struct sip_rates rates = rates_of(params);

    pace_set(&pace, &rates, &open_limits, at(after_ms));
}

/* -1: never. */
static int64_t due_ms(void)
{
    struct instant due;

    return pace_due_at(&pace, &due) ? (due.us - begin.us + US_PER_MS / 2) / US_PER_MS : -1;
}

static int64_t opens_ms(void)
{
    return (pace_opens_at(&pace).us - begin.us) / US_PER_MS;
}

/* ---- what is agreed ---- */

/* clang-format off */
static const struct {
    const char *sentence, *asked;
    struct pace_limits limits; /* domain's interval, that of min-rate, left */
    const char *agreed;
} agreements[] = {
    {"nothing is asked for, nothing limits", "", {0, 1000, 60}, ""},
    {"5.2 what is asked for is adopted", ";max-rate=2", {0, 1000, 60}, ";max-rate=2"},
    {"5.2 the domain's limit holds for who asks for nothing", "", {500, 1000, 60}, ";max-rate=2"},
    {"5.2 and for who asks for more", ";max-rate=10", {500, 1000, 60}, ";max-rate=2"},
    {"5.2 who asks for less gets less", ";max-rate=0.5", {500, 1000, 60}, ";max-rate=0.5"},
    {"5.3 what would quench is raised to the reciprocal of what is left", ";max-rate=0.001", {0, 1000, 100}, ";max-rate=0.01"},
    {"5.3 a pause lasts as long as the subscription", ";max-rate=0.01", {0, 1000, 100}, ";max-rate=0.01"},
    {"5.3 rounding does not quench", ";max-rate=0.0002777777", {0, 1000, 3600}, ";max-rate=0.0002777778"},
    {"5.3 a domain's limit does not quench either", "", {60000, 1000, 10}, ";max-rate=0.1"},
    {"a subscription that is over quenches nothing", ";max-rate=0.001", {0, 1000, 0}, ";max-rate=0.001"},
    {"6.3 min-rate is lowered to the limit", ";min-rate=50", {0, 1000, 60}, ";min-rate=1"},
    {"6.3 below the limit it stays", ";min-rate=0.2", {0, 1000, 60}, ";min-rate=0.2"},
    {"7.3 adaptive-min-rate is lowered to the limit", ";adaptive-min-rate=3", {0, 2000, 60}, ";adaptive-min-rate=0.5"},
    {"8 min-rate is not above max-rate", ";max-rate=0.5;min-rate=1", {0, 10, 60}, ";max-rate=0.5;min-rate=0.5"},
    {"8 adaptive-min-rate is not above max-rate", ";max-rate=0.5;adaptive-min-rate=1", {0, 10, 60}, ";max-rate=0.5;adaptive-min-rate=0.5"},
    {"8 min-rate is not above a domain's limit", ";min-rate=1", {4000, 10, 60}, ";max-rate=0.25;min-rate=0.25"},
    {"8 min-rate below adaptive-min-rate is kept", ";min-rate=0.1;adaptive-min-rate=1", {0, 10, 60}, ";min-rate=0.1;adaptive-min-rate=1"},
    {"8 min-rate that is not below it is not considered", ";min-rate=1;adaptive-min-rate=1", {0, 10, 60}, ";adaptive-min-rate=1"},
    {"8 all three", ";max-rate=2;min-rate=0.5;adaptive-min-rate=3", {0, 10, 60}, ";max-rate=2;min-rate=0.5;adaptive-min-rate=2"},
};
/* clang-format on */

START_TEST(rates_are_adjusted)
{
    const struct sip_rates asked = rates_of(agreements[_i].asked);
    const struct sip_rates agreed = pace_agree(&asked, &agreements[_i].limits);
    char octets[128];
    struct buffer out;

    buffer_init_fixed(&out, octets, sizeof(octets));
    sip_rates_compose(&out, &agreed);
    ck_assert_msg(span_equal(buffer_span(&out), span_of(agreements[_i].agreed)), "%s: " SPAN_FMT,
                  agreements[_i].sentence, SPAN_ARG(buffer_span(&out)));
}
END_TEST

/* ---- section 5: max-rate ---- */

START_TEST(section_5_2_no_notify_leaves_sooner_than_the_reciprocal)
{
    ask(";max-rate=0.5", 0);
    ck_assert_int_le(opens_ms(), 0);
    pace_note_sent(&pace, at(10));
    ck_assert_int_eq(opens_ms(), 2010);
    pace_note_sent(&pace, at(2500));
    ck_assert_int_eq(opens_ms(), 4500);
    ck_assert_int_eq(due_ms(), -1);
}
END_TEST

START_TEST(section_5_2_a_subscribe_is_answered_at_once_and_counts)
{
    ask(";max-rate=0.5", 0);
    pace_note_sent(&pace, at(0));
    pace.at_once = true;
    ck_assert_int_le(opens_ms(), 0);
    pace_note_sent(&pace, at(700));
    ck_assert_int_le(opens_ms(), 700); /* until it is answered: it may have to be sent again */
    pace.at_once = false;
    ck_assert_int_eq(opens_ms(), 2700);
}
END_TEST

START_TEST(section_5_1_a_rate_may_be_changed_and_removed)
{
    ask(";max-rate=0.5", 0);
    pace_note_sent(&pace, at(0));
    ask(";max-rate=0.1", 500);
    ck_assert_int_eq(opens_ms(), 10000);
    ask("", 600);
    ck_assert_int_le(opens_ms(), 600);
}
END_TEST

/* ---- section 6: min-rate ---- */

START_TEST(section_6_2_a_notify_is_due_a_reciprocal_after_the_last)
{
    ask(";min-rate=0.2", 0);
    ck_assert_int_eq(due_ms(), 5000); /* after a restart: since it was loaded */
    pace_note_sent(&pace, at(100));
    ck_assert_int_eq(due_ms(), 5100);
    pace_note_sent(&pace, at(3000)); /* a change */
    ck_assert_int_eq(due_ms(), 8000);
    ck_assert_int_le(opens_ms(), 3000);
    ask("", 3100);
    ck_assert_int_eq(due_ms(), -1);
}
END_TEST

START_TEST(section_8_what_is_due_may_leave)
{
    ask(";max-rate=0.3;min-rate=7", 0);
    pace_note_sent(&pace, at(0));
    ck_assert_int_ge(due_ms(), opens_ms());
    ck_assert_int_eq(due_ms(), 3333);
}
END_TEST

/* ---- section 7: adaptive-min-rate ---- */

/* Sends when it is due, `count` times; the instant of the last. */
static int64_t run_ms(int count)
{
    int64_t now_ms = due_ms();

    for (int i = 0; i < count; i++) {
        now_ms = due_ms();
        pace_note_sent(&pace, at(now_ms));
    }
    return now_ms;
}

START_TEST(section_7_2_it_begins_as_if_the_rate_had_been_kept)
{
    ask(";adaptive-min-rate=0.5", 0);
    pace_note_sent(&pace, at(0));
    ck_assert_int_eq(due_ms(), 2000);
    ck_assert_int_eq(run_ms(20), 40000);
}
END_TEST

START_TEST(section_7_4_the_timeout_is_count_by_rate_squared_and_period)
{
    /* rate 1, period 8: of the history 7 count, and what is sent */
    ask(";adaptive-min-rate=1", 0);
    pace_note_sent(&pace, at(0));
    ck_assert_int_eq(due_ms(), 1000); /* 8 / (1 * 8) */
    pace_note_sent(&pace, at(100));
    ck_assert_int_eq(due_ms(), 100 + 1125); /* 9 / 8 */
    pace_note_sent(&pace, at(200));
    ck_assert_int_eq(due_ms(), 200 + 1250); /* 10 / 8 */
    pace_note_sent(&pace, at(300));
    ck_assert_int_eq(due_ms(), 300 + 1375); /* 11 / 8 */
}
END_TEST

START_TEST(section_7_2_a_burst_is_followed_by_silence_but_not_for_ever)
{
    ask(";adaptive-min-rate=1", 0);
    for (int i = 0; i < 1000; i++)
        pace_note_sent(&pace, at(i));
    ck_assert_int_eq(due_ms(), 999 + 4000);
}
END_TEST

START_TEST(section_7_2_the_rate_comes_back_after_silence_and_burst)
{
    int64_t after_ms;

    ask(";adaptive-min-rate=1", 0);
    pace_note_sent(&pace, at(20000));
    ck_assert_int_eq(due_ms(), 20000 + 125); /* only one in the period */
    for (int i = 0; i < 30; i++)
        pace_note_sent(&pace, at(20100 + i));
    after_ms = run_ms(100);
    ck_assert_int_gt(after_ms, 20000 + 85000); /* about one a second again */
    ck_assert_int_lt(after_ms, 20000 + 115000);
}
END_TEST

START_TEST(section_7_4_max_rate_and_the_limit_bound_the_timeout)
{
    const struct sip_rates rates = rates_of(";adaptive-min-rate=0.5");
    const struct pace_limits limits = {.min_rate_interval_min_ms = 1500, .left_s = LEFT_S};

    ask(";max-rate=0.8;adaptive-min-rate=0.5", 0);
    pace_note_sent(&pace, at(100000)); /* 1 / (0.25 * 16) is 250 ms */
    ck_assert_int_eq(due_ms(), 100000 + 1250);
    pace_set(&pace, &rates, &limits, at(100000));
    ck_assert_int_eq(due_ms(), 100000 + 1500);
}
END_TEST

START_TEST(section_8_min_rate_bounds_the_silence_after_a_burst)
{
    ask(";min-rate=0.4;adaptive-min-rate=1", 0);
    for (int i = 0; i < 30; i++)
        pace_note_sent(&pace, at(i));
    ck_assert_int_eq(due_ms(), 29 + 2500);
}
END_TEST

START_TEST(section_7_1_a_refresh_with_the_same_rate_keeps_the_record)
{
    ask(";adaptive-min-rate=1", 0);
    for (int i = 0; i < 10; i++)
        pace_note_sent(&pace, at(i));
    ck_assert_int_eq(due_ms(), 9 + 2125); /* 7 of the history, and 10 */
    ask(";adaptive-min-rate=1", 500);
    ck_assert_int_eq(due_ms(), 9 + 2125);
    ask(";adaptive-min-rate=2", 600);    /* begins anew, at the last NOTIFY */
    ck_assert_int_eq(due_ms(), 9 + 438); /* 7 / (4 * 4), until the next one is counted */
    ask("", 700);
    ck_assert_int_eq(due_ms(), -1);
    ck_assert_ptr_null(pace.history);
}
END_TEST

Suite *service_pace_suite(void)
{
    Suite *suite = suite_create("service/pace");
    TCase *tcase = tcase_create("RFC 6446");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, rates_are_adjusted, 0, sizeof(agreements) / sizeof(agreements[0]));
    tcase_add_test(tcase, section_5_2_no_notify_leaves_sooner_than_the_reciprocal);
    tcase_add_test(tcase, section_5_2_a_subscribe_is_answered_at_once_and_counts);
    tcase_add_test(tcase, section_5_1_a_rate_may_be_changed_and_removed);
    tcase_add_test(tcase, section_6_2_a_notify_is_due_a_reciprocal_after_the_last);
    tcase_add_test(tcase, section_8_what_is_due_may_leave);
    tcase_add_test(tcase, section_7_2_it_begins_as_if_the_rate_had_been_kept);
    tcase_add_test(tcase, section_7_4_the_timeout_is_count_by_rate_squared_and_period);
    tcase_add_test(tcase, section_7_2_a_burst_is_followed_by_silence_but_not_for_ever);
    tcase_add_test(tcase, section_7_2_the_rate_comes_back_after_silence_and_burst);
    tcase_add_test(tcase, section_7_4_max_rate_and_the_limit_bound_the_timeout);
    tcase_add_test(tcase, section_8_min_rate_bounds_the_silence_after_a_burst);
    tcase_add_test(tcase, section_7_1_a_refresh_with_the_same_rate_keeps_the_record);
    suite_add_tcase(suite, tcase);
    return suite;
}
