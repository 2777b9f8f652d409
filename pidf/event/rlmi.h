/* rlmi.h - the state of many resources in one body (RFC 4662 section 5, RFC 2387). */
#ifndef PIDF_EVENT_RLMI_H
#define PIDF_EVENT_RLMI_H

#include "server/base/buffer.h"
#include "server/base/status.h"

/** RFC 4662 section 5.5. */
enum rlmi_state { RLMI_STATE_PENDING, RLMI_STATE_ACTIVE, RLMI_STATE_TERMINATED };

/**
 * One resource and, if `instance_id` is not empty, its one instance: virtual subscriptions
 * inside of one process do not fork. Nothing known yet is no instance (section 4.5). Spans may
 * hold any octets (see pidf/markup.h), all are borrowed.
 */
struct rlmi_resource {
    struct span uri;
    struct span name;        /* empty: none */
    struct span language;    /* of the name; empty: not known */
    struct span instance_id; /* unique within the resource */
    enum rlmi_state state;
    struct span reason;       /* RFC 6665 section 4.1.3; must be there for TERMINATED */
    struct span body;         /* ACTIVE always has a part of its own, others if this is not empty */
    struct span content_type; /* of the body: a media type, which goes into a header field */
};

/** A whole notification. No `cid` of its own: no package defines what it would aggregate. */
struct rlmi_list {
    struct span uri; /* where the SUBSCRIBE went */
    struct span name;
    struct span language;
    uint32_t version; /* from 0, one more with each NOTIFY of a subscription */
    bool full;        /* every resource of the list is here */
    const struct rlmi_resource *resources;
    size_t count;
    struct span
        token;        /* 8 to 40 letters and digits, new ones for each body, that nobody foresees */
    struct span host; /* a host name; RFC 2392: Content-IDs are unique together with the token */
};

/**
 * Appends a multipart/related body: the RLMI document as its root, then a part for each instance
 * that has state. `content_type` is appended the value of the header field that goes with it. The
 * boundary is made of the token and occurs in no part. Takes time linear in what it writes.
 *
 * STATUS_LIMIT when a buffer overflowed, or when the bodies know the token so well that no
 * boundary could be found; `out` and `content_type` are then as before the call, but for their
 * marks `overflowed`.
 */
MUST_USE enum status rlmi_compose(const struct rlmi_list *list, struct buffer *out,
                                  struct buffer *content_type);

#endif
