/* test_storage.c - rows there and back, and what a batch promises. */
#include "storage/storage.h"

#include "tests/unit/storage/cluster.h"
#include "tests/unit/storage/desk.h"

#include <check.h>
#include <stdio.h>

#define ck_assert_span_eq(a, b) ck_assert(span_equal((a), (b)))

static char conninfo[200];
static struct desk desk;

static void begin(const char *database)
{
    cluster_fresh_database(database, conninfo, sizeof(conninfo));
    desk_open_ready(&desk, conninfo);
}

/* Another process would begin so. */
static void restart(void)
{
    desk_close(&desk);
    desk_open_ready(&desk, conninfo);
}

static void check_flow(const struct flow_row *a, const struct flow_row *b)
{
    ck_assert_uint_eq(a->node, b->node);
    ck_assert_uint_eq(a->incarnation, b->incarnation);
    ck_assert_span_eq(a->transport, b->transport);
    ck_assert_span_eq(a->local_address, b->local_address);
    ck_assert_span_eq(a->remote_address, b->remote_address);
    ck_assert_uint_eq(a->connection, b->connection);
    ck_assert(a->bound == b->bound);
}

static void check_remaining(int64_t remaining_us, int64_t expires_s)
{
    ck_assert_int_le(remaining_us, expires_s * US_PER_S);
    ck_assert_int_gt(remaining_us, (expires_s - 20) * US_PER_S);
}

static void check_binding(const struct binding_row *a, const struct binding_row *b)
{
    ck_assert_int_eq(a->id, b->id);
    ck_assert_span_eq(a->aor, b->aor);
    ck_assert_span_eq(a->contact_key, b->contact_key);
    ck_assert_span_eq(a->contact, b->contact);
    ck_assert_span_eq(a->parameters, b->parameters);
    ck_assert_span_eq(a->path, b->path);
    ck_assert_span_eq(a->instance, b->instance);
    ck_assert_uint_eq(a->reg_id, b->reg_id);
    ck_assert_int_eq(a->q_thousandths, b->q_thousandths);
    ck_assert_span_eq(a->call_id, b->call_id);
    ck_assert_span_eq(a->from_tag, b->from_tag);
    ck_assert_uint_eq(a->cseq, b->cseq);
    ck_assert_span_eq(a->user_agent, b->user_agent);
    check_flow(&a->flow, &b->flow);
    check_remaining(a->remaining_us, b->expires_s);
}

static void check_publication(const struct publication_row *a, const struct publication_row *b)
{
    ck_assert_int_eq(a->id, b->id);
    ck_assert_span_eq(a->aor, b->aor);
    ck_assert_span_eq(a->event, b->event);
    ck_assert_span_eq(a->entity_tag, b->entity_tag);
    ck_assert_span_eq(a->previous_tag, b->previous_tag);
    ck_assert_int_eq(a->sequence, b->sequence);
    ck_assert_span_eq(a->content_type, b->content_type);
    ck_assert_span_eq(a->document, b->document);
    ck_assert_span_eq(a->call_id, b->call_id);
    ck_assert_span_eq(a->from_tag, b->from_tag);
    ck_assert_uint_eq(a->cseq, b->cseq);
    ck_assert(a->hard_state == b->hard_state);
    if (b->hard_state && b->expires_s == 0)
        ck_assert_int_eq(a->remaining_us, INT64_MAX);
    else
        check_remaining(a->remaining_us, b->expires_s);
}

static void check_subscription(const struct subscription_row *a, const struct subscription_row *b)
{
    ck_assert_int_eq(a->id, b->id);
    ck_assert_span_eq(a->aor, b->aor);
    ck_assert_span_eq(a->event, b->event);
    ck_assert_span_eq(a->event_id, b->event_id);
    ck_assert_span_eq(a->watcher, b->watcher);
    ck_assert_int_eq(a->state, b->state);
    ck_assert_span_eq(a->reason, b->reason);
    ck_assert_span_eq(a->call_id, b->call_id);
    ck_assert_span_eq(a->local_tag, b->local_tag);
    ck_assert_span_eq(a->remote_tag, b->remote_tag);
    ck_assert_span_eq(a->local_uri, b->local_uri);
    ck_assert_span_eq(a->remote_uri, b->remote_uri);
    ck_assert_span_eq(a->remote_target, b->remote_target);
    ck_assert_span_eq(a->route_set, b->route_set);
    ck_assert_span_eq(a->accept, b->accept);
    ck_assert_span_eq(a->user_agent, b->user_agent);
    ck_assert_span_eq(a->instance, b->instance);
    ck_assert_span_eq(a->event_params, b->event_params);
    ck_assert_span_eq(a->body_type, b->body_type);
    ck_assert_span_eq(a->body, b->body);
    ck_assert(a->eventlist == b->eventlist);
    ck_assert_uint_eq(a->remote_cseq, b->remote_cseq);
    ck_assert_uint_eq(a->cseq_mark, b->cseq_mark);
    ck_assert_uint_eq(a->cseq_epoch, b->cseq_epoch);
    check_flow(&a->flow, &b->flow);
    check_remaining(a->remaining_us, b->expires_s);
}

