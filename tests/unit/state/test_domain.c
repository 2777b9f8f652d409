/* test_domain.c - a tenant's change is told when it is one. */
#include "server/state/domain.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *state_domain_suite(void);

static struct domains *domains;
static char told[200]; /* every name that was told, with a space behind it */

static void on_changed(void *context, struct span name)
{
    const size_t at = strlen(told);

    (void)context;
    snprintf(told + at, sizeof(told) - at, SPAN_FMT " ", SPAN_ARG(name));
}

static void set_up(void)
{
    domains = domains_new();
    domains_watch(domains, on_changed, NULL);
    told[0] = '\0';
}

static void tear_down(void)
{
    domains_free(domains);
}

START_TEST(a_domain_that_is_read_again_changes_nothing)
{
    struct domain_row row = {.id = 1, .name = SPAN("a.test"), .default_action = WATCHER_ALLOW};

    domains_put(domains, &row);
    domains_put(domains, &row);
    ck_assert_str_eq(told, "a.test ");
    row.default_action = WATCHER_POLITE_BLOCK;
    domains_put(domains, &row);
    row.presence_policy = POLICY_SINGLE;
    domains_put(domains, &row);
    row.notify_interval_min_ms = 1;
    domains_put(domains, &row);
    ck_assert_str_eq(told, "a.test a.test a.test a.test ");
    ck_assert_int_eq(domains_find(domains, SPAN("A.test."))->default_action, WATCHER_POLITE_BLOCK);
}
END_TEST

START_TEST(a_domain_of_another_name_is_told_with_both)
{
    struct domain_row row = {.id = 1, .name = SPAN("a.test")};

    domains_put(domains, &row);
    row.name = SPAN("b.test");
    domains_put(domains, &row);
    ck_assert_str_eq(told, "a.test a.test b.test ");
    ck_assert_ptr_null(domains_find(domains, SPAN("a.test")));
    told[0] = '\0';
    domains_remove(domains, 1);
    domains_remove(domains, 1);
    ck_assert_str_eq(told, "b.test ");
    ck_assert_ptr_null(domains_find(domains, SPAN("b.test")));
}
END_TEST

Suite *state_domain_suite(void)
{
    Suite *suite = suite_create("state/domain");
    TCase *tcase = tcase_create("domains");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_domain_that_is_read_again_changes_nothing);
    tcase_add_test(tcase, a_domain_of_another_name_is_told_with_both);
    suite_add_tcase(suite, tcase);
    return suite;
}
