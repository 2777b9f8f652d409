/* test_subscription.c - CSeq numbers over crashes, and dialogs found by marks that are ours. */
#include "server/state/state.h"
#include "tests/support/script/storage_script.h"
#include "tests/unit/run.h"

#include <stdlib.h>

Suite *state_subscription_suite(void);

enum { EPOCHS = 25, SEEDS = 8 };

/* One process between two crashes. */
struct life {
    struct loop *loop;
    struct metrics *metrics;
    struct transport *transport;
    struct state *state;
};

/* What the table holds: all that survives a crash. */
struct stored {
    bool there;
    uint32_t mark;
    uint64_t epoch;
};

static void life_begin(struct life *life, uint64_t epoch)
{
    const struct transport_options transport = {0};
    const struct transport_listener listener = {
        .bind = {.protocol = TRANSPORT_UDP, .family = ENDPOINT_IPV4, .address = {127, 0, 0, 1}}};
    const struct state_options options = {
        .batch = {.rows_max = 100, .bytes_max = SIZE_MAX, .patience_us = INT64_C(3600) * US_PER_S},
        .publication = {.per_resource_max = 10, .publications_max = 10},
        .subscription = {.per_resource_max = 3,
                         .per_watcher_max = 2,
                         .unauthorized_max = 1,
                         .subscriptions_max = 10,
                         .waiting_s = 3600},
        .bindings_max = 10,
        .expiry_per_s = 1000,
    };

    life->loop = loop_new();
    life->metrics = metrics_new();
    life->transport = transport_new(life->loop, NULL, life->metrics, &transport);
    ck_assert_int_eq(transport_listen(life->transport, &listener, NULL), STATUS_OK);
    life->state = state_new(life->loop, NULL, life->metrics, life->transport, &options);
    life->state->node.epoch = epoch;
    life->state->node.mark_key = (struct mac_key){{5, 6}};
}

static void life_end(struct life *life)
{
    state_free(life->state);
    transport_free(life->transport);
    loop_free(life->loop);
    metrics_free(life->metrics);
}

static struct subscription_change change_by(struct span watcher, struct span call_id)
{
    return (struct subscription_change){
        .aor = SPAN("alice@example.org"),
        .event = SPAN("presence"),
        .watcher = watcher,
        .ids = {.call_id = call_id,
                .local_uri = SPAN("sip:alice@example.org"),
                .remote_uri = SPAN("sip:bob@example.org"),
                .remote_tag = SPAN("b1"),
                .remote_target = SPAN("sip:bob@127.0.0.1:5070")},
        .state = SUBSCRIPTION_ACTIVE,
        .remote_cseq = 1,
        .expires_s = 600,
    };
}

/* Writes what waits, and has it committed. */
static void commit(struct life *life, struct stored *stored)
{
    struct storage *storage = life->state->node.storage;

    loop_run_once(life->loop, 0);
    if (storage->on_written == NULL)
        return;
    for (size_t i = 0; i < storage->rows; i++)
        if (storage->row[i].kind == SCRIPT_SUBSCRIPTION)
            *stored = (struct stored){true, storage->row[i].cseq_mark, life->state->node.epoch};
    storage_script_answer(storage, STORAGE_COMMITTED);
}

static struct subscription *begin(struct life *life, struct stored *stored)
{
    const struct subscription_change change = change_by(SPAN("bob@example.org"), SPAN("c1"));
    const struct batch_waiter nobody = {0};
    struct subscription *made;
    struct handle object;

    ck_assert_int_eq(subscription_stage_new(life->state->subscriptions, &change, &made), STATUS_OK);
    object = subscription_handle(made);
    batch_wait(life->state->node.batch, &nobody, &object, 1);
    commit(life, stored);
    return made;
}

static struct subscription *load(struct life *life, const struct stored *stored)
{
    const struct subscription_row row = {
        .id = 7,
        .aor = SPAN("alice@example.org"),
        .event = SPAN("presence"),
        .watcher = SPAN("bob@example.org"),
        .state = SUBSCRIPTION_ROW_ACTIVE,
        .call_id = SPAN("c1"),
        .local_tag = SPAN("t"),
        .remote_tag = SPAN("b1"),
        .remote_target = SPAN("sip:bob@127.0.0.1:5070"),
        .cseq_mark = stored->mark,
        .cseq_epoch = stored->epoch,
        .flow = {.transport = SPAN("UDP"),
                 .local_address = SPAN("127.0.0.1:5060"),
                 .remote_address = SPAN("127.0.0.1:5070")},
        .expires_s = 600,
        .remaining_us = 600 * US_PER_S,
    };

    subscriptions_load(life->state->subscriptions, &row);
    return subscription_find_id(
        resources_find(life->state->resources, SPAN("alice@example.org"), SPAN("presence")), 7);
}

