/* test_filter_set.c - what is refused, what a later SUBSCRIBE changes, and which filter applies. */
#include "tests/unit/pidf/filter.h"

#include <stdio.h>

Suite *pidf_filter_set_suite(void);

enum { BYTES_MAX = 1 << 16 };

/* ---- refusals ---- */

struct refusal {
    const char *body;
    enum filter_verdict verdict;
    const char *phrase;
};

#define HEAD "<filter-set xmlns='urn:ietf:params:xml:ns:simple-filter'>"
#define BAD(inner) WHAT(INCLUDE(inner)), FILTER_NOT_ACCEPTABLE
#define MALFORMED "Malformed Filter Expression"
#define UNSUPPORTED "Unsupported Filter Expression"
#define TRIGGER(inner) FILTER("<trigger>" inner "</trigger>"), FILTER_NOT_ACCEPTABLE
#define X4(text) text text text text
#define X16(text) X4(X4(text))
#define X64(text) X4(X16(text))

/* clang-format off */
static const struct refusal refusals[] = {
    /* 400 */
    {"", FILTER_MALFORMED, "Empty Document"},
    {"no XML", FILTER_MALFORMED, "Malformed XML"},
    {HEAD, FILTER_MALFORMED, "Malformed XML"},
    {"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" WHAT(INCLUDE("//p:note")), FILTER_MALFORMED, "DOCTYPE Not Allowed"},
    {WHAT(INCLUDE("//p:note&e;")), FILTER_MALFORMED, "Undeclared Entity"},
    {X16("<a>") , FILTER_MALFORMED, "Too Deep"},
    /* 488: the schema of RFC 4661 section 7 */
    {"<filter-set/>", FILTER_NOT_ACCEPTABLE, "Not a Filter Set"},
    {"<presence xmlns='urn:ietf:params:xml:ns:pidf'/>", FILTER_NOT_ACCEPTABLE, "Not a Filter Set"},
    {"<filter-set xmlns='urn:ietf:params:xml:ns:simple-winfo-filter'/>", FILTER_NOT_ACCEPTABLE, "Not a Filter Set"}, /* RFC 4660 section 7.2.3, as printed */
    {HEAD "</filter-set>", FILTER_NOT_ACCEPTABLE, "Filter Set Without Filter"},
    {HEAD "<filter><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Filter Without Id"},
    {HEAD "<filter id='1'/></filter-set>", FILTER_NOT_ACCEPTABLE, "Filter Without Contents"},
    {HEAD "<filter id='1'><what/><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Repeated What in Filter"},
    {HEAD "<filter id='1'><what/></filter><filter id='1' domain='x'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Repeated Filter Id"},
    {HEAD "<filter id='1' uri='a:b' domain='x'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Filter for Both URI and Domain"},
    {HEAD "<filter id='1' uri=' '><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Filter for an Empty URI or Domain"},
    {HEAD "<filter id='1' remove='yes'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Malformed Boolean in Filter"},
    {HEAD "<filter id='1' enabled='TRUE'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Malformed Boolean in Filter"},
    {HEAD "<filter id='1' url='a:b'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Unknown Attribute in Filter"},
    {HEAD "<filter id='1'><when/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Unknown Element in Filter"},
    {HEAD "<filter id='1'><what><p xmlns=''/></what></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Unknown Element in Filter"},
    {HEAD "<filter id='1'>//p:note<what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Text Not Allowed in Filter"},
    {HEAD "<ns-bindings/><filter id='1'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Malformed Namespace Binding in Filter"},
    {HEAD "<ns-bindings><ns-binding prefix='p'/></ns-bindings><filter id='1'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Malformed Namespace Binding in Filter"},
    {HEAD "<ns-bindings>" X64("<ns-binding prefix='p' urn='u'/>") "</ns-bindings><filter id='1'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Too Many Namespace Bindings in Filter"},
    {"<filter-set package='dialog' xmlns='urn:ietf:params:xml:ns:simple-filter'><filter id='1'><what/></filter></filter-set>", FILTER_NOT_ACCEPTABLE, "Filter for Another Event Package"},
    {WHAT("<include type='xslt'>//p:note</include>"), FILTER_NOT_ACCEPTABLE, "Unknown Type in Filter"},
    {WHAT("<include typ='namespace'>urn:e</include>"), FILTER_NOT_ACCEPTABLE, "Unknown Attribute in Filter"},
    {WHAT("<include> </include>"), FILTER_NOT_ACCEPTABLE, "Empty Filter Expression"},
    {WHAT("<include type='namespace'/>"), FILTER_NOT_ACCEPTABLE, "Empty Filter Expression"},
    {WHAT("<include>//p:note<b/></include>"), FILTER_NOT_ACCEPTABLE, "Unknown Element in Filter"},
    {WHAT(X64(INCLUDE("//p:note"))), FILTER_NOT_ACCEPTABLE, "Too Many Filter Expressions"},
    /* RFC 4660 section 3.3.1 */
    {FILTER_SET("<filter id='1'><what/></filter><filter id='2'><what/></filter>"), FILTER_NOT_ACCEPTABLE, "Two Filters for One Resource"},
    {FILTER_SET("<filter id='1'><what/></filter><filter id='2' uri='sip:presentity@example.com'><what/></filter>"), FILTER_NOT_ACCEPTABLE, "Two Filters for One Resource"},
    {FILTER_SET("<filter id='1' uri='sip:b@x'><what/></filter><filter id='2' uri='sip:b@x'><what/></filter>"), FILTER_NOT_ACCEPTABLE, "Two Filters for One Resource"},
    {FILTER_SET("<filter id='1' domain='x.org'><what/></filter><filter id='2' domain='X.org'><what/></filter>"), FILTER_NOT_ACCEPTABLE, "Two Filters for One Resource"},
    /* RFC 4661 section 5 */
    {BAD("p:note"), MALFORMED},
    {BAD("/"), MALFORMED},
    {BAD("//"), MALFORMED},
    {BAD("///p:note"), MALFORMED},
    {BAD("/p:note/"), MALFORMED},
    {BAD("/p:note x"), MALFORMED},
    {BAD("/@id"), MALFORMED},
    {BAD("//@id/p:note"), MALFORMED},
    {BAD("//p :note"), MALFORMED},
    {BAD("//p: note"), MALFORMED},
    {BAD("//1"), MALFORMED},
    {BAD("//p:note["), MALFORMED},
    {BAD("//p:note[]"), MALFORMED},
    {BAD("//p:note[.='a'"), MALFORMED},
    {BAD("//p:note[.='a]"), MALFORMED},
    {BAD("//p:note[.=]"), UNSUPPORTED},
    {BAD("//p:note[. ="), MALFORMED},
    {BAD("//p:note[.='a' and]"), MALFORMED},
    {BAD("//q:note"), "Unknown Prefix in Filter Expression"},
    {BAD("//p:note[q:x='1']"), "Unknown Prefix in Filter Expression"},
    {BAD("//p:*"), UNSUPPORTED},
    {BAD("//@*"), UNSUPPORTED},
    {BAD("//p:note/.."), UNSUPPORTED},
    {BAD("./p:note"), UNSUPPORTED},
    {BAD("(//p:note)"), UNSUPPORTED},
    {BAD("//p:note|//p:tuple"), UNSUPPORTED},
    {BAD("//p:note/text()"), UNSUPPORTED},
    {BAD("/child::p:presence"), UNSUPPORTED},
    {BAD("//p:tuple[1]"), UNSUPPORTED},
    {BAD("//p:tuple[p:note]"), UNSUPPORTED},
    {BAD("//p:tuple[not(p:note='x')]"), UNSUPPORTED},
    {BAD("//p:tuple[/p:presence='x']"), UNSUPPORTED},
    {BAD("//p:tuple[p:note!='x']"), UNSUPPORTED},
    {BAD("//p:tuple[@a&gt;=1]"), UNSUPPORTED},
    {BAD("//p:tuple[@a&lt;'x']"), UNSUPPORTED},
    {BAD("//p:tuple[@a=x]"), UNSUPPORTED},
    {BAD("//p:tuple[@a=1][@b=1]"), UNSUPPORTED},
    {BAD("//p:tuple[@a=1 xor @b=1]"), UNSUPPORTED},
    {BAD("//p:tuple[./@a=1]"), UNSUPPORTED},
    {BAD("//p:tuple[p:note[.='x']='x']"), "Filter Condition Not Allowed Here"},
    {BAD(X64("/p:note")), "Too Many Steps in Filter Expression"},
    {BAD("//p:note[" X16("@a=1 or ") "@a=1]"), "Too Many Conditions in Filter Expression"},
    {BAD("//" X64(X16("n"))), "Filter Expression Too Long"},
    /* RFC 4661 section 3.6 */
    {TRIGGER("<changed>//p:tuple[@id='a']</changed>"), "Filter Condition Not Allowed Here"},
    {TRIGGER("<added>p:tuple</added>"), MALFORMED},
    {TRIGGER("<added from='x'>//p:tuple</added>"), "Unknown Attribute in Filter"},
    {TRIGGER("<changed by='much'>//p:tuple</changed>"), "Malformed Number in Filter"},
    {TRIGGER("<changed by='-1'>//p:tuple</changed>"), "Malformed Number in Filter"},
    {TRIGGER("<changed by='1' from='a'>//p:tuple</changed>"), "Malformed Number in Filter"},
    {TRIGGER("<changed by='1' to='a'>//p:tuple</changed>"), "Malformed Number in Filter"},
    {TRIGGER("<gone>//p:tuple</gone>"), "Unknown Element in Filter"},
};
/* clang-format on */

