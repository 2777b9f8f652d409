/* test_diff.c - what is sent of a change, and that it is the change. */
#include "pidf/partial/diff.h"

#include "pidf/partial/patch.h"
#include "server/base/must.h"
#include "tests/support/edits/canonical.h"
#include "tests/support/edits/edits.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

Suite *pidf_diff_suite(void);

#define ENTITY "pres:a@example.com"
#define ROOT(extra, content)                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"" extra " entity=\"" ENTITY "\">" content      \
    "</presence>\n"
#define DM " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
#define RPID " xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\""
#define TUPLE(id, basic)                                                                           \
    "<tuple id=\"" id "\"><status><basic>" basic "</basic></status>"                               \
    "<contact>sip:" id "@a.example.com</contact></tuple>"
/* Enough of what stays, so that a diff is worth its while. */
#define STAYS                                                                                      \
    TUPLE("s1", "open")                                                                            \
    TUPLE("s2", "open")                                                                            \
    TUPLE("s3", "open") "<note>long enough to be worth a patch instead of all of it again</note>"

static struct pidf_partial *partial;
static struct buffer diff, patched;

static void setup(void)
{
    partial = pidf_partial_new(NULL);
    buffer_init(&diff, 1 << 20);
    buffer_init(&patched, 1 << 20);
}

static void teardown(void)
{
    pidf_partial_free(partial);
    buffer_deinit(&diff);
    buffer_deinit(&patched);
}

/* The diff with its version, ready to be sent; nothing when the whole is to be sent instead. */
static struct span make(struct span from, struct span to)
{
    static char memory[1 << 18];
    struct buffer numbered;
    size_t version_at;

    buffer_reset(&diff);
    if (!pidf_diff(partial, from, to, &diff, &version_at))
        return (struct span){0};
    buffer_init_fixed(&numbered, memory, sizeof(memory));
    pidf_versioned_put(pidf_versioned_of(buffer_span(&diff), version_at), 7, &numbered);
    return buffer_span(&numbered);
}

static void check_leads_to(struct span from, struct span made, struct span to)
{
    struct pidf_fault fault = {0};

    buffer_reset(&patched);
    ck_assert_msg(pidf_patch(partial, from, made, &patched, &fault) == STATUS_OK,
                  "%s\n%.*s\n%.*s\n%.*s", fault.phrase, SPAN_ARG(from), SPAN_ARG(made),
                  SPAN_ARG(to));
    ck_assert_msg(canonical_equal(buffer_span(&patched), to), "%.*s\n%.*s\n%.*s\n%.*s",
                  SPAN_ARG(from), SPAN_ARG(made), SPAN_ARG(to), SPAN_ARG(buffer_span(&patched)));
}

/* ---- what is said ---- */

struct change {
    const char *from;
    const char *to;
    const char *patches; /* all of them, as they stand in the diff */
};

