/* transactions.h - what the two machines share; for this folder only. */
#ifndef TRANSACTION_TRANSACTIONS_H
#define TRANSACTION_TRANSACTIONS_H

#include "server/base/list.h"
#include "server/base/pool.h"
#include "server/base/shelf.h"
#include "server/base/table.h"
#include "server/transaction/branch.h"
#include "server/transaction/client_transaction.h"
#include "server/transaction/match.h"
#include "server/transaction/server_transaction.h"

/** One arrow of a machine: next state 0 means that the event is ignored in that state. */
struct arrow {
    uint8_t next;
    uint8_t actions; /* bits of the machine's own enum */
};

/** Counted under this name in struct transaction_counts and in the metrics. */
struct transaction_counters {
    uint64_t *repeated_requests;
    uint64_t *repeated_responses;
    uint64_t *retransmits;
    uint64_t *timeouts;
    uint64_t *strays;
    uint64_t *foreign;
    uint64_t *refused;
    uint64_t *forgotten; /* answered ones that went before their time, at the cap */
    uint64_t *unanswered;
    uint64_t *forbidden; /* responses that RFC 4320 does not let out */
};

struct transactions {
    struct timers *timers;
    struct transaction_sink sink;
    struct transaction_options options;
    struct transaction_counters counters;

    transactions_request_fn *on_request;
    void *on_request_context;
    transactions_failed_fn *on_failure;
    void *on_failure_context;

    struct shelf *shelf; /* octets that are kept */

    struct table server_table; /* by match_key */
    struct match_secret match_secret;
    struct list answered; /* non-INVITE, the oldest first */
    struct handle_table *server_handles;
    struct pool *server_pool;
    uint64_t server_counts[2]; /* [is_invite] */

    struct list clients;
    struct handle_table *client_handles;
    struct pool *client_pool;
    struct mac_key branch_key;
    uint64_t client_counts[2]; /* [is_invite] */

    struct sip_message scratch; /* what is parsed again: quoted by ICMP, or kept for a 100 */
};

/* ---- octets that are kept for sending again ---- */

struct kept {
    char *octets; /* NULL: nothing */
    size_t len;
    struct blob *body;
};

/** Replaces what it holds by a copy of `head` and a reference to `body`. */
void kept_put(struct shelf *shelf, struct kept *self, struct span head, struct blob *body);
void kept_drop(struct shelf *shelf, struct kept *self);

static inline struct span kept_head(const struct kept *self)
{
    return (struct span){self->octets, self->len};
}

/** Sends it; false when that failed for good, so that waiting makes no sense. */
bool transactions_send(struct transactions *self, const struct flow *to, struct span head,
                       struct blob *body);

static inline struct instant transactions_now(const struct transactions *self)
{
    return self->sink.now(self->sink.context);
}

/** 64*T1: timers B, F, H, J, L, M. */
static inline int64_t transactions_give_up_us(const struct transactions *self)
{
    return (int64_t)self->options.timers.t1_ms * TRANSACTION_T1_TIMES * US_PER_MS;
}

/** Parses octets that have been parsed before, or parts of them, into `scratch`. */
void transactions_parse_again(struct transactions *self, struct span octets);

/* ---- server_transaction.c ---- */

void server_transactions_init(struct transactions *self);
void server_transactions_receive(struct transactions *self, struct sip_message *request,
                                 const struct flow *from);

/** The response in `scratch` did not get out. */
void server_transactions_failed(struct transactions *self);
void server_transactions_free(struct transactions *self);

/* ---- client_transaction.c ---- */

void client_transactions_init(struct transactions *self);
void client_transactions_receive(struct transactions *self, const struct sip_message *response);

/** The request with this branch did not get out. */
void client_transactions_failed(struct transactions *self, struct span branch);
void client_transactions_free(struct transactions *self);

#endif
