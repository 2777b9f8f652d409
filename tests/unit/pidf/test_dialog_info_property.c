/* test_dialog_info_property.c - random publications: against a slow evaluator that knows what they
 * say, and as fragments, good and bad, of which never an invalid document is made. */
#include "pidf/dialog/dialog_info.h"
#include "server/base/must.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

Suite *pidf_dialog_info_property_suite(void);

enum { ROUNDS = 300, SOURCES_MAX = 5, DIALOGS_MAX = 4, BYTES_MAX = 1 << 18, KEY_BYTES_MAX = 64 };
enum { REPORTS_MAX = SOURCES_MAX * DIALOGS_MAX };

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

static void shuffle(struct chance *chance, struct dialog_info_source sources[], size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = draw(chance, i);
        struct dialog_info_source kept = sources[i - 1];

        sources[i - 1] = sources[other];
        sources[other] = kept;
    }
}

static void put(struct buffer *out, const char *text)
{
    buffer_put(out, span_of(text));
}

/* ---- publications of which the test knows what they say ---- */

static const char *const states[] = {"terminated", "trying", "proceeding", "early", "confirmed"};
static const char *const ids[] = {"a", "b"};
static const char *const legs[] = {
    " call-id=\"c\" local-tag=\"l\" remote-tag=\"r\"",
    " call-id=\"c\" local-tag=\"l\" remote-tag=\"s\"",
    " call-id=\"d\" local-tag=\"l\" remote-tag=\"r\"",
    " call-id=\"c\" local-tag=\"l\"",
    "",
};
enum { COMPLETE_LEGS = 3 }; /* the first ones */

struct report {
    size_t source;
    unsigned state, id, leg;
};

struct world {
    struct dialog_info_source sources[SOURCES_MAX];
    struct buffer bodies[SOURCES_MAX];
    size_t source_count;
    struct report reports[REPORTS_MAX];
    size_t report_count;
};

static void world_init(struct world *self)
{
    *self = (struct world){0};
    for (size_t i = 0; i < SOURCES_MAX; i++)
        buffer_init(&self->bodies[i], BYTES_MAX);
}

static void world_deinit(struct world *self)
{
    for (size_t i = 0; i < SOURCES_MAX; i++)
        buffer_deinit(&self->bodies[i]);
}

static void invent_body(struct chance *chance, struct world *self, size_t source)
{
    struct buffer *out = &self->bodies[source];

    buffer_reset(out);
    put(out, "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info'>");
    for (unsigned i = draw(chance, DIALOGS_MAX + 1); i > 0; i--) {
        struct report *report = &self->reports[self->report_count++];

        *report = (struct report){
            .source = source,
            .state = draw(chance, COUNT_OF(states)),
            .id = draw(chance, COUNT_OF(ids)),
            .leg = draw(chance, COUNT_OF(legs)),
        };
        buffer_printf(out, "<dialog id='%s'%s><state>%s</state></dialog>", ids[report->id],
                      legs[report->leg], states[report->state]);
    }
    put(out, "</dialog-info>");
}

/* In the order of their publications, as the evaluator goes through them; no sequence twice. */
static void invent(struct chance *chance, struct world *self)
{
    int64_t publication = 1;

    self->report_count = 0;
    self->source_count = draw(chance, SOURCES_MAX + 1);
    for (size_t i = 0; i < self->source_count; i++) {
        publication += draw(chance, 3);
        invent_body(chance, self, i);
        self->sources[i] = (struct dialog_info_source){
            .body = buffer_span(&self->bodies[i]),
            .publication = publication,
            .sequence = (int64_t)(draw(chance, 100) * SOURCES_MAX + i),
            .hard_state = draw(chance, 5) == 0,
        };
    }
}

/* ---- the slow evaluator ---- */

static const struct dialog_info_source *source_of(const struct world *self, size_t report)
{
    return &self->sources[self->reports[report].source];
}

/* Of a publication the newest body counts. */
static bool is_replaced(const struct world *self, size_t report)
{
    const struct dialog_info_source *source = source_of(self, report);

    for (size_t i = 0; i < self->source_count; i++)
        if (self->sources[i].publication == source->publication &&
            self->sources[i].sequence > source->sequence)
            return true;
    return false;
}

