/* test_change.c - what is changed by SQL arrives, at once and only when it was committed. */
#include "tests/unit/storage/cluster.h"
#include "tests/unit/storage/desk.h"

#include <check.h>
#include <stdio.h>

static char conninfo[200];
static struct desk desk;

enum { AT_ONCE_MS = 100 };

static void begin(const char *database)
{
    cluster_fresh_database(database, conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_domain('example.org');"
                  "select presence.add_account('alice@example.org', 'secret')");
    desk_open_ready(&desk, conninfo);
}

START_TEST(domains_and_accounts_are_told_before_ready)
{
    begin("control");
    ck_assert_int_eq(desk.domains, 1);
    ck_assert(span_equal(desk.domain.name, SPAN("example.org")));
    ck_assert(desk.domain.authentication && !desk.domain.suspended);
    ck_assert(desk.domain.accept_foreign);
    ck_assert_uint_eq(desk.domain.algorithm_count, 1);
    ck_assert_uint_eq(desk.domain.contacts_max, 0);
    ck_assert_int_eq(desk.accounts, 1);
    ck_assert(span_equal(desk.account.aor, SPAN("alice@example.org")));
    ck_assert(span_equal(desk.account.domain, SPAN("example.org")));
    ck_assert(span_equal(desk.account.username, SPAN("alice")));
    ck_assert(span_equal(desk.account.ha1_md5, SPAN("543e1aec5d3614f03141652d6ada51b2")));
    ck_assert_uint_eq(desk.account.ha1_sha256.len, 64);
    ck_assert_uint_eq(desk.account.algorithm_count, 0);
    desk_close(&desk);
}
END_TEST

