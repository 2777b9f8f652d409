/* test_migrate.c - the schema is made once, and the names in it are the C code's names. */
#include "server/base/crypto.h"
#include "storage/migrate.h"
#include "storage/storage.h"
#include "tests/unit/storage/cluster.h"

#include <check.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char conninfo[200];

/* What a migration prints is for people. */
static enum status migrate(const char *folder)
{
    const int said = dup(STDERR_FILENO);
    enum status status;

    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    status = storage_migrate(conninfo, folder);
    fflush(stderr);
    dup2(said, STDERR_FILENO);
    close(said);
    return status;
}

START_TEST(migrating_twice_is_migrating_once)
{
    cluster_empty_database("twice", conninfo, sizeof(conninfo));
    ck_assert_int_eq(migrate(SOURCE_DIR "/schema"), STATUS_OK);
    sql(conninfo, "select presence.add_domain('example.org')");
    ck_assert_int_eq(migrate(SOURCE_DIR "/schema"), STATUS_OK);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.domain"), "1");
    ck_assert_int_eq(strtol(sql_value(conninfo, "select max(version) from presence.schema_version"),
                            NULL, 10), // NOLINT
                     SCHEMA_VERSION);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.secret"), "1");
}
END_TEST

START_TEST(a_second_database_of_the_cluster_shares_the_roles)
{
    cluster_empty_database("other", conninfo, sizeof(conninfo));
    ck_assert_int_eq(migrate(SOURCE_DIR "/schema"), STATUS_OK);
    ck_assert_str_eq(
        sql_value(conninfo, "select count(*) from pg_roles where rolname like 'presence\\_%%'"),
        "3");
}
END_TEST

START_TEST(a_file_that_fails_leaves_nothing_behind)
{
    char folder[] = "/tmp/presenced-schema-XXXXXX";
    char path[100];
    FILE *file;

    cluster_empty_database("broken", conninfo, sizeof(conninfo));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/0001_broken.sql", folder);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("create schema presence; create table presence.schema_version (version int, file text);"
          " create table presence.x (n int); select 1 / 0;",
          file);
    fclose(file);
    ck_assert_int_eq(migrate(folder), STATUS_FAILED);
    ck_assert_str_eq(sql_value(conninfo, "select to_regclass('presence.x') is null"), "t");
    ck_assert_int_eq(migrate("/nonexistent"), STATUS_FAILED);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(a_database_in_use_keeps_what_it_says_under_the_event_servers_schema)
{
    static const char *const files[] = {"0001_accounts.sql", "0002_state.sql", "0003_people.sql",
                                        "0004_trusted_peers.sql", "0005_messages.sql"};
    char folder[] = "/tmp/presenced-schema-XXXXXX";
    char command[200];
    char path[100];

    cluster_empty_database("upgraded", conninfo, sizeof(conninfo));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(command, sizeof(command), SOURCE_DIR "/schema/%s", files[i]);
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        ck_assert_int_eq(symlink(command, path), 0);
    }
    ck_assert_int_eq(migrate(folder), STATUS_OK);
    sql(conninfo, "select presence.add_domain('a.test'), presence.add_domain('b.test');"
                  "update presence.domain set default_watcher_rule = 'confirm' where name = "
                  "'b.test';"
                  "insert into presence_state.subscription select 5, 1, 'x@a.test', 'presence', "
                  "'', 'y@a.test', 1, '', 'c', 'l', 'r', '', '', '', '', '', '', 1, 1, 1, false, "
                  "1, 1, 1, '', '', '', 0, false, now(), now(), now()");
    ck_assert_int_eq(migrate(SOURCE_DIR "/schema"), STATUS_OK);
    ck_assert_str_eq(sql_value(conninfo, "select string_agg(default_watcher_rule || ' ' || "
                                         "presence_policy, ', ' order by name) from "
                                         "presence.domain"),
                     "allow union, confirm union");
    ck_assert_str_eq(sql_value(conninfo, "select state || ' ' || eventlist || coalesce(body, '-') "
                                         "from presence.subscription"),
                     "active false-");
    sql(conninfo, "update presence_state.subscription set state = 3");
    ck_assert_str_eq(sql_value(conninfo, "select state from presence.watcher"), "waiting");
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.invariant where broken = "
                                         "'unknown state'"),
                     "0");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}
END_TEST

START_TEST(everything_that_people_see_has_a_comment)
{
    cluster_fresh_database("comments", conninfo, sizeof(conninfo));
    ck_assert_str_eq(
        sql_value(conninfo,
                  "select c.oid::regclass || '.' || coalesce(a.attname, '') from pg_class c join "
                  "pg_namespace n on n.oid = c.relnamespace left join pg_attribute a on a.attrelid "
                  "= c.oid and a.attnum > 0 and not a.attisdropped where n.nspname in ('presence', "
                  "'presence_state') and c.relkind in ('r', 'v') and (obj_description(c.oid, "
                  "'pg_class') is null or col_description(c.oid, a.attnum) is null) limit 1"),
        "");
    ck_assert_str_eq(
        sql_value(conninfo,
                  "select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid "
                  "= p.pronamespace where n.nspname in ('presence', 'presence_state') and "
                  "p.prolang <> (select oid from pg_language where lanname = 'c') and "
                  "obj_description(p.oid, 'pg_proc') is null limit 1"),
        "");
    ck_assert_str_eq(
        sql_value(conninfo, "select t.oid::regtype from pg_type t join pg_namespace n on n.oid = "
                            "t.typnamespace where n.nspname = 'presence' and t.typtype = 'e' and "
                            "obj_description(t.oid, 'pg_type') is null limit 1"),
        "");
}
END_TEST

