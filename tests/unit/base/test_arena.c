#include "server/base/arena.h"
#include "tests/unit/run.h"

#include <stdalign.h>
#include <stdint.h>

START_TEST(pieces_are_aligned_whatever_the_memory_lent)
{
    alignas(max_align_t) char memory[256];
    struct arena arena;

    for (size_t shift = 0; shift < alignof(max_align_t); shift++) {
        arena_init(&arena, memory + shift, sizeof(memory) - shift);
        for (size_t size = 1; size < 20; size += 6) {
            char *at = arena_alloc(&arena, size);

            ck_assert_ptr_nonnull(at);
            ck_assert_uint_eq((uintptr_t)at % alignof(max_align_t), 0);
            memset(at, 'x', size);
        }
    }
}
END_TEST

START_TEST(the_cap_is_met_exactly_and_then_nothing_changes)
{
    alignas(max_align_t) char memory[64];
    struct span copy = SPAN("before");
    struct arena arena;

    arena_init(&arena, memory, sizeof(memory));
    ck_assert_ptr_null(arena_alloc(&arena, 65));
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_nonnull(arena_alloc(&arena, 61));
    ck_assert(arena_copy(&arena, SPAN("abc"), &copy));
    ck_assert_ptr_null(arena_alloc(&arena, 1));
    ck_assert(!arena_copy(&arena, SPAN("d"), &copy));
    ck_assert(span_equal(copy, SPAN("abc")));
    ck_assert(arena_copy(&arena, (struct span){0}, &copy));
    ck_assert(span_empty(copy));
}
END_TEST

START_TEST(a_reset_gives_all_of_it_again)
{
    alignas(max_align_t) char memory[64];
    struct arena arena;
    void *first;

    arena_init(&arena, memory, sizeof(memory));
    first = arena_alloc(&arena, 64);
    arena_reset(&arena);
    ck_assert_ptr_eq(arena_alloc(&arena, 64), first);
}
END_TEST

Suite *base_arena_suite(void);

Suite *base_arena_suite(void)
{
    Suite *suite = suite_create("base/arena");
    TCase *tcase = tcase_create("cap");

    tcase_add_test(tcase, pieces_are_aligned_whatever_the_memory_lent);
    tcase_add_test(tcase, the_cap_is_met_exactly_and_then_nothing_changes);
    tcase_add_test(tcase, a_reset_gives_all_of_it_again);
    suite_add_tcase(suite, tcase);
    return suite;
}
