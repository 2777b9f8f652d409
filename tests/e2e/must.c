/*
 * must.c - a test per sentence of conformance.md, named by RFC, section and ordinal. The table says
 * which proof is whose: what it names must be here, and what is here must be named there.
 *
 * MUST_CONFIGURATION=other runs the proofs that need test_must.sh's second configuration, and them
 * alone.
 */
#include "tests/e2e/must/must.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 256, TESTS_MAX = 320, TABLE_BYTES_MAX = 1 << 18 };

/* One line: "| name | sentence | proofs |"; each proof stands in `...`. */
struct row {
    const char *name;
    char *proofs;
};

static struct {
    char text[TABLE_BYTES_MAX];
    struct row rows[ROWS_MAX];
    size_t rows_used;
    char names[TESTS_MAX][160];
    TTest tests[TESTS_MAX];
    size_t tests_used;
} table;

static void give_up(const char *why, const char *what)
{
    fprintf(stderr, "conformance.md: %s: %s\n", why, what);
    exit(EXIT_FAILURE);
}

/* ---- reading the table ---- */

static char *next_cell(char **line)
{
    char *cell = *line + strspn(*line, " ");
    char *bar = strchr(cell, '|');

    if (bar == NULL)
        give_up("a row without three cells", cell);
    *line = bar + 1;
    while (bar > cell && bar[-1] == ' ')
        bar--;
    *bar = '\0';
    return cell;
}

static void read_row(char *line)
{
    struct row *row = &table.rows[table.rows_used];

    if (strncmp(line, "| rfc", 5) != 0)
        return;
    if (++table.rows_used == ROWS_MAX)
        give_up("too many rows", line);
    line++;
    row->name = next_cell(&line);
    if (*next_cell(&line) == '\0')
        give_up("no sentence", row->name);
    row->proofs = next_cell(&line);
    if (row->proofs[0] == '\0')
        give_up("neither proof nor reason", row->name);
}

static void read_table(const char *path)
{
    FILE *file = fopen(path, "re");
    char *rest = table.text;
    char *line;

    if (file == NULL || fread(table.text, 1, TABLE_BYTES_MAX - 1, file) == 0)
        give_up("cannot be read", path);
    fclose(file);
    while ((line = strtok_r(rest, "\n", &rest)) != NULL)
        read_row(line);
}

/* ---- the suite ---- */

typedef const TTest *const *proofs_fn(void);

static proofs_fn *const lists[] = {subscribe_proofs, notify_proofs, event_proofs, publish_proofs,
                                   presence_proofs};

enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static const TTest *find(const TTest *const *proofs, const char *name)
{
    for (; *proofs != NULL; proofs++)
        if (strcmp((*proofs)->name, name) == 0)
            return *proofs;
    return NULL;
}

static bool is_named(const TTest *proof)
{
    for (size_t i = 0; i < table.rows_used; i++) {
        const char *at = strstr(table.rows[i].proofs, proof->name);

        if (at != NULL && at[-1] == '`' && at[strlen(proof->name)] == '`')
            return true;
    }
    return false;
}

static void must_all_be_named(const TTest *const *proofs)
{
    for (; *proofs != NULL; proofs++)
        if (!is_named(*proofs))
            give_up("proves nothing there", (*proofs)->name);
}

static void add(TCase *tcase, const struct row *row, const TTest *proof)
{
    TTest *test = &table.tests[table.tests_used];
    char *name = table.names[table.tests_used];

    if (++table.tests_used == TESTS_MAX)
        give_up("too many proofs", row->name);
    snprintf(name, sizeof(table.names[0]), "%s: %s", row->name, proof->name);
    *test = *proof;
    test->name = name;
    tcase_add_test(tcase, test);
}

static void add_named(TCase *tcase, const struct row *row, const char *name, bool other)
{
    const TTest *proof = find(other_proofs(), name);

    if (proof != NULL) {
        if (other)
            add(tcase, row, proof);
        return;
    }
    for (size_t i = 0; proof == NULL && i < LISTS; i++)
        proof = find(lists[i](), name);
    if (proof == NULL)
        give_up("no such proof", name);
    if (!other)
        add(tcase, row, proof);
}

static void add_row(TCase *tcase, const struct row *row, bool other)
{
    char *rest = row->proofs;
    char *end;

    while ((rest = strchr(rest, '`')) != NULL && (end = strchr(rest + 1, '`')) != NULL) {
        *end = '\0';
        add_named(tcase, row, rest + 1, other);
        *end = '`';
        rest = end + 1;
    }
}

static Suite *must_suite(bool other)
{
    Suite *suite = suite_create("e2e/must");
    TCase *tcase = tcase_create("sentences");

    tcase_add_checked_fixture(tcase, wire_set_up, wire_tear_down);
    tcase_set_timeout(tcase, 60);
    for (size_t i = 0; i < table.rows_used; i++)
        add_row(tcase, &table.rows[i], other);
    for (size_t i = 0; i < LISTS; i++)
        must_all_be_named(lists[i]());
    must_all_be_named(other_proofs());
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    const char *configuration = getenv("MUST_CONFIGURATION");
    const bool other = configuration != NULL && strcmp(configuration, "other") == 0;
    const char *port = getenv("SIP_PORT");
    SRunner *runner;
    int failed;

    read_table("tests/e2e/conformance.md");
    runner = srunner_create(must_suite(other));
    wire_open(port != NULL ? (int)strtol(port, NULL, 10) : 5060, other ? 'o' : 'm');
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_VERBOSE);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    wire_close();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
