/* test_patch.c - what arrives in partial publications: the RFCs' examples, and what may go wrong.
 */
#include "pidf/partial/patch.h"

#include "server/base/must.h"
#include "tests/support/edits/canonical.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *pidf_patch_suite(void);

/* ---- what the cases share ---- */

#define PIDF_NS " xmlns='urn:ietf:params:xml:ns:pidf'"
#define DOC(content) "<presence" PIDF_NS " entity='pres:a@b'>" content "</presence>"
#define DIFF_OF(attributes, patches)                                                               \
    "<p:pidf-diff" PIDF_NS " xmlns:p='urn:ietf:params:xml:ns:pidf-diff'" attributes ">" patches    \
    "</p:pidf-diff>"
#define DIFF(patches) DIFF_OF("", patches)

static struct pidf_partial *partial;
static struct buffer out;

static void setup(void)
{
    partial = pidf_partial_new(NULL);
    buffer_init(&out, 1 << 20);
}

static void teardown(void)
{
    pidf_partial_free(partial);
    buffer_deinit(&out);
}

static enum status patch(struct span stored, struct span body, struct pidf_fault *fault)
{
    buffer_reset(&out);
    return pidf_patch(partial, stored, body, &out, fault);
}

static void check_patch(struct span stored, struct span body, struct span wanted)
{
    struct pidf_fault fault = {0};

    ck_assert_msg(patch(stored, body, &fault) == STATUS_OK, "%s: %.*s", fault.phrase,
                  SPAN_ARG(body));
    ck_assert_msg(canonical_equal(buffer_span(&out), wanted), "%.*s", SPAN_ARG(buffer_span(&out)));
}

static void check_refused(struct span stored, struct span body, enum status status,
                          const char *phrase)
{
    struct pidf_fault fault = {0};

    ck_assert_msg(patch(stored, body, &fault) == status, "%.*s: %.*s", SPAN_ARG(body),
                  SPAN_ARG(buffer_span(&out)));
    ck_assert_str_eq(fault.phrase, phrase);
    ck_assert_uint_eq(out.len, 0);
}

/* ---- the examples of RFC 5262 section 6, RFC 5263 section 5 and RFC 5264 section 6 ---- */

static struct span read_file(unsigned rfc, const char *what, char memory[8192])
{
    char path[256];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof(path), SOURCE_DIR "/tests/unit/pidf/partial/rfc%u-%s.xml", rfc,
                   what);
    file = fopen(path, "rb");
    must(file != NULL);
    len = fread(memory, 1, 8192, file);
    (void)fclose(file);
    return (struct span){memory, len};
}

static const unsigned rfcs[] = {5262, 5263, 5264};

START_TEST(the_examples_of_the_rfcs_become_what_they_say)
{
    char full[8192], diff[8192], result[8192], inside[8192];
    struct buffer stored;

    buffer_init_fixed(&stored, inside, sizeof(inside));
    ck_assert(pidf_patch(partial, (struct span){0}, read_file(rfcs[_i], "full", full), &stored,
                         NULL) == STATUS_OK);
    check_patch(buffer_span(&stored), read_file(rfcs[_i], "diff", diff),
                read_file(rfcs[_i], "result", result));
    /* The examples of RFC 5263 and 5264 are older than the schemas that they name. */
    ck_assert(rfcs[_i] != 5262 || schema_accepts(buffer_span(&out)));
}
END_TEST

/* ---- RFC 5261 ---- */

struct change {
    const char *from;
    const char *patches;
    const char *to;
};

