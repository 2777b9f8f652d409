/*
 * fork.c - reads top to bottom in time: fork_start() -> sbranch_end() -> on_result() ->
 * on_provisional() | on_success() | on_refusal() -> settle() -> conclude() -> finish().
 */
#include "server/base/must.h"
#include "server/service/forks.h"
#include "server/sip/forward.h"
#include "server/sip/parameter.h"
#include "server/sip/parse.h"

#include <stdlib.h>

enum { MESSAGE_BYTES_MAX = 1 << 18 }; /* header fields, body, and what relay.c adds */

/* ---- life ---- */

static double count_gauge(void *context)
{
    const struct forks *self = context;

    return (double)self->table.count;
}

struct forks *forks_new(struct state *state, struct transactions *transactions,
                        struct requests *requests, struct metrics *metrics,
                        const struct fork_options *options)
{
    struct forks *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->state = state;
    self->transactions = transactions;
    self->requests = requests;
    self->options = *options;
    self->names = handle_table_new(UINT32_MAX - 1);
    table_init(&self->table);
    table_init(&self->groups);
    buffer_init(&self->out, MESSAGE_BYTES_MAX);
    self->started = metric_counter(metrics, "forks_total", NULL, "Requests passed on");
    self->too_many = metric_counter(metrics, "forks_refused_total", NULL,
                                    "Requests not passed on because of too many under way");
    self->widened = metric_counter(metrics, "forks_widened_total", NULL,
                                   "Large requests that went by TCP instead of UDP");
    metric_gauge(metrics, "forks", NULL, "Requests passed on that are not over yet", count_gauge,
                 self);
    return self;
}

void forks_reconfigure(struct forks *self, const struct fork_options *options)
{
    self->options = *options;
}

static void drop_request(struct fork *fork)
{
    fork->owner->bytes -= fork->len;
    free(fork->octets);
    fork->octets = NULL;
    fork->len = 0;
}

static void destroy(struct fork *fork)
{
    struct forks *self = fork->owner;

    timer_stop(forks_timers(self), &fork->timer);
    table_remove(&self->table, &fork->link);
    if (fork->vain.group != 0)
        table_remove(&self->groups, &fork->in_group);
    for (uint32_t i = 0; i < fork->count; i++) {
        handle_remove(self->names, fork->branches[i].handle);
        free(fork->branches[i].narrow_uri);
    }
    best_deinit(&fork->best);
    drop_request(fork);
    free(fork);
}

static void free_one(struct table_link *link, void *context)
{
    (void)context;
    destroy(CONTAINER_OF(link, struct fork, link));
}

void forks_free(struct forks *self)
{
    if (self == NULL)
        return;
    table_each(&self->table, free_one, NULL);
    table_deinit(&self->table);
    table_deinit(&self->groups);
    handle_table_free(self->names);
    buffer_deinit(&self->out);
    free(self);
}

/* ---- the timer: patience, Timer C, linger ---- */

static timer_fn on_timer;

static void arm(struct fork *fork)
{
    int64_t due_us = fork->linger_us < fork->patience_us ? fork->linger_us : fork->patience_us;

    for (uint32_t i = 0; i < fork->count; i++)
        if (fork->branches[i].open && fork->branches[i].timer_c_us < due_us)
            due_us = fork->branches[i].timer_c_us;
    if (due_us == INT64_MAX)
        timer_stop(forks_timers(fork->owner), &fork->timer);
    else
        timer_start(forks_timers(fork->owner), &fork->timer, (struct instant){due_us}, on_timer);
}

static uint64_t hash_of(const struct forks *self, struct handle transaction)
{
    return table_hash(&self->table, (struct span){(const char *)&transaction, sizeof(transaction)});
}

/* ---- starting ---- */

bool fork_parse_again(const struct fork *fork)
{
    static const struct sip_limits limits = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIP_HEADERS_MAX};
    struct sip_fault fault;

    return fork->octets != NULL &&
           sip_parse_datagram((struct span){fork->octets, fork->len}, &limits,
                              &fork->owner->scratch, &fault) == SIP_PARSED;
}

/* For an owner who takes it over, and for refusals of our own. */
static void keep_request(struct fork *fork, const struct sip_message *request)
{
    fork->len = request->bytes.len;
    fork->owner->bytes += fork->len;
    fork->octets = malloc(fork->len);
    must(fork->octets != NULL);
    memcpy(fork->octets, request->bytes.at, fork->len);
}

