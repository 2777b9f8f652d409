/* test_watcher_rule.c - which rule decides, what equal ones show together, and from when to when.
 */
#include "server/state/watcher_rule.h"
#include "tests/unit/run.h"

#include <stdio.h>
#include <stdlib.h>

Suite *state_watcher_rule_suite(void);

#define ALICE "alice@example.org"
#define BOB "bob@example.net"

static struct node node;
static struct watcher_rules *rules;
static int told;
static char last_told[100];

static void on_changed(void *context, struct span domain, struct span presentity)
{
    (void)context;
    told++;
    snprintf(last_told, sizeof(last_told), SPAN_FMT " " SPAN_FMT, SPAN_ARG(domain),
             SPAN_ARG(presentity));
}

static void set_up(void)
{
    node = (struct node){.loop = loop_new()};
    rules = watcher_rules_new(&node);
    watcher_rules_watch(rules, on_changed, NULL);
    told = 0;
}

static void tear_down(void)
{
    watcher_rules_free(rules);
    ck_assert_uint_eq(timers_count(loop_timers(node.loop)), 0);
    loop_free(node.loop);
}

static struct watcher_rule_row row_of(int64_t id, const char *presentity, const char *watcher,
                                      const char *event, enum watcher_action action)
{
    return (struct watcher_rule_row){
        .id = id,
        .domain = SPAN("example.org"),
        .presentity = span_of(presentity),
        .watcher = span_of(watcher),
        .event = span_of(event),
        .action = action,
    };
}

static void put(int64_t id, const char *presentity, const char *watcher, const char *event,
                enum watcher_action action)
{
    const struct watcher_rule_row row = row_of(id, presentity, watcher, event, action);

    watcher_rules_put(rules, &row);
}

static void put_hiding(int64_t id, enum watcher_action action, uint32_t hidden)
{
    struct watcher_rule_row row = row_of(id, ALICE, BOB, "", action);

    row.hidden = hidden;
    watcher_rules_put(rules, &row);
}

/* The rule that decides whether bob sees alice; 0: none does. */
static int64_t decides(const char *event, bool named_only)
{
    struct watcher_judgement judgement;

    if (!watcher_rules_judge(rules, SPAN(ALICE), SPAN(BOB), span_of(event), named_only, &judgement))
        return 0;
    return judgement.rule;
}

/* ---- precedence ---- */

/* From the most to the least specific: of each two the first decides, in whatever order they came.
 */
static const struct {
    const char *presentity;
    const char *watcher;
    const char *event;
} ladder[] = {
    {ALICE, BOB, "presence"},
    {ALICE, BOB, ""},
    {"", BOB, "presence"},
    {"", BOB, ""},
    {ALICE, "@example.net", "presence"},
    {ALICE, "@example.net", ""},
    {"", "@example.net", "presence"},
    {"", "@example.net", ""},
    {ALICE, "", "presence"},
    {ALICE, "", ""},
    {"", "", "presence"},
    {"", "", ""},
};

enum { LADDER = sizeof(ladder) / sizeof(ladder[0]) };

static void put_rung(size_t i, enum watcher_action action)
{
    put((int64_t)i + 1, ladder[i].presentity, ladder[i].watcher, ladder[i].event, action);
}

START_TEST(the_more_specific_of_any_two_rules_decides)
{
    for (size_t i = 0; i < LADDER; i++) {
        for (size_t k = i + 1; k < LADDER; k++) {
            for (int lower_first = 0; lower_first < 2; lower_first++) {
                put_rung(lower_first ? k : i, lower_first ? WATCHER_ALLOW : WATCHER_BLOCK);
                put_rung(lower_first ? i : k, lower_first ? WATCHER_BLOCK : WATCHER_ALLOW);
                ck_assert_int_eq(decides("presence", false), (int64_t)i + 1);
                watcher_rules_remove(rules, (int64_t)i + 1);
                ck_assert_int_eq(decides("presence", false), (int64_t)k + 1);
                watcher_rules_remove(rules, (int64_t)k + 1);
            }
        }
    }
    ck_assert_int_eq(decides("presence", false), 0);
    ck_assert_uint_eq(watcher_rules_count(rules), 0);
}
END_TEST