static bool is_one_dialog(const struct world *self, size_t i, size_t j)
{
    const struct report *a = &self->reports[i], *b = &self->reports[j];

    if (a->leg != b->leg)
        return false;
    return a->leg < COMPLETE_LEGS ||
           (a->id == b->id && source_of(self, i)->publication == source_of(self, j)->publication);
}

static bool is_better(const struct world *self, size_t report, size_t than)
{
    const struct dialog_info_source *a = source_of(self, report), *b = source_of(self, than);
    bool ended = self->reports[report].state == 0, other_ended = self->reports[than].state == 0;

    if (a->hard_state != b->hard_state)
        return b->hard_state;
    if (ended != other_ended)
        return ended;
    return a->sequence != b->sequence ? a->sequence > b->sequence : report > than;
}

struct expected {
    size_t first;  /* report that names the dialog */
    size_t counts; /* report that is shown */
};

static size_t evaluate(const struct world *self, struct expected out[REPORTS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < self->report_count; i++) {
        size_t at = 0;

        if (is_replaced(self, i))
            continue;
        while (at < count && !is_one_dialog(self, out[at].first, i))
            at++;
        if (at == count)
            out[count++] = (struct expected){i, i};
        else if (is_better(self, i, out[at].counts))
            out[at].counts = i;
    }
    return count;
}

/* "<publication>.<id>", or with "+<leg>" in front of the point where an id is shared. */
static bool key_fits(const struct world *self, size_t report, struct span key)
{
    char head[KEY_BYTES_MAX], tail[KEY_BYTES_MAX];
    struct span id = span_of(ids[self->reports[report].id]);

    (void)snprintf(head, sizeof(head), "%" PRIx64 ".",
                   (uint64_t)source_of(self, report)->publication);
    (void)snprintf(tail, sizeof(tail), "%" PRIx64 "+",
                   (uint64_t)source_of(self, report)->publication);
    return (span_begins(key, span_of(head)) || span_begins(key, span_of(tail))) &&
           key.len > id.len && key.at[key.len - id.len - 1] == '.' &&
           span_equal(span_skip(key, key.len - id.len), id);
}

static void expect_part(const struct world *self, const struct expected *expected, struct part part)
{
    const struct report *report = &self->reports[expected->counts];
    char octets[BYTES_MAX / 64];

    ck_assert_msg(key_fits(self, expected->first, part.key), SPAN_FMT, SPAN_ARG(part.key));
    ck_assert_int_eq(part.last, report->state == 0);
    (void)snprintf(octets, sizeof(octets),
                   "<dialog id=\"" SPAN_FMT "\"%s><state>%s</state></dialog>", SPAN_ARG(part.key),
                   legs[report->leg], states[report->state]);
    ck_assert_msg(span_equal(part.octets, span_of(octets)), "%s\nbut " SPAN_FMT, octets,
                  SPAN_ARG(part.octets));
}

static void expect_evaluated(const struct world *self, const struct parts *parts)
{
    struct expected expected[REPORTS_MAX];
    size_t count = evaluate(self, expected), at = 0;

    ck_assert_uint_eq(parts->count, count);
    for (int living = 0; living < 2; living++) /* those that ended stand first */
        for (size_t i = 0; i < count; i++)
            if ((self->reports[expected[i].counts].state != 0) == (living == 1))
                expect_part(self, &expected[i], parts_get(parts, at++));
}

START_TEST(parts_are_what_a_slow_evaluator_makes_of_the_publications)
{
    struct chance chance = {(uint64_t)_i};
    struct dialog_info_composer *composer = dialog_info_composer_new(NULL);
    struct world world;
    struct parts parts;

    world_init(&world);
    parts_init(&parts, BYTES_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        struct dialog_info_source shuffled[SOURCES_MAX];

        invent(&chance, &world);
        memcpy(shuffled, world.sources, sizeof(shuffled));
        shuffle(&chance, shuffled, world.source_count);
        parts_reset(&parts);
        dialog_info_compose(composer, 0, shuffled, world.source_count, &parts);
        expect_evaluated(&world, &parts);
    }
    parts_deinit(&parts);
    world_deinit(&world);
    dialog_info_composer_free(composer);
}
END_TEST

/* ---- fragments ---- */

