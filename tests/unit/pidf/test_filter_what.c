/* test_filter_what.c - which bytes of a document each expression leaves. */
#include "tests/unit/pidf/filter.h"
#include "tests/unit/pidf/schema.h"

#include <stdio.h>

Suite *pidf_filter_what_suite(void);

enum { BYTES_MAX = 1 << 16 };

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define PRESENCE "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""
#define DM " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
#define RPID " xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\""
#define E " xmlns:e=\"urn:e\""
#define ENTITY " entity=\"sip:presentity@example.com\">"

#define STATUS_1 "<status><basic>open</basic><e:label>7</e:label></status>"
#define TUPLE_1                                                                                    \
    "<tuple id=\"a\">" STATUS_1 "<rpid:class>IM</rpid:class>"                                      \
    "<contact priority=\"0.5\">im:a@x</contact><note xml:lang=\"en\">hi</note></tuple>"
#define TUPLE_2                                                                                    \
    "<tuple id=\"b\"><status><basic>closed</basic></status><rpid:class>SMS</rpid:class>"           \
    "<contact>sms:b@x</contact></tuple>"
#define MOOD "<rpid:mood><rpid:note>so so</rpid:note><rpid:sad/><rpid:shy/></rpid:mood>"
#define PERSON                                                                                     \
    "<dm:person id=\"p\"><rpid:activities><rpid:away/><rpid:meal/></rpid:activities>" MOOD         \
    "<rpid:place-type><e:office/></rpid:place-type><dm:note>out</dm:note></dm:person>"
#define DEVICE                                                                                     \
    "<dm:device id=\"d\"><e:x e:y=\"1\" "                                                          \
    "z=\"2\">t</e:x><dm:deviceID>urn:d</dm:deviceID></dm:device>"
#define END "</presence>\n"
#define DOCUMENT HEAD PRESENCE DM RPID E ENTITY TUPLE_1 TUPLE_2 "<note>all</note>" PERSON DEVICE END

/* What is left, behind HEAD, and with the namespaces that are still in use. */
#define LEFT(namespaces, inner) HEAD PRESENCE namespaces ENTITY inner "</presence>\n"

struct cut {
    const char *what;
    const char *left; /* "": nothing, not even the root */
};

#define BARE_1 "<tuple id=\"a\"><status><basic>open</basic></status>"
#define BARE_2 "<tuple id=\"b\"><status><basic>closed</basic></status>"
#define BARE_TUPLES LEFT("", BARE_1 "</tuple>" BARE_2 "</tuple>")
#define FIRST LEFT("", BARE_1 "</tuple>")
#define SECOND LEFT("", BARE_2 "</tuple>")
#define XPATH_1 "/p:presence/p:tuple[@id=\"a\"]/p:status/p:basic"

