/* test_message.c - who waits for what, by what is committed. */
#include "server/state/state.h"
#include "tests/support/script/storage_script.h"
#include "tests/unit/run.h"

#include <stdlib.h>

Suite *state_message_suite(void);

#define ALICE SPAN("alice@example.org")

/* One process, and what its watcher was told. */
struct life {
    struct loop *loop;
    struct metrics *metrics;
    struct transport *transport;
    struct state *state;
    int committed;
    int done;
    int expired;
    int bound;
    size_t waiting_when_bound;
};

static void on_committed(void *context, struct mailbox *mailbox)
{
    (void)mailbox;
    ((struct life *)context)->committed++;
}

static void on_done(void *context, struct mailbox *mailbox, int64_t id, bool expired)
{
    struct life *life = context;

    (void)mailbox;
    (void)id;
    life->done++;
    life->expired += expired;
}

static void on_bound(void *context, struct span aor, const struct binding *binding)
{
    struct life *life = context;

    (void)binding;
    life->bound++;
    life->waiting_when_bound = mailbox_waiting(mailboxes_find(&life->state->mailboxes, aor));
}

static void life_begin(struct life *life)
{
    const struct transport_options transport = {0};
    const struct state_options options = {
        .batch = {.rows_max = 100, .bytes_max = SIZE_MAX, .patience_us = INT64_C(3600) * US_PER_S},
        .publication = {.per_resource_max = 1, .publications_max = 1},
        .subscription = {.per_resource_max = 1, .per_watcher_max = 1, .subscriptions_max = 1},
        .device = {.devices_max = 40, .forget_s = 3600},
        .message = {.per_aor_max = 3,
                    .per_aor_bytes_max = 950,
                    .messages_max = 6,
                    .bytes_max = 1000,
                    .remember_s = 40},
        .bindings_max = 10,
        .expiry_per_s = 1000,
    };
    const struct message_watcher watcher = {
        .context = life, .on_committed = on_committed, .on_done = on_done};

    memset(life, 0, sizeof(*life));
    life->loop = loop_new();
    life->metrics = metrics_new();
    life->transport = transport_new(life->loop, NULL, life->metrics, &transport);
    life->state = state_new(life->loop, NULL, life->metrics, life->transport, &options);
    life->state->node.epoch = 1;
    messages_watch(life->state->messages, &watcher);
    bindings_watch(life->state->bindings, on_bound, life);
}

static void life_end(struct life *life)
{
    state_free(life->state);
    transport_free(life->transport);
    loop_free(life->loop);
    metrics_free(life->metrics);
}

static void answer(struct life *life, enum storage_outcome outcome)
{
    struct storage *storage = life->state->node.storage;

    loop_run_once(life->loop, 0);
    if (storage->on_written != NULL)
        storage_script_answer(storage, outcome);
}

static void commit(struct life *life)
{
    answer(life, STORAGE_COMMITTED);
}

static void write_one(struct life *life, struct handle object)
{
    batch_write(life->state->node.batch, &object, 1);
}

static struct message_change change_by(const char *call_id)
{
    return (struct message_change){
        .identity = {.aor = ALICE,
                     .call_id = span_of(call_id),
                     .from_tag = SPAN("t"),
                     .cseq = 1,
                     .body = SPAN("hello")},
        .sender = SPAN("bob@example.org"),
        .headers = SPAN("Subject: x\r\n"),
        .body = SPAN("hello"),
        .expires_s = 600,
    };
}

static struct message *stage(struct life *life, const char *call_id)
{
    const struct message_change change = change_by(call_id);
    struct message *made = NULL;

    ck_assert_int_eq(message_stage(life->state->messages, &change, &made), STATUS_OK);
    write_one(life, message_handle(made));
    return made;
}

static struct message *keep(struct life *life, const char *call_id)
{
    struct message *made = stage(life, call_id);

    commit(life);
    return made;
}

static struct device_name name_of(const char *agent)
{
    return (struct device_name){.user_agent = span_of(agent)};
}

static struct device *stage_device(struct life *life, const char *agent)
{
    const struct device_name name = name_of(agent);
    struct device *device;

