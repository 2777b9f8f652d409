/* test_batch.c - objects that hold one number each, committed and refused by script. */
#include "server/base/must.h"
#include "server/state/batch.h"
#include "server/state/hot.h"
#include "tests/support/script/storage_script.h"
#include "tests/unit/run.h"

#include <stdlib.h>

/* Patience is by the real clock: longer than any machine takes, but where it is the subject. */
enum { THINGS = 80, PATIENCE_US = 60000000, IMPATIENCE_US = 20000 };

struct rig;

struct thing_version {
    struct hot_version hot;
    uint32_t number;
};

struct thing {
    struct hot hot;
    struct rig *rig;
    int64_t id;
    int effects;
    int drops;
};

/* What became of one request. */
struct note {
    int committed;
    int refused;
    enum status why;
};

struct rig {
    struct loop *loop;
    struct metrics *metrics;
    struct storage *storage;
    struct handle_table *objects;
    struct batch *batch;
    struct thing *things[THINGS];
};

static void thing_write(const struct hot *hot, const struct hot_version *version,
                        enum storage_change change, struct storage *storage)
{
    const struct publication_row row = {
        .id = ((const struct thing *)hot)->id,
        .cseq = ((const struct thing_version *)version)->number,
    };

    storage_put_publication(storage, change, &row);
}

static void thing_committed(struct hot *hot, const struct hot_version *before)
{
    (void)before;
    ((struct thing *)hot)->effects++;
}

static void thing_dropped(struct hot *hot)
{
    ((struct thing *)hot)->drops++;
}

static void thing_discard(struct hot_version *version)
{
    free(version);
}

static void thing_end(struct thing *thing)
{
    handle_remove(thing->rig->objects, thing->hot.handle);
    thing->rig->things[thing->id] = NULL;
    hot_deinit(&thing->hot);
    free(thing);
}

static void thing_gone(struct hot *hot)
{
    thing_end((struct thing *)hot);
}

static const struct hot_kind thing_kind = {.write = thing_write,
                                           .committed = thing_committed,
                                           .dropped = thing_dropped,
                                           .discard = thing_discard,
                                           .gone = thing_gone};

static void rig_init_with(struct rig *rig, size_t rows_max, int64_t spacing_us, int64_t patience_us)
{
    const struct batch_options options = {.rows_max = rows_max,
                                          .bytes_max = SIZE_MAX,
                                          .spacing_us = spacing_us,
                                          .patience_us = patience_us};

    memset(rig, 0, sizeof(*rig));
    rig->loop = loop_new();
    rig->metrics = metrics_new();
    rig->storage = storage_new(rig->loop, NULL, rig->metrics, NULL);
    rig->objects = handle_table_new(THINGS);
    rig->batch = batch_new(rig->loop, NULL, rig->metrics, rig->storage, rig->objects, &options);
}

static void rig_init(struct rig *rig)
{
    rig_init_with(rig, 1000, 0, PATIENCE_US);
}

static void rig_deinit(struct rig *rig)
{
    batch_free(rig->batch);
    for (size_t i = 0; i < THINGS; i++)
        if (rig->things[i] != NULL)
            thing_end(rig->things[i]);
    storage_free(rig->storage);
    handle_table_free(rig->objects);
    metrics_free(rig->metrics);
    loop_free(rig->loop);
}

static void turn(struct rig *rig)
{
    loop_run_once(rig->loop, 0);
}

static void sleep_us(struct rig *rig, int64_t us)
{
    int64_t end;

    loop_run_once(rig->loop, 0);
    end = loop_now(rig->loop).us + us;
    while (loop_now(rig->loop).us < end)
        loop_run_once(rig->loop, end - loop_now(rig->loop).us + 1000);
}

static struct thing *stage_as(struct rig *rig, size_t id, uint32_t number, bool removed)
{
    struct thing_version *version = calloc(1, sizeof(*version));
    struct thing *thing = rig->things[id];

