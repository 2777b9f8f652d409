/* client_transaction.c - the two client machines: RFC 3261 figures 5 (as in RFC 6026) and 6. */
#include "server/transaction/client_transaction.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/transaction/companion.h"
#include "server/transaction/transactions.h"

#include <stdlib.h>

/* INVITE begins in CALLING, the others in TRYING; ACCEPTED is INVITE's. */
enum client_state {
    CLIENT_NONE,
    CLIENT_CALLING,
    CLIENT_TRYING,
    CLIENT_PROCEEDING,
    CLIENT_COMPLETED,
    CLIENT_ACCEPTED,
    CLIENT_TERMINATED,
    CLIENT_STATES,
};

enum client_event {
    CLIENT_PROVISIONAL, /* 1xx */
    CLIENT_SUCCESS,     /* 2xx */
    CLIENT_REFUSAL,     /* 300-699 */
    CLIENT_RESEND,      /* timers A, E */
    CLIENT_GIVE_UP,     /* timers B, F */
    CLIENT_END,         /* timers D, K, M */
    CLIENT_ERROR,       /* the transport failed */
    CLIENT_EVENTS,
};

enum client_action {
    TELL = 1, /* the response */
    TELL_TIMEOUT = 2,
    TELL_ERROR = 4,
    SEND_AGAIN = 8,
    MAKE_ACK = 16, /* it takes the place of the request */
    SEND_ACK = 32,
    STOP_TIMER = 64,
    START_TIMER = 128, /* the one of the state that is entered; what was kept is not needed */
};

struct client_transaction {
    struct timer timer;
    struct list link; /* among all, for the end of the process only */
    struct transactions *layer;
    struct handle handle;
    struct handle cancel; /* an INVITE's CANCEL: a transaction with the same branch */
    struct client_transaction_owner owner;
    struct kept kept; /* the request, then perhaps its ACK */
    struct flow to;
    int64_t deadline_us;  /* when the state ends; the timer may run earlier, to resend */
    uint32_t interval_ms; /* of timers A, E */
    uint16_t resent;
    uint8_t state;
    uint8_t method;  /* enum sip_method */
    bool has_failed; /* the timer brings CLIENT_ERROR */
    bool ends_at_deadline;
    bool is_abandoned;
    bool is_cancelled; /* the CANCEL is sent, or will be with the first provisional response */
};

/* clang-format off */

/* RFC 3261 figure 5 as changed by RFC 6026 figure 3. */
static const struct arrow invite_arrows[CLIENT_STATES][CLIENT_EVENTS] = {
    [CLIENT_CALLING] = {
        [CLIENT_PROVISIONAL] = {CLIENT_PROCEEDING, TELL | STOP_TIMER},
        [CLIENT_SUCCESS]     = {CLIENT_ACCEPTED,   TELL | START_TIMER},
        [CLIENT_REFUSAL]     = {CLIENT_COMPLETED,  TELL | START_TIMER | MAKE_ACK | SEND_ACK},
        [CLIENT_RESEND]      = {CLIENT_CALLING,    SEND_AGAIN},
        [CLIENT_GIVE_UP]     = {CLIENT_TERMINATED, TELL_TIMEOUT},
        [CLIENT_ERROR]       = {CLIENT_TERMINATED, TELL_ERROR},
    },
    [CLIENT_PROCEEDING] = {
        [CLIENT_PROVISIONAL] = {CLIENT_PROCEEDING, TELL},
        [CLIENT_SUCCESS]     = {CLIENT_ACCEPTED,   TELL | START_TIMER},
        [CLIENT_REFUSAL]     = {CLIENT_COMPLETED,  TELL | START_TIMER | MAKE_ACK | SEND_ACK},
        [CLIENT_GIVE_UP]     = {CLIENT_TERMINATED, TELL_TIMEOUT}, /* cancelled or abandoned */
    },
    [CLIENT_COMPLETED] = {
        [CLIENT_REFUSAL]     = {CLIENT_COMPLETED,  SEND_ACK},
        [CLIENT_END]         = {CLIENT_TERMINATED, 0},
        [CLIENT_ERROR]       = {CLIENT_TERMINATED, TELL_ERROR},
    },
    [CLIENT_ACCEPTED] = {
        [CLIENT_SUCCESS]     = {CLIENT_ACCEPTED,   TELL},
        [CLIENT_END]         = {CLIENT_TERMINATED, 0},
    },
};

