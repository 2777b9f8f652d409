/* test_filter_property.c - random filters over composed documents: what is left is valid, and a
 * part of what was there. */
#include "tests/unit/pidf/filter.h"
#include "tests/unit/pidf/schema.h"

#include <libxml/parser.h>
#include <stdio.h>

Suite *pidf_filter_property_suite(void);

enum { ROUNDS = 300, BYTES_MAX = 1 << 18 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- chance, the same in every run ---- */

struct chance {
    uint64_t state;
};

static unsigned draw(struct chance *chance, size_t below)
{
    chance->state = chance->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((chance->state >> 33) % below);
}

static const char *pick(struct chance *chance, const char *const words[], size_t count)
{
    return words[draw(chance, count)];
}

/* ---- documents ---- */

static const char *const parts[] = {
    "<tuple id='a'><status><basic>open</basic><e:s>1</e:s></status><r:class>IM</r:class>"
    "<contact priority='0.8'>sip:1@x?a=b&amp;c</contact><note>n</note></tuple>",
    "<tuple id='b'><status><basic>closed</basic></status><contact>sip:2@x</contact></tuple>",
    "<tuple id='c'><status><e:only/></status><ts:timed-status from='2026-01-01T00:00:00Z'>"
    "<ts:basic>open</ts:basic></ts:timed-status></tuple>",
    "<tuple id='k'><status><basic>open</basic></status><k:servcaps><k:audio>true</k:audio>"
    "<k:languages><k:supported><k:l>en</k:l><k:l>de</k:l></k:supported></k:languages>"
    "<k:priority><k:supported><k:range minvalue='1' maxvalue='2'/></k:supported></k:priority>"
    "<k:schemes><k:notsupported><k:s>sips</k:s></k:notsupported></k:schemes></k:servcaps></tuple>",
    "<note xml:lang='en'>hello &lt;all&gt;</note>",
    "<dm:person id='p'><r:activities><r:note>x</r:note><r:away/><e:skiing/></r:activities>"
    "<r:mood><r:note>y</r:note><r:sad/><r:shy/></r:mood><r:place-is><r:audio><r:noisy/></r:audio>"
    "<r:text><r:ok/></r:text></r:place-is><r:place-type><e:office/></r:place-type><r:privacy>"
    "<r:audio/><r:text/></r:privacy><r:sphere><r:work/></r:sphere><dm:note>z</dm:note></dm:person>",
    "<dm:device id='d'><r:user-input idle-threshold='60'>idle</r:user-input><dm:deviceID>urn:d"
    "</dm:deviceID><dm:note>q</dm:note></dm:device>",
    "<e:box e:q='1' w='2'>mixed<e:in>text</e:in><r:mood><r:sad/></r:mood>here</e:box>",
    "<g:geopriv><g:location-info><e:point>1 2</e:point></g:location-info><g:usage-rules/>"
    "</g:geopriv>",
};

static void put_document(struct chance *chance, struct pidf_composer *composer, struct buffer *out)
{
    struct pidf_source source = {0};
    struct buffer body;

    buffer_init(&body, BYTES_MAX);
    buffer_put(&body, SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf'"
                           " xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model'"
                           " xmlns:r='urn:ietf:params:xml:ns:pidf:rpid'"
                           " xmlns:ts='urn:ietf:params:xml:ns:pidf:timed-status'"
                           " xmlns:k='urn:ietf:params:xml:ns:pidf:caps'"
                           " xmlns:g='urn:ietf:params:xml:ns:pidf:geopriv10' xmlns:e='urn:e'>"));
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (draw(chance, 3) > 0)
            buffer_put(&body, span_of(parts[i]));
    buffer_put(&body, SPAN("</presence>"));
    source.body = buffer_span(&body);
    buffer_reset(out);
    ck_assert_int_eq(
        pidf_compose(composer, SPAN("sip:a@b"), &(struct pidf_view){0}, &source, 1, out),
        STATUS_OK);
    buffer_deinit(&body);
}

/* ---- filters ---- */

/* clang-format off */
static const char *const names[] = {
    "*", "*", "p:presence", "p:tuple", "p:status", "p:basic", "p:contact", "p:note", "d:person",
    "d:device", "d:deviceID", "d:note", "r:class", "r:activities", "r:note", "r:mood", "r:sad",
    "r:place-is", "r:audio", "r:noisy", "r:place-type", "r:privacy", "r:sphere", "r:text",
    "ts:timed-status", "ts:basic", "caps:servcaps", "caps:supported", "caps:l", "caps:s",
    "caps:range", "g:geopriv", "g:location-info", "g:usage-rules", "e:box", "e:in", "e:only",
    "e:office"};
static const char *const attributes[] = {
    "/@id", "/@priority", "/@minvalue", "/@from", "/@idle-threshold", "//@w", "//@e:q", "//@id"};
static const char *const conditions[] = {
    "[@id='a']", "[@id='b' or @priority>0.5]", "[p:basic='open']", "[.='closed']", "[..='x']",
    "[*//r:sad='']", "[@id='p' and r:sphere='']", "[p:contact/@priority=0.80]"};
static const char *const namespaces[] = {
    "urn:ietf:params:xml:ns:pidf", "urn:ietf:params:xml:ns:pidf:data-model", "urn:e",
    "urn:ietf:params:xml:ns:pidf:rpid", "urn:ietf:params:xml:ns:pidf:caps"};
/* clang-format on */

