/* test_list.c - lists with their members, and dialects: as people make them, as they arrive. */
#include "tests/unit/storage/cluster.h"
#include "tests/unit/storage/desk.h"

#include <check.h>

static char conninfo[200];
static struct desk desk;

enum { AT_ONCE_MS = 100 };

static void begin(const char *database)
{
    cluster_fresh_database(database, conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('example.org')");
}

/* ---- lists ---- */

START_TEST(a_list_is_told_before_ready_with_its_members_in_order)
{
    begin("lists_first");
    sql(conninfo, "select presence.add_list('Sip:sales@Example.org', 'alice@example.net', "
                  "E'Verk\303\244ufer');"
                  "select presence.add_list_member('sales@example.org', 'bob@example.org', "
                  "E'B\303\266b \\\\ \"x\"');"
                  "select presence.add_list_member('sales@example.org', '<sip:carol@example.org>');"
                  "select presence.add_list_member('sales@example.org', 'tel:+4930123', 'T');"
                  "update presence.list_member set position = -1 where uri like 'tel:%%';"
                  "select presence.add_list('empty@example.org');"
                  "delete from presence.list where aor = 'empty@example.org'");
    desk_open_ready(&desk, conninfo);
    ck_assert_int_eq(desk.lists, 1);
    ck_assert(span_equal(desk.list.aor, SPAN("sales@example.org")));
    ck_assert(span_equal(desk.list.owner, SPAN("alice@example.net")));
    ck_assert(span_equal(desk.list.name, SPAN("Verk\303\244ufer")));
    ck_assert_uint_eq(desk.list.member_count, 3);
    ck_assert(span_equal(desk.members[0].uri, SPAN("tel:+4930123")));
    ck_assert(span_equal(desk.members[0].name, SPAN("T")));
    ck_assert(span_equal(desk.members[1].uri, SPAN("sip:bob@example.org")));
    ck_assert(span_equal(desk.members[1].name, SPAN("B\303\266b \\ \"x\"")));
    ck_assert(span_equal(desk.members[2].uri, SPAN("sip:carol@example.org")));
    ck_assert(span_empty(desk.members[2].name));
    desk_close(&desk);
}
END_TEST

START_TEST(a_change_of_members_is_told_as_the_lists_within_100_ms)
{
    begin("lists_live");
    desk_open_ready(&desk, conninfo);
    sql(conninfo, "select presence.add_list('l@example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.lists, 1, AT_ONCE_MS));
    ck_assert_uint_eq(desk.list.member_count, 0);
    ck_assert(span_empty(desk.list.owner));
    sql(conninfo, "select presence.add_list_member('l@example.org', 'a@example.org', 'A')");
    ck_assert(desk_run_until_count(&desk, &desk.lists, 2, AT_ONCE_MS));
    ck_assert_uint_eq(desk.list.member_count, 1);
    sql(conninfo, "select presence.add_list_member('l@example.org', 'sip:a@example.org', 'B')");
    ck_assert(desk_run_until_count(&desk, &desk.lists, 3, AT_ONCE_MS));
    ck_assert_uint_eq(desk.list.member_count, 1);
    ck_assert(span_equal(desk.members[0].name, SPAN("B")));
    sql(conninfo, "select presence.remove_list_member('l@example.org', 'a@example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.lists, 4, AT_ONCE_MS));
    ck_assert_uint_eq(desk.list.member_count, 0);
    sql(conninfo, "update presence.list set enabled = false");
    ck_assert(desk_run_until_count(&desk, &desk.lists_gone, 1, AT_ONCE_MS));
    sql(conninfo, "update presence.list set enabled = true");
    ck_assert(desk_run_until_count(&desk, &desk.lists, 5, AT_ONCE_MS));
    sql(conninfo, "select presence.remove_list('l@example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.lists_gone, 2, AT_ONCE_MS));
    desk_close(&desk);
}
END_TEST

START_TEST(a_row_that_is_told_of_twice_is_not_gone)
{
    begin("lists_twice");
    desk_open_ready(&desk, conninfo);
    sql(conninfo, "begin; select presence.add_list('l@example.org');"
                  "select presence.add_list('m@example.org');"
                  "insert into presence.list_member (list_id, position, uri)"
                  " select id, 1, 'sip:a@example.org' from presence.list; commit");
    ck_assert(desk_run_until_count(&desk, &desk.lists, 2, AT_ONCE_MS));
    ck_assert_int_eq(desk.lists_gone, 0);
    sql(conninfo, "begin; delete from presence.list where aor = 'l@example.org';"
                  "delete from presence.list; commit");
    ck_assert(desk_run_until_count(&desk, &desk.lists_gone, 2, AT_ONCE_MS));
    desk_close(&desk);
}
END_TEST

START_TEST(ten_thousand_members_are_one_list)
{
    begin("lists_long");
    sql(conninfo, "select presence.add_list('l@example.org'); insert into presence.list_member "
                  "(list_id, position, uri) select id, 10001 - n, 'sip:u' || n || '@example.org' "
                  "from presence.list, generate_series(1, 10000) n");
    desk_open_ready(&desk, conninfo);
    ck_assert_int_eq(desk.lists, 1);
    ck_assert_uint_eq(desk.list.member_count, 10000);
    ck_assert(span_equal(desk.members[0].uri, SPAN("sip:u10000@example.org")));
    sql(conninfo, "truncate presence.list_member");
    ck_assert(desk_run_until_count(&desk, &desk.lists, 2, 1000));
    ck_assert_uint_eq(desk.list.member_count, 0);
    desk_close(&desk);
}
END_TEST

/* In this order, each on what those before have left. */
static const struct {
    const char *expression;
    const char *gives;
} calls[] = {
    {"presence.add_list('l@example.org')", "1"},
    {"presence.add_list('l@example.org')", "23505"},
    {"presence.add_list('example.org')", "22023"},
    {"presence.add_list('l@nowhere.test')", "23503"},
    {"presence.add_list('m@example.org', 'nobody')", "23514"},
    {"presence.add_list_member('m@example.org', 'a@example.org')", "P0002"},
    {"presence.add_list_member('l@example.org', 'a b')", "23514"},
    {"presence.add_list_member('l@example.org', '')", "23514"},
    {"presence.add_list_member('l@example.org', null)", "23502"},
    {"select presence.add_list_member('l@example.org', 'host.test:5060') is null", "false"},
    {"select uri from presence.list_member", "sip:host.test:5060"},
    {"presence.remove_list_member('l@example.org', 'a@example.org')", "false"},
    {"presence.remove_list('x@example.org')", "false"},
    /* an AOR is a list's or an account's */
    {"select presence.add_account('l@example.org', 'x')", "23505"},
    {"select presence.add_account('a@example.org', 'x') is null", "false"},
    {"presence.add_list('a@example.org')", "23505"},
    {"select count(*) from presence.list where domain = 'example.org'", "1"},
    {"select presence.remove_domain('example.org')", "true"},
    {"select count(*) from presence.list_member", "0"},
};

START_TEST(people_make_lists_and_hear_what_is_wrong)
{
    const char *gave;

    begin("list_calls");
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        sql(conninfo,
            "create or replace function attempt() returns text language plpgsql as $$ begin return "
            "(%s)::text; exception when others then return sqlstate; end $$",
            calls[i].expression);
        gave = sql_value(conninfo, "select attempt()");
        ck_assert_msg(strcmp(gave, calls[i].gives) == 0, "%s gives %s", calls[i].expression, gave);
    }
}
END_TEST

/* ---- dialects ---- */

static const struct {
    const char *column;
    const char *event;
    uint32_t bits;
} bits[] = {
    {"plain", "presence", 1},         {"one_tuple", "presence", 2},
    {"note_in_tuple", "presence", 4}, {"entity_pres", "presence", 8},
    {"contact", "presence", 16},      {"plain, one_tuple", "presence", 3},
    {"single_dialog", "dialog", 1},   {"display", "dialog", 2},
};

START_TEST(each_column_of_a_dialect_is_its_bit)
{
    begin("dialect_bits");
    sql(conninfo,
        "insert into presence.dialect (position, user_agent, event, %s) values (-7, 'Snom 3', "
        "'%s', true%s)",
        bits[_i].column, bits[_i].event, strchr(bits[_i].column, ',') == NULL ? "" : ", true");
    desk_open_ready(&desk, conninfo);
    ck_assert_int_eq(desk.dialects, 1);
    ck_assert_int_eq(desk.dialect.position, -7);
    ck_assert(span_equal(desk.dialect.user_agent, SPAN("Snom 3")));
    ck_assert(span_equal(desk.dialect.event, span_of(bits[_i].event)));
    ck_assert_uint_eq(desk.dialect.bits, bits[_i].bits);
    desk_close(&desk);
}
END_TEST

START_TEST(a_dialect_comes_changes_and_goes_within_100_ms)
{
    begin("dialects_live");
    desk_open_ready(&desk, conninfo);
    sql(conninfo, "insert into presence.dialect (user_agent) values ('')");
    ck_assert(desk_run_until_count(&desk, &desk.dialects, 1, AT_ONCE_MS));
    ck_assert_uint_eq(desk.dialect.bits, 0);
    sql(conninfo, "update presence.dialect set event = 'dialog', single_dialog = true");
    ck_assert(desk_run_until_count(&desk, &desk.dialects, 2, AT_ONCE_MS));
    ck_assert_uint_eq(desk.dialect.bits, 1);
    sql(conninfo, "delete from presence.dialect");
    ck_assert(desk_run_until_count(&desk, &desk.dialects_gone, 1, AT_ONCE_MS));
    desk_close(&desk);
}
END_TEST

Suite *storage_list_suite(void);
Suite *storage_list_suite(void)
{
    Suite *suite = suite_create("storage/list");
    TCase *lists = tcase_create("lists");
    TCase *dialects = tcase_create("dialects");

    if (cluster_folder() == NULL)
        return suite;
    tcase_set_timeout(lists, 60);
    tcase_add_test(lists, a_list_is_told_before_ready_with_its_members_in_order);
    tcase_add_test(lists, a_change_of_members_is_told_as_the_lists_within_100_ms);
    tcase_add_test(lists, a_row_that_is_told_of_twice_is_not_gone);
    tcase_add_test(lists, ten_thousand_members_are_one_list);
    tcase_add_test(lists, people_make_lists_and_hear_what_is_wrong);
    suite_add_tcase(suite, lists);
    tcase_set_timeout(dialects, 60);
    tcase_add_loop_test(dialects, each_column_of_a_dialect_is_its_bit, 0,
                        sizeof(bits) / sizeof(bits[0]));
    tcase_add_test(dialects, a_dialect_comes_changes_and_goes_within_100_ms);
    suite_add_tcase(suite, dialects);
    return suite;
}
