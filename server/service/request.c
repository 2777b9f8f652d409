/* request.c - composes answers in one shared buffer; only what waits for a commit is copied. */
#include "server/service/request.h"

#include "server/base/must.h"
#include "server/base/table.h"
#include "server/sip/compose.h"
#include "server/sip/reason.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    /*
     * An answer repeats the Via and more of a request of 64 kB, longer than they came, and may list
     * all contacts of an AOR: see register.c. Whether UDP takes it is the transport's affair.
     */
    ANSWER_BYTES_MAX = 1 << 20,
    TABLE_MAX = 1 << 30, /* the cap is for new ones; what was let in before may come back */
    TAG_BYTES = 16,
    RETRY_AFTER_MIN_S = 2,
    RETRY_AFTER_JITTER_S = 8,
};

struct requests {
    struct loop *loop;
    struct log *log;
    struct transactions *transactions;
    const struct mac_key *tag_key;
    struct handle_table *table;
    uint32_t max;
    struct table merged; /* by From tag, Call-ID, CSeq: those that are worked on */
    struct buffer scratch;
    struct metrics *metrics;
    uint64_t *answers[SIP_METHODS][7]; /* by method and class */
    struct metric_histogram *seconds;
};

struct request {
    struct requests *owner;
    struct handle handle;
    struct table_link merged;
    const struct sip_message *message; /* NULL once it is held */
    const struct flow *from;
    struct handle transaction;
    struct flow flow;
    struct request_trace trace;
    int status;
    size_t line_bytes;   /* of the status line in what is composed or held */
    size_t common_bytes; /* of it and the common header fields */
    char *held;
    size_t held_bytes;
};

static void make_counters(struct requests *self)
{
    for (int method = 0; method < SIP_METHODS; method++)
        for (int class = 1; class < 7; class ++) {
            struct span name = method == SIP_METHOD_OTHER
                                   ? SPAN("other")
                                   : sip_method_name((enum sip_method)method);
            char labels[64];

            snprintf(labels, sizeof(labels), "method=\"" SPAN_FMT "\",class=\"%dxx\"",
                     SPAN_ARG(name), class);
            self->answers[method][class] = metric_counter(
                self->metrics, "answers_total", labels, "Final answers given, by method and class");
        }
}

struct requests *requests_new(struct loop *loop, struct log *log, struct metrics *metrics,
                              struct transactions *transactions, const struct mac_key *tag_key,
                              uint32_t max)
{
    struct requests *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->metrics = metrics;
    self->transactions = transactions;
    self->tag_key = tag_key;
    self->table = handle_table_new(TABLE_MAX);
    self->max = max;
    table_init(&self->merged);
    buffer_init(&self->scratch, ANSWER_BYTES_MAX);
    make_counters(self);
    self->seconds = metric_histogram(metrics, "answer_seconds",
                                     "From a request's arrival to its final answer", 0.0001);
    return self;
}

static void free_one(struct table_link *link, void *context)
{
    struct request *self = CONTAINER_OF(link, struct request, merged);

    (void)context;
    free(self->held);
    free(self);
}

void requests_free(struct requests *self)
{
    if (self == NULL)
        return;
    table_each(&self->merged, free_one, NULL);
    table_deinit(&self->merged);
    handle_table_free(self->table);
    buffer_deinit(&self->scratch);
    free(self);
}

size_t requests_count(const struct requests *self)
{
    return handle_count(self->table);
}

/* ---- one request ---- */

static uint64_t merged_hash(const struct requests *self, const struct sip_message *message)
{
    uint64_t hash = table_hash(&self->merged, message->call_id);

    hash = table_hash_more(&self->merged, hash, message->from.tag);
    return table_hash_more(
        &self->merged, hash,
        (struct span){(const char *)&message->cseq.number, sizeof(message->cseq.number)});
}

static struct request *make(struct requests *requests, const struct sip_message *message,
                            const struct flow *from, struct handle transaction)
{
    struct request *self = calloc(1, sizeof(*self));

    must(self != NULL);
    must(handle_add(requests->table, self, &self->handle) == STATUS_OK);
    self->owner = requests;
    self->message = message;
    self->from = from;
    self->flow = *from;
    self->transaction = transaction;
    self->trace = (struct request_trace){
        .id = self->handle, .began = loop_now(requests->loop), .method = message->method};
    table_add(&requests->merged, &self->merged, merged_hash(requests, message));
    return self;
}

struct request *request_new(struct requests *requests, const struct sip_message *message,
                            const struct flow *from, struct handle transaction)
{
    if (handle_count(requests->table) >= requests->max)
        return NULL;
    return make(requests, message, from, transaction);
}

