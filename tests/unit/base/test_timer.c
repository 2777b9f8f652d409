#include "server/base/list.h"
#include "server/base/timer.h"
#include "tests/unit/run.h"

#include <stdint.h>
#include <stdlib.h>

#define START_US INT64_C(123456789)

static struct instant at_ms(int64_t ms)
{
    return (struct instant){START_US + ms * US_PER_MS};
}

/* A timer that records when it ran, and may do something then. */
struct waiter {
    struct timer timer;
    int runs;
    struct instant ran_at;
    int order;
    struct course *course;
    void (*then)(struct waiter *self, struct instant now);
};

struct course {
    struct timers *timers;
    int runs;
    struct waiter **all;
};

static void on_due(struct timer *timer, struct instant now)
{
    struct waiter *self = CONTAINER_OF(timer, struct waiter, timer);

    self->runs++;
    self->ran_at = now;
    if (self->course == NULL)
        return;
    self->order = self->course->runs++;
    if (self->then != NULL)
        self->then(self, now);
}

START_TEST(a_timer_runs_once_and_not_a_microsecond_early)
{
    static const int64_t delays_ms[] = {1,     2,     255,      256,      257,       511,
                                        65535, 65536, 16777215, 16777216, 4294967295};

    for (size_t i = 0; i < sizeof(delays_ms) / sizeof(delays_ms[0]); i++) {
        struct timers *timers = timers_new(at_ms(0));
        struct instant due = at_ms(delays_ms[i]);
        struct waiter waiter = {0};

        timer_start(timers, &waiter.timer, due, on_due);
        ck_assert(timer_is_running(&waiter.timer));
        timers_run(timers, (struct instant){due.us - 1});
        ck_assert_int_eq(waiter.runs, 0);
        timers_run(timers, due);
        ck_assert_int_eq(waiter.runs, 1);
        ck_assert(!timer_is_running(&waiter.timer));
        timers_run(timers, instant_after(due, INT64_C(1) << 50));
        ck_assert_int_eq(waiter.runs, 1);
        timers_free(timers);
    }
}
END_TEST

START_TEST(beyond_the_wheels_time_goes_on)
{
    struct timers *timers = timers_new(at_ms(0));
    struct instant due = at_ms((INT64_C(3) << 32) + 77), next;
    struct waiter far = {0}, never = {0};
    int wakes = 0;

    timer_start(timers, &far.timer, due, on_due);
    timer_start(timers, &never.timer, (struct instant){INT64_MAX}, on_due);
    while (far.runs == 0) {
        ck_assert(timers_next(timers, &next));
        ck_assert_int_le(next.us, due.us);
        timers_run(timers, next);
        ck_assert_int_lt(++wakes, 20);
    }
    ck_assert_int_eq(far.ran_at.us, due.us);
    timer_stop(timers, &never.timer);
    ck_assert(!timers_next(timers, &next));
    timers_free(timers);
}
END_TEST

START_TEST(what_is_overdue_runs_next_time_and_not_from_inside)
{
    struct timers *timers = timers_new(at_ms(0));
    struct waiter waiter = {0};
    struct instant next;

    timers_run(timers, at_ms(1000));
    timer_start(timers, &waiter.timer, at_ms(10), on_due);
    ck_assert_int_eq(waiter.runs, 0);
    ck_assert(timers_next(timers, &next));
    ck_assert_int_le(next.us, at_ms(1000).us);
    timers_run(timers, at_ms(1000));
    ck_assert_int_eq(waiter.runs, 1);
    timers_free(timers);
}
END_TEST

