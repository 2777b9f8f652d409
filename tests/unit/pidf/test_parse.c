/* test_parse.c - bytes that the parser must hand on as they were meant. */
#include "pidf/xml/parse.h"

#include "tests/unit/run.h"

#include <stdio.h>

Suite *pidf_parse_suite(void);

struct value {
    const char *written;
    const char *meant;
};

static const struct value values[] = {
    {"a&amp;b", "a&b"},      {"a&#38;b", "a&b"},  {"a&#x26;#38;b", "a&#38;b"}, {"&lt;&gt;", "<>"},
    {"&quot;&apos;", "\"'"}, {"a&#10;b", "a\nb"}, {"a\nb\tc", "a b c"}, /* XML 1.0 section 3.3.3 */
};

START_TEST(an_attribute_has_the_value_that_was_meant)
{
    struct parser *parser = parser_new(&pidf_limits_default);
    struct scratch scratch = {0};
    struct parsed parsed;
    char body[256];
    int len = snprintf(body, sizeof(body),
                       "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity=\"%s\"/>",
                       values[_i].written);
    struct attribute *entity;

    ck_assert(parser_parse(parser, (struct span){body, (size_t)len}, &scratch, &parsed, NULL) ==
              STATUS_OK);
    entity = element_attribute(parsed.root, VOCABULARY_ABSENT, "entity");
    ck_assert_ptr_nonnull(entity);
    ck_assert_msg(span_equal(entity->value, span_of(values[_i].meant)), "%.*s",
                  SPAN_ARG(entity->value));
    scratch_deinit(&scratch);
    parser_free(parser);
}
END_TEST

Suite *pidf_parse_suite(void)
{
    Suite *suite = suite_create("pidf/parse");
    TCase *tcase = tcase_create("XML 1.0 section 3.3.3");

    tcase_add_loop_test(tcase, an_attribute_has_the_value_that_was_meant, 0,
                        (int)(sizeof(values) / sizeof(values[0])));
    suite_add_tcase(suite, tcase);
    return suite;
}