struct request *request_resume(struct requests *requests, const struct sip_message *message,
                               const struct flow *from, struct handle transaction,
                               const struct request_trace *trace)
{
    struct request *self = make(requests, message, from, transaction);

    self->trace = *trace;
    return self;
}

/* The 64-bit keyed hash over all three stands for comparing them: a collision costs a client that
 * cannot choose it one 482. */
bool request_is_merged(const struct request *self)
{
    struct table_link *link = table_first(&self->owner->merged, self->merged.hash);

    for (; link != NULL; link = table_next(link)) {
        const struct request *each = CONTAINER_OF(link, struct request, merged);

        if (each != self && each->trace.method == self->trace.method)
            return true;
    }
    return false;
}

const struct sip_message *request_message(const struct request *self)
{
    must(self->message != NULL);
    return self->message;
}

const struct flow *request_flow(const struct request *self)
{
    return &self->flow;
}

void request_name_aor(struct request *self, struct span aor)
{
    struct request_trace *trace = &self->trace;

    trace->aor_len = (uint8_t)(aor.len < AOR_LOGGED_MAX ? aor.len : AOR_LOGGED_MAX);
    if (trace->aor_len > 0)
        memcpy(trace->aor, aor.at, trace->aor_len);
}

struct handle request_transaction(const struct request *self)
{
    return self->transaction;
}

/* ---- composing ---- */

/* The same request gets the same tag, without our keeping it (RFC 3261 section 8.2.7). */
static struct span make_tag(const struct request *self, char out[TAG_BYTES + 1])
{
    uint64_t tag = mac64(self->owner->tag_key, self->message->via.text);

    tag ^= mac64(self->owner->tag_key, self->message->call_id);
    snprintf(out, TAG_BYTES + 1, "%016" PRIx64, tag);
    return (struct span){out, TAG_BYTES};
}

struct buffer *request_compose(struct request *self, int status, struct span phrase,
                               struct span to_tag, bool record_route)
{
    struct buffer *out = &self->owner->scratch;
    struct sip_source source;
    char address[ENDPOINT_TEXT_MAX];
    struct buffer address_text;
    char tag[TAG_BYTES + 1];

    buffer_reset(out);
    buffer_init_fixed(&address_text, address, sizeof(address));
    endpoint_compose_address(&self->flow.remote, &address_text);
    source.address = buffer_span(&address_text);
    source.port = self->flow.remote.port;
    self->status = status;
    sip_compose_response_head(out, request_message(self), status, phrase,
                              span_empty(to_tag) ? make_tag(self, tag) : to_tag, &source,
                              record_route);
    self->line_bytes = (size_t)(span_find(buffer_span(out), '\n') - out->at) + 1;
    self->common_bytes = out->len;
    return out;
}

static void hold(struct request *self)
{
    struct buffer *out = &self->owner->scratch;

    sip_compose_body(out, (struct span){0}, (struct span){0});
    must(!out->overflowed);
    self->held = malloc(out->len);
    must(self->held != NULL);
    memcpy(self->held, out->at, out->len);
    self->held_bytes = out->len;
    self->message = NULL;
    self->from = NULL;
}

/* ---- the ends ---- */

void requests_note_answer(const struct requests *requests, const struct request_trace *trace,
                          int status)
{
    struct span method =
        trace->method == SIP_METHOD_OTHER ? SPAN("other") : sip_method_name(trace->method);
    int64_t took_us = loop_now(requests->loop).us - trace->began.us;
    char event[16];

    (*requests->answers[trace->method][status / 100])++;
    metric_observe(requests->seconds, (double)took_us / 1e6);
    if (!log_enabled(requests->log, LOG_INFO))
        return;
    for (size_t i = 0; i < method.len && i < sizeof(event) - 1; i++)
        event[i] = (char)(method.at[i] | 0x20);
    event[method.len < sizeof(event) ? method.len : sizeof(event) - 1] = '\0';
    log_line(requests->log, LOG_INFO, event, "id=%" PRIx32 ".%" PRIx32 " aor=%.*s code=%d ms=%.1f",
             trace->id.slot, trace->id.generation, (int)trace->aor_len, trace->aor, status,
             (double)took_us / 1e3);
}

static void end(struct request *self)
{
    handle_remove(self->owner->table, self->handle);
    table_remove(&self->owner->merged, &self->merged);
    free(self->held);
    free(self);
}

static void send(struct request *self, struct span bytes)
{
    struct requests *owner = self->owner;

    server_transaction_respond(owner->transactions, self->transaction, self->status, bytes, NULL);
    requests_note_answer(owner, &self->trace, self->status);
    end(self);
}

