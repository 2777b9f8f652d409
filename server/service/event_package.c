/* event_package.c - the list of packages. */
#include "server/service/event_package.h"

const struct event_package *event_package_find(const struct event_packages *self, struct span name)
{
    for (size_t i = 0; self->all[i] != NULL; i++)
        if (span_equal(self->all[i]->name, name)) /* case matters: RFC 6665 section 8.2.1 */
            return self->all[i];
    return NULL;
}

void event_packages_compose(const struct event_packages *self, struct buffer *out)
{
    for (size_t i = 0; self->all[i] != NULL; i++) {
        if (i > 0)
            buffer_put(out, SPAN(", "));
        buffer_put(out, self->all[i]->name);
    }
}