START_TEST(a_block_of_one_watcher_holds_though_everyone_is_allowed)
{
    struct watcher_judgement judgement;

    put(1, "", "", "", WATCHER_ALLOW);
    put(2, ALICE, "@example.net", "", WATCHER_ALLOW);
    put(3, "", BOB, "", WATCHER_BLOCK);
    ck_assert(
        watcher_rules_judge(rules, SPAN(ALICE), SPAN(BOB), SPAN("presence"), false, &judgement));
    ck_assert_int_eq(judgement.action, WATCHER_BLOCK);
    ck_assert(watcher_rules_judge(rules, SPAN(ALICE), SPAN("carol@example.net"), SPAN("presence"),
                                  false, &judgement));
    ck_assert_int_eq(judgement.action, WATCHER_ALLOW);
}
END_TEST

START_TEST(rules_for_all_packages_say_nothing_where_only_named_ones_count)
{
    for (size_t i = 1; i < LADDER; i += 2)
        put_rung(i, WATCHER_ALLOW);
    ck_assert_int_eq(decides("reg", false), 2);
    ck_assert_int_eq(decides("reg", true), 0);
    put(20, "", "", "reg", WATCHER_ALLOW);
    ck_assert_int_eq(decides("reg", true), 20);
    ck_assert_int_eq(decides("Reg", true), 0); /* RFC 6665 section 8.2.1: octet by octet */
}
END_TEST

START_TEST(a_rule_speaks_of_its_presentity_its_domain_and_its_watcher_alone)
{
    struct watcher_judgement judgement;

    put(1, ALICE, BOB, "", WATCHER_ALLOW);
    put(2, "", "@example.net", "", WATCHER_ALLOW);
    ck_assert(!watcher_rules_judge(rules, SPAN("alice@example.com"), SPAN(BOB), SPAN("presence"),
                                   false, &judgement));
    ck_assert(!watcher_rules_judge(rules, SPAN(ALICE), SPAN("bob@sub.example.net"),
                                   SPAN("presence"), false, &judgement));
    ck_assert(!watcher_rules_judge(rules, SPAN(ALICE), SPAN("@example.net@x"), SPAN("presence"),
                                   false, &judgement));
    ck_assert(watcher_rules_judge(rules, SPAN("carol@example.org"), SPAN("example.net"),
                                  SPAN("presence"), false, &judgement));
    ck_assert_int_eq(judgement.rule, 2);
}
END_TEST

/* ---- equals ---- */

/* What rules of one identity hide, one after the other, and what is hidden then. */
static const struct {
    uint32_t hidden[3];
    uint32_t together;
} unions[] = {
    {{0, 0, 0}, 0},
    {{RULE_HIDE_ALL, 0, RULE_HIDE_ALL}, 0},
    {{RULE_HIDE_ALL, RULE_HIDE_ALL, RULE_HIDE_ALL}, RULE_HIDE_ALL},
    {{RULE_HIDE_ALL, RULE_HIDE_NOTES | RULE_HIDE_UNKNOWN, RULE_HIDE_ALL},
     RULE_HIDE_NOTES | RULE_HIDE_UNKNOWN},
    /* each shows what the other hides, and neither shows what nobody knows */
    {{RULE_HIDE_NOTES | RULE_HIDE_UNKNOWN, RULE_HIDE_LOCATION | RULE_HIDE_UNKNOWN, RULE_HIDE_ALL},
     RULE_HIDE_UNKNOWN},
    {{RULE_HIDE_NOTES | RULE_HIDE_DEVICES | RULE_HIDE_UNKNOWN,
      RULE_HIDE_DEVICES | RULE_HIDE_ACTIVITIES | RULE_HIDE_UNKNOWN,
      RULE_HIDE_ALL & ~(uint32_t)RULE_BASIC_ONLY},
     RULE_HIDE_DEVICES | RULE_HIDE_UNKNOWN},
};

START_TEST(what_one_of_equal_rules_shows_is_shown)
{
    struct watcher_judgement judgement;

    for (size_t i = 0; i < 3; i++)
        put_hiding((int64_t)(30 - i), WATCHER_ALLOW, unions[_i].hidden[i]);
    put_hiding(1, WATCHER_POLITE_BLOCK, 0); /* equal too, and not the greatest: it shows nothing */
    ck_assert(
        watcher_rules_judge(rules, SPAN(ALICE), SPAN(BOB), SPAN("presence"), false, &judgement));
    ck_assert_int_eq(judgement.action, WATCHER_ALLOW);
    ck_assert_uint_eq(judgement.hidden, unions[_i].together);
    ck_assert_int_eq(judgement.rule, 28);
}
END_TEST

