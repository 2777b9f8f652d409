/* test_resource_list.c - lists in a SUBSCRIBE: what is read, flattened and refused (RFC 5367). */
#include "pidf/event/resource_list.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *pidf_resource_list_suite(void);

enum { BYTES_MAX = 1 << 22, WANTED_MAX = 8, MANY = 10000 };

#define ROOT "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>"
#define LISTS(inner) ROOT inner "</resource-lists>"
#define LIST(inner) LISTS("<list>" inner "</list>")
#define BODY(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static struct resource_list_reader *reader;

static void setup(void)
{
    reader = resource_list_reader_new(NULL);
}

static void teardown(void)
{
    resource_list_reader_free(reader);
}

/* ---- what is read ---- */

struct wanted {
    const char *uri;
    const char *name;
    const char *language;
};

struct reading {
    struct span body;
    struct wanted entries[WANTED_MAX];
};

/* clang-format off */
static const struct reading readings[] = {
    {BODY("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" /* RFC 5367 section 7 */
          "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"\n"
          "               xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n"
          "  <list>\n"
          "    <entry uri=\"sip:bill@example.com\" />\n"
          "    <entry uri=\"sip:joe@example.org\" />\n"
          "    <entry uri=\"sip:ted@example.net\" />\n"
          "  </list>\n"
          "</resource-lists>\n"),
     {{"sip:bill@example.com", "", ""}, {"sip:joe@example.org", "", ""}, {"sip:ted@example.net", "", ""}}},
    {BODY("<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"\n" /* after RFC 5364 section 6 */
          " xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\"><list>"
          "<entry uri=\"sip:bill@example.com\" cp:copyControl=\"to\"/>"
          "<entry uri=\"sip:randy@example.net\" cp:copyControl=\"to\" cp:anonymize=\"true\"/>"
          "<entry uri=\"sip:ted@example.net\" cp:copyControl=\"bcc\"/></list></resource-lists>"),
     {{"sip:bill@example.com", "", ""}, {"sip:randy@example.net", "", ""}, {"sip:ted@example.net", "", ""}}},
    {BODY(LISTS("<list name='friends'><display-name>All</display-name>" /* after RFC 4826 section 3.3 */
                "<entry uri='sip:bill@example.com'><display-name>Bill Doe</display-name></entry>"
                "<list name='close'><display-name>Close</display-name>"
                "<entry uri='sip:joe@example.com'><display-name>Joe Smith</display-name></entry></list>"
                "<entry uri='sip:nancy@example.com'/></list>"
                "<list><entry uri='tel:+15551234'/></list>")),
     {{"sip:bill@example.com", "Bill Doe", ""}, {"sip:joe@example.com", "Joe Smith", ""},
      {"sip:nancy@example.com", "", ""}, {"tel:+15551234", "", ""}}},
    {BODY(LIST("<entry uri='sip:a@b'><display-name>1</display-name></entry><entry uri='sip:c@d'/>"
               "<list><entry uri='sip:a@b'><display-name>2</display-name></entry></list>")),
     {{"sip:a@b", "1", ""}, {"sip:c@d", "", ""}}},
    {BODY(LIST("<entry uri='sip:a@b'/><entry uri='SIP:a@b'/>")), {{"sip:a@b", "", ""}, {"SIP:a@b", "", ""}}},
    {BODY(LIST("<entry uri=' sip:a@b '/><entry uri='Alice &lt;sip:c@d>'/>")), {{"sip:a@b", "", ""}, {"sip:c@d", "", ""}}},
    {BODY(LIST("<entry uri='sip:a@b?x=1&amp;y=\"'/>")), {{"sip:a@b?x=1&y=\"", "", ""}}},
    {BODY(LIST("<entry uri='sip:a@b'><display-name xml:lang='de'>J\xc3\xb6 &amp; <![CDATA[<b>]]></display-name></entry>")),
     {{"sip:a@b", "J\xc3\xb6 & <b>", "de"}}},
    {BODY(LISTS("<list xml:lang='de'><entry uri='sip:a@b'><display-name>a</display-name></entry>"
                "<entry uri='sip:b@b'><display-name xml:lang='en'>b</display-name></entry>"
                "<entry uri='sip:c@b' xml:lang='fr'><display-name>c</display-name></entry>"
                "<entry uri='sip:d@b' xml:lang=''><display-name>d</display-name></entry>"
                "<entry uri='sip:e@b'/>"
                "<list><entry uri='sip:f@b'><display-name xml:lang='not a language'>f</display-name></entry></list></list>")),
     {{"sip:a@b", "a", "de"}, {"sip:b@b", "b", "en"}, {"sip:c@b", "c", "fr"}, {"sip:d@b", "d", ""},
      {"sip:e@b", "", ""}, {"sip:f@b", "f", ""}}},
    {BODY("<l:resource-lists xmlns:l='urn:ietf:params:xml:ns:resource-lists' xmlns='urn:x'><l:list>"
          "<entry uri='sip:x@x'/><entry-ref/><external/><list/><l:entry uri='sip:a@b' x='y'><display-name>x</display-name>"
          "<l:display-name>a</l:display-name><l:display-name>b</l:display-name></l:entry><l:new uri='sip:n@n'/>"
          "</l:list></l:resource-lists>"),
     {{"sip:a@b", "a", ""}}},
    {BODY(LISTS("<entry uri='sip:a@b'/>")), {{"sip:a@b", "", ""}}},
    {BODY(LIST("<list><list><list><list><list><list><list><entry uri='sip:a@b'/>"
               "</list></list></list></list></list></list></list>")), {{"sip:a@b", "", ""}}},
};

