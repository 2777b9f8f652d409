/* test_list_members.c - who is on a list, and how often. */
#include "server/service/list_members.h"
#include "tests/support/script/storage_script.h"
#include "tests/unit/run.h"

#include <stdlib.h>

Suite *service_list_members_suite(void);

static struct list_member_row members[] = {
    {{"sip:bob@example.org", 19}, {"Bob", 3}},
    {{"sip:b%6Fb@EXAMPLE.org", 21}, {"Bob again", 9}},
    {{"tel:+431234", 11}, {0}},
    {{"sip:inner@example.org", 21}, {0}},
};
static struct list_member_row inner_members[] = {
    {{"sip:carol@example.org", 21}, {0}},
    {{"sip:bob@example.org", 19}, {0}},
    {{"sip:outer@example.org", 21}, {0}},
};

/* The lists outer and inner, which hold each other. */
static struct state *state_with_lists(void)
{
    struct state *state = calloc(1, sizeof(*state));

    ck_assert_ptr_nonnull(state);
    state->lists = resource_lists_new();
    resource_lists_put(state->lists, &(struct list_row){.id = 1,
                                                        .aor = SPAN("outer@example.org"),
                                                        .members = members,
                                                        .member_count = 4});
    resource_lists_put(state->lists, &(struct list_row){.id = 2,
                                                        .aor = SPAN("inner@example.org"),
                                                        .members = inner_members,
                                                        .member_count = 3});
    return state;
}

static void state_end(struct state *state)
{
    resource_lists_free(state->lists);
    free(state);
}

static void add_outer(struct list_members *list, const struct state *state)
{
    list_members_add_list(list, state,
                          resource_lists_find(state->lists, SPAN("outer@example.org")));
}

START_TEST(a_member_comes_once_however_often_and_however_it_is_written)
{
    struct state *state = state_with_lists();
    struct list_members list;

    list_members_init(&list, 100, SPAN("bob@example.org"));
    add_outer(&list, state);
    ck_assert_uint_eq(list.count, 3); /* bob, the telephone, carol */
    ck_assert(span_equal(list_members_uri(&list, 0), SPAN("sip:bob@example.org")));
    ck_assert(span_equal(list_members_name(&list, 0), SPAN("Bob")));
    ck_assert(span_equal(list_members_uri(&list, 1), SPAN("tel:+431234")));
    ck_assert(span_equal(list_members_uri(&list, 2), SPAN("sip:carol@example.org")));
    list_members_deinit(&list);
    state_end(state);
}
END_TEST

START_TEST(a_list_has_no_more_members_than_it_may)
{
    struct state *state = state_with_lists();
    struct list_members list;

    list_members_init(&list, 2, SPAN("bob@example.org"));
    add_outer(&list, state);
    ck_assert_uint_eq(list.count, 2);
    list_members_deinit(&list);
    state_end(state);
}
END_TEST

START_TEST(thousands_are_told_apart)
{
    struct list_member_row *rows = calloc(5000, sizeof(*rows));
    char(*uris)[32] = calloc(5000, sizeof(*uris));
    struct state *state = state_with_lists();
    struct list_members list;

    for (int i = 0; i < 5000; i++) {
        (void)snprintf(uris[i], sizeof(uris[i]), "sip:u%d@example.org", i / 2);
        rows[i].uri = span_of(uris[i]);
    }
    list_members_init(&list, 10000, SPAN("bob@example.org"));
    list_members_add_list(&list, state, &(struct list_row){.members = rows, .member_count = 5000});
    ck_assert_uint_eq(list.count, 2500);
    list_members_deinit(&list);
    state_end(state);
    free(uris);
    free(rows);
}
END_TEST

START_TEST(a_list_of_someone_else_gives_no_member_away)
{
    static struct list_member_row secret[] = {{{"sip:dave@example.org", 20}, {0}}};
    struct state *state = state_with_lists();
    struct list_members list;

    resource_lists_put(state->lists, &(struct list_row){.id = 2,
                                                        .aor = SPAN("inner@example.org"),
                                                        .owner = SPAN("carol@example.org"),
                                                        .members = secret,
                                                        .member_count = 1});
    list_members_init(&list, 100, SPAN("bob@example.org"));
    add_outer(&list, state);
    ck_assert_uint_eq(list.count, 3);
    ck_assert(span_equal(list_members_uri(&list, 2), SPAN("sip:inner@example.org")));
    ck_assert(list.has_lists); /* it may become bob's */
    list_members_deinit(&list);
    list_members_init(&list, 100, SPAN("carol@example.org"));
    add_outer(&list, state);
    ck_assert(span_equal(list_members_uri(&list, 2), SPAN("sip:dave@example.org")));
    list_members_deinit(&list);
    state_end(state);
}
END_TEST

/* Without care they are walked through 200 to the power of 4 times: this would not end. */
START_TEST(lists_that_all_hold_each_other_are_read_once)
{
    enum { LISTS = 200 };
    static struct list_member_row rows[LISTS];
    static char aors[LISTS][32], uris[LISTS][32];
    struct state *state = state_with_lists();
    struct list_members list;

    for (int i = 0; i < LISTS; i++) {
        (void)snprintf(aors[i], sizeof(aors[i]), "l%d@example.org", i);
        (void)snprintf(uris[i], sizeof(uris[i]), "sip:l%d@example.org", i);
        rows[i].uri = span_of(uris[i]);
    }
    for (int i = 0; i < LISTS; i++)
        resource_lists_put(state->lists, &(struct list_row){.id = 10 + i,
                                                            .aor = span_of(aors[i]),
                                                            .members = rows,
                                                            .member_count = LISTS});
    list_members_init(&list, 100, SPAN("bob@example.org"));
    list_members_add_list(&list, state, &(struct list_row){.members = rows, .member_count = LISTS});
    ck_assert_uint_eq(list.count, 0);
    list_members_deinit(&list);
    state_end(state);
}
END_TEST

Suite *service_list_members_suite(void)
{
    Suite *suite = suite_create("service/list_members");
    TCase *tcase = tcase_create("RFC 4662");

    tcase_add_test(tcase, a_member_comes_once_however_often_and_however_it_is_written);
    tcase_add_test(tcase, a_list_has_no_more_members_than_it_may);
    tcase_add_test(tcase, thousands_are_told_apart);
    tcase_add_test(tcase, a_list_of_someone_else_gives_no_member_away);
    tcase_add_test(tcase, lists_that_all_hold_each_other_are_read_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
