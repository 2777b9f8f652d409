/* test_trusted_peer.c - which row a source falls under. */
#include "server/state/trusted_peer.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *state_trusted_peer_suite(void);

static struct trusted_peers *peers;

static void set_up(void)
{
    peers = trusted_peers_new();
}

static void tear_down(void)
{
    trusted_peers_free(peers);
}

static struct trusted_peer_row row_of(int64_t id, const char *address, unsigned prefix)
{
    struct trusted_peer_row row = {.id = id, .prefix = (uint8_t)prefix};
    struct endpoint end = {0};

    ck_assert_int_eq(endpoint_parse_host(span_of(address), &end), STATUS_OK);
    row.family = end.family;
    memcpy(row.address, end.address, sizeof(row.address));
    return row;
}

static void put(int64_t id, const char *address, unsigned prefix)
{
    const struct trusted_peer_row row = row_of(id, address, prefix);

    trusted_peers_put(peers, &row);
}

static void put_for(int64_t id, const char *address, unsigned prefix, const char *domain)
{
    struct trusted_peer_row row = row_of(id, address, prefix);

    row.domain = span_of(domain);
    trusted_peers_put(peers, &row);
}

static struct endpoint source_of(const char *text)
{
    struct endpoint source;

    ck_assert_int_eq(endpoint_parse(span_of(text), &source), STATUS_OK);
    return source;
}

/* The id of the row that is found; 0 when there is none. */
static int64_t found(const char *text)
{
    const struct endpoint source = source_of(text);
    const struct trusted_peer_row *row = trusted_peers_find(peers, &source);

    return row == NULL ? 0 : row->id;
}

static int64_t found_for(const char *text, const char *domain)
{
    const struct endpoint source = source_of(text);
    const struct trusted_peer_row *row = trusted_peers_find_for(peers, &source, span_of(domain));

    return row == NULL ? 0 : row->id;
}

START_TEST(nobody_is_trusted_at_first)
{
    ck_assert_int_eq(found("192.0.2.1:5060"), 0);
    ck_assert_int_eq(found_for("[2001:db8::1]:5060", "example.org"), 0);
}
END_TEST

START_TEST(the_most_specific_prefix_wins)
{
    put(1, "10.0.0.0", 8);
    put(2, "10.1.2.3", 32);
    put(3, "10.1.0.0", 16);
    put(4, "10.1.2.0", 25);
    put(5, "2001:db8::", 29);
    put(6, "2001:db8::1", 128);
    ck_assert_int_eq(found("10.1.2.3:5060"), 2);
    ck_assert_int_eq(found("10.1.2.127:5060"), 4);
    ck_assert_int_eq(found("10.1.2.128:5060"), 3);
    ck_assert_int_eq(found("10.2.2.4:5060"), 1);
    ck_assert_int_eq(found("11.1.2.3:5060"), 0);
    ck_assert_int_eq(found("[2001:db8::1]:5060"), 6);
    ck_assert_int_eq(found("[2001:dbf:ffff::1]:5060"), 5);
    ck_assert_int_eq(found("[2001:dc0::1]:5060"), 0);
    ck_assert_uint_eq(trusted_peers_count(peers), 6);
}
END_TEST

START_TEST(the_families_do_not_mix)
{
    put(1, "::", 0);
    ck_assert_int_eq(found("10.1.2.3:5060"), 0);
    put(2, "0.0.0.0", 0);
    ck_assert_int_eq(found("10.1.2.3:5060"), 2);
    ck_assert_int_eq(found("[2001:db8::1]:5060"), 1);
}
END_TEST

START_TEST(port_and_transport_hold_where_they_are_given)
{
    struct trusted_peer_row row = row_of(1, "192.0.2.1", 32);
    struct endpoint source = source_of("192.0.2.1:5062");

    row.port = 5062;
    row.transport = SPAN("tcp");
    trusted_peers_put(peers, &row);
    ck_assert_ptr_null(trusted_peers_find(peers, &source));
    source.protocol = TRANSPORT_TCP;
    ck_assert_ptr_nonnull(trusted_peers_find(peers, &source));
    source.port = 5060;
    ck_assert_ptr_null(trusted_peers_find(peers, &source));
    /* for that port a wider row speaks */
    put(2, "192.0.2.0", 24);
    ck_assert_int_eq(trusted_peers_find(peers, &source)->id, 2);
    source.port = 5062;
    ck_assert_int_eq(trusted_peers_find(peers, &source)->id, 1);
}
END_TEST