    ck_assert_int_eq(device_stage_seen(life->state->devices, ALICE, &name, &device), STATUS_OK);
    if (device != NULL)
        write_one(life, device_handle(device));
    return device;
}

static struct device *meet(struct life *life, const char *agent)
{
    struct device *device = stage_device(life, agent);

    commit(life);
    return device;
}

static struct mailbox *mailbox_of(struct life *life)
{
    return mailboxes_find(&life->state->mailboxes, ALICE);
}

static int64_t next_for(const struct device *device)
{
    const struct message *next =
        mailbox_next_message(device_mailbox(device), device_delivered_through(device));

    return next == NULL ? 0 : message_id(next);
}

/* ---- messages ---- */

START_TEST(a_message_waits_from_its_commit_on)
{
    struct life life;
    struct device *device;
    struct message *message;

    life_begin(&life);
    device = meet(&life, "phone");
    message = stage(&life, "c1");
    ck_assert_int_eq(next_for(device), 0);
    ck_assert(!message_is_settled(message));
    commit(&life);
    ck_assert_int_eq(life.committed, 1);
    ck_assert_int_eq(next_for(device), message_id(message));
    ck_assert(span_equal(message_headers(message), SPAN("Subject: x\r\n")));
    ck_assert(span_equal(blob_span(message_body(message)), SPAN("hello")));
    life_end(&life);
}
END_TEST

START_TEST(a_message_that_was_not_stored_leaves_nothing)
{
    struct life life;

    life_begin(&life);
    stage(&life, "c1");
    answer(&life, STORAGE_FAILED);
    ck_assert_uint_eq(messages_count(life.state->messages), 0);
    ck_assert_uint_eq(messages_waiting(life.state->messages), 0);
    ck_assert_ptr_null(mailbox_of(&life));
    ck_assert_int_eq(life.committed, 0);
    life_end(&life);
}
END_TEST

START_TEST(a_repeat_is_known_pending_waiting_and_done)
{
    const struct message_change change = change_by("c1");
    struct message_identity other = change.identity;
    struct life life;
    struct device *device;
    struct message *message;

    life_begin(&life);
    device = meet(&life, "phone");
    message = stage(&life, "c1");
    ck_assert_ptr_eq(messages_find(life.state->messages, &change.identity), message);
    commit(&life);
    ck_assert_ptr_eq(messages_find(life.state->messages, &change.identity), message);
    device_stage_delivered(device, message_id(message));
    commit(&life);
    ck_assert_uint_eq(messages_waiting(life.state->messages), 0);
    ck_assert_ptr_eq(messages_find(life.state->messages, &change.identity), message);
    other.cseq = 2;
    ck_assert_ptr_null(messages_find(life.state->messages, &other));
    other = change.identity;
    other.aor = SPAN("carol@example.org");
    ck_assert_ptr_null(messages_find(life.state->messages, &other));
    other = change.identity;
    other.from_tag = SPAN("u");
    ck_assert_ptr_null(messages_find(life.state->messages, &other));
    life_end(&life);
}
END_TEST

START_TEST(none_overtakes_one_that_is_still_pending)
{
    struct life life;
    struct device *device;
    struct message *first, *second;

    life_begin(&life);
    device = meet(&life, "phone");
    first = stage(&life, "c1");
    loop_run_once(life.loop, 0); /* in flight */
    second = stage(&life, "c2");
    ck_assert_int_lt(message_id(first), message_id(second));
    ck_assert_int_eq(next_for(device), 0);
    commit(&life);
    ck_assert_int_eq(next_for(device), message_id(first));
    device_stage_delivered(device, message_id(first));
    ck_assert_int_eq(next_for(device), 0);
    commit(&life);
    commit(&life);
    ck_assert_int_eq(next_for(device), message_id(second));
    life_end(&life);
}
END_TEST