    must(version != NULL);
    version->number = number;
    version->hot.removed = removed;
    if (thing == NULL) {
        thing = rig->things[id] = calloc(1, sizeof(*thing));
        must(thing != NULL);
        thing->rig = rig;
        thing->id = (int64_t)id;
        thing->hot.kind = &thing_kind;
        ck_assert_int_eq(handle_add(rig->objects, thing, &thing->hot.handle), STATUS_OK);
    }
    hot_stage(&thing->hot, &version->hot);
    return thing;
}

/* 0 when the world does not see it. */
static uint32_t seen(const struct rig *rig, size_t id)
{
    const struct thing *thing = rig->things[id];

    return thing == NULL || thing->hot.committed == NULL || thing->hot.committed->removed
               ? 0
               : ((const struct thing_version *)thing->hot.committed)->number;
}

static void on_committed(const struct batch_waiter *waiter)
{
    ((struct note *)waiter->service)->committed++;
}

static void on_refused(const struct batch_waiter *waiter, enum status why)
{
    struct note *note = waiter->service;

    note->refused++;
    note->why = why;
}

static void wait_for(struct rig *rig, struct note *note, const size_t ids[], size_t count)
{
    const struct batch_waiter waiter = {
        .service = note, .on_committed = on_committed, .on_refused = on_refused};
    struct handle objects[THINGS];

    for (size_t i = 0; i < count; i++)
        objects[i] = rig->things[ids[i]]->hot.handle;
    batch_wait(rig->batch, &waiter, objects, count);
}

/* One request that gives one thing one number. */
static void request(struct rig *rig, struct note *note, size_t id, uint32_t number)
{
    stage_as(rig, id, number, false);
    wait_for(rig, note, &id, 1);
}

static void answer(struct rig *rig, enum storage_outcome outcome)
{
    storage_script_answer(rig->storage, outcome);
}

START_TEST(nothing_uncommitted_is_seen)
{
    struct rig rig;
    struct note note = {0};

    rig_init(&rig);
    request(&rig, &note, 1, 7);
    ck_assert_uint_eq(seen(&rig, 1), 0);
    turn(&rig);
    ck_assert_uint_eq(seen(&rig, 1), 0);
    ck_assert_int_eq(note.committed, 0);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_uint_eq(seen(&rig, 1), 7);
    ck_assert_int_eq(note.committed, 1);
    ck_assert_int_eq(rig.things[1]->effects, 1);
    ck_assert(batch_is_idle(rig.batch));
    rig_deinit(&rig);
}
END_TEST

START_TEST(a_failed_batch_refuses_every_request_built_on_it)
{
    struct rig rig;
    struct note first = {0}, second = {0}, third = {0};

    rig_init(&rig);
    request(&rig, &first, 1, 1);
    turn(&rig);
    request(&rig, &second, 1, 2);
    request(&rig, &third, 2, 3);
    answer(&rig, STORAGE_FAILED);
    ck_assert_int_eq(first.refused, 1);
    ck_assert_int_eq(second.refused, 1);
    ck_assert_int_eq(third.refused, 0);
    ck_assert_ptr_null(rig.things[1]);
    turn(&rig);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_int_eq(third.committed, 1);
    ck_assert_int_eq(first.committed + second.committed, 0);
    rig_deinit(&rig);
}
END_TEST

START_TEST(a_change_during_a_commit_waits_for_the_next_batch)
{
    struct rig rig;
    struct note first = {0}, second = {0};

    rig_init(&rig);
    request(&rig, &first, 1, 1);
    turn(&rig);
    request(&rig, &second, 1, 2);
    turn(&rig);
    ck_assert_int_eq(rig.storage->writes, 1);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_uint_eq(seen(&rig, 1), 1);
    ck_assert_int_eq(first.committed, 1);
    ck_assert_int_eq(second.committed, 0);
    turn(&rig);
    ck_assert_int_eq(storage_script_row(rig.storage, 1)->change, STORAGE_UPDATE);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_uint_eq(seen(&rig, 1), 2);
    ck_assert_int_eq(second.committed, 1);
    rig_deinit(&rig);
}
END_TEST

