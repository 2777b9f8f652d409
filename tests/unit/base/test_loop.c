#include "server/base/loop.h"
#include "tests/unit/run.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* What happened, one letter each, in order. */
struct story {
    struct loop *loop;
    char text[64];
    size_t len;
    int ends[2];
    struct loop_io *io;
    struct timer timer;
    struct loop_later later;
    struct loop_later other;
    int laters;
};

static void tell(struct story *self, char what)
{
    if (self->len + 1 < sizeof(self->text))
        self->text[self->len++] = what;
}

static void story_begin(struct story *self)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop_new();
    ck_assert_int_eq(pipe(self->ends), 0);
}

static void story_end(struct story *self)
{
    loop_io_free(self->io);
    loop_free(self->loop);
    close(self->ends[0]);
    close(self->ends[1]);
}

static void make_readable(const struct story *self)
{
    ck_assert_int_eq((int)write(self->ends[1], "x", 1), 1);
}

static void on_timer(struct timer *timer, struct instant now)
{
    struct story *self = CONTAINER_OF(timer, struct story, timer);

    ck_assert_int_eq(now.us, loop_now(self->loop).us);
    tell(self, 't');
}

static void on_later(struct loop_later *later)
{
    tell(CONTAINER_OF(later, struct story, later), 'l');
}

static void on_io(void *context, int events)
{
    struct story *self = context;
    char byte;

    if ((events & LOOP_READ) != 0) {
        ck_assert_int_eq((int)read(self->ends[0], &byte, 1), 1);
        tell(self, 'r');
    }
    if ((events & LOOP_WRITE) != 0)
        tell(self, 'w');
    loop_later(self->loop, &self->later);
    loop_later(self->loop, &self->later);
}

static void on_hook_1(void *context)
{
    tell(context, '1');
}

static void on_hook_2(void *context)
{
    tell(context, '2');
}

static void on_hook_3(void *context)
{
    tell(context, '3');
}

START_TEST(a_turn_is_timers_then_descriptors_then_later_then_hooks_by_place)
{
    struct story story;

    story_begin(&story);
    loop_later_init(&story.later, on_later);
    loop_each_turn(story.loop, 30, on_hook_3, &story);
    loop_each_turn(story.loop, 10, on_hook_1, &story);
    loop_each_turn(story.loop, 20, on_hook_2, &story);
    story.io = loop_io_new(story.loop, story.ends[0], LOOP_READ, on_io, &story);
    make_readable(&story);
    timer_start(loop_timers(story.loop), &story.timer, loop_now(story.loop), on_timer);
    ck_assert_str_eq(story.text, "");
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "trl123");
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "trl123123");
    story_end(&story);
}
END_TEST

START_TEST(a_hook_of_negative_place_runs_before_the_timers)
{
    struct story story;

    story_begin(&story);
    loop_each_turn(story.loop, 0, on_hook_2, &story);
    loop_each_turn(story.loop, -1, on_hook_1, &story);
    timer_start(loop_timers(story.loop), &story.timer, loop_now(story.loop), on_timer);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "1t2");
    story_end(&story);
}
END_TEST

START_TEST(what_is_watched_for_can_be_changed_and_paused)
{
    struct story story;

    story_begin(&story);
    loop_later_init(&story.later, on_later);
    story.io = loop_io_new(story.loop, story.ends[1], 0, on_io, &story);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "");
    loop_io_set(story.io, LOOP_WRITE);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "wl");
    loop_io_set(story.io, LOOP_READ);
    loop_run_once(story.loop, 0);
    loop_io_set(story.io, 0);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "wl");
    loop_io_set(story.io, LOOP_READ | LOOP_WRITE);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "wlwl");
    story_end(&story);
}
END_TEST

static void free_in_callback(void *context, int events)
{
    struct story *self = context;

    (void)events;
    tell(self, 'f');
    loop_io_free(self->io);
    self->io = NULL;
}

START_TEST(a_watch_may_end_in_its_own_callback)
{
    struct story story;

    story_begin(&story);
    story.io = loop_io_new(story.loop, story.ends[0], LOOP_READ, free_in_callback, &story);
    make_readable(&story);
    loop_run_once(story.loop, 0);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "f");
    loop_io_free(NULL);
    story_end(&story);
}
END_TEST

struct pair {
    struct loop_io *ios[2];
    int calls;
};

static void free_the_pair(void *context, int events)
{
    struct pair *pair = context;

    (void)events;
    pair->calls++;
    for (int i = 0; i < 2; i++)
        loop_io_free(pair->ios[i]);
}

START_TEST(a_watch_ended_by_another_is_not_called_though_it_is_ready)
{
    struct story story;
    struct pair pair = {0};

    story_begin(&story);
    make_readable(&story);
    pair.ios[0] = loop_io_new(story.loop, story.ends[0], LOOP_READ, free_the_pair, &pair);
    pair.ios[1] = loop_io_new(story.loop, story.ends[1], LOOP_WRITE, free_the_pair, &pair);
    loop_run_once(story.loop, 0);
    ck_assert_int_eq(pair.calls, 1);
    story_end(&story);
}
END_TEST

static void ask_for_other(struct loop_later *later)
{
    struct story *self = CONTAINER_OF(later, struct story, later);

    tell(self, 'a');
    loop_later(self->loop, &self->other);
}

static void on_other(struct loop_later *later)
{
    tell(CONTAINER_OF(later, struct story, other), 'o');
}

START_TEST(what_is_asked_for_at_the_end_of_a_turn_runs_in_that_turn)
{
    struct story story;

    story_begin(&story);
    loop_later_init(&story.later, ask_for_other);
    loop_later_init(&story.other, on_other);
    loop_each_turn(story.loop, 0, on_hook_1, &story);
    loop_later(story.loop, &story.later);
    ck_assert_str_eq(story.text, "");
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "ao1");
    story_end(&story);
}
END_TEST

