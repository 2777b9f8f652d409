/* target.h - where a request goes next: the Request-URI, the routes before it, the first hop. */
#ifndef SERVICE_TARGET_H
#define SERVICE_TARGET_H

#include "server/state/state.h"

/** Spans are lent by the binding, or by whom the URI came from. */
struct target {
    struct span uri;      /* becomes the Request-URI */
    struct span route;    /* values of Path to go by, first hop first (RFC 3327); mostly empty */
    struct flow flow;     /* to the first hop */
    int64_t binding;      /* its id; 0: a URI that no device registered */
    bool bound;           /* only `flow` leads there: later requests of the dialog need it too */
    struct handle device; /* who is meant (state/device.h), where that matters; else {0} */
};

/** More than one AOR may have is not forked to. */
enum { TARGETS_MAX = 128 };

/**
 * What a committed binding leads to. False when its flow is gone, or its Contact leads nowhere: the
 * device is no target until it registers again.
 */
bool target_of_binding(const struct state *state, const struct binding *binding,
                       struct target *out);

/** All live bindings of `aor`, at most TARGETS_MAX; returns their number. */
size_t targets_of_aor(const struct state *state, struct span aor, struct target out[TARGETS_MAX]);

/**
 * A device behind a NAT names an address in its only Via that is not where its request came from,
 * and one that holds a connection is reached over that: its Contact may not be.
 */
bool target_is_nated(const struct sip_message *request, const struct flow *from);

/** The same for a Contact that it registers, unless that is some other place's. */
bool target_is_bound(const struct sip_message *request, const struct flow *from,
                     struct span contact);

#endif