START_TEST(a_stopped_timer_never_runs_and_nobody_wakes_for_it)
{
    struct timers *timers = timers_new(at_ms(0));
    struct waiter waiters[3] = {0};
    struct instant next;

    timer_stop(timers, &waiters[0].timer);
    for (int i = 0; i < 3; i++)
        timer_start(timers, &waiters[i].timer, at_ms(300), on_due);
    ck_assert_uint_eq(timers_count(timers), 3);
    for (int i = 0; i < 3; i++) {
        ck_assert(timers_next(timers, &next));
        timer_stop(timers, &waiters[i].timer);
        timer_stop(timers, &waiters[i].timer);
    }
    ck_assert_uint_eq(timers_count(timers), 0);
    ck_assert(!timers_next(timers, &next));
    timers_run(timers, at_ms(1000));
    ck_assert_int_eq(waiters[0].runs + waiters[1].runs + waiters[2].runs, 0);
    timers_free(timers);
    timers_free(NULL);
}
END_TEST

START_TEST(a_restarted_timer_keeps_only_its_last_time)
{
    struct timers *timers = timers_new(at_ms(0));
    struct waiter waiter = {0};

    timer_start(timers, &waiter.timer, at_ms(10), on_due);
    timer_start(timers, &waiter.timer, at_ms(70000), on_due);
    timer_start(timers, &waiter.timer, at_ms(500), on_due);
    ck_assert_uint_eq(timers_count(timers), 1);
    timers_run(timers, at_ms(499));
    ck_assert_int_eq(waiter.runs, 0);
    timers_run(timers, at_ms(100000));
    ck_assert_int_eq(waiter.runs, 1);
    timers_free(timers);
}
END_TEST

START_TEST(the_oldest_tick_runs_first_in_a_far_jump)
{
    static const int64_t delays_ms[] = {90000000, 3, 70000, 256, 255, 17000000, 300};
    enum { COUNT = sizeof(delays_ms) / sizeof(delays_ms[0]) };
    static const int order[COUNT] = {6, 0, 4, 2, 1, 5, 3};
    struct course course = {.timers = timers_new(at_ms(0))};
    struct waiter waiters[COUNT] = {0};

    for (int i = 0; i < COUNT; i++) {
        waiters[i].course = &course;
        timer_start(course.timers, &waiters[i].timer, at_ms(delays_ms[i]), on_due);
    }
    timers_run(course.timers, at_ms(INT64_C(10000000000)));
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(waiters[i].order, order[i]);
    timers_free(course.timers);
}
END_TEST

static void stop_both(struct waiter *self, struct instant now)
{
    (void)now;
    for (int i = 0; i < 2; i++)
        timer_stop(self->course->timers, &self->course->all[i]->timer);
}

START_TEST(a_callback_may_stop_a_timer_of_the_same_tick)
{
    struct waiter waiters[2] = {0};
    struct waiter *all[2] = {&waiters[0], &waiters[1]};
    struct course course = {.timers = timers_new(at_ms(0)), .all = all};

    for (int i = 0; i < 2; i++) {
        waiters[i].course = &course;
        waiters[i].then = stop_both;
        timer_start(course.timers, &waiters[i].timer, at_ms(5), on_due);
    }
    timers_run(course.timers, at_ms(5));
    ck_assert_int_eq(waiters[0].runs + waiters[1].runs, 1);
    ck_assert_uint_eq(timers_count(course.timers), 0);
    timers_free(course.timers);
}
END_TEST

enum { FREED = 10 };

static void free_all(struct waiter *self, struct instant now)
{
    struct course *course = self->course;

    (void)now;
    for (int i = 0; i < FREED; i++) {
        timer_stop(course->timers, &course->all[i]->timer);
        free(course->all[i]);
    }
}

START_TEST(a_callback_may_free_every_timer_also_its_own)
{
    struct waiter *all[FREED];
    struct course course = {.timers = timers_new(at_ms(0)), .all = all};

    for (int i = 0; i < FREED; i++) {
        all[i] = calloc(1, sizeof(*all[i]));
        all[i]->course = &course;
        all[i]->then = free_all;
        timer_start(course.timers, &all[i]->timer, at_ms(i < 7 ? 5 : 400), on_due);
    }
    timers_run(course.timers, at_ms(500));
    ck_assert_int_eq(course.runs, 1);
    ck_assert_uint_eq(timers_count(course.timers), 0);
    timers_free(course.timers);
}
END_TEST

