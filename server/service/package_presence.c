/* presence.c - joins the publications of a resource with the composer of pidf/. */
#include "server/service/presence.h"

#include "server/base/must.h"
#include "server/state/publication.h"

#include <stdlib.h>

enum { SOURCES_MAX = 256 };

struct presence {
    struct event_package package; /* first: the interface */
    struct pidf_composer *composer;
};

static enum status check(const struct event_package *package, struct span document,
                         const char **phrase)
{
    const struct presence *self = (const struct presence *)package;
    struct pidf_fault fault = {0};
    enum status status = pidf_check(self->composer, document, &fault);

    if (status != STATUS_OK)
        *phrase = fault.phrase;
    return status;
}

static void compose_sources(const struct presence *self, const struct resource *resource,
                            const struct pidf_source sources[], size_t count, struct buffer *out)
{
    const struct pidf_view everything = {0};
    char octets[SIP_AOR_BYTES_MAX + 8];
    struct buffer entity;

    buffer_init_fixed(&entity, octets, sizeof(octets));
    buffer_put(&entity, SPAN("sip:"));
    buffer_put(&entity, resource_aor(resource));
    if (pidf_compose(self->composer, buffer_span(&entity), &everything, sources, count, out) !=
            STATUS_OK &&
        count > 0) {
        /* Too much for one NOTIFY: the newest alone says more than nothing. */
        buffer_reset(out);
        compose_sources(self, resource, sources, count > 1 ? 1 : 0, out);
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct pidf_source *left = a;
    const struct pidf_source *right = b;

    return (left->published_at_us < right->published_at_us) -
           (left->published_at_us > right->published_at_us);
}

static void compose(const struct event_package *package, const struct resource *resource,
                    struct buffer *out)
{
    struct publication_view views[SOURCES_MAX];
    struct pidf_source sources[SOURCES_MAX];
    size_t count = publication_views(resource, views, SOURCES_MAX);

    for (size_t i = 0; i < count; i++)
        sources[i] = (struct pidf_source){
            .body = views[i].document,
            .published_at_us = views[i].sequence,
            .hard_state = views[i].hard_state,
        };
    qsort(sources, count, sizeof(sources[0]), newest_first);
    compose_sources((const struct presence *)package, resource, sources, count, out);
}

static void compose_closed(const struct event_package *package, const struct resource *resource,
                           struct buffer *out)
{
    compose_sources((const struct presence *)package, resource, NULL, 0, out);
}

struct event_package *presence_package_new(const struct pidf_limits *limits)
{
    struct presence *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->package = (struct event_package){
        .name = SPAN("presence"),
        .content_type = SPAN("application/pidf+xml"),
        .check = check,
        .compose = compose,
        .compose_closed = compose_closed,
    };
    self->composer = pidf_composer_new(limits);
    return &self->package;
}

void presence_package_free(struct event_package *package)
{
    struct presence *self = (struct presence *)package;

    if (self == NULL)
        return;
    pidf_composer_free(self->composer);
    free(self);
}
