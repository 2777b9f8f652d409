/* test_watcher_rule.c - rules as people make them, as they arrive, and as SQL explains them. */
#include "server/state/watcher_rule.h"
#include "tests/unit/storage/cluster.h"
#include "tests/unit/storage/desk.h"

#include <check.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static char conninfo[200];
static struct desk desk;

enum { AT_ONCE_MS = 100 };

static void begin(const char *database)
{
    cluster_fresh_database(database, conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('example.org')");
}

/* ---- the feed ---- */

START_TEST(rules_are_told_before_ready_with_all_that_they_say)
{
    begin("rules_first");
    sql(conninfo, "select presence.allow('Sip:alice@Example.org', 'sip:bob@Example.NET;x', event "
                  "=> 'presence', without => '{devices,notes}', valid_from => '1970-01-01 "
                  "00:00:01+00', valid_until => '2001-09-09 01:46:40.000001+00')");
    desk_open_ready(&desk, conninfo);
    ck_assert_int_eq(desk.rules, 1);
    ck_assert(span_equal(desk.rule.domain, SPAN("example.org")));
    ck_assert(span_equal(desk.rule.presentity, SPAN("alice@example.org")));
    ck_assert(span_equal(desk.rule.watcher, SPAN("bob@example.net")));
    ck_assert(span_equal(desk.rule.event, SPAN("presence")));
    ck_assert_int_eq(desk.rule.action, WATCHER_ALLOW);
    ck_assert_uint_eq(desk.rule.hidden, RULE_HIDE_NOTES | RULE_HIDE_DEVICES | RULE_HIDE_UNKNOWN);
    ck_assert_int_eq(desk.rule.valid_from_us, 1000000);
    ck_assert_int_eq(desk.rule.valid_until_us, INT64_C(1000000000000001));
    desk_close(&desk);
}
END_TEST

START_TEST(a_rule_comes_changes_and_goes_within_100_ms)
{
    begin("rules_live");
    desk_open_ready(&desk, conninfo);
    sql(conninfo, "select presence.polite_block('example.org', '*')");
    ck_assert(desk_run_until_count(&desk, &desk.rules, 1, AT_ONCE_MS));
    ck_assert(span_empty(desk.rule.presentity) && span_empty(desk.rule.watcher));
    ck_assert(span_empty(desk.rule.event));
    ck_assert_int_eq(desk.rule.action, WATCHER_POLITE_BLOCK);
    ck_assert_uint_eq(desk.rule.hidden, 0);
    ck_assert(desk.rule.valid_from_us == 0 && desk.rule.valid_until_us == 0);
    sql(conninfo, "select presence.allow('example.org', '*', basic_only => true)");
    ck_assert(desk_run_until_count(&desk, &desk.rules, 2, AT_ONCE_MS));
    ck_assert_int_eq(desk.rule.action, WATCHER_ALLOW);
    ck_assert_uint_eq(desk.rule.hidden, RULE_HIDE_ALL);
    ck_assert_str_eq(sql_value(conninfo, "select presence.remove_rule('@example.org', '*')"), "1");
    ck_assert(desk_run_until_count(&desk, &desk.rules_gone, 1, AT_ONCE_MS));
    ck_assert_int_eq(desk.last_gone, desk.rule.id);
    sql(conninfo, "select presence.block('a@example.org', '@b.test'); "
                  "select presence.remove_domain('example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.rules, 3, AT_ONCE_MS) ||
              desk.domains_gone == 1); /* read by the time that both were done */
    ck_assert(desk_run_until_count(&desk, &desk.domains_gone, 1, AT_ONCE_MS));
    desk_close(&desk);
}
END_TEST

/* What a time becomes that people may write: the wall clock's microseconds have to hold it. */
static const struct {
    const char *from;
    const char *until;
    int64_t from_us;
    int64_t until_us;
} times[] = {
    {"null", "null", 0, 0},
    {"'-infinity'", "'infinity'", 0, 0},
    {"'infinity'", "null", INT64_MAX, 0},
    {"null", "'-infinity'", 0, INT64_MIN + INT64_C(946684800000000)},
    {"'294276-12-31'", "null", INT64_MAX, 0},
    {"'4713-01-01 BC'", "'1970-01-01 00:00:00+00'", INT64_C(-210863520000000000), -1},
    {"'1970-01-01 00:00:00+00'", "'2000-01-01 00:00:00+00'", -1, INT64_C(946684800000000)},
};

START_TEST(a_time_of_any_year_arrives)
{
    begin("rules_times");
    sql(conninfo,
        "set timezone = 'UTC'; insert into presence.watcher_rule (domain, action, valid_from, "
        "valid_until) values ('example.org', 'allow', %s, %s)",
        times[_i].from, times[_i].until);
    desk_open_ready(&desk, conninfo);
    ck_assert_int_eq(desk.rules, 1);
    ck_assert_int_eq(desk.rule.valid_from_us, times[_i].from_us);
    ck_assert_int_eq(desk.rule.valid_until_us, times[_i].until_us);
    desk_close(&desk);
}
END_TEST

START_TEST(a_domain_tells_its_policies)
{
    begin("policies");
    desk_open_ready(&desk, conninfo);
    ck_assert_int_eq(desk.domain.default_action, WATCHER_ALLOW);
    ck_assert_int_eq(desk.domain.presence_policy, POLICY_UNION);
    ck_assert(!desk.domain.presence_from_registration && !desk.domain.message_summary_from_kept);
    ck_assert_uint_eq(desk.domain.notify_interval_min_ms, 0);
    sql(conninfo, "update presence.domain set default_watcher_rule = 'polite-block', "
                  "presence_policy = 'single', presence_from_registration = true, "
                  "message_summary_from_kept = true, notify_interval_min_ms = 1500");
    ck_assert(desk_run_until_count(&desk, &desk.domains, 2, AT_ONCE_MS));
    ck_assert_int_eq(desk.domain.default_action, WATCHER_POLITE_BLOCK);
    ck_assert_int_eq(desk.domain.presence_policy, POLICY_SINGLE);
    ck_assert(desk.domain.presence_from_registration && desk.domain.message_summary_from_kept);
    ck_assert_uint_eq(desk.domain.notify_interval_min_ms, 1500);
    sql(conninfo, "update presence.domain set default_watcher_rule = 'block', presence_policy = "
                  "'priority'");
    ck_assert(desk_run_until_count(&desk, &desk.domains, 3, AT_ONCE_MS));
    ck_assert_int_eq(desk.domain.default_action, WATCHER_BLOCK);
    ck_assert_int_eq(desk.domain.presence_policy, POLICY_PRIORITY);
    desk_close(&desk);
}
END_TEST

/* ---- functions for people ---- */

/* What an expression gives: its text, or the condition that it raised. */
static const char *try(const char *expression)
{
    sql(conninfo,
        "create or replace function attempt() returns text language plpgsql as $$ begin return "
        "(%s)::text; exception when others then return sqlstate; end $$",
        expression);
    return sql_value(conninfo, "select attempt()");
}

/* In this order, each on what those before have left; what replaces a row uses up a number too. */
static const struct {
    const char *expression;
    const char *gives;
} calls[] = {
    {"presence.allow('alice@example.org', 'bob@a.test')", "1"},
    {"presence.block('sip:alice@Example.org', 'sip:bob@A.test')", "1"}, /* replaces it */
    {"select action from presence.watcher_rule", "block"},
    {"presence.allow('alice@example.org', 'bob@a.test', event => 'reg')", "3"},
    /* while it is open, allow prevails; outside of it, block holds */
    {"presence.allow('alice@example.org', 'bob@a.test', valid_from => now() - interval '1 h', "
     "valid_until => now() + interval '1 h')",
     "4"},
    {"select action || ' ' || rule from presence.explain('alice@example.org', 'bob@a.test')",
     "allow 4"},
    /* what would change nothing is refused: people would believe in it */
    {"presence.block('alice@example.org', 'bob@a.test', valid_until => now() + interval '1 min')",
     "55000"},
    {"presence.allow('alice@example.org', 'bob@a.test', true, valid_until => now())", "55000"},
    {"presence.allow('alice@example.org', 'bob@a.test', true, valid_from => now() + '2 h')", "5"},
    /* a block without times is for all times */
    {"presence.block('alice@example.org', 'bob@a.test')", "1"},
    {"select action from presence.explain('alice@example.org', 'bob@a.test')", "block"},
    {"select string_agg(id::text, ' ' order by id) from presence.watcher_rule", "1 3"},
    {"presence.remove_rule('alice@example.org', 'bob@a.test')", "1"},
    {"presence.remove_rule('alice@example.org', 'bob@a.test')", "0"},
    {"presence.remove_rule('alice@example.org', 'bob@a.test', 'reg')", "1"},
    {"presence.confirm('example.org', '@a.test', 'dialog')", "7"},
    {"select why from presence.explain('x@example.org', 'y@a.test', 'dialog')",
     "rule 7, confirm: watcher everyone of a.test, presentity everyone of example.org, event "
     "dialog"},
    {"presence.polite_block('alice@example.org', ' * ')", "8"},
    {"select shown || '/' || hidden from presence.explain('alice@example.org', 'y@b.test')",
     "that nothing is published: the subscription seems to be accepted/everything"},
    {"select action || why from presence.explain('alice@example.org', 'sip:alice@example.org')",
     "allowa presentity always sees itself"},
    /* nobody is let in by a value that was missing */
    {"presence.allow('alice@example.org', null)", "22004"},
    {"presence.allow(null, 'bob@a.test')", "22004"},
    {"presence.explain('alice@example.org', null)", "22023"},
    {"presence.allow('alice@example.org', 'a.test')", "22023"},
    {"presence.allow('alice@example.org', '@')", "22023"},
    {"presence.allow('alice@example.org', '')", "22023"},
    {"presence.allow('alice@nowhere.test', 'bob@a.test')", "23503"},
    {"presence.explain('alice@nowhere.test', 'bob@a.test')", "23503"},
    {"presence.allow('alice@example.org', 'b@a.test', event => 'a b')", "23514"},
    {"presence.allow('alice@example.org', 'b@a.test', without => '{null}')", "23514"},
    {"presence.allow('alice@example.org', 'b@a.test', without => null)", "23502"},
    {"presence.allow('alice@example.org', 'b@a.test', valid_from => now(), valid_until => now())",
     "23514"},
};

START_TEST(people_make_rules_that_replace_each_other_and_hear_what_is_wrong)
{
    const char *gave;

    begin("rule_calls");
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        gave = try(calls[i].expression);
        ck_assert_msg(strcmp(gave, calls[i].gives) == 0, "%s gives %s", calls[i].expression, gave);
    }
}
END_TEST

