/* test_property.c - random documents out of fragments, good and bad: never an invalid one comes
 * out. */
#include "pidf/pidf.h"
#include "tests/unit/pidf/random.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <stdio.h>
#include <stdlib.h>

Suite *pidf_property_suite(void);

enum { ROUNDS = 400, SOURCES_MAX = 4, BYTES_MAX = 1 << 18 };

/* ---- chance, the same in every run ---- */

unsigned draw(struct chance *chance, size_t below)
{
    chance->state = chance->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((chance->state >> 33) % below);
}

/* ---- fragments ---- */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
static const char *const names[] = {
    "tuple", "status", "basic", "contact", "note", "timestamp", "presence", "dm:person",
    "dm:device", "dm:deviceID", "dm:note", "dm:timestamp", "r:activities", "r:mood", "r:away",
    "r:happy", "r:unknown", "r:other", "r:note", "r:place-is", "r:audio", "r:noisy",
    "r:place-type", "r:privacy", "r:video", "r:text", "r:relationship", "r:friend",
    "r:service-class", "r:postal", "r:sphere", "r:home", "r:status-icon", "r:time-offset",
    "r:user-input", "r:class", "r:invented", "ts:timed-status", "ts:basic", "ts:note", "c:card",
    "c:display-name", "k:servcaps", "k:audio", "k:methods", "k:supported", "k:notsupported",
    "k:INVITE", "k:priority", "k:equals", "k:schemes", "k:s", "k:devcaps", "k:mobility",
    "k:fixed", "k:type", "k:description", "k:class", "e:one", "e:two", "f:three", "plain",
};
/* clang-format on */

#define GEOPRIV                                                                                    \
    "<gp:geopriv><gp:location-info><gml:pos>LOCATION-SECRET</gml:pos></gp:location-info>"          \
    "<gp:usage-rules/></gp:geopriv>"

/* Children that belong there: else chance would hardly ever build anything deep. */
static const char *const parts[] = {
    "<tuple id='a'><status><basic>open</basic></status><contact>sip:1@x</contact></tuple>",
    "<tuple><status><basic> CLOSED</basic></status><contact priority='7'>x y</contact></tuple>",
    "<dm:person id='a'><r:activities><r:away/></r:activities></dm:person>",
    "<dm:person><r:mood><r:sad/></r:mood><r:activities id='a'></r:activities></dm:person>",
    "<dm:device id='a'><dm:deviceID>urn:1</dm:deviceID></dm:device>",
    "<dm:device><r:user-input>ACTIVE</r:user-input><dm:deviceID>urn:2</dm:deviceID></dm:device>",
    "<r:activities from='2026-01-01T00:00:00Z'><r:meal/><e:x/></r:activities>",
    "<e:box xml:id='a' e:q='r:s' xsi:type='none'><r:mood/><plain xmlns=''><note/></plain></e:box>",
    "<box xmlns='urn:box'><inner xmlns:r='urn:other' r:a='1'/></box>",
    "<k:servcaps><k:video>1</k:video><k:audio>x</k:audio></k:servcaps>",
    /* and what test_show.c looks for */
    "<note>NOTE-SECRET</note>",
    "<dm:person id='DEVICE-SECRET'><r:activities id='DEVICE-SECRET-a'><r:note>NOTE-SECRET</r:note>"
    "<r:meal/><r:other>ACTIVITY-SECRET NOTE-SECRET</r:other></r:activities>"
    "<r:mood><r:happy/><e:x>ACTIVITY-SECRET</e:x></r:mood>"
    "<dm:note>NOTE-SECRET</dm:note></dm:person>",
    "<dm:person id='p'><r:place-is><r:note>LOCATION-SECRET</r:note><r:audio><r:ok/></r:audio>"
    "</r:place-is><r:place-type><r:other>LOCATION-SECRET</r:other></r:place-type>"
    "<r:time-offset description='LOCATION-SECRET'>60</r:time-offset>"
    "<c:map>http://LOCATION-SECRET/</c:map>" GEOPRIV "</dm:person>",
    "<tuple id='DEVICE-SECRET'><status><basic>open</basic>" GEOPRIV "</status>"
    "<dm:deviceID>urn:DEVICE-SECRET</dm:deviceID><r:user-input id='DEVICE-SECRET-u'>idle"
    "</r:user-input><e:x e:q='r:UNKNOWN-SECRET'>UNKNOWN-SECRET</e:x>"
    "<contact "
    "priority='0.5'>sip:a@b;gr=urn:device-secret</contact><note>NOTE-SECRET</note></tuple>",
    "<tuple id='t'><status><basic>closed</basic></status>"
    "<ts:timed-status from='2026-05-01T00:00:00Z'><ts:note>NOTE-SECRET</ts:note><r:activities>"
    "<r:other>ACTIVITY-SECRET</r:other></r:activities>" GEOPRIV "</ts:timed-status>"
    "<dm:deviceID>urn:DEVICE-SECRET</dm:deviceID></tuple>",
    "<dm:device id='DEVICE-SECRET'><k:devcaps><k:description>DEVICE-SECRET</k:description>"
    "</k:devcaps><dm:deviceID>urn:DEVICE-SECRET</dm:deviceID><dm:note>NOTE-SECRET</dm:note>"
    "</dm:device>",
    "<r:activities e:q='UNKNOWN-SECRET' q='UNKNOWN-SECRET'><r:other>ACTIVITY-SECRET</r:other>"
    "</r:activities>",
    "<e:box><r:mood><r:other>ACTIVITY-SECRET</r:other></r:mood>" GEOPRIV "<note>NOTE-SECRET</note>"
    "<dm:deviceID>urn:DEVICE-SECRET</dm:deviceID>UNKNOWN-SECRET</e:box>" GEOPRIV};