struct refusal {
    struct span body;
    const char *phrase;
};

static const struct refusal refusals[] = {
    {BODY(""), "Empty Document"},
    {BODY("sip:a@b"), "Malformed XML"},
    {BODY(ROOT "<list>"), "Malformed XML"},
    {BODY("<!DOCTYPE resource-lists [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" LIST("<entry uri='&x;'/>")), "DOCTYPE Not Allowed"},
    {BODY("<resource-lists><list><entry uri='sip:a@b'/></list></resource-lists>"), "Not a Resource List"},
    {BODY("<presence xmlns='urn:ietf:params:xml:ns:pidf'/>"), "Not a Resource List"},
    {BODY("<list xmlns='urn:ietf:params:xml:ns:resource-lists'/>"), "Not a Resource List"},
    {BODY(LISTS("")), "Empty Resource List"},
    {BODY(LIST("")), "Empty Resource List"},
    {BODY(LIST("<x:entry xmlns:x='urn:x' uri='sip:a@b'/>")), "Empty Resource List"},
    {BODY(LIST("<entry/>")), "Entry Without URI"},
    {BODY(LIST("<entry uri='sip:a@b'/><entry x:uri='sip:a@b' xmlns:x='urn:x'/>")), "Entry Without URI"},
    {BODY(LIST("<entry uri=''/>")), "Bad Entry URI"},
    {BODY(LIST("<entry uri=' '/>")), "Bad Entry URI"},
    {BODY(LIST("<entry uri='&lt;sip:a@b'/>")), "Bad Entry URI"},
    {BODY(LIST("<entry uri='sip:a@b&#13;&#10;Route: &lt;sip:c@d>'/><entry uri='sip:a@b&#13;&#10;x'/>")), "Bad Entry URI"},
    {BODY(LIST("<entry uri='sip:a b@c'/>")), "Bad Entry URI"},
    {BODY(LIST("<entry uri='sip:a&#127;@c'/>")), "Bad Entry URI"},
    {BODY(LIST("<entry uri='sip:a@b'/><entry-ref ref='x'/>")), "Entry Reference Not Supported"},
    {BODY(LISTS("<entry-ref ref='x'/>")), "Entry Reference Not Supported"},
    {BODY(LIST("<list><external anchor='http://127.0.0.1/'/></list>")), "External List Not Supported"},
    {BODY(LIST("<list><list><list><list><list><list><list><list><entry uri='sip:a@b'/>"
               "</list></list></list></list></list></list></list></list>")), "Lists Nested Too Deep"},
    {BODY(LIST("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>")), "Too Deep"},
};
/* clang-format on */

START_TEST(every_entry_is_read_once_in_the_order_of_the_document)
{
    const struct reading *reading = &readings[_i];
    struct resource_list list;
    size_t i = 0;

    ck_assert_int_eq(resource_list_read(reader, reading->body, &list, NULL), STATUS_OK);
    for (; i < WANTED_MAX && reading->entries[i].uri != NULL; i++) {
        const struct wanted *wanted = &reading->entries[i];

        ck_assert_uint_gt(list.count, i);
        ck_assert(span_equal(list.entries[i].uri, span_of(wanted->uri)));
        ck_assert(span_equal(list.entries[i].name, span_of(wanted->name)));
        ck_assert(span_equal(list.entries[i].language, span_of(wanted->language)));
    }
    ck_assert_uint_eq(list.count, i);
}
END_TEST

START_TEST(what_cannot_be_subscribed_to_is_refused_by_name)
{
    struct pidf_fault fault = {0};
    struct resource_list list;

    ck_assert_int_eq(resource_list_read(reader, refusals[_i].body, &list, &fault),
                     STATUS_MALFORMED);
    ck_assert_str_eq(fault.phrase, refusals[_i].phrase);
    ck_assert_int_eq(resource_list_read(reader, refusals[_i].body, &list, NULL), STATUS_MALFORMED);
    ck_assert_int_eq(resource_list_read(reader, SPAN(LIST("<entry uri='sip:a@b'/>")), &list, NULL),
                     STATUS_OK);
    ck_assert_uint_eq(list.count, 1);
}
END_TEST

/* ---- limits ---- */