static const struct change changes[] = {
    /* A.1 */
    {DOC("\n<note>n</note>\n"), "<p:add sel='presence'><foo id='ert4773'>new child</foo></p:add>",
     DOC("\n<note>n</note>\n<foo id='ert4773'>new child</foo>")},
    /* A.2 */
    {DOC("<foo id='e'>c</foo>"), "<p:add sel=\"presence/foo[@id='e']\" type='@user'>Bob</p:add>",
     DOC("<foo id='e' user='Bob'>c</foo>")},
    /* A.3 */
    {DOC("<foo/>"), "<p:add sel='presence' type='namespace::pref'>urn:ns:xxx</p:add>",
     "<presence" PIDF_NS " xmlns:pref='urn:ns:xxx' entity='pres:a@b'><foo/></presence>"},
    /* A.4 */
    {DOC("<note/>\n<foo id='e'/>"),
     "<p:add sel=\"presence/foo[@id='e']\" pos='before'><!-- comment --></p:add>",
     DOC("<note/>\n<!-- comment --><foo id='e'/>")},
    /* A.5 */
    {DOC("\n  <note/>\n"), "<p:add sel='presence'>\n  <foo/></p:add>",
     DOC("\n  <note/>\n\n  <foo/>")},
    /* A.6 */
    {DOC("<foo a='1'>s</foo>"), "<p:replace sel=\"presence/foo[@a='1']\"><bar a='2'/></p:replace>",
     DOC("<bar a='2'/>")},
    /* A.7 */
    {DOC("<foo a='1'/>"), "<p:replace sel='presence/foo/@a'>new value</p:replace>",
     DOC("<foo a='new value'/>")},
    /* A.8 */
    {DOC("<foo xmlns:pref='urn:test'/>"),
     "<p:replace sel='presence/foo/namespace::pref'>urn:new:xxx</p:replace>",
     DOC("<foo xmlns:pref='urn:new:xxx'/>")},
    /* A.9 */
    {DOC("<foo/>\n<!-- comment -->\n"),
     "<p:replace sel='presence/comment()[1]'><!-- new\n content --></p:replace>",
     DOC("<foo/>\n<!-- new\n content -->\n")},
    /* A.10 */
    {DOC("<foo/><?test foo=\"bar\"?>"),
     "<p:replace sel='presence/processing-instruction(\"test\")'><?test bar=\"foobar\"?>"
     "</p:replace>",
     DOC("<foo/><?test bar=\"foobar\"?>")},
    /* A.11 */
    {DOC("<foo>old</foo>"), "<p:replace sel='presence/foo/text()[1]'>new</p:replace>",
     DOC("<foo>new</foo>")},
    /* A.12 */
    {DOC("\n  <foo a='1'>s</foo>\n"), "<p:remove sel=\"presence/foo[@a='1']\" ws='after'/>",
     DOC("\n  ")},
    /* A.13 */
    {DOC("<foo a='1'/>"), "<p:remove sel='presence/foo/@a'/>", DOC("<foo/>")},
    /* A.14 */
    {DOC("<foo a='1' xmlns:pref='urn:test'/>"), "<p:remove sel='presence/foo/namespace::pref'/>",
     DOC("<foo a='1'/>")},
    /* A.15 */
    {DOC("<foo/>\n <!-- comment -->\n"), "<p:remove sel='presence/comment()[1]' ws='after'/>",
     DOC("<foo/>\n ")},
    /* A.16 */
    {DOC("<foo/>\n <?test?>\n"), "<p:remove sel='presence/processing-instruction(\"test\")'/>",
     DOC("<foo/>\n \n")},
    /* A.17 */
    {DOC("<foo a='1'>s</foo>"), "<p:remove sel='presence/foo/text()[1]'/>", DOC("<foo a='1'/>")},
    /* A.18, and the second rule of section 4.2.3 */
    {"<presence" PIDF_NS " xmlns:z='urn:y'><note>s</note><elem a='foo'>\n  <child/>\n </elem>"
     "<elem a='bar'>\n  <z:child/>\n </elem></presence>",
     "<p:add sel=\"presence/elem[@a='foo']\" xmlns:y='urn:y'>  <!-- This is a new child -->\n"
     "   <child id='ert4773'>\n    <y:node/>\n   </child>\n </p:add>"
     "<p:replace sel='presence/note/text()'>Patched doc</p:replace>"
     "<p:remove sel=\"*/elem[@a='bar']/y:child\" ws='both' xmlns:y='urn:y'/>"
     "<p:add sel=\"*/elem[@a='bar']\" type='@b'>new attr</p:add>",
     "<presence" PIDF_NS " xmlns:z='urn:y'><note>Patched doc</note><elem a='foo'>\n  <child/>\n"
     "   <!-- This is a new child -->\n   <child id='ert4773'>\n    <z:node/>\n   </child>\n "
     "</elem><elem a='bar' b='new attr'/></presence>"},
    /* 4.1: predicates, positions, id(), the value of a child and of the node itself */
    {DOC("<a><b>1</b></a><a><b>2</b></a>"), "<p:remove sel='*/a[b=\"2\"]'/>",
     DOC("<a><b>1</b></a>")},
    {DOC("<a>x<b>y</b></a><a>z</a>"), "<p:remove sel=\"/*/a[.='xy']\"/>", DOC("<a>z</a>")},
    {DOC("<a k='1'/><b k='1'/><a k='1'/>"), "<p:remove sel=\"*/*[@k='1'][3]\"/>",
     DOC("<a k='1'/><b k='1'/>")},
    {DOC("<a/><b/><b k='1'/><b k='1'/>"), "<p:remove sel=\"*/b[3][@k='1']\"/>",
     DOC("<a/><b/><b k='1'/>")},
    {DOC("<tuple id='t'><note>x</note></tuple>"), "<p:remove sel=\"id('t')/note\"/>",
     DOC("<tuple id='t'/>")},
    {DOC("<a xml:id='t'/>"), "<p:remove sel='id(\"t\")'/>", DOC("")},
    {DOC("<a k=\"it's\"/><a k='b'/>"), "<p:remove sel='*/a[@k=\"it&apos;s\"]'/>",
     DOC("<a k='b'/>")},
    {DOC("<a xml:lang='en'/><a/>"),
     "<p:replace sel=\"*/a[@xml:lang='en']/@xml:lang\">fr</p:replace>",
     DOC("<a xml:lang='fr'/><a/>")},
    {DOC("<a/>"), "<p:remove sel='p:pidf-full/a'/>", DOC("")}, /* RFC 5262 section 6 shows it so */
    {"<!-- one --><presence" PIDF_NS "/>", "<p:remove sel='comment()'/>", "<presence" PIDF_NS "/>"},
    {"<presence" PIDF_NS "/>", "<p:add sel='*' pos='before'>\n<!-- one -->\n</p:add>",
     "<!-- one --><presence" PIDF_NS "/>"},
    /* 4.2.1: a name without prefix where there is no default namespace */
    {DOC("<a xmlns=''/>"),
     "<x:remove xmlns:x='urn:ietf:params:xml:ns:pidf-diff' xmlns=''"
     " xmlns:d='urn:ietf:params:xml:ns:pidf' sel='d:presence/a'/>",
     DOC("")},
    /* 4.2.3: what the target lacks is declared with what is added */
    {DOC("<a/>"), "<p:add sel='*/a' xmlns:n='urn:n'><n:b n:k='1'/></p:add>",
     DOC("<a><n:b xmlns:n='urn:n' n:k='1'/></a>")},
    /* ... and a prefix that means something else there gives way */
    {DOC("<a xmlns:n='urn:m' n:x=''/>"), "<p:add sel='*/a' xmlns:n='urn:n'><n:b/></p:add>",
     DOC("<a xmlns:n='urn:m' n:x=''><ns1:b xmlns:ns1='urn:n'/></a>")},
    /* ... local declarations stay */
    {DOC("<a/>"), "<p:add sel='*/a'><n:b xmlns:n='urn:n' xmlns:idle='urn:i'/></p:add>",
     DOC("<a><n:b xmlns:n='urn:n' xmlns:idle='urn:i'/></a>")},
    {DOC("<a/>"), "<p:add sel='*/*' xmlns=''><b/></p:add>", DOC("<a><b xmlns=''/></a>")},
    /* ... the first rule: the same prefix */
    {DOC("<a xmlns:x='urn:n' xmlns:y='urn:n'/>"), "<p:add sel='*/a' xmlns:y='urn:n'><y:b/></p:add>",
     DOC("<a xmlns:x='urn:n' xmlns:y='urn:n'><y:b/></a>")},
    /* ... the third: the prefix just before in the alphabet, else the first */
    {DOC("<a xmlns:x='urn:n' xmlns:y='urn:n'/>"),
     "<p:add sel='*/a' xmlns:xx='urn:n'><xx:b/></p:add>",
     DOC("<a xmlns:x='urn:n' xmlns:y='urn:n'><x:b/></a>")},
    {DOC("<a xmlns:x='urn:n' xmlns:y='urn:n'/>"), "<p:add sel='*/a' xmlns:a='urn:n'><a:b/></p:add>",
     DOC("<a xmlns:x='urn:n' xmlns:y='urn:n'><x:b/></a>")},
    {DOC("<a xmlns:x='urn:n' xmlns:y='urn:n'/>"),
     "<p:add sel='*/a' xmlns:z='urn:n' type='@z:k'>1</p:add>",
     DOC("<a xmlns:x='urn:n' xmlns:y='urn:n' y:k='1'/>")},
    /* 4.3.4, 4.3.5 */
    {DOC("<a>x</a>"), "<p:add sel='*/a' pos='prepend'>y<b/>z</p:add>", DOC("<a>y<b/>zx</a>")},
    {DOC("<a>x<b/>y<c/></a>"), "<p:add sel='*/a/text()[2]' pos='after'>new<bar/>elem</p:add>",
     DOC("<a>x<b/>ynew<bar/>elem<c/></a>")},
    {DOC("<a>x<b/>y<c/></a>"), "<p:add sel='*/a/text()[2]' pos='before'>new<bar/>elem</p:add>",
     DOC("<a>x<b/>new<bar/>elemy<c/></a>")},
    {DOC("<a/>"), "<p:add sel='*/a'><![CDATA[<&]]>x</p:add>", DOC("<a>&lt;&amp;x</a>")},
    {DOC("<a/>"), "<p:add sel='*/a' type='@k'/>", DOC("<a k=''/>")},
    /* 4.4: content may be empty; white space around an element is layout */
    {DOC("<a k='1'>x</a>"), "<p:replace sel='*/a/@k'/><p:replace sel='*/a/text()'/>",
     DOC("<a k=''/>")},
    {DOC("<a>x</a>"), "<p:replace sel='*/a'>\n <b/>\n</p:replace>", DOC("<b/>")},
    {DOC("<a>x</a>"), "<p:replace sel='*/a/text()'> </p:replace>", DOC("<a> </a>")},
    {"<presence" PIDF_NS " xmlns:x='urn:n'><x:a/></presence>",
     "<p:replace sel='*/namespace::x'>urn:m</p:replace><p:remove sel='*/m:a' xmlns:m='urn:m'/>",
     "<presence" PIDF_NS " xmlns:x='urn:m'/>"},
    /* 4.5.6: neighbours of what is gone become one text */
    {DOC("<a>x<b/>y</a>"), "<p:remove sel='*/a/b'/><p:replace sel='*/a/text()[1]'>z</p:replace>",
     DOC("<a>z</a>")},
    /* one after the other, each on what the one before has left */
    {DOC("<a/><a/>"), "<p:remove sel='*/a[1]'/><p:remove sel='*/a[1]'/>", DOC("")},
    {DOC("<a/>"), "<p:add sel='*/a'><b/></p:add><p:add sel='*/a/b' type='@k'>1</p:add>",
     DOC("<a><b k='1'/></a>")},
    /* what no patch names stays: comments, instructions, prefixes, idle declarations, white space
     */
    {"<?top x?>\n<presence" PIDF_NS " xmlns:u='urn:u'><!-- c --><u:x u:k='&#10;&lt;'>\n\n&#13;"
     "<u:y/></u:x><?in?><a/></presence>",
     "<p:remove sel='*/a'/>",
     "<?top x?>\n<presence" PIDF_NS " xmlns:u='urn:u'><!-- c --><u:x u:k='&#10;&lt;'>\n\n&#13;"
     "<u:y/></u:x><?in?></presence>"},
};

