#include "server/base/list.h"
#include "server/base/table.h"
#include "tests/unit/run.h"

#include <stdlib.h>

struct thing {
    struct table_link link;
    unsigned number;
    bool in;
    int seen;
};

static struct span key_of(const struct thing *thing)
{
    return (struct span){(const char *)&thing->number, sizeof(thing->number)};
}

static struct thing *find(const struct table *table, unsigned number)
{
    struct thing wanted = {.number = number};
    struct table_link *link = table_first(table, table_hash(table, key_of(&wanted)));

    for (; link != NULL; link = table_next(link)) {
        struct thing *thing = CONTAINER_OF(link, struct thing, link);

        if (thing->number == number)
            return thing;
    }
    return NULL;
}

/* An assertion of `check` writes to a file: a million of them would take seconds. */
static void finds(const struct table *table, unsigned number, const struct thing *expected)
{
    if (find(table, number) != expected)
        ck_abort_msg("%u is %s", number, expected == NULL ? "still there" : "not found");
}

static void add(struct table *table, struct thing *thing)
{
    table_add(table, &thing->link, table_hash(table, key_of(thing)));
    thing->in = true;
}

static void drop(struct table *table, struct thing *thing)
{
    table_remove(table, &thing->link);
    thing->in = false;
}

static struct thing *things_new(unsigned count)
{
    struct thing *things = calloc(count, sizeof(*things));

    for (unsigned i = 0; i < count; i++)
        things[i].number = i;
    return things;
}

START_TEST(what_is_in_is_found_and_nothing_else_at_every_size)
{
    enum { COUNT = 2000 };
    struct thing *things = things_new(COUNT);
    struct table table;

    table_init(&table);
    ck_assert_ptr_null(find(&table, 0));
    for (unsigned i = 0; i < COUNT; i++) {
        add(&table, &things[i]);
        for (unsigned j = i % 7; j < COUNT; j += 7)
            finds(&table, j, j <= i ? &things[j] : NULL);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        drop(&table, &things[i]);
        for (unsigned j = i % 7; j < COUNT; j += 7)
            finds(&table, j, j > i ? &things[j] : NULL);
    }
    ck_assert_uint_eq(table.count, 0);
    table_deinit(&table);
    free(things);
}
END_TEST

START_TEST(random_changes_agree_with_a_plain_array)
{
    enum { COUNT = 5000, CHANGES = 300000 };
    struct thing *things = things_new(COUNT);
    unsigned seed = 1, range = COUNT;
    struct table table;
    size_t count = 0;

    table_init(&table);
    for (unsigned i = 0; i < CHANGES; i++) {
        struct thing *thing;

        if (i % 20000 == 0) /* from busy to nearly empty and back */
            range = i / 20000 % 2 == 0 ? COUNT : 50;
        thing = &things[(unsigned)rand_r(&seed) % COUNT];
        finds(&table, thing->number, thing->in ? thing : NULL);
        if (thing->in && (thing->number >= range || rand_r(&seed) % 3 == 0)) {
            drop(&table, thing);
            count--;
        } else if (!thing->in && thing->number < range) {
            add(&table, thing);
            count++;
        }
        if (table.count != count)
            ck_abort_msg("%zu, not %zu", table.count, count);
    }
    table_deinit(&table);
    free(things);
}
END_TEST

START_TEST(all_objects_of_one_hash_are_found_while_slots_move)
{
    enum { COUNT = 400, SAME = 5 };
    struct thing *things = things_new(COUNT);
    struct thing *same = things_new(SAME);
    struct table table;

    table_init(&table);
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned found = 0;

        add(&table, &things[i]);
        if (i % 80 == 0)
            table_add(&table, &same[i / 80].link, 0x1234);
        for (struct table_link *link = table_first(&table, 0x1234); link != NULL;
             link = table_next(link))
            found++;
        ck_assert_uint_eq(found, i / 80 + 1);
    }
    table_deinit(&table);
    free(same);
    free(things);
}
END_TEST

START_TEST(one_change_moves_few_slots)
{
    enum { COUNT = 100000 };
    struct thing *things = things_new(COUNT);
    size_t most = 0;
    bool held_too_much = false;
    struct table table;

    table_init(&table);
    for (unsigned i = 0; i < COUNT; i++) {
        size_t moved = table.moved;

        add(&table, &things[i]);
        if (table.old_slots != NULL && table.moved > moved)
            most = table.moved - moved > most ? table.moved - moved : most;
    }
    ck_assert_uint_ge(table.mask + 1, COUNT / 2);
    ck_assert(most > 0 && most <= 8);
    for (unsigned i = 0; i < COUNT; i++) {
        drop(&table, &things[i]);
        held_too_much |=
            table.old_slots == NULL && table.mask >= 16 && table.count < (table.mask + 1) / 8;
    }
    ck_assert(!held_too_much);
    ck_assert_ptr_null(table.slots);
    table_deinit(&table);
    free(things);
}
END_TEST