static enum filter_verdict update(struct filterer *filterer, const struct simple_filter *standing,
                                  const char *body, struct simple_filter **out,
                                  struct pidf_fault *fault)
{
    const struct filter_scope scope = scope_of("sip:presentity@example.com");

    return simple_filter_update(filterer, &scope, standing, span_of(body), out, fault);
}

START_TEST(what_cannot_be_honoured_is_refused_by_name)
{
    const struct refusal *refusal = &refusals[_i];
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *out = NULL;
    struct pidf_fault fault = {0};

    ck_assert_int_eq(update(filterer, NULL, refusal->body, &out, &fault), refusal->verdict);
    ck_assert_str_eq(fault.phrase, refusal->phrase);
    ck_assert_ptr_null(out);
    filterer_free(filterer);
}
END_TEST

START_TEST(a_filter_of_more_bytes_than_allowed_is_too_large)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *out = NULL;
    struct pidf_fault fault = {0};
    struct buffer body;

    buffer_init(&body, BYTES_MAX);
    buffer_put(&body, SPAN(WHAT(INCLUDE("//p:note"))));
    while (body.len <= filter_limits_default.bytes)
        buffer_put_char(&body, '\n');
    buffer_put_char(&body, '\0');
    ck_assert_int_eq(update(filterer, NULL, body.at, &out, &fault), FILTER_TOO_LARGE);
    ck_assert_str_eq(fault.phrase, "Document Too Large");
    buffer_deinit(&body);
    filterer_free(filterer);
}
END_TEST

