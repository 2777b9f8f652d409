/*
 * keep.c - reads top to bottom in time: on_message() | on_binding() | on_rested() -> queue() ->
 * pump() -> send_to() -> on_result() -> advance() | rest().
 */
#include "server/service/keep.h"

#include "server/base/must.h"
#include "server/service/ways.h"
#include "server/sip/compose.h"
#include "server/sip/parameter.h"
#include "server/sip/reason.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    HEAD_BYTES_MAX = 131072,
    ADDED_BYTES = 300,  /* of request line, Via and so on: for judging size */
    MAX_FORWARDS = 70,  /* RFC 3261 section 8.1.1.6 */
    SILENT_AT = 2,      /* retransmissions, then the window waits no longer for an answer */
    SILENT_TIMES = 16,  /* so many windows of those may there be */
    IN_A_TURN = 256,    /* of the loop, so that requests are not kept waiting */
    BRIEF_US = 1000000, /* until what could not be done for our own reasons is tried again */
    AHEAD_MAX = 8,      /* relayed to one device at a time, and answered in another order */
};

/* What is under way to one device; it has one while there is something. */
struct handover {
    struct keep *keep;
    struct device *device;
    struct timer rest; /* running: nothing is sent */
    struct handle transaction;
    int64_t message;   /* that is on its way; 0: none */
    int64_t binding;   /* the way it takes, or took when it failed */
    int64_t through;   /* what the device has got, be its row written or not */
    unsigned failures; /* in a row */
    unsigned answers;  /* among them, of this message: the device is there, and does not take it */
    int64_t ahead[AHEAD_MAX]; /* what it has, though one before has not arrived; 0: none */
    bool silent;              /* on its way, but the window waits no longer */
    bool widened;             /* it goes by TCP because of its size */
    bool narrow;              /* that was in vain: by UDP after all */
};

struct keep {
    struct state *state;
    struct transactions *transactions;
    struct keep_options options;
    struct list turns; /* mailboxes with something to send, in turn */
    struct loop_later pump;
    struct timer pause;
    struct buffer head;
    uint32_t outstanding; /* that the window counts */
    uint32_t silent;
    bool started;
    keep_is_relayed_fn *is_relayed;
    void *is_relayed_context;
    uint64_t *sent;
    uint64_t *delivered;
    uint64_t *failed;
    uint64_t *refused;
    uint64_t *expired;
};

static struct timers *timers_of(const struct keep *self)
{
    return loop_timers(self->state->node.loop);
}

static struct handover *handover_of(struct device *device)
{
    return *device_handover(device);
}

/* ---- what has a turn ---- */

static void queue(struct keep *self, struct mailbox *mailbox)
{
    if (!self->started || mailbox_waiting(mailbox) == 0 || !list_empty(&mailbox->letters->turn))
        return;
    list_append(&self->turns, &mailbox->letters->turn);
    loop_later(self->state->node.loop, &self->pump);
}

/* Who has just registered is there; the others may be phones that sleep. */
static void queue_first(struct keep *self, struct mailbox *mailbox)
{
    queue(self, mailbox);
    if (mailbox_waiting(mailbox) == 0 || list_empty(&mailbox->letters->turn))
        return;
    list_remove(&mailbox->letters->turn);
    list_append(self->turns.next, &mailbox->letters->turn);
}

static timer_fn on_rested;

static struct handover *handover_get(struct keep *self, struct device *device)
{
    struct handover *handover = handover_of(device);

    if (handover != NULL)
        return handover;
    handover = calloc(1, sizeof(*handover));
    must(handover != NULL);
    handover->keep = self;
    handover->device = device;
    *device_handover(device) = handover;
    return handover;
}

static void rest_for(struct handover *handover, int64_t us)
{
    struct keep *self = handover->keep;

    timer_start(timers_of(self), &handover->rest,
                instant_after(loop_now(self->state->node.loop), us), on_rested);
}

/* The window has room again. */
static void forget_outstanding(struct handover *handover)
{
    struct keep *self = handover->keep;

    (*(handover->silent ? &self->silent : &self->outstanding))--;
    handover->message = 0;
    handover->silent = false;
    if (!list_empty(&self->turns))
        loop_later(self->state->node.loop, &self->pump);
}

static void abandon(struct handover *handover)
{
    if (handover->message == 0)
        return;
    client_transaction_abandon(handover->keep->transactions, handover->transaction);
    forget_outstanding(handover);
}

static void handover_free(struct handover *handover)
{
    abandon(handover);
    timer_stop(timers_of(handover->keep), &handover->rest);
    *device_handover(handover->device) = NULL;
    free(handover);
}

