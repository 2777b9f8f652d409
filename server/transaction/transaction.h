/* transaction.h - tells new requests from repeated ones, responses from strays (RFC 3261 section
 * 17).
 */
#ifndef TRANSACTION_TRANSACTION_H
#define TRANSACTION_TRANSACTION_H

#include "server/base/blob.h"
#include "server/base/clock.h"
#include "server/base/handle.h"
#include "server/base/loop.h"
#include "server/base/metric.h"
#include "server/base/timer.h"
#include "server/transaction/timers.h"
#include "server/transport/flow.h"

struct sip_message;
struct sip_via;
struct transport;

/**
 * The walk through this layer:
 *
 *     request   transactions_receive() -> known? the server machine absorbs it, repeating the last
 *               response -> new: transactions_request_fn -> later server_transaction_respond()
 *     response  transactions_receive() -> its own branch names the client transaction -> on_result
 *
 * Every transaction is named by a handle; what is over is not found any more, and doing something
 * with it does nothing. Calls downward never call back before they return.
 */
struct transactions;

/** What lies below: the transport in production, a recorder in tests. Keeps `context`. */
struct transaction_sink {
    void *context;
    struct instant (*now)(void *context);
    /** As transport_send(). */
    enum status (*send)(void *context, const struct flow *to, struct span head, struct blob *body);
    /** As transport_response_flow(). */
    void (*response_flow)(void *context, const struct flow *arrived_on, const struct sip_via *top,
                          struct flow *out);
    /** As transport_refuse(). */
    void (*refuse)(void *context, const struct sip_message *request, const struct flow *arrived_on,
                   int status, struct span phrase, struct span more);
};

/** Zero stands for the default of each. */
struct transaction_options {
    struct transaction_timers timers;
    /**
     * Server transactions at a time; default 1,000,000. One more takes the place of the one that
     * was answered longest ago, and is refused only when all are unanswered or INVITEs.
     */
    uint32_t server_max;
    uint32_t client_max;    /* client transactions at a time; default 1,000,000 */
    uint16_t node;          /* this node's number, which our branches bear */
    uint32_t retry_after_s; /* said when server_max is reached; default 5 */
    /**
     * Forget a non-INVITE client transaction with its final response instead of after Timer K: a
     * repeated response is known by its branch alone, and is dropped either way.
     */
    bool no_timer_k;
};

/** Keeps `sink` (a copy), `timers` and `metrics`. */
struct transactions *transactions_new(struct timers *timers, const struct transaction_sink *sink,
                                      struct metrics *metrics,
                                      const struct transaction_options *options);

/**
 * Over this transport and the clock of its loop: makes the sink, and has the transport deliver
 * messages and failures here. Free before the transport.
 */
struct transactions *transactions_new_over(struct transport *transport, struct loop *loop,
                                           struct metrics *metrics,
                                           const struct transaction_options *options);

/** Ends all transactions without telling anyone. NULL is fine. */
void transactions_free(struct transactions *self);

/* ---- upward ---- */

/**
 * A new request. `request` and `from` are lent until the function returns.
 *
 * transaction  to be answered by server_transaction_respond(); {0} for an ACK, which has no answer
 * meant        for a CANCEL the transaction that it means, of whatever method, or {0} when there is
 *              none (then 481); for an ACK to a 2xx the INVITE's, when it came with the INVITE's
 * own branch; else {0}
 */
typedef void transactions_request_fn(void *context, struct sip_message *request,
                                     const struct flow *from, struct handle transaction,
                                     struct handle meant);
void transactions_on_request(struct transactions *self, transactions_request_fn *fn, void *context);

/** A response could not be sent, or no ACK came: RFC 3261 sections 17.2.1 and 17.2.4. Optional. */
typedef void transactions_failed_fn(void *context, struct handle server_transaction);
void transactions_on_failure(struct transactions *self, transactions_failed_fn *fn, void *context);

/* ---- from below ---- */

/** A message arrived: a transport_receive_fn with the transactions as its context. */
void transactions_receive(void *context, struct sip_message *message, const struct flow *from);

/** A message did not get out: a transport_failed_fn with the transactions as its context. */
void transactions_failed(void *context, const struct flow *to, struct span octets);

/** True when this node made that branch: a request that bears it has been here before. */
bool transactions_made_branch(const struct transactions *self, struct span branch);

/* ---- figures ---- */

struct transaction_counts {
    uint64_t server;             /* alive now */
    uint64_t client;             /* alive now */
    uint64_t repeated_requests;  /* retransmissions received and absorbed */
    uint64_t repeated_responses; /* responses that we sent again */
    uint64_t retransmits;        /* requests that we sent again */
    uint64_t timeouts;           /* client transactions without a final response */
    uint64_t strays;             /* responses that belong to nothing here */
    uint64_t foreign;            /* responses that bear another node's mark */
    uint64_t refused;            /* requests answered with 500 at server_max */
    uint64_t unanswered;         /* server transactions that ended without a final response */
};
struct transaction_counts transactions_counts(const struct transactions *self);

#endif