START_TEST(it_is_done_when_the_last_device_has_it)
{
    struct life life;
    struct device *one, *two;
    struct message *message;

    life_begin(&life);
    one = meet(&life, "one");
    two = meet(&life, "two");
    message = keep(&life, "c1");
    device_stage_delivered(one, message_id(message));
    ck_assert_int_eq(next_for(one), 0);
    commit(&life);
    ck_assert_int_eq(life.done, 0);
    ck_assert_int_eq(next_for(two), message_id(message));
    device_stage_delivered(two, message_id(message));
    ck_assert_int_eq(life.done, 0); /* not before that is committed */
    commit(&life);
    ck_assert_int_eq(life.done, 1);
    ck_assert_uint_eq(messages_waiting(life.state->messages), 0);
    ck_assert_uint_eq(messages_count(life.state->messages), 1);
    life_end(&life);
}
END_TEST

START_TEST(with_no_device_it_waits_for_the_first)
{
    struct life life;
    struct device *device;
    struct message *message;

    life_begin(&life);
    message = keep(&life, "c1");
    ck_assert_uint_eq(messages_waiting(life.state->messages), 1);
    device = meet(&life, "phone");
    ck_assert_int_eq(next_for(device), message_id(message));
    life_end(&life);
}
END_TEST

START_TEST(a_device_that_is_forgotten_is_not_waited_for)
{
    struct life life;
    struct device *one, *two;
    struct message *message;

    life_begin(&life);
    one = meet(&life, "one");
    two = meet(&life, "two");
    message = keep(&life, "c1");
    device_stage_delivered(one, message_id(message));
    commit(&life);
    device_stage_removal(two);
    commit(&life);
    ck_assert_int_eq(life.done, 1);
    ck_assert_uint_eq(devices_count(life.state->devices), 1);
    life_end(&life);
}
END_TEST

START_TEST(what_was_delivered_but_not_stored_is_next_again)
{
    struct life life;
    struct device *device;
    struct message *message;

    life_begin(&life);
    device = meet(&life, "phone");
    message = keep(&life, "c1");
    device_stage_delivered(device, message_id(message));
    ck_assert_int_eq(next_for(device), 0);
    answer(&life, STORAGE_FAILED);
    ck_assert_int_eq(next_for(device), message_id(message));
    life_end(&life);
}
END_TEST

START_TEST(a_hundred_deliveries_in_one_batch_are_one_row)
{
    struct life life;
    struct device *device;
    const struct script_row *row;

    life_begin(&life);
    device = meet(&life, "phone");
    for (int64_t i = 1; i <= 100; i++)
        device_stage_delivered(device, i);
    loop_run_once(life.loop, 0);
    ck_assert_uint_eq(life.state->node.storage->rows, 1);
    row = storage_script_row(life.state->node.storage, device_id(device));
    ck_assert_int_eq(row->change, STORAGE_REFRESH);
    ck_assert_int_eq(row->delivered_through, 100);
    commit(&life);
    life_end(&life);
}
END_TEST

START_TEST(the_limits_of_an_aor_and_of_the_process_hold)
{
    struct message_change change = change_by("c4");
    struct message *made;
    struct life life;

    life_begin(&life);
    keep(&life, "c1");
    keep(&life, "c2");
    keep(&life, "c3");
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_CONFLICT);
    change.per_aor_max = 4; /* its domain says so */
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_OK);
    write_one(&life, message_handle(made));
    change.identity.aor = SPAN("carol@example.org");
    change.body = (struct span){"", 0};
    change.headers.len = 0;
    for (int i = 0; i < 2; i++) {
        change.identity.cseq = 10 + (uint32_t)i;
        ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_OK);
        write_one(&life, message_handle(made));
    }
    change.identity.cseq = 12;
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_LIMIT);
    commit(&life);
    life_end(&life);
}
END_TEST

START_TEST(at_the_limit_what_some_device_has_got_gives_way)
{
    struct message_change change = change_by("c4");
    struct device *phone;
    struct message *made;
    struct life life;
    int64_t first;

    life_begin(&life);
    phone = meet(&life, "phone");
    (void)meet(&life, "an old one that is never on line again");
    first = message_id(keep(&life, "c1"));
    keep(&life, "c2");
    keep(&life, "c3");
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_CONFLICT);
    device_stage_delivered(phone, first);
    commit(&life);
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_OK);
    write_one(&life, message_handle(made));
    commit(&life);
    ck_assert_uint_eq(mailbox_waiting(mailbox_of(&life)), 3);
    change.identity.cseq = 99;
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_CONFLICT);
    life_end(&life);
}
END_TEST

