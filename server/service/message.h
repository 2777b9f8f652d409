/* message.h - MESSAGE: relayed to the devices that are there, or kept for them (RFC 3428). */
#ifndef SERVICE_MESSAGE_H
#define SERVICE_MESSAGE_H

#include "server/service/fork.h"
#include "server/service/keep.h"
#include "server/service/late.h"

/**
 *     message_receive()  ->  a repeat of what is kept?               ->  202 again
 *                        ->  nobody there, or others are before it   ->  kept, 202   <- commit
 *                        ->  fork_start(): a device takes it         ->  its 2xx
 *                                          none within keep_after_ms ->  kept, 202   <- commit
 *
 * Kept is what its domain keeps, but never what is of the moment alone: `isComposing` (RFC 3994)
 * and Expires: 0. keep.c delivers it.
 */
struct message_service {
    struct state *state;
    struct forks *forks;
    struct keep *keep;
    struct lates *lates;
    uint32_t keep_after_ms;
    uint32_t keep_max_s;
    uint32_t body_bytes_max; /* of what SQL sends */
    uint64_t *kept;
    uint64_t *repeated;
};

/** Filled in: tells keep.c what is under way already. */
void message_service_start(struct message_service *self);

/**
 * Takes over a MESSAGE to `aor`, canonical, an account of `routing->domain`; syntax, Route, sender
 * and account are found good.
 */
void message_receive(struct message_service *self, struct request *request,
                     const struct routing *routing, struct span aor);

/** Keeps what SQL has sent. NULL, or what is wrong with it. */
const char *message_send(struct message_service *self, const struct command_row *row);

#endif