/* ---- rows there and back ---- */

START_TEST(a_binding_comes_back_octet_by_octet)
{
    struct binding_row full = desk_binding(1, "alice@example.org");
    struct binding_row bare = {.id = 2,
                               .aor = SPAN("alice@example.org"),
                               .contact_key = SPAN("k"),
                               .contact = SPAN("sip:x"),
                               .q_thousandths = -1};

    begin("bindings");
    storage_put_binding(desk.storage, STORAGE_INSERT, &full);
    storage_put_binding(desk.storage, STORAGE_INSERT, &bare);
    ck_assert_uint_eq(storage_filled_rows(desk.storage), 2);
    ck_assert_uint_gt(storage_filled_bytes(desk.storage), 200);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_uint_eq(storage_filled_rows(desk.storage), 0);
    ck_assert_uint_eq(storage_next_batch(desk.storage), 2);
    restart();
    ck_assert_uint_eq(desk.epoch.batch, 1);
    ck_assert_uint_eq(desk.binding_count, 2);
    check_binding(&desk.bindings[desk.bindings[0].id == 1 ? 0 : 1], &full);
    check_binding(&desk.bindings[desk.bindings[0].id == 1 ? 1 : 0], &bare);
    desk_close(&desk);
}
END_TEST

START_TEST(a_binding_is_refreshed_updated_and_deleted)
{
    struct binding_row row = desk_binding(1, "alice@example.org");
    struct binding_row other;

    begin("bindings");
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    other = row;
    other.call_id = SPAN("other");
    other.cseq = 12;
    other.q_thousandths = 1000;
    other.expires_s = 60;
    other.flow.remote_address = SPAN("192.0.2.99:1");
    other.contact = SPAN("not written by a refresh");
    storage_put_binding(desk.storage, STORAGE_REFRESH, &other);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    other.contact = row.contact;
    check_binding(&desk.bindings[0], &other);

    other.contact = SPAN("sip:new@192.0.2.1");
    other.parameters = SPAN("");
    other.user_agent = SPAN("new");
    other.from_tag = SPAN("new");
    storage_put_binding(desk.storage, STORAGE_UPDATE, &other);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    check_binding(&desk.bindings[0], &other);

    /* a binding under the key of one that goes in the same batch */
    row.id = 5;
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    storage_put_binding(desk.storage, STORAGE_DELETE,
                        &(struct binding_row){.id = 1, .aor = row.aor});
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.binding_count, 1);
    check_binding(&desk.bindings[0], &row);
    desk_close(&desk);
}
END_TEST

START_TEST(a_publication_comes_back_octet_by_octet)
{
    struct publication_row soft = desk_publication(1, "alice@example.org");
    struct publication_row hard = desk_publication(2, "bob@example.org");
    struct publication_row empty = {.id = 3, .aor = SPAN("carol@example.org"), .expires_s = 5};

    begin("publications");
    hard.hard_state = true;
    hard.expires_s = 0;
    storage_put_publication(desk.storage, STORAGE_INSERT, &soft);
    storage_put_publication(desk.storage, STORAGE_INSERT, &hard);
    storage_put_publication(desk.storage, STORAGE_INSERT, &empty);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.publication_count, 3);
    for (size_t i = 0; i < 3; i++)
        check_publication(&desk.publications[i], desk.publications[i].id == 1   ? &soft
                                                 : desk.publications[i].id == 2 ? &hard
                                                                                : &empty);
    desk_close(&desk);
}
END_TEST

