/* transaction.c - the life of the layer, and what comes from below told apart. */
#include "server/transaction/transaction.h"

#include "server/base/must.h"
#include "server/transaction/transactions.h"
#include "server/transport/transport.h"

#include <stdlib.h>

/* Of each size; a flood's surplus is malloc()ed. */
enum { KEPT_MAX = 1 << 17 };

/* ---- kept octets ---- */

void kept_drop(struct shelf *shelf, struct kept *self)
{
    shelf_give_back(shelf, self->octets, self->len);
    blob_unref(self->body);
    *self = (struct kept){0};
}

void kept_put(struct shelf *shelf, struct kept *self, struct span head, struct blob *body)
{
    kept_drop(shelf, self);
    self->octets = shelf_alloc(shelf, head.len);
    if (head.len > 0)
        memcpy(self->octets, head.at, head.len);
    self->len = head.len;
    self->body = blob_ref(body);
}

bool transactions_send(struct transactions *self, const struct flow *to, struct span head,
                       struct blob *body)
{
    enum status status = self->sink.send(self->sink.context, to, head, body);

    /* A full queue is one more way to lose a datagram; the next retransmission sees to it. */
    return status == STATUS_OK || (status == STATUS_UNAVAILABLE && !flow_is_reliable(to));
}

void transactions_parse_again(struct transactions *self, struct span octets)
{
    static const struct sip_limits limits = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIP_HEADERS_MAX};
    struct sip_fault fault;

    /* Cut off before its body it is malformed, but the fields that are wanted are there. */
    (void)sip_parse_datagram(octets, &limits, &self->scratch, &fault);
}

/* ---- life ---- */

static void set_default(uint32_t *number, uint32_t value)
{
    if (*number == 0)
        *number = value;
}

static struct transaction_options with_defaults(const struct transaction_options *asked)
{
    struct transaction_options made = *asked;

    set_default(&made.timers.t1_ms, 500);
    set_default(&made.timers.t2_ms, 4000);
    set_default(&made.timers.t4_ms, 5000);
    set_default(&made.timers.timer_d_ms, made.timers.t1_ms * TRANSACTION_T1_TIMES); /* as H */
    set_default(&made.timers.invite_100_ms, 200);
    set_default(&made.server_max, 1000000);
    set_default(&made.client_max, 1000000);
    set_default(&made.retry_after_s, 5);
    return made;
}

static double number_at(void *context)
{
    return (double)*(const uint64_t *)context;
}

static void make_gauges(struct transactions *self, struct metrics *metrics)
{
    static const char name[] = "transactions";
    static const char help[] = "transactions alive";

    metric_gauge(metrics, name, "kind=\"server\",invite=\"no\"", help, number_at,
                 &self->server_counts[0]);
    metric_gauge(metrics, name, "kind=\"server\",invite=\"yes\"", help, number_at,
                 &self->server_counts[1]);
    metric_gauge(metrics, name, "kind=\"client\",invite=\"no\"", help, number_at,
                 &self->client_counts[0]);
    metric_gauge(metrics, name, "kind=\"client\",invite=\"yes\"", help, number_at,
                 &self->client_counts[1]);
}

static void make_counters(struct transaction_counters *self, struct metrics *metrics)
{
    static const char repeated[] = "transaction_retransmissions_total";
    static const char repeated_help[] = "messages that came or were sent again";
    static const char dropped[] = "transaction_dropped_total";
    static const char dropped_help[] = "responses that went nowhere";

    self->repeated_requests =
        metric_counter(metrics, repeated, "what=\"request\",direction=\"in\"", repeated_help);
    self->repeated_responses =
        metric_counter(metrics, repeated, "what=\"response\",direction=\"out\"", repeated_help);
    self->retransmits =
        metric_counter(metrics, repeated, "what=\"request\",direction=\"out\"", repeated_help);
    self->strays = metric_counter(metrics, dropped, "reason=\"stray\"", dropped_help);
    self->foreign = metric_counter(metrics, dropped, "reason=\"foreign\"", dropped_help);
    self->forbidden = metric_counter(metrics, dropped, "reason=\"rfc4320\"", dropped_help);
    self->timeouts = metric_counter(metrics, "transaction_timeouts_total", NULL,
                                    "client transactions without a final response");
    self->refused = metric_counter(metrics, "transaction_refused_total", NULL,
                                   "requests refused because of too many transactions");
    self->forgotten = metric_counter(metrics, "transaction_forgotten_total", NULL,
                                     "answered transactions that went before their time, for room");
    self->unanswered = metric_counter(metrics, "transaction_unanswered_total", NULL,
                                      "server transactions that ended without a final response");
}