/* clang-format off */
static const struct cut cuts[] = {
    /* the whole, and nothing */
    {INCLUDE("/p:presence"), DOCUMENT},
    {INCLUDE("/*"), DOCUMENT},
    {INCLUDE("//*"), DOCUMENT},
    {EXCLUDE("//e:nowhere"), DOCUMENT},
    {INCLUDE("//p:nowhere"), ""},
    {INCLUDE("//@nowhere"), ""},
    {INCLUDE("//p:tuple") EXCLUDE("//p:tuple"), ""},
    {INCLUDE("/presence/tuple"), ""}, /* without prefix: in no namespace */
    {INCLUDE("//d:tuple"), ""},

    /* an element comes with its ancestors, and with what they cannot be without */
    {INCLUDE("/p:presence/p:tuple/p:status/p:basic"), BARE_TUPLES},
    {INCLUDE("/ p:presence\n/p:tuple /p:status/ p:basic\n"), BARE_TUPLES},
    {INCLUDE("//p:basic"), BARE_TUPLES},
    {INCLUDE("//p:tuple//p:basic"), BARE_TUPLES},
    {INCLUDE("/*/*/*/p:basic"), BARE_TUPLES},
    {INCLUDE("/p:presence//p:basic"), BARE_TUPLES},
    {INCLUDE("//p:tuple/@id"), BARE_TUPLES},
    {INCLUDE(" /p:presence/p:note "), LEFT("", "<note>all</note>")},
    {INCLUDE("//p:contact"), LEFT("", BARE_1 "<contact priority=\"0.5\">im:a@x</contact></tuple>"
                                      BARE_2 "<contact>sms:b@x</contact></tuple>")},
    {INCLUDE("//e:label"), LEFT(E, "<tuple id=\"a\"><status><e:label>7</e:label></status></tuple>")},
    {INCLUDE("//r:sad"), LEFT(DM RPID, "<dm:person id=\"p\"><rpid:mood><rpid:sad/></rpid:mood></dm:person>")},
    {INCLUDE("//r:mood/r:note"), LEFT(DM RPID, "<dm:person id=\"p\"><rpid:mood><rpid:note>so so</rpid:note>"
                                               "<rpid:sad/></rpid:mood></dm:person>")},
    {INCLUDE("//d:device/e:x"), LEFT(DM E, DEVICE)},
    {INCLUDE("/p:presence/p:note") INCLUDE("//p:contact[@priority>0]"),
     LEFT("", BARE_1 "<contact priority=\"0.5\">im:a@x</contact></tuple><note>all</note>")},

    /* attributes */
    {INCLUDE("//p:contact/@priority"),
     LEFT("", BARE_1 "<contact priority=\"0.5\">im:a@x</contact></tuple>")},
    {INCLUDE("//@e:y"), LEFT(DM E, DEVICE)}, /* whose schema nobody knows: all attributes stay */
    {INCLUDE("//p:tuple/@id[.=\"a\"]"), FIRST},
    {INCLUDE("//p:tuple/@id[..=\"openIM\"]"), ""},

    /* conditions */
    {INCLUDE(XPATH_1), FIRST},
    {INCLUDE("//p:tuple[p:status/p:basic=\"open\"]/p:status/p:basic"), FIRST},
    {INCLUDE("//p:tuple[*/p:basic=\"open\"]/p:status/p:basic"), FIRST},
    {INCLUDE("//p:tuple[p:status//p:basic='closed']/p:status/p:basic"), SECOND},
    {INCLUDE("//p:basic[.=\"closed\"]"), SECOND},
    {INCLUDE("//p:basic[..=\"closed\"]"), SECOND},
    {INCLUDE("//p:basic[..=\"open\"]"), ""}, /* with the label it is "open7" */
    {INCLUDE("//p:basic[..=\"open7\"]"), FIRST},
    {INCLUDE("//p:tuple[r:class=\"IM\" or r:class=\"MMS\"]/p:status/p:basic"), FIRST},
    {INCLUDE("//p:tuple[r:class=\"IM\" and @id=\"b\"]/p:status"), ""},
    {INCLUDE("//p:tuple[@id=\"a\" or @id=\"b\" and r:class=\"IM\"]/p:status/p:basic"), FIRST},
    {INCLUDE("//p:tuple[@id=\"x\" and r:class=\"IM\" or @id=\"b\"]/p:status/p:basic"), SECOND},
    {INCLUDE("//p:tuple[p:contact/@priority=0.50]/p:status/p:basic"), FIRST},
    {INCLUDE("//p:tuple[p:contact/@priority=\"0.50\"]/p:status/p:basic"), ""}, /* as text */
    {INCLUDE("//p:tuple[p:contact/@priority>0.4]/p:status/p:basic"), FIRST},
    {INCLUDE("//p:tuple[p:contact/@priority>0.5]/p:status/p:basic"), ""},
    {INCLUDE("//p:tuple[p:status/e:label&lt;8]/p:status/p:basic"), FIRST},
    {INCLUDE("//p:tuple[p:status/e:label&lt;\"7\"]/p:status/p:basic"), ""},
    {INCLUDE("//p:tuple[r:class&lt;8]/p:status/p:basic"), ""}, /* not a number */
    {INCLUDE("/*[@entity='sip:presentity@example.com']/p:note"), LEFT("", "<note>all</note>")},

    /* exceptions, and what cannot be one */
    {EXCLUDE("//p:tuple") EXCLUDE("//d:person") EXCLUDE("/*/d:device"), LEFT("", "<note>all</note>")},
    {INCLUDE("//p:tuple[@id='a']") EXCLUDE("//p:note") EXCLUDE("//e:label") EXCLUDE("//r:class") EXCLUDE("//@priority"),
     LEFT("", BARE_1 "<contact>im:a@x</contact></tuple>")},
    {INCLUDE(XPATH_1) EXCLUDE("//p:basic"), ""},
    {INCLUDE("//p:tuple[@id='b']") EXCLUDE("//p:basic"), LEFT(RPID, TUPLE_2)},
    {INCLUDE("//p:tuple[@id='b']") EXCLUDE("//p:status"), LEFT(RPID, TUPLE_2)},
    {INCLUDE("//p:tuple[@id='b']") EXCLUDE("//@id"), LEFT(RPID, TUPLE_2)},
    {INCLUDE("//p:tuple[@id='a']/p:status") EXCLUDE("//p:basic"),
     LEFT(E, "<tuple id=\"a\"><status><e:label>7</e:label></status></tuple>")},
    {INCLUDE("//r:mood") EXCLUDE("//r:sad"), LEFT(DM RPID, "<dm:person id=\"p\"><rpid:mood><rpid:note>so so</rpid:note>"
                                                  "<rpid:shy/></rpid:mood></dm:person>")},
    {INCLUDE("//r:mood") EXCLUDE("//r:mood/*"), LEFT(DM RPID, "<dm:person id=\"p\"><rpid:mood><rpid:sad/></rpid:mood></dm:person>")},
    {INCLUDE("//r:place-type") EXCLUDE("//e:office"),
     LEFT(DM RPID E, "<dm:person id=\"p\"><rpid:place-type><e:office/></rpid:place-type></dm:person>")},
    {INCLUDE("//e:x") EXCLUDE("//@e:y") EXCLUDE("//d:deviceID"),
     LEFT(DM E, "<dm:device id=\"d\"><e:x z=\"2\">t</e:x><dm:deviceID>urn:d</dm:deviceID></dm:device>")},
    {EXCLUDE("/*"), DOCUMENT},

    /* namespaces */
    {"<include type='namespace'>urn:ietf:params:xml:ns:pidf</include>",
     LEFT("", BARE_1 "<contact priority=\"0.5\">im:a@x</contact><note xml:lang=\"en\">hi</note></tuple>"
              BARE_2 "<contact>sms:b@x</contact></tuple><note>all</note>")},
    {"<include type='namespace'> urn:ietf:params:xml:ns:pidf\n</include>" EXCLUDE("//p:note") EXCLUDE("//p:contact"), BARE_TUPLES},
    {"<include type='namespace'>urn:ietf:params:xml:ns:pidf:data-model</include>",
     LEFT(DM, "<dm:person id=\"p\"><dm:note>out</dm:note></dm:person>"
              "<dm:device id=\"d\"><dm:deviceID>urn:d</dm:deviceID></dm:device>")},
    {"<include type='namespace'>urn:e</include>",
     LEFT(DM RPID E, "<tuple id=\"a\"><status><e:label>7</e:label></status></tuple><dm:person id=\"p\"><rpid:place-type>"
                     "<e:office/></rpid:place-type></dm:person>" DEVICE)},
    {"<exclude type='namespace'>urn:ietf:params:xml:ns:pidf:rpid</exclude><exclude type='namespace'>urn:e</exclude>",
     LEFT(DM, BARE_1 "<contact priority=\"0.5\">im:a@x</contact><note xml:lang=\"en\">hi</note></tuple>"
              BARE_2 "<contact>sms:b@x</contact></tuple><note>all</note><dm:person id=\"p\"><dm:note>out</dm:note></dm:person>"
              "<dm:device id=\"d\"><dm:deviceID>urn:d</dm:deviceID></dm:device>")},
    {"<include type='namespace'>urn:nowhere</include>", ""},
};
/* clang-format on */