/* ---- who may what ---- */

/* True when the role may run it. */
static bool may(const char *role, const char *statement)
{
    PGconn *conn = PQconnectdb(conninfo);
    char set[100];
    PGresult *result;
    bool ok;

    snprintf(set, sizeof(set), "set role %s", role);
    PQclear(PQexec(conn, "begin"));
    PQclear(PQexec(conn, set));
    result = PQexec(conn, statement);
    ok = PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    PQfinish(conn);
    return ok;
}

START_TEST(each_role_may_do_its_own_work_and_no_more)
{
    cluster_fresh_database("roles", conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('example.org');"
                  "select presence.add_account('alice@example.org', 'secret')");
    ck_assert(may("presence_reader", "select aor, username, disabled from presence.account"));
    ck_assert(may("presence_reader", "select * from presence.binding"));
    ck_assert(may("presence_reader", "select * from presence.invariant"));
    ck_assert(!may("presence_reader", "select ha1_md5 from presence.account"));
    ck_assert(!may("presence_reader", "select * from presence_state.secret"));
    ck_assert(!may("presence_reader", "select presence.publish('a@example.org', '<x/>')"));
    ck_assert(!may("presence_reader", "update presence.domain set suspended = true"));
    ck_assert(may("presence_admin", "select presence.add_account('bob@example.org', 'x')"));
    ck_assert(may("presence_admin", "select presence.publish('a@example.org', '<x/>')"));
    ck_assert(may("presence_admin", "select presence.unpublish('a@example.org')"));
    ck_assert(may("presence_admin", "select presence.unregister('a@example.org', 'sip:x')"));
    ck_assert(may("presence_admin", "select presence.terminate_subscription(1)"));
    ck_assert(may("presence_admin", "delete from presence.publication"));
    ck_assert(!may("presence_admin", "delete from presence_state.publication"));
    ck_assert(may("presence_reader", "select id, aor, waiting_devices from presence.message"));
    ck_assert(!may("presence_reader", "select body from presence.message"));
    ck_assert(may("presence_reader", "select * from presence.delivery, presence.device"));
    ck_assert(may("presence_admin", "select * from presence.message"));
    ck_assert(may("presence_admin", "delete from presence.message"));
    ck_assert(may("presence_admin", "delete from presence.device"));
    ck_assert(may("presence_admin",
                  "select presence.send_message('bob@x.org', 'alice@example.org', 'hello')"));
    ck_assert(may("presence_admin", "select presence.remove_account('alice@example.org');"
                                    "set constraints all immediate"));
    ck_assert(!may("presence_reader",
                   "select presence.send_message('bob@x.org', 'alice@example.org', 'hello')"));
    ck_assert(!may("presence_admin", "select * from presence_state.secret"));
    ck_assert(may("presence_server", "select ha1_md5 from presence.account"));
    ck_assert(may("presence_server", "select * from presence_state.take_over(1)"));
    ck_assert(may("presence_server", "delete from presence.command"));
    ck_assert(!may("presence_server", "update presence.account set disabled = true"));
}
END_TEST

