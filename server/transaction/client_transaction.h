/* client_transaction.h - sends a request until it is answered or in vain (RFC 3261 section 17.1).
 */
#ifndef TRANSACTION_CLIENT_TRANSACTION_H
#define TRANSACTION_CLIENT_TRANSACTION_H

#include "server/sip/message.h"
#include "server/transaction/transaction.h"

/** "z9hG4bK", version, node, slot and generation, MAC. */
enum { BRANCH_MAX = 48 };

enum client_outcome {
    CLIENT_RESPONSE,         /* provisional or final */
    CLIENT_TIMEOUT,          /* timers B or F: nobody answered; as good as a 408 */
    CLIENT_TRANSPORT_FAILED, /* it could not be sent, or ICMP said so; as good as a 503 */
};

/**
 * What became of a request. Runs for each provisional response, then exactly once with a final
 * response, CLIENT_TIMEOUT or CLIENT_TRANSPORT_FAILED. For INVITE again with each further 2xx
 * (RFC 6026), and with CLIENT_TRANSPORT_FAILED when the ACK to a refusal cannot be sent. `response`
 * is lent until the function returns; NULL without CLIENT_RESPONSE.
 */
typedef void client_transaction_result_fn(void *context, struct handle owner,
                                          enum client_outcome outcome,
                                          const struct sip_message *response);

/** The request was sent again because no answer came in time; `count` is 1 the first time. */
typedef void client_transaction_retransmit_fn(void *context, struct handle owner, unsigned count);

/** Who is told. A plain value, copied. */
struct client_transaction_owner {
    void *context;        /* must outlive all transactions: a module, not one object of it */
    struct handle handle; /* of the object that asked; never looked into here */
    client_transaction_result_fn *on_result;
    client_transaction_retransmit_fn *on_retransmit; /* NULL when nobody cares */
};

/**
 * Makes a transaction and its branch, which goes into the request's top Via (transport_via()).
 * Follow with client_transaction_send() in the same turn, or client_transaction_abandon().
 *
 * STATUS_LIMIT when there are client_max already.
 */
MUST_USE enum status client_transaction_new(struct transactions *self, enum sip_method method,
                                            const struct flow *to,
                                            const struct client_transaction_owner *owner,
                                            struct handle *out, char branch[BRANCH_MAX],
                                            size_t *branch_len);

/**
 * Sends the request and keeps it for retransmission. For INVITE the ACK to a refusal is made and
 * sent here; the ACK to a 2xx is the owner's.
 *
 * head  the whole head with its empty line, and the body too if `body` is NULL; copied
 * body  NULL, or what follows the head; referenced
 */
void client_transaction_send(struct transactions *self, struct handle handle, struct span head,
                             struct blob *body);

/**
 * Cancels an INVITE that has no final response yet: at once, or with its first provisional response
 * (RFC 3261 section 9.1). The owner is told of the INVITE's end as always: mostly a 487, a 2xx that
 * crossed the CANCEL, or CLIENT_TIMEOUT when nothing comes for 64*T1.
 */
void client_transaction_cancel(struct transactions *self, struct handle handle);

/**
 * Who sent the request whose Via bears `branch`, when that is one of `context`'s whose transaction
 * still lives: such a request has been here before (RFC 3261 section 16.3 step 4).
 */
bool client_transaction_owner_of(const struct transactions *self, struct span branch,
                                 const void *context, struct handle *owner);

/** The owner wants to hear no more: retransmissions stop, late answers are dropped. */
void client_transaction_abandon(struct transactions *self, struct handle handle);

#endif