START_TEST(made_and_changed_in_one_batch_is_one_insert)
{
    struct rig rig;
    struct note notes[2] = {{0}};

    rig_init(&rig);
    request(&rig, &notes[0], 1, 1);
    request(&rig, &notes[1], 1, 2);
    turn(&rig);
    ck_assert_uint_eq(rig.storage->rows, 1);
    ck_assert_int_eq(storage_script_row(rig.storage, 1)->change, STORAGE_INSERT);
    ck_assert_uint_eq(storage_script_row(rig.storage, 1)->cseq, 2);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_int_eq(notes[0].committed, 1);
    ck_assert_int_eq(notes[1].committed, 1);
    rig_deinit(&rig);
}
END_TEST

START_TEST(made_and_removed_in_one_batch_writes_no_row)
{
    struct rig rig;
    struct note notes[2] = {{0}};
    const size_t id = 1;

    rig_init(&rig);
    request(&rig, &notes[0], id, 1);
    stage_as(&rig, id, 2, true);
    wait_for(&rig, &notes[1], &id, 1);
    turn(&rig);
    ck_assert_uint_eq(rig.storage->rows, 0);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_int_eq(notes[0].committed, 1);
    ck_assert_int_eq(notes[1].committed, 1);
    ck_assert_ptr_null(rig.things[id]);
    rig_deinit(&rig);
}
END_TEST

START_TEST(bisection_isolates_the_poisoned_request)
{
    const size_t count = (size_t)_i;

    for (size_t poison = 0; poison < count; poison++) {
        struct rig rig;
        struct note notes[64] = {{0}};

        rig_init(&rig);
        for (size_t i = 0; i < count; i++)
            request(&rig, &notes[i], i, 5);
        turn(&rig);
        while (rig.storage->on_written != NULL)
            answer(&rig, storage_script_row(rig.storage, (int64_t)poison) != NULL
                             ? STORAGE_FAILED
                             : STORAGE_COMMITTED);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(notes[i].committed, i != poison);
            ck_assert_int_eq(notes[i].refused, i == poison);
            ck_assert_uint_eq(seen(&rig, i), i == poison ? 0 : 5);
        }
        rig_deinit(&rig);
    }
}
END_TEST

START_TEST(requests_that_share_objects_are_refused_or_committed_as_one)
{
    struct rig rig;
    struct note notes[4] = {{0}};
    const size_t both[] = {1, 2};

    rig_init(&rig);
    request(&rig, &notes[0], 1, 1);
    request(&rig, &notes[1], 3, 1);
    stage_as(&rig, 1, 2, false);
    stage_as(&rig, 2, 2, false);
    wait_for(&rig, &notes[2], both, 2);
    request(&rig, &notes[3], 2, 3);
    turn(&rig);
    while (rig.storage->on_written != NULL)
        answer(&rig,
               storage_script_row(rig.storage, 2) != NULL ? STORAGE_FAILED : STORAGE_COMMITTED);
    ck_assert_int_eq(notes[0].refused, 1);
    ck_assert_int_eq(notes[2].refused, 1);
    ck_assert_int_eq(notes[3].refused, 1);
    ck_assert_int_eq(notes[1].committed, 1);
    rig_deinit(&rig);
}
END_TEST

START_TEST(who_waits_for_what_bisection_set_aside_is_answered_with_it)
{
    struct rig rig;
    struct note notes[3] = {{0}};
    const size_t aside = 1;

    rig_init(&rig);
    request(&rig, &notes[0], 0, 1);
    request(&rig, &notes[1], aside, 1);
    turn(&rig);
    answer(&rig, STORAGE_FAILED);
    ck_assert_ptr_null(storage_script_row(rig.storage, (int64_t)aside));
    wait_for(&rig, &notes[2], &aside, 1); /* a repeat: it stages nothing */
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_int_eq(notes[0].committed, 1);
    ck_assert_int_eq(notes[2].committed, 0);
    ck_assert_uint_eq(seen(&rig, aside), 0);
    ck_assert_ptr_nonnull(storage_script_row(rig.storage, (int64_t)aside));
    answer(&rig, STORAGE_FAILED);
    ck_assert_int_eq(notes[1].refused, 1);
    ck_assert_int_eq(notes[2].refused, 1);
    rig_deinit(&rig);
}
END_TEST

