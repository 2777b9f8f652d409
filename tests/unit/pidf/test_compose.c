/* test_compose.c - every file of golden/ is a scenario: publications, then what they compose to. */
#include "pidf/pidf.h"
#include "server/base/must.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCENARIOS_MAX = 200, SOURCES_MAX = 8, FILE_BYTES_MAX = 65536, NAME_BYTES_MAX = 512 };

Suite *pidf_compose_suite(void);

/* ---- scenarios ---- */

struct scenario {
    char bytes[FILE_BYTES_MAX];
    struct pidf_view view;
    struct pidf_source sources[SOURCES_MAX];
    size_t count;
    struct span composed;
};

static const struct pidf_view everything = {0};

static struct span entity(void)
{
    return SPAN("sip:a@b");
}

static struct span read_file(const char *path, char *into)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    must(file != NULL);
    size = fread(into, 1, FILE_BYTES_MAX, file);
    must(size < FILE_BYTES_MAX);
    fclose(file);
    return (struct span){into, size};
}

/* What a line "-- view single hide-notes" may say. */
static const struct {
    const char *word;
    struct pidf_view view;
} view_words[] = {
    {"latest", {.policy = PIDF_LATEST}},
    {"priority", {.policy = PIDF_PRIORITY}},
    {"single", {.policy = PIDF_SINGLE}},
    {"plain", {.dialect = PIDF_PLAIN}},
    {"one-tuple", {.dialect = PIDF_ONE_TUPLE}},
    {"note-in-tuple", {.dialect = PIDF_NOTE_IN_TUPLE}},
    {"entity-pres", {.dialect = PIDF_ENTITY_PRES}},
    {"contact", {.dialect = PIDF_CONTACT}},
    {"hide-notes", {.hidden = PIDF_HIDE_NOTES}},
    {"hide-activities", {.hidden = PIDF_HIDE_ACTIVITIES}},
    {"hide-location", {.hidden = PIDF_HIDE_LOCATION}},
    {"hide-devices", {.hidden = PIDF_HIDE_DEVICES}},
    {"basic-only", {.hidden = PIDF_BASIC_ONLY}},
};

static void add_view_word(struct span word, struct pidf_view *view)
{
    const struct pidf_view *found = NULL;

    for (size_t i = 0; i < sizeof(view_words) / sizeof(view_words[0]); i++)
        if (span_equal(word, span_of(view_words[i].word)))
            found = &view_words[i].view;
    must(found != NULL);
    view->policy = (enum pidf_policy)(view->policy | found->policy);
    view->dialect |= found->dialect;
    view->hidden |= found->hidden;
}

static struct span read_view(struct span rest, struct pidf_view *view)
{
    const char *end = span_find(rest, '\n');
    struct span words = span_between(rest.at + strlen("-- view"), end);

    while (!span_empty(words)) {
        const char *blank;

        words = span_skip(words, 1);
        blank = span_find(words, ' ');
        if (blank == NULL)
            blank = words.at + words.len;
        add_view_word(span_between(words.at, blank), view);
        words = span_between(blank, end);
    }
    return span_skip(rest, (size_t)(end - rest.at) + 1);
}

static int64_t time_of(struct span rest)
{
    return strtol(span_find(span_skip(rest, strlen("-- ")), ' '), NULL, 10);
}

/*
 * Perhaps a view; then "-- soft 100" (or hard, or registered), a line feed, the body, a line
 * feed, and so on; at the end "-- composed".
 */
static void read_scenario(const char *path, struct scenario *out)
{
    struct span rest = read_file(path, out->bytes);

    out->count = 0;
    out->view = (struct pidf_view){0};
    if (span_begins(rest, SPAN("-- view ")))
        rest = read_view(rest, &out->view);
    while (!span_begins(rest, SPAN("-- composed\n"))) {
        const char *body = span_find(rest, '\n') + 1;
        const char *end = memmem(body, rest.len - (size_t)(body - rest.at), "\n-- ", 4);

        must(out->count < SOURCES_MAX && end != NULL);
        out->sources[out->count++] = (struct pidf_source){
            .body = span_between(body, end),
            .published_at_us = time_of(rest),
            .hard_state = span_begins(rest, SPAN("-- hard")),
            .from_registration = span_begins(rest, SPAN("-- registered")),
        };
        rest = span_between(end + 1, rest.at + rest.len);
    }
    out->composed = span_skip(rest, strlen("-- composed\n"));
}