/* Rows that no function would make are refused by the table itself. */
static const char *const bad_rows[] = {
    "'alice@a.test', null, 'allow', false", "'Alice@Example.org', null, 'allow', false",
    "'example.org', null, 'allow', false",  "null, '@x@y', 'allow', false",
    "null, '@A.test', 'allow', false",      "null, 'bob@A.test', 'allow', false",
    "null, 'bob@a.test', 'block', true",    "null, '', 'allow', false",
};

START_TEST(the_table_refuses_rows_that_could_never_decide)
{
    static const char row[] = "with added as (insert into presence.watcher_rule (domain, "
                              "presentity, watcher, action, basic_only) values ('example.org', "
                              "%s) returning 1) select 1 from added";
    char statement[300];
    PGconn *conn;
    PGresult *result;

    begin("rule_rows");
    conn = PQconnectdb(conninfo);
    snprintf(statement, sizeof(statement), row, bad_rows[_i]);
    result = PQexec(conn, statement);
    ck_assert_str_eq(PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL
                         ? ""
                         : PQresultErrorField(result, PG_DIAG_SQLSTATE),
                     strcmp(bad_rows[_i], "null, '', 'allow', false") == 0 ? "22023" : "23514");
    PQclear(result);
    PQfinish(conn);
}
END_TEST