START_TEST(the_cap_cuts_between_requests_and_never_tears_one)
{
    struct rig rig;
    struct note notes[4] = {{0}};
    const size_t both[] = {0, 3};

    rig_init_with(&rig, 2, 0, PATIENCE_US);
    stage_as(&rig, 0, 1, false);
    stage_as(&rig, 3, 1, false);
    wait_for(&rig, &notes[0], both, 2);
    request(&rig, &notes[1], 1, 1);
    request(&rig, &notes[2], 2, 1);
    request(&rig, &notes[3], 3, 2); /* built on the first */
    turn(&rig);
    ck_assert_ptr_nonnull(storage_script_row(rig.storage, 0));
    ck_assert_uint_eq(storage_script_row(rig.storage, 3)->cseq, 2);
    ck_assert_ptr_null(storage_script_row(rig.storage, 2));
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_int_eq(notes[0].committed, 1);
    ck_assert_int_eq(notes[3].committed, 1);
    ck_assert_int_eq(notes[2].committed, 0);
    turn(&rig);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_int_eq(notes[2].committed, 1);
    rig_deinit(&rig);
}
END_TEST

START_TEST(patience_refuses_what_waits_but_what_is_in_flight_takes_place)
{
    struct rig rig;
    struct note flying = {0}, queued = {0};

    rig_init_with(&rig, 1000, 0, IMPATIENCE_US);
    request(&rig, &flying, 1, 1);
    turn(&rig);
    request(&rig, &queued, 2, 2);
    ck_assert(batch_is_open(rig.batch));
    sleep_us(&rig, IMPATIENCE_US + 10000);
    ck_assert(!batch_is_open(rig.batch));
    ck_assert_int_eq(flying.refused, 1);
    ck_assert_int_eq(flying.why, STATUS_UNAVAILABLE);
    ck_assert_int_eq(queued.refused, 1);
    ck_assert_ptr_null(rig.things[2]);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_uint_eq(seen(&rig, 1), 1);
    ck_assert_int_eq(flying.committed, 0);
    turn(&rig);
    ck_assert_int_eq(rig.storage->writes, 1);
    ck_assert(batch_is_open(rig.batch));
    rig_deinit(&rig);
}
END_TEST

START_TEST(a_database_that_is_away_refuses_as_unavailable)
{
    struct rig rig;
    struct note note = {0};

    rig_init(&rig);
    rig.storage->away = true;
    ck_assert(!batch_is_open(rig.batch));
    request(&rig, &note, 1, 1);
    turn(&rig);
    answer(&rig, STORAGE_AWAY);
    ck_assert_int_eq(note.refused, 1);
    ck_assert_int_eq(note.why, STATUS_UNAVAILABLE);
    ck_assert_ptr_null(rig.things[1]);
    rig_deinit(&rig);
}
END_TEST

START_TEST(batches_keep_their_distance_when_requests_keep_coming)
{
    struct rig rig;
    struct note notes[4] = {{0}};

    rig_init_with(&rig, 1000, 5000, PATIENCE_US);
    request(&rig, &notes[0], 1, 1);
    request(&rig, &notes[1], 2, 1);
    sleep_us(&rig, 6000);
    answer(&rig, STORAGE_COMMITTED);
    request(&rig, &notes[2], 3, 1);
    request(&rig, &notes[3], 4, 1);
    sleep_us(&rig, 8000);
    ck_assert_int_eq(rig.storage->writes, 2);
    answer(&rig, STORAGE_COMMITTED);
    ck_assert_int_eq(notes[3].committed, 1);
    rig_deinit(&rig);
}
END_TEST

/* What the rows hold after every batch that was answered as committed. */
static void apply(const struct storage *storage, uint32_t rows[THINGS])
{
    for (size_t i = 0; i < storage->rows; i++) {
        const struct script_row *row = &storage->row[i];

        ck_assert_msg((row->change == STORAGE_INSERT) == (rows[row->id] == 0),
                      "an insert of what is there, or a change of what is not");
        rows[row->id] = row->change == STORAGE_DELETE ? 0 : row->cseq;
    }
}