static const char *const texts[] = {"open",
                                    " Closed ",
                                    "idle",
                                    "2026-02-28T12:00:00Z",
                                    "2026-13-01T00:00:00Z",
                                    "-240",
                                    "12x",
                                    "sip:a@b",
                                    "http://[",
                                    "&lt;sip:a@b&gt;",
                                    "&#13;&#10;&#9;",
                                    "<![CDATA[<&>]]>",
                                    "\xc3\xa9",
                                    "true",
                                    "",
                                    " ",
                                    "urn:device:1",
                                    "some words"};

static const char *const attributes[] = {" id='a'",
                                         " id='1'",
                                         " id=''",
                                         " id='\xc3\xa9 x'",
                                         " xml:id='a'",
                                         " xml:lang='en'",
                                         " xml:lang='!'",
                                         " from='2026-01-01T00:00:00Z'",
                                         " until='never'",
                                         " priority='0.5'",
                                         " value='1'",
                                         " e:id='a'",
                                         " xsi:nil='true'",
                                         " xsi:type='r:x'",
                                         " xml:space='preserve'",
                                         " idle-threshold='-1'",
                                         " xml:base=':'",
                                         " p:mustUnderstand='1'",
                                         " xmlns:e='urn:again'"};

static void put(struct buffer *out, const char *text)
{
    buffer_put(out, span_of(text));
}

static void put_element(struct chance *chance, struct buffer *out, unsigned depth)
{
    const char *name = names[draw(chance, COUNT_OF(names))];
    unsigned choice = draw(chance, 8);

    if (choice < 2) {
        put(out, parts[draw(chance, COUNT_OF(parts))]);
        return;
    }
    buffer_put_char(out, '<');
    put(out, name);
    if (draw(chance, 3) == 0)
        put(out, attributes[draw(chance, COUNT_OF(attributes))]);
    buffer_put_char(out, '>');
    if (choice < 5)
        put(out, texts[draw(chance, COUNT_OF(texts))]);
    for (unsigned i = depth < 6 ? draw(chance, 4) : 0; i > 0; i--)
        put_element(chance, out, depth + 1);
    put(out, "</");
    put(out, name);
    buffer_put_char(out, '>');
}