/* What decides where it goes, and which request it is: the same again has looped. */
static uint64_t identity_of(const struct forks *self, const struct sip_message *request)
{
    const uint32_t cseq = request->cseq.number;
    uint64_t hash = table_hash(&self->table, request->call_id);

    hash = table_hash_more(&self->table, hash, request->from.tag);
    hash = table_hash_more(&self->table, hash, request->to.tag);
    hash = table_hash_more(&self->table, hash, request->request_uri);
    hash = table_hash_more(&self->table, hash, sip_header_value(request, SIP_ROUTE));
    return table_hash_more(&self->table, hash, (struct span){(const char *)&cseq, sizeof(cseq)});
}

static struct fork *make(struct forks *self, struct request *request, size_t count)
{
    const struct sip_message *message = request_message(request);
    struct fork *fork = calloc(1, sizeof(*fork) + count * sizeof(fork->branches[0]));

    must(fork != NULL);
    fork->owner = self;
    fork->number = ++self->last_number;
    fork->transaction = request_transaction(request);
    fork->from = *request_flow(request);
    fork->patience_us = INT64_MAX;
    fork->linger_us = INT64_MAX;
    fork->temporary = true;
    fork->count = (uint32_t)count;
    fork->open = (uint32_t)count;
    fork->identity = identity_of(self, message);
    keep_request(fork, message);
    table_add(&self->table, &fork->link, hash_of(self, fork->transaction));
    for (uint32_t i = 0; i < fork->count; i++) {
        struct branch *branch = &fork->branches[i];

        branch->fork = fork;
        branch->open = true;
        branch->timer_c_us = INT64_MAX;
        must(handle_add(self->names, branch, &branch->handle) == STATUS_OK);
    }
    return fork;
}

/* RFC 5393 section 5.3.3: what a request may still be forked to. */
static uint32_t breadth_of(const struct forks *self, const struct sip_message *request)
{
    uint64_t breadth;

    if (sip_count(request, SIP_MAX_BREADTH) == 0 ||
        sip_number(sip_header_value(request, SIP_MAX_BREADTH), UINT16_MAX, &breadth) != STATUS_OK)
        return self->options.max_breadth;
    return (uint32_t)breadth;
}

static bool refused(struct forks *self, struct request *request, size_t count)
{
    if (self->table.count >= self->options.forks_max || self->bytes >= self->options.bytes_max) {
        (*self->too_many)++;
        request_refuse_for_now(request);
        return true;
    }
    if (breadth_of(self, request_message(request)) < count) {
        request_refuse(request, 440, NULL);
        return true;
    }
    return false;
}

void fork_start(struct forks *self, struct request *request, const struct routing *routing,
                const struct target targets[], size_t count, const struct fork_owner *owner)
{
    const struct sip_message *message = request_message(request);
    struct fork *fork;

    if (refused(self, request, count))
        return;
    (*self->started)++;
    fork = make(self, request, count);
    fork->breadth = breadth_of(self, message) / (uint32_t)count;
    fork->trace = request_hand_over(request);
    if (owner != NULL) {
        fork->vain = *owner;
        if (owner->group != 0)
            table_add(&self->groups, &fork->in_group, owner->group);
        if (owner->patience_us > 0)
            fork->patience_us = instant_after(forks_now(self), owner->patience_us).us;
    }
    for (uint32_t i = 0; i < fork->count; i++)
        branch_start(&fork->branches[i], message, routing, &targets[i]);
    if (fork->open == 0)
        fork->patience_us = forks_now(self).us; /* concluded from the timer, never from in here */
    arm(fork);
}

/* ---- answering ---- */

static void finish(struct fork *fork);

static void pass_back(struct fork *fork, const struct sip_message *response)
{
    struct forks *self = fork->owner;

    buffer_reset(&self->out);
    sip_compose_backward(&self->out, response);
    server_transaction_respond(self->transactions, fork->transaction, response->status,
                               buffer_span(&self->out), NULL);
}

static void note_answer(struct fork *fork, int status)
{
    fork->answered = true;
    fork->patience_us = INT64_MAX;
    requests_note_answer(fork->owner->requests, &fork->trace, status);
}

static struct request *resume(struct fork *fork)
{
    struct forks *self = fork->owner;

    must(fork_parse_again(fork));
    return request_resume(self->requests, &self->scratch, &fork->from, fork->transaction,
                          &fork->trace);
}

/* True when the owner has taken the request over. */
static bool ask_owner(struct fork *fork)
{
    const int best = fork->best.status == 0 ? 408 : best_status(&fork->best);
    struct request *request;

    if (fork->vain.on_vain == NULL || fork->asked)
        return false;
    fork->asked = true;
    fork->patience_us = INT64_MAX;
    request = resume(fork);
    if (!fork->vain.on_vain(fork->vain.context, fork->branches[0].handle, request, best,
                            fork->temporary)) {
        (void)request_hand_over(request);
        return false;
    }
    fork->taken = true;
    fork->answered = true;
    return true;
}