static void random_answer(struct rig *rig, uint32_t rows[THINGS])
{
    int dice = rand() % 10;

    if (rig->storage->on_written == NULL)
        return;
    if (dice < 6)
        apply(rig->storage, rows);
    answer(rig, dice < 6 ? STORAGE_COMMITTED : dice < 9 ? STORAGE_FAILED : STORAGE_AWAY);
}

/* One to three things of twelve; a third of the requests only wait for what is pending. */
static void random_request(struct rig *rig, struct note *note, uint32_t number)
{
    size_t ids[3];
    size_t count = 0;
    bool pending = false;

    for (int i = rand() % 3; i >= 0; i--) {
        size_t id = (size_t)(rand() % 4) + 4 * (size_t)i;

        if (rig->things[id] == NULL ||
            (rand() % 3 != 0 && !rig->things[id]->hot.newest->removed)) /* as the nouns do it */
            stage_as(rig, id, number, rig->things[id] != NULL && rand() % 4 == 0);
        pending = pending || !hot_is_settled(&rig->things[id]->hot);
        ids[count++] = id;
    }
    if (pending)
        wait_for(rig, note, ids, count);
    else
        note->committed++;
}

START_TEST(memory_and_rows_agree_over_random_commits_and_failures)
{
    enum { REQUESTS = 600 };
    static struct note notes[REQUESTS];
    struct rig rig;
    uint32_t rows[THINGS] = {0};

    memset(notes, 0, sizeof(notes));
    srand((unsigned)_i);
    rig_init_with(&rig, 8, 0, PATIENCE_US);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        random_request(&rig, &notes[i], i + 1);
        if (rand() % 3 == 0)
            turn(&rig);
        if (rand() % 3 == 0)
            random_answer(&rig, rows);
        for (size_t id = 0; id < THINGS; id++)
            ck_assert_msg(seen(&rig, id) == rows[id], "seed %d, request %u: %u seen, %u stored", _i,
                          i, seen(&rig, id), rows[id]);
    }
    for (turn(&rig); !batch_is_idle(rig.batch); turn(&rig))
        random_answer(&rig, rows);
    for (size_t i = 0; i < REQUESTS; i++)
        ck_assert_msg(notes[i].committed + notes[i].refused == 1, "seed %d, request %zu: %d, %d",
                      _i, i, notes[i].committed, notes[i].refused);
    rig_deinit(&rig);
}
END_TEST

Suite *state_batch_suite(void);

Suite *state_batch_suite(void)
{
    Suite *suite = suite_create("state/batch");
    TCase *tcase = tcase_create("batches");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nothing_uncommitted_is_seen);
    tcase_add_test(tcase, a_failed_batch_refuses_every_request_built_on_it);
    tcase_add_test(tcase, a_change_during_a_commit_waits_for_the_next_batch);
    tcase_add_test(tcase, made_and_changed_in_one_batch_is_one_insert);
    tcase_add_test(tcase, made_and_removed_in_one_batch_writes_no_row);
    tcase_add_loop_test(tcase, bisection_isolates_the_poisoned_request, 1, 65);
    tcase_add_test(tcase, requests_that_share_objects_are_refused_or_committed_as_one);
    tcase_add_test(tcase, who_waits_for_what_bisection_set_aside_is_answered_with_it);
    tcase_add_test(tcase, the_cap_cuts_between_requests_and_never_tears_one);
    tcase_add_test(tcase, patience_refuses_what_waits_but_what_is_in_flight_takes_place);
    tcase_add_test(tcase, a_database_that_is_away_refuses_as_unavailable);
    tcase_add_test(tcase, batches_keep_their_distance_when_requests_keep_coming);
    tcase_add_loop_test(tcase, memory_and_rows_agree_over_random_commits_and_failures, 0, 40);
    suite_add_tcase(suite, tcase);
    return suite;
}
