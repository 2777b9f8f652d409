/* ways.h - which device a binding belongs to, and by which of its bindings it is reached. */
#ifndef SERVICE_WAYS_H
#define SERVICE_WAYS_H

#include "server/service/target.h"

/** The way to one device. */
struct way {
    struct device *device;
    struct target target;
    uint32_t expires_s; /* of the binding */
};

struct ways {
    const struct state *state;
    const struct mailbox *mailbox;
    bool (*has_failed)(struct device *device, int64_t binding);
    struct way at[TARGETS_MAX];
    size_t count;
};

/**
 * The devices of a mailbox that are there, each once: by the binding that leads somewhere and was
 * refreshed last, but by another one when `has_failed` says so of that.
 */
void ways_find(const struct state *state, const struct mailbox *mailbox,
               bool (*has_failed)(struct device *device, int64_t binding), struct ways *out);

/** The device that a committed binding is of, or NULL. */
struct device *ways_device_of(const struct mailbox *mailbox, const struct binding *binding);

/** Notes whose the targets are: their bindings may end before they answer. */
void ways_name_devices(const struct state *state, struct span aor, struct target targets[],
                       size_t count);

#endif
