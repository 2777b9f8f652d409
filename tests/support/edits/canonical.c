/* canonical.c - libxml2's own tree and its own Canonical XML, not those of pidf/. */
#include "tests/support/edits/canonical.h"

#include "server/base/must.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>

/* NULL when there is none: Canonical XML 1.0 section 1.3 wants namespace URIs to be absolute. */
static xmlChar *canonical(struct span document)
{
    xmlDocPtr tree = xmlReadMemory(document.at, (int)document.len, NULL, NULL, XML_PARSE_NONET);
    xmlChar *form = NULL;

    must(tree != NULL);
    if (xmlC14NDocDumpMemory(tree, NULL, XML_C14N_1_0, NULL, 1, &form) < 0)
        form = NULL;
    xmlFreeDoc(tree);
    return form;
}

bool canonical_equal(struct span a, struct span b)
{
    xmlChar *form_a = canonical(a), *form_b = canonical(b);
    bool equal = xmlStrEqual(form_a, form_b);

    xmlFree(form_a);
    xmlFree(form_b);
    return equal;
}