/* ---- what stands ---- */

#define TAG "<filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\">"
#define BINDING                                                                                    \
    "<ns-bindings><ns-binding prefix=\"n1\" urn=\"urn:ietf:params:xml:ns:pidf\"/></ns-bindings>"
#define WRITTEN(inner) "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" TAG inner "</filter-set>\n"
#define NOTE "<what><include>//n1:note</include></what>"
#define BASIC "<what><include>//n1:basic</include></what>"
#define ASKS_NOTE "<what><include> //p:note </include></what>"
#define ASKS_BASIC "<what><include>//p:basic</include></what>"

static void expect_written(const struct simple_filter *filter, const char *expected)
{
    struct buffer out;

    buffer_init(&out, BYTES_MAX);
    simple_filter_write(filter, &out);
    if (!span_equal(buffer_span(&out), span_of(expected)))
        printf(SPAN_FMT "expected\n%s", SPAN_ARG(buffer_span(&out)), expected);
    ck_assert(span_equal(buffer_span(&out), span_of(expected)));
    buffer_deinit(&out);
}

struct change {
    const char *body;
    const char *stands; /* NULL: nothing */
};

/* clang-format off */
static const struct change changes[] = {
    /* a new id is added, a known one replaced where it stands */
    {FILTER_SET("<filter id='1'>" ASKS_NOTE "</filter>"), WRITTEN(BINDING "<filter id=\"1\">" NOTE "</filter>")},
    {FILTER_SET("<filter id='2' domain='x'>" ASKS_NOTE "</filter>"),
     WRITTEN(BINDING "<filter id=\"1\">" NOTE "</filter><filter id=\"2\" domain=\"x\">" NOTE "</filter>")},
    {FILTER_SET("<filter id='1' uri='sip:b@y'>" ASKS_BASIC "</filter>"),
     WRITTEN(BINDING "<filter id=\"1\" uri=\"sip:b@y\">" BASIC "</filter><filter id=\"2\" domain=\"x\">" NOTE "</filter>")},
    /* switched off and on without saying it all again */
    {FILTER_SET("<filter id='1' enabled='false'/>"),
     WRITTEN(BINDING "<filter id=\"1\" uri=\"sip:b@y\" enabled=\"false\">" BASIC "</filter><filter id=\"2\" domain=\"x\">" NOTE "</filter>")},
    {FILTER_SET("<filter id='1' enabled='1'/><filter id='2' enabled='0'><what/></filter>"),
     WRITTEN(BINDING "<filter id=\"1\" uri=\"sip:b@y\">" BASIC "</filter><filter id=\"2\" domain=\"x\" enabled=\"false\">" NOTE "</filter>")},
    /* a disabled one is in nobody's way */
    {FILTER_SET("<filter id='3' domain='x'>" ASKS_BASIC "</filter>"),
     WRITTEN(BINDING "<filter id=\"1\" uri=\"sip:b@y\">" BASIC "</filter><filter id=\"2\" domain=\"x\" enabled=\"false\">" NOTE
             "</filter><filter id=\"3\" domain=\"x\">" BASIC "</filter>")},
    /* removed, also when it is gone already */
    {FILTER_SET("<filter id='1' remove='true'/><filter id='2' remove='1'>" ASKS_NOTE "</filter><filter id='9' remove='true'/>"),
     WRITTEN(BINDING "<filter id=\"3\" domain=\"x\">" BASIC "</filter>")},
    {FILTER_SET("<filter id='3' remove='true'/>"), NULL},
    {FILTER_SET("<filter id='4'><trigger/></filter>"), WRITTEN("<filter id=\"4\"><what></what></filter>")},
    {FILTER_SET("<filter id='4' enabled='false'/>"), WRITTEN("<filter id=\"4\" enabled=\"false\"><what></what></filter>")},
};
/* clang-format on */