static void put_choice(struct chance *chance, const char *element, struct buffer *out)
{
    if (draw(chance, 5) == 0) {
        buffer_printf(out, "<%s type='namespace'>%s</%s>", element,
                      pick(chance, namespaces, COUNT_OF(namespaces)), element);
        return;
    }
    buffer_printf(out, "<%s>", element);
    for (unsigned steps = draw(chance, 3) + 1; steps > 0; steps--)
        buffer_printf(out, "/%s%s%s", draw(chance, 3) > 0 ? "/" : "",
                      pick(chance, names, COUNT_OF(names)),
                      draw(chance, 5) > 0 ? "" : pick(chance, conditions, COUNT_OF(conditions)));
    if (draw(chance, 5) == 0)
        buffer_put(out, span_of(pick(chance, attributes, COUNT_OF(attributes))));
    buffer_printf(out, "</%s>", element);
}

static void put_filter(struct chance *chance, struct buffer *out)
{
    unsigned excludes;

    buffer_reset(out);
    buffer_put(out,
               SPAN("<filter-set xmlns='urn:ietf:params:xml:ns:simple-filter'><ns-bindings>"
                    "<ns-binding prefix='p' urn='urn:ietf:params:xml:ns:pidf'/>"
                    "<ns-binding prefix='d' urn='urn:ietf:params:xml:ns:pidf:data-model'/>"
                    "<ns-binding prefix='r' urn='urn:ietf:params:xml:ns:pidf:rpid'/>"
                    "<ns-binding prefix='g' urn='urn:ietf:params:xml:ns:pidf:geopriv10'/>"
                    "<ns-binding prefix='e' urn='urn:e'/></ns-bindings><filter id='1'><what>"));
    for (unsigned includes = draw(chance, 4); includes > 0; includes--)
        put_choice(chance, "include", out);
    excludes = draw(chance, 4);
    for (; excludes > 0; excludes--)
        put_choice(chance, "exclude", out);
    buffer_put(out, SPAN("</what></filter></filter-set>"));
    buffer_put_char(out, '\0');
}

/* ---- a part of what was there, judged by another parser's trees ---- */

static bool same_name(const xmlNode *a, const xmlNode *b)
{
    return xmlStrEqual(a->name, b->name) &&
           (a->ns == NULL || b->ns == NULL ? a->ns == b->ns
                                           : xmlStrEqual(a->ns->href, b->ns->href));
}

static bool attributes_are_in(const xmlNode *part, const xmlNode *whole)
{
    for (const xmlAttr *attribute = part->properties; attribute != NULL;
         attribute = attribute->next) {
        const xmlChar *uri = attribute->ns == NULL ? NULL : attribute->ns->href;
        xmlChar *one = xmlGetNsProp(part, attribute->name, uri);
        xmlChar *other = xmlGetNsProp(whole, attribute->name, uri);
        bool same = other != NULL && xmlStrEqual(one, other);

        xmlFree(one);
        xmlFree(other);
        if (!same)
            return false;
    }
    return true;
}

/* The children of `part` are some of those of `whole`, in their order. */
static bool is_in(const xmlNode *part, const xmlNode *whole)
{
    const xmlNode *candidate = whole->children;

    if (part->type != whole->type)
        return false;
    if (part->type != XML_ELEMENT_NODE)
        return xmlStrEqual(part->content, whole->content);
    if (!same_name(part, whole) || !attributes_are_in(part, whole))
        return false;
    for (const xmlNode *child = part->children; child != NULL; child = child->next) {
        while (candidate != NULL && !is_in(child, candidate))
            candidate = candidate->next;
        if (candidate == NULL)
            return false;
        candidate = candidate->next;
    }
    return true;
}

static bool document_is_in(struct span part, struct span whole)
{
    xmlDocPtr one = xmlReadMemory(part.at, (int)part.len, NULL, NULL, XML_PARSE_NONET);
    xmlDocPtr other = xmlReadMemory(whole.at, (int)whole.len, NULL, NULL, XML_PARSE_NONET);
    bool fact = one != NULL && other != NULL &&
                is_in(xmlDocGetRootElement(one), xmlDocGetRootElement(other));

    xmlFreeDoc(one);
    xmlFreeDoc(other);
    return fact;
}

START_TEST(what_a_random_filter_leaves_is_valid_and_was_there)
{
    struct chance chance = {(uint64_t)_i};
    struct filterer *filterer = filterer_new(NULL);
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct buffer document, body, out;
    unsigned left_count = 0;

    buffer_init(&document, BYTES_MAX);
    buffer_init(&body, BYTES_MAX);
    buffer_init(&out, BYTES_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        struct simple_filter *filter;
        bool fact;

        put_document(&chance, composer, &document);
        put_filter(&chance, &body);
        filter = read_filter(filterer, NULL, body.at);
        buffer_reset(&out);
        ck_assert_int_eq(filter_apply(filterer, rules_of(filter), buffer_span(&document), &out),
                         STATUS_OK);
        left_count += out.len > 0;
        fact = out.len == 0 || (schema_accepts(buffer_span(&out)) &&
                                document_is_in(buffer_span(&out), buffer_span(&document)));
        if (!fact)
            printf("%s\n" SPAN_FMT SPAN_FMT, body.at, SPAN_ARG(buffer_span(&document)),
                   SPAN_ARG(buffer_span(&out)));
        ck_assert_msg(fact, "seed %d round %d", _i, round);
        simple_filter_free(filter);
    }
    ck_assert_uint_gt(left_count, ROUNDS / 4); /* or chance would have proven little */
    buffer_deinit(&document);
    buffer_deinit(&body);
    buffer_deinit(&out);
    pidf_composer_free(composer);
    filterer_free(filterer);
}
END_TEST

Suite *pidf_filter_property_suite(void)
{
    Suite *suite = suite_create("pidf/filter_property");
    TCase *tcase = tcase_create("whatever is asked for");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, what_a_random_filter_leaves_is_valid_and_was_there, 0, 5);
    suite_add_tcase(suite, tcase);
    return suite;
}
