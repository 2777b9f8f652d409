/* notify_head.h - the head of a NOTIFY (RFC 6665 section 4.2.2, RFC 5839, 4662, 6446). */
#ifndef SERVICE_NOTIFY_HEAD_H
#define SERVICE_NOTIFY_HEAD_H

#include "server/service/view.h"
#include "server/sip/rate.h"
#include "server/state/subscription.h"

/** What stands in it; spans are borrowed. */
struct notify_head {
    struct subscription_view view;
    struct span event;
    struct span content_type; /* not written without a body */
    struct span entity_tag;
    char entity_tag_octets[ENTITY_TAG_BYTES];
    struct sip_rates rates; /* of Subscription-State */
    size_t body_bytes;
    uint32_t cseq;
    bool list; /* Require: eventlist (RFC 4662 section 4.4) */
};

/** Composes it into `out`, which is emptied first, for `flow` and with that branch. */
void notify_head_compose(const struct notify_head *self, const struct transport *transport,
                         const struct flow *flow, struct span branch, struct buffer *out);

#endif