/* RFC 3261 figure 6. */
static const struct arrow other_arrows[CLIENT_STATES][CLIENT_EVENTS] = {
    [CLIENT_TRYING] = {
        [CLIENT_PROVISIONAL] = {CLIENT_PROCEEDING, TELL},
        [CLIENT_SUCCESS]     = {CLIENT_COMPLETED,  TELL | START_TIMER},
        [CLIENT_REFUSAL]     = {CLIENT_COMPLETED,  TELL | START_TIMER},
        [CLIENT_RESEND]      = {CLIENT_TRYING,     SEND_AGAIN},
        [CLIENT_GIVE_UP]     = {CLIENT_TERMINATED, TELL_TIMEOUT},
        [CLIENT_ERROR]       = {CLIENT_TERMINATED, TELL_ERROR},
    },
    [CLIENT_PROCEEDING] = {
        [CLIENT_PROVISIONAL] = {CLIENT_PROCEEDING, TELL},
        [CLIENT_SUCCESS]     = {CLIENT_COMPLETED,  TELL | START_TIMER},
        [CLIENT_REFUSAL]     = {CLIENT_COMPLETED,  TELL | START_TIMER},
        [CLIENT_RESEND]      = {CLIENT_PROCEEDING, SEND_AGAIN},
        [CLIENT_GIVE_UP]     = {CLIENT_TERMINATED, TELL_TIMEOUT},
        [CLIENT_ERROR]       = {CLIENT_TERMINATED, TELL_ERROR},
    },
    [CLIENT_COMPLETED] = {
        [CLIENT_PROVISIONAL] = {CLIENT_COMPLETED,  0},
        [CLIENT_SUCCESS]     = {CLIENT_COMPLETED,  0},
        [CLIENT_REFUSAL]     = {CLIENT_COMPLETED,  0},
        [CLIENT_END]         = {CLIENT_TERMINATED, 0},
    },
};

/* clang-format on */

static void on_timer(struct timer *timer, struct instant now);

static struct client_transaction *client_find(const struct transactions *self, struct handle handle)
{
    return handle_find(self->client_handles, handle);
}

static bool is_invite(const struct client_transaction *it)
{
    return it->method == SIP_INVITE;
}

static void destroy(struct transactions *self, struct client_transaction *it)
{
    struct client_transaction *cancel = client_find(self, it->cancel);

    if (cancel != NULL) /* its answer could not be told from the INVITE's any more */
        destroy(self, cancel);
    timer_stop(self->timers, &it->timer);
    list_remove(&it->link);
    handle_remove(self->client_handles, it->handle);
    kept_drop(self->shelf, &it->kept);
    self->client_counts[is_invite(it)]--;
    pool_free_slot(self->client_pool, it);
}

/* ---- timers ---- */

/* One timer for two: it runs at the deadline, or at the next repetition when that is before. */
static void start_timer(struct transactions *self, struct client_transaction *it,
                        struct instant now)
{
    int64_t next_us = it->deadline_us;

    it->ends_at_deadline = true;
    if (it->interval_ms != 0 && now.us + it->interval_ms * US_PER_MS < next_us) {
        next_us = now.us + it->interval_ms * US_PER_MS;
        it->ends_at_deadline = false;
    }
    timer_start(self->timers, &it->timer, (struct instant){next_us}, on_timer);
}

/* How long an answered transaction stays to recognise repeated answers: timers D, K, M. */
static int64_t linger_us(const struct transactions *self, const struct client_transaction *it)
{
    if (it->state == CLIENT_ACCEPTED)
        return transactions_give_up_us(self); /* M, whatever the transport */
    if (flow_is_reliable(&it->to))
        return 0;
    if (is_invite(it))
        return (int64_t)self->options.timers.timer_d_ms * US_PER_MS;
    return self->options.no_timer_k ? 0 : (int64_t)self->options.timers.t4_ms * US_PER_MS;
}

