#include "server/base/mark.h"
#include "tests/unit/run.h"

Suite *base_mark_suite(void);

static const struct mac_key key = {{1, 2}};
static const struct mac_key other_key = {{1, 3}};

START_TEST(a_mark_tells_its_number_to_who_has_the_key)
{
    char text[MARK_BYTES];
    struct span mark = mark_compose(&key, MARK_LOCAL_TAG, 1023, UINT64_MAX - 1, text);
    uint64_t number = 0;

    ck_assert_uint_eq(mark.len, MARK_BYTES);
    ck_assert(mark_parse(&key, MARK_LOCAL_TAG, mark, &number));
    ck_assert(number == UINT64_MAX - 1);
}
END_TEST

START_TEST(a_mark_of_another_key_or_purpose_is_none)
{
    char text[MARK_BYTES];
    struct span mark = mark_compose(&key, MARK_LOCAL_TAG, 7, 42, text);
    uint64_t number = 5;

    ck_assert(!mark_parse(&other_key, MARK_LOCAL_TAG, mark, &number));
    ck_assert(!mark_parse(&key, MARK_ENTITY_TAG, mark, &number));
    ck_assert_uint_eq(number, 5);
}
END_TEST

/* Every single octet is under the MAC. */
START_TEST(a_mark_with_one_octet_changed_is_none)
{
    char text[MARK_BYTES];
    struct span mark = mark_compose(&key, MARK_ENTITY_TAG, 512, 0xabcdef, text);
    uint64_t number;

    text[_i] = text[_i] == 'f' ? 'e' : 'f';
    ck_assert(!mark_parse(&key, MARK_ENTITY_TAG, mark, &number));
}
END_TEST

START_TEST(a_mark_of_another_length_is_none)
{
    char text[MARK_BYTES];
    struct span mark = mark_compose(&key, MARK_ENTITY_TAG, 512, 1, text);
    uint64_t number;

    mark.len--;
    ck_assert(!mark_parse(&key, MARK_ENTITY_TAG, mark, &number));
    ck_assert(!mark_parse(&key, MARK_ENTITY_TAG, (struct span){0}, &number));
}
END_TEST

Suite *base_mark_suite(void)
{
    Suite *suite = suite_create("base/mark");
    TCase *tcase = tcase_create("marks");

    tcase_add_test(tcase, a_mark_tells_its_number_to_who_has_the_key);
    tcase_add_test(tcase, a_mark_of_another_key_or_purpose_is_none);
    tcase_add_loop_test(tcase, a_mark_with_one_octet_changed_is_none, 0, MARK_BYTES);
    tcase_add_test(tcase, a_mark_of_another_length_is_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
