/* server_transaction.h - answers a request once, however often it comes (RFC 3261 section 17.2). */
#ifndef TRANSACTION_SERVER_TRANSACTION_H
#define TRANSACTION_SERVER_TRANSACTION_H

#include "server/transaction/transaction.h"

/**
 * Sends a response and keeps it for repeated requests. A dead handle, and a second final response,
 * do nothing (but further 2xx to an INVITE are sent: RFC 6026 section 7.1).
 *
 * status  as in the head
 * head    the whole head with its empty line, and the body too if `body` is NULL; copied
 * body    NULL, or what follows the head; referenced
 *
 * RFC 4320: to other requests than INVITE no provisional response but 100 is sent, that one not
 * over UDP before the client's Timer E has reached T2 (then this layer sends it by itself), and
 * 408 is not sent: the transaction just ends. An INVITE unanswered for 200 ms gets its 100 here
 * too.
 */
void server_transaction_respond(struct transactions *self, struct handle handle, int status,
                                struct span head, struct blob *body);

/** Where the request came from. False when the transaction is over. */
bool server_transaction_flow(const struct transactions *self, struct handle handle,
                             struct flow *out);

/** True until the transaction is over; a final response does not end it at once. */
bool server_transaction_is_alive(const struct transactions *self, struct handle handle);

/** True while a final response can still be given. */
bool server_transaction_is_unanswered(const struct transactions *self, struct handle handle);

#endif