struct transactions *transactions_new(struct timers *timers, const struct transaction_sink *sink,
                                      struct metrics *metrics,
                                      const struct transaction_options *options)
{
    struct transactions *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->timers = timers;
    self->sink = *sink;
    self->options = with_defaults(options);
    self->shelf = shelf_new(KEPT_MAX);
    table_init(&self->server_table);
    server_transactions_init(self);
    client_transactions_init(self);
    make_counters(&self->counters, metrics);
    make_gauges(self, metrics);
    return self;
}

void transactions_free(struct transactions *self)
{
    if (self == NULL)
        return;
    server_transactions_free(self);
    client_transactions_free(self);
    shelf_free(self->shelf);
    table_deinit(&self->server_table);
    free(self);
}

void transactions_on_request(struct transactions *self, transactions_request_fn *fn, void *context)
{
    self->on_request = fn;
    self->on_request_context = context;
}

void transactions_on_failure(struct transactions *self, transactions_failed_fn *fn, void *context)
{
    self->on_failure = fn;
    self->on_failure_context = context;
}

struct transaction_counts transactions_counts(const struct transactions *self)
{
    return (struct transaction_counts){
        .server = self->server_counts[0] + self->server_counts[1],
        .client = self->client_counts[0] + self->client_counts[1],
        .repeated_requests = *self->counters.repeated_requests,
        .repeated_responses = *self->counters.repeated_responses,
        .retransmits = *self->counters.retransmits,
        .timeouts = *self->counters.timeouts,
        .strays = *self->counters.strays,
        .foreign = *self->counters.foreign,
        .refused = *self->counters.refused,
        .unanswered = *self->counters.unanswered,
    };
}

/* ---- from below ---- */

void transactions_receive(void *context, struct sip_message *message, const struct flow *from)
{
    struct transactions *self = context;

    if (message->request)
        server_transactions_receive(self, message, from);
    else
        client_transactions_receive(self, message);
}

/*
 * What ICMP quotes could be made up by anyone; but a branch of ours cannot, and for a response
 * one would have to know what the client had written.
 */
void transactions_failed(void *context, const struct flow *to, struct span octets)
{
    struct transactions *self = context;

    (void)to;
    transactions_parse_again(self, octets);
    if (!self->scratch.via.has_sent_by)
        return;
    if (self->scratch.request)
        client_transactions_failed(self, self->scratch.via.branch);
    else
        server_transactions_failed(self);
}

/* ---- over a transport ---- */

static struct instant transport_sink_now(void *context)
{
    return transport_now(context);
}

static enum status transport_sink_send(void *context, const struct flow *to, struct span head,
                                       struct blob *body)
{
    return transport_send(context, to, head, body);
}

static void transport_sink_response_flow(void *context, const struct flow *arrived_on,
                                         const struct sip_via *top, struct flow *out)
{
    transport_response_flow(context, arrived_on, top, out);
}

static void transport_sink_refuse(void *context, const struct sip_message *request,
                                  const struct flow *arrived_on, int status, struct span phrase,
                                  struct span more)
{
    transport_refuse(context, request, arrived_on, status, phrase, more);
}

struct transactions *transactions_new_over(struct transport *transport, struct loop *loop,
                                           struct metrics *metrics,
                                           const struct transaction_options *options)
{
    struct transaction_sink sink = {
        .context = transport,
        .now = transport_sink_now,
        .send = transport_sink_send,
        .response_flow = transport_sink_response_flow,
        .refuse = transport_sink_refuse,
    };
    struct transactions *self = transactions_new(loop_timers(loop), &sink, metrics, options);

    transport_on_message(transport, transactions_receive, self);
    transport_on_failure(transport, transactions_failed, self);
    return self;
}

bool transactions_made_branch(const struct transactions *self, struct span branch)
{
    struct handle transaction;

    return branch_parse(&self->branch_key, self->options.node, branch, &transaction) == BRANCH_OURS;
}