START_TEST(an_account_that_goes_takes_its_rules_along)
{
    begin("rule_account");
    sql(conninfo, "select presence.add_account('alice@example.org', 'x'), "
                  "presence.allow('alice@example.org', '*'), "
                  "presence.allow('bob@example.org', 'alice@example.org'), "
                  "presence.allow('bob@example.org', '@example.org'), "
                  "presence.add_list('friends@example.org', 'alice@example.org'), "
                  "presence.add_list('all@example.org')");
    sql(conninfo, "select presence.remove_account('alice@example.org')");
    ck_assert_str_eq(sql_value(conninfo, "select string_agg(coalesce(watcher, ''), ' ') from "
                                         "presence.watcher_rule"),
                     "@example.org");
    ck_assert_str_eq(sql_value(conninfo, "select string_agg(aor, ' ') from presence.list"),
                     "all@example.org");
}
END_TEST

START_TEST(who_administers_makes_rules_and_who_reads_may_ask_why)
{
    begin("rule_roles");
    sql(conninfo, "set role presence_admin; select presence.allow('a@example.org', '*'); select "
                  "presence.add_list('l@example.org'); select "
                  "presence.add_list_member('l@example.org', 'a@example.org'); insert into "
                  "presence.dialect (user_agent, plain) values ('x', true); update "
                  "presence.dialect set plain = false");
    ck_assert_str_eq(sql_value(conninfo, "set role presence_reader; select rule from "
                                         "presence.explain('a@example.org', 'b@a.test')"),
                     "1");
    ck_assert_str_eq(
        sql_value(conninfo,
                  "select string_agg(concat_ws(' ', r, t, has_table_privilege(r, t, 'select'), "
                  "has_table_privilege(r, t, 'insert, update, delete, truncate')), ', ') from "
                  "unnest(array['presence_reader', 'presence_server']) r, "
                  "unnest(array['presence.watcher_rule', 'presence.list', "
                  "'presence.list_member', 'presence.dialect']) t where not "
                  "has_table_privilege(r, t, 'select') or has_table_privilege(r, t, 'insert, "
                  "update, delete, truncate')"),
        "");
    ck_assert_str_eq(sql_value(conninfo,
                               "select has_function_privilege('presence_reader', "
                               "'presence.remove_rule(text, text, text)', 'execute') or "
                               "has_function_privilege('public', 'presence.explain(text, text, "
                               "text)', 'execute')"),
                     "f");
}
END_TEST

