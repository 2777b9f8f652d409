/* notify.h - who hears what when: owed, at most one outstanding, the newest wins (RFC 6665
 * section 4.2.2). */
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

#include "server/base/metric.h"
#include "server/service/content.h"
#include "server/service/roster.h"
#include "server/state/state.h"
#include "server/transaction/client_transaction.h"

/**
 *     a commit changes what a resource shows  ->  at the end of the turn: compose once, owe all
 *     a commit accepts a SUBSCRIBE            ->  owe that one, whatever it was told before
 *         ->  the window lets it out, in turn  ->  NOTIFY  ->  answered: acknowledged, or owed
 * again
 *
 * A watcher that does not answer costs its own slot and nothing else. No NOTIFY is written to
 * storage; what a crash loses is found again by batch numbers (DESIGN section 4).
 */
struct notify;

struct notify_options {
    uint32_t window_min; /* NOTIFYs outstanding at the least, and at the most: it grows with */
    uint32_t window_max; /* answers and shrinks with retransmissions */
    uint32_t chances;    /* NOTIFYs in a row that may fail before the subscription ends */
    uint32_t retry_min_s;
    uint32_t retry_max_s;
    uint32_t min_rate_interval_min_ms; /* that a watcher's min-rate may ask for (RFC 6446) */
    uint32_t owed_after_s;             /* what is owed for so long is marked in its row */
    size_t document_bytes_max;
    struct roster_options roster;
    size_t udp_bytes_max; /* longer ones go over a connection where there is one */
};

/** Borrows all, and watches the state's resources and subscriptions from here on. */
struct notify *notify_new(struct state *state, struct transactions *transactions,
                          const struct event_packages *packages, struct metrics *metrics,
                          const struct notify_options *options);
/** Takes other windows, chances and pauses from now on. */
void notify_reconfigure(struct notify *self, const struct notify_options *options);
void notify_free(struct notify *self);

/** Everything is loaded: owes what may have been lost, and begins to send. */
void notify_start(struct notify *self);

/** What each subscription sees; lent for the life of `self`. */
const struct content *notify_content(const struct notify *self);

/** True when nothing is outstanding and nothing waits for its turn. */
bool notify_is_idle(const struct notify *self);

#endif
