#include "server/service/nonce.h"
#include "tests/unit/run.h"

Suite *service_nonce_suite(void);

enum { LIFE_S = 60, MAX = 4, WINDOW = 8 };

static const struct mac_key key = {{11, 22}};
static uint64_t epoch;
static struct nonces *nonces;
static char text[NONCE_BYTES];

static const struct instant begin = {INT64_C(1000) * US_PER_S};

static void set_up(void)
{
    epoch = 3;
    nonces = nonces_new(&key, &epoch, LIFE_S, MAX, WINDOW);
}

static void tear_down(void)
{
    nonces_free(nonces);
}

static enum nonce_verdict check_at(struct span nonce, int64_t after_s)
{
    return nonce_check(nonces, SPAN("example.org"), nonce,
                       instant_after(begin, after_s * US_PER_S));
}

START_TEST(a_fresh_nonce_is_good_until_its_life_is_over)
{
    struct span nonce = nonce_compose(nonces, SPAN("example.org"), begin, text);

    ck_assert_int_eq(check_at(nonce, 0), NONCE_GOOD);
    ck_assert_int_eq(check_at(nonce, LIFE_S - 1), NONCE_GOOD);
    ck_assert_int_eq(check_at(nonce, LIFE_S + 1), NONCE_STALE);
}
END_TEST

START_TEST(a_nonce_of_another_realm_or_maker_is_foreign)
{
    struct span nonce = nonce_compose(nonces, SPAN("example.net"), begin, text);

    ck_assert_int_eq(check_at(nonce, 0), NONCE_FOREIGN);
    ck_assert_int_eq(check_at(SPAN("abc"), 0), NONCE_FOREIGN);
    nonce = nonce_compose(nonces, SPAN("example.org"), begin, text);
    text[5] ^= 1;
    ck_assert_int_eq(check_at(nonce, 0), NONCE_FOREIGN);
}
END_TEST

START_TEST(a_nonce_of_the_epoch_before_is_stale)
{
    struct span nonce = nonce_compose(nonces, SPAN("example.org"), begin, text);

    epoch++;
    ck_assert_int_eq(check_at(nonce, 0), NONCE_STALE);
}
END_TEST

START_TEST(each_nc_is_taken_once_in_any_order_within_the_window)
{
    struct span nonce = nonce_compose(nonces, SPAN("example.org"), begin, text);

    ck_assert(nonce_use(nonces, nonce, 1, begin));
    ck_assert(!nonce_use(nonces, nonce, 1, begin));
    ck_assert(nonce_use(nonces, nonce, 5, begin));
    ck_assert(nonce_use(nonces, nonce, 3, begin));
    ck_assert(!nonce_use(nonces, nonce, 3, begin));
    ck_assert(!nonce_use(nonces, nonce, 5, begin));
    ck_assert(nonce_use(nonces, nonce, 100, begin));
    ck_assert(nonce_use(nonces, nonce, 100 - WINDOW + 1, begin));
    ck_assert(!nonce_use(nonces, nonce, 100 - WINDOW, begin));
}
END_TEST

/* What is not known any more could be a replay: it is stale, and so is all that is as old. */
START_TEST(a_nonce_that_was_forgotten_is_stale)
{
    char texts[MAX + 2][NONCE_BYTES];
    struct span first = {0};

    for (int i = 0; i < MAX + 2; i++) {
        struct instant now = instant_after(begin, i * US_PER_MS);
        struct span nonce = nonce_compose(nonces, SPAN("example.org"), now, texts[i]);

        if (i == 0)
            first = nonce;
        ck_assert(nonce_use(nonces, nonce, 1, now));
    }
    ck_assert_int_eq(check_at(first, 1), NONCE_STALE);
    ck_assert_int_eq(check_at((struct span){texts[MAX + 1], NONCE_BYTES}, 1), NONCE_GOOD);
}
END_TEST

Suite *service_nonce_suite(void)
{
    Suite *suite = suite_create("service/nonce");
    TCase *tcase = tcase_create("RFC 7616 section 3.3");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_fresh_nonce_is_good_until_its_life_is_over);
    tcase_add_test(tcase, a_nonce_of_another_realm_or_maker_is_foreign);
    tcase_add_test(tcase, a_nonce_of_the_epoch_before_is_stale);
    tcase_add_test(tcase, each_nc_is_taken_once_in_any_order_within_the_window);
    tcase_add_test(tcase, a_nonce_that_was_forgotten_is_stale);
    suite_add_tcase(suite, tcase);
    return suite;
}
