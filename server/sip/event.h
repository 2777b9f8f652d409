/* event.h - Event and Subscription-State values (RFC 6665 section 8.2). */
#ifndef SIP_EVENT_H
#define SIP_EVENT_H

#include "server/base/buffer.h"
#include "server/sip/parameter.h"

/** `presence.winfo;id=7`: the package is compared octet by octet, case matters (section 8.2.1). */
struct sip_event {
    struct span package; /* with its template, e.g. "presence.winfo" */
    struct span id;      /* empty when absent */
    struct span params;  /* all of them, from the first ';' */
    bool has_id;
};

MUST_USE enum status sip_event_parse(struct span value, struct sip_event *out);

/** Same package and same id, or both without one (RFC 6665 section 4.5.1). */
bool sip_event_equal(const struct sip_event *a, const struct sip_event *b);

/** `active;expires=3599`, `terminated;reason=timeout;retry-after=60`. */
struct sip_subscription_state {
    struct span state; /* "active", "pending", "terminated" or an extension; compare without case */
    struct span reason;    /* empty when absent */
    int64_t expires_s;     /* -1 when absent */
    int64_t retry_after_s; /* -1 when absent */
};

MUST_USE enum status sip_subscription_state_parse(struct span value,
                                                  struct sip_subscription_state *out);

/** The value alone, without the header name and CRLF; what is absent is left out. */
void sip_subscription_state_compose(struct buffer *buffer,
                                    const struct sip_subscription_state *state);

#endif