static void on_device_gone(void *context, struct device *device)
{
    (void)context;
    handover_free(handover_of(device));
}

/* By what it has answered: the row may follow. */
static int64_t through_of(struct device *device)
{
    const struct handover *handover = handover_of(device);
    const int64_t written = device_delivered_through(device);

    return handover != NULL && handover->through > written ? handover->through : written;
}

/* ---- what makes a turn ---- */

static void on_message(void *context, struct mailbox *mailbox)
{
    queue(context, mailbox);
}

static void on_message_done(void *context, struct mailbox *mailbox, int64_t id, bool expired)
{
    struct keep *self = context;
    struct device *device = mailbox_first_device(mailbox);

    if (expired)
        (*self->expired)++;
    for (; device != NULL; device = device_next(device)) {
        struct handover *handover = handover_of(device);

        if (handover != NULL && handover->message == id)
            abandon(handover);
        if (handover != NULL && mailbox_waiting(mailbox) == 0)
            handover_free(handover);
    }
    queue(self, mailbox);
}

/* It is there: what rested for its sake goes on. */
static void on_binding(void *context, struct span aor, const struct binding *binding)
{
    struct keep *self = context;
    struct mailbox *mailbox;
    struct device *device;

    if (messages_waiting(self->state->messages) == 0 ||
        (mailbox = mailboxes_find(&self->state->mailboxes, aor)) == NULL ||
        mailbox_waiting(mailbox) == 0)
        return;
    device = ways_device_of(mailbox, binding);
    if (device != NULL && handover_of(device) != NULL) {
        timer_stop(timers_of(self), &handover_of(device)->rest);
        handover_of(device)->failures = 0;
    }
    queue_first(self, mailbox);
}

static void on_rested(struct timer *timer, struct instant now)
{
    struct handover *handover = CONTAINER_OF(timer, struct handover, rest);
    struct mailbox *mailbox = device_mailbox(handover->device);

    (void)now;
    if (mailbox_waiting(mailbox) == 0)
        handover_free(handover);
    else
        queue(handover->keep, mailbox);
}

/* ---- where a device is ---- */

static bool has_failed(struct device *device, int64_t binding)
{
    const struct handover *handover = handover_of(device);

    return handover != NULL && handover->failures > 0 && handover->binding == binding;
}

static void find_ways(const struct keep *self, const struct mailbox *mailbox, struct ways *out)
{
    ways_find(self->state, mailbox, has_failed, out);
}

bool keep_has_before(const struct keep *self, struct span aor)
{
    const struct mailbox *mailbox;
    struct ways ways;

    if (messages_waiting(self->state->messages) == 0)
        return false;
    mailbox = mailboxes_find(&self->state->mailboxes, aor);
    if (mailbox == NULL || mailbox_waiting(mailbox) == 0)
        return false;
    find_ways(self, mailbox, &ways);
    for (size_t i = 0; i < ways.count; i++)
        if (through_of(ways.at[i].device) < mailbox_last_message(mailbox))
            return true;
    return false;
}

/* ---- sending ---- */

static void advance(struct handover *handover, int64_t message);
static client_transaction_result_fn on_result;
static client_transaction_retransmit_fn on_retransmit;

/* What is too large for UDP goes by TCP, where the device is reached by its address (RFC 3261
 * section 18.1.1). */
static struct flow flow_for(struct keep *self, struct handover *handover,
                            const struct target *target, size_t bytes)
{
    struct flow flow = target->flow;
    struct sip_uri uri;

    handover->widened = !handover->narrow && !target->bound && span_empty(target->route) &&
                        sip_uri_parse(target->uri, &uri) == STATUS_OK &&
                        transport_widen(self->state->node.transport, &uri, NULL, bytes, &flow);
    return flow;
}

static void compose_head(struct keep *self, const struct message *message,
                         const struct target *target, const struct flow *flow, struct span branch)
{
    struct buffer *out = &self->head;

    buffer_reset(out);
    sip_compose_request_line(out, SPAN("MESSAGE"), target->uri);
    transport_via(self->state->node.transport, flow, branch, out);
    sip_compose_header_number(out, SPAN("Max-Forwards"), MAX_FORWARDS);
    if (!span_empty(target->route))
        sip_compose_header(out, SPAN("Route"), target->route);
    buffer_put(out, message_headers(message));
    sip_compose_header_number(out, SPAN("Content-Length"), blob_span(message_body(message)).len);
    buffer_put(out, SPAN("\r\n"));
}