START_TEST(a_patch_does_what_the_rfc_says)
{
    static char memory[4096];
    int len = snprintf(memory, sizeof(memory), DIFF("\n%s\n"), changes[_i].patches);

    check_patch(span_of(changes[_i].from), (struct span){memory, (size_t)len},
                span_of(changes[_i].to));
}
END_TEST

/* ---- refusals ---- */

struct refusal {
    const char *from;
    const char *patches;
    const char *phrase;
};

static const struct refusal refusals[] = {
    {DOC("<a/>"), "<p:remove sel='*/b'/>", "Unlocated Node"},
    {DOC("<a/><a/>"), "<p:remove sel='*/a'/>", "Unlocated Node"},
    {DOC("<a/>"), "<p:remove sel='*/a[2]'/>", "Unlocated Node"},
    {DOC("<a/>"), "<p:remove sel='*/a/@k'/>", "Unlocated Node"},
    {DOC("<a/>"), "<p:remove sel='*/a[0]'/>", "Unlocated Node"},
    {DOC("<a/>"), "<p:remove sel='*/a[99999999999999999999]'/>", "Unlocated Node"},
    {DOC("<a/>"), "<p:remove sel='*/a/namespace::x'/>", "Unlocated Node"},
    {DOC("<a/>"), "<p:remove sel='id()'/>", "Unlocated Node"},
    {DOC("<a id='x'/><a id='x'/>"), "<p:remove sel='id(\"x\")'/>", "Unlocated Node"},
    {DOC("<a/>"), "<p:remove/>", "Missing Selector"},
    {DOC("<a/>"), "<p:remove sel=''/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='//a'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/a['/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/a[@k]'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/a[@k=\"x]'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/a[last()]'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/a or b'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/../a'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/text()/a'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/text()[1][1]'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='id(x)'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='id(\"x\")y'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/processing-instruction(x)'/>", "Invalid Selector"},
    {DOC("<a/>"), "<p:remove sel='*/a[1][1][1][1][1][1][1][1][1]'/>", "Selector Too Complex"},
    {DOC("<a/>"), "<p:remove sel='*/x:a'/>", "Invalid Namespace Prefix"},
    {DOC("<a/>"), "<p:add sel='*/a/@k'>x</p:add>", "Unlocated Node"},
    {DOC("<a k='1'/>"), "<p:add sel='*/a/@k'>x</p:add>", "Invalid Patch Directive"},
    {DOC("<a k='1'/>"), "<p:add sel='*/a' type='@k'>x</p:add>", "Invalid Patch Directive"},
    {DOC("<a/>"), "<p:add sel='*/a' type='k'>x</p:add>", "Invalid Patch Directive"},
    {DOC("<a/>"), "<p:add sel='*/a' type='@k' pos='before'>x</p:add>", "Invalid Patch Directive"},
    {DOC("<a/>"), "<p:add sel='*/a' pos='beside'>x</p:add>", "Invalid Patch Directive"},
    {DOC("<a/>"), "<p:add sel='*/a' pos=''>x</p:add>", "Invalid Patch Directive"},
    {DOC("<a/>"), "<p:move sel='*/a'/>", "Invalid Patch Directive"},
    {DOC("<a/>"), "<add sel='*/a'/>", "Invalid Patch Directive"},
    {DOC("<a/>"), "text", "Invalid Diff Format"},
    {DOC("<a/>"), "<p:add sel='*/a' type='@k'><b/></p:add>", "Invalid Node Types"},
    {DOC("<a>x</a>"), "<p:add sel='*/a/text()'>y</p:add>", "Invalid Node Types"},
    {DOC("<a>x</a>"), "<p:add sel='*/a/text()' type='@k'>y</p:add>", "Invalid Node Types"},
    {DOC("<a/>"), "<p:replace sel='*/a'>text</p:replace>", "Invalid Node Types"},
    {DOC("<a/>"), "<p:replace sel='*/a'/>", "Invalid Node Types"},
    {DOC("<a/>"), "<p:replace sel='*/a'><b/><c/></p:replace>", "Invalid Node Types"},
    {DOC("<a/>"), "<p:replace sel='*/a'><!-- c --></p:replace>", "Invalid Node Types"},
    {DOC("<a>x</a>"), "<p:replace sel='*/a/text()'><b/></p:replace>", "Invalid Node Types"},
    {DOC("<a/>"), "<p:remove sel='*/a'><b/></p:remove>", "Invalid Node Types"},
    {DOC("<a/>"), "<p:remove sel='*'/>", "Invalid Root Element Operation"},
    {DOC("<a/>"), "<p:add sel='*' pos='after'><b/></p:add>", "Invalid Root Element Operation"},
    {DOC("<a/>"), "<p:add sel='*' pos='before'>x</p:add>", "Invalid Root Element Operation"},
    {DOC("<a/>"), "<p:replace sel='*'><b/></p:replace>", "Not a PIDF Document"},
    {DOC("<a/>x"), "<p:remove sel='*/a' ws='after'/>", "Invalid White Space Directive"},
    {DOC("<a/>"), "<p:remove sel='*/a' ws='before'/>", "Invalid White Space Directive"},
    {DOC("\n<a/>"), "<p:remove sel='*/a' ws='both'/>", "Invalid White Space Directive"},
    {DOC("<a/>"), "<p:remove sel='*/a' ws='all'/>", "Invalid Patch Directive"},
    {DOC("<a k=''/>"), "<p:remove sel='*/a/@k' ws='after'/>", "Invalid Patch Directive"},
    {DOC("<a>x</a>"), "<p:remove sel='*/a/text()' ws='after'/>", "Invalid Patch Directive"},
    {DOC("<n:a xmlns:n='urn:n'/>"), "<p:remove sel='*/x:a/namespace::n' xmlns:x='urn:n'/>",
     "Invalid Namespace Prefix"},
    {DOC("<a xmlns:n='urn:n'><b n:k=''/></a>"), "<p:remove sel='*/a/namespace::n'/>",
     "Invalid Namespace Prefix"},
    {DOC("<a xmlns:n='urn:n'/>"), "<p:add sel='*/a' type='namespace::n'>urn:m</p:add>",
     "Invalid Namespace Prefix"},
    {DOC("<a xmlns:n='urn:n'><n:b/></a>"),
     "<p:add sel='*/a/n:b' xmlns:n='urn:n'"
     " type='namespace::n'>urn:m</p:add>",
     "Invalid Namespace Prefix"},
    {DOC("<a/>"), "<p:add sel='*/a' type='namespace::xml'>urn:m</p:add>",
     "Invalid Namespace Prefix"},
    {DOC("<a/>"), "<p:add sel='*/a' type='namespace::n'/>", "Invalid Namespace URI"},
    {DOC("<a xmlns:n='urn:n'/>"),
     "<p:replace sel='*/a/namespace::n'>http://www.w3.org/2000/xmlns/"
     "</p:replace>",
     "Invalid Namespace URI"},
};

