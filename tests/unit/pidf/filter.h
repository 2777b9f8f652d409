/* filter.h - what the suites of filters share: a scope, and reading that must succeed. */
#ifndef UNIT_PIDF_FILTER_H
#define UNIT_PIDF_FILTER_H

#include "pidf/filter/filter.h"
#include "tests/unit/run.h"

#define FILTER_SET(inner)                                                                          \
    "<filter-set xmlns='urn:ietf:params:xml:ns:simple-filter'><ns-bindings>"                       \
    "<ns-binding prefix='p' urn='urn:ietf:params:xml:ns:pidf'/>"                                   \
    "<ns-binding prefix='d' urn='urn:ietf:params:xml:ns:pidf:data-model'/>"                        \
    "<ns-binding prefix='r' urn='urn:ietf:params:xml:ns:pidf:rpid'/>"                              \
    "<ns-binding prefix='e' urn='urn:e'/></ns-bindings>" inner "</filter-set>"

#define FILTER(inner) FILTER_SET("<filter id='1'>" inner "</filter>")

#define INCLUDE(text) "<include>" text "</include>"
#define EXCLUDE(text) "<exclude>" text "</exclude>"
#define WHAT(inner) FILTER("<what>" inner "</what>")

static inline bool same_uri(struct span a, struct span b)
{
    return span_equal(a, b);
}

static inline struct filter_scope scope_of(const char *resource)
{
    return (struct filter_scope){span_of(resource), SPAN("presence"), same_uri};
}

/** Reads `body` over `standing`, which it frees. Prints why not. */
static inline struct simple_filter *read_filter(struct filterer *filterer,
                                                struct simple_filter *standing, const char *body)
{
    const struct filter_scope scope = scope_of("sip:presentity@example.com");
    struct pidf_fault fault = {0};
    struct simple_filter *read = NULL;
    enum filter_verdict verdict =
        simple_filter_update(filterer, &scope, standing, span_of(body), &read, &fault);

    ck_assert_msg(verdict == FILTER_ACCEPTED, "%s: %s", fault.phrase, body);
    simple_filter_free(standing);
    return read;
}

static inline const struct filter_rules *rules_of(const struct simple_filter *filter)
{
    return simple_filter_for(filter, SPAN("sip:presentity@example.com"));
}

#endif