START_TEST(all_octets_together_have_a_limit)
{
    static const char many[990] = {0};
    struct message_change change = change_by("c1");
    struct message *made;
    struct life life;

    life_begin(&life);
    change.body = (struct span){many, 800};
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_OK);
    write_one(&life, message_handle(made));
    change.identity.cseq = 99;
    change.body.len = 200;
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_CONFLICT);
    change.identity.aor = SPAN("carol@example.org");
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_LIMIT);
    commit(&life);
    life_end(&life);
}
END_TEST

static void run_until(struct life *life, const int *count, int wanted)
{
    const int64_t end = loop_now(life->loop).us + 5 * US_PER_S;

    while (*count < wanted && loop_now(life->loop).us < end) {
        loop_run_once(life->loop, 10000);
        if (life->state->node.storage->on_written != NULL)
            storage_script_answer(life->state->node.storage, STORAGE_COMMITTED);
    }
    ck_assert_int_ge(*count, wanted);
}

START_TEST(it_expires_and_is_remembered)
{
    struct message_change change = change_by("c1");
    struct message *made;
    struct life life;

    life_begin(&life);
    change.expires_s = 1;
    ck_assert_int_eq(message_stage(life.state->messages, &change, &made), STATUS_OK);
    write_one(&life, message_handle(made));
    commit(&life);
    run_until(&life, &life.expired, 1);
    ck_assert_uint_eq(messages_waiting(life.state->messages), 0);
    ck_assert_ptr_eq(messages_find(life.state->messages, &change.identity), made);
    life_end(&life);
}
END_TEST

/* ---- what a load brings ---- */

static struct message_row row_of(int64_t id, int64_t kept_us, int64_t remaining_us)
{
    return (struct message_row){.id = id,
                                .aor = ALICE,
                                .call_id = SPAN("c1"),
                                .from_tag = SPAN("t"),
                                .cseq = 1,
                                .headers = SPAN("Subject: x\r\n"),
                                .body = SPAN("hello"),
                                .remaining_us = remaining_us,
                                .kept_us = kept_us};
}

static void load_device(struct life *life, int64_t id, const char *key, int64_t through)
{
    const struct device_row row = {
        .id = id, .aor = ALICE, .device_key = span_of(key), .delivered_through = through};

    devices_load(life->state->devices, &row);
}

START_TEST(what_all_devices_have_is_done_when_it_is_loaded)
{
    const struct message_change change = change_by("c1");
    struct message_row row = row_of(5, US_PER_S, 600 * US_PER_S);
    struct device_name name = name_of("one");
    struct device *device;
    struct life life;

    life_begin(&life);
    load_device(&life, 1, "agent:one", 5);
    load_device(&life, 2, "instance:<urn:uuid:1>", 6);
    messages_load(life.state->messages, &row);
    row.id = 6;
    row.cseq = 2;
    messages_load(life.state->messages, &row);
    ck_assert_uint_eq(messages_waiting(life.state->messages), 1);
    ck_assert_ptr_nonnull(messages_find(life.state->messages, &change.identity));
    device = mailbox_find_device(mailbox_of(&life), &name);
    ck_assert_int_eq(device_id(device), 1);
    ck_assert_int_eq(next_for(device), 6);
    name.instance = SPAN("<urn:uuid:1>");
    device = mailbox_find_device(mailbox_of(&life), &name);
    ck_assert_int_eq(device_id(device), 2);
    ck_assert_int_eq(next_for(device), 0);
    life_end(&life);
}
END_TEST

START_TEST(what_expired_while_nobody_ran_is_not_sent_and_what_is_old_goes)
{
    struct message_row row = row_of(5, 700 * US_PER_S, -100 * US_PER_S);
    struct life life;

    life_begin(&life);
    messages_load(life.state->messages, &row);
    ck_assert_uint_eq(messages_waiting(life.state->messages), 0);
    for (int i = 0; i < 5; i++)
        commit(&life);
    ck_assert_uint_eq(messages_count(life.state->messages), 0);
    ck_assert_ptr_null(mailbox_of(&life));
    life_end(&life);
}
END_TEST

/* ---- devices ---- */