START_TEST(a_publication_is_refreshed_updated_and_deleted)
{
    struct publication_row row = desk_publication(1, "alice@example.org");
    const struct span document = row.document;

    begin("publications");
    storage_put_publication(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    row.previous_tag = row.entity_tag;
    row.entity_tag = SPAN("tag3");
    row.cseq = 8;
    row.call_id = SPAN("c8");
    row.from_tag = SPAN("f8");
    row.expires_s = 60;
    row.document = SPAN("not written by a refresh");
    storage_put_publication(desk.storage, STORAGE_REFRESH, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    row.document = document;
    check_publication(&desk.publications[0], &row);
    row.document = SPAN("<new/>");
    row.sequence = 5;
    storage_put_publication(desk.storage, STORAGE_UPDATE, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    check_publication(&desk.publications[0], &row);
    storage_put_publication(desk.storage, STORAGE_DELETE, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.publication_count, 0);
    desk_close(&desk);
}
END_TEST

START_TEST(a_subscription_comes_back_refreshed_updated_and_deleted)
{
    struct subscription_row row = desk_subscription(1, "alice@example.org");
    struct subscription_row other;

    begin("subscriptions");
    storage_put_subscription(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.subscription_count, 1);
    check_subscription(&desk.subscriptions[0], &row);
    other = row;
    other.state = SUBSCRIPTION_ROW_TERMINATED;
    other.reason = SPAN("timeout");
    other.remote_target = SPAN("sip:bob@[2001:db8::9]:5070");
    other.remote_cseq = 12;
    other.cseq_mark = 5000;
    other.cseq_epoch = 9;
    other.expires_s = 60;
    other.user_agent = SPAN("not written by a refresh");
    other.event_params = SPAN(";not=it");
    other.body_type = SPAN("nor/this");
    other.body = SPAN("nor this");
    other.eventlist = false;
    storage_put_subscription(desk.storage, STORAGE_REFRESH, &other);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    other.user_agent = row.user_agent;
    other.event_params = row.event_params;
    other.body_type = row.body_type;
    other.body = row.body;
    other.eventlist = row.eventlist;
    check_subscription(&desk.subscriptions[0], &other);
    other.user_agent = SPAN("new");
    other.route_set = SPAN("");
    other.accept = SPAN("application/rlmi+xml");
    other.event_params = SPAN("");
    other.body_type = SPAN("application/resource-lists+xml");
    other.body = SPAN("<resource-lists/>");
    other.eventlist = false;
    other.state = SUBSCRIPTION_ROW_WAITING;
    storage_put_subscription(desk.storage, STORAGE_UPDATE, &other);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    check_subscription(&desk.subscriptions[0], &other);
    storage_put_subscription(desk.storage, STORAGE_DELETE, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.subscription_count, 0);
    desk_close(&desk);
}
END_TEST

START_TEST(a_subscription_is_owed_when_marked_or_written_after_the_notified_batch)
{
    struct subscription_row one = desk_subscription(1, "alice@example.org");
    struct subscription_row two = desk_subscription(2, "alice@example.org");
    struct subscription_row three = desk_subscription(3, "alice@example.org");

    begin("owed");
    two.owed = true;
    storage_put_subscription(desk.storage, STORAGE_INSERT, &one);
    storage_put_subscription(desk.storage, STORAGE_INSERT, &two);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    storage_set_notified_batch(desk.storage, 1);
    storage_put_subscription(desk.storage, STORAGE_INSERT, &three);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.epoch.notified_batch, 1);
    for (size_t i = 0; i < 3; i++)
        ck_assert(desk.subscriptions[i].owed == (desk.subscriptions[i].id != 1));
    desk_close(&desk);
}
END_TEST

START_TEST(a_resource_is_told_when_it_changed_after_the_notified_batch)
{
    begin("resources");
    storage_put_resource(desk.storage, SPAN("alice@example.org"), SPAN("presence"));
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    storage_set_notified_batch(desk.storage, 1);
    storage_put_resource(desk.storage, SPAN("bob@example.org"), SPAN("presence"));
    storage_put_resource(desk.storage, SPAN("bob@example.org"), SPAN("dialog"));
    storage_put_resource(desk.storage, SPAN("bob@example.org"), SPAN("presence"));
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.resource_count, 2);
    ck_assert_span_eq(desk.resources[0].aor, SPAN("bob@example.org"));
    ck_assert_uint_eq(desk.resources[0].changed_batch, 2);
    /* again: the number moves on */
    storage_put_resource(desk.storage, SPAN("alice@example.org"), SPAN("presence"));
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.resource_count, 3);
    desk_close(&desk);
}
END_TEST

