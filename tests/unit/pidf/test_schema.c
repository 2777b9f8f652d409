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

#define SCHEMA_PATH REFERENCE_DIR "/xsd/presence-all.xsd"

/* Read once, for it takes longer than all documents together. */
static struct {
    xmlSchemaPtr schema;
    bool asked;
} judge;

static void judge_free(void)
{
    xmlSchemaFree(judge.schema);
    xmlSchemaCleanupTypes();
}

/* libxml2 says on stderr which corners of XML Schema it leaves out. */
static void hush(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

static xmlSchemaPtr get_schema(void)
{
    xmlSchemaParserCtxtPtr parser;

    if (judge.asked)
        return judge.schema;
    judge.asked = true;
    xmlSetGenericErrorFunc(NULL, hush);
    if (access(SCHEMA_PATH, R_OK) != 0) {
        printf("skipped: no %s, nothing is judged by schemas\n", SCHEMA_PATH);
        return NULL;
    }
    parser = xmlSchemaNewParserCtxt(SCHEMA_PATH);
    judge.schema = xmlSchemaParse(parser);
    xmlSchemaFreeParserCtxt(parser);
    must(judge.schema != NULL);
    must(atexit(judge_free) == 0);
    return judge.schema;
}

static void print_error(void *context, xmlErrorPtr error)
{
    (void)context;
    printf("schema: %s", error->message);
}

bool schema_accepts(struct span document)
{
    xmlSchemaPtr schema = get_schema();
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

START_TEST(the_schemas_refuse_a_tuple_without_id)
{
    if (get_schema() == NULL)
        return;
    ck_assert(schema_accepts(SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'>"
                                  "<tuple id='a'><status/></tuple></presence>")));
    ck_assert(!schema_accepts(SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'>"
                                   "<tuple><status/></tuple></presence>")));
}
END_TEST

Suite *pidf_schema_suite(void)
{
    Suite *suite = suite_create("pidf/schema");
    TCase *tcase = tcase_create("RFC schemas");

    tcase_add_test(tcase, the_schemas_refuse_a_tuple_without_id);
    suite_add_tcase(suite, tcase);
    return suite;
}
