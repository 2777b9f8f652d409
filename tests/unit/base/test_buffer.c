#include "server/base/buffer.h"
#include "tests/unit/run.h"

static void holds(const struct buffer *buffer, const char *text)
{
    ck_assert_msg(span_equal(buffer_span(buffer), span_of(text)), "holds '" SPAN_FMT "', not '%s'",
                  SPAN_ARG(buffer_span(buffer)), text);
}

START_TEST(numbers_and_text_are_appended)
{
    struct buffer buffer;

    buffer_init(&buffer, 1000);
    buffer_put(&buffer, SPAN("CSeq: "));
    buffer_put_u64(&buffer, 0);
    buffer_put_char(&buffer, ' ');
    buffer_put_u64(&buffer, UINT64_MAX);
    buffer_put_char(&buffer, ' ');
    buffer_put_hex64(&buffer, 0);
    buffer_put_hex64(&buffer, 0x0123456789abcdef);
    buffer_printf(&buffer, " %d%s", -7, "!");
    buffer_put(&buffer, (struct span){0});
    holds(&buffer, "CSeq: 0 18446744073709551615 0123456789abcdef -7!");
    buffer_cut(&buffer, 5);
    buffer_cut(&buffer, 50);
    holds(&buffer, "CSeq:");
    ck_assert(!buffer.overflowed);
    buffer_deinit(&buffer);
}
END_TEST

START_TEST(what_does_not_fit_ends_the_text_without_a_hole)
{
    struct buffer buffer;

    buffer_init(&buffer, 10);
    buffer_put(&buffer, SPAN("12345678"));
    buffer_put(&buffer, SPAN("abc"));
    ck_assert(buffer.overflowed);
    buffer_put_char(&buffer, 'd');
    buffer_printf(&buffer, "%s", "");
    holds(&buffer, "12345678");
    buffer_reset(&buffer);
    ck_assert(!buffer.overflowed);
    buffer_put(&buffer, SPAN("1234567890"));
    holds(&buffer, "1234567890");
    ck_assert(!buffer.overflowed);
    buffer_deinit(&buffer);
}
END_TEST

START_TEST(printf_fills_the_last_byte_and_not_one_more)
{
    char memory[8];
    struct buffer buffer;

    buffer_init_fixed(&buffer, memory, sizeof(memory));
    buffer_printf(&buffer, "%s", "12345");
    buffer_printf(&buffer, "%s", "678");
    ck_assert(!buffer.overflowed);
    holds(&buffer, "12345678");
    buffer_printf(&buffer, "%s", "");
    ck_assert(!buffer.overflowed);
    buffer_printf(&buffer, "%s", "9");
    ck_assert(buffer.overflowed);
    holds(&buffer, "12345678");
    buffer_deinit(&buffer);
}
END_TEST

START_TEST(memory_grows_as_far_as_its_cap_for_text_of_any_length)
{
    enum { MAX = 5000 };
    static char text[MAX + 1];

    memset(text, 'x', sizeof(text));
    for (int len = 0; len <= MAX + 1; len += 7) {
        struct buffer buffer;

        buffer_init(&buffer, MAX);
        buffer_printf(&buffer, "%.*s", len, text);
        ck_assert(!buffer.overflowed == (len <= MAX));
        ck_assert_uint_eq(buffer.len, len <= MAX ? (size_t)len : 0);
        ck_assert(buffer.cap_bytes <= MAX);
        buffer_deinit(&buffer);
    }
}
END_TEST

START_TEST(borrowed_memory_is_neither_grown_nor_freed)
{
    char memory[4];
    struct buffer buffer;

    buffer_init_fixed(&buffer, memory, sizeof(memory));
    buffer_put(&buffer, SPAN("abcd"));
    buffer_put_char(&buffer, 'e');
    ck_assert(buffer.overflowed);
    ck_assert_ptr_eq(buffer.at, memory);
    holds(&buffer, "abcd");
    buffer_deinit(&buffer);
}
END_TEST

Suite *base_buffer_suite(void);

Suite *base_buffer_suite(void)
{
    Suite *suite = suite_create("base/buffer");
    TCase *tcase = tcase_create("composing");

    tcase_add_test(tcase, numbers_and_text_are_appended);
    tcase_add_test(tcase, what_does_not_fit_ends_the_text_without_a_hole);
    tcase_add_test(tcase, printf_fills_the_last_byte_and_not_one_more);
    tcase_add_test(tcase, memory_grows_as_far_as_its_cap_for_text_of_any_length);
    tcase_add_test(tcase, borrowed_memory_is_neither_grown_nor_freed);
    suite_add_tcase(suite, tcase);
    return suite;
}
