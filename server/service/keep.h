/* keep.h - kept messages on their way: to each device once, in order, one at a time (RFC 3428
 * section 8). */
#ifndef SERVICE_KEEP_H
#define SERVICE_KEEP_H

#include "server/base/metric.h"
#include "server/service/target.h"
#include "server/state/state.h"
#include "server/transaction/client_transaction.h"

/**
 *     a message is committed  |  a binding is committed  |  a pause ends
 *         ->  its mailbox has a turn  ->  the window lets it out  ->  MESSAGE to each device that
 * is there and rests not  ->  2xx: the next one  |  not now: the device rests  |  never: the next
 * one
 *
 * That a device has a message is written after its answer and waits for nothing: a crash between
 * the two sends it again, the same request by Call-ID and CSeq, and 482 then says as much as 200.
 */
struct keep;

struct keep_options {
    uint32_t window_max; /* messages on their way at a time */
    uint32_t retry_min_s;
    uint32_t retry_max_s;
    uint32_t attempts_max; /* answered with 500 and the like, then the next message has its turn */
};

/** Borrows all, and watches the state's bindings, devices and messages from here on. */
struct keep *keep_new(struct state *state, struct transactions *transactions,
                      struct metrics *metrics, const struct keep_options *options);
void keep_reconfigure(struct keep *self, const struct keep_options *options);
void keep_free(struct keep *self);

/**
 * Whether the relay of `message` still waits for the answer of `device` over `flow`: it has been
 * sent there, is sent again until it is answered, and shall not come a second time.
 */
typedef bool keep_is_relayed_fn(void *context, const struct message *message, struct handle device,
                                const struct flow *flow);
void keep_on_relays(struct keep *self, keep_is_relayed_fn *fn, void *context);

/** Everything is loaded: begins to send. */
void keep_start(struct keep *self);

/** Begins no more: what is on its way may still be answered. */
void keep_stop(struct keep *self);

/** True when nothing is on its way. */
bool keep_is_idle(const struct keep *self);

/** Whether a message to that AOR has others before it: some wait for a device that is there. */
bool keep_has_before(const struct keep *self, struct span aor);

/** The devices of that AOR that are there have just not answered: they rest. */
void keep_rest(struct keep *self, struct span aor);

/**
 * The device `to` has got `message` by other ways. Does nothing if others are before it: it will be
 * sent again, and known again.
 */
void keep_delivered(struct keep *self, struct message *message, struct handle to);

#endif
