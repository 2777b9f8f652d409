/* spared.h - peers that lately took no connection: large requests go to them by UDP at once. */
#ifndef TRANSPORT_SPARED_H
#define TRANSPORT_SPARED_H

#include "server/base/clock.h"
#include "server/transport/endpoint.h"

#include <stdbool.h>

enum { SPARED_MAX = 4096 };

/**
 * Each has one place to be remembered in; another one of the same place takes it over, which costs
 * no more than one attempt to connect. Zeroed: nobody.
 */
struct spared {
    struct {
        struct endpoint remote;
        struct instant until;
    } places[SPARED_MAX];
};

/** `remote` took no connection: not again before `until`. */
void spared_add(struct spared *self, const struct endpoint *remote, struct instant until);

bool spared_has(const struct spared *self, const struct endpoint *remote, struct instant now);

#endif
