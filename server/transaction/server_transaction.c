/* server_transaction.c - the two server machines: RFC 3261 figures 7 (as in RFC 6026) and 8. */
#include "server/transaction/server_transaction.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/sip/compose.h"
#include "server/transaction/transactions.h"
#include "server/transport/transport.h"

#include <stdlib.h>

enum { RESPONSE_100_MAX_BYTES = 32 * 1024 };

/* Non-INVITE begins in TRYING, INVITE in PROCEEDING; CONFIRMED and ACCEPTED are INVITE's. */
enum server_state {
    SERVER_NONE,
    SERVER_TRYING,
    SERVER_PROCEEDING,
    SERVER_COMPLETED,
    SERVER_CONFIRMED,
    SERVER_ACCEPTED,
    SERVER_TERMINATED,
    SERVER_STATES,
};

enum server_event {
    SERVER_REQUEST,     /* the request again */
    SERVER_ACK,         /* with the INVITE's branch */
    SERVER_PROVISIONAL, /* from above: 1xx */
    SERVER_SUCCESS,     /* from above: 2xx */
    SERVER_REFUSAL,     /* from above: 300-699 */
    SERVER_OVERDUE,     /* still no answer: INVITE 200 ms, else as RFC 4320 section 4.1 says */
    SERVER_RESEND,      /* timer G */
    SERVER_END,         /* timers H, I, J, L; and unanswered non-INVITE after 64*T1 */
    SERVER_ERROR,       /* the transport failed */
    SERVER_EVENTS,
};

enum server_action {
    KEEP = 1,      /* the response, for REPEAT */
    SEND = 2,      /* the response, once */
    REPEAT = 4,    /* what was kept, if anything */
    SEND_100 = 8,  /* compose it from the request, keep and send it */
    TELL_ACK = 16, /* pass the ACK up */
    TELL_ERROR = 32,
    START_TIMER = 64, /* the one of the state that is entered */
};

struct server_transaction {
    struct table_link link; /* its hash is the first word of the key */
    uint64_t key_word;      /* the second */
    struct timer timer;
    struct transactions *layer;
    struct handle handle;
    struct list answered; /* among those that only wait for repeated requests */
    struct flow arrived_on;
    struct flow to;
    struct kept kept;     /* the request until there is a response, then that */
    int64_t deadline_us;  /* when the state ends; the timer may run earlier, to resend */
    uint32_t interval_ms; /* of timer G */
    uint8_t state;
    bool is_invite;
    bool has_response; /* `kept` is one */
    bool has_failed;   /* the timer brings SERVER_ERROR */
    bool ends_at_deadline;
    bool is_challenge; /* its refusal is a 401 or 407 */
};

/* clang-format off */

/* RFC 3261 figure 7 as changed by RFC 6026 figure 5: errors are told and end nothing. */
static const struct arrow invite_arrows[SERVER_STATES][SERVER_EVENTS] = {
    [SERVER_PROCEEDING] = {
        [SERVER_REQUEST]     = {SERVER_PROCEEDING, REPEAT},
        [SERVER_PROVISIONAL] = {SERVER_PROCEEDING, KEEP | SEND},
        [SERVER_SUCCESS]     = {SERVER_ACCEPTED,   SEND | START_TIMER},
        [SERVER_REFUSAL]     = {SERVER_COMPLETED,  KEEP | SEND | START_TIMER},
        [SERVER_OVERDUE]     = {SERVER_PROCEEDING, SEND_100},
        [SERVER_ERROR]       = {SERVER_PROCEEDING, TELL_ERROR},
    },
    [SERVER_COMPLETED] = {
        [SERVER_REQUEST]     = {SERVER_COMPLETED,  REPEAT},
        [SERVER_ACK]         = {SERVER_CONFIRMED,  START_TIMER},
        [SERVER_RESEND]      = {SERVER_COMPLETED,  REPEAT},
        [SERVER_END]         = {SERVER_TERMINATED, TELL_ERROR},
        [SERVER_ERROR]       = {SERVER_COMPLETED,  TELL_ERROR},
    },
    [SERVER_CONFIRMED] = {
        [SERVER_REQUEST]     = {SERVER_CONFIRMED,  0},
        [SERVER_ACK]         = {SERVER_CONFIRMED,  0},
        [SERVER_END]         = {SERVER_TERMINATED, 0},
    },
    [SERVER_ACCEPTED] = {
        [SERVER_REQUEST]     = {SERVER_ACCEPTED,   0},
        [SERVER_ACK]         = {SERVER_ACCEPTED,   TELL_ACK},
        [SERVER_SUCCESS]     = {SERVER_ACCEPTED,   SEND},
        [SERVER_END]         = {SERVER_TERMINATED, 0},
        [SERVER_ERROR]       = {SERVER_ACCEPTED,   TELL_ERROR},
    },
};