/* ---- SQL and memory judge alike ---- */

enum { ROUNDS = 25, RULES = 14 };

static const char *const presentities[] = {"null", "'a@example.org'", "'b@example.org'"};
static const char *const watchers[] = {
    "null",     "'x@n.test'", "'y@n.test'",      "'@n.test'",
    "'n.test'", "'z@m.test'", "'a@example.org'", "'@example.org'"};
static const char *const events[] = {"null", "null", "'presence'", "'dialog'", "'reg'"};
static const char *const windows[] = {"null, null",
                                      "null, null",
                                      "now() - interval '1 h', now() + interval '1 h'",
                                      "now() - interval '2 h', now() - interval '1 h'",
                                      "now() + interval '1 h', null",
                                      "null, now() + interval '1 h'"};
static const char *const actions[] = {"'block', false, '{}'",
                                      "'confirm', false, '{}'",
                                      "'polite-block', false, '{}'",
                                      "'allow', false, '{}'",
                                      "'allow', true, '{}'",
                                      "'allow', true, '{notes}'",
                                      "'allow', false, '{notes,devices}'",
                                      "'allow', false, '{location,devices}'",
                                      "'allow', false, '{activities}'"};
static const char *const defaults[] = {"block", "confirm", "polite-block", "allow"};

#define ANY(table) (table)[draw(sizeof(table) / sizeof((table)[0]))]

static int round_now;
static uint64_t seed;

static size_t draw(size_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(seed >> 33) % below;
}

static void make_rules(void)
{
    sql(conninfo,
        "truncate presence.watcher_rule; update presence.domain set default_watcher_rule = '%s'",
        ANY(defaults));
    for (int i = 0; i < RULES; i++)
        sql(conninfo,
            "insert into presence.watcher_rule (domain, presentity, watcher, event, valid_from, "
            "valid_until, action, basic_only, without) values ('example.org', %s, %s, %s, %s, %s) "
            "on conflict do nothing",
            ANY(presentities), ANY(watchers), ANY(events), ANY(windows), ANY(actions));
}

/* hidden_bits() of what was judged, in the words of hidden_text(). */
static void words(uint32_t hidden, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s%s%s", hidden & RULE_HIDE_NOTES ? "notes, " : "",
             hidden & RULE_HIDE_ACTIVITIES ? "activities, " : "",
             hidden & RULE_HIDE_LOCATION ? "location, " : "",
             hidden & RULE_HIDE_DEVICES ? "devices, " : "",
             hidden & RULE_HIDE_UNKNOWN ? "unknown extensions" : "nothing");
    if (hidden & RULE_BASIC_ONLY)
        snprintf(out, size, "everything but open or closed");
}

