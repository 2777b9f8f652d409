/* command.h - what administrators do by SQL to hot state, carried out as SIP would (DESIGN section
 * 6). */
#ifndef SERVICE_COMMAND_H
#define SERVICE_COMMAND_H

#include "server/service/event_package.h"
#include "server/service/message.h"
#include "server/state/state.h"

/** Filled in by server.c; borrows all for the life of the process. */
struct commands {
    struct state *state;
    const struct event_packages *packages;
    struct message_service *messages;
};

/**
 * Stages the effect of one command, and takes it out of its table in the same batch. One whose
 * target is gone has none; one that is malformed is logged, and taken out too.
 */
void command_receive(struct commands *self, const struct command_row *row);

#endif
