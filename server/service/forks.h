/* forks.h - what the files of a fork share; for fork.c and branch.c alone. */
#ifndef SERVICE_FORKS_H
#define SERVICE_FORKS_H

#include "server/base/table.h"
#include "server/service/best.h"
#include "server/service/fork.h"
#include "server/transaction/client_transaction.h"

struct branch {
    struct fork *fork;
    struct handle handle;
    struct handle transaction;
    struct flow flow;
    int64_t binding;
    struct handle device;
    int64_t timer_c_us; /* when an INVITE that only rings is given up; INT64_MAX: not watched */
    struct flow narrow; /* by UDP, should the connection that a large request wants fail */
    char *narrow_uri;   /* its target then; NULL: there is no other way */
    bool narrowed;      /* it has failed */
    bool open;          /* no final response yet */
};

struct fork {
    struct forks *owner;
    struct table_link link; /* by server transaction, for CANCEL */
    struct table_link in_group;
    uint64_t number; /* in the order of starting */
    struct handle transaction;
    struct flow from;
    struct request_trace trace;
    struct fork_owner vain;
    struct timer timer;
    int64_t patience_us; /* INT64_MAX: nobody is asked before the end */
    int64_t linger_us;   /* INT64_MAX: not lingering */
    char *octets;        /* the request; gone once it is answered */
    size_t len;
    struct best best;
    uint64_t identity; /* which request it is, and where it goes */
    bool temporary;    /* no branch was refused for good */
    bool cancelled;    /* no branch begins anew */
    bool answered;
    bool asked; /* the owner of on_vain() */
    bool taken; /* it has answered */
    uint32_t open;
    uint32_t breadth; /* each branch's */
    uint32_t count;
    struct branch branches[];
};

struct forks {
    struct state *state;
    struct transactions *transactions;
    struct requests *requests;
    struct fork_options options;
    uint64_t bytes;             /* of the requests that are kept */
    struct handle_table *names; /* of branches; a fork goes by its first one's */
    struct table table;
    struct table groups;
    uint64_t last_number;
    bool hurrying; /* in fork_hurry() */
    struct buffer out;
    struct sip_message scratch; /* a request that is kept, parsed again */
    uint64_t *started;
    uint64_t *too_many;
    uint64_t *widened;
};

static inline struct timers *forks_timers(const struct forks *self)
{
    return loop_timers(self->state->node.loop);
}

static inline struct instant forks_now(const struct forks *self)
{
    return loop_now(self->state->node.loop);
}

/* ---- fork.c ---- */

/** The request that is kept, into `scratch`. False when it is not kept any more. */
bool fork_parse_again(const struct fork *fork);

/** A client_transaction_result_fn with the forks as its context. */
void fork_on_result(void *context, struct handle owner, enum client_outcome outcome,
                    const struct sip_message *response);

/* ---- branch.c ---- */

/** Sends `request` to `target`; when that cannot be, the branch has ended. */
void branch_start(struct branch *branch, const struct sip_message *request,
                  const struct routing *routing, const struct target *target);

/** Sends again by UDP what could not go by TCP. False when there is no other way. */
bool branch_start_again(struct branch *branch);

/** It has a final response, or stands for one; `response` may be NULL. 0: of no interest. */
void branch_end(struct branch *branch, int status, const struct sip_message *response);

/** Timer C begins anew. */
void branch_watch_ringing(struct branch *branch);

#endif