static struct fork *oldest_that_waits(const struct forks *self, uint64_t group)
{
    struct table_link *link = table_first(&self->groups, group);
    struct fork *oldest = NULL;

    for (; link != NULL; link = table_next(link)) {
        struct fork *fork = CONTAINER_OF(link, struct fork, in_group);

        if (!fork->asked && !fork->answered && (oldest == NULL || fork->number < oldest->number))
            oldest = fork;
    }
    return oldest;
}

void fork_hurry(struct forks *self, struct handle fork)
{
    const struct branch *first = handle_find(self->names, fork);
    const uint64_t group = first == NULL ? 0 : first->fork->vain.group;
    struct fork *waiting;

    if (group == 0 || self->hurrying)
        return; /* an owner who is asked asks for the same */
    self->hurrying = true;
    while ((waiting = oldest_that_waits(self, group)) != NULL) {
        (void)ask_owner(waiting);
        arm(waiting);
    }
    self->hurrying = false;
}

static const char *phrase_of(int status)
{
    return status == 500 ? "Destination Unreachable" : NULL;
}

/* All branches have ended without a 2xx. */
static void conclude(struct fork *fork)
{
    struct forks *self = fork->owner;
    const int status = best_status(&fork->best);

    if (!ask_owner(fork)) {
        buffer_reset(&self->out);
        fork->answered = true;
        if (best_compose(&fork->best, &self->out)) {
            server_transaction_respond(self->transactions, fork->transaction, status,
                                       buffer_span(&self->out), NULL);
            requests_note_answer(self->requests, &fork->trace, status);
        } else {
            request_refuse(resume(fork), status, phrase_of(status));
        }
    }
    finish(fork);
}

/* Nothing is open any more. A 2xx to an INVITE may come again, and from further devices. */
static void finish(struct fork *fork)
{
    struct forks *self = fork->owner;
    const bool succeeded = fork->best.status == 0;

    if (fork->trace.method != SIP_INVITE || !succeeded) {
        destroy(fork);
        return;
    }
    drop_request(fork);
    fork->linger_us =
        instant_after(forks_now(self), (int64_t)self->options.linger_ms * US_PER_MS).us;
    arm(fork);
}

static void settle(struct fork *fork)
{
    if (fork->open > 0)
        arm(fork);
    else if (fork->answered)
        finish(fork);
    else
        conclude(fork);
}

static void cancel_open(struct fork *fork)
{
    fork->cancelled = true;
    for (uint32_t i = 0; i < fork->count; i++)
        if (fork->branches[i].open)
            client_transaction_cancel(fork->owner->transactions, fork->branches[i].transaction);
}

/* ---- what a branch tells ---- */

static void on_provisional(struct branch *branch, const struct sip_message *response)
{
    struct fork *fork = branch->fork;

    if (response->status == 100 || fork->trace.method != SIP_INVITE)
        return;
    branch_watch_ringing(branch);
    arm(fork);
    if (!fork->answered)
        pass_back(fork, response);
}

/* Section 16.7 step 5: a 2xx to an INVITE always goes back at once; of another request the first.
 */
static void on_success(struct branch *branch, const struct sip_message *response)
{
    struct fork *fork = branch->fork;
    const bool first = !fork->answered;

    if (branch->open)
        branch_end(branch, response->status, NULL);
    if (first || (fork->trace.method == SIP_INVITE && !fork->taken))
        pass_back(fork, response);
    if (first) {
        best_deinit(&fork->best); /* what was refused before does not matter any more */
        note_answer(fork, response->status);
        cancel_open(fork);
    } else if (fork->taken && fork->vain.on_late_success != NULL) {
        fork->vain.on_late_success(fork->vain.context, fork->branches[0].handle, branch->device);
    }
    settle(fork);
}

static void on_refusal(struct branch *branch, int status, const struct sip_message *response)
{
    struct fork *fork = branch->fork;

    if (!branch->open)
        return;
    if (fork->answered && !fork->taken)
        response = NULL; /* nobody will ask for it */
    if (fork->answered)
        status = 0;
    branch_end(branch, status, response);
    if (status >= 600)
        cancel_open(fork); /* section 16.7 step 5 */
    settle(fork);
}

