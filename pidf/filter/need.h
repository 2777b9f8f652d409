/* need.h - what the schemas require of an element, where a filter would leave it out. */
#ifndef PIDF_FILTER_NEED_H
#define PIDF_FILTER_NEED_H

#include "server/base/span.h"

/**
 * A filtered document is a part of a valid one, so order and repetition are right already: what
 * can be missing is attributes and children that must be there. That is far less than what
 * schema.h says of elements, and holds for namespaces that we only write, never read.
 */
struct need {
    const char *uri;
    const char *parent; /* only inside of that; NULL: anywhere */
    const char *local;
    const char *attributes; /* required, a blank between; NULL: none */
    const char *children;   /* required, of the same namespace, a blank between; NULL: none */
    const char *but;        /* at least one child must stand that is not this; NULL: need not */
};

/** What an element needs; NULL: nothing. `parent` is its parent's local name, NULL for the root. */
const struct need *need_of(const char *uri, const char *parent, const char *local);

/**
 * Whether we have the schema of a namespace. Of any other an attribute may be required, for all
 * that we know.
 */
bool need_knows(const char *uri);

#endif