START_TEST(a_row_with_a_transport_that_is_unknown_trusts_nobody)
{
    struct trusted_peer_row row = row_of(1, "192.0.2.1", 32);

    trusted_peers_put(peers, &row);
    row.transport = SPAN("sctp");
    trusted_peers_put(peers, &row);
    ck_assert_int_eq(found("192.0.2.1:5060"), 0);
    ck_assert_uint_eq(trusted_peers_count(peers), 0);
}
END_TEST

START_TEST(a_peer_of_one_domain_speaks_for_no_other)
{
    put(1, "10.0.0.0", 8);
    put_for(2, "10.1.2.3", 32, "example.org");
    put_for(3, "10.1.2.3", 32, "example.net");
    ck_assert_int_eq(found_for("10.1.2.3:5060", "example.org"), 2);
    ck_assert_int_eq(found_for("10.1.2.3:5060", "Example.NET"), 3);
    /* though the network around it may */
    ck_assert_int_eq(found_for("10.1.2.3:5060", "example.com"), 0);
    ck_assert_int_eq(found_for("10.1.2.4:5060", "example.com"), 1);
    ck_assert_int_eq(found("10.1.2.3:5060"), 2);
    put(4, "10.1.2.3", 32);
    ck_assert_int_eq(found_for("10.1.2.3:5060", "example.com"), 4);
    ck_assert_int_eq(found_for("10.1.2.3:5060", "example.net"), 3);
    ck_assert_int_eq(found("10.1.2.3:5060"), 4);
}
END_TEST

START_TEST(a_changed_row_replaces_itself_and_a_removed_one_is_gone)
{
    put(1, "10.1.2.3", 32);
    put(1, "10.1.2.0", 24);
    ck_assert_uint_eq(trusted_peers_count(peers), 1);
    ck_assert_int_eq(found("10.1.2.9:5060"), 1);
    trusted_peers_remove(peers, 1);
    trusted_peers_remove(peers, 1);
    ck_assert_int_eq(found("10.1.2.3:5060"), 0);
    ck_assert_uint_eq(trusted_peers_count(peers), 0);
}
END_TEST

START_TEST(thousands_are_each_found)
{
    enum { MANY = 5000 };
    char text[40];

    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "10.%d.%d.7", i / 250, i % 250);
        put(i + 1, text, 32);
        snprintf(text, sizeof(text), "2001:db8:%x::", (unsigned)i);
        put(MANY + i + 1, text, 48);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "10.%d.%d.7:5060", i / 250, i % 250);
        ck_assert_int_eq(found(text), i + 1);
        snprintf(text, sizeof(text), "[2001:db8:%x::9]:5060", (unsigned)i);
        ck_assert_int_eq(found(text), MANY + i + 1);
    }
    for (int i = 0; i < MANY; i++)
        trusted_peers_remove(peers, MANY + i + 1);
    ck_assert_int_eq(found("[2001:db8:1::9]:5060"), 0);
    ck_assert_int_eq(found("10.0.1.7:5060"), 2);
}
END_TEST

Suite *state_trusted_peer_suite(void)
{
    Suite *suite = suite_create("state/trusted_peer");
    TCase *tcase = tcase_create("find");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, nobody_is_trusted_at_first);
    tcase_add_test(tcase, the_most_specific_prefix_wins);
    tcase_add_test(tcase, the_families_do_not_mix);
    tcase_add_test(tcase, port_and_transport_hold_where_they_are_given);
    tcase_add_test(tcase, a_row_with_a_transport_that_is_unknown_trusts_nobody);
    tcase_add_test(tcase, a_peer_of_one_domain_speaks_for_no_other);
    tcase_add_test(tcase, a_changed_row_replaces_itself_and_a_removed_one_is_gone);
    tcase_add_test(tcase, thousands_are_each_found);
    suite_add_tcase(suite, tcase);
    return suite;
}