START_TEST(a_device_comes_back_seen_advanced_and_deleted)
{
    struct device_row row = desk_device(1, "alice@example.org");

    begin("devices");
    storage_put_device(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.device_count, 1);
    ck_assert_int_eq(desk.devices[0].id, 1);
    ck_assert_span_eq(desk.devices[0].aor, row.aor);
    ck_assert_span_eq(desk.devices[0].device_key, row.device_key);
    ck_assert_int_eq(desk.devices[0].delivered_through, row.delivered_through);
    ck_assert_int_lt(desk.devices[0].unseen_us, 20 * US_PER_S);
    sql(conninfo, "update presence_state.device set last_seen_at = now() - interval '10 days'");
    row.user_agent = SPAN("not written by a refresh");
    row.delivered_through = 7;
    storage_put_device(desk.storage, STORAGE_REFRESH, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select delivered_through || (user_agent = substr("
                                         "device_key, 7))::text from presence.device"),
                     "7true");
    restart();
    ck_assert_int_gt(desk.devices[0].unseen_us, 863999 * US_PER_S);
    row.user_agent = SPAN("new");
    storage_put_device(desk.storage, STORAGE_UPDATE, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select user_agent from presence.device"
                                         " where last_seen_at > now() - interval '1 minute'"),
                     "new");
    storage_put_device(desk.storage, STORAGE_DELETE, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.device_count, 0);
    desk_close(&desk);
}
END_TEST

START_TEST(a_message_comes_back_octet_by_octet_in_the_order_of_ids)
{
    struct message_row row = desk_message(5, "alice@example.org");
    struct message_row first = desk_message(4, "bob@example.org");
    const struct message_row *back = &desk.messages[1];

    begin("messages");
    storage_put_message(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    storage_put_message(desk.storage, STORAGE_INSERT, &first);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.message_count, 2);
    ck_assert_int_eq(desk.messages[0].id, 4);
    ck_assert_int_eq(back->id, 5);
    ck_assert_span_eq(back->aor, row.aor);
    ck_assert_span_eq(back->sender, row.sender);
    ck_assert_span_eq(back->call_id, row.call_id);
    ck_assert_span_eq(back->from_tag, row.from_tag);
    ck_assert_uint_eq(back->cseq, row.cseq);
    ck_assert_span_eq(back->content_type, row.content_type);
    ck_assert_span_eq(back->headers, row.headers);
    ck_assert_span_eq(back->body, row.body);
    check_remaining(back->remaining_us, row.expires_s);
    ck_assert_int_lt(back->kept_us, 20 * US_PER_S);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.invariant"), "0");
    storage_put_message(desk.storage, STORAGE_DELETE, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    restart();
    ck_assert_uint_eq(desk.message_count, 1);
    desk_close(&desk);
}
END_TEST

/* What people see: who waits for what. */
START_TEST(a_message_waits_for_the_devices_that_do_not_have_it)
{
    struct message_row message = desk_message(5, "alice@example.org");
    struct device_row one = desk_device(1, "alice@example.org");
    struct device_row two = desk_device(2, "alice@example.org");

    begin("deliveries");
    storage_put_message(desk.storage, STORAGE_INSERT, &message);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select known_devices || ' ' || waiting_devices"
                                         " from presence.message"),
                     "0 0");
    one.delivered_through = 5;
    two.delivered_through = 4;
    two.device_key = SPAN("instance:<urn:uuid:1>");
    storage_put_device(desk.storage, STORAGE_INSERT, &one);
    storage_put_device(desk.storage, STORAGE_INSERT, &two);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select known_devices || ' ' || waiting_devices"
                                         " from presence.message"),
                     "2 1");
    ck_assert_str_eq(sql_value(conninfo, "select string_agg(device || ' ' || state, ', '"
                                         " order by device) from presence.delivery"),
                     "1 delivered, 2 waiting");
    two.delivered_through = 5;
    storage_put_device(desk.storage, STORAGE_REFRESH, &two);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.message"), "0");
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.invariant"), "0");
    desk_close(&desk);
}
END_TEST