/* clang-format off */
static const char *const names[] = {
    "dialog", "dialog", "state", "duration", "replaces", "referred-by", "route-set", "hop",
    "local", "remote", "identity", "target", "param", "session-description", "cseq", "dialog-info",
    "e:one", "e:two", "f:three", "plain",
};
static const char *const pieces[] = {
    "<dialog id='a'><state>early</state></dialog>",
    "<dialog id='a' call-id='c' local-tag='l' remote-tag='r'><state>confirmed</state></dialog>",
    "<dialog id='b' call-id='c' local-tag='l' remote-tag='r'><state>Terminated</state></dialog>",
    "<dialog call-id='c' local-tag='l' remote-tag='s'><remote><identity display='x'>sip:a@b</identity></remote><state reason='rejected' code='486'>terminated</state></dialog>",
    "<dialog><local><target uri='sip:a'/><param pname='+sip.rendering' pvalue='no'/></local><state>trying</state></dialog>",
    "<state>confirmed</state>",
    "<state event='error'>proceeding</state>",
    "<e:box e:q='r:s' xsi:type='none'><state/><plain xmlns=''><dialog/></plain></e:box>",
    "<box xmlns='urn:box'><inner xmlns:e='urn:other' e:a='1'/></box>",
    "<session-description type='application/sdp'>v=0&#13;\n</session-description>",
    "<replaces call-id='c' local-tag='l' remote-tag='r'/>",
    "<route-set><hop>&lt;sip:p&gt;</hop></route-set>",
};
static const char *const texts[] = {
    "early", " Confirmed ", "terminated", "12", "-3", "x", "sip:a@b", "http://[", "&lt;sip:a@b&gt;",
    "&#13;&#10;&#9;", "<![CDATA[<&>]]>", "\xc3\xa9", "", " ", "some words",
};
static const char *const attributes[] = {
    " id='a'", " id=''", " id='&lt;&gt;&quot;&apos;&amp;&#10;'", " call-id='c'", " local-tag='l'",
    " remote-tag='r'", " direction='receiver'", " direction='x'", " event='timeout'", " code='180'",
    " code='99'", " display='A &amp; B'", " display-name='&quot;B&quot;'", " uri='sip:a'", " pname='p'", " pval='v'",
    " type='application/sdp'", " xml:id='a'", " xml:lang='!'", " xsi:nil='true'", " e:id='a'",
    " xmlns:e='urn:again'", " d:id='b'",
};
/* clang-format on */

static void put_element(struct chance *chance, struct buffer *out, unsigned depth)
{
    const char *name = names[draw(chance, COUNT_OF(names))];
    unsigned choice = draw(chance, 8);

    if (choice < 3) {
        put(out, pieces[draw(chance, COUNT_OF(pieces))]);
        return;
    }
    buffer_put_char(out, '<');
    put(out, name);
    if (draw(chance, 2) == 0)
        put(out, attributes[draw(chance, COUNT_OF(attributes))]);
    buffer_put_char(out, '>');
    if (strcmp(name, "dialog") == 0 && draw(chance, 8) != 0) /* else most would be refused */
        put(out, "<state>early</state>");
    if (choice < 5)
        put(out, texts[draw(chance, COUNT_OF(texts))]);
    for (unsigned i = depth < 6 ? draw(chance, 4) : 0; i > 0; i--)
        put_element(chance, out, depth + 1);
    put(out, "</");
    put(out, name);
    buffer_put_char(out, '>');
}

static void put_document(struct chance *chance, struct buffer *out)
{
    buffer_reset(out);
    put(out, "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info'"
             " xmlns:d='urn:ietf:params:xml:ns:dialog-info' xmlns:f='urn:f'"
             " xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'");
    put(out, draw(chance, 2) == 0 ? " xmlns:e='urn:e'>" : " xmlns:e='urn:e:two'>");
    for (unsigned i = draw(chance, 6); i > 0; i--)
        put_element(chance, out, 1);
    put(out, draw(chance, 20) == 0 ? "</broken>" : "</dialog-info>");
}