START_TEST(a_later_subscribe_adds_replaces_switches_and_removes)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = NULL;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        filter = read_filter(filterer, filter, changes[i].body);
        if (changes[i].stands == NULL)
            ck_assert_ptr_null(filter);
        else
            expect_written(filter, changes[i].stands);
    }
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

START_TEST(a_refused_change_leaves_what_stands)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = read_filter(filterer, NULL, WHAT(INCLUDE("//p:note")));
    struct simple_filter *out = filter;
    struct pidf_fault fault;

    /* RFC 4660 section 5.2.2: the same resource by another id */
    ck_assert_int_eq(
        update(filterer, filter, FILTER_SET("<filter id='2'><what/></filter>"), &out, &fault),
        FILTER_NOT_ACCEPTABLE);
    ck_assert_ptr_eq(out, filter);
    expect_written(filter, WRITTEN(BINDING "<filter id=\"1\">" NOTE "</filter>"));
    /* RFC 4661 section 3.4: contents come with the first enabling */
    ck_assert_int_eq(update(filterer, filter,
                            FILTER_SET("<filter id='3' domain='x' enabled='false'/>"), &out,
                            &fault),
                     FILTER_ACCEPTED);
    simple_filter_free(filter);
    filter = out;
    ck_assert_int_eq(update(filterer, filter, FILTER_SET("<filter id='3'/>"), &out, &fault),
                     FILTER_NOT_ACCEPTABLE);
    ck_assert_str_eq(fault.phrase, "Filter Without Contents");
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

