/* presence.h - the event package `presence` (RFC 3856) over PIDF (RFC 3863). */
#ifndef SERVICE_PRESENCE_H
#define SERVICE_PRESENCE_H

#include "pidf/pidf.h"
#include "server/service/event_package.h"

/** Copies `limits`. Free with presence_package_free(). */
struct event_package *presence_package_new(const struct pidf_limits *limits);
void presence_package_free(struct event_package *package);

#endif