static void send(struct keep *self, struct handover *handover, const struct message *message,
                 const struct target *target)
{
    const struct client_transaction_owner owner = {
        .context = self,
        .handle = device_handle(handover->device),
        .on_result = on_result,
        .on_retransmit = on_retransmit,
    };
    const size_t bytes =
        message_headers(message).len + blob_span(message_body(message)).len + ADDED_BYTES;
    const struct flow flow = flow_for(self, handover, target, bytes);
    char text[BRANCH_MAX];
    struct span branch = {.at = text};

    if (client_transaction_new(self->transactions, SIP_MESSAGE, &flow, &owner,
                               &handover->transaction, text, &branch.len) != STATUS_OK) {
        rest_for(handover, BRIEF_US);
        return;
    }
    compose_head(self, message, target, &flow, branch);
    handover->message = message_id(message);
    handover->binding = target->binding;
    self->outstanding++;
    (*self->sent)++;
    client_transaction_send(self->transactions, handover->transaction, buffer_span(&self->head),
                            message_body(message));
}

/* It has a message that is not committed yet, or stands behind one that it has not. */
static bool is_ahead(const struct handover *handover)
{
    for (int i = 0; i < AHEAD_MAX; i++)
        if (handover->ahead[i] != 0)
            return true;
    return false;
}

/* All that it has been sent is in its row, or is written again: the batch may have been dropped. */
static void confirm(struct handover *handover)
{
    if (device_committed_through(handover->device) >= handover->through) {
        if (!is_ahead(handover))
            handover_free(handover);
        return;
    }
    device_stage_delivered(handover->device, handover->through);
    rest_for(handover, BRIEF_US);
}

static bool is_under_way(const struct keep *self, const struct device *device,
                         const struct message *message, const struct target *target)
{
    return self->is_relayed != NULL && self->is_relayed(self->is_relayed_context, message,
                                                        device_handle(device), &target->flow);
}

static bool take_ahead(struct handover *handover, int64_t message)
{
    for (int i = 0; i < AHEAD_MAX; i++)
        if (handover->ahead[i] == message) {
            handover->ahead[i] = 0;
            return true;
        }
    return false;
}

/* The oldest makes room: it will be sent once more. */
static void note_ahead(struct handover *handover, int64_t message)
{
    memmove(&handover->ahead[1], &handover->ahead[0], (AHEAD_MAX - 1) * sizeof(int64_t));
    handover->ahead[0] = message;
}

static void send_next(struct keep *self, struct device *device, const struct target *target)
{
    struct handover *handover = handover_of(device);
    struct message *message;

    if (handover != NULL && (handover->message != 0 || timer_is_running(&handover->rest)))
        return;
    message = mailbox_next_message(device_mailbox(device), through_of(device));
    if (message == NULL) {
        if (handover != NULL)
            confirm(handover);
        return;
    }
    if (handover != NULL && take_ahead(handover, message_id(message))) {
        advance(handover, message_id(message));
        return;
    }
    handover = handover_get(self, device);
    if (is_under_way(self, device, message, target) || !batch_is_open(self->state->node.batch))
        rest_for(handover, BRIEF_US); /* without a database: that it has it could not be written */
    else
        send(self, handover, message, target);
}

static void serve(struct keep *self, struct mailbox *mailbox)
{
    struct ways ways;

    find_ways(self, mailbox, &ways);
    for (size_t i = 0; i < ways.count; i++)
        send_next(self, ways.at[i].device, &ways.at[i].target);
}

static void go_on(struct timer *timer, struct instant now)
{
    struct keep *self = CONTAINER_OF(timer, struct keep, pause);

    (void)now;
    loop_later(self->state->node.loop, &self->pump);
}

static void pump(struct loop_later *later)
{
    struct keep *self = CONTAINER_OF(later, struct keep, pump);
    struct list *link = NULL;
    uint32_t count = 0;

    if (!self->started)
        return;
    while (self->outstanding < self->options.window_max && count++ < IN_A_TURN &&
           (link = list_take(&self->turns)) != NULL)
        serve(self, CONTAINER_OF(link, struct letters, turn)->mailbox);
    if (!list_empty(&self->turns) && self->outstanding < self->options.window_max)
        timer_start(timers_of(self), &self->pause,
                    instant_after(loop_now(self->state->node.loop), 1), go_on);
}

/* ---- what became of it ---- */

static void advance(struct handover *handover, int64_t message)
{
    handover->failures = 0;
    handover->answers = 0;
    handover->narrow = false;
    handover->through = message;
    device_stage_delivered(handover->device, message);
    queue(handover->keep, device_mailbox(handover->device));
}