/*
 * RFC 3261 figure 8. Other than there an error does not end the transaction (section 17.2.4 says
 * SHOULD): a client that repeats its request would then be served twice, which is why RFC 6026
 * changed it for INVITE. SERVER_END in TRYING and PROCEEDING is ours: after 64*T1 the client has
 * given up, and who above never answers must not cost memory for ever.
 */
static const struct arrow other_arrows[SERVER_STATES][SERVER_EVENTS] = {
    [SERVER_TRYING] = {
        [SERVER_REQUEST]     = {SERVER_TRYING,     0},
        [SERVER_PROVISIONAL] = {SERVER_PROCEEDING, KEEP | SEND},
        [SERVER_SUCCESS]     = {SERVER_COMPLETED,  KEEP | SEND | START_TIMER},
        [SERVER_REFUSAL]     = {SERVER_COMPLETED,  KEEP | SEND | START_TIMER},
        [SERVER_OVERDUE]     = {SERVER_PROCEEDING, SEND_100},
        [SERVER_END]         = {SERVER_TERMINATED, 0},
    },
    [SERVER_PROCEEDING] = {
        [SERVER_REQUEST]     = {SERVER_PROCEEDING, REPEAT},
        [SERVER_PROVISIONAL] = {SERVER_PROCEEDING, KEEP | SEND},
        [SERVER_SUCCESS]     = {SERVER_COMPLETED,  KEEP | SEND | START_TIMER},
        [SERVER_REFUSAL]     = {SERVER_COMPLETED,  KEEP | SEND | START_TIMER},
        [SERVER_END]         = {SERVER_TERMINATED, 0},
        [SERVER_ERROR]       = {SERVER_PROCEEDING, TELL_ERROR},
    },
    [SERVER_COMPLETED] = {
        [SERVER_REQUEST]     = {SERVER_COMPLETED,  REPEAT},
        [SERVER_END]         = {SERVER_TERMINATED, 0},
        [SERVER_ERROR]       = {SERVER_COMPLETED,  TELL_ERROR},
    },
};

/* clang-format on */

static void on_timer(struct timer *timer, struct instant now);

static struct server_transaction *server_find(const struct transactions *self, struct handle handle)
{
    return handle_find(self->server_handles, handle);
}

static void destroy(struct transactions *self, struct server_transaction *it)
{
    if (it->state == SERVER_TRYING || it->state == SERVER_PROCEEDING)
        (*self->counters.unanswered)++;
    timer_stop(self->timers, &it->timer);
    list_remove(&it->answered);
    table_remove(&self->server_table, &it->link);
    handle_remove(self->server_handles, it->handle);
    kept_drop(self->shelf, &it->kept);
    self->server_counts[it->is_invite]--;
    pool_free_slot(self->server_pool, it);
}

/* ---- timers ---- */