/* Wraps the parts as they are, or as they end. */
static void wrap(const struct parts *parts, bool ended, struct buffer *out)
{
    static struct part all[1024];
    static struct buffer ends;
    size_t at = 0;

    must(parts->count <= COUNT_OF(all));
    buffer_init(&ends, BYTES_MAX);
    for (size_t i = 0; i < parts->count; i++) {
        all[i] = parts_get(parts, i);
        if (ended)
            dialog_info_end(all[i].octets, &ends);
        all[i].deadline_us = (int64_t)ends.len;
    }
    for (size_t i = 0; ended && i < parts->count; i++) { /* now that `ends` moves no more */
        all[i].octets = span_between(ends.at + at, ends.at + all[i].deadline_us);
        at = (size_t)all[i].deadline_us;
    }
    buffer_reset(out);
    dialog_info_wrap(SPAN("sip:a@b"), 0, true, all, parts->count, out);
    buffer_deinit(&ends);
}

static void expect_valid(struct dialog_info_composer *composer, const struct parts *parts,
                         bool ended)
{
    struct pidf_fault fault = {0};
    struct buffer out;

    buffer_init(&out, BYTES_MAX);
    wrap(parts, ended, &out);
    if (!schema_file_accepts("dialog-info.xsd", buffer_span(&out))) {
        printf(SPAN_FMT, SPAN_ARG(buffer_span(&out)));
        ck_abort_msg("not valid");
    }
    ck_assert_msg(dialog_info_check(composer, buffer_span(&out), &fault) == STATUS_OK, "%s",
                  fault.phrase);
    buffer_deinit(&out);
}

static void expect_distinct(const struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert(!span_equal(parts_get(parts, i).key, parts_get(parts, j).key));
}

static void expect_equal(const struct parts *a, const struct parts *b)
{
    ck_assert_uint_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        ck_assert(span_equal(parts_get(a, i).key, parts_get(b, i).key));
        ck_assert(span_equal(parts_get(a, i).octets, parts_get(b, i).octets));
        ck_assert_int_eq(parts_get(a, i).last, parts_get(b, i).last);
    }
}

static void invent_fragments(struct chance *chance, struct world *self)
{
    self->source_count = draw(chance, SOURCES_MAX + 1);
    for (size_t i = 0; i < self->source_count; i++) {
        put_document(chance, &self->bodies[i]);
        self->sources[i] = (struct dialog_info_source){
            .body = buffer_span(&self->bodies[i]),
            .publication = draw(chance, 4),
            .sequence = draw(chance, 3),
            .hard_state = draw(chance, 4) == 0,
        };
    }
}

START_TEST(random_publications_compose_to_the_same_valid_document_in_any_order)
{
    const struct pidf_limits roomy = {
        .bytes = 1 << 20, .depth = 64, .elements = 1 << 16, .attributes = 256, .namespaces = 256};
    struct chance chance = {(uint64_t)_i};
    struct dialog_info_composer *composer = dialog_info_composer_new(NULL);
    struct dialog_info_composer *reader = dialog_info_composer_new(&roomy);
    struct world world;
    struct parts parts, again;

    world_init(&world);
    parts_init(&parts, BYTES_MAX);
    parts_init(&again, BYTES_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned view = draw(&chance, DIALOG_INFO_DISPLAY); /* any without "display" */

        invent_fragments(&chance, &world);
        parts_reset(&parts);
        parts_reset(&again);
        dialog_info_compose(composer, view, world.sources, world.source_count, &parts);
        shuffle(&chance, world.sources, world.source_count);
        dialog_info_compose(composer, view, world.sources, world.source_count, &again);
        expect_equal(&parts, &again);
        expect_distinct(&parts);
        expect_valid(reader, &parts, false);
        expect_valid(reader, &parts, true);
    }
    parts_deinit(&parts);
    parts_deinit(&again);
    world_deinit(&world);
    dialog_info_composer_free(composer);
    dialog_info_composer_free(reader);
}
END_TEST

Suite *pidf_dialog_info_property_suite(void)
{
    Suite *suite = suite_create("pidf/dialog_info_property");
    TCase *tcase = tcase_create("whatever comes in");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, parts_are_what_a_slow_evaluator_makes_of_the_publications, 0, 10);
    tcase_add_loop_test(tcase, random_publications_compose_to_the_same_valid_document_in_any_order,
                        0, 5);
    suite_add_tcase(suite, tcase);
    return suite;
}
