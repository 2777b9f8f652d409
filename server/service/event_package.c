/* event_package.c - the list of packages. */
#include "server/service/event_package.h"

const struct event_package *event_package_find(const struct event_packages *self, struct span name)
{
    for (size_t i = 0; self->all[i] != NULL; i++)
        if (span_equal(self->all[i]->name, name)) /* case matters: RFC 6665 section 8.2.1 */
            return self->all[i];
    return NULL;
}

static void put_value(struct buffer *out, struct span value, bool first)
{
    if (span_empty(value))
        return;
    if (!first)
        buffer_put(out, SPAN(", "));
    buffer_put(out, value);
}

void event_packages_compose(const struct event_packages *self, struct buffer *out)
{
    for (size_t i = 0; self->all[i] != NULL; i++)
        put_value(out, self->all[i]->name, i == 0);
}

void event_package_formats(const struct event_package *self, struct buffer *out)
{
    for (size_t i = 0; i < EVENT_FORMATS_MAX; i++)
        put_value(out, self->formats[i].content_type, i == 0);
}

void event_package_publishes(const struct event_package *self, struct buffer *out)
{
    for (size_t i = 0; i < EVENT_PUBLISHES_MAX; i++)
        put_value(out, self->publishes[i], i == 0);
}