START_TEST(the_limits_hold_for_all_requests_together)
{
    const struct filter_limits limits = {.bytes = 4096,
                                         .filters = 2,
                                         .bindings = 4,
                                         .expressions = 3,
                                         .expression_bytes = 64,
                                         .steps = 4,
                                         .conditions = 2,
                                         .document_bytes = 4096,
                                         .document_elements = 100,
                                         .work = 1000};
    struct filterer *filterer = filterer_new(&limits);
    struct simple_filter *filter =
        read_filter(filterer, NULL, WHAT(INCLUDE("//p:note") INCLUDE("//p:basic")));
    struct simple_filter *out = NULL;
    struct pidf_fault fault;

    ck_assert_int_eq(update(filterer, filter,
                            FILTER_SET("<filter id='2' domain='x'><what>" INCLUDE("//p:note")
                                           INCLUDE("//p:a") "</what></filter>"),
                            &out, &fault),
                     FILTER_NOT_ACCEPTABLE);
    ck_assert_str_eq(fault.phrase, "Too Many Filter Expressions");
    filter =
        read_filter(filterer, filter, FILTER_SET("<filter id='2' domain='x'><what/></filter>"));
    ck_assert_int_eq(update(filterer, filter,
                            FILTER_SET("<filter id='3' domain='y'><what/></filter>"), &out, &fault),
                     FILTER_NOT_ACCEPTABLE);
    ck_assert_str_eq(fault.phrase, "Too Many Filters");
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

START_TEST(what_is_written_reads_as_the_same_set)
{
    static const char body[] =
        FILTER_SET("<filter id='&lt;\"' uri='sip:a@b?c=d&amp;e'><what>" INCLUDE(
            "/p:presence//"
            "*[r:class=\"it's\" and "
            "b/@x='\"' or .&gt; ' 05.50 "
            "']/@id") "<include "
                      "type='namespace'>"
                      "urn:e&amp;f</"
                      "include>" EXCLUDE("//"
                                         "rpid:mood[..='"
                                         "x']") "</"
                                                "what><"
                                                "trigger>"
                                                "<changed"
                                                " from=' "
                                                "a ' "
                                                "to='&lt;"
                                                "'>//e:x/"
                                                "@r:y</"
                                                "changed>"
                                                "<added>/"
                                                "*</"
                                                "added>"
                                                "<removed"
                                                ">//"
                                                "d:"
                                                "person</"
                                                "removed>"
                                                "</"
                                                "trigger>"
                                                "<trigger"
                                                "><"
                                                "changed "
                                                "by='0.5'"
                                                ">//x</"
                                                "changed>"
                                                "</"
                                                "trigger>"
                                                "<later "
                                                "xmlns='"
                                                "urn:"
                                                "later'/"
                                                "></"
                                                "filter"
                                                ">");
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter, *again;
    struct buffer first, second;

    buffer_init(&first, BYTES_MAX);
    buffer_init(&second, BYTES_MAX);
    filter = read_filter(filterer, NULL, body);
    simple_filter_write(filter, &first);
    buffer_put_char(&first, '\0');
    again = read_filter(filterer, NULL, first.at);
    simple_filter_write(again, &second);
    buffer_put_char(&second, '\0');
    ck_assert_str_eq(first.at, second.at);
    buffer_deinit(&first);
    buffer_deinit(&second);
    simple_filter_free(filter);
    simple_filter_free(again);
    filterer_free(filterer);
}
END_TEST

/* ---- which applies ---- */

static bool applies(const struct simple_filter *filter, const char *resource, const char *local)
{
    struct span view = filter_rules_view(simple_filter_for(filter, span_of(resource)));

    return local == NULL ? span_empty(view)
                         : memmem(view.at, view.len, local, strlen(local)) != NULL;
}

START_TEST(the_most_specific_filter_applies_alone)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = read_filter(
        filterer, NULL,
        FILTER_SET("<filter id='1'><what>" INCLUDE(
            "//list") "</what></filter>"
                      "<filter id='2' domain='Example.com'><what>" INCLUDE(
                          "//domain") "</what></filter>"
                                      "<filter id='3' uri='sip:bob@example.com'><what>" INCLUDE(
                                          "//bob") "</what></filter>"
                                                   "<filter id='4' domain='[::1]'><what>" INCLUDE(
                                                       "//six") "</what></filter>"
                                                                "<filter id='5' domain='off.org' "
                                                                "enabled='false'><what>" INCLUDE(
                                                                    "//off") "</what></filter>"));

    ck_assert(applies(filter, "sip:presentity@example.com", "list"));
    ck_assert(applies(filter, "sip:bob@example.com", "bob"));
    ck_assert(applies(filter, "sip:carol@example.com", "domain"));
    ck_assert(applies(filter, "sip:carol@EXAMPLE.com:5060;x=y", "domain"));
    ck_assert(applies(filter, "sip:carol@[::1]:5060", "six"));
    ck_assert(applies(filter, "sip:carol@sub.example.com", "list"));
    ck_assert(applies(filter, "sip:carol@off.org", "list"));
    ck_assert(applies(filter, "example.com", "list"));
    filter = read_filter(filterer, filter, FILTER_SET("<filter id='1' enabled='false'/>"));
    ck_assert(applies(filter, "sip:presentity@example.com", "domain"));
    ck_assert_ptr_null(simple_filter_for(filter, SPAN("sip:carol@off.org")));
    simple_filter_free(filter);
    ck_assert_ptr_null(simple_filter_for(NULL, SPAN("sip:bob@example.com")));
    filterer_free(filterer);
}
END_TEST