void random_document(struct chance *chance, struct buffer *out)
{
    put(out, "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:ietf:params:xml:ns:pidf'"
             " xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model'"
             " xmlns:r='urn:ietf:params:xml:ns:pidf:rpid'"
             " xmlns:ts='urn:ietf:params:xml:ns:pidf:timed-status'"
             " xmlns:c='urn:ietf:params:xml:ns:pidf:cipid'"
             " xmlns:k='urn:ietf:params:xml:ns:pidf:caps' xmlns:f='urn:f'"
             " xmlns:gp='urn:ietf:params:xml:ns:pidf:geopriv10' xmlns:i='urn:UNKNOWN-SECRET'"
             " xmlns:gml='http://www.opengis.net/gml'"
             " xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'");
    put(out, draw(chance, 2) == 0 ? " xmlns:e='urn:e'>" : " xmlns:e='urn:e:two'>");
    for (unsigned i = draw(chance, 8); i > 0; i--)
        put_element(chance, out, 1);
    put(out, draw(chance, 20) == 0 ? "</broken>" : "</presence>");
}

/* ---- the property ---- */

/* Documents are printed, for they are longer than a message of `check` may be. */
static void expect(bool fact, const struct buffer *out, const struct buffer *again, int seed,
                   int round)
{
    if (!fact)
        printf(SPAN_FMT "then " SPAN_FMT, SPAN_ARG(buffer_span(out)), SPAN_ARG(buffer_span(again)));
    ck_assert_msg(fact, "seed %d round %d", seed, round);
}

START_TEST(random_publications_compose_to_a_valid_document_that_composes_to_itself)
{
    const struct pidf_view view = {0};
    struct chance chance = {(uint64_t)_i};
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct buffer bodies[SOURCES_MAX], out, again;

    for (size_t i = 0; i < SOURCES_MAX; i++)
        buffer_init(&bodies[i], BYTES_MAX);
    buffer_init(&out, BYTES_MAX);
    buffer_init(&again, BYTES_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        struct pidf_source sources[SOURCES_MAX] = {0}, composed = {0};
        size_t count = draw(&chance, SOURCES_MAX + 1);

        for (size_t i = 0; i < count; i++) {
            buffer_reset(&bodies[i]);
            random_document(&chance, &bodies[i]);
            sources[i] = (struct pidf_source){
                .body = buffer_span(&bodies[i]),
                .published_at_us = draw(&chance, 3),
                .hard_state = draw(&chance, 4) == 0,
            };
        }
        buffer_reset(&out);
        ck_assert_int_eq(pidf_compose(composer, SPAN("sip:a@b"), &view, sources, count, &out),
                         STATUS_OK);
        expect(schema_accepts(buffer_span(&out)), &out, &out, _i, round);
        composed.body = buffer_span(&out);
        buffer_reset(&again);
        ck_assert_int_eq(pidf_compose(composer, SPAN("sip:a@b"), &view, &composed, 1, &again),
                         STATUS_OK);
        expect(span_equal(buffer_span(&again), buffer_span(&out)), &out, &again, _i, round);
    }
    for (size_t i = 0; i < SOURCES_MAX; i++)
        buffer_deinit(&bodies[i]);
    buffer_deinit(&out);
    buffer_deinit(&again);
    pidf_composer_free(composer);
}
END_TEST

Suite *pidf_property_suite(void)
{
    Suite *suite = suite_create("pidf/property");
    TCase *tcase = tcase_create("whatever comes in");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(
        tcase, random_publications_compose_to_a_valid_document_that_composes_to_itself, 0, 5);
    suite_add_tcase(suite, tcase);
    return suite;
}
