/* test_markup.c - whatever comes in, what goes out is XML and says the same where it can. */
#include "pidf/xml/markup.h"
#include "server/base/must.h"
#include "tests/unit/pidf/hostile.h"
#include "tests/unit/run.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

Suite *pidf_markup_suite(void);

/* What an XML reader finds in the attribute `a` and the content of `<x a="...">...</x>`. */
struct reading {
    xmlDocPtr tree;
    xmlChar *value;
    xmlChar *content;
};

static void on_error(void *context, xmlErrorPtr error)
{
    (void)context;
    (void)error;
}

static struct reading read_back(struct span document)
{
    struct reading reading = {0};

    xmlSetStructuredErrorFunc(NULL, on_error);
    reading.tree = xmlReadMemory(document.at, (int)document.len, NULL, NULL, XML_PARSE_NONET);
    ck_assert_ptr_nonnull(reading.tree);
    reading.value = xmlGetProp(xmlDocGetRootElement(reading.tree), (const xmlChar *)"a");
    reading.content = xmlNodeGetContent(xmlDocGetRootElement(reading.tree));
    return reading;
}

static void reading_free(struct reading *reading)
{
    xmlFree(reading->value);
    xmlFree(reading->content);
    xmlFreeDoc(reading->tree);
}

static void compose(struct buffer *out, struct span octets)
{
    buffer_reset(out);
    buffer_put(out, SPAN("<x"));
    markup_put_attribute(out, "a", octets);
    markup_put_uri_attribute(out, "u", octets);
    buffer_put_char(out, '>');
    markup_put_text(out, octets);
    buffer_put(out, SPAN("</x>"));
}

/* Copies what XML can hold and puts U+FFFD for each octet else; slow, and by libxml2's judgement.
 */
static void expect(struct buffer *out, struct span octets)
{
    buffer_reset(out);
    while (!span_empty(octets)) {
        int len = octets.len > 4 ? 4 : (int)octets.len;
        int c = xmlGetUTF8Char((const unsigned char *)octets.at, &len);
        bool begins = ((unsigned char)*octets.at & 0xc0) != 0x80; /* which libxml2 overlooks */
        bool shortest = len == (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);

        if (c >= 0 && begins && shortest && IS_CHAR(c)) {
            buffer_put(out, (struct span){octets.at, (size_t)len});
            octets = span_skip(octets, (size_t)len);
        } else {
            buffer_put(out, SPAN("\xef\xbf\xbd"));
            octets = span_skip(octets, 1);
        }
    }
    buffer_put_char(out, '\0');
}

static void check(struct span octets)
{
    struct buffer out, wanted;
    struct reading reading;

    buffer_init(&out, 1 << 20);
    buffer_init(&wanted, 1 << 20);
    compose(&out, octets);
    expect(&wanted, octets);
    reading = read_back(buffer_span(&out));
    ck_assert_str_eq((const char *)reading.value, wanted.at);
    ck_assert_str_eq((const char *)reading.content, wanted.at);
    reading_free(&reading);
    buffer_deinit(&out);
    buffer_deinit(&wanted);
}

START_TEST(hostile_values_are_read_back_as_far_as_xml_can_hold_them)
{
    check(hostile[_i]);
}
END_TEST

START_TEST(every_pair_of_octets_is_read_back_as_far_as_xml_can_hold_it)
{
    for (unsigned second = 0; second < 256; second++) {
        char octets[] = {(char)_i, (char)second, 'x'};

        check((struct span){octets, sizeof(octets)});
    }
}
END_TEST

START_TEST(random_octets_are_read_back_as_far_as_xml_can_hold_them)
{
    uint32_t seed = 1;
    char octets[64];

    for (unsigned round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(octets); i++) {
            seed = seed * 1664525 + 1013904223;
            octets[i] = (char)(i % 3 == 0 ? 0x80 | seed >> 24 : seed >> 24);
        }
        check((struct span){octets, sizeof(octets)});
    }
}
END_TEST

START_TEST(uris_that_differ_in_an_octet_that_xml_cannot_hold_still_differ)
{
    struct buffer out;

    buffer_init(&out, 4096);
    markup_put_uri(&out, SPAN("sip:\x01&\xff\xc3\xa9@b"));
    markup_put_uri_attribute(&out, "uri", SPAN("sip:\"\x02@b"));
    ck_assert(
        span_equal(buffer_span(&out), SPAN("sip:%01&amp;%FF\xc3\xa9@b uri=\"sip:&quot;%02@b\"")));
    buffer_deinit(&out);
}
END_TEST

START_TEST(a_language_that_is_none_is_not_said)
{
    struct buffer out;

    buffer_init(&out, 4096);
    markup_put_language(&out, SPAN(""));
    markup_put_language(&out, SPAN("de\"/>"));
    markup_put_language(&out, SPAN("123"));
    ck_assert_uint_eq(out.len, 0);
    markup_put_language(&out, SPAN("de-CH"));
    ck_assert(span_equal(buffer_span(&out), SPAN(" xml:lang=\"de-CH\"")));
    buffer_deinit(&out);
}
END_TEST

START_TEST(seconds_left_are_whole_and_never_negative)
{
    ck_assert_uint_eq(markup_seconds_left(5000000, 1000000), 4);
    ck_assert_uint_eq(markup_seconds_left(5000000, 1000001), 3);
    ck_assert_uint_eq(markup_seconds_left(5000000, 5000000), 0);
    ck_assert_uint_eq(markup_seconds_left(5000000, 9000000), 0);
}
END_TEST

Suite *pidf_markup_suite(void)
{
    Suite *suite = suite_create("pidf/markup");
    TCase *octets = tcase_create("XML 1.0 section 2.2"), *rest = tcase_create("attributes");

    tcase_add_loop_test(octets, hostile_values_are_read_back_as_far_as_xml_can_hold_them, 0,
                        HOSTILE_COUNT);
    tcase_add_loop_test(octets, every_pair_of_octets_is_read_back_as_far_as_xml_can_hold_it, 0,
                        256);
    tcase_add_test(octets, random_octets_are_read_back_as_far_as_xml_can_hold_them);
    tcase_add_test(rest, uris_that_differ_in_an_octet_that_xml_cannot_hold_still_differ);
    tcase_add_test(rest, a_language_that_is_none_is_not_said);
    tcase_add_test(rest, seconds_left_are_whole_and_never_negative);
    suite_add_tcase(suite, octets);
    suite_add_tcase(suite, rest);
    return suite;
}