START_TEST(what_cannot_be_applied_is_refused_by_name)
{
    static char memory[4096];
    int len = snprintf(memory, sizeof(memory), DIFF("%s"), refusals[_i].patches);

    check_refused(span_of(refusals[_i].from), (struct span){memory, (size_t)len}, STATUS_MALFORMED,
                  refusals[_i].phrase);
}
END_TEST

START_TEST(a_fault_names_the_line_of_its_patch)
{
    struct pidf_fault fault;

    ck_assert(patch(SPAN(DOC("<a/>")), SPAN(DIFF("\n<p:add sel='*/a'/>\n<p:remove sel='*/b'/>")),
                    &fault) == STATUS_MALFORMED);
    ck_assert_uint_eq(fault.line, 3);
}
END_TEST

START_TEST(a_body_that_is_no_partial_document_is_refused)
{
    check_refused(SPAN(DOC("")), SPAN(DOC("")), STATUS_MALFORMED, "Not a Partial PIDF Document");
    check_refused(SPAN(DOC("")), SPAN("<p:pidf-diff>"), STATUS_MALFORMED,
                  "Undeclared Namespace Prefix");
    check_refused(SPAN(DOC("")), SPAN(DIFF("<p:add sel='*'>")), STATUS_MALFORMED, "Malformed XML");
    check_refused(SPAN(DOC("")), SPAN("<!DOCTYPE x [<!ENTITY a 'b'>]>" DIFF("")), STATUS_MALFORMED,
                  "DOCTYPE Not Allowed");
    check_refused(SPAN(DOC("")), SPAN(""), STATUS_MALFORMED, "Empty Document");
}
END_TEST

