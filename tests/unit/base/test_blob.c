#include "server/base/blob.h"
#include "tests/unit/run.h"

START_TEST(the_bytes_live_as_long_as_the_last_reference)
{
    char text[] = "document";
    struct blob *blob = blob_new(span_of(text));
    struct blob *shared = blob_ref(blob);

    text[0] = 'X';
    blob_unref(blob);
    ck_assert(span_equal(blob_span(shared), SPAN("document")));
    blob_unref(shared);
}
END_TEST

START_TEST(no_blob_is_an_empty_one)
{
    struct blob *empty = blob_new((struct span){0});

    ck_assert(span_empty(blob_span(empty)));
    blob_unref(empty);
    ck_assert(span_empty(blob_span(NULL)));
    ck_assert_ptr_null(blob_ref(NULL));
    blob_unref(NULL);
}
END_TEST

Suite *base_blob_suite(void);

Suite *base_blob_suite(void)
{
    Suite *suite = suite_create("base/blob");
    TCase *tcase = tcase_create("sharing");

    tcase_add_test(tcase, the_bytes_live_as_long_as_the_last_reference);
    tcase_add_test(tcase, no_blob_is_an_empty_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