START_TEST(the_greatest_action_of_equal_rules_prevails)
{
    struct watcher_judgement judgement;

    for (int action = WATCHER_BLOCK; action <= WATCHER_ALLOW; action++) {
        put_hiding(10 + action, (enum watcher_action)action, 0);
        put_hiding(20 + action, WATCHER_BLOCK, 0);
        ck_assert(watcher_rules_judge(rules, SPAN(ALICE), SPAN(BOB), SPAN("presence"), false,
                                      &judgement));
        ck_assert_int_eq(judgement.action, action);
        ck_assert_int_eq(judgement.rule, 10 + action);
    }
}
END_TEST

/* ---- what is told ---- */

START_TEST(a_change_is_told_with_its_scope_and_a_new_generation)
{
    const uint64_t first = watcher_rules_generation(rules);

    ck_assert_uint_ne(first, 0);
    put(1, ALICE, BOB, "", WATCHER_ALLOW);
    ck_assert_int_eq(told, 1);
    ck_assert_str_eq(last_told, "example.org " ALICE);
    ck_assert_uint_ne(watcher_rules_generation(rules), first);
    put(1, "", BOB, "", WATCHER_ALLOW); /* alice's rule is gone, and there is one for all */
    ck_assert_int_eq(told, 3);
    ck_assert_str_eq(last_told, "example.org ");
    put(1, "", BOB, "", WATCHER_BLOCK);
    ck_assert_int_eq(told, 4);
    watcher_rules_remove(rules, 1);
    ck_assert_int_eq(told, 5);
    watcher_rules_remove(rules, 1);
    ck_assert_int_eq(told, 5);
}
END_TEST

START_TEST(a_rule_that_is_read_again_changes_nothing)
{
    uint64_t generation;

    put_hiding(1, WATCHER_ALLOW, RULE_HIDE_ALL);
    generation = watcher_rules_generation(rules);
    put_hiding(1, WATCHER_ALLOW, RULE_HIDE_ALL);
    ck_assert_int_eq(told, 1);
    ck_assert_uint_eq(watcher_rules_generation(rules), generation);
    put_hiding(1, WATCHER_ALLOW, 0);
    ck_assert_int_eq(told, 2);
    ck_assert_uint_eq(watcher_rules_count(rules), 1);
}
END_TEST

/* ---- times ---- */

static int64_t wall_us(void)
{
    return loop_wall(node.loop).us;
}

static void put_from_to(int64_t id, int64_t from_us, int64_t until_us)
{
    struct watcher_rule_row row = row_of(id, ALICE, BOB, "", WATCHER_ALLOW);

    row.valid_from_us = from_us;
    row.valid_until_us = until_us;
    watcher_rules_put(rules, &row);
}

/* Time passes by the timers alone: `us` after the turn that the loop is in. */
static void pass_until(int64_t us)
{
    timers_run(loop_timers(node.loop), instant_after(loop_now(node.loop), us));
}

START_TEST(a_rule_counts_from_its_begin_to_its_end)
{
    uint64_t generation;

    put_from_to(1, wall_us() + 10 * US_PER_S, wall_us() + 20 * US_PER_S);
    ck_assert_int_eq(told, 0);
    ck_assert_int_eq(decides("presence", false), 0);
    pass_until(10 * US_PER_S - 1);
    ck_assert_int_eq(decides("presence", false), 0);
    generation = watcher_rules_generation(rules);
    pass_until(10 * US_PER_S + US_PER_MS);
    ck_assert_int_eq(told, 1);
    ck_assert_str_eq(last_told, "example.org " ALICE);
    ck_assert_uint_ne(watcher_rules_generation(rules), generation);
    ck_assert_int_eq(decides("presence", false), 1);
    pass_until(20 * US_PER_S - 1);
    ck_assert_int_eq(decides("presence", false), 1);
    pass_until(20 * US_PER_S + US_PER_MS);
    ck_assert_int_eq(told, 2);
    ck_assert_int_eq(decides("presence", false), 0);
    pass_until(200 * US_PER_S);
    ck_assert_int_eq(told, 2);
}
END_TEST