struct visit {
    struct table *table;
    unsigned visits;
};

static void see_and_remove_odd(struct table_link *link, void *context)
{
    struct thing *thing = CONTAINER_OF(link, struct thing, link);
    struct visit *visit = context;

    thing->seen++;
    visit->visits++;
    if (thing->number % 2 == 1)
        drop(visit->table, thing);
}

static void free_each(struct table_link *link, void *context)
{
    table_remove(context, link);
    free(CONTAINER_OF(link, struct thing, link));
}

START_TEST(a_walk_sees_each_object_once_though_it_removes_some)
{
    for (unsigned count = 0; count < 300; count++) {
        struct thing *things = things_new(count + 1);
        struct table table;
        struct visit visit = {&table, 0};
        unsigned seen_once = 0;

        table_init(&table);
        for (unsigned i = 0; i < count; i++)
            add(&table, &things[i]);
        table_each(&table, see_and_remove_odd, &visit);
        ck_assert_uint_eq(visit.visits, count);
        ck_assert_uint_eq(table.count, (count + 1) / 2);
        for (unsigned i = 0; i < count; i++) {
            seen_once += things[i].seen == 1;
            finds(&table, i, i % 2 == 0 ? &things[i] : NULL);
        }
        ck_assert_uint_eq(seen_once, count);
        table_deinit(&table);
        free(things);
    }
}
END_TEST

START_TEST(a_walk_may_free_everything)
{
    struct table table;

    table_init(&table);
    for (unsigned i = 0; i < 1000; i++) {
        struct thing *thing = things_new(1);

        thing->number = i;
        add(&table, thing);
    }
    table_each(&table, free_each, &table);
    ck_assert_uint_eq(table.count, 0);
    table_each(&table, free_each, &table);
    table_deinit(&table);
}
END_TEST

START_TEST(case_is_folded_in_ascii_only_and_at_any_length)
{
    char upper[1000], lower[1000];
    struct table table;

    table_init(&table);
    for (size_t i = 0; i < sizeof(upper); i++) {
        upper[i] = "ABCxyz@[`{\xc4"[i % 11];
        lower[i] = "abcxyz@[`{\xc4"[i % 11];
    }
    for (size_t len = 0; len <= sizeof(upper); len++)
        ck_assert_uint_eq(table_hash_nocase(&table, (struct span){upper, len}),
                          table_hash_nocase(&table, (struct span){lower, len}));
    ck_assert_uint_ne(table_hash_nocase(&table, SPAN("@")), table_hash_nocase(&table, SPAN("`")));
    ck_assert_uint_ne(table_hash_nocase(&table, SPAN("[")), table_hash_nocase(&table, SPAN("{")));
    ck_assert_uint_ne(table_hash_nocase(&table, SPAN("\xc4")),
                      table_hash_nocase(&table, SPAN("\xe4")));
    ck_assert_uint_ne(table_hash(&table, SPAN("A")), table_hash(&table, SPAN("a")));
    table_deinit(&table);
}
END_TEST

START_TEST(two_spans_hash_by_their_border_too)
{
    struct table table;
    uint64_t first, second;

    table_init(&table);
    first = table_hash_more(&table, table_hash(&table, SPAN("ab")), SPAN("c"));
    second = table_hash_more(&table, table_hash(&table, SPAN("a")), SPAN("bc"));
    ck_assert_uint_ne(first, second);
    ck_assert_uint_eq(table_hash(&table, (struct span){0}), table_hash(&table, SPAN("")));
    table_deinit(&table);
}
END_TEST

Suite *base_table_suite(void);

Suite *base_table_suite(void)
{
    Suite *suite = suite_create("base/table");
    TCase *objects = tcase_create("objects");
    TCase *hashes = tcase_create("hashes");

    tcase_set_timeout(objects, 60);
    tcase_add_test(objects, what_is_in_is_found_and_nothing_else_at_every_size);
    tcase_add_test(objects, random_changes_agree_with_a_plain_array);
    tcase_add_test(objects, all_objects_of_one_hash_are_found_while_slots_move);
    tcase_add_test(objects, one_change_moves_few_slots);
    tcase_add_test(objects, a_walk_sees_each_object_once_though_it_removes_some);
    tcase_add_test(objects, a_walk_may_free_everything);
    tcase_add_test(hashes, case_is_folded_in_ascii_only_and_at_any_length);
    tcase_add_test(hashes, two_spans_hash_by_their_border_too);
    suite_add_tcase(suite, objects);
    suite_add_tcase(suite, hashes);
    return suite;
}