static int is_scenario(const struct dirent *entry)
{
    return strstr(entry->d_name, ".txt") != NULL;
}

/* Runs `judge` on every scenario, with a fresh composer that it may use. */
typedef void judge_fn(struct pidf_composer *composer, const struct scenario *scenario,
                      const char *name);

static void each_scenario(judge_fn *judge)
{
    static struct scenario scenario;
    static const char folder[] = SOURCE_DIR "/tests/unit/pidf/golden";
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct dirent **entries;
    int count = scandir(folder, &entries, is_scenario, alphasort);

    ck_assert_int_ge(count, 90);
    for (int i = 0; i < count; i++) {
        char path[NAME_BYTES_MAX];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        read_scenario(path, &scenario);
        judge(composer, &scenario, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    pidf_composer_free(composer);
}

static void expect_composed(struct pidf_composer *composer, const struct pidf_view *view,
                            const struct pidf_source sources[], size_t count, struct span expected,
                            const char *name)
{
    struct buffer out;

    buffer_init(&out, FILE_BYTES_MAX);
    ck_assert_int_eq(pidf_compose(composer, entity(), view, sources, count, &out), STATUS_OK);
    ck_assert_msg(span_equal(buffer_span(&out), expected), "%s\nexpected " SPAN_FMT "got " SPAN_FMT,
                  name, SPAN_ARG(expected), SPAN_ARG(buffer_span(&out)));
    buffer_deinit(&out);
}

/* ---- what holds for each ---- */

static void is_golden(struct pidf_composer *composer, const struct scenario *scenario,
                      const char *name)
{
    expect_composed(composer, &scenario->view, scenario->sources, scenario->count,
                    scenario->composed, name);
}

START_TEST(every_scenario_composes_to_its_golden_document)
{
    each_scenario(is_golden);
}
END_TEST

static void order_does_not_count(struct pidf_composer *composer, const struct scenario *scenario,
                                 const char *name)
{
    struct pidf_source turned[SOURCES_MAX];

    for (size_t i = 0; i < scenario->count; i++)
        turned[scenario->count - 1 - i] = scenario->sources[i];
    expect_composed(composer, &scenario->view, turned, scenario->count, scenario->composed, name);
}

START_TEST(the_order_of_the_array_does_not_count)
{
    each_scenario(order_does_not_count);
}
END_TEST

static void is_fixed(struct pidf_composer *composer, const struct scenario *scenario,
                     const char *name)
{
    struct pidf_source again = {.body = scenario->composed};

    expect_composed(composer, &scenario->view, &again, 1, scenario->composed, name);
}

START_TEST(what_was_composed_composes_to_itself)
{
    each_scenario(is_fixed);
}
END_TEST

static void is_valid(struct pidf_composer *composer, const struct scenario *scenario,
                     const char *name)
{
    (void)composer;
    ck_assert_msg(schema_accepts(scenario->composed), "%s", name);
}

START_TEST(every_golden_document_is_valid_by_the_schemas)
{
    each_scenario(is_valid);
}
END_TEST

/* ---- the RFCs' own documents ---- */

static int is_presence(const struct dirent *entry)
{
    return strstr(entry->d_name, "-presence-") != NULL;
}

static void compose_folder(const char *folder, struct pidf_composer *composer)
{
    static char bytes[FILE_BYTES_MAX];
    struct dirent **entries;
    int count = scandir(folder, &entries, is_presence, alphasort);

    if (count < 0) {
        printf("skipped: no %s\n", folder);
        return;
    }
    for (int i = 0; i < count; i++) {
        struct pidf_source source = {0}, again = {0};
        struct buffer out;
        char path[NAME_BYTES_MAX];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        source.body = read_file(path, bytes);
        buffer_init(&out, FILE_BYTES_MAX);
        ck_assert_int_eq(pidf_compose(composer, entity(), &everything, &source, 1, &out),
                         STATUS_OK);
        ck_assert_msg(schema_accepts(buffer_span(&out)), "%s", path);
        again.body = buffer_span(&out);
        expect_composed(composer, &everything, &again, 1, again.body, path);
        buffer_deinit(&out);
        free(entries[i]);
    }
    free(entries);
}

START_TEST(the_examples_of_the_rfcs_compose_to_valid_documents_that_compose_to_themselves)
{
    struct pidf_composer *composer = pidf_composer_new(NULL);

    compose_folder(REFERENCE_DIR "/xsd/examples", composer);
    compose_folder(REFERENCE_DIR "/xsd/examples/defective", composer);
    pidf_composer_free(composer);
}
END_TEST

/* ---- the call itself ---- */

START_TEST(a_document_too_large_for_the_buffer_leaves_it_as_it_was)
{
    struct pidf_composer *composer = pidf_composer_new(NULL);
    char memory[64];
    struct buffer out;

    buffer_init_fixed(&out, memory, sizeof(memory));
    buffer_put(&out, SPAN("before"));
    ck_assert_int_eq(pidf_compose(composer, entity(), &everything, NULL, 0, &out), STATUS_LIMIT);
    ck_assert(span_equal(buffer_span(&out), SPAN("before")));
    pidf_composer_free(composer);
}
END_TEST

START_TEST(an_entity_of_any_bytes_cannot_break_the_document)
{
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct buffer out;

    buffer_init(&out, FILE_BYTES_MAX);
    ck_assert_int_eq(pidf_compose(composer, SPAN("sip:<\"&\0\n\xff@b"), &everything, NULL, 0, &out),
                     STATUS_OK);
    ck_assert_int_eq(pidf_check(composer, buffer_span(&out), NULL), STATUS_OK);
    ck_assert_ptr_nonnull(memmem(out.at, out.len, "sip:&lt;&quot;&amp;%00%0A%FF@b", 30));
    buffer_deinit(&out);
    pidf_composer_free(composer);
}
END_TEST

START_TEST(names_that_senders_invent_do_not_pile_up)
{
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct buffer body, out;

    buffer_init(&body, FILE_BYTES_MAX);
    buffer_init(&out, FILE_BYTES_MAX);
    for (unsigned round = 0; round < 40; round++) {
        struct pidf_source source = {0};

        buffer_reset(&body);
        buffer_reset(&out);
        buffer_put(&body, SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf'>"));
        for (unsigned i = 0; i < 500; i++)
            buffer_printf(&body, "<x:n%u-%u xmlns:x='urn:%u:%u'/>", round, i, round, i % 30);
        buffer_put(&body, SPAN("</presence>"));
        source.body = buffer_span(&body);
        ck_assert_int_eq(pidf_compose(composer, entity(), &everything, &source, 1, &out),
                         STATUS_OK);
    }
    buffer_deinit(&body);
    buffer_deinit(&out);
    pidf_composer_free(composer);
}
END_TEST

Suite *pidf_compose_suite(void)
{
    Suite *suite = suite_create("pidf/compose");
    TCase *golden = tcase_create("golden"), *rfc = tcase_create("examples of the RFCs");
    TCase *call = tcase_create("the call");

    tcase_add_test(golden, every_scenario_composes_to_its_golden_document);
    tcase_add_test(golden, the_order_of_the_array_does_not_count);
    tcase_add_test(golden, what_was_composed_composes_to_itself);
    tcase_add_test(golden, every_golden_document_is_valid_by_the_schemas);
    tcase_add_test(rfc,
                   the_examples_of_the_rfcs_compose_to_valid_documents_that_compose_to_themselves);
    tcase_add_test(call, a_document_too_large_for_the_buffer_leaves_it_as_it_was);
    tcase_add_test(call, an_entity_of_any_bytes_cannot_break_the_document);
    tcase_add_test(call, names_that_senders_invent_do_not_pile_up);
    suite_add_tcase(suite, golden);
    suite_add_tcase(suite, rfc);
    suite_add_tcase(suite, call);
    return suite;
}
