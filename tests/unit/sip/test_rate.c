/* test_rate.c - RFC 6446 section 9.2: what is such a number, and what is said with it. */
#include "server/sip/rate.h"
#include "tests/unit/run.h"

Suite *sip_rate_suite(void);

#define TINY UINT64_C(1) /* 0.0000000001 */

/* clang-format off */
static const struct {
    const char *sentence;
    const char *params;
    const char *phrase; /* NULL: it is good */
    struct sip_rates rates;
    const char *composed;
} cases[] = {
    {"none at all", "", NULL, {0}, ""},
    {"others are passed over", ";id=7;max=3", NULL, {0}, ""},
    {"a whole number", ";max-rate=2", NULL, {.max = 2 * SIP_RATE_ONE}, ";max-rate=2"},
    {"a fraction", ";max-rate=0.05", NULL, {.max = SIP_RATE_ONE / 20}, ";max-rate=0.05"},
    {"zeros before and behind", ";max-rate=02.500", NULL, {.max = SIP_RATE_ONE / 2 * 5}, ";max-rate=2.5"},
    {"the least", ";min-rate=0.0000000001", NULL, {.min = TINY}, ";min-rate=0.0000000001"},
    {"the greatest", ";adaptive-min-rate=99.9999999999", NULL, {.adaptive_min = SIP_RATE_MAX},
     ";adaptive-min-rate=99.9999999999"},
    {"all three, in any case and order", ";Min-Rate=1;adaptive-min-rate = 2 ;MAX-RATE=3;id=1", NULL,
     {.max = 3 * SIP_RATE_ONE, .min = SIP_RATE_ONE, .adaptive_min = 2 * SIP_RATE_ONE},
     ";max-rate=3;min-rate=1;adaptive-min-rate=2"},
    {"zero", ";max-rate=0", "Malformed max-rate", {0}, NULL},
    {"zero in many digits", ";min-rate=00.0000000000", "Malformed min-rate", {0}, NULL},
    {"no value", ";max-rate", "Malformed max-rate", {0}, NULL},
    {"three digits", ";max-rate=100", "Malformed max-rate", {0}, NULL},
    {"eleven decimals", ";max-rate=0.00000000001", "Malformed max-rate", {0}, NULL},
    {"nothing before the point", ";max-rate=.5", "Malformed max-rate", {0}, NULL},
    {"nothing behind the point", ";max-rate=5.", "Malformed max-rate", {0}, NULL},
    {"two points", ";max-rate=1.2.3", "Malformed max-rate", {0}, NULL},
    {"a sign", ";max-rate=-1", "Malformed max-rate", {0}, NULL},
    {"a quoted number", ";max-rate=\"1\"", "Malformed max-rate", {0}, NULL},
    {"an exponent", ";min-rate=1e1", "Malformed min-rate", {0}, NULL},
    {"a word", ";adaptive-min-rate=often", "Malformed adaptive-min-rate", {0}, NULL},
    {"one of them twice", ";max-rate=1;max-rate=1", "Malformed max-rate", {0}, NULL},
    {"a good one and a bad one", ";max-rate=1;min-rate=x", "Malformed min-rate", {0}, NULL},
};
/* clang-format on */

START_TEST(section_9_2_a_rate_is_such_a_number_and_nothing_else)
{
    const struct sip_rates untouched = {7, 7, 7};
    struct sip_rates rates = untouched;
    const char *phrase = NULL;
    const enum status status = sip_rates_parse(span_of(cases[_i].params), &rates, &phrase);
    const struct sip_rates *want = cases[_i].phrase == NULL ? &cases[_i].rates : &untouched;

    ck_assert_msg(status == (cases[_i].phrase == NULL ? STATUS_OK : STATUS_MALFORMED), "%s",
                  cases[_i].sentence);
    ck_assert_pstr_eq(phrase, cases[_i].phrase);
    ck_assert_uint_eq(rates.max, want->max);
    ck_assert_uint_eq(rates.min, want->min);
    ck_assert_uint_eq(rates.adaptive_min, want->adaptive_min);
}
END_TEST

START_TEST(section_4_2_a_rate_is_reflected_as_it_was_said)
{
    char octets[128];
    struct buffer out;

    buffer_init_fixed(&out, octets, sizeof(octets));
    sip_rates_compose(&out, &cases[_i].rates);
    ck_assert_msg(span_equal(buffer_span(&out),
                             span_of(cases[_i].composed == NULL ? "" : cases[_i].composed)),
                  "%s: " SPAN_FMT, cases[_i].sentence, SPAN_ARG(buffer_span(&out)));
}
END_TEST

START_TEST(a_reciprocal_never_exceeds_the_rate_or_always_reaches_it)
{
    static const int64_t intervals_us[] = {10001,    300000,     333333,          1000000,
                                           7000000,  3599000000, 3600000000,      86400000000,
                                           12345678, 1999999999, 4294967295000000};

    for (size_t i = 0; i < sizeof(intervals_us) / sizeof(intervals_us[0]); i++) {
        ck_assert_int_ge(sip_rate_interval_us(sip_rate_within_us(intervals_us[i])),
                         intervals_us[i]);
        ck_assert_int_le(sip_rate_interval_us(sip_rate_reaching_us(intervals_us[i])),
                         intervals_us[i]);
    }
    ck_assert_int_eq(sip_rate_interval_us(SIP_RATE_ONE), 1000000);
    ck_assert_int_eq(sip_rate_interval_us(3 * SIP_RATE_ONE), 333334);
    ck_assert_int_eq(sip_rate_interval_us(TINY), INT64_C(10000000000000000));
    ck_assert_uint_eq(sip_rate_within_us(1), SIP_RATE_MAX);
    ck_assert_uint_eq(sip_rate_within_us(INT64_MAX), 1);
}
END_TEST

Suite *sip_rate_suite(void)
{
    Suite *suite = suite_create("sip/rate");
    TCase *tcase = tcase_create("RFC 6446 section 9");
    const int count = sizeof(cases) / sizeof(cases[0]);

    tcase_add_loop_test(tcase, section_9_2_a_rate_is_such_a_number_and_nothing_else, 0, count);
    tcase_add_loop_test(tcase, section_4_2_a_rate_is_reflected_as_it_was_said, 0, count);
    tcase_add_test(tcase, a_reciprocal_never_exceeds_the_rate_or_always_reaches_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
