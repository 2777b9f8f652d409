/* test_resource_list.c - the list of an AOR is what SQL said last. */
#include "server/state/resource_list.h"
#include "tests/unit/run.h"

#include <stdio.h>
#include <stdlib.h>

Suite *state_resource_list_suite(void);

static struct resource_lists *lists;
static char told[200]; /* every AOR that was told, with a space behind it */

static void on_changed(void *context, struct span aor)
{
    const size_t at = strlen(told);

    (void)context;
    snprintf(told + at, sizeof(told) - at, SPAN_FMT " ", SPAN_ARG(aor));
}

static void set_up(void)
{
    lists = resource_lists_new();
    resource_lists_watch(lists, on_changed, NULL);
    told[0] = '\0';
}

static void tear_down(void)
{
    resource_lists_free(lists);
}

static void put(int64_t id, const char *aor, const char *uri, const char *name)
{
    const struct list_member_row members[] = {
        {SPAN("sip:bob@example.org"), SPAN("Bob")},
        {span_of(uri), span_of(name)},
    };
    const struct list_row row = {.id = id,
                                 .aor = span_of(aor),
                                 .owner = SPAN("alice@example.org"),
                                 .name = SPAN("Friends"),
                                 .members = members,
                                 .member_count = 2};

    resource_lists_put(lists, &row);
}

START_TEST(a_list_is_found_with_its_members_in_order)
{
    const struct list_row *list;

    ck_assert_ptr_null(resource_lists_find(lists, SPAN("friends@example.org")));
    put(7, "friends@example.org", "sip:carol@example.org", "");
    list = resource_lists_find(lists, SPAN("friends@example.org"));
    ck_assert_ptr_nonnull(list);
    ck_assert_int_eq(list->id, 7);
    ck_assert(span_equal(list->aor, SPAN("friends@example.org")));
    ck_assert(span_equal(list->owner, SPAN("alice@example.org")));
    ck_assert(span_equal(list->name, SPAN("Friends")));
    ck_assert_uint_eq(list->member_count, 2);
    ck_assert(span_equal(list->members[0].uri, SPAN("sip:bob@example.org")));
    ck_assert(span_equal(list->members[0].name, SPAN("Bob")));
    ck_assert(span_equal(list->members[1].uri, SPAN("sip:carol@example.org")));
    ck_assert(span_empty(list->members[1].name));
    ck_assert_ptr_null(resource_lists_find(lists, SPAN("Friends@example.org")));
    ck_assert_str_eq(told, "friends@example.org ");
}
END_TEST

START_TEST(a_list_that_is_read_again_changes_nothing)
{
    put(1, "l@example.org", "sip:carol@example.org", "Carol");
    put(1, "l@example.org", "sip:carol@example.org", "Carol");
    ck_assert_str_eq(told, "l@example.org ");
    put(1, "l@example.org", "sip:carol@example.org", "C");
    put(1, "l@example.org", "sip:dave@example.org", "C");
    ck_assert_str_eq(told, "l@example.org l@example.org l@example.org ");
    ck_assert_uint_eq(resource_lists_count(lists), 1);
    ck_assert(span_equal(resource_lists_find(lists, SPAN("l@example.org"))->members[1].uri,
                         SPAN("sip:dave@example.org")));
}
END_TEST

START_TEST(a_list_that_moves_to_another_aor_is_told_at_both)
{
    put(1, "a@example.org", "sip:carol@example.org", "");
    put(1, "b@example.org", "sip:carol@example.org", "");
    ck_assert_str_eq(told, "a@example.org a@example.org b@example.org ");
    ck_assert_ptr_null(resource_lists_find(lists, SPAN("a@example.org")));
    ck_assert_ptr_nonnull(resource_lists_find(lists, SPAN("b@example.org")));
}
END_TEST

START_TEST(a_list_that_is_removed_is_told_once)
{
    put(1, "a@example.org", "sip:carol@example.org", "");
    put(2, "b@example.org", "sip:carol@example.org", "");
    told[0] = '\0';
    resource_lists_remove(lists, 1);
    resource_lists_remove(lists, 1);
    ck_assert_str_eq(told, "a@example.org ");
    ck_assert_ptr_null(resource_lists_find(lists, SPAN("a@example.org")));
    ck_assert_uint_eq(resource_lists_count(lists), 1);
}
END_TEST

START_TEST(a_list_may_be_empty_and_may_be_long)
{
    enum { MANY = 10000 };
    struct list_member_row *members = calloc(MANY, sizeof(members[0]));
    char *uris = calloc(MANY, 40);
    struct list_row row = {.id = 1, .aor = SPAN("l@example.org")};

    ck_assert(members != NULL && uris != NULL);
    resource_lists_put(lists, &row);
    ck_assert_uint_eq(resource_lists_find(lists, row.aor)->member_count, 0);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(uris + 40 * i, 40, "sip:u%zu@example.org", i);
        members[i].uri = span_of(uris + 40 * i);
    }
    row.members = members;
    row.member_count = MANY;
    resource_lists_put(lists, &row);
    memset(uris, 'x', 40 * MANY - 1);
    ck_assert_uint_eq(resource_lists_find(lists, row.aor)->member_count, MANY);
    ck_assert(span_equal(resource_lists_find(lists, row.aor)->members[MANY - 1].uri,
                         SPAN("sip:u9999@example.org")));
    free(members);
    free(uris);
}
END_TEST

Suite *state_resource_list_suite(void)
{
    Suite *suite = suite_create("state/resource_list");
    TCase *tcase = tcase_create("lists");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_list_is_found_with_its_members_in_order);
    tcase_add_test(tcase, a_list_that_is_read_again_changes_nothing);
    tcase_add_test(tcase, a_list_that_moves_to_another_aor_is_told_at_both);
    tcase_add_test(tcase, a_list_that_is_removed_is_told_once);
    tcase_add_test(tcase, a_list_may_be_empty_and_may_be_long);
    suite_add_tcase(suite, tcase);
    return suite;
}
