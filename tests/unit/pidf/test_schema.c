/* test_schema.c - the judge that the other suites ask, and the proof that it can say no. */
#include "server/base/must.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>
#include <stdlib.h>
#include <unistd.h>

Suite *pidf_schema_suite(void);

#define SCHEMA_FOLDER REFERENCE_DIR "/xsd/"

/* Each is read once, for it takes longer than all documents together. */
enum { JUDGES_MAX = 16 };

static struct {
    struct {
        const char *file;
        xmlSchemaPtr schema;
    } judges[JUDGES_MAX];
    size_t count;
} bench;

static void bench_free(void)
{
    for (size_t i = 0; i < bench.count; i++)
        xmlSchemaFree(bench.judges[i].schema);
    xmlSchemaCleanupTypes();
}

/* libxml2 says on stderr which corners of XML Schema it leaves out. */
static void hush(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

static xmlSchemaPtr read_schema(const char *file)
{
    char path[4096];
    xmlSchemaParserCtxtPtr parser;
    xmlSchemaPtr schema;

    snprintf(path, sizeof(path), "%s%s", SCHEMA_FOLDER, file);
    if (access(path, R_OK) != 0) {
        printf("skipped: no %s, nothing is judged by it\n", path);
        return NULL;
    }
    parser = xmlSchemaNewParserCtxt(path);
    schema = xmlSchemaParse(parser);
    xmlSchemaFreeParserCtxt(parser);
    must(schema != NULL);
    return schema;
}

static xmlSchemaPtr get_schema(const char *file)
{
    for (size_t i = 0; i < bench.count; i++)
        if (strcmp(bench.judges[i].file, file) == 0)
            return bench.judges[i].schema;
    must(bench.count < JUDGES_MAX);
    if (bench.count == 0) {
        xmlSetGenericErrorFunc(NULL, hush);
        must(atexit(bench_free) == 0);
    }
    bench.judges[bench.count].file = file;
    bench.judges[bench.count].schema = read_schema(file);
    return bench.judges[bench.count++].schema;
}

static void print_error(void *context, xmlErrorPtr error)
{
    (void)context;
    printf("schema: %s", error->message);
}

bool is_well_formed(struct span document)
{
    xmlDocPtr tree = xmlReadMemory(document.at, (int)document.len, NULL, NULL, XML_PARSE_NONET);

    xmlFreeDoc(tree);
    return tree != NULL;
}

bool schema_file_accepts(const char *file, struct span document)
{
    xmlSchemaPtr schema = get_schema(file);
    xmlSchemaValidCtxtPtr context;
    xmlDocPtr tree;
    bool accepted;

    if (schema == NULL)
        return is_well_formed(document);
    tree = xmlReadMemory(document.at, (int)document.len, NULL, NULL, XML_PARSE_NONET);
    if (tree == NULL)
        return false;
    context = xmlSchemaNewValidCtxt(schema);
    xmlSchemaSetValidStructuredErrors(context, print_error, NULL);
    accepted = xmlSchemaValidateDoc(context, tree) == 0;
    xmlSchemaFreeValidCtxt(context);
    xmlFreeDoc(tree);
    return accepted;
}

bool schema_accepts(struct span document)
{
    return schema_file_accepts("presence-all.xsd", document);
}

START_TEST(the_schemas_refuse_a_tuple_without_id)
{
    if (get_schema("presence-all.xsd") == NULL)
        return;
    ck_assert(schema_accepts(SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'>"
                                  "<tuple id='a'><status/></tuple></presence>")));
    ck_assert(!schema_accepts(SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'>"
                                   "<tuple><status/></tuple></presence>")));
}
END_TEST

START_TEST(what_is_not_well_formed_is_seen_without_a_schema_too)
{
    ck_assert(!is_well_formed(SPAN("<a>")));
    ck_assert(!is_well_formed(SPAN("<a>\xff</a>")));
    ck_assert(is_well_formed(SPAN("<a/>")));
}
END_TEST

START_TEST(the_schemas_refuse_a_dialog_without_state)
{
    static const char file[] = "dialog-info.xsd";

    if (get_schema(file) == NULL)
        return;
    ck_assert(schema_file_accepts(
        file, SPAN("<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='0' "
                   "state='full' entity='a'><dialog id='a'><state>early</state></dialog>"
                   "</dialog-info>")));
    ck_assert(!schema_file_accepts(
        file, SPAN("<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='0' "
                   "state='full' entity='a'><dialog id='a'/></dialog-info>")));
}
END_TEST

Suite *pidf_schema_suite(void)
{
    Suite *suite = suite_create("pidf/schema");
    TCase *tcase = tcase_create("RFC schemas");

    tcase_add_test(tcase, the_schemas_refuse_a_tuple_without_id);
    tcase_add_test(tcase, what_is_not_well_formed_is_seen_without_a_schema_too);
    tcase_add_test(tcase, the_schemas_refuse_a_dialog_without_state);
    suite_add_tcase(suite, tcase);
    return suite;
}