static const struct change changes[] = {
    /* 0: nothing */
    {ROOT("", STAYS), ROOT("", STAYS), ""},
    /* 1: basic flips; RFC 5262 section 6 says it so */
    {ROOT("", TUPLE("a", "open") STAYS), ROOT("", TUPLE("a", "closed") STAYS),
     "<p:replace sel=\"*/tuple[@id='a']/status/basic/text()\">closed</p:replace>"},
    /* 2: a tuple comes at the end of tuples, 3: the first, 4: goes */
    {ROOT("", STAYS),
     ROOT("", TUPLE("s1", "open") TUPLE("n", "open") TUPLE("s2", "open")
                  TUPLE("s3", "open") "<note>long enough to be worth a patch instead"
                                      " of all of it again</note>"),
     "<p:add sel=\"*/tuple[@id='s2']\" pos=\"before\">" TUPLE("n", "open") "</p:add>"},
    {ROOT("", STAYS), ROOT("", TUPLE("n", "open") STAYS),
     "<p:add sel=\"*\" pos=\"prepend\">" TUPLE("n", "open") "</p:add>"},
    {ROOT("", TUPLE("n", "open") STAYS), ROOT("", STAYS), "<p:remove sel=\"*/tuple[@id='n']\"/>"},
    /* 5: an attribute changes, 6: comes, 7: goes */
    {ROOT("", "<tuple id=\"a\"><status/><contact priority=\"0.1\">sip:a</contact></tuple>" STAYS),
     ROOT("", "<tuple id=\"a\"><status/><contact priority=\"1\">sip:a</contact></tuple>" STAYS),
     "<p:replace sel=\"*/tuple[@id='a']/contact/@priority\">1</p:replace>"},
    {ROOT("", "<tuple id=\"a\"><status/><contact>sip:a</contact></tuple>" STAYS),
     ROOT("", "<tuple id=\"a\"><status/><contact priority=\"1\">sip:a</contact></tuple>" STAYS),
     "<p:add sel=\"*/tuple[@id='a']/contact\" type=\"@priority\">1</p:add>"},
    {ROOT("", "<tuple id=\"a\"><status/><contact priority=\"1\">sip:a</contact></tuple>" STAYS),
     ROOT("", "<tuple id=\"a\"><status/><contact>sip:a</contact></tuple>" STAYS),
     "<p:remove sel=\"*/tuple[@id='a']/contact/@priority\"/>"},
    /* 8: things without id are numbered when there are several */
    {ROOT("", STAYS "<note>one</note>"), ROOT("", STAYS "<note>two</note>"),
     "<p:replace sel=\"*/note[2]/text()\">two</p:replace>"},
    /* 9: an activity changes */
    {ROOT(DM RPID, STAYS "<dm:person id=\"p\"><rpid:activities><rpid:busy/></rpid:activities>"
                         "</dm:person>"),
     ROOT(DM RPID, STAYS "<dm:person id=\"p\"><rpid:activities><rpid:away/></rpid:activities>"
                         "</dm:person>"),
     "<p:replace sel=\"*/dm:person/rpid:activities/rpid:busy\"><rpid:away/></p:replace>"},
    /* 10: a namespace comes with its first element, 11: and goes with its last */
    {ROOT(DM, STAYS "<dm:person id=\"p\"/>"),
     ROOT(DM RPID, STAYS "<dm:person id=\"p\"><rpid:class>x</rpid:class></dm:person>"),
     "<p:add sel=\"*\" type=\"namespace::rpid\">urn:ietf:params:xml:ns:pidf:rpid</p:add>"
     "<p:add sel=\"*/dm:person\"><rpid:class>x</rpid:class></p:add>"},
    {ROOT(DM RPID, STAYS "<dm:person id=\"p\"><rpid:class>x</rpid:class></dm:person>"),
     ROOT(DM, STAYS "<dm:person id=\"p\"/>"),
     "<p:remove sel=\"*/dm:person/rpid:class\"/><p:remove sel=\"*/namespace::rpid\"/>"},
    /* 12: text comes, 13: and goes */
    {ROOT("", STAYS "<note xml:lang=\"en\"/>"),
     ROOT("", STAYS "<note xml:lang=\"en\">&amp;</note>"),
     "<p:add sel=\"*/note[2]\">&amp;</p:add>"},
    {ROOT("", STAYS "<note xml:lang=\"en\">&amp;</note>"),
     ROOT("", STAYS "<note xml:lang=\"en\"/>"), "<p:remove sel=\"*/note[2]/text()\"/>"},
    /* 14: what has no namespace cannot be named where there is a default one */
    {ROOT("", STAYS "<a xmlns=\"\">1</a>"), ROOT("", STAYS "<a xmlns=\"\">2</a>"),
     "<p:replace sel=\"*/*[5]\"><a xmlns=\"\">2</a></p:replace>"},
};

