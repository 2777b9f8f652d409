/* best.h - which of several refusals goes back to the client (RFC 3261 section 16.7 steps 6, 7). */
#ifndef SERVICE_BEST_H
#define SERVICE_BEST_H

#include "server/base/buffer.h"
#include "server/sip/message.h"

/** The best final response so far, as it would go back. Zeroed: none yet. */
struct best {
    int status;   /* 0: none */
    char *octets; /* NULL for what no device said: a time-out, a flow that failed */
    size_t len;
    char *challenges; /* header lines of further 401 and 407 */
    size_t challenges_len;
};

void best_deinit(struct best *self);

/** Judges a refusal that came, or with `response` NULL one that stands for silence. Copies. */
void best_consider(struct best *self, int status, const struct sip_message *response);

/**
 * The whole response: with the challenges of all that asked for credentials, and a 503 as a 500,
 * since it speaks of a device and not of us. False when no device said it.
 */
bool best_compose(const struct best *self, struct buffer *out);

/** The status that it goes back with. */
int best_status(const struct best *self);

#endif