START_TEST(rows_put_in_any_order_are_all_written)
{
    char aor[40];

    begin("many");
    for (int64_t i = 0; i < 2000; i++) {
        struct publication_row row;

        snprintf(aor, sizeof(aor), "a%d@example.org", (int)(i * 7919 % 2000));
        row = desk_publication(i * 7919 % 2000, aor);
        storage_put_publication(desk.storage, STORAGE_INSERT, &row);
    }
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.publication where "
                                         "aor = 'a' || id || '@example.org'"),
                     "2000");
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence.invariant"), "0");
    restart();
    ck_assert_uint_eq(desk.publication_count, 2000);
    desk_close(&desk);
}
END_TEST

/* ---- what a batch promises ---- */

START_TEST(a_failed_statement_fails_the_batch_and_nothing_is_written)
{
    struct binding_row good = desk_binding(1, "alice@example.org");
    struct binding_row bad = desk_binding(2, "bob@example.org");

    begin("fails");
    bad.user_agent = (struct span){"\377", 1}; /* no UTF-8: state/ would not have put it */
    storage_put_binding(desk.storage, STORAGE_INSERT, &good);
    storage_put_binding(desk.storage, STORAGE_INSERT, &bad);
    storage_put_resource(desk.storage, SPAN("alice@example.org"), SPAN("presence"));
    ck_assert_int_eq(desk_write(&desk), STORAGE_FAILED);
    ck_assert_ptr_nonnull(strstr(desk.message, "UTF8"));
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.binding"), "0");
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.resource"), "0");
    ck_assert_str_eq(sql_value(conninfo, "select batch from presence_state.node"), "0");
    /* and the next one is as if it had not been */
    storage_put_binding(desk.storage, STORAGE_INSERT, &good);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    desk_close(&desk);
}
END_TEST

START_TEST(a_commit_that_fails_is_no_commit)
{
    struct binding_row row = desk_binding(1, "alice@example.org");

    begin("deferred");
    sql(conninfo, "create function refuse() returns trigger language plpgsql as "
                  "$$ begin raise exception 'not at commit'; end $$;"
                  "create constraint trigger refuse after insert on presence_state.binding "
                  "deferrable initially deferred for each row execute function refuse()");
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_FAILED);
    ck_assert_str_eq(desk.message, "not at commit");
    ck_assert_str_eq(sql_value(conninfo, "select count(*) from presence_state.binding"), "0");
    sql(conninfo, "drop trigger refuse on presence_state.binding");
    storage_put_binding(desk.storage, STORAGE_INSERT, &row);
    ck_assert_int_eq(desk_write(&desk), STORAGE_COMMITTED);
    desk_close(&desk);
}
END_TEST

Suite *storage_storage_suite(void);
Suite *storage_storage_suite(void)
{
    Suite *suite = suite_create("storage/storage");
    TCase *rows = tcase_create("rows");
    TCase *batches = tcase_create("batches");

    if (cluster_folder() == NULL)
        return suite;
    tcase_set_timeout(rows, 60);
    tcase_add_test(rows, a_binding_comes_back_octet_by_octet);
    tcase_add_test(rows, a_binding_is_refreshed_updated_and_deleted);
    tcase_add_test(rows, a_publication_comes_back_octet_by_octet);
    tcase_add_test(rows, a_publication_is_refreshed_updated_and_deleted);
    tcase_add_test(rows, a_subscription_comes_back_refreshed_updated_and_deleted);
    tcase_add_test(rows, a_subscription_is_owed_when_marked_or_written_after_the_notified_batch);
    tcase_add_test(rows, a_resource_is_told_when_it_changed_after_the_notified_batch);
    tcase_add_test(rows, a_device_comes_back_seen_advanced_and_deleted);
    tcase_add_test(rows, a_message_comes_back_octet_by_octet_in_the_order_of_ids);
    tcase_add_test(rows, a_message_waits_for_the_devices_that_do_not_have_it);
    tcase_add_test(rows, rows_put_in_any_order_are_all_written);
    suite_add_tcase(suite, rows);
    tcase_set_timeout(batches, 60);
    tcase_add_test(batches, a_failed_statement_fails_the_batch_and_nothing_is_written);
    tcase_add_test(batches, a_commit_that_fails_is_no_commit);
    suite_add_tcase(suite, batches);
    return suite;
}