START_TEST(a_committed_change_arrives_within_100_ms)
{
    begin("live");
    sql(conninfo, "select presence.add_account('bob@example.org', 'x')");
    ck_assert(desk_run_until_count(&desk, &desk.accounts, 2, AT_ONCE_MS));
    ck_assert(span_equal(desk.account.username, SPAN("bob")));
    sql(conninfo, "update presence.account set disabled = true, algorithms = "
                  "'{SHA-512-256,MD5}' where username = 'bob'");
    ck_assert(desk_run_until_count(&desk, &desk.accounts, 3, AT_ONCE_MS));
    ck_assert(desk.account.disabled);
    ck_assert_uint_eq(desk.account.algorithm_count, 2);
    sql(conninfo, "update presence.domain set suspended = true, contacts_max = 3, "
                  "default_watcher_rule = 'confirm', authentication = false");
    ck_assert(desk_run_until_count(&desk, &desk.domains, 2, AT_ONCE_MS));
    ck_assert(desk.domain.suspended && desk.domain.default_action == WATCHER_CONFIRM);
    ck_assert(!desk.domain.authentication);
    ck_assert_uint_eq(desk.domain.contacts_max, 3);
    sql(conninfo, "select presence.remove_account('bob@example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.accounts_gone, 1, AT_ONCE_MS));
    sql(conninfo, "select presence.remove_domain('example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.domains_gone, 1, AT_ONCE_MS));
    ck_assert(desk_run_until_count(&desk, &desk.accounts_gone, 2, AT_ONCE_MS));
    desk_close(&desk);
}
END_TEST

START_TEST(trusted_peers_are_told_before_ready)
{
    cluster_fresh_database("peers_first", conninfo, sizeof(conninfo));
    sql(conninfo,
        "select presence.add_domain('example.org');"
        "select presence.add_trusted_peer('192.0.2.7', 5062, 'UDP', 'Example.org', true)");
    desk_open_ready(&desk, conninfo);
    ck_assert_int_eq(desk.peers, 1);
    ck_assert_uint_eq(desk.peer.family, 4);
    ck_assert_uint_eq(desk.peer.prefix, 32);
    ck_assert(memcmp(desk.peer.address, "\300\0\2\7\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
    ck_assert_uint_eq(desk.peer.port, 5062);
    ck_assert(span_equal(desk.peer.transport, SPAN("udp")));
    ck_assert(span_equal(desk.peer.domain, SPAN("example.org")));
    ck_assert(desk.peer.may_relay);
    desk_close(&desk);
}
END_TEST

START_TEST(a_trusted_peer_comes_and_goes_within_100_ms)
{
    begin("peers");
    ck_assert_int_eq(desk.peers, 0);
    sql(conninfo, "select presence.add_trusted_peer('2001:db8::/29')");
    ck_assert(desk_run_until_count(&desk, &desk.peers, 1, AT_ONCE_MS));
    ck_assert_uint_eq(desk.peer.family, 6);
    ck_assert_uint_eq(desk.peer.prefix, 29);
    ck_assert(memcmp(desk.peer.address, "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
    ck_assert_uint_eq(desk.peer.port, 0);
    ck_assert(span_empty(desk.peer.transport) && span_empty(desk.peer.domain));
    ck_assert(!desk.peer.may_relay);
    sql(conninfo, "update presence.trusted_peer set may_relay = true, domain = 'example.org'");
    ck_assert(desk_run_until_count(&desk, &desk.peers, 2, AT_ONCE_MS));
    ck_assert(desk.peer.may_relay);
    sql(conninfo, "update presence.trusted_peer set enabled = false");
    ck_assert(desk_run_until_count(&desk, &desk.peers_gone, 1, AT_ONCE_MS));
    sql(conninfo, "update presence.trusted_peer set enabled = true");
    ck_assert(desk_run_until_count(&desk, &desk.peers, 3, AT_ONCE_MS));
    sql(conninfo, "select presence.remove_domain('example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.peers_gone, 2, AT_ONCE_MS));
    sql(conninfo, "select presence.add_trusted_peer('[::1]')");
    ck_assert(desk_run_until_count(&desk, &desk.peers, 4, AT_ONCE_MS));
    sql(conninfo, "truncate presence.trusted_peer");
    ck_assert(desk_run_until_count(&desk, &desk.peers_gone, 3, 1000));
    desk_close(&desk);
}
END_TEST

START_TEST(whether_a_domain_hears_strangers_changes_at_once)
{
    begin("strangers");
    sql(conninfo, "update presence.domain set accept_foreign = false");
    ck_assert(desk_run_until_count(&desk, &desk.domains, 2, AT_ONCE_MS));
    ck_assert(!desk.domain.accept_foreign && desk.domain.authentication);
    desk_close(&desk);
}
END_TEST

/* What add_trusted_peer() makes of `arguments`: a row's address, or the condition that it raised.
 */
static const struct {
    const char *arguments;
    const char *becomes;
} peer_rows[] = {
    {"'10.1.2.3'", "10.1.2.3/32"},
    {"' 10.1.0.0/16 '", "10.1.0.0/16"},
    {"'[2001:DB8::1]'", "2001:db8::1/128"},
    {"'0.0.0.0/0'", "0.0.0.0/0"},
    {"'10.1.2.3/16'", "22023"},                  /* invalid_parameter_value */
    {"'10.1'", "22P02"},                         /* invalid_text_representation */
    {"'pbx.example.org'", "22P02"},              /* a name is no address */
    {"'::ffff:10.1.2.3'", "23514"},              /* check_violation */
    {"'10.1.2.3', 0", "23514"},                  /* no port */
    {"'10.1.2.3', 65536", "23514"},              /* no port either */
    {"'10.1.2.3', null, 'sctp'", "23514"},       /* a transport that is none of ours */
    {"'10.1.2.3', domain => 'a.test'", "23503"}, /* foreign_key_violation */
    {"null", "23502"},                           /* not_null_violation */
    {"'10.1.2.3', may_relay => null", "23502"},  /* not_null_violation */
    {"'192.0.2.1'", "23505"},                    /* unique_violation: it is there already */
    {"'192.0.2.1', 5060", "192.0.2.1/32"},       /* another row */
    {"'10.1.2.3', domain => null", "23505"},     /* null is all domains: it is there too */
};

START_TEST(add_trusted_peer_takes_addresses_and_names_what_is_wrong)
{
    const char *became;

    cluster_fresh_database("peer_rows", conninfo, sizeof(conninfo));
    sql(conninfo, "select presence.add_trusted_peer('192.0.2.1')");
    for (size_t i = 0; i < sizeof(peer_rows) / sizeof(peer_rows[0]); i++) {
        sql(conninfo,
            "create or replace function try_peer() returns text language plpgsql as $$ declare "
            "added bigint; begin added := presence.add_trusted_peer(%s); return (select address "
            "from presence.trusted_peer where id = added); exception when others then return "
            "sqlstate; end $$",
            peer_rows[i].arguments);
        became = sql_value(conninfo, "select try_peer()");
        ck_assert_msg(strcmp(became, peer_rows[i].becomes) == 0, "add_trusted_peer(%s) gives %s",
                      peer_rows[i].arguments, became);
    }
}
END_TEST

START_TEST(who_administers_may_change_trusted_peers_and_who_reads_may_not)
{
    cluster_fresh_database("peer_roles", conninfo, sizeof(conninfo));
    sql(conninfo, "set role presence_admin; select presence.add_domain('example.org'); "
                  "select presence.add_trusted_peer('192.0.2.1', domain => 'example.org'); "
                  "select presence.add_trusted_peer('192.0.2.1', 5060); "
                  "update presence.trusted_peer set comment = 'the PBX'");
    ck_assert_str_eq(sql_value(conninfo, "set role presence_admin; "
                                         "select presence.remove_trusted_peer('192.0.2.1')"),
                     "2");
    ck_assert_str_eq(
        sql_value(conninfo,
                  "select string_agg(concat_ws(' ', r, has_table_privilege(r, "
                  "'presence.trusted_peer', 'select'), has_table_privilege(r, "
                  "'presence.trusted_peer', 'insert, update, delete, truncate'), "
                  "has_function_privilege(r, 'presence.remove_trusted_peer(text)', 'execute')), "
                  "', ' order by r) from unnest(array['presence_reader', 'presence_server']) r"),
        "presence_reader t f f, presence_server t f f");
}
END_TEST

START_TEST(a_change_that_was_rolled_back_does_nothing)
{
    begin("rolled_back");
    sql(conninfo, "begin; select presence.add_account('bob@example.org', 'x'); delete from "
                  "presence.account; rollback");
    desk_run_for(&desk, 200);
    ck_assert_int_eq(desk.accounts, 1);
    ck_assert_int_eq(desk.accounts_gone, 0);
    desk_close(&desk);
}
END_TEST

START_TEST(thousands_of_accounts_at_once_all_arrive)
{
    begin("thousands");
    sql(conninfo, "insert into presence.account (username, domain) select 'u' || n, 'example.org' "
                  "from generate_series(1, 3000) n");
    ck_assert(desk_run_until_count(&desk, &desk.accounts, 3001, 3000));
    sql(conninfo, "delete from presence.account where username like 'u%%'");
    ck_assert(desk_run_until_count(&desk, &desk.accounts_gone, 3000, 3000));
    desk_close(&desk);
}
END_TEST

/* Between the two somebody might be judged by neither the old rules nor the new ones. */
START_TEST(what_one_transaction_changes_is_told_at_one_moment)
{
    begin("at_one_moment");
    sql(conninfo, "select presence.block('alice@example.org', 'bob@example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.rules, 1, AT_ONCE_MS));
    sql(conninfo, "update presence.domain set default_watcher_rule = 'block';"
                  "delete from presence.watcher_rule;"
                  "select presence.allow('alice@example.org', 'carol@example.org');"
                  "select presence.add_list('friends@example.org')");
    ck_assert(desk_run_until_count(&desk, &desk.domains, 2, AT_ONCE_MS));
    ck_assert_int_eq(desk.rules, 2);
    ck_assert_int_eq(desk.rules_gone, 1);
    ck_assert_int_eq(desk.lists, 1);
    desk_close(&desk);
}
END_TEST

START_TEST(truncate_is_noticed)
{
    begin("truncated");
    sql(conninfo, "truncate presence.account");
    ck_assert(desk_run_until_count(&desk, &desk.accounts_gone, 1, 1000));
    desk_close(&desk);
}
END_TEST

START_TEST(what_was_deleted_while_nobody_listened_is_noticed_after_the_reconnect)
{
    begin("rescan");
    sql(conninfo, "select presence.add_account('bob@example.org', 'x')");
    ck_assert(desk_run_until_count(&desk, &desk.accounts, 2, AT_ONCE_MS));
    sql(conninfo, "select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                  "current_database() and pid <> pg_backend_pid()");
    sql(conninfo, "delete from presence.account where username = 'alice'");
    ck_assert(desk_run_until_count(&desk, &desk.accounts_gone, 1, 5000));
    ck_assert(desk_run_until_count(&desk, &desk.back, 1, 5000));
    desk_close(&desk);
}
END_TEST

START_TEST(anybodys_words_on_the_channel_do_no_harm)
{
    begin("words");
    sql(conninfo, "notify presence_change, 'account'; notify presence_change, 'account ,'; notify "
                  "presence_change, 'account 99999999999999999999999'; notify presence_change, "
                  "'domain 12,x'; notify presence_change, ''; notify presence_change, 'nonsense'; "
                  "notify presence_change, 'account 77'");
    desk_run_for(&desk, 200);
    ck_assert_int_eq(desk.accounts_gone, 0);
    sql(conninfo, "select presence.add_account('bob@example.org', 'x')");
    desk_run_for(&desk, 200);
    ck_assert(span_equal(desk.account.username, SPAN("bob")));
    desk_close(&desk);
}
END_TEST

/* ---- commands ---- */

START_TEST(a_command_is_told_once_and_goes_with_its_batch)
{
    begin("commands");
    sql(conninfo, "select presence.publish('alice@example.org', '<presence/>', '90 s')");
    ck_assert(desk_run_until_size(&desk, &desk.command_count, 1, AT_ONCE_MS));
    ck_assert_int_eq(desk.commands[0].kind, COMMAND_PUBLISH);
    ck_assert(span_equal(desk.commands[0].aor, SPAN("alice@example.org")));
    ck_assert(span_equal(desk.commands[0].event, SPAN("presence")));
    ck_assert(span_equal(desk.commands[0].content_type, SPAN("application/pidf+xml")));
    ck_assert(span_equal(desk.commands[0].document, SPAN("<presence/>")));
    ck_assert_uint_eq(desk.commands[0].expires_s, 90);
    sql(conninfo, "select presence.unregister('sip:alice@Example.org')");
    ck_assert(desk_run_until_size(&desk, &desk.command_count, 2, AT_ONCE_MS));
    ck_assert_int_eq(desk.commands[1].kind, COMMAND_UNREGISTER);
    ck_assert_int_eq(desk.commands[1].target, 0);
    storage_put_command_done(desk.storage, desk.commands[0].id);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.command"), "1");
    /* the feed's connection comes back: nothing is told twice */
    sql(conninfo, "select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                  "current_database() and pid <> pg_backend_pid()");
    ck_assert(desk_run_until_count(&desk, &desk.back, 1, 5000));
    desk_run_for(&desk, 500);
    ck_assert_uint_eq(desk.command_count, 2);
    /* another process gets what is not done yet */
    desk_close(&desk);
    desk_open_ready(&desk, conninfo);
    ck_assert(desk_run_until_size(&desk, &desk.command_count, 1, 1000));
    ck_assert_int_eq(desk.commands[0].kind, COMMAND_UNREGISTER);
    desk_close(&desk);
}
END_TEST

START_TEST(a_command_that_commits_later_than_a_younger_one_is_told)
{
    begin("late");
    sql(conninfo, "select setval(pg_get_serial_sequence('presence.command', 'id'), 10)");
    sql(conninfo, "select presence.unregister('alice@example.org')");
    ck_assert(desk_run_until_size(&desk, &desk.command_count, 1, AT_ONCE_MS));
    sql(conninfo, "insert into presence.command (id, kind, aor) overriding system value values (5, "
                  "'unregister', 'bob@example.org')");
    ck_assert(desk_run_until_size(&desk, &desk.command_count, 2, AT_ONCE_MS));
    ck_assert_int_eq(desk.commands[1].id, 5);
    desk_close(&desk);
}
END_TEST

START_TEST(more_commands_than_one_reading_takes_all_arrive)
{
    begin("queue");
    sql(conninfo, "insert into presence.command (kind, aor) select 'unregister', 'u' || n || "
                  "'@example.org' from generate_series(1, 700) n");
    ck_assert(desk_run_until_size(&desk, &desk.command_count, 700, 3000));
    desk_run_for(&desk, 100);
    ck_assert_uint_eq(desk.command_count, 700);
    desk_close(&desk);
}
END_TEST

START_TEST(deleting_from_a_view_asks_the_server)
{
    struct binding_row binding = desk_binding(41, "alice@example.org");
    struct publication_row publication = desk_publication(42, "alice@example.org");
    struct subscription_row subscription = desk_subscription(43, "alice@example.org");

    begin("views");
    storage_put_binding(desk.storage, STORAGE_INSERT, &binding);
    storage_put_publication(desk.storage, STORAGE_INSERT, &publication);
    storage_put_subscription(desk.storage, STORAGE_INSERT, &subscription);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select flow from presence.binding"),
                     "udp [2001:db8::2]:65535 to [2001:db8::1]:5060 at node 4000000000, connection "
                     "9007199254740993");
    ck_assert_str_eq(sql_value(conninfo, "select state from presence.watcher where presentity = "
                                         "'alice@example.org'"),
                     "active");
    ck_assert_str_eq(sql_value(conninfo, "select publications || ' ' || watchers from "
                                         "presence.presentity"),
                     "1 1");
    ck_assert_str_ne(sql_value(conninfo, "select document from presence.publication"), "");
    ck_assert_str_eq(sql_value(conninfo, "select broken from presence.invariant"),
                     "marked in an epoch that never was");
    sql(conninfo, "delete from presence.binding where domain = 'example.org'");
    sql(conninfo, "delete from presence.publication");
    sql(conninfo, "select presence.terminate_subscription(43, 'rejected')");
    ck_assert(desk_run_until_size(&desk, &desk.command_count, 3, 500));
    ck_assert_int_eq(desk.commands[0].kind, COMMAND_UNREGISTER);
    ck_assert_int_eq(desk.commands[0].target, 41);
    ck_assert_int_eq(desk.commands[1].kind, COMMAND_UNPUBLISH);
    ck_assert_int_eq(desk.commands[1].target, 42);
    ck_assert_int_eq(desk.commands[2].kind, COMMAND_TERMINATE);
    ck_assert_int_eq(desk.commands[2].target, 43);
    ck_assert(span_equal(desk.commands[2].reason, SPAN("rejected")));
    desk_close(&desk);
}
END_TEST

Suite *storage_change_suite(void);
Suite *storage_change_suite(void)
{
    Suite *suite = suite_create("storage/change");
    TCase *feed = tcase_create("domains and accounts");
    TCase *commands = tcase_create("commands");

    if (cluster_folder() == NULL)
        return suite;
    tcase_set_timeout(feed, 60);
    tcase_add_test(feed, domains_and_accounts_are_told_before_ready);
    tcase_add_test(feed, a_committed_change_arrives_within_100_ms);
    tcase_add_test(feed, trusted_peers_are_told_before_ready);
    tcase_add_test(feed, a_trusted_peer_comes_and_goes_within_100_ms);
    tcase_add_test(feed, whether_a_domain_hears_strangers_changes_at_once);
    tcase_add_test(feed, add_trusted_peer_takes_addresses_and_names_what_is_wrong);
    tcase_add_test(feed, who_administers_may_change_trusted_peers_and_who_reads_may_not);
    tcase_add_test(feed, a_change_that_was_rolled_back_does_nothing);
    tcase_add_test(feed, thousands_of_accounts_at_once_all_arrive);
    tcase_add_test(feed, what_one_transaction_changes_is_told_at_one_moment);
    tcase_add_test(feed, truncate_is_noticed);
    tcase_add_test(feed, what_was_deleted_while_nobody_listened_is_noticed_after_the_reconnect);
    tcase_add_test(feed, anybodys_words_on_the_channel_do_no_harm);
    suite_add_tcase(suite, feed);
    tcase_set_timeout(commands, 60);
    tcase_add_test(commands, a_command_is_told_once_and_goes_with_its_batch);
    tcase_add_test(commands, a_command_that_commits_later_than_a_younger_one_is_told);
    tcase_add_test(commands, more_commands_than_one_reading_takes_all_arrive);
    tcase_add_test(commands, deleting_from_a_view_asks_the_server);
    suite_add_tcase(suite, commands);
    return suite;
}
