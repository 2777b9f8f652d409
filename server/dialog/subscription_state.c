/* subscription_state.c - one table holds every transition. */
#include "server/dialog/subscription_state.h"

#define PENDING SUBSCRIPTION_PENDING
#define ACTIVE SUBSCRIPTION_ACTIVE
#define TERMINATED SUBSCRIPTION_TERMINATED
#define WAITING SUBSCRIPTION_WAITING

/* clang-format off */
static const enum subscription_state next_state[4][6] = {
    /*                ALLOWED     REFUSED     REFRESHED   ENDED       EXPIRED     UNREACHABLE */
    [PENDING]    = {  ACTIVE,     TERMINATED, PENDING,    WAITING,    WAITING,    TERMINATED },
    [ACTIVE]     = {  ACTIVE,     TERMINATED, ACTIVE,     TERMINATED, TERMINATED, TERMINATED },
    [TERMINATED] = {  TERMINATED, TERMINATED, TERMINATED, TERMINATED, TERMINATED, TERMINATED },
    [WAITING]    = {  TERMINATED, TERMINATED, WAITING,    WAITING,    TERMINATED, WAITING },
};
/* clang-format on */

enum subscription_state subscription_state_next(enum subscription_state state,
                                                enum subscription_event event)
{
    return next_state[state][event];
}

const char *subscription_state_name(enum subscription_state state)
{
    switch (state) {
    case SUBSCRIPTION_PENDING:
        return "pending";
    case SUBSCRIPTION_ACTIVE:
        return "active";
    case SUBSCRIPTION_TERMINATED:
    case SUBSCRIPTION_WAITING:
        return "terminated";
    }
    return "?";
}