static void start_again_at_once(struct waiter *self, struct instant now)
{
    timer_start(self->course->timers, &self->timer, now, on_due);
}

START_TEST(a_timer_that_starts_itself_at_once_does_not_hold_up_the_others)
{
    struct course course = {.timers = timers_new(at_ms(0))};
    struct waiter eager = {.course = &course, .then = start_again_at_once};
    struct waiter other = {0};

    timer_start(course.timers, &eager.timer, at_ms(1), on_due);
    timer_start(course.timers, &other.timer, at_ms(2), on_due);
    for (int i = 0; i < 5; i++)
        timers_run(course.timers, at_ms(2));
    ck_assert_int_eq(other.runs, 1);
    ck_assert_int_ge(eager.runs, 5);
    ck_assert_int_le(eager.runs, 6);
    timers_free(course.timers);
}
END_TEST

static void start_again_soon(struct waiter *self, struct instant now)
{
    (void)now;
    if (self->runs < 100)
        timer_start(self->course->timers, &self->timer,
                    instant_after(at_ms(0), self->runs * US_PER_MS), on_due);
}

START_TEST(what_a_callback_starts_within_a_jump_runs_in_it)
{
    struct course course = {.timers = timers_new(at_ms(0))};
    struct waiter waiter = {.course = &course, .then = start_again_soon};

    timer_start(course.timers, &waiter.timer, at_ms(0), on_due);
    timers_run(course.timers, at_ms(0));
    timers_run(course.timers, at_ms(1000));
    ck_assert_int_eq(waiter.runs, 100);
    timers_free(course.timers);
}
END_TEST

START_TEST(time_that_goes_back_does_no_harm)
{
    struct timers *timers = timers_new(at_ms(0));
    struct waiter waiter = {0};

    timers_run(timers, at_ms(1000));
    timers_run(timers, at_ms(-5));
    timer_start(timers, &waiter.timer, at_ms(1005), on_due);
    timers_run(timers, at_ms(900));
    ck_assert_int_eq(waiter.runs, 0);
    timers_run(timers, at_ms(1005));
    ck_assert_int_eq(waiter.runs, 1);
    timers_free(timers);
}
END_TEST

/* ---- against a plain array that is looked through from end to end ---- */

static int64_t random_delay_us(unsigned *seed)
{
    int64_t random = ((int64_t)rand_r(seed) << 31 | rand_r(seed)) & INT64_MAX;

    /* As many short as long: a random number of bits, up to some 2^45 us, a year. */
    return random % (INT64_C(1) << (1 + rand_r(seed) % 45)) - 3;
}

/* Ticks are whole milliseconds from the start on: what is due within one runs at its end. */
static bool reached(const struct waiter *waiter, struct instant now)
{
    return waiter->timer.due_us <= now.us - (now.us - START_US) % US_PER_MS;
}

static void agrees(struct timers *timers, struct waiter waiters[], const bool started[],
                   size_t count)
{
    int64_t earliest_us = INT64_MAX;
    struct instant next;
    size_t running = 0;

    /* An assertion of `check` writes to a file: none for each timer. */
    for (size_t i = 0; i < count; i++) {
        if (timer_is_running(&waiters[i].timer) != started[i])
            ck_abort_msg("timer %zu runs, or runs not", i);
        if (!started[i])
            continue;
        running++;
        if (waiters[i].timer.due_us < earliest_us)
            earliest_us = waiters[i].timer.due_us;
    }
    ck_assert_uint_eq(timers_count(timers), running);
    ck_assert(timers_next(timers, &next) == (running > 0));
    if (running > 0)
        ck_assert_int_le(next.us, earliest_us + 999);
}

