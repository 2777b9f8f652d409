/* package_dialog.c - the event package `dialog` (RFC 4235): busy lamps, out of publications. */
#include "server/service/packages.h"

#include "pidf/dialog/dialog_info.h"
#include "server/base/must.h"

#include <stdlib.h>

enum {
    SOURCES_MAX = 256,
    DIALECT_SINGLE = 1,  /* presence.dialect.single_dialog */
    DIALECT_DISPLAY = 2, /* presence.dialect.display */
};

struct dialog_package {
    struct event_package package; /* first: the interface */
    struct dialog_info_composer *composer;
};

static const struct dialog_package *of(const struct event_package *package)
{
    return (const struct dialog_package *)package;
}

static enum status check(const struct event_package *package, struct span content_type,
                         struct span body, struct span before, struct buffer *out,
                         const char **phrase)
{
    struct pidf_fault fault = {0};
    const enum status status = dialog_info_check(of(package)->composer, body, &fault);

    (void)content_type;
    (void)before;
    (void)out;
    if (status != STATUS_OK)
        *phrase = fault.phrase;
    return status;
}

/* Who may not see everything of a person's presence is told of its calls that there are some. */
static unsigned view_of(const struct view_key *key)
{
    unsigned view = 0;

    if (key->hidden != 0)
        view |= DIALOG_INFO_BASIC_ONLY;
    if ((key->dialect & DIALECT_SINGLE) != 0)
        view |= DIALOG_INFO_SINGLE;
    if ((key->dialect & DIALECT_DISPLAY) != 0)
        view |= DIALOG_INFO_DISPLAY;
    return view;
}

static void compose(const struct event_package *package, const struct resource *resource,
                    const struct view_key *key, struct parts *out)
{
    struct publication_view views[SOURCES_MAX];
    struct dialog_info_source sources[SOURCES_MAX];
    const size_t count = publication_views(resource, views, SOURCES_MAX);

    for (size_t i = 0; i < count; i++)
        sources[i] = (struct dialog_info_source){
            .body = views[i].document,
            .publication = views[i].id,
            .sequence = views[i].sequence,
            .hard_state = views[i].hard_state,
        };
    dialog_info_compose(of(package)->composer, view_of(key), sources, count, out);
}

static void wrap(const struct event_package *package, const struct event_document *document,
                 struct buffer *out)
{
    char octets[ENTITY_BYTES];

    (void)package;
    dialog_info_wrap(package_entity(document->resource, octets), document->number, document->full,
                     document->parts, document->count, out);
}

static void end_part(const struct event_package *package, struct span octets, bool expired,
                     struct buffer *out)
{
    (void)package;
    (void)expired;
    dialog_info_end(octets, out);
}

static void end(struct event_package *package)
{
    struct dialog_package *self = (struct dialog_package *)package;

    dialog_info_composer_free(self->composer);
    free(self);
}

struct event_package *package_dialog_new(const struct state *state,
                                         const struct pidf_limits *limits)
{
    struct dialog_package *self = calloc(1, sizeof(*self));

    must(self != NULL);
    (void)state;
    self->composer = dialog_info_composer_new(limits);
    dialog_info_composer_remember(self->composer);
    self->package = (struct event_package){
        .name = SPAN("dialog"),
        .audience = AUDIENCE_BY_RULES,
        .formats = {{.content_type = SPAN("application/dialog-info+xml")}},
        .publishes = {SPAN("application/dialog-info+xml")},
        .check = check,
        .compose = compose,
        .compose_closed = package_compose_nothing,
        .wrap = wrap,
        .end_part = end_part,
        .end = end,
    };
    return &self->package;
}
