/* ack.h - the ACK to an INVITE's refusal (RFC 3261 section 17.1.1.3). */
#ifndef TRANSACTION_ACK_H
#define TRANSACTION_ACK_H

#include "server/base/buffer.h"
#include "server/sip/message.h"

enum { ACK_MAX_BYTES = 32 * 1024 };

/** Composes it from the INVITE as it was sent and the response that it acknowledges. */
void ack_compose(const struct sip_message *invite, const struct sip_message *response,
                 struct buffer *out);

#endif