/* One row of the big question: presentity, watcher, event, action, rule, hidden. */
static void compare(const struct watcher_rules *rules, PGresult *result, int i)
{
    static const struct watcher_judgement itself = {.action = WATCHER_ALLOW};
    const char *presentity = PQgetvalue(result, i, 0);
    const char *watcher = PQgetvalue(result, i, 1);
    const char *event = PQgetvalue(result, i, 2);
    const bool general = strcmp(event, "presence") == 0 || strcmp(event, "dialog") == 0;
    struct watcher_judgement judged = {.action =
                                           general ? desk.domain.default_action : WATCHER_BLOCK};
    char hidden[100];

    if (strcmp(presentity, watcher) == 0)
        judged = itself;
    else
        watcher_rules_judge(rules, span_of(presentity), span_of(watcher), span_of(event), !general,
                            &judged);
    words(judged.hidden, hidden, sizeof(hidden));
    if (judged.action != WATCHER_ALLOW)
        snprintf(hidden, sizeof(hidden), "everything");
    ck_assert_msg(strcmp(defaults[judged.action], PQgetvalue(result, i, 3)) == 0 &&
                      judged.rule == strtoll(PQgetvalue(result, i, 4), NULL, 10) &&
                      strcmp(hidden, PQgetvalue(result, i, 5)) == 0,
                  "seed %d, %s watches %s, %s: SQL says %s by rule %s, hidden %s; memory says %s "
                  "by rule %lld, hidden %s",
                  round_now, watcher, presentity, event, PQgetvalue(result, i, 3),
                  PQgetvalue(result, i, 4), PQgetvalue(result, i, 5), defaults[judged.action],
                  (long long)judged.rule, hidden);
}

START_TEST(explain_says_what_the_server_judges)
{
    const char question[] =
        "select p, w, e, x.action, coalesce(x.rule, 0), x.hidden from "
        "unnest('{a@example.org,b@example.org,c@example.org}'::text[]) p, "
        "unnest('{x@n.test,y@n.test,n.test,z@m.test,a@example.org,c@example.org}'::text[]) w, "
        "unnest('{presence,dialog,reg,presence.winfo}'::text[]) e, "
        "presence.explain(p, w, e) x";
    struct node node;
    struct watcher_rules *rules;
    PGconn *conn;
    PGresult *result;

    begin("explained");
    conn = PQconnectdb(conninfo);
    for (round_now = 0; round_now < ROUNDS; round_now++) {
        seed = (uint64_t)round_now;
        make_rules();
        desk_open_ready(&desk, conninfo);
        node = (struct node){.loop = desk.loop};
        rules = watcher_rules_new(&node);
        for (int i = 0; i < desk.rules; i++)
            watcher_rules_put(rules, &desk.rule_rows[i]);
        ck_assert_uint_gt(watcher_rules_count(rules), RULES / 2);
        result = PQexec(conn, question);
        ck_assert_int_eq(PQntuples(result), 3 * 6 * 4);
        for (int i = 0; i < PQntuples(result); i++)
            compare(rules, result, i);
        PQclear(result);
        watcher_rules_free(rules);
        desk_close(&desk);
    }
    PQfinish(conn);
}
END_TEST

/* ---- what changes while no server runs ---- */

static const char *reviews(void)
{
    return sql_value(conninfo, "select string_agg('<' || aor || '>', ' ' order by id)"
                               " from presence.command where kind = 'review'");
}

