/* test_row.c - COPY BINARY that is cut short, or says more than it holds, is refused. */
#include "server/base/crypto.h"
#include "storage/row.h"

#include <check.h>
#include <stdlib.h>

static const char stream[] = "PGCOPY\n\377\r\n\0"
                             "\0\0\0\0\0\0\0\0"
                             "\0\3\0\0\0\10\0\0\0\0\0\0\1\2\0\0\0\2ab\377\377\377\377"
                             "\0\1\0\0\0\1\1"
                             "\377\377";

static int rows_of(struct span chunk, bool *bad)
{
    struct copy_reader reader = {0};
    struct row row;
    int rows = 0;

    while (copy_row(&reader, &chunk, &row, bad))
        rows++;
    return rows;
}

START_TEST(a_stream_gives_its_rows_and_their_fields)
{
    struct span chunk = {stream, sizeof(stream) - 1};
    struct copy_reader reader = {0};
    struct row row;
    bool bad;

    ck_assert(copy_row(&reader, &chunk, &row, &bad));
    ck_assert_int_eq(row_int8(&row), 258);
    ck_assert(span_equal(row_octets(&row), SPAN("ab")));
    ck_assert(span_empty(row_octets(&row)));
    ck_assert(row_is_good(&row));
    ck_assert_int_eq(row_int8(&row), 0);
    ck_assert(!row_is_good(&row));
    ck_assert(copy_row(&reader, &chunk, &row, &bad));
    ck_assert(row_bool(&row));
    ck_assert(!copy_row(&reader, &chunk, &row, &bad));
    ck_assert(!bad && reader.ended);
}
END_TEST

START_TEST(a_field_of_the_wrong_size_is_noticed)
{
    struct span chunk = {stream, sizeof(stream) - 1};
    struct copy_reader reader = {0};
    struct row row;
    bool bad;

    ck_assert(copy_row(&reader, &chunk, &row, &bad));
    ck_assert_int_eq(row_int2(&row), 0);
    ck_assert(row.bad);
}
END_TEST

START_TEST(any_cut_and_any_changed_octet_is_survived)
{
    char copy[sizeof(stream)];
    bool bad;

    for (size_t len = 0; len < sizeof(stream) - 1; len++) {
        char *exact = malloc(len == 0 ? 1 : len);

        memcpy(exact, stream, len);
        ck_assert_int_le(rows_of((struct span){exact, len}, &bad), 2);
        free(exact);
    }
    for (int i = 0; i < 20000; i++) {
        memcpy(copy, stream, sizeof(stream));
        copy[crypto_random_u64() % (sizeof(stream) - 1)] = (char)crypto_random_u64();
        (void)rows_of((struct span){copy, sizeof(stream) - 1}, &bad);
    }
}
END_TEST

Suite *storage_row_suite(void);
Suite *storage_row_suite(void)
{
    Suite *suite = suite_create("storage/row");
    TCase *tcase = tcase_create("COPY BINARY");

    tcase_add_test(tcase, a_stream_gives_its_rows_and_their_fields);
    tcase_add_test(tcase, a_field_of_the_wrong_size_is_noticed);
    tcase_add_test(tcase, any_cut_and_any_changed_octet_is_survived);
    suite_add_tcase(suite, tcase);
    return suite;
}