/* Sends NOTIFYs at random, asks for blocks as notify.c does, commits or forgets to, crashes. */
static uint32_t live(struct life *life, struct subscription *subscription, struct stored *stored,
                     uint32_t last, unsigned *seed)
{
    int count = rand_r(seed) % 2500;

    for (int i = 0; i < count; i++) {
        uint32_t cseq = subscription_take_cseq(subscription);

        if (cseq == 0 ||
            (subscription_needs_mark(subscription) && subscription_is_settled(subscription)))
            subscription_write_mark(subscription, false);
        if (rand_r(seed) % 100 == 0)
            commit(life, stored);
        if (cseq == 0)
            continue;
        ck_assert_uint_gt(cseq, last);
        last = cseq;
    }
    return last;
}

/* RFC 3261 section 12.2.1.1: within a dialog CSeq only rises, whatever happens to us. */
START_TEST(no_cseq_comes_twice_however_often_the_server_dies)
{
    struct stored stored = {0};
    unsigned seed = (unsigned)_i;
    uint32_t last = 0;

    for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        struct life life;
        struct subscription *subscription;

        life_begin(&life, epoch);
        subscription = stored.there ? load(&life, &stored) : begin(&life, &stored);
        if (rand_r(&seed) % 3 != 0)
            last = live(&life, subscription, &stored, last, &seed);
        life_end(&life);
    }
    ck_assert_uint_gt(last, 0);
}
END_TEST

/* What is not covered by a committed mark must not be sent. */
START_TEST(a_block_without_commit_ends_after_a_thousand)
{
    struct stored stored = {0};
    struct life life;
    struct subscription *subscription;
    uint32_t count = 0;

    life_begin(&life, 1);
    subscription = begin(&life, &stored);
    while (subscription_take_cseq(subscription) != 0)
        count++;
    ck_assert_uint_eq(count, 1000);
    subscription_write_mark(subscription, false);
    ck_assert_uint_eq(subscription_take_cseq(subscription), 0);
    commit(&life, &stored);
    ck_assert_uint_eq(subscription_take_cseq(subscription), 1001);
    life_end(&life);
}
END_TEST

START_TEST(a_dialog_is_found_by_both_tags_and_a_mark_of_ours)
{
    struct stored stored = {0};
    struct life life;
    struct subscription *made;
    struct subscriptions *all;
    char tag[64];
    struct span local;

    life_begin(&life, 1);
    made = begin(&life, &stored);
    all = life.state->subscriptions;
    local = subscription_newest(made).ids.local_tag;
    ck_assert_ptr_eq(subscriptions_find(all, SPAN("c1"), local, SPAN("b1")), made);
    ck_assert_ptr_null(subscriptions_find(all, SPAN("c2"), local, SPAN("b1")));
    ck_assert_ptr_null(subscriptions_find(all, SPAN("c1"), local, SPAN("b2")));
    memcpy(tag, local.at, local.len);
    tag[10] = tag[10] == '0' ? '1' : '0';
    ck_assert_ptr_null(
        subscriptions_find(all, SPAN("c1"), (struct span){tag, local.len}, SPAN("b1")));
    life_end(&life);
}
END_TEST

START_TEST(one_more_than_a_watcher_may_have_is_a_conflict)
{
    struct subscription_change change = change_by(SPAN("bob@example.org"), SPAN("c1"));
    struct subscription *made;
    struct life life;

    life_begin(&life, 1);
    ck_assert_int_eq(subscription_stage_new(life.state->subscriptions, &change, &made), STATUS_OK);
    change.ids.call_id = SPAN("c2");
    ck_assert_int_eq(subscription_stage_new(life.state->subscriptions, &change, &made), STATUS_OK);
    change.ids.call_id = SPAN("c3");
    ck_assert_int_eq(subscription_stage_new(life.state->subscriptions, &change, &made),
                     STATUS_CONFLICT);
    change.watcher = SPAN("carol@example.org");
    ck_assert_int_eq(subscription_stage_new(life.state->subscriptions, &change, &made), STATUS_OK);
    life_end(&life);
}
END_TEST

static struct subscription *stage(struct life *life, const struct subscription_change *change)
{
    struct subscription *made = NULL;

    ck_assert_int_eq(subscription_stage_new(life->state->subscriptions, change, &made), STATUS_OK);
    return made;
}

static void write_out(struct life *life, struct subscription *subscription)
{
    const struct batch_waiter nobody = {0};
    const struct handle object = subscription_handle(subscription);
    struct stored stored;

    batch_wait(life->state->node.batch, &nobody, &object, 1);
    commit(life, &stored);
}

static size_t replaced(struct life *life, const struct subscription *made,
                       const struct subscription_change *change)
{
    struct handle objects[8];

    return subscriptions_stage_replaced(life->state->subscriptions, made, change, objects, 8);
}