START_TEST(a_device_that_was_seen_lately_costs_nothing)
{
    struct life life;
    struct device *device;

    life_begin(&life);
    device = meet(&life, "phone");
    ck_assert_ptr_nonnull(device);
    ck_assert_ptr_null(stage_device(&life, "phone"));
    ck_assert_uint_eq(devices_count(life.state->devices), 1);
    ck_assert(batch_is_idle(life.state->node.batch));
    life_end(&life);
}
END_TEST

START_TEST(one_that_is_not_stored_yet_is_waited_for_by_its_second_register_too)
{
    struct life life;
    struct device *device;

    life_begin(&life);
    device = stage_device(&life, "phone");
    ck_assert_ptr_eq(stage_device(&life, "phone"), device);
    ck_assert_ptr_null(mailbox_first_device(device_mailbox(device)));
    answer(&life, STORAGE_FAILED);
    ck_assert_uint_eq(devices_count(life.state->devices), 0);
    ck_assert_ptr_null(mailbox_of(&life));
    life_end(&life);
}
END_TEST

START_TEST(one_too_many_takes_the_place_of_the_one_seen_longest_ago)
{
    struct life life;
    char agent[16];

    life_begin(&life);
    load_device(&life, 1, "agent:new", 0);
    devices_load(life.state->devices, &(struct device_row){.id = 2,
                                                           .aor = ALICE,
                                                           .device_key = SPAN("agent:old"),
                                                           .unseen_us = 600 * US_PER_S});
    for (int i = 0; i < DEVICES_PER_AOR - 2; i++) {
        snprintf(agent, sizeof(agent), "phone %d", i);
        meet(&life, agent);
    }
    meet(&life, "one more");
    commit(&life);
    ck_assert_uint_eq(devices_count(life.state->devices), DEVICES_PER_AOR);
    ck_assert_ptr_nonnull(mailbox_find_device_id(mailbox_of(&life), 1));
    ck_assert_ptr_null(mailbox_find_device_id(mailbox_of(&life), 2));
    life_end(&life);
}
END_TEST

START_TEST(one_that_was_not_seen_for_long_is_forgotten)
{
    struct life life;
    int64_t end;

    life_begin(&life);
    devices_load(life.state->devices, &(struct device_row){.id = 2,
                                                           .aor = ALICE,
                                                           .device_key = SPAN("agent:old"),
                                                           .unseen_us = 3700 * US_PER_S});
    end = loop_now(life.loop).us + 5 * US_PER_S;
    while (devices_count(life.state->devices) > 0 && loop_now(life.loop).us < end) {
        loop_run_once(life.loop, 10000);
        commit(&life);
    }
    ck_assert_uint_eq(devices_count(life.state->devices), 0);
    ck_assert_ptr_null(mailbox_of(&life));
    life_end(&life);
}
END_TEST

/* A name of one kind is not the same words of another. */
START_TEST(an_instance_is_not_a_user_agent_of_the_same_words)
{
    struct device_name name = {.instance = SPAN("x"), .contact_key = SPAN("x")};
    struct device *device;
    struct life life;

    life_begin(&life);
    meet(&life, "x");
    ck_assert_int_eq(device_stage_seen(life.state->devices, ALICE, &name, &device), STATUS_OK);
    ck_assert_ptr_nonnull(device);
    write_one(&life, device_handle(device));
    commit(&life);
    ck_assert_uint_eq(devices_count(life.state->devices), 2);
    life_end(&life);
}
END_TEST

/* Else it would wait for that one again after a restart, when no device's row says it is done. */
START_TEST(what_is_done_is_not_for_a_device_that_comes_later)
{
    const struct message_change change = change_by("c1");
    struct life life;
    struct device *one, *two;
    struct message *message;

    life_begin(&life);
    one = meet(&life, "one");
    message = keep(&life, "c1");
    device_stage_delivered(one, message_id(message));
    commit(&life);
    two = meet(&life, "two");
    ck_assert_int_eq(device_committed_through(two), message_id(message));
    message = keep(&life, "c2");
    two = meet(&life, "three");
    ck_assert_int_eq(next_for(two), message_id(message));
    device_stage_removal(one);
    while (mailbox_first_device(mailbox_of(&life)) != NULL) {
        device_stage_removal(mailbox_first_device(mailbox_of(&life)));
        commit(&life);
    }
    commit(&life);
    ck_assert_ptr_null(messages_find(life.state->messages, &change.identity));
    ck_assert_uint_eq(messages_waiting(life.state->messages), 1);
    life_end(&life);
}
END_TEST