/* RFC 5264 section 4.3.2. */
START_TEST(an_initial_publication_must_be_full)
{
    check_refused((struct span){0}, SPAN(DIFF("")), STATUS_MALFORMED,
                  "Invalid Partial Publication");
}
END_TEST

START_TEST(a_diff_of_somebody_else_is_refused)
{
    check_refused(SPAN(DOC("<a/>")), SPAN(DIFF_OF(" entity='pres:c@d'", "")), STATUS_MALFORMED,
                  "Entity Does Not Match");
    check_patch(SPAN(DOC("<a/>")), SPAN(DIFF_OF(" entity='pres:a@b'", "")), SPAN(DOC("<a/>")));
}
END_TEST

START_TEST(a_version_is_a_number)
{
    check_patch(SPAN(DOC("")), SPAN(DIFF_OF(" version=' 4294967295 '", "")), SPAN(DOC("")));
    check_refused(SPAN(DOC("")), SPAN(DIFF_OF(" version='4294967296'", "")), STATUS_MALFORMED,
                  "Invalid Version");
    check_refused(SPAN(DOC("")), SPAN(DIFF_OF(" version='-1'", "")), STATUS_MALFORMED,
                  "Invalid Version");
    check_refused(SPAN(DOC("")), SPAN(DIFF_OF(" version=''", "")), STATUS_MALFORMED,
                  "Invalid Version");
}
END_TEST