static uint32_t next_interval_ms(const struct transactions *self,
                                 const struct client_transaction *it)
{
    uint32_t t2_ms = self->options.timers.t2_ms;
    uint32_t doubled = it->interval_ms < UINT32_MAX / 2 ? 2 * it->interval_ms : UINT32_MAX;

    if (it->state == CLIENT_CALLING)
        return doubled; /* A */
    if (it->state == CLIENT_PROCEEDING)
        return t2_ms;                         /* E, after a provisional response */
    return doubled < t2_ms ? doubled : t2_ms; /* E */
}

/* ---- the machine ---- */

static void send(struct transactions *self, struct client_transaction *it)
{
    if (transactions_send(self, &it->to, kept_head(&it->kept), it->kept.body))
        return;
    it->has_failed = true; /* told from the timer: never inside the call that sent it */
    timer_start(self->timers, &it->timer, transactions_now(self), on_timer);
}

static void tell(const struct client_transaction_owner *owner, enum client_outcome outcome,
                 const struct sip_message *response)
{
    if (owner->on_result != NULL)
        owner->on_result(owner->context, owner->handle, outcome, response);
}

static void send_again(struct transactions *self, struct client_transaction *it)
{
    (*self->counters.retransmits)++;
    it->resent++;
    send(self, it);
    if (it->owner.on_retransmit != NULL)
        it->owner.on_retransmit(it->owner.context, it->owner.handle, it->resent);
}

static void make_ack(struct transactions *self, struct client_transaction *it,
                     const struct sip_message *response)
{
    char octets[COMPANION_MAX_BYTES];
    struct buffer ack;

    transactions_parse_again(self, kept_head(&it->kept));
    buffer_init_fixed(&ack, octets, sizeof(octets));
    ack_compose(&self->scratch, response, &ack);
    if (ack.overflowed)
        buffer_reset(&ack); /* longer than any datagram: the peer's repetitions end by timer H */
    kept_put(self->shelf, &it->kept, buffer_span(&ack), NULL);
}

/* Enters a state in which only repeated answers are awaited. Returns whether it is worth while. */
static bool linger(struct transactions *self, struct client_transaction *it)
{
    int64_t time_us = linger_us(self, it);
    struct instant now = transactions_now(self);

    if (it->state == CLIENT_ACCEPTED || !is_invite(it))
        kept_drop(self->shelf, &it->kept);
    it->has_failed = false;
    it->interval_ms = 0;
    it->deadline_us = now.us + time_us;
    if (time_us == 0)
        return false;
    start_timer(self, it, now);
    return true;
}

/* ---- CANCEL (RFC 3261 section 9.1) ---- */

static struct client_transaction *make(struct transactions *self, enum sip_method method,
                                       const struct flow *to,
                                       const struct client_transaction_owner *owner);
static void begin(struct transactions *self, struct client_transaction *it, struct span head,
                  struct blob *body);

/* After so long without a final response the INVITE counts as cancelled. */
static void wait_for_end(struct transactions *self, struct client_transaction *it)
{
    struct instant now = transactions_now(self);

    it->interval_ms = 0;
    it->deadline_us = now.us + transactions_give_up_us(self);
    start_timer(self, it, now);
}

/* At the cap there is none: the INVITE then ends by itself, or by its time. */
static void send_cancel(struct transactions *self, struct client_transaction *it)
{
    static const struct client_transaction_owner nobody;
    char octets[COMPANION_MAX_BYTES];
    struct client_transaction *cancel;
    struct buffer out;

    wait_for_end(self, it);
    transactions_parse_again(self, kept_head(&it->kept));
    buffer_init_fixed(&out, octets, sizeof(octets));
    cancel_compose(&self->scratch, &out);
    cancel = out.overflowed ? NULL : make(self, SIP_CANCEL, &it->to, &nobody);
    if (cancel == NULL)
        return;
    it->cancel = cancel->handle;
    begin(self, cancel, buffer_span(&out), NULL);
}

