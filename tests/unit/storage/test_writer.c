/* test_writer.c - outcomes that are learned later, outages, and who may write. */
#include "tests/unit/storage/cluster.h"
#include "tests/unit/storage/desk.h"

#include <check.h>
#include <stdio.h>

static char conninfo[200];
static struct desk desk;

static void begin(const char *database)
{
    cluster_fresh_database(database, conninfo, sizeof(conninfo));
    desk_open_ready(&desk, conninfo);
}

static const char kill_writer[] =
    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = "
    "1886545267 and objid = 1 and granted and database = (select oid from pg_database where "
    "datname "
    "= current_database())";

static bool back(struct desk *self, int times)
{
    return desk_run_until_count(self, &self->back, times, 10000) &&
           storage_is_connected(self->storage);
}

/* ---- known and unknown outcomes ---- */

/* The trigger sleeps in the middle of the batch, so that the connection dies in it. */
static void slow_down(const char *table, double seconds)
{
    sql(conninfo,
        "create or replace function nap() returns trigger language plpgsql as $$ begin perform "
        "pg_sleep(%g); return null; end $$; create trigger nap after insert on presence_state.%s "
        "for each statement execute function nap()",
        seconds, table);
}

START_TEST(a_batch_whose_connection_dies_before_the_commit_is_written_once)
{
    struct binding_row row = desk_binding(1, "alice@example.org");

    begin("dies_before");
    slow_down("binding", 0.5);
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    desk_give(&desk);
    desk_run_for(&desk, 150);
    ck_assert_int_eq(desk.answers, 0);
    sql(conninfo, "%s", kill_writer);
    ck_assert(desk_run_until_count(&desk, &desk.away, 1, 5000));
    ck_assert(back(&desk, 1));
    ck_assert(desk_run_until_count(&desk, &desk.answers, 1, 5000));
    ck_assert_int_eq(desk.outcome, STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.binding"), "1");
    ck_assert_str_eq(sql_value(conninfo, "select batch from presence_state.node"), "1");
    desk_close(&desk);
}
END_TEST

/* The answer is lost, not the commit: the loop does not run while both happen. */
START_TEST(a_batch_that_committed_before_its_connection_died_is_not_written_again)
{
    struct binding_row row = desk_binding(1, "alice@example.org");
    struct binding_row next = desk_binding(2, "bob@example.org");

    begin("dies_after");
    /* A second INSERT of this id would fail, and an UPDATE in between tells of a second write. */
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    desk_give(&desk);
    for (int i = 0;
         i < 100 && strcmp(sql_value(conninfo, "select batch from presence_state.node"), "1") != 0;
         i++)
        sql(conninfo, "select pg_sleep(0.01)");
    sql(conninfo, "%s", kill_writer);
    sql(conninfo, "update presence_state.binding set user_agent = 'seen'");
    ck_assert(desk_run_until_count(&desk, &desk.answers, 1, 5000));
    ck_assert_int_eq(desk.outcome, STORAGE_COMMITTED);
    ck_assert(back(&desk, 1));
    ck_assert_str_eq(sql_value(conninfo, "select user_agent from presence_state.binding"), "seen");
    storage_put_binding(desk.storage, STORAGE_INSERT, &next);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select batch from presence_state.node"), "2");
    desk_close(&desk);
}
END_TEST

START_TEST(a_batch_survives_an_immediate_stop_of_the_database)
{
    struct binding_row row = desk_binding(1, "alice@example.org");
    struct binding_row lost = desk_binding(2, "bob@example.org");

    if (!cluster_is_own())
        return;
    begin("crash");
    slow_down("binding", 0.3);
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    desk_give(&desk);
    desk_run_for(&desk, 100);
    cluster_crash();
    ck_assert(desk_run_until_count(&desk, &desk.away, 1, 5000));
    ck_assert(!storage_is_connected(desk.storage));
    ck_assert_int_eq(desk.answers, 0);
    cluster_start();
    ck_assert(desk_run_until_count(&desk, &desk.answers, 1, 10000));
    ck_assert_int_eq(desk.outcome, STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.binding"), "1");

    cluster_crash();
    ck_assert(desk_run_until_count(&desk, &desk.away, 2, 5000));
    storage_put_binding(desk.storage, STORAGE_INSERT, &lost);
    ck_assert_int_eq(desk_write(&desk), STORAGE_AWAY);
    cluster_start();
    ck_assert(back(&desk, 2));
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.binding"), "1");
    desk_close(&desk);
}
END_TEST

START_TEST(a_batch_that_meets_a_deadlock_is_tried_again)
{
    struct binding_row row = desk_binding(1, "alice@example.org");

    begin("locked");
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    /* a sequence is not rolled back: the third try passes */
    sql(conninfo,
        "create sequence tries; create function hold() returns trigger "
        "language plpgsql as $$ begin if nextval('public.tries') < 3 then raise exception "
        "using errcode = '40P01'; end if; return new; end $$; create trigger hold before "
        "update on presence_state.binding for each row execute function hold()");
    storage_put_binding(desk.storage, STORAGE_REFRESH, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select last_value from tries"), "3");
    desk_close(&desk);
}
END_TEST

START_TEST(a_database_that_does_not_answer_gets_its_connection_closed)
{
    struct binding_row row = desk_binding(1, "alice@example.org");

    begin("stuck");
    /* the first time for ever, then no more */
    sql(conninfo,
        "create sequence naps; create function nap() returns trigger language plpgsql as "
        "$$ begin if nextval('public.naps') = 1 then perform pg_sleep(60); end if; return "
        "null; end $$; create trigger nap after insert on presence_state.binding for each "
        "statement execute function nap()");
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    desk_give(&desk);
    ck_assert(desk_run_until_count(&desk, &desk.answers, 1, 15000));
    ck_assert_int_eq(desk.outcome, STORAGE_COMMITTED);
    ck_assert_int_eq(desk.away, 1);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.binding"), "1");
    desk_close(&desk);
}
END_TEST

/* ---- who may write ---- */

START_TEST(a_raised_epoch_stops_the_writer_and_keeps_its_batch_out)
{
    struct binding_row row = desk_binding(1, "alice@example.org");

    begin("fenced");
    sql(conninfo, "update presence_state.node set epoch = epoch + 1");
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_FAILED);
    ck_assert(desk_run_until(&desk, &desk.fatal, 1000));
    ck_assert_ptr_nonnull(strstr(desk.why, "another server"));
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.binding"), "0");
    ck_assert(!storage_is_connected(desk.storage));
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_AWAY);
    desk_close(&desk);
}
END_TEST

START_TEST(an_idle_writer_notices_by_its_heartbeat_that_it_was_replaced)
{
    begin("fenced_idle");
    storage_set_notified_batch(desk.storage, 0);
    sql(conninfo, "update presence_state.node set owns = false");
    ck_assert(desk_run_until(&desk, &desk.fatal, 5000));
    desk_close(&desk);
}
END_TEST

START_TEST(a_heartbeat_carries_the_notified_batch)
{
    begin("notified");
    storage_put_resource(desk.storage, SPAN("a@example.org"), SPAN("presence"));
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    storage_set_notified_batch(desk.storage, 1);
    desk_run_for(&desk, 2800);
    ck_assert_str_eq(sql_value(conninfo, "select notified_batch from presence_state.node"), "1");
    ck_assert_str_eq(sql_value(conninfo, "select silent_for < '2 s' from presence.server"), "t");
    desk_close(&desk);
}
END_TEST

START_TEST(a_standby_waits_and_takes_over_with_what_was_committed)
{
    static struct desk standby;
    struct binding_row row = desk_binding(1, "alice@example.org");

    begin("standby");
    desk_open(&standby, conninfo, 2, true);
    ck_assert(desk_run_until(&standby, &standby.standby, 5000));
    ck_assert(!standby.ready);
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    desk_run_for(&standby, 300);
    ck_assert(!standby.ready);
    desk_close(&desk);
    ck_assert(desk_run_until(&standby, &standby.ready, 3000));
    ck_assert_uint_eq(standby.epoch.epoch, 2);
    ck_assert_uint_eq(standby.epoch.batch, 1);
    ck_assert_uint_eq(standby.binding_count, 1);
    ck_assert_str_eq(sql_value(conninfo, "select buckets from presence.server where node = 2"),
                     "1024");
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.invariant"), "0");
    desk_close(&standby);
}
END_TEST

START_TEST(a_standby_replaces_an_owner_that_hangs)
{
    static struct desk standby;

    begin("hangs");
    /* The loop of the first one does not run any more: it holds its lock and is silent. */
    sql(conninfo, "update presence_state.node set heartbeat_at = now() - interval '1 minute'");
    desk_open(&standby, conninfo, 2, true);
    ck_assert(desk_run_until(&standby, &standby.ready, 8000));
    ck_assert(desk_run_until(&desk, &desk.fatal, 3000));
    ck_assert_ptr_nonnull(strstr(desk.why, "another server"));
    desk_close(&standby);
    desk_close(&desk);
}
END_TEST

START_TEST(a_second_process_that_may_not_stand_by_says_why_it_stops)
{
    static struct desk second;

    begin("second");
    desk_open(&second, conninfo, 2, false);
    ck_assert(desk_run_until(&second, &second.fatal, 6000));
    ck_assert_ptr_nonnull(strstr(second.why, "another process owns"));
    desk_close(&second);
    desk_close(&desk);
}
END_TEST

/* ---- schemas that this server does not know ---- */

static void refused(const char *words)
{
    desk_open(&desk, conninfo, 1, false);
    ck_assert(desk_run_until(&desk, &desk.fatal, 5000));
    ck_assert_msg(strstr(desk.why, words) != NULL, "%s", desk.why);
    desk_close(&desk);
}

START_TEST(an_unknown_schema_is_refused_with_what_to_run)
{
    cluster_empty_database("versions", conninfo, sizeof(conninfo));
    refused("no schema of ours: run presenced --migrate");
    cluster_fresh_database("versions", conninfo, sizeof(conninfo));
    sql(conninfo, "delete from presence.schema_version where version > 1");
    refused("run presenced --migrate");
    sql(conninfo, "insert into presence.schema_version values (999, 'x')");
    refused("install the newer server");
}
END_TEST

START_TEST(a_malformed_conninfo_is_fatal_and_an_absent_server_is_waited_for)
{
    desk_open(&desk, "no such=thing=", 1, false);
    ck_assert(desk_run_until(&desk, &desk.fatal, 1000));
    desk_close(&desk);
    desk_open(&desk, "host=/nonexistent", 1, false);
    desk_run_for(&desk, 300);
    ck_assert(!desk.fatal);
    desk_close(&desk);
}
END_TEST

Suite *storage_writer_suite(void);
Suite *storage_writer_suite(void)
{
    Suite *suite = suite_create("storage/writer");
    TCase *outcomes = tcase_create("outcomes");
    TCase *owners = tcase_create("owners");
    TCase *schemas = tcase_create("schemas");

    if (cluster_folder() == NULL)
        return suite;
    tcase_set_timeout(outcomes, 60);
    tcase_add_test(outcomes, a_batch_whose_connection_dies_before_the_commit_is_written_once);
    tcase_add_test(outcomes,
                   a_batch_that_committed_before_its_connection_died_is_not_written_again);
    tcase_add_test(outcomes, a_batch_survives_an_immediate_stop_of_the_database);
    tcase_add_test(outcomes, a_batch_that_meets_a_deadlock_is_tried_again);
    tcase_add_test(outcomes, a_database_that_does_not_answer_gets_its_connection_closed);
    suite_add_tcase(suite, outcomes);
    tcase_set_timeout(owners, 60);
    tcase_add_test(owners, a_raised_epoch_stops_the_writer_and_keeps_its_batch_out);
    tcase_add_test(owners, an_idle_writer_notices_by_its_heartbeat_that_it_was_replaced);
    tcase_add_test(owners, a_heartbeat_carries_the_notified_batch);
    tcase_add_test(owners, a_standby_waits_and_takes_over_with_what_was_committed);
    tcase_add_test(owners, a_standby_replaces_an_owner_that_hangs);
    tcase_add_test(owners, a_second_process_that_may_not_stand_by_says_why_it_stops);
    suite_add_tcase(suite, owners);
    tcase_set_timeout(schemas, 60);
    tcase_add_test(schemas, an_unknown_schema_is_refused_with_what_to_run);
    tcase_add_test(schemas, a_malformed_conninfo_is_fatal_and_an_absent_server_is_waited_for);
    suite_add_tcase(suite, schemas);
    return suite;
}
