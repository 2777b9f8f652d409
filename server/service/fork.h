/* fork.h - a request on its way to several targets, and the one answer that comes of it (RFC 3261
 * sections 16.6 to 16.10): the proxy's response context. */
#ifndef SERVICE_FORK_H
#define SERVICE_FORK_H

#include "server/service/request.h"
#include "server/service/routing.h"
#include "server/service/target.h"

/**
 *     fork_start()  ->  a branch per target: a client transaction each
 *         ->  1xx     ->  passed back (INVITE)
 *         ->  2xx     ->  passed back at once; the other branches of an INVITE are cancelled
 *         ->  others  ->  the best is kept until all branches have ended, then passed back
 *     fork_cancel(): CANCEL; Timer C: a branch that rings for ever; both end it by a 487 or 408
 *
 * Bodies and all header fields that a proxy need not touch pass octet by octet (sip/forward.h).
 */
struct forks;

struct fork_options {
    uint32_t forks_max;   /* at a time; more get 500 with Retry-After */
    uint64_t bytes_max;   /* of all requests that are not answered yet; likewise */
    uint32_t timer_c_s;   /* section 16.6 step 11: more than 180 */
    uint32_t linger_ms;   /* how long an INVITE's further 2xx still find their way: 64*T1 */
    uint32_t max_breadth; /* RFC 5393 section 5.3.3.1, for requests that do not say */
};

/** Borrows all. */
struct forks *forks_new(struct state *state, struct transactions *transactions,
                        struct requests *requests, struct metrics *metrics,
                        const struct fork_options *options);
void forks_reconfigure(struct forks *self, const struct fork_options *options);
void forks_free(struct forks *self);

/** How many are not answered yet. Looks at each: for a server that stops. */
size_t forks_unanswered(struct forks *self);

/** Ends what is under way: owners are asked now, INVITEs that ring are cancelled. */
void forks_drain(struct forks *self);

/** Who wants a say before a request is refused. A plain value, copied; zeroed: nobody. */
struct fork_owner {
    void *context;       /* lives as long as the process */
    uint64_t group;      /* of those whose order matters; 0: none */
    int64_t patience_us; /* without a 2xx for so long, on_vain() runs though branches are open; 0:
                            only when all have ended */
    /**
     * No 2xx. `request` stands for the same server transaction anew; its message is lent until
     * the function returns. True: the owner has ended it, or holds it; the fork says no more.
     * False: the best response goes back (never before all branches have ended).
     *
     * best       status of the best response so far, 408 when there is none
     * temporary  every branch that ended failed by 408, 430, 480, 5xx or its flow
     */
    bool (*on_vain)(void *context, struct handle fork, struct request *request, int best,
                    bool temporary);
    /** After on_vain() took over: the device of a target has answered 2xx after all. */
    void (*on_late_success)(void *context, struct handle fork, struct handle device);
};

/**
 * Takes over `request` and sends it to `targets` (at least one), in parallel. `routing` as read of
 * its message. `owner` may be NULL.
 */
void fork_start(struct forks *self, struct request *request, const struct routing *routing,
                const struct target targets[], size_t count, const struct fork_owner *owner);

/**
 * After on_vain() took over: whether a branch to `device` still waits for its answer, over `flow`.
 * Those that wait over another flow, which the device has left, are given up.
 */
bool fork_still_tries(struct forks *self, struct handle fork, struct handle device,
                      const struct flow *flow);

/**
 * Asks the owners of all others of that fork's group that still wait, the oldest first: what one of
 * them has become, those behind it become too. Calls on_vain() before it returns.
 */
void fork_hurry(struct forks *self, struct handle fork);

/** Cancels what was forked of that server transaction, if it is an INVITE's that has no final
 * answer. */
void fork_cancel(struct forks *self, struct handle transaction);

/**
 * True when `request` has looped: one of its Via is of a branch that still waits, of the same
 * request to the same place (section 16.3 step 4, RFC 5393 section 4.2). Another place is a
 * spiral, which is none.
 */
bool fork_has_looped(struct forks *self, const struct sip_message *request);

#endif