/* Seconds that the device asks for, 0 when it does not: "120 (in a meeting);duration=60". */
static uint32_t retry_after_s(const struct sip_message *response)
{
    struct span asked =
        response == NULL ? (struct span){0} : sip_header_value(response, SIP_RETRY_AFTER);
    uint32_t asked_s = 0;
    size_t digits = 0;

    while (digits < asked.len && asked.at[digits] >= '0' && asked.at[digits] <= '9')
        digits++;
    asked.len = digits;
    return digits > 0 && sip_delta_seconds(asked, &asked_s) == STATUS_OK ? asked_s : 0;
}

static void rest(struct handover *handover, const struct sip_message *response)
{
    const struct keep_options *options = &handover->keep->options;
    const uint32_t asked_s = retry_after_s(response);
    uint64_t pause_s = (uint64_t)options->retry_min_s
                       << (handover->failures < 16 ? handover->failures : 16);

    handover->failures++;
    if (asked_s > pause_s)
        pause_s = asked_s;
    if (pause_s > options->retry_max_s)
        pause_s = options->retry_max_s;
    rest_for(handover, (int64_t)pause_s * US_PER_S);
}

/* It says something of the way to the device, which may be another one next time. */
static bool is_about_the_way(int status)
{
    return (status >= 300 && status < 400) || status == 401 || status == 407 || status == 483 ||
           status == 487 || status == 491;
}

/*
 * A device that is there and says 500 to this message each time must not keep the others from it
 * for a month. Busy (503, or a Retry-After) and away (480) are about the device.
 */
static bool is_given_up(struct handover *handover, int status, const struct sip_message *response)
{
    if (!is_about_the_way(status) &&
        (status < 500 || status == 503 || sip_count(response, SIP_RETRY_AFTER) > 0))
        return false;
    return ++handover->answers >= handover->keep->options.attempts_max;
}

static void fail(struct keep *self, struct handover *handover, int64_t message,
                 enum client_outcome outcome, const struct sip_message *response)
{
    const struct span aor = mailbox_aor(device_mailbox(handover->device));
    const int status = response != NULL ? response->status : 0;
    const bool temporary =
        outcome != CLIENT_RESPONSE || ((sip_is_temporary(status) || is_about_the_way(status)) &&
                                       !is_given_up(handover, status, response));

    if (outcome == CLIENT_TRANSPORT_FAILED && handover->widened) {
        handover->narrow = true;
        queue(self, device_mailbox(handover->device));
        return;
    }
    (*(temporary ? self->failed : self->refused))++;
    log_line(self->state->node.log, LOG_INFO, "keep",
             "aor=" SPAN_FMT " message=%" PRId64 " device=%" PRId64 " code=%d why=%s",
             SPAN_ARG(aor), message, device_id(handover->device), status,
             outcome == CLIENT_TRANSPORT_FAILED ? "transport"
             : outcome == CLIENT_TIMEOUT        ? "timeout"
                                                : "answer");
    if (temporary)
        rest(handover, response);
    else
        advance(handover, message);
}

static void on_result(void *context, struct handle owner, enum client_outcome outcome,
                      const struct sip_message *response)
{
    struct keep *self = context;
    struct device *device = handle_find(self->state->node.objects, owner);
    struct handover *handover = device == NULL ? NULL : handover_of(device);
    int64_t message;

    if ((outcome == CLIENT_RESPONSE && response->status < 200) || handover == NULL ||
        handover->message == 0)
        return;
    message = handover->message;
    forget_outstanding(handover);
    if (outcome == CLIENT_RESPONSE && (response->status < 300 || response->status == 482)) {
        (*self->delivered)++;
        advance(handover, message);
    } else {
        fail(self, handover, message, outcome, response);
    }
}

/* Devices that are gone must not fill the window until Timer F; bounded, for each holds a
 * transaction. */
static void on_retransmit(void *context, struct handle owner, unsigned count)
{
    struct keep *self = context;
    struct device *device = handle_find(self->state->node.objects, owner);
    struct handover *handover = device == NULL ? NULL : handover_of(device);

    if (count < SILENT_AT || handover == NULL || handover->message == 0 || handover->silent ||
        self->silent / SILENT_TIMES >= self->options.window_max)
        return;
    handover->silent = true;
    self->silent++;
    self->outstanding--;
    if (!list_empty(&self->turns))
        loop_later(self->state->node.loop, &self->pump);
}

/* ---- what the relay of a message tells ---- */

