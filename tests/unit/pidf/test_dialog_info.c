/* test_dialog_info.c - every file of golden_dialog_info/ is a scenario: publications, the view,
 * and the document that its parts make; then the examples of RFC 4235 itself. */
#include "pidf/dialog/dialog_info.h"
#include "server/base/must.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { SOURCES_MAX = 8, PARTS_MAX = 64, FILE_BYTES_MAX = 65536, NAME_BYTES_MAX = 512 };

Suite *pidf_dialog_info_suite(void);

static struct span entity(void)
{
    return SPAN("sip:alice@example.com");
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

/* ---- scenarios ---- */

struct scenario {
    char bytes[FILE_BYTES_MAX];
    struct dialog_info_source sources[SOURCES_MAX];
    size_t count;
    unsigned view;
    struct span composed;
};

static unsigned view_bit(struct span word)
{
    static const char *const words[] = {"single", "basic-only", "session-descriptions", "display"};

    for (unsigned i = 0; i < 4; i++)
        if (span_equal(word, span_of(words[i])))
            return 1U << i;
    must(span_equal(word, SPAN("all")));
    return 0;
}

/* "view single display": what stands behind the first word. */
static unsigned read_view(struct span line)
{
    unsigned view = 0;

    line = span_skip(line, strlen("-- view "));
    while (!span_empty(line)) {
        const char *blank = span_find(line, ' ');
        struct span word = blank == NULL ? line : span_between(line.at, blank);

        view |= view_bit(word);
        line = span_skip(line, word.len + 1);
    }
    return view;
}

/*
 * "-- soft 7 100" (publication and sequence) or "-- hard 7 100", a line feed, the body, a line
 * feed, and so on; then "-- view all" or the words of some bits, a line feed, the document.
 */
static void read_scenario(const char *path, struct scenario *out)
{
    struct span rest = read_file(path, out->bytes);

    out->count = 0;
    while (!span_begins(rest, SPAN("-- view "))) {
        const char *body = span_find(rest, '\n') + 1;
        const char *end = memmem(body, rest.len - (size_t)(body - rest.at), "\n-- ", 4);
        char *after;

        must(out->count < SOURCES_MAX && end != NULL);
        out->sources[out->count++] = (struct dialog_info_source){
            .body = span_between(body, end),
            .publication = strtol(rest.at + strlen("-- soft "), &after, 10),
            .sequence = strtol(after, NULL, 10),
            .hard_state = span_begins(rest, SPAN("-- hard")),
        };
        rest = span_between(end + 1, rest.at + rest.len);
    }
    out->view = read_view(span_between(rest.at, span_find(rest, '\n')));
    out->composed = span_skip(rest, (size_t)(span_find(rest, '\n') + 1 - rest.at));
}

static int is_scenario(const struct dirent *entry)
{
    return strstr(entry->d_name, ".txt") != NULL;
}

typedef void judge_fn(struct dialog_info_composer *composer, const struct scenario *scenario,
                      const char *name);

static void each_scenario(judge_fn *judge)
{
    static struct scenario scenario;
    static const char folder[] = SOURCE_DIR "/tests/unit/pidf/golden_dialog_info";
    struct dialog_info_composer *composer = dialog_info_composer_new(NULL);
    struct dirent **entries;
    int count = scandir(folder, &entries, is_scenario, alphasort);

    ck_assert_int_ge(count, 30);
    for (int i = 0; i < count; i++) {
        char path[NAME_BYTES_MAX];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        read_scenario(path, &scenario);
        judge(composer, &scenario, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    dialog_info_composer_free(composer);
}

/* All parts in one full document. */
static void wrap_all(const struct parts *parts, struct buffer *out)
{
    struct part all[PARTS_MAX];

    must(parts->count <= PARTS_MAX);
    for (size_t i = 0; i < parts->count; i++)
        all[i] = parts_get(parts, i);
    dialog_info_wrap(entity(), 0, true, all, parts->count, out);
}

static void expect_composed(struct dialog_info_composer *composer,
                            const struct dialog_info_source sources[],
                            const struct scenario *scenario, const char *name)
{
    struct parts parts;
    struct buffer out;

    parts_init(&parts, FILE_BYTES_MAX);
    buffer_init(&out, FILE_BYTES_MAX);
    dialog_info_compose(composer, scenario->view, sources, scenario->count, &parts);
    ck_assert(!parts_overflowed(&parts));
    wrap_all(&parts, &out);
    ck_assert_msg(span_equal(buffer_span(&out), scenario->composed),
                  "%s\nexpected " SPAN_FMT "got " SPAN_FMT, name, SPAN_ARG(scenario->composed),
                  SPAN_ARG(buffer_span(&out)));
    buffer_deinit(&out);
    parts_deinit(&parts);
}

static void is_golden(struct dialog_info_composer *composer, const struct scenario *scenario,
                      const char *name)
{
    expect_composed(composer, scenario->sources, scenario, name);
}

START_TEST(every_scenario_composes_to_its_golden_document)
{
    each_scenario(is_golden);
}
END_TEST

static void order_does_not_count(struct dialog_info_composer *composer,
                                 const struct scenario *scenario, const char *name)
{
    struct dialog_info_source turned[SOURCES_MAX];

    for (size_t i = 0; i < scenario->count; i++)
        turned[scenario->count - 1 - i] = scenario->sources[i];
    expect_composed(composer, turned, scenario, name);
}

START_TEST(the_order_of_the_array_does_not_count)
{
    each_scenario(order_does_not_count);
}
END_TEST

/* The attribute "display" of RFC 4235 section 4.1.6.1 is none of its schema. */
static void is_valid(struct dialog_info_composer *composer, const struct scenario *scenario,
                     const char *name)
{
    (void)composer;
    if ((scenario->view & DIALOG_INFO_DISPLAY) == 0)
        ck_assert_msg(schema_file_accepts("dialog-info.xsd", scenario->composed), "%s", name);
}

START_TEST(every_golden_document_is_valid)
{
    each_scenario(is_valid);
}
END_TEST

static void body_passes(struct dialog_info_composer *composer, const struct scenario *scenario,
                        const char *name)
{
    struct pidf_fault fault;

    ck_assert_msg(dialog_info_check(composer, scenario->composed, &fault) == STATUS_OK, "%s", name);
}

START_TEST(every_golden_document_could_be_published)
{
    each_scenario(body_passes);
}
END_TEST

/* ---- the RFC's own documents ---- */

struct example {
    const char *file;
    size_t dialog_count;
};

/* clang-format off */
static const struct example examples[] = {
    {"rfc4235-s3.6-dialog-info-1.xml", 1},
    {"rfc4235-s6.1-dialog-info-1.xml", 1},
    {"rfc4235-s6.1-dialog-info-2.xml", 1},
    {"rfc4235-s6.1-dialog-info-3.xml", 2}, /* two dialogs, one id */
    {"rfc4235-s6.1-dialog-info-4.xml", 1},
    {"rfc4235-s6.1-dialog-info-5.xml", 1},
    {"rfc4235-s6.2-dialog-info-1.xml", 0},
    {"rfc4235-s6.2-dialog-info-2.xml", 1},
    {"rfc4235-s6.2-dialog-info-4.xml", 1},
    {"rfc4235-s6.2-dialog-info-10.xml", 0},
    {"rfc4235-s6.3-dialog-info-1.xml", 0},
    {"rfc4235-s6.3-dialog-info-2.xml", 1},
    {"rfc4235-s6.3-dialog-info-3.xml", 0},
    {"defective/rfc4235-s4.1-dialog-info-1.xml", 0},
    {"defective/rfc4235-s4.2-dialog-info-1.xml", 1},
    {"defective/rfc4235-s6.2-dialog-info-3.xml", 1},
    {"defective/rfc4235-s6.2-dialog-info-5.xml", 2},
    {"defective/rfc4235-s6.2-dialog-info-6.xml", 2},
    {"defective/rfc4235-s6.2-dialog-info-7.xml", 1},
    {"defective/rfc4235-s6.2-dialog-info-8.xml", 1},
    {"defective/rfc4235-s6.2-dialog-info-9.xml", 2},
};
/* clang-format on */

START_TEST(the_examples_of_the_rfc_compose_to_valid_documents)
{
    static char bytes[FILE_BYTES_MAX];
    struct dialog_info_composer *composer = dialog_info_composer_new(NULL);
    struct dialog_info_source source = {.publication = 1};
    struct pidf_fault fault;
    struct parts parts;
    struct buffer out;
    char path[NAME_BYTES_MAX];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/xsd/examples/%s", REFERENCE_DIR, examples[_i].file);
    file = fopen(path, "rb");
    if (file == NULL) {
        printf("skipped: no %s\n", path);
        dialog_info_composer_free(composer);
        return;
    }
    fclose(file);
    parts_init(&parts, FILE_BYTES_MAX);
    buffer_init(&out, FILE_BYTES_MAX);
    source.body = read_file(path, bytes);
    ck_assert_int_eq(dialog_info_check(composer, source.body, &fault), STATUS_OK);
    dialog_info_compose(composer, 0, &source, 1, &parts);
    ck_assert_uint_eq(parts.count, examples[_i].dialog_count);
    wrap_all(&parts, &out);
    ck_assert(schema_file_accepts("dialog-info.xsd", buffer_span(&out)));
    buffer_deinit(&out);
    parts_deinit(&parts);
    dialog_info_composer_free(composer);
}
END_TEST

Suite *pidf_dialog_info_suite(void)
{
    Suite *suite = suite_create("pidf/dialog_info");
    TCase *golden = tcase_create("golden"), *rfc = tcase_create("RFC 4235 sections 3.6, 4, 6");

    tcase_add_test(golden, every_scenario_composes_to_its_golden_document);
    tcase_add_test(golden, the_order_of_the_array_does_not_count);
    tcase_add_test(golden, every_golden_document_is_valid);
    tcase_add_test(golden, every_golden_document_could_be_published);
    tcase_add_loop_test(rfc, the_examples_of_the_rfc_compose_to_valid_documents, 0,
                        (int)(sizeof(examples) / sizeof(examples[0])));
    suite_add_tcase(suite, golden);
    suite_add_tcase(suite, rfc);
    return suite;
}