static void ask_again(struct loop_later *later)
{
    struct story *self = CONTAINER_OF(later, struct story, later);

    self->laters++;
    loop_later(self->loop, later);
}

START_TEST(one_that_always_asks_again_starves_nobody)
{
    struct story story;
    int first;

    story_begin(&story);
    loop_later_init(&story.later, ask_again);
    loop_each_turn(story.loop, 0, on_hook_1, &story);
    loop_later(story.loop, &story.later);
    loop_run_once(story.loop, INT64_C(3600) * US_PER_S); /* and does not sleep */
    first = story.laters;
    ck_assert_int_gt(first, 0);
    loop_run_once(story.loop, INT64_C(3600) * US_PER_S);
    ck_assert_int_gt(story.laters, first);
    ck_assert_str_eq(story.text, "11");
    loop_later_cancel(&story.later);
    story_end(&story);
}
END_TEST

static void ask_from_hook(void *context)
{
    struct story *self = context;

    tell(self, 'h');
    if (self->len == 1)
        loop_later(self->loop, &self->later);
}

START_TEST(what_a_hook_asks_for_runs_without_a_sleep_before_it)
{
    struct story story;

    story_begin(&story);
    loop_later_init(&story.later, on_later);
    loop_each_turn(story.loop, 0, ask_from_hook, &story);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "h");
    loop_run_once(story.loop, INT64_C(3600) * US_PER_S);
    ck_assert_str_eq(story.text, "hlh");
    story_end(&story);
}
END_TEST

START_TEST(a_cancelled_later_does_not_run)
{
    struct story story;

    story_begin(&story);
    loop_later_init(&story.later, on_later);
    loop_later(story.loop, &story.later);
    loop_later_cancel(&story.later);
    loop_run_once(story.loop, 0);
    ck_assert_str_eq(story.text, "");
    story_end(&story);
}
END_TEST

static void stop_loop(struct timer *timer, struct instant now)
{
    struct story *self = CONTAINER_OF(timer, struct story, timer);

    (void)now;
    tell(self, 's');
    loop_stop(self->loop);
}

START_TEST(the_loop_sleeps_until_the_next_timer_and_ends_its_last_turn)
{
    struct story story;
    struct instant begin;
    int64_t slept_us;

    story_begin(&story);
    loop_each_turn(story.loop, 0, on_hook_1, &story);
    begin = loop_now(story.loop);
    timer_start(loop_timers(story.loop), &story.timer, instant_after(begin, 30 * US_PER_MS),
                stop_loop);
    loop_run(story.loop);
    slept_us = loop_now(story.loop).us - begin.us;
    ck_assert_int_ge(slept_us, 30 * US_PER_MS);
    ck_assert_int_lt(slept_us, 2 * US_PER_S);
    ck_assert_int_eq(story.text[story.len - 1], '1');
    ck_assert_int_eq(story.text[story.len - 2], 's');
    ck_assert_uint_le(story.len, 6); /* few turns: it slept */
    story_end(&story);
}
END_TEST

START_TEST(a_wait_ends_though_nothing_happens)
{
    struct story story;
    struct instant begin;

    story_begin(&story);
    loop_run_once(story.loop, 0);
    begin = loop_now(story.loop);
    loop_run_once(story.loop, 20 * US_PER_MS);
    ck_assert_int_ge(loop_now(story.loop).us - begin.us, 15 * US_PER_MS);
    ck_assert_int_lt(loop_now(story.loop).us - begin.us, 2 * US_PER_S);
    ck_assert_int_gt(loop_wall(story.loop).us, INT64_C(1700000000) * US_PER_S);
    story_end(&story);
}
END_TEST

static void on_usr1(void *context, int number)
{
    ck_assert_int_eq(number, SIGUSR1);
    tell(context, 'u');
}

START_TEST(signals_come_as_part_of_a_turn)
{
    struct story story;

    story_begin(&story);
    loop_on_signal(story.loop, SIGUSR1, on_usr1, &story);
    loop_run_once(story.loop, 0);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_str_eq(story.text, "");
    loop_run_once(story.loop, US_PER_S);
    ck_assert_str_eq(story.text, "u");
    story_end(&story);
}
END_TEST

Suite *base_loop_suite(void);

Suite *base_loop_suite(void)
{
    Suite *suite = suite_create("base/loop");
    TCase *turns = tcase_create("turns");
    TCase *descriptors = tcase_create("descriptors");

    tcase_add_test(turns, a_turn_is_timers_then_descriptors_then_later_then_hooks_by_place);
    tcase_add_test(turns, a_hook_of_negative_place_runs_before_the_timers);
    tcase_add_test(turns, what_is_asked_for_at_the_end_of_a_turn_runs_in_that_turn);
    tcase_add_test(turns, one_that_always_asks_again_starves_nobody);
    tcase_add_test(turns, what_a_hook_asks_for_runs_without_a_sleep_before_it);
    tcase_add_test(turns, a_cancelled_later_does_not_run);
    tcase_add_test(turns, the_loop_sleeps_until_the_next_timer_and_ends_its_last_turn);
    tcase_add_test(turns, a_wait_ends_though_nothing_happens);
    tcase_add_test(turns, signals_come_as_part_of_a_turn);
    tcase_add_test(descriptors, what_is_watched_for_can_be_changed_and_paused);
    tcase_add_test(descriptors, a_watch_may_end_in_its_own_callback);
    tcase_add_test(descriptors, a_watch_ended_by_another_is_not_called_though_it_is_ready);
    suite_add_tcase(suite, turns);
    suite_add_tcase(suite, descriptors);
    return suite;
}
