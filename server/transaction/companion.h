/* companion.h - what goes with an INVITE from hop to hop: the ACK to its refusal, its CANCEL. */
#ifndef TRANSACTION_COMPANION_H
#define TRANSACTION_COMPANION_H

#include "server/base/buffer.h"
#include "server/sip/message.h"

enum { COMPANION_MAX_BYTES = 32 * 1024 };

/** From the INVITE as it was sent and the response that it acknowledges (RFC 3261 17.1.1.3). */
void ack_compose(const struct sip_message *invite, const struct sip_message *response,
                 struct buffer *out);

/** From the INVITE as it was sent, whose branch it bears (RFC 3261 section 9.1). */
void cancel_compose(const struct sip_message *invite, struct buffer *out);

#endif