struct request_trace request_hand_over(struct request *self)
{
    const struct request_trace trace = self->trace;

    end(self);
    return trace;
}

void request_answer(struct request *self)
{
    struct buffer *out = &self->owner->scratch;

    sip_compose_body(out, (struct span){0}, (struct span){0});
    if (out->overflowed && self->status != 513) {
        request_refuse(self, 513, "Answer Too Large");
        return;
    }
    if (out->overflowed) { /* not even that: nobody sends such a request to hear the answer */
        end(self);
        return;
    }
    send(self, buffer_span(out));
}

/* What was held as a 2xx becomes a refusal: the common header fields serve again. */
static struct buffer *compose_again(struct request *self, int status, struct span phrase)
{
    struct buffer *out = &self->owner->scratch;
    const struct span common = {self->held + self->line_bytes,
                                self->common_bytes - self->line_bytes};

    buffer_reset(out);
    self->status = status;
    buffer_printf(out, "SIP/2.0 %d ", status);
    buffer_put(out, span_empty(phrase) ? sip_reason(status) : phrase);
    buffer_put(out, SPAN("\r\n"));
    buffer_put(out, common);
    return out;
}

void request_refuse_with(struct request *self, int status, const char *phrase, const char *name,
                         struct span value)
{
    struct buffer *out = self->held != NULL ? compose_again(self, status, span_of(phrase))
                                            : request_compose(self, status, span_of(phrase),
                                                              (struct span){0}, false);

    if (name[0] != '\0')
        sip_compose_header(out, span_of(name), value);
    request_answer(self);
}

void request_refuse(struct request *self, int status, const char *phrase)
{
    request_refuse_with(self, status, phrase, "", (struct span){0});
}

static void refuse_with_number(struct request *self, int status, const char *name, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRIu64, number);

    request_refuse_with(self, status, NULL, name, (struct span){text, (size_t)len});
}

bool request_refused_by(struct request *self, enum status status, int conflict, const char *phrase)
{
    switch (status) {
    case STATUS_OK:
        return false;
    case STATUS_LIMIT:
        request_refuse(self, 413, phrase);
        return true;
    case STATUS_CONFLICT:
        request_refuse(self, conflict, phrase);
        return true;
    case STATUS_MALFORMED:
    case STATUS_NOT_FOUND:
    case STATUS_FAILED:
    case STATUS_UNAVAILABLE:
        break;
    }
    request_refuse(self, 400, phrase);
    return true;
}

void request_refuse_brief(struct request *self, uint32_t min_expires_s)
{
    refuse_with_number(self, 423, "Min-Expires", min_expires_s);
}

void request_refuse_for_now(struct request *self)
{
    refuse_with_number(self, 500, "Retry-After",
                       RETRY_AFTER_MIN_S + crypto_random_u64() % RETRY_AFTER_JITTER_S);
}

void requests_refuse_surplus(struct requests *requests, const struct sip_message *message,
                             const struct flow *from, struct handle transaction)
{
    struct request surplus = {.owner = requests, .message = message, .flow = *from};
    struct buffer *out = request_compose(&surplus, 500, span_of("Too Many Requests At A Time"),
                                         (struct span){0}, false);

    sip_compose_header_number(out, SPAN("Retry-After"), RETRY_AFTER_MIN_S);
    sip_compose_body(out, (struct span){0}, (struct span){0});
    (*requests->answers[message->method][5])++;
    server_transaction_respond(requests->transactions, transaction, 500, buffer_span(out), NULL);
}

/* ---- waiting for a commit ---- */

static void on_committed(const struct batch_waiter *waiter)
{
    const struct requests *owner = waiter->service;
    struct request *self = handle_find(owner->table, waiter->request);

    if (self != NULL) /* else it is gone; what it changed has its effect all the same */
        send(self, (struct span){self->held, self->held_bytes});
}

static void on_refused(const struct batch_waiter *waiter, enum status why)
{
    const struct requests *owner = waiter->service;
    struct request *self = handle_find(owner->table, waiter->request);

    if (self == NULL)
        return;
    if (why == STATUS_UNAVAILABLE)
        request_refuse_for_now(self);
    else
        request_refuse(self, 500, "Not Stored");
}

void request_hold_until_committed(struct request *self, struct batch *batch,
                                  const struct handle objects[], size_t count)
{
    const struct batch_waiter waiter = {
        .service = self->owner,
        .request = self->handle,
        .on_committed = on_committed,
        .on_refused = on_refused,
    };

    hold(self);
    batch_wait(batch, &waiter, objects, count);
}