static void put_filter(const char *what, char *out, size_t size)
{
    (void)snprintf(out, size, FILTER_SET("<filter id='1'><what>%s</what></filter>"), what);
}

static const struct span document = {DOCUMENT, sizeof(DOCUMENT) - 1};

START_TEST(the_document_of_these_cases_is_valid)
{
    ck_assert(schema_accepts(document));
}
END_TEST

START_TEST(an_expression_leaves_just_these_bytes)
{
    const struct cut *cut = &cuts[_i];
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter;
    struct buffer out;
    char body[2048];

    put_filter(cut->what, body, sizeof(body));
    buffer_init(&out, BYTES_MAX);
    filter = read_filter(filterer, NULL, body);
    ck_assert_int_eq(filter_apply(filterer, rules_of(filter), document, &out), STATUS_OK);
    if (!span_equal(buffer_span(&out), span_of(cut->left)))
        printf("%s\nleft:     " SPAN_FMT "\nexpected: %s\n", cut->what, SPAN_ARG(buffer_span(&out)),
               cut->left);
    ck_assert(span_equal(buffer_span(&out), span_of(cut->left)));
    ck_assert(out.len == 0 || schema_accepts(buffer_span(&out)));
    simple_filter_free(filter);
    filterer_free(filterer);
    buffer_deinit(&out);
}
END_TEST

Suite *pidf_filter_what_suite(void)
{
    Suite *suite = suite_create("pidf/filter_what");
    TCase *tcase = tcase_create("RFC 4661 section 3.5");

    tcase_add_test(tcase, the_document_of_these_cases_is_valid);
    tcase_add_loop_test(tcase, an_expression_leaves_just_these_bytes, 0,
                        sizeof(cuts) / sizeof(cuts[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