START_TEST(times_that_lie_behind_count_at_once)
{
    put_from_to(1, wall_us() - US_PER_S, 0);
    put_from_to(2, 0, wall_us() - US_PER_S);
    put_from_to(3, INT64_MIN, wall_us());
    put_from_to(4, wall_us(), INT64_MAX);
    ck_assert_int_eq(told, 2);
    ck_assert_int_eq(decides("presence", false), 1);
    watcher_rules_remove(rules, 1);
    ck_assert_int_eq(decides("presence", false), 4);
    watcher_rules_remove(rules, 4);
    ck_assert_int_eq(decides("presence", false), 0);
    ck_assert_int_eq(told, 4);
}
END_TEST

START_TEST(a_rule_of_a_far_year_overflows_nothing_and_begins_in_time)
{
    const int64_t year_us = INT64_C(365) * 24 * 3600 * US_PER_S;

    put_from_to(1, INT64_MAX, 0);
    put_from_to(2, INT64_MAX - 1, INT64_MAX);
    put_from_to(3, wall_us() + 3 * year_us, 0);
    pass_until(3 * year_us - US_PER_S);
    ck_assert_int_eq(told, 0);
    pass_until(3 * year_us + US_PER_MS);
    ck_assert_int_eq(told, 1);
    ck_assert_int_eq(decides("presence", false), 3);
}
END_TEST

START_TEST(what_is_changed_or_removed_before_its_time_does_not_come)
{
    put_from_to(1, wall_us() + US_PER_S, 0);
    put_from_to(2, wall_us() + US_PER_S, 0);
    watcher_rules_remove(rules, 1);
    put_from_to(2, wall_us() + 5 * US_PER_S, 0);
    pass_until(4 * US_PER_S);
    ck_assert_int_eq(told, 0);
    pass_until(6 * US_PER_S);
    ck_assert_int_eq(told, 1);
    ck_assert_int_eq(decides("presence", false), 2);
}
END_TEST

START_TEST(ten_thousand_rules_with_times_each_begin_once_and_at_their_own)
{
    enum { MANY = 10000 };

    for (int64_t i = 0; i < MANY; i++)
        put_from_to(i + 1, wall_us() + (i + 1) * US_PER_S, 0);
    for (int64_t i = 1; i <= MANY; i++) {
        pass_until(i * US_PER_S + US_PER_MS);
        ck_assert_int_eq(told, i);
    }
    ck_assert_int_eq(decides("presence", false), 1);
}
END_TEST

Suite *state_watcher_rule_suite(void)
{
    Suite *suite = suite_create("state/watcher_rule");
    TCase *precedence = tcase_create("precedence");
    TCase *equals = tcase_create("RFC 4745 section 10");
    TCase *news = tcase_create("what is told");
    TCase *times = tcase_create("times");

    tcase_add_checked_fixture(precedence, set_up, tear_down);
    tcase_add_test(precedence, the_more_specific_of_any_two_rules_decides);
    tcase_add_test(precedence, a_block_of_one_watcher_holds_though_everyone_is_allowed);
    tcase_add_test(precedence, rules_for_all_packages_say_nothing_where_only_named_ones_count);
    tcase_add_test(precedence, a_rule_speaks_of_its_presentity_its_domain_and_its_watcher_alone);
    suite_add_tcase(suite, precedence);
    tcase_add_checked_fixture(equals, set_up, tear_down);
    tcase_add_loop_test(equals, what_one_of_equal_rules_shows_is_shown, 0,
                        sizeof(unions) / sizeof(unions[0]));
    tcase_add_test(equals, the_greatest_action_of_equal_rules_prevails);
    suite_add_tcase(suite, equals);
    tcase_add_checked_fixture(news, set_up, tear_down);
    tcase_add_test(news, a_change_is_told_with_its_scope_and_a_new_generation);
    tcase_add_test(news, a_rule_that_is_read_again_changes_nothing);
    suite_add_tcase(suite, news);
    tcase_add_checked_fixture(times, set_up, tear_down);
    tcase_add_test(times, a_rule_counts_from_its_begin_to_its_end);
    tcase_add_test(times, times_that_lie_behind_count_at_once);
    tcase_add_test(times, a_rule_of_a_far_year_overflows_nothing_and_begins_in_time);
    tcase_add_test(times, what_is_changed_or_removed_before_its_time_does_not_come);
    tcase_add_test(times, ten_thousand_rules_with_times_each_begin_once_and_at_their_own);
    suite_add_tcase(suite, times);
    return suite;
}