void keep_rest(struct keep *self, struct span aor)
{
    const struct mailbox *mailbox = mailboxes_find(&self->state->mailboxes, aor);
    struct ways ways;

    if (mailbox == NULL)
        return;
    find_ways(self, mailbox, &ways);
    for (size_t i = 0; i < ways.count; i++) {
        struct handover *handover = handover_get(self, ways.at[i].device);

        handover->binding = ways.at[i].target.binding;
        if (handover->message == 0 && !timer_is_running(&handover->rest))
            rest(handover, NULL);
    }
}

void keep_delivered(struct keep *self, struct message *message, struct handle to)
{
    struct mailbox *mailbox = message_mailbox(message);
    struct device *device = handle_find(self->state->node.objects, to);
    const struct message *next;
    struct handover *handover;

    /* It may come before the message is committed: a mark beyond one that is dropped harms nothing.
     */
    if (device == NULL || message_id(message) <= through_of(device))
        return;
    next = mailbox_message_above(mailbox, through_of(device));
    if (next == NULL)
        return;
    handover = handover_get(self, device);
    if (next != message) { /* relayed with one that the device has not answered yet */
        note_ahead(handover, message_id(message));
        return;
    }
    abandon(handover);
    timer_stop(timers_of(self), &handover->rest);
    (*self->delivered)++;
    advance(handover, message_id(message));
}

/* ---- life ---- */

static double outstanding_gauge(void *context)
{
    const struct keep *self = context;

    return (double)self->outstanding + self->silent;
}

static void make_metrics(struct keep *self, struct metrics *metrics)
{
    self->sent = metric_counter(metrics, "messages_sent_total", NULL,
                                "Kept messages sent to a device, first sendings");
    self->delivered = metric_counter(metrics, "messages_delivered_total", NULL,
                                     "Kept messages that a device has taken");
    self->failed = metric_counter(metrics, "messages_failed_total", NULL,
                                  "Kept messages that a device did not take now");
    self->refused = metric_counter(metrics, "messages_refused_total", NULL,
                                   "Kept messages that a device refused for good");
    self->expired = metric_counter(metrics, "messages_expired_total", NULL,
                                   "Kept messages that expired before all devices had them");
    metric_gauge(metrics, "messages_outstanding", NULL, "Kept messages on their way",
                 outstanding_gauge, self);
}

void keep_reconfigure(struct keep *self, const struct keep_options *options)
{
    self->options = *options;
    loop_later(self->state->node.loop, &self->pump);
}

struct keep *keep_new(struct state *state, struct transactions *transactions,
                      struct metrics *metrics, const struct keep_options *options)
{
    struct keep *self = calloc(1, sizeof(*self));
    const struct message_watcher watcher = {
        .context = self, .on_committed = on_message, .on_done = on_message_done};

    must(self != NULL);
    self->state = state;
    self->transactions = transactions;
    self->options = *options;
    list_init(&self->turns);
    loop_later_init(&self->pump, pump);
    buffer_init(&self->head, HEAD_BYTES_MAX);
    make_metrics(self, metrics);
    messages_watch(state->messages, &watcher);
    devices_watch(state->devices, on_device_gone, self);
    bindings_watch(state->bindings, on_binding, self);
    return self;
}

static void free_handovers(struct mailbox *mailbox, void *context)
{
    struct device *device = mailbox_first_device(mailbox);

    (void)context;
    for (; device != NULL; device = device_next(device))
        if (handover_of(device) != NULL)
            handover_free(handover_of(device));
}

void keep_on_relays(struct keep *self, keep_is_relayed_fn *fn, void *context)
{
    self->is_relayed = fn;
    self->is_relayed_context = context;
}

void keep_free(struct keep *self)
{
    const struct message_watcher nobody = {0};

    if (self == NULL)
        return;
    mailboxes_each(&self->state->mailboxes, free_handovers, NULL);
    messages_watch(self->state->messages, &nobody);
    devices_watch(self->state->devices, NULL, NULL);
    bindings_watch(self->state->bindings, NULL, NULL);
    loop_later_cancel(&self->pump);
    timer_stop(timers_of(self), &self->pause);
    buffer_deinit(&self->head);
    free(self);
}

static void begin(struct mailbox *mailbox, void *context)
{
    queue(context, mailbox);
}

void keep_start(struct keep *self)
{
    self->started = true;
    messages_each_mailbox(self->state->messages, begin, self);
}

void keep_stop(struct keep *self)
{
    self->started = false;
}

bool keep_is_idle(const struct keep *self)
{
    return self->outstanding == 0;
}
