/* packages.c - the list; a new package gets its line here. */
#include "server/service/packages.h"

#include <stdlib.h>

void package_compose_nothing(const struct event_package *self, const struct resource *resource,
                             const struct view_key *key, struct parts *out)
{
    (void)self;
    (void)resource;
    (void)key;
    (void)out;
}

void package_end_plain(struct event_package *self)
{
    free(self);
}

struct span package_uri(struct span aor, char octets[ENTITY_BYTES])
{
    struct buffer uri;

    buffer_init_fixed(&uri, octets, ENTITY_BYTES);
    buffer_put(&uri, SPAN("sip:"));
    buffer_put(&uri, aor);
    return buffer_span(&uri);
}

struct span package_entity(const struct resource *resource, char octets[ENTITY_BYTES])
{
    return package_uri(resource_aor(resource), octets);
}

void packages_make(struct event_packages *out, const struct state *state,
                   const struct pidf_limits *limits)
{
    const struct event_package *presence = package_presence_new(state, limits);
    const struct event_package *dialog = package_dialog_new(state, limits);

    *out = (struct event_packages){{
        presence,
        package_watcherinfo_new(state, presence),
        dialog,
        package_watcherinfo_new(state, dialog),
        package_message_summary_new(state),
        package_reg_new(state),
    }};
}

void packages_free(struct event_packages *self)
{
    for (size_t i = 0; self->all[i] != NULL; i++)
        self->all[i]->end((struct event_package *)self->all[i]);
}
