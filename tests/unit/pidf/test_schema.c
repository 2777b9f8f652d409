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

enum { PATH_BYTES_MAX = 512 };

static const char presence[] = "presence-all.xsd";

/* Read once, for it takes longer than all documents together. */
static struct judge {
    const char *file;
    xmlSchemaPtr schema;
    bool asked;
} judges[] = {{.file = presence}, {.file = "dialog-info.xsd"}};

#define JUDGE_COUNT (sizeof(judges) / sizeof(judges[0]))

static void judges_free(void)
{
    for (size_t i = 0; i < JUDGE_COUNT; i++)
        xmlSchemaFree(judges[i].schema);
    xmlSchemaCleanupTypes();
}

static struct judge *find_judge(const char *file)
{
    for (size_t i = 0; i < JUDGE_COUNT; i++)
        if (strcmp(judges[i].file, file) == 0)
            return &judges[i];
    must(false);
    return NULL;
}

/* libxml2 says on stderr which corners of XML Schema it leaves out. */
static void hush(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

static xmlSchemaPtr read_schema(const char *file)
{
    char path[PATH_BYTES_MAX];
    xmlSchemaParserCtxtPtr parser;
    xmlSchemaPtr schema;

    (void)snprintf(path, sizeof(path), "%s/xsd/%s", REFERENCE_DIR, file);
    xmlSetGenericErrorFunc(NULL, hush);
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
    static bool registered;
    struct judge *judge = find_judge(file);

    if (!registered)
        must(atexit(judges_free) == 0);
    registered = true;
    if (!judge->asked)
        judge->schema = read_schema(file);
    judge->asked = true;
    return judge->schema;
}

static void print_error(void *context, xmlErrorPtr error)
{
    (void)context;
    printf("schema: %s", error->message);
}

bool schema_file_accepts(const char *file, struct span document)
{
    xmlSchemaPtr schema = get_schema(file);
    xmlSchemaValidCtxtPtr context;
    xmlDocPtr tree;
    bool accepted;

    if (schema == NULL)
        return true;
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
    return schema_file_accepts(presence, document);
}

START_TEST(the_schemas_refuse_a_tuple_without_id)
{
    if (get_schema(presence) == NULL)
        return;
    ck_assert(schema_accepts(SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'>"
                                  "<tuple id='a'><status/></tuple></presence>")));
    ck_assert(!schema_accepts(SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'>"
                                   "<tuple><status/></tuple></presence>")));
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
    tcase_add_test(tcase, the_schemas_refuse_a_dialog_without_state);
    suite_add_tcase(suite, tcase);
    return suite;
}
