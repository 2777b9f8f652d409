/* limits.h - what a document may cost, and why one was refused. */
#ifndef PIDF_XML_LIMITS_H
#define PIDF_XML_LIMITS_H

#include <stddef.h>

/** What one published document may cost. Every limit is explicit. */
struct pidf_limits {
    size_t bytes;      /* of the body as received */
    size_t depth;      /* of nested elements; the root is at depth 1 */
    size_t elements;   /* in one document */
    size_t attributes; /* of one element, namespace declarations included */
    size_t namespaces; /* in one document, beside those of RFC 3863, 4479 to 4482 and 5196 */
};

/** 64 kB, 32 deep, 2000 elements, 64 attributes, 32 namespaces: far above what clients send. */
extern const struct pidf_limits pidf_limits_default;

/** Why a document was refused. */
struct pidf_fault {
    const char *phrase; /* constant text, made to be a reason phrase: "Malformed XML" */
    unsigned line;      /* where it was seen, from 1; 0 when no line can be named */
};

#endif