/* ---- pidf-full ---- */

#define PARTIAL_NS "='urn:ietf:params:xml:ns:pidf-diff'"

START_TEST(a_full_document_becomes_a_plain_one_whatever_is_stored)
{
    check_patch(SPAN(DOC("<a/>")),
                SPAN("<p:pidf-full version='1' entity='pres:a@b'" PIDF_NS " xmlns:p" PARTIAL_NS
                     "><b/></p:pidf-full>"),
                SPAN(DOC("<b/>")));
    check_patch((struct span){0},
                SPAN("<pidf-full entity='e' xmlns" PARTIAL_NS
                     " xmlns:x='urn:ietf:params:xml:ns:pidf'><x:note/></pidf-full>"),
                SPAN("<x:presence entity='e' xmlns" PARTIAL_NS
                     " xmlns:x='urn:ietf:params:xml:ns:pidf'><x:note/></x:presence>"));
    check_patch((struct span){0},
                SPAN("<p:pidf-full entity='e' xmlns:p" PARTIAL_NS "><note/><p:x/></p:pidf-full>"),
                SPAN("<pidf:presence entity='e' xmlns:p" PARTIAL_NS
                     " xmlns:pidf='urn:ietf:params:xml:ns:pidf'><note/><p:x/></pidf:presence>"));
}
END_TEST