void fork_on_result(void *context, struct handle owner, enum client_outcome outcome,
                    const struct sip_message *response)
{
    struct forks *self = context;
    struct branch *branch = handle_find(self->names, owner);

    if (branch == NULL)
        return;
    switch (outcome) {
    case CLIENT_RESPONSE:
        if (response->status < 200)
            on_provisional(branch, response);
        else if (response->status < 300)
            on_success(branch, response);
        else
            on_refusal(branch, response->status, response);
        break;
    case CLIENT_TIMEOUT:
        on_refusal(branch, branch->fork->cancelled ? 487 : 408, NULL); /* section 16.8 */
        break;
    case CLIENT_TRANSPORT_FAILED:
        if (branch->open && !branch->fork->answered && branch_start_again(branch))
            settle(branch->fork);
        else
            on_refusal(branch, branch->fork->cancelled ? 487 : 503, NULL); /* section 16.9 */
        break;
    }
}

static bool is_same(struct handle a, struct handle b)
{
    return a.slot == b.slot && a.generation == b.generation;
}

bool fork_still_tries(struct forks *self, struct handle fork, struct handle device,
                      const struct flow *flow)
{
    const struct branch *first = handle_find(self->names, fork);
    struct fork *found = first == NULL ? NULL : first->fork;
    bool tries = false;

    for (uint32_t i = 0; found != NULL && i < found->count; i++) {
        struct branch *branch = &found->branches[i];

        if (!branch->open || !is_same(branch->device, device))
            continue;
        if (flow_equal(&branch->flow, flow)) {
            tries = true;
            continue;
        }
        client_transaction_abandon(self->transactions, branch->transaction);
        branch_end(branch, 0, NULL);
    }
    if (found != NULL && found->open == 0)
        settle(found);
    return tries;
}

/* ---- time ---- */

static void on_timer(struct timer *timer, struct instant now)
{
    struct fork *fork = CONTAINER_OF(timer, struct fork, timer);

    if (fork->linger_us <= now.us) {
        destroy(fork);
        return;
    }
    if (fork->open == 0) {
        settle(fork);
        return;
    }
    if (fork->patience_us <= now.us && !ask_owner(fork))
        fork->patience_us = INT64_MAX;
    for (uint32_t i = 0; i < fork->count; i++) {
        struct branch *branch = &fork->branches[i];

        if (!branch->open || branch->timer_c_us > now.us)
            continue;
        branch->timer_c_us = INT64_MAX;
        client_transaction_cancel(fork->owner->transactions, branch->transaction);
    }
    arm(fork);
}

/* ---- stopping ---- */

static void count_unanswered(struct table_link *link, void *context)
{
    size_t *count = context;

    *count += !CONTAINER_OF(link, struct fork, link)->answered;
}

size_t forks_unanswered(struct forks *self)
{
    size_t count = 0;

    table_each(&self->table, count_unanswered, &count);
    return count;
}

static void drain(struct table_link *link, void *context)
{
    struct fork *fork = CONTAINER_OF(link, struct fork, link);

    (void)context;
    if (fork->answered)
        return;
    if (fork->trace.method == SIP_INVITE)
        cancel_open(fork);
    if (fork->vain.on_vain != NULL && !fork->asked)
        fork->patience_us = forks_now(fork->owner).us;
    arm(fork);
}

void forks_drain(struct forks *self)
{
    table_each(&self->table, drain, NULL);
}

/* ---- CANCEL (section 16.10) ---- */

static struct fork *find(const struct forks *self, struct handle transaction)
{
    struct table_link *link = table_first(&self->table, hash_of(self, transaction));

    for (; link != NULL; link = table_next(link)) {
        struct fork *fork = CONTAINER_OF(link, struct fork, link);

        if (is_same(fork->transaction, transaction))
            return fork;
    }
    return NULL;
}

void fork_cancel(struct forks *self, struct handle transaction)
{
    struct fork *fork = find(self, transaction);

    if (fork != NULL && fork->trace.method == SIP_INVITE && !fork->answered)
        cancel_open(fork);
}

/* ---- loops (section 16.3 step 4) ---- */

bool fork_has_looped(struct forks *self, const struct sip_message *request)
{
    const uint64_t identity = identity_of(self, request);
    struct sip_values values = sip_values_of(request, SIP_VIA);
    const struct branch *branch;
    struct handle owner;
    struct span value;
    struct sip_via via;

    while (sip_values_next(&values, &value)) {
        if (sip_via_parse(value, &via) != STATUS_OK ||
            !client_transaction_owner_of(self->transactions, via.branch, self, &owner))
            continue;
        branch = handle_find(self->names, owner);
        if (branch != NULL && branch->fork->identity == identity)
            return true;
    }
    return false;
}
