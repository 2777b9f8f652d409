/* event_package.h - what differs from event package to event package (RFC 6665 section 5.4). */
#ifndef SERVICE_EVENT_PACKAGE_H
#define SERVICE_EVENT_PACKAGE_H

#include "server/base/buffer.h"
#include "server/base/status.h"
#include "server/state/resource.h"

struct event_package;

/** The small interface: a new package is one new file that fills one of these. */
struct event_package {
    struct span name;         /* as in Event: "presence" */
    struct span content_type; /* of NOTIFYs, and the default of Accept: "application/pidf+xml" */

    /**
     * Judges what is published. STATUS_MALFORMED: 400 with `phrase`; STATUS_LIMIT: 413.
     * NULL: nothing can be published for this package (then PUBLISH gets 489).
     */
    enum status (*check)(const struct event_package *self, struct span document,
                         const char **phrase);

    /** Composes what the resource shows now, from committed publications alone. */
    void (*compose)(const struct event_package *self, const struct resource *resource,
                    struct buffer *out);

    /** What a watcher sees who is not, or not yet, allowed: says nothing of the presentity. */
    void (*compose_closed)(const struct event_package *self, const struct resource *resource,
                           struct buffer *out);
};

/** All packages of this server; the last one is NULL. */
struct event_packages {
    const struct event_package *all[8];
};

/** The package of that name, or NULL: 489. */
const struct event_package *event_package_find(const struct event_packages *self, struct span name);

/** "Allow-Events: presence" as a value. */
void event_packages_compose(const struct event_packages *self, struct buffer *out);

#endif