START_TEST(ten_thousand_entries_are_read_and_one_more_is_refused)
{
    const struct resource_list_limits limits = {.bytes = BYTES_MAX, .entries = MANY, .depth = 1};
    struct resource_list_reader *roomy = resource_list_reader_new(&limits);
    struct pidf_fault fault;
    struct resource_list list;
    struct buffer body;

    buffer_init(&body, BYTES_MAX);
    for (unsigned extra = 0; extra < 2; extra++) {
        buffer_reset(&body);
        buffer_put(&body, SPAN(ROOT "<list>"));
        for (unsigned i = 0; i < MANY + extra; i++)
            buffer_printf(&body, "<entry uri='sip:%u@b'/><entry uri='sip:%u@b'/>", i, i / 2);
        buffer_put(&body, SPAN("</list></resource-lists>"));
        if (extra == 0) {
            ck_assert_int_eq(resource_list_read(roomy, buffer_span(&body), &list, NULL), STATUS_OK);
            ck_assert_uint_eq(list.count, MANY);
            ck_assert(span_equal(list.entries[MANY - 1].uri, SPAN("sip:9999@b")));
        } else {
            ck_assert_int_eq(resource_list_read(roomy, buffer_span(&body), &list, &fault),
                             STATUS_LIMIT);
            ck_assert_str_eq(fault.phrase, "Too Many Entries");
        }
    }
    buffer_deinit(&body);
    resource_list_reader_free(roomy);
}
END_TEST

START_TEST(a_body_or_a_tree_beyond_the_limit_is_refused)
{
    const struct resource_list_limits limits = {.bytes = 20000, .entries = 1, .depth = 1};
    struct resource_list_reader *narrow = resource_list_reader_new(&limits);
    struct pidf_fault fault;
    struct resource_list list;
    struct buffer body;

    buffer_init(&body, BYTES_MAX);
    buffer_put(&body, SPAN(ROOT "<list>"));
    while (body.len < 19000)
        buffer_put(&body, SPAN("<entry uri='sip:a@b'/>"));
    buffer_put(&body, SPAN("</list></resource-lists>"));
    ck_assert_int_eq(resource_list_read(narrow, buffer_span(&body), &list, &fault), STATUS_LIMIT);
    ck_assert_str_eq(fault.phrase, "Too Many Elements");
    while (body.len <= 20000)
        buffer_put_char(&body, ' ');
    ck_assert_int_eq(resource_list_read(narrow, buffer_span(&body), &list, &fault), STATUS_LIMIT);
    ck_assert_str_eq(fault.phrase, "Document Too Large");
    buffer_deinit(&body);
    resource_list_reader_free(narrow);
}
END_TEST

/* ---- the documents of the RFCs ---- */

struct example {
    const char *file;
    size_t count;
    const char *phrase;
};

static const struct example examples[] = {
    {"rfc4826-s3.3-resource-lists-1.xml", 0, "Entry Reference Not Supported"},
    {"rfc5364-s6-resource-lists-1.xml", 7, NULL},
    {"rfc5364-s6-resource-lists-2.xml", 3, NULL},
    {"rfc5365-s9-resource-lists-1.xml", 7, NULL},
    {"rfc5366-s4-resource-lists-1.xml", 3, NULL},
    {"rfc5367-s4-resource-lists-1.xml", 3, NULL},
    {"rfc5367-s7-resource-lists-1.xml", 3, NULL},
};

START_TEST(the_lists_of_the_rfcs_are_read)
{
    static char memory[65536];
    struct pidf_fault fault = {0};
    struct resource_list list = {0};
    char path[4096];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/xsd/examples/%s", REFERENCE_DIR, examples[_i].file);
    file = fopen(path, "rb");
    if (file == NULL) {
        printf("skipped: no %s\n", path);
        return;
    }
    len = fread(memory, 1, sizeof(memory), file);
    fclose(file);
    ck_assert_int_eq(resource_list_read(reader, (struct span){memory, len}, &list, &fault),
                     examples[_i].phrase == NULL ? STATUS_OK : STATUS_MALFORMED);
    ck_assert_uint_eq(list.count, examples[_i].count);
    if (examples[_i].phrase != NULL)
        ck_assert_str_eq(fault.phrase, examples[_i].phrase);
}
END_TEST

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *pidf_resource_list_suite(void)
{
    Suite *suite = suite_create("pidf/resource_list");
    TCase *format = tcase_create("RFC 5367 section 4"), *limits = tcase_create("limits");
    TCase *rfc = tcase_create("examples of the RFCs");

    tcase_add_checked_fixture(format, setup, teardown);
    tcase_add_loop_test(format, every_entry_is_read_once_in_the_order_of_the_document, 0,
                        COUNT_OF(readings));
    tcase_add_loop_test(format, what_cannot_be_subscribed_to_is_refused_by_name, 0,
                        COUNT_OF(refusals));
    tcase_add_test(limits, ten_thousand_entries_are_read_and_one_more_is_refused);
    tcase_add_test(limits, a_body_or_a_tree_beyond_the_limit_is_refused);
    tcase_add_checked_fixture(rfc, setup, teardown);
    tcase_add_loop_test(rfc, the_lists_of_the_rfcs_are_read, 0, COUNT_OF(examples));
    suite_add_tcase(suite, format);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, rfc);
    return suite;
}