/* The timer runs at the deadline, or at the next repetition when that is before. */
static void start_timer(struct transactions *self, struct server_transaction *it,
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

/* How long a client takes until its Timer E is reset to T2 (RFC 4320 section 4.1): 3.5 s. */
static int64_t timer_e_slow_us(const struct transactions *self)
{
    uint64_t interval_ms = self->options.timers.t1_ms;
    uint64_t sum_ms = 0;

    while (interval_ms < self->options.timers.t2_ms) {
        sum_ms += interval_ms;
        interval_ms *= 2;
    }
    return (int64_t)sum_ms * US_PER_MS;
}

static int64_t state_us(const struct transactions *self, const struct server_transaction *it)
{
    bool reliable = flow_is_reliable(&it->to);

    switch ((enum server_state)it->state) {
    case SERVER_COMPLETED: /* H, J: without repeated requests there is nothing to wait for */
        return reliable && !it->is_invite ? 0 : transactions_give_up_us(self);
    case SERVER_CONFIRMED: /* I */
        return reliable ? 0 : (int64_t)self->options.timers.t4_ms * US_PER_MS;
    case SERVER_NONE:
    case SERVER_TRYING:
    case SERVER_PROCEEDING:
    case SERVER_ACCEPTED: /* L */
    case SERVER_TERMINATED:
    case SERVER_STATES:
        break;
    }
    return transactions_give_up_us(self);
}

static void start_state_timer(struct transactions *self, struct server_transaction *it)
{
    struct instant now = transactions_now(self);
    /*
     * Section 26.3.2.4: who forged his source must not have us send a challenge eleven times. The
     * client's own INVITE, sent again, gets it again.
     */
    bool repeats = it->is_invite && it->state == SERVER_COMPLETED && !flow_is_reliable(&it->to) &&
                   !it->is_challenge;

    it->has_failed = false;
    it->deadline_us = now.us + state_us(self, it);
    it->interval_ms = repeats ? self->options.timers.t1_ms : 0; /* G */
    start_timer(self, it, now);
}

/* ---- the machine ---- */

static void send(struct transactions *self, struct server_transaction *it, struct span head,
                 struct blob *body)
{
    if (transactions_send(self, &it->to, head, body))
        return;
    it->has_failed = true; /* told from the timer: never inside the call that sent it */
    timer_start(self->timers, &it->timer, transactions_now(self), on_timer);
}

static void repeat(struct transactions *self, struct server_transaction *it)
{
    if (!it->has_response)
        return;
    (*self->counters.repeated_responses)++;
    send(self, it, kept_head(&it->kept), it->kept.body);
}

/* The request was kept for this only. */
static void send_100(struct transactions *self, struct server_transaction *it)
{
    char octets[RESPONSE_100_MAX_BYTES];
    char text[ENDPOINT_TEXT_MAX];
    struct sip_source source = transport_source(&it->arrived_on, text);
    struct buffer response;

    if (it->has_response)
        return;
    transactions_parse_again(self, kept_head(&it->kept));
    buffer_init_fixed(&response, octets, sizeof(octets));
    sip_compose_response_head(&response, &self->scratch, 100, (struct span){0}, (struct span){0},
                              &source, false);
    sip_compose_body(&response, (struct span){0}, (struct span){0});
    if (response.overflowed)
        return;
    kept_put(self->shelf, &it->kept, buffer_span(&response), NULL);
    it->has_response = true;
    send(self, it, kept_head(&it->kept), NULL);
}

/* What came with the event: a response from above, or nothing. */
struct server_response {
    struct span head;
    struct blob *body;
    bool silent; /* takes the arrow, but is not sent */
};

/* Takes the arrow. What is told upward comes last, since it may end the transaction. */
static void apply(struct transactions *self, struct server_transaction *it, enum server_event event,
                  const struct server_response *response)
{
    const struct arrow *arrow =
        it->is_invite ? &invite_arrows[it->state][event] : &other_arrows[it->state][event];
    struct handle handle = it->handle;

    if (arrow->next == SERVER_NONE)
        return;
    if (arrow->next == SERVER_TERMINATED) {
        destroy(self, it);
    } else {
        it->state = arrow->next;
        if (it->state == SERVER_COMPLETED && !it->is_invite && list_empty(&it->answered))
            list_append(&self->answered, &it->answered);
        if (arrow->actions & START_TIMER)
            start_state_timer(self, it);
        if (arrow->actions & (KEEP | SEND)) {
            kept_drop(self->shelf, &it->kept);
            it->has_response = (arrow->actions & KEEP) != 0 && !response->silent;
            if (it->has_response)
                kept_put(self->shelf, &it->kept, response->head, response->body);
        }
        if ((arrow->actions & SEND) && !response->silent)
            send(self, it, response->head, response->body);
        if (arrow->actions & REPEAT)
            repeat(self, it);
        if (arrow->actions & SEND_100)
            send_100(self, it);
    }
    if ((arrow->actions & TELL_ERROR) && self->on_failure != NULL)
        self->on_failure(self->on_failure_context, handle);
}

static void on_timer(struct timer *timer, struct instant now)
{
    struct server_transaction *it = CONTAINER_OF(timer, struct server_transaction, timer);
    struct transactions *self = it->layer;

    if (it->has_failed) {
        it->has_failed = false;
        if (it->deadline_us != INT64_MAX)
            start_timer(self, it, now);
        apply(self, it, SERVER_ERROR, NULL);
        return;
    }
    if (it->ends_at_deadline) {
        apply(self, it, SERVER_END, NULL);
        return;
    }
    if (it->state != SERVER_COMPLETED) {
        it->interval_ms = 0; /* only once */
        if (it->deadline_us != INT64_MAX)
            start_timer(self, it, now);
        apply(self, it, SERVER_OVERDUE, NULL);
        return;
    }
    it->interval_ms = 2 * it->interval_ms < self->options.timers.t2_ms ? 2 * it->interval_ms
                                                                       : self->options.timers.t2_ms;
    start_timer(self, it, now);
    apply(self, it, SERVER_RESEND, NULL);
}

/* ---- from below ---- */

static struct server_transaction *match(struct transactions *self,
                                        const struct sip_message *message, enum sip_method method,
                                        struct match_key *key)
{
    *key = match_key_of(&self->match_secret, message, method);
    for (struct table_link *link = table_first(&self->server_table, key->words[0]); link != NULL;
         link = table_next(link)) {
        struct server_transaction *it = CONTAINER_OF(link, struct server_transaction, link);

        if (it->key_word == key->words[1])
            return it;
    }
    return NULL;
}

/*
 * At the cap, what was answered longest ago goes: Timer J keeps it for 32 s, most of which no
 * client needs, and new requests are worth more. NULL when there is none to go.
 */
static struct server_transaction *alloc(struct transactions *self)
{
    struct server_transaction *it = pool_alloc(self->server_pool);
    struct list *oldest = it != NULL ? NULL : list_take(&self->answered);

    if (oldest == NULL)
        return it;
    (*self->counters.forgotten)++;
    destroy(self, CONTAINER_OF(oldest, struct server_transaction, answered));
    return pool_alloc(self->server_pool);
}

/* NULL at the cap. */
static struct server_transaction *create(struct transactions *self,
                                         const struct sip_message *request, const struct flow *from,
                                         const struct match_key *key)
{
    struct server_transaction *it = alloc(self);
    struct instant now = transactions_now(self);

    if (it == NULL)
        return NULL;
    memset(it, 0, sizeof(*it));
    list_init(&it->answered);
    must(handle_add(self->server_handles, it, &it->handle) == STATUS_OK);
    it->layer = self;
    it->key_word = key->words[1];
    it->is_invite = request->method == SIP_INVITE;
    it->state = it->is_invite ? SERVER_PROCEEDING : SERVER_TRYING;
    it->arrived_on = *from;
    self->sink.response_flow(self->sink.context, from, &request->via, &it->to);
    table_add(&self->server_table, &it->link, key->words[0]);
    self->server_counts[it->is_invite]++;
    kept_put(self->shelf, &it->kept, request->bytes, NULL);
    /* Who proxies an INVITE bounds it by Timer C (section 16.6); here it may ring for ever. */
    it->deadline_us = it->is_invite ? INT64_MAX : now.us + transactions_give_up_us(self);
    it->interval_ms = it->is_invite ? self->options.timers.invite_100_ms
                                    : (uint32_t)(timer_e_slow_us(self) / US_PER_MS);
    start_timer(self, it, now);
    return it;
}

static void refuse(struct transactions *self, const struct sip_message *request,
                   const struct flow *from)
{
    char more[64];
    struct buffer text;

    (*self->counters.refused)++;
    buffer_init_fixed(&text, more, sizeof(more));
    buffer_printf(&text, "Retry-After: %u\r\n", (unsigned)self->options.retry_after_s);
    /* 500, not 503, which would have the client turn its back on us for everything. */
    self->sink.refuse(self->sink.context, request, from, 500, (struct span){0}, buffer_span(&text));
}

static void tell_request(struct transactions *self, struct sip_message *request,
                         const struct flow *from, struct handle transaction, struct handle meant)
{
    if (self->on_request != NULL)
        self->on_request(self->on_request_context, request, from, transaction, meant);
}

/* An ACK to a refusal has its INVITE's branch and ends here; one to a 2xx goes up. */
static void receive_ack(struct transactions *self, struct sip_message *ack, const struct flow *from,
                        struct server_transaction *invite)
{
    struct handle handle;

    if (invite == NULL) {
        tell_request(self, ack, from, (struct handle){0}, (struct handle){0});
        return;
    }
    if (!invite->is_invite)
        return; /* somebody gave an ACK the branch of something else */
    handle = invite->handle;
    if (invite_arrows[invite->state][SERVER_ACK].actions & TELL_ACK)
        tell_request(self, ack, from, (struct handle){0}, handle);
    else
        apply(self, invite, SERVER_ACK, NULL);
}

/* What a CANCEL means has its branch, and one of the methods (RFC 3261 section 9.2). */
static const struct server_transaction *meant_by(struct transactions *self,
                                                 const struct sip_message *cancel)
{
    const struct server_transaction *meant = NULL;
    struct match_key key;

    for (int method = SIP_METHOD_OTHER + 1; meant == NULL && method < SIP_METHODS; method++)
        if (method != SIP_CANCEL && method != SIP_ACK)
            meant = match(self, cancel, (enum sip_method)method, &key);
    return meant;
}

void server_transactions_receive(struct transactions *self, struct sip_message *request,
                                 const struct flow *from)
{
    struct match_key key;
    struct server_transaction *it = match(self, request, request->method, &key);
    struct handle meant = {0};

    if (request->method == SIP_ACK) {
        receive_ack(self, request, from, it);
        return;
    }
    if (it != NULL) {
        (*self->counters.repeated_requests)++;
        apply(self, it, SERVER_REQUEST, NULL);
        return;
    }
    it = create(self, request, from, &key);
    if (it == NULL) {
        refuse(self, request, from);
        return;
    }
    if (request->method == SIP_CANCEL) {
        const struct server_transaction *other = meant_by(self, request);

        if (other != NULL)
            meant = other->handle;
    }
    tell_request(self, request, from, it->handle, meant);
}

void server_transactions_failed(struct transactions *self)
{
    struct match_key key;
    struct server_transaction *it;

    if (span_empty(self->scratch.cseq.method_name) || !sip_via_has_cookie(&self->scratch.via))
        return;
    it = match(self, &self->scratch, self->scratch.cseq.method, &key);
    if (it != NULL)
        apply(self, it, SERVER_ERROR, NULL);
}

/* ---- from above ---- */

/* RFC 4320 sections 4.1 and 4.2. */
static bool is_forbidden(const struct transactions *self, const struct server_transaction *it,
                         int status)
{
    int64_t slow_at_us = it->deadline_us - transactions_give_up_us(self) + timer_e_slow_us(self);

    if (it->is_invite || status >= 200)
        return false;
    return status != 100 || (it->state == SERVER_TRYING && !flow_is_reliable(&it->to) &&
                             transactions_now(self).us < slow_at_us);
}

static enum server_event event_of(int status)
{
    if (status < 200)
        return SERVER_PROVISIONAL;
    return status < 300 ? SERVER_SUCCESS : SERVER_REFUSAL;
}

void server_transaction_respond(struct transactions *self, struct handle handle, int status,
                                struct span head, struct blob *body)
{
    struct server_transaction *it = server_find(self, handle);
    struct server_response response = {head, body, false};

    if (it == NULL)
        return;
    if (is_forbidden(self, it, status)) {
        (*self->counters.forbidden)++;
        return;
    }
    it->is_challenge = status == 401 || status == 407;
    if (!it->is_invite && status == 408) {
        (*self->counters.forbidden)++;
        response.silent = true; /* the client has the same opinion already */
    }
    apply(self, it, event_of(status), &response);
}

bool server_transaction_flow(const struct transactions *self, struct handle handle,
                             struct flow *out)
{
    const struct server_transaction *it = server_find(self, handle);

    if (it != NULL)
        *out = it->arrived_on;
    return it != NULL;
}

bool server_transaction_is_alive(const struct transactions *self, struct handle handle)
{
    return server_find(self, handle) != NULL;
}

bool server_transaction_is_unanswered(const struct transactions *self, struct handle handle)
{
    const struct server_transaction *it = server_find(self, handle);

    return it != NULL && (it->state == SERVER_TRYING || it->state == SERVER_PROCEEDING);
}

/* ---- life ---- */

void server_transactions_init(struct transactions *self)
{
    crypto_random(&self->match_secret, sizeof(self->match_secret));
    list_init(&self->answered);
    self->server_handles = handle_table_new(self->options.server_max);
    self->server_pool = pool_new(sizeof(struct server_transaction), self->options.server_max);
}

static void free_one(struct table_link *link, void *context)
{
    struct transactions *self = context;
    struct server_transaction *it = CONTAINER_OF(link, struct server_transaction, link);

    timer_stop(self->timers, &it->timer);
    kept_drop(self->shelf, &it->kept);
}

void server_transactions_free(struct transactions *self)
{
    table_each(&self->server_table, free_one, self);
    pool_free(self->server_pool);
    handle_table_free(self->server_handles);
}