START_TEST(what_times_out_undecided_stays_and_is_told_once)
{
    struct subscription_change change = change_by(SPAN("bob@example.org"), SPAN("c1"));
    struct life life;
    struct subscription *made;
    struct stored stored;

    life_begin(&life, 1);
    change.state = SUBSCRIPTION_PENDING;
    made = stage(&life, &change);
    write_out(&life, made);
    subscription_end(made, SPAN("timeout"));
    commit(&life, &stored);
    ck_assert_int_eq(subscription_view(made).state, SUBSCRIPTION_WAITING);
    ck_assert(subscription_view(made).owed);
    ck_assert_uint_eq(subscription_view(made).expires_s, 3600);
    subscription_finish(made); /* its last NOTIFY was answered */
    commit(&life, &stored);
    ck_assert_int_eq(subscription_view(made).state, SUBSCRIPTION_WAITING);
    ck_assert(!subscription_view(made).owed);
    life_end(&life);
}
END_TEST

START_TEST(one_more_undecided_than_a_watcher_may_have_is_a_conflict)
{
    struct subscription_change change = change_by(SPAN("bob@example.org"), SPAN("c1"));
    struct subscription *made = NULL;
    struct life life;

    life_begin(&life, 1);
    change.state = SUBSCRIPTION_PENDING;
    write_out(&life, stage(&life, &change));
    change.ids.call_id = SPAN("c2");
    ck_assert_int_eq(subscription_stage_new(life.state->subscriptions, &change, &made),
                     STATUS_CONFLICT);
    change.state = SUBSCRIPTION_ACTIVE;
    ck_assert_int_eq(subscription_stage_new(life.state->subscriptions, &change, &made), STATUS_OK);
    life_end(&life);
}
END_TEST

/* clang-format off */
static const struct {
    const char *sentence;
    struct span instance, user_agent, target; /* of the second; the first: "", "phone", b:5070 */
    struct span first_instance;
    size_t replaced;
} successors[] = {
    {"the same Contact and User-Agent: forgotten",  {0}, {"phone", 5}, {"sip:bob@127.0.0.1:5070", 22}, {0}, 1},
    {"another Contact: another device",             {0}, {"phone", 5}, {"sip:bob@127.0.0.1:5071", 22}, {0}, 0},
    {"another User-Agent: another device",          {0}, {"soft", 4},  {"sip:bob@127.0.0.1:5070", 22}, {0}, 0},
    {"no User-Agent: nobody can tell",              {0}, {0},          {"sip:bob@127.0.0.1:5070", 22}, {0}, 0},
    {"the same instance, wherever it is",           {"i1", 2}, {"phone", 5}, {"sip:bob@127.0.0.1:9", 19}, {"i1", 2}, 1},
    {"another instance, at the same place",         {"i2", 2}, {"phone", 5}, {"sip:bob@127.0.0.1:5070", 22}, {"i1", 2}, 0},
};
/* clang-format on */

START_TEST(a_device_that_begins_anew_replaces_what_it_has_forgotten)
{
    struct subscription_change change = change_by(SPAN("bob@example.org"), SPAN("c1"));
    struct subscription *made;
    struct life life;

    life_begin(&life, 1);
    change.user_agent = SPAN("phone");
    change.instance = successors[_i].first_instance;
    write_out(&life, stage(&life, &change));
    change.ids.call_id = SPAN("c2");
    change.ids.remote_target = successors[_i].target;
    change.user_agent = successors[_i].user_agent;
    change.instance = successors[_i].instance;
    made = stage(&life, &change);
    if (replaced(&life, made, &change) != successors[_i].replaced)
        ck_abort_msg("%s", successors[_i].sentence);
    life_end(&life);
}
END_TEST

START_TEST(a_new_subscription_makes_a_waiting_entry_redundant)
{
    struct subscription_change change = change_by(SPAN("bob@example.org"), SPAN("c1"));
    struct subscription *waiting = NULL, *made;
    struct life life;

    life_begin(&life, 1);
    ck_assert_int_eq(subscription_stage_waiting(life.state->subscriptions, &change, &waiting),
                     STATUS_OK);
    write_out(&life, waiting);
    change.ids.call_id = SPAN("c2");
    made = stage(&life, &change);
    ck_assert_uint_eq(replaced(&life, made, &change), 1);
    write_out(&life, made);
    ck_assert_uint_eq(subscriptions_count(life.state->subscriptions), 2); /* until it is written */
    life_end(&life);
}
END_TEST

Suite *state_subscription_suite(void)
{
    Suite *suite = suite_create("state/subscription");
    TCase *tcase = tcase_create("DESIGN section 4");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, no_cseq_comes_twice_however_often_the_server_dies, 0, SEEDS);
    tcase_add_test(tcase, a_block_without_commit_ends_after_a_thousand);
    tcase_add_test(tcase, a_dialog_is_found_by_both_tags_and_a_mark_of_ours);
    tcase_add_test(tcase, one_more_than_a_watcher_may_have_is_a_conflict);
    tcase_add_test(tcase, what_times_out_undecided_stays_and_is_told_once);
    tcase_add_test(tcase, one_more_undecided_than_a_watcher_may_have_is_a_conflict);
    tcase_add_loop_test(tcase, a_device_that_begins_anew_replaces_what_it_has_forgotten, 0,
                        sizeof(successors) / sizeof(successors[0]));
    tcase_add_test(tcase, a_new_subscription_makes_a_waiting_entry_redundant);
    suite_add_tcase(suite, tcase);
    return suite;
}