START_TEST(what_people_ask_for_is_checked)
{
    cluster_fresh_database("checks", conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('Example.ORG')");
    ck_assert(may("presence_admin", "select presence.add_account('alice@example.org', 'x')"));
    ck_assert(!may("presence_admin", "select presence.add_account('alice@nowhere.org', 'x')"));
    ck_assert(!may("presence_admin", "select presence.add_account('example.org', 'x')"));
    ck_assert(!may("presence_admin", "select presence.add_domain('no domain')"));
    ck_assert(!may("presence_admin", "select presence.set_password('nobody@example.org', 'x')"));
    ck_assert(!may("presence_admin", "update presence.domain set algorithms = '{MD4}'"));
    ck_assert(!may("presence_admin", "update presence.domain set algorithms = '{MD5,MD5}'"));
    ck_assert(!may("presence_admin", "select presence.publish('a@example.org', '<x>')"));
    ck_assert(!may("presence_admin", "select presence.publish('a@nowhere.org', '<x/>')"));
    ck_assert(!may("presence_admin", "select presence.publish('a@example.org', '<x/>', '-1 s')"));
    ck_assert(!may("presence_admin", "select presence.terminate_subscription(1, 'because')"));
    ck_assert(!may("presence_admin", "select presence.send_message('b@x', 'no@example.org', '')"));
    ck_assert(!may("presence_admin", "select presence.send_message('b', 'alice@example.org', '')"));
    ck_assert(!may("presence_admin", "select presence.send_message(E'b@x\\r\\nX: y',"
                                     " 'alice@example.org', '')"));
    ck_assert(!may("presence_admin", "select presence.send_message('b@x', 'alice@example.org', '',"
                                     " E'a/b\\r\\nX: y')"));
    ck_assert(!may("presence_admin", "select presence.send_message('b@x', 'alice@example.org', '',"
                                     " 'a/b', '-1 s')"));
}
END_TEST

START_TEST(an_aor_is_canonical_however_it_was_written)
{
    static const char *const cases[][2] = {
        {"sip:alice@Example.ORG;transport=udp?x=y", "alice@example.org"},
        {"<SIPS:Alice@example.org:5061>", "Alice@example.org"},
        {"alice:password@example.org.", "alice@example.org"},
        {"sip:%61lice%40home@example.org", "alice%40home@example.org"},
        {"sip:j%c3%bcrg@example.org", "j%C3%BCrg@example.org"},
        {"sip:a%20b%2@example.org", "a%20b%2@example.org"},
        {"sip:a@[2001:DB8::1]:5060", "a@[2001:db8::1]"},
        {"Example.org", "example.org"},
    };

    cluster_fresh_database("canonical", conninfo, sizeof(conninfo));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_str_eq(sql_value(conninfo, "select presence.canonical_aor('%s')", cases[i][0]),
                         cases[i][1]);
}
END_TEST

/* ---- names in C and in SQL ---- */

START_TEST(a_bucket_is_the_same_in_c_and_in_sql)
{
    PGconn *conn;
    PGresult *result;

    cluster_fresh_database("buckets", conninfo, sizeof(conninfo));
    conn = PQconnectdb(conninfo);
    result = PQexec(conn, "select a, presence.bucket_of(a) from (select '' union all select "
                          "'alice@example.org' union all select md5(random()::text) || "
                          "'\303\274@' || random() from generate_series(1, 10000)) x(a)");
    ck_assert_int_eq(PQntuples(result), 10002);
    for (int i = 0; i < PQntuples(result); i++)
        ck_assert_uint_eq(storage_bucket_of(span_of(PQgetvalue(result, i, 0))),
                          strtoul(PQgetvalue(result, i, 1), NULL, 10));
    PQclear(result);
    PQfinish(conn);
}
END_TEST

START_TEST(text_is_what_the_database_takes_as_text)
{
    char literal[40];
    char octets[5];

    cluster_fresh_database("texts", conninfo, sizeof(conninfo));
    sql(conninfo,
        "create function is_text(o bytea) returns bool language plpgsql as $$ begin perform "
        "convert_from(o, 'UTF8'); return true; exception when others then return false; "
        "end $$");
    ck_assert(storage_is_text(SPAN("")));
    ck_assert(!storage_is_text((struct span){"a\0b", 3}));
    for (int i = 0; i < 400; i++) {
        const uint64_t random = crypto_random_u64();
        const size_t len = 1 + random % 4;

        /* lead octets and continuations near their edges */
        octets[0] = (char)(0xc0 + (random >> 8) % 56);
        for (size_t k = 1; k < 5; k++)
            octets[k] = (char)(0x7e + (random >> (8 * k + 8)) % 68);
        for (size_t k = 0; k < len; k++)
            snprintf(literal + 2 * k, 3, "%02x", (unsigned char)octets[k]);
        ck_assert_msg(storage_is_text((struct span){octets, len}) ==
                          (sql_value(conninfo, "select is_text('\\x%s')", literal)[0] == 't'),
                      "%s", literal);
    }
}
END_TEST

Suite *storage_migrate_suite(void);
Suite *storage_migrate_suite(void)
{
    Suite *suite = suite_create("storage/migrate");
    TCase *schema = tcase_create("schema");
    TCase *names = tcase_create("names");

    if (cluster_folder() == NULL)
        return suite;
    tcase_set_timeout(schema, 60);
    tcase_add_test(schema, migrating_twice_is_migrating_once);
    tcase_add_test(schema, a_second_database_of_the_cluster_shares_the_roles);
    tcase_add_test(schema, a_file_that_fails_leaves_nothing_behind);
    tcase_add_test(schema, a_database_in_use_keeps_what_it_says_under_the_event_servers_schema);
    tcase_add_test(schema, everything_that_people_see_has_a_comment);
    tcase_add_test(schema, each_role_may_do_its_own_work_and_no_more);
    tcase_add_test(schema, what_people_ask_for_is_checked);
    suite_add_tcase(suite, schema);
    tcase_set_timeout(names, 60);
    tcase_add_test(names, an_aor_is_canonical_however_it_was_written);
    tcase_add_test(names, a_bucket_is_the_same_in_c_and_in_sql);
    tcase_add_test(names, text_is_what_the_database_takes_as_text);
    suite_add_tcase(suite, names);
    return suite;
}
