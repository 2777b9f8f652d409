#include "server/base/pool.h"
#include "tests/unit/run.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024 };

/* The second number of statm(5). */
static size_t resident_bytes(void)
{
    char line[200];
    FILE *file = fopen("/proc/self/statm", "r");

    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_int_eq(fclose(file), 0);
    return strtoul(strchr(line, ' '), NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(slots_are_aligned_apart_and_capped)
{
    static const size_t sizes[] = {1, 4, 16, 17, 1000, 40000, CHUNK_BYTES};
    enum { COUNT = 50 };
    unsigned char *slots[COUNT];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct pool *pool = pool_new(sizes[i], COUNT);

        for (int j = 0; j < COUNT; j++) {
            slots[j] = pool_alloc(pool);
            ck_assert_ptr_nonnull(slots[j]);
            ck_assert_uint_eq((uintptr_t)slots[j] % alignof(max_align_t), 0);
            memset(slots[j], j, sizes[i]);
        }
        ck_assert_ptr_null(pool_alloc(pool));
        ck_assert_uint_eq(pool_count(pool), COUNT);
        for (int j = 0; j < COUNT; j++) {
            ck_assert_int_eq(slots[j][0], j);
            ck_assert_int_eq(slots[j][sizes[i] - 1], j);
            pool_free_slot(pool, slots[j]);
        }
        pool_free_slot(pool, NULL);
        ck_assert_uint_eq(pool_count(pool), 0);
        pool_free(pool);
    }
    pool_free(NULL);
}
END_TEST

START_TEST(after_a_burst_the_memory_goes_back_to_the_system)
{
    enum { COUNT = 100000, BYTES = 600 };
    void **slots = calloc(COUNT, sizeof(*slots));
    struct pool *pool = pool_new(BYTES, COUNT);
    size_t before_bytes = resident_bytes();
    size_t peak_bytes;

    for (int i = 0; i < COUNT; i++) {
        slots[i] = pool_alloc(pool);
        memset(slots[i], 1, BYTES);
    }
    peak_bytes = resident_bytes();
    ck_assert_uint_ge(peak_bytes - before_bytes, (size_t)COUNT * BYTES);
    ck_assert_uint_ge(pool_held_bytes(pool), (size_t)COUNT * BYTES);
    for (int i = 0; i < COUNT; i++)
        pool_free_slot(pool, slots[i]);
    ck_assert_uint_le(pool_held_bytes(pool), (size_t)2 * CHUNK_BYTES);
    ck_assert_uint_ge(peak_bytes - resident_bytes(), (size_t)COUNT * BYTES * 9 / 10);
    pool_free(pool);
    free(slots);
}
END_TEST

START_TEST(the_pool_drains_though_traffic_goes_on)
{
    enum { COUNT = 50000, STEADY = 500, BYTES = 500 };
    void **slots = calloc(COUNT, sizeof(*slots));
    struct pool *pool = pool_new(BYTES, COUNT);

    for (int i = 0; i < COUNT; i++)
        slots[i] = pool_alloc(pool);
    /* A queue that shrinks: the oldest ends, and for some that end a new one begins. */
    for (int i = 0, last = 0; i < COUNT; i++) {
        pool_free_slot(pool, slots[i]);
        slots[i] = NULL;
        if (i % (COUNT / STEADY) == 0)
            slots[last++] = pool_alloc(pool);
    }
    ck_assert_uint_eq(pool_count(pool), STEADY);
    ck_assert_uint_le(pool_held_bytes(pool),
                      (size_t)(STEADY * 512 / CHUNK_BYTES + 4) * CHUNK_BYTES);
    pool_free(pool);
    free(slots);
}
END_TEST

START_TEST(a_new_object_goes_to_the_lowest_place_with_room)
{
    enum { COUNT = 200000, BYTES = 1024 };
    char **slots = calloc(COUNT, sizeof(*slots));
    struct pool *pool = pool_new(BYTES, COUNT);
    static const int freed[] = {190000, 5, 70000, 100};
    static const int in_order[] = {5, 100, 70000, 190000};

    for (int i = 0; i < COUNT; i++)
        slots[i] = pool_alloc(pool);
    for (int i = 0; i < 4; i++)
        pool_free_slot(pool, slots[freed[i]]);
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_eq(pool_alloc(pool), slots[in_order[i]]);
    ck_assert_ptr_null(pool_alloc(pool));
    pool_free(pool);
    free(slots);
}
END_TEST

START_TEST(random_use_never_hands_out_a_slot_twice)
{
    enum { COUNT = 3000, CHANGES = 200000 };
    unsigned **slots = calloc(COUNT, sizeof(*slots));
    struct pool *pool = pool_new(200, COUNT);
    unsigned seed = 7, share = 1;
    size_t count = 0;

    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned which = (unsigned)rand_r(&seed) % COUNT;

        if (i % 10000 == 0)
            share = 1 + (unsigned)rand_r(&seed) % 9;
        if (slots[which] != NULL && *slots[which] != which)
            ck_abort_msg("slot %u was overwritten by %u", which, *slots[which]);
        if (slots[which] == NULL && (unsigned)rand_r(&seed) % 10 < share) {
            slots[which] = pool_alloc(pool);
            *slots[which] = which;
            count++;
        } else if (slots[which] != NULL && (unsigned)rand_r(&seed) % 10 >= share) {
            pool_free_slot(pool, slots[which]);
            slots[which] = NULL;
            count--;
        }
    }
    ck_assert_uint_eq(pool_count(pool), count);
    pool_free(pool);
    free(slots);
}
END_TEST

Suite *base_pool_suite(void);

Suite *base_pool_suite(void)
{
    Suite *suite = suite_create("base/pool");
    TCase *tcase = tcase_create("slots");

    tcase_add_test(tcase, slots_are_aligned_apart_and_capped);
    tcase_add_test(tcase, after_a_burst_the_memory_goes_back_to_the_system);
    tcase_add_test(tcase, the_pool_drains_though_traffic_goes_on);
    tcase_add_test(tcase, a_new_object_goes_to_the_lowest_place_with_room);
    tcase_add_test(tcase, random_use_never_hands_out_a_slot_twice);
    suite_add_tcase(suite, tcase);
    return suite;
}
