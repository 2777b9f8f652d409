/* test_dialect.c - the first row that fits a device decides. */
#include "server/state/dialect.h"
#include "tests/unit/run.h"

Suite *state_dialect_suite(void);

static struct dialects *dialects;
static int told;

static void on_changed(void *context)
{
    (void)context;
    told++;
}

static void set_up(void)
{
    dialects = dialects_new();
    dialects_watch(dialects, on_changed, NULL);
    told = 0;
}

static void tear_down(void)
{
    dialects_free(dialects);
}

static void put(int64_t id, int64_t position, const char *user_agent, const char *event,
                uint32_t bits)
{
    const struct dialect_row row = {.id = id,
                                    .position = position,
                                    .user_agent = span_of(user_agent),
                                    .event = span_of(event),
                                    .bits = bits};

    dialects_put(dialects, &row);
}

static uint32_t bits_for(const char *user_agent)
{
    return dialects_find(dialects, span_of(user_agent), SPAN("presence"));
}

START_TEST(a_row_fits_what_begins_with_its_words_in_any_case)
{
    ck_assert_uint_eq(bits_for("snom300/8.7"), 0);
    put(1, 0, "Snom3", "presence", 2);
    ck_assert_uint_eq(bits_for("snom300/8.7"), 2);
    ck_assert_uint_eq(bits_for("SNOM3"), 2);
    ck_assert_uint_eq(bits_for("snom"), 0);
    ck_assert_uint_eq(bits_for("a snom300"), 0);
    ck_assert_uint_eq(bits_for(""), 0);
    ck_assert_uint_eq(dialects_find(dialects, SPAN("snom300"), SPAN("dialog")), 0);
}
END_TEST

START_TEST(the_first_by_position_then_by_id_decides)
{
    put(9, 5, "", "presence", 1);
    put(8, 2, "snom", "presence", 2);
    put(7, 2, "snom3", "presence", 4);
    put(6, -1, "yealink", "presence", 8);
    put(5, 9, "snom300", "presence", 16);
    ck_assert_uint_eq(bits_for("snom300"), 4);
    ck_assert_uint_eq(bits_for("snom720"), 2);
    ck_assert_uint_eq(bits_for("Yealink T46"), 8);
    ck_assert_uint_eq(bits_for("Linphone"), 1);
    put(5, -9, "snom300", "presence", 16); /* moved to the front */
    ck_assert_uint_eq(bits_for("snom300"), 16);
    dialects_remove(dialects, 9);
    ck_assert_uint_eq(bits_for("Linphone"), 0);
    ck_assert_uint_eq(dialects_count(dialects), 4);
}
END_TEST

START_TEST(a_row_without_bits_shields_a_device_from_later_rows)
{
    put(1, 0, "good phone", "presence", 0);
    put(2, 1, "", "presence", 1);
    ck_assert_uint_eq(bits_for("Good Phone 2"), 0);
    ck_assert_uint_eq(bits_for("bad phone"), 1);
}
END_TEST

START_TEST(a_change_is_told_and_what_is_read_again_is_none)
{
    put(1, 0, "snom", "presence", 1);
    put(1, 0, "snom", "presence", 1);
    ck_assert_int_eq(told, 1);
    put(1, 0, "snom", "presence", 3);
    put(1, 1, "snom", "presence", 3);
    put(1, 1, "snom", "dialog", 3);
    ck_assert_int_eq(told, 4);
    dialects_remove(dialects, 1);
    dialects_remove(dialects, 1);
    ck_assert_int_eq(told, 5);
    ck_assert_uint_eq(dialects_count(dialects), 0);
}
END_TEST

Suite *state_dialect_suite(void)
{
    Suite *suite = suite_create("state/dialect");
    TCase *tcase = tcase_create("dialects");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_row_fits_what_begins_with_its_words_in_any_case);
    tcase_add_test(tcase, the_first_by_position_then_by_id_decides);
    tcase_add_test(tcase, a_row_without_bits_shields_a_device_from_later_rows);
    tcase_add_test(tcase, a_change_is_told_and_what_is_read_again_is_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