/* ---- limits ---- */

static void put_times(struct buffer *into, const char *text, unsigned count)
{
    while (count-- > 0)
        buffer_put(into, span_of(text));
}

START_TEST(patches_cannot_build_what_could_not_be_published)
{
    struct buffer body;

    buffer_init(&body, 1 << 20);
    buffer_put(&body, SPAN("<p:pidf-diff" PIDF_NS " xmlns:p='urn:ietf:params:xml:ns:pidf-diff'>"));
    put_times(&body, "<p:add sel=\"*/a\" pos='before'><a/></p:add><p:remove sel='*/a[2]'/>", 3);
    put_times(&body,
              "<p:replace sel='id(\"x\")'><a><a><a><a><a><a><a><tuple id='x'/></a></a></a>"
              "</a></a></a></a></p:replace>",
              5);
    buffer_put(&body, SPAN("</p:pidf-diff>"));
    check_refused(SPAN(DOC("<a/><tuple id='x'/>")), buffer_span(&body), STATUS_MALFORMED,
                  "Too Deep");
    buffer_deinit(&body);
}
END_TEST

START_TEST(patches_cannot_ask_for_endless_work)
{
    struct buffer stored, body;

    buffer_init(&stored, 1 << 20);
    buffer_init(&body, 1 << 20);
    buffer_put(&stored, SPAN("<presence" PIDF_NS ">"));
    put_times(&stored, "<a><b>xxxxxxxxxxxxxxxx</b></a>", 900);
    buffer_put(&stored, SPAN("<c/></presence>"));
    buffer_put(&body, SPAN("<p:pidf-diff" PIDF_NS " xmlns:p='urn:ietf:params:xml:ns:pidf-diff'>"));
    put_times(&body, "<p:add sel='*/c'/><p:remove sel=\"*/a[b='xxxxxxxxxxxxxxxy']\"/>", 1);
    buffer_put(&body, SPAN("</p:pidf-diff>"));
    check_refused(buffer_span(&stored), buffer_span(&body), STATUS_MALFORMED, "Unlocated Node");
    buffer_reset(&body);
    buffer_put(&body, SPAN("<p:pidf-diff" PIDF_NS " xmlns:p='urn:ietf:params:xml:ns:pidf-diff'>"));
    put_times(&body, "<p:add sel='*/c[.=\"\"][.=\"\"]'/>", 900);
    put_times(&body, "<p:add sel='*/*[.=\"xxxxxxxxxxxxxxxy\"]/*' />", 1);
    buffer_put(&body, SPAN("</p:pidf-diff>"));
    check_refused(buffer_span(&stored), buffer_span(&body), STATUS_MALFORMED, "Unlocated Node");
    buffer_reset(&body);
    buffer_put(&body, SPAN("<p:pidf-diff" PIDF_NS " xmlns:p='urn:ietf:params:xml:ns:pidf-diff'>"));
    put_times(&body, "<p:add sel='*/*[.=\"\"][1]'/>", 900);
    buffer_put(&body, SPAN("</p:pidf-diff>"));
    check_refused(buffer_span(&stored), buffer_span(&body), STATUS_LIMIT, "Patch Too Complex");
    buffer_deinit(&stored);
    buffer_deinit(&body);
}
END_TEST