START_TEST(random_starts_and_stops_agree_with_a_plain_array)
{
    enum { COUNT = 200, STEPS = 3000 };
    static struct waiter waiters[COUNT];
    bool started[COUNT] = {false};
    unsigned seed = (unsigned)_i + 1;
    struct timers *timers = timers_new((struct instant){START_US});
    struct instant now = {START_US};

    memset(waiters, 0, sizeof(waiters));
    for (int step = 0; step < STEPS; step++) {
        for (int change = rand_r(&seed) % 8; change > 0; change--) {
            size_t which = (size_t)rand_r(&seed) % COUNT;

            started[which] = rand_r(&seed) % 3 != 0;
            if (started[which])
                timer_start(timers, &waiters[which].timer,
                            instant_after(now, random_delay_us(&seed)), on_due);
            else
                timer_stop(timers, &waiters[which].timer);
        }
        if (rand_r(&seed) % 4 != 0 || !timers_next(timers, &now)) {
            int64_t step_us = random_delay_us(&seed);

            now = instant_after(now, step_us < 0 ? 0 : step_us >> rand_r(&seed) % 20);
        }
        timers_run(timers, now);
        for (size_t i = 0; i < COUNT; i++) {
            bool due = started[i] && reached(&waiters[i], now);

            if (waiters[i].runs != due)
                ck_abort_msg("step %d: timer %zu ran %d times", step, i, waiters[i].runs);
            if (due)
                started[i] = false;
            waiters[i].runs = 0;
        }
        agrees(timers, waiters, started, COUNT);
    }
    timers_free(timers);
}
END_TEST

START_TEST(a_million_timers_run_when_they_are_due)
{
    enum { COUNT = 1000000, SPAN_MS = 3600000, STEP_MS = 100 };
    struct waiter *waiters = calloc(COUNT, sizeof(*waiters));
    struct timers *timers = timers_new(at_ms(0));
    unsigned seed = 1;

    for (int i = 0; i < COUNT; i++)
        timer_start(timers, &waiters[i].timer, at_ms(1 + rand_r(&seed) % SPAN_MS), on_due);
    for (int64_t ms = STEP_MS; ms <= SPAN_MS; ms += STEP_MS)
        timers_run(timers, at_ms(ms));
    for (int i = 0; i < COUNT; i++) {
        int64_t late_us = waiters[i].ran_at.us - waiters[i].timer.due_us;

        if (waiters[i].runs != 1 || late_us < 0 || late_us >= STEP_MS * US_PER_MS)
            ck_abort_msg("timer %d ran %d times, %lld us late", i, waiters[i].runs,
                         (long long)late_us);
    }
    ck_assert_uint_eq(timers_count(timers), 0);
    timers_free(timers);
    free(waiters);
}
END_TEST

Suite *base_timer_suite(void);

Suite *base_timer_suite(void)
{
    Suite *suite = suite_create("base/timer");
    TCase *times = tcase_create("times");
    TCase *callbacks = tcase_create("callbacks");
    TCase *many = tcase_create("many");

    tcase_add_test(times, a_timer_runs_once_and_not_a_microsecond_early);
    tcase_add_test(times, beyond_the_wheels_time_goes_on);
    tcase_add_test(times, what_is_overdue_runs_next_time_and_not_from_inside);
    tcase_add_test(times, a_stopped_timer_never_runs_and_nobody_wakes_for_it);
    tcase_add_test(times, a_restarted_timer_keeps_only_its_last_time);
    tcase_add_test(times, the_oldest_tick_runs_first_in_a_far_jump);
    tcase_add_test(times, time_that_goes_back_does_no_harm);
    tcase_add_test(callbacks, a_callback_may_stop_a_timer_of_the_same_tick);
    tcase_add_test(callbacks, a_callback_may_free_every_timer_also_its_own);
    tcase_add_test(callbacks, a_timer_that_starts_itself_at_once_does_not_hold_up_the_others);
    tcase_add_test(callbacks, what_a_callback_starts_within_a_jump_runs_in_it);
    tcase_set_timeout(many, 60);
    tcase_add_loop_test(many, random_starts_and_stops_agree_with_a_plain_array, 0, 20);
    tcase_add_test(many, a_million_timers_run_when_they_are_due);
    suite_add_tcase(suite, times);
    suite_add_tcase(suite, callbacks);
    suite_add_tcase(suite, many);
    return suite;
}