START_TEST(filters_that_show_the_same_share_a_view)
{
    static const char *const same[] = {
        WHAT(INCLUDE("//p:note") INCLUDE("//p:tuple[@a='1' or @b=\"x\"]/@id")),
        WHAT(INCLUDE("// p:tuple [ @a = \"1\" or @b='x'] / @id") INCLUDE("//pidf:note")
                 INCLUDE("//p:note")),
        WHAT(INCLUDE("//p:note") INCLUDE("//p:tuple[@a='1' or @b=\"x\"]/@id")) " ",
        FILTER("<what>" INCLUDE("//p:note")
                   INCLUDE("//p:tuple[@a='1' or @b=\"x\"]/@id") "</what><trigger><added>//p:tuple</"
                                                                "added></trigger>"),
    };
    static const char *const others[] = {
        WHAT(INCLUDE("//p:note") EXCLUDE("//p:tuple[@a='1' or @b=\"x\"]/@id")),
        WHAT(INCLUDE("//p:note") INCLUDE("//p:tuple[@a=1 or @b=\"x\"]/@id")),
        WHAT(INCLUDE("//note") INCLUDE("//p:tuple[@a='1' or @b=\"x\"]/@id")),
        FILTER("<trigger><added>//p:tuple</added></trigger>"),
    };
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *first = read_filter(filterer, NULL, same[0]), *other;
    struct span view = filter_rules_view(rules_of(first));

    ck_assert(!span_empty(view));
    ck_assert(!filter_rules_have_triggers(rules_of(first)));
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        other = read_filter(filterer, NULL, same[i]);
        ck_assert(span_equal(filter_rules_view(rules_of(other)), view));
        simple_filter_free(other);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        other = read_filter(filterer, NULL, others[i]);
        ck_assert(!span_equal(filter_rules_view(rules_of(other)), view));
        simple_filter_free(other);
    }
    ck_assert(span_empty(filter_rules_view(NULL)));
    ck_assert(!filter_rules_have_triggers(NULL));
    simple_filter_free(first);
    filterer_free(filterer);
}
END_TEST

Suite *pidf_filter_set_suite(void)
{
    Suite *suite = suite_create("pidf/filter_set");
    TCase *refused = tcase_create("RFC 4660 section 5.4");
    TCase *changed = tcase_create("RFC 4660 section 5.2.2");
    TCase *applied = tcase_create("RFC 4660 section 3.3.2");

    tcase_add_loop_test(refused, what_cannot_be_honoured_is_refused_by_name, 0,
                        sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(refused, a_filter_of_more_bytes_than_allowed_is_too_large);
    tcase_add_test(changed, a_later_subscribe_adds_replaces_switches_and_removes);
    tcase_add_test(changed, a_refused_change_leaves_what_stands);
    tcase_add_test(changed, the_limits_hold_for_all_requests_together);
    tcase_add_test(changed, what_is_written_reads_as_the_same_set);
    tcase_add_test(applied, the_most_specific_filter_applies_alone);
    tcase_add_test(applied, filters_that_show_the_same_share_a_view);
    suite_add_tcase(suite, refused);
    suite_add_tcase(suite, changed);
    suite_add_tcase(suite, applied);
    return suite;
}