START_TEST(a_document_cannot_grow_past_its_limit)
{
    struct pidf_limits limits = pidf_limits_default;
    struct pidf_partial *small;
    struct pidf_fault fault;

    limits.bytes = 200;
    small = pidf_partial_new(&limits);
    buffer_reset(&out);
    ck_assert(
        pidf_patch(small, SPAN(DOC("<note>0123456789012345678901234567890123456789</note>")),
                   SPAN(DIFF("<p:add sel='*'><note>0123456789012345678901234</note></p:add>")),
                   &out, &fault) == STATUS_LIMIT);
    ck_assert_str_eq(fault.phrase, "Document Too Large");
    ck_assert_uint_eq(out.len, 0);
    pidf_partial_free(small);
}
END_TEST

Suite *pidf_patch_suite(void)
{
    Suite *suite = suite_create("pidf/patch");
    TCase *examples = tcase_create("RFC 5262 section 6"), *patches = tcase_create("RFC 5261"),
          *publications = tcase_create("RFC 5264 section 4.3"), *limits = tcase_create("limits");
    TCase *const all[] = {examples, patches, publications, limits};

    tcase_add_loop_test(examples, the_examples_of_the_rfcs_become_what_they_say, 0,
                        (int)(sizeof(rfcs) / sizeof(rfcs[0])));
    tcase_add_loop_test(patches, a_patch_does_what_the_rfc_says, 0,
                        (int)(sizeof(changes) / sizeof(changes[0])));
    tcase_add_loop_test(patches, what_cannot_be_applied_is_refused_by_name, 0,
                        (int)(sizeof(refusals) / sizeof(refusals[0])));
    tcase_add_test(patches, a_fault_names_the_line_of_its_patch);
    tcase_add_test(publications, a_body_that_is_no_partial_document_is_refused);
    tcase_add_test(publications, an_initial_publication_must_be_full);
    tcase_add_test(publications, a_diff_of_somebody_else_is_refused);
    tcase_add_test(publications, a_version_is_a_number);
    tcase_add_test(publications, a_full_document_becomes_a_plain_one_whatever_is_stored);
    tcase_add_test(limits, patches_cannot_build_what_could_not_be_published);
    tcase_add_test(limits, patches_cannot_ask_for_endless_work);
    tcase_add_test(limits, a_document_cannot_grow_past_its_limit);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        tcase_add_checked_fixture(all[i], setup, teardown);
        suite_add_tcase(suite, all[i]);
    }
    return suite;
}
