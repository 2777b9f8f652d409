/* spared.c - a peer can choose its place, and so only its own attempts: no secret is needed. */
#include "server/transport/spared.h"

static size_t place_of(const struct endpoint *remote)
{
    const unsigned char *octets = (const unsigned char *)remote;
    uint32_t hash = 2166136261; /* FNV-1a */

    for (size_t i = 0; i < sizeof(*remote); i++)
        hash = (hash ^ octets[i]) * 16777619;
    return (hash ^ hash >> 15) % SPARED_MAX;
}

void spared_add(struct spared *self, const struct endpoint *remote, struct instant until)
{
    const size_t place = place_of(remote);

    self->places[place].remote = *remote;
    self->places[place].until = until;
}

bool spared_has(const struct spared *self, const struct endpoint *remote, struct instant now)
{
    const size_t place = place_of(remote);

    return endpoint_equal(&self->places[place].remote, remote) &&
           !instant_reached(now, self->places[place].until);
}