/* ---- the two commits meet ---- */

static void stage_binding(struct life *life)
{
    const struct binding_change change = {.aor = ALICE,
                                          .contact_key = SPAN("sip:a@192.0.2.1"),
                                          .contact = SPAN("sip:a@192.0.2.1"),
                                          .call_id = SPAN("r"),
                                          .cseq = 1,
                                          .q_thousandths = -1,
                                          .expires_s = 600};
    struct binding *binding;

    ck_assert_int_eq(binding_stage(life->state->bindings, &change, &binding), STATUS_OK);
    write_one(life, binding_handle(binding));
}

START_TEST(a_binding_that_commits_after_a_message_finds_it)
{
    struct life life;

    life_begin(&life);
    keep(&life, "c1");
    stage_binding(&life);
    commit(&life);
    ck_assert_int_eq(life.bound, 1);
    ck_assert_uint_eq(life.waiting_when_bound, 1);
    life_end(&life);
}
END_TEST

START_TEST(a_message_that_commits_after_a_binding_is_told)
{
    struct life life;

    life_begin(&life);
    stage_binding(&life);
    commit(&life);
    ck_assert_int_eq(life.bound, 1);
    ck_assert_uint_eq(life.waiting_when_bound, 0);
    keep(&life, "c1");
    ck_assert_int_eq(life.committed, 1);
    life_end(&life);
}
END_TEST

Suite *state_message_suite(void)
{
    Suite *suite = suite_create("state/message");
    TCase *messages = tcase_create("RFC 3428 section 8");
    TCase *devices = tcase_create("devices");

    tcase_set_timeout(messages, 30);
    tcase_add_test(messages, a_message_waits_from_its_commit_on);
    tcase_add_test(messages, a_message_that_was_not_stored_leaves_nothing);
    tcase_add_test(messages, a_repeat_is_known_pending_waiting_and_done);
    tcase_add_test(messages, none_overtakes_one_that_is_still_pending);
    tcase_add_test(messages, it_is_done_when_the_last_device_has_it);
    tcase_add_test(messages, with_no_device_it_waits_for_the_first);
    tcase_add_test(messages, a_device_that_is_forgotten_is_not_waited_for);
    tcase_add_test(messages, what_was_delivered_but_not_stored_is_next_again);
    tcase_add_test(messages, a_hundred_deliveries_in_one_batch_are_one_row);
    tcase_add_test(messages, the_limits_of_an_aor_and_of_the_process_hold);
    tcase_add_test(messages, at_the_limit_what_some_device_has_got_gives_way);
    tcase_add_test(messages, all_octets_together_have_a_limit);
    tcase_add_test(messages, it_expires_and_is_remembered);
    tcase_add_test(messages, what_all_devices_have_is_done_when_it_is_loaded);
    tcase_add_test(messages, what_expired_while_nobody_ran_is_not_sent_and_what_is_old_goes);
    tcase_add_test(messages, a_binding_that_commits_after_a_message_finds_it);
    tcase_add_test(messages, a_message_that_commits_after_a_binding_is_told);
    suite_add_tcase(suite, messages);
    tcase_set_timeout(devices, 30);
    tcase_add_test(devices, a_device_that_was_seen_lately_costs_nothing);
    tcase_add_test(devices, one_that_is_not_stored_yet_is_waited_for_by_its_second_register_too);
    tcase_add_test(devices, one_too_many_takes_the_place_of_the_one_seen_longest_ago);
    tcase_add_test(devices, one_that_was_not_seen_for_long_is_forgotten);
    tcase_add_test(devices, what_is_done_is_not_for_a_device_that_comes_later);
    tcase_add_test(devices, an_instance_is_not_a_user_agent_of_the_same_words);
    suite_add_tcase(suite, devices);
    return suite;
}