START_TEST(a_change_is_said_in_few_words)
{
    struct span from = span_of(changes[_i].from), to = span_of(changes[_i].to);
    struct span made = make(from, to);
    const char *begin = memmem(made.at, made.len, ENTITY "\">", sizeof(ENTITY "\">") - 1);
    struct span patches;

    ck_assert_msg(begin != NULL, "%.*s", SPAN_ARG(made));
    patches = span_between(begin + sizeof(ENTITY "\">") - 1, made.at + made.len);
    ck_assert(patches.len >= sizeof("</p:pidf-diff>\n") - 1);
    patches.len -= sizeof("</p:pidf-diff>\n") - 1;
    ck_assert_msg(span_equal(patches, span_of(changes[_i].patches)), "%.*s", SPAN_ARG(patches));
    check_leads_to(from, made, to);
    ck_assert(schema_accepts(made));
}
END_TEST

START_TEST(a_diff_declares_what_it_uses_and_no_more)
{
    struct span made = make(span_of(changes[9].from), span_of(changes[9].to));
    static const char begin[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<p:pidf-diff version=\"7\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\"" DM RPID
        " entity=\"" ENTITY "\"><p:replace";

    ck_assert_msg(span_begins(made, SPAN(begin)), "%.*s", SPAN_ARG(made));
}
END_TEST

/* ---- when it is not worth while ---- */

START_TEST(the_whole_is_sent_when_it_is_not_longer)
{
    ck_assert(
        span_empty(make(SPAN(ROOT("", TUPLE("a", "open"))), SPAN(ROOT("", TUPLE("b", "open"))))));
}
END_TEST

START_TEST(the_whole_is_sent_when_a_prefix_changes_its_meaning)
{
    ck_assert(span_empty(make(SPAN(ROOT(" xmlns:x=\"urn:one\"", STAYS "<x:a/>")),
                              SPAN(ROOT(" xmlns:x=\"urn:two\"", STAYS "<x:a/>")))));
}
END_TEST

START_TEST(the_whole_is_sent_when_a_new_prefix_may_be_that_of_the_watchers_root)
{
    ck_assert(span_empty(
        make(SPAN(ROOT("", STAYS)), SPAN(ROOT(" xmlns:p=\"urn:one\"", STAYS "<p:a/>")))));
}
END_TEST

START_TEST(the_whole_is_sent_when_there_is_too_much_to_compare)
{
    struct buffer from, to;

    buffer_init(&from, 1 << 20);
    buffer_init(&to, 1 << 20);
    buffer_put(&from,
               SPAN("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"" ENTITY "\">"));
    buffer_put(&to, buffer_span(&from));
    for (unsigned i = 0; i < 1500; i++) {
        buffer_printf(&from, "<note>%u</note>", i);
        buffer_printf(&to, "<note>%u</note>", i + 5000);
    }
    buffer_put(&from, SPAN("</presence>\n"));
    buffer_put(&to, SPAN("</presence>\n"));
    ck_assert(span_empty(make(buffer_span(&from), buffer_span(&to))));
    ck_assert_uint_eq(diff.len, 0);
    buffer_deinit(&from);
    buffer_deinit(&to);
}
END_TEST

START_TEST(an_output_without_room_is_left_as_it_was)
{
    char memory[64] = "before";
    struct buffer small;
    size_t version_at;

    buffer_init_fixed(&small, memory, sizeof(memory));
    small.len = 6;
    ck_assert(
        !pidf_diff(partial, span_of(changes[1].from), span_of(changes[1].to), &small, &version_at));
    ck_assert(span_equal(buffer_span(&small), SPAN("before")));
}
END_TEST

/* ---- pidf-full ---- */

static struct span make_full(struct span document)
{
    static char memory[1 << 18];
    struct buffer numbered;
    size_t version_at;

    buffer_reset(&diff);
    ck_assert(pidf_full(document, &diff, &version_at) == STATUS_OK);
    buffer_init_fixed(&numbered, memory, sizeof(memory));
    pidf_versioned_put(pidf_versioned_of(buffer_span(&diff), version_at), 4294967295U, &numbered);
    return buffer_span(&numbered);
}

START_TEST(a_full_document_holds_the_composed_one)
{
    struct span document = SPAN(ROOT(DM, TUPLE("a", "open") "<dm:person id=\"p\"/>"));
    struct span full = make_full(document);

    ck_assert(schema_accepts(full));
    ck_assert(memmem(full.at, full.len, "<p:pidf-full version=\"4294967295\"", 33) != NULL);
    check_leads_to((struct span){0}, full, document);
}
END_TEST

START_TEST(a_full_document_takes_a_prefix_that_is_free)
{
    struct span document = SPAN(ROOT(" xmlns:p=\"urn:one\"", "<note>a</note><p:b/>"));
    struct span full = make_full(document);

    ck_assert(memmem(full.at, full.len, "<p1:pidf-full ", 14) != NULL);
    check_leads_to((struct span){0}, full, document);
}
END_TEST

/* ---- everything at random ---- */

enum { SEEDS = 40, STEPS = 50 };

static void compose(struct pidf_composer *composer, const struct edits *edits, struct buffer *out)
{
    struct buffer published;
    const struct pidf_view view = {.policy = PIDF_UNION};
    struct pidf_source source;

    buffer_init(&published, 1 << 20);
    edits_publish(edits, &published);
    source = (struct pidf_source){.body = buffer_span(&published)};
    ck_assert(pidf_check(composer, source.body, NULL) == STATUS_OK);
    buffer_reset(out);
    ck_assert(pidf_compose(composer, SPAN(ENTITY), &view, &source, 1, out) == STATUS_OK);
    buffer_deinit(&published);
}

/* Four in five changes must be worth a diff, or the test would show little. */
START_TEST(diffs_of_random_edits_lead_to_the_full_state)
{
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct buffer states[2];
    struct edits edits;
    unsigned sent = 0;

    buffer_init(&states[0], 1 << 20);
    buffer_init(&states[1], 1 << 20);
    edits_init(&edits, (uint64_t)_i);
    compose(composer, &edits, &states[0]);
    for (unsigned step = 1; step <= STEPS; step++) {
        struct span from = buffer_span(&states[(step - 1) % 2]), to, made;

        edits_step(&edits);
        compose(composer, &edits, &states[step % 2]);
        to = buffer_span(&states[step % 2]);
        made = make(from, to);
        if (span_empty(made))
            continue;
        sent++;
        ck_assert(made.len < make_full(to).len);
        made = make(from, to);
        check_leads_to(from, made, to);
        ck_assert(step % 10 != 0 || schema_accepts(made));
    }
    ck_assert_uint_ge(sent, STEPS / 2);
    pidf_composer_free(composer);
    buffer_deinit(&states[0]);
    buffer_deinit(&states[1]);
}
END_TEST

Suite *pidf_diff_suite(void)
{
    Suite *suite = suite_create("pidf/diff");
    TCase *diffs = tcase_create("RFC 5262 section 4"), *full = tcase_create("RFC 5262 section 3");

    tcase_add_checked_fixture(diffs, setup, teardown);
    tcase_add_checked_fixture(full, setup, teardown);
    tcase_add_loop_test(diffs, a_change_is_said_in_few_words, 0,
                        (int)(sizeof(changes) / sizeof(changes[0])));
    tcase_add_test(diffs, a_diff_declares_what_it_uses_and_no_more);
    tcase_add_test(diffs, the_whole_is_sent_when_it_is_not_longer);
    tcase_add_test(diffs, the_whole_is_sent_when_a_prefix_changes_its_meaning);
    tcase_add_test(diffs, the_whole_is_sent_when_a_new_prefix_may_be_that_of_the_watchers_root);
    tcase_add_test(diffs, the_whole_is_sent_when_there_is_too_much_to_compare);
    tcase_add_test(diffs, an_output_without_room_is_left_as_it_was);
    tcase_add_loop_test(diffs, diffs_of_random_edits_lead_to_the_full_state, 0, SEEDS);
    tcase_add_test(full, a_full_document_holds_the_composed_one);
    tcase_add_test(full, a_full_document_takes_a_prefix_that_is_free);
    suite_add_tcase(suite, diffs);
    suite_add_tcase(suite, full);
    return suite;
}