/* Takes the arrow. What is told comes last, since the owner may end the transaction. */
static void apply(struct transactions *self, struct client_transaction *it, enum client_event event,
                  const struct sip_message *response)
{
    const struct arrow *arrow =
        is_invite(it) ? &invite_arrows[it->state][event] : &other_arrows[it->state][event];
    struct client_transaction_owner owner = it->owner;
    bool over = arrow->next == CLIENT_TERMINATED;

    if (arrow->next == CLIENT_NONE)
        return;
    it->state = arrow->next;
    if (arrow->actions & STOP_TIMER && !it->is_abandoned)
        timer_stop(self->timers, &it->timer);
    if (arrow->actions & STOP_TIMER && it->is_cancelled)
        send_cancel(self, it);
    if (arrow->actions & MAKE_ACK)
        make_ack(self, it, response);
    if (arrow->actions & START_TIMER)
        over = !linger(self, it);
    if ((arrow->actions & SEND_ACK) && !span_empty(kept_head(&it->kept)))
        send(self, it);
    if (over)
        destroy(self, it);
    else if (arrow->actions & SEND_AGAIN)
        send_again(self, it);
    if (arrow->actions & TELL)
        tell(&owner, CLIENT_RESPONSE, response);
    if (arrow->actions & TELL_ERROR)
        tell(&owner, CLIENT_TRANSPORT_FAILED, NULL);
    if (arrow->actions & TELL_TIMEOUT) {
        (*self->counters.timeouts)++;
        tell(&owner, CLIENT_TIMEOUT, NULL);
    }
}

static bool is_answered(const struct client_transaction *it)
{
    return it->state == CLIENT_COMPLETED || it->state == CLIENT_ACCEPTED;
}

static void on_timer(struct timer *timer, struct instant now)
{
    struct client_transaction *it = CONTAINER_OF(timer, struct client_transaction, timer);
    struct transactions *self = it->layer;

    if (it->has_failed) {
        apply(self, it, CLIENT_ERROR, NULL);
    } else if (it->ends_at_deadline) {
        apply(self, it, is_answered(it) ? CLIENT_END : CLIENT_GIVE_UP, NULL);
    } else {
        it->interval_ms = next_interval_ms(self, it);
        start_timer(self, it, now);
        apply(self, it, CLIENT_RESEND, NULL);
    }
}

/* ---- from below ---- */

static enum client_event event_of(int status)
{
    if (status < 200)
        return CLIENT_PROVISIONAL;
    return status < 300 ? CLIENT_SUCCESS : CLIENT_REFUSAL;
}

/* RFC 3261 section 17.1.3: the branch of the top Via and the method in CSeq. */
void client_transactions_receive(struct transactions *self, const struct sip_message *response)
{
    struct handle handle = {0};
    struct client_transaction *it = NULL;

    switch (branch_parse(&self->branch_key, self->options.node, response->via.branch, &handle)) {
    case BRANCH_OURS:
        it = client_find(self, handle);
        break;
    case BRANCH_FOREIGN:
        (*self->counters.foreign)++;
        return;
    case BRANCH_STRANGE:
        break;
    }
    if (it != NULL && is_invite(it) && response->cseq.method == SIP_CANCEL)
        it = client_find(self, it->cancel);
    if (it == NULL || it->method != (uint8_t)response->cseq.method)
        (*self->counters.strays)++;
    else
        apply(self, it, event_of(response->status), response);
}

void client_transactions_failed(struct transactions *self, struct span branch)
{
    struct handle handle;
    struct client_transaction *it;

    if (branch_parse(&self->branch_key, self->options.node, branch, &handle) != BRANCH_OURS)
        return;
    it = client_find(self, handle);
    if (it != NULL)
        apply(self, it, CLIENT_ERROR, NULL);
}

/* ---- from above ---- */