START_TEST(what_people_change_waits_for_the_next_server)
{
    cluster_fresh_database("reviews", conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('example.org')");
    ck_assert_str_eq(reviews(), "");
    sql(conninfo, "begin; select presence.allow('example.org', '*'); rollback");
    sql(conninfo, "update presence.domain set contacts_max = 3"); /* shows nobody anything else */
    ck_assert_str_eq(reviews(), "");
    sql(conninfo, "select presence.allow('alice@example.org', '*')");
    sql(conninfo, "update presence.watcher_rule set presentity = 'bob@example.org'");
    sql(conninfo, "truncate presence.command; delete from presence.watcher_rule");
    ck_assert_str_eq(reviews(), "<bob@example.org>");
    sql(conninfo, "update presence.domain set default_watcher_rule = 'block'");
    sql(conninfo, "select presence.add_list('all@example.org')");
    sql(conninfo, "truncate presence.command;"
                  "select presence.add_list_member('all@example.org', 'bob@example.org')");
    sql(conninfo, "insert into presence.dialect (user_agent, plain) values ('Snom', true)");
    ck_assert_str_eq(reviews(), "<all@example.org> <>");
}
END_TEST

START_TEST(a_changed_rule_names_whom_it_was_for_and_whom_it_is_for)
{
    cluster_fresh_database("review_both", conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('example.org');"
                  "select presence.allow('alice@example.org', '*'); truncate presence.command");
    sql(conninfo, "update presence.watcher_rule set presentity = null");
    ck_assert_str_eq(reviews(), "<alice@example.org> <example.org>");
    sql(conninfo, "truncate presence.command;"
                  "update presence.domain set default_watcher_rule = 'block'");
    ck_assert_str_eq(reviews(), "<example.org>");
    sql(conninfo, "truncate presence.command;"
                  "insert into presence.watcher_rule (domain, presentity, action) select "
                  "'example.org', 'u' || n || '@example.org', 'block' from generate_series(1, "
                  "1001) n");
    ck_assert_str_eq(reviews(), "<example.org>");
    sql(conninfo, "truncate presence.command; truncate presence.watcher_rule");
    ck_assert_str_eq(reviews(), "<>");
}
END_TEST

START_TEST(who_takes_over_reviews_rules_that_began_or_ended_meanwhile)
{
    cluster_fresh_database("review_times", conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('example.org');"
                  "select presence.block(u || '@example.org', '*', valid_from => now() + f * "
                  "interval '1 hour', valid_until => now() + t * interval '1 hour')"
                  " from (values ('ended', -5, -1), ('began', -1, 5), ('long_ended', -99, -90),"
                  " ('long_since', -99, 99), ('later', 5, 9)) as v(u, f, t);"
                  "truncate presence.command");
    sql(conninfo, "select presence_state.take_over(1)");
    ck_assert_str_eq(reviews(), ""); /* nobody has ever been told anything */
    sql(conninfo, "update presence_state.node set heartbeat_at = now() - interval '3 hours';"
                  "select presence_state.take_over(2)");
    ck_assert_str_eq(reviews(), "<began@example.org> <ended@example.org>");
}
END_TEST

Suite *storage_watcher_rule_suite(void);
Suite *storage_watcher_rule_suite(void)
{
    Suite *suite = suite_create("storage/watcher_rule");
    TCase *feed = tcase_create("the feed");
    TCase *people = tcase_create("functions for people");
    TCase *judges = tcase_create("explain");
    TCase *reviewed = tcase_create("reviews");

    if (cluster_folder() == NULL)
        return suite;
    tcase_set_timeout(feed, 60);
    tcase_add_test(feed, rules_are_told_before_ready_with_all_that_they_say);
    tcase_add_test(feed, a_rule_comes_changes_and_goes_within_100_ms);
    tcase_add_loop_test(feed, a_time_of_any_year_arrives, 0, sizeof(times) / sizeof(times[0]));
    tcase_add_test(feed, a_domain_tells_its_policies);
    suite_add_tcase(suite, feed);
    tcase_set_timeout(people, 60);
    tcase_add_test(people, people_make_rules_that_replace_each_other_and_hear_what_is_wrong);
    tcase_add_loop_test(people, the_table_refuses_rows_that_could_never_decide, 0,
                        sizeof(bad_rows) / sizeof(bad_rows[0]));
    tcase_add_test(people, an_account_that_goes_takes_its_rules_along);
    tcase_add_test(people, who_administers_makes_rules_and_who_reads_may_ask_why);
    suite_add_tcase(suite, people);
    tcase_set_timeout(judges, 120);
    tcase_add_test(judges, explain_says_what_the_server_judges);
    suite_add_tcase(suite, judges);
    tcase_set_timeout(reviewed, 60);
    tcase_add_test(reviewed, what_people_change_waits_for_the_next_server);
    tcase_add_test(reviewed, a_changed_rule_names_whom_it_was_for_and_whom_it_is_for);
    tcase_add_test(reviewed, who_takes_over_reviews_rules_that_began_or_ended_meanwhile);
    suite_add_tcase(suite, reviewed);
    return suite;
}
