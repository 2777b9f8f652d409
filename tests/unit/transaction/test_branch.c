/* test_branch.c - our own branches: what is taken for ours, and what is not. */
#include "server/transaction/branch.h"
#include "tests/unit/run.h"

#include <stdlib.h>

Suite *transaction_branch_suite(void);

static const struct mac_key key = {{1, 2}};
static const struct handle handle = {0xabcdef01, 0x23456789};

START_TEST(a_branch_names_its_transaction)
{
    char text[BRANCH_BYTES];
    struct handle found = {0};

    branch_compose(&key, 0x1f, handle, text);
    ck_assert(memcmp(text, "z9hG4bK1001fabcdef0123456789", 28) == 0);
    ck_assert_int_eq(branch_parse(&key, 0x1f, (struct span){text, sizeof(text)}, &found),
                     BRANCH_OURS);
    ck_assert_uint_eq(found.slot, handle.slot);
    ck_assert_uint_eq(found.generation, handle.generation);
}
END_TEST

START_TEST(a_branch_with_any_octet_changed_is_not_ours)
{
    char text[BRANCH_BYTES];
    struct handle found = {0};

    for (size_t i = 0; i < sizeof(text); i++) {
        branch_compose(&key, 0x1f, handle, text);
        text[i] = text[i] == '0' ? '1' : '0';
        ck_assert_int_ne(branch_parse(&key, 0x1f, (struct span){text, sizeof(text)}, &found),
                         BRANCH_OURS);
    }
    ck_assert_uint_eq(found.generation, 0);
}
END_TEST

START_TEST(a_branch_of_another_key_or_length_is_strange)
{
    static const struct mac_key other = {{1, 3}};
    char text[BRANCH_BYTES + 1];
    struct handle found = {0};

    branch_compose(&key, 7, handle, text);
    text[BRANCH_BYTES] = '0';
    ck_assert_int_eq(branch_parse(&other, 7, (struct span){text, BRANCH_BYTES}, &found),
                     BRANCH_STRANGE);
    ck_assert_int_eq(branch_parse(&key, 7, (struct span){text, BRANCH_BYTES + 1}, &found),
                     BRANCH_STRANGE);
    ck_assert_int_eq(branch_parse(&key, 7, (struct span){text, BRANCH_BYTES - 1}, &found),
                     BRANCH_STRANGE);
    ck_assert_int_eq(branch_parse(&key, 7, (struct span){0}, &found), BRANCH_STRANGE);
}
END_TEST

START_TEST(a_branch_of_another_node_is_foreign)
{
    char text[BRANCH_BYTES];
    struct handle found = {0};

    branch_compose(&key, 7, handle, text);
    ck_assert_int_eq(branch_parse(&key, 8, (struct span){text, sizeof(text)}, &found),
                     BRANCH_FOREIGN);
}
END_TEST

Suite *transaction_branch_suite(void)
{
    Suite *suite = suite_create("transaction/branch");
    TCase *marks = tcase_create("RFC 3261 8.1.1.7");

    tcase_add_test(marks, a_branch_names_its_transaction);
    tcase_add_test(marks, a_branch_with_any_octet_changed_is_not_ours);
    tcase_add_test(marks, a_branch_of_another_key_or_length_is_strange);
    tcase_add_test(marks, a_branch_of_another_node_is_foreign);
    suite_add_tcase(suite, marks);
    return suite;
}