static struct client_transaction *make(struct transactions *self, enum sip_method method,
                                       const struct flow *to,
                                       const struct client_transaction_owner *owner)
{
    struct client_transaction *it = pool_alloc(self->client_pool);

    if (it == NULL)
        return NULL;
    memset(it, 0, sizeof(*it));
    list_init(&it->link);
    must(handle_add(self->client_handles, it, &it->handle) == STATUS_OK);
    list_append(&self->clients, &it->link);
    it->layer = self;
    it->owner = *owner;
    it->to = *to;
    it->method = (uint8_t)method;
    it->state = method == SIP_INVITE ? CLIENT_CALLING : CLIENT_TRYING;
    self->client_counts[is_invite(it)]++;
    return it;
}

static void begin(struct transactions *self, struct client_transaction *it, struct span head,
                  struct blob *body)
{
    struct instant now = transactions_now(self);

    kept_put(self->shelf, &it->kept, head, body);
    it->deadline_us = now.us + transactions_give_up_us(self);                     /* B, F */
    it->interval_ms = flow_is_reliable(&it->to) ? 0 : self->options.timers.t1_ms; /* A, E */
    start_timer(self, it, now);
    send(self, it);
}

enum status client_transaction_new(struct transactions *self, enum sip_method method,
                                   const struct flow *to,
                                   const struct client_transaction_owner *owner, struct handle *out,
                                   char branch[BRANCH_MAX], size_t *branch_len)
{
    const struct client_transaction *it = make(self, method, to, owner);

    if (it == NULL)
        return STATUS_LIMIT;
    branch_compose(&self->branch_key, self->options.node, it->handle, branch);
    *branch_len = BRANCH_BYTES;
    *out = it->handle;
    return STATUS_OK;
}

void client_transaction_send(struct transactions *self, struct handle handle, struct span head,
                             struct blob *body)
{
    struct client_transaction *it = client_find(self, handle);

    if (it != NULL)
        begin(self, it, head, body);
}

void client_transaction_cancel(struct transactions *self, struct handle handle)
{
    struct client_transaction *it = client_find(self, handle);

    if (it == NULL || !is_invite(it) || is_answered(it) || it->is_cancelled)
        return;
    it->is_cancelled = true;
    if (it->state == CLIENT_PROCEEDING)
        send_cancel(self, it);
}

void client_transaction_abandon(struct transactions *self, struct handle handle)
{
    struct client_transaction *it = client_find(self, handle);

    if (it == NULL)
        return;
    if (!is_invite(it) || it->kept.octets == NULL) {
        destroy(self, it);
        return;
    }
    /* The answer to an INVITE will come and be repeated until it gets its ACK. */
    it->owner = (struct client_transaction_owner){0};
    it->is_abandoned = true;
    if (!is_answered(it))
        wait_for_end(self, it);
}

bool client_transaction_owner_of(const struct transactions *self, struct span branch,
                                 const void *context, struct handle *owner)
{
    const struct client_transaction *it;
    struct handle handle;

    if (branch_parse(&self->branch_key, self->options.node, branch, &handle) != BRANCH_OURS)
        return false;
    it = client_find(self, handle);
    if (it == NULL || it->owner.context != context)
        return false;
    *owner = it->owner.handle;
    return true;
}

/* ---- life ---- */

_Static_assert((int)BRANCH_BYTES <= (int)BRANCH_MAX, "callers make room for BRANCH_MAX");

void client_transactions_init(struct transactions *self)
{
    /*
     * A key of this process: after a restart slots and generations begin anew, and an answer to the
     * process before must not be taken for one to this.
     */
    crypto_random(&self->branch_key, sizeof(self->branch_key));
    list_init(&self->clients);
    self->client_handles = handle_table_new(self->options.client_max);
    self->client_pool = pool_new(sizeof(struct client_transaction), self->options.client_max);
}

void client_transactions_free(struct transactions *self)
{
    struct list *link;

    while ((link = list_take(&self->clients)) != NULL)
        destroy(self, CONTAINER_OF(link, struct client_transaction, link));
    pool_free(self->client_pool);
    handle_table_free(self->client_handles);
}
