/* subscription_state.h - the notifier's side of one subscription (RFC 6665 section 4.1.2, RFC
 * 3857 section 4.7.1). */
#ifndef DIALOG_SUBSCRIPTION_STATE_H
#define DIALOG_SUBSCRIPTION_STATE_H

#include <stdbool.h>

/** Values of the Subscription-State header field (RFC 6665 section 8.2.3). */
enum subscription_state {
    SUBSCRIPTION_PENDING,    /* the presentity has not decided yet; NOTIFYs carry no presence */
    SUBSCRIPTION_ACTIVE,     /* the watcher is allowed to see the presentity */
    SUBSCRIPTION_TERMINATED, /* final; goes with the answer to its last NOTIFY */
    SUBSCRIPTION_WAITING,    /* ended while pending: only the presentity sees it, in its watcher
                                information, until it decides (RFC 3857 section 4.7.1) */
};

/** Everything that can happen to a subscription. */
enum subscription_event {
    SUBSCRIPTION_ALLOWED,     /* the presentity's rules say yes */
    SUBSCRIPTION_REFUSED,     /* the rules say no, or no longer */
    SUBSCRIPTION_REFRESHED,   /* SUBSCRIBE in the dialog, Expires > 0 */
    SUBSCRIPTION_ENDED,       /* SUBSCRIBE in the dialog, Expires: 0 */
    SUBSCRIPTION_EXPIRED,     /* its time passed without a refresh, or, while it waited, without the
                                 presentity's word */
    SUBSCRIPTION_UNREACHABLE, /* a NOTIFY got 481 or its like, or no answer too often */
};

/**
 * The state after an event: the only table of transitions. Nothing leaves TERMINATED, so that
 * callers need not check for lateness first. Sending the NOTIFY that RFC 6665 section 4.2.2
 * asks for is the caller's next line.
 */
enum subscription_state subscription_state_next(enum subscription_state state,
                                                enum subscription_event event);

/** For the watcher it is over: its NOTIFYs say `terminated`. */
static inline bool subscription_is_over(enum subscription_state state)
{
    return state == SUBSCRIPTION_TERMINATED || state == SUBSCRIPTION_WAITING;
}

/** The header field's token: "pending", "active" or "terminated"; for the watcher, what waits is
 * over. */
const char *subscription_state_name(enum subscription_state state);

#endif
