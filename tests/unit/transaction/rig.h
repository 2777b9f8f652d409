/* rig.h - the transaction layer on virtual time, over a sink that remembers what was sent. */
#ifndef UNIT_TRANSACTION_RIG_H
#define UNIT_TRANSACTION_RIG_H

#include "server/sip/parse.h"
#include "server/transaction/client_transaction.h"
#include "server/transaction/server_transaction.h"
#include "server/transaction/transaction.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { RIG_TEXT = 2048, RIG_BODY = 256 };

struct rig {
    struct timers *timers;
    struct metrics *metrics;
    struct transactions *transactions;
    struct instant now;
    struct flow peer;

    /* What went down. */
    enum status send_status; /* what the sink answers */
    unsigned sent;
    unsigned refused;
    int refused_status;
    char last[RIG_TEXT]; /* sent last, body included */
    struct flow last_to;

    /* What came up. */
    unsigned requests;
    enum sip_method last_method;
    struct handle transaction; /* of the last request that has one */
    struct handle meant;       /* that came with the last request */
    unsigned failures;
    unsigned results;
    enum client_outcome last_outcome;
    int last_status;
    struct handle last_owner;
    unsigned retransmits;

    struct handle client;
    char branch[BRANCH_MAX];
    size_t branch_len;
    struct sip_message message;
    char text[RIG_TEXT];
};

static inline struct instant rig_now(void *context)
{
    return ((struct rig *)context)->now;
}

static inline enum status rig_send(void *context, const struct flow *to, struct span head,
                                   struct blob *body)
{
    struct rig *rig = context;
    struct span rest = blob_span(body);

    if (rig->send_status != STATUS_OK)
        return rig->send_status;
    ck_assert_uint_lt(head.len + rest.len, sizeof(rig->last));
    memcpy(rig->last, head.at, head.len);
    if (rest.len > 0)
        memcpy(rig->last + head.len, rest.at, rest.len);
    rig->last[head.len + rest.len] = '\0';
    rig->last_to = *to;
    rig->sent++;
    return STATUS_OK;
}

static inline void rig_response_flow(void *context, const struct flow *arrived_on,
                                     const struct sip_via *top, struct flow *out)
{
    (void)context;
    (void)top;
    *out = *arrived_on;
}

static inline void rig_refuse(void *context, const struct sip_message *request,
                              const struct flow *arrived_on, int status, struct span phrase,
                              struct span more)
{
    struct rig *rig = context;

    (void)request;
    (void)arrived_on;
    (void)phrase;
    rig->refused++;
    rig->refused_status = status;
    snprintf(rig->last, sizeof(rig->last), SPAN_FMT, SPAN_ARG(more));
}

static inline void rig_on_request(void *context, struct sip_message *request,
                                  const struct flow *from, struct handle transaction,
                                  struct handle meant)
{
    struct rig *rig = context;

    ck_assert(flow_equal(from, &rig->peer));
    rig->requests++;
    rig->last_method = request->method;
    if (transaction.generation != 0)
        rig->transaction = transaction;
    rig->meant = meant;
}

static inline void rig_on_failure(void *context, struct handle transaction)
{
    struct rig *rig = context;

    ck_assert_uint_eq(transaction.generation, rig->transaction.generation);
    rig->failures++;
}

static inline void rig_on_result(void *context, struct handle owner, enum client_outcome outcome,
                                 const struct sip_message *response)
{
    struct rig *rig = context;

    rig->results++;
    rig->last_outcome = outcome;
    rig->last_status = response == NULL ? 0 : response->status;
    rig->last_owner = owner;
}

static inline void rig_on_retransmit(void *context, struct handle owner, unsigned count)
{
    struct rig *rig = context;

    (void)owner;
    rig->retransmits++;
    ck_assert_uint_eq(count, rig->retransmits);
}

static inline struct rig *rig_new(const struct transaction_options *options, bool reliable)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct transaction_sink sink = {rig, rig_now, rig_send, rig_response_flow, rig_refuse};

    ck_assert_int_eq(endpoint_parse(SPAN("192.0.2.9:5060"), &rig->peer.remote), STATUS_OK);
    if (reliable) {
        rig->peer.remote.protocol = TRANSPORT_TCP;
        rig->peer.connection = 7;
    }
    rig->now = (struct instant){1000 * US_PER_S};
    rig->timers = timers_new(rig->now);
    rig->metrics = metrics_new();
    rig->transactions = transactions_new(rig->timers, &sink, rig->metrics, options);
    transactions_on_request(rig->transactions, rig_on_request, rig);
    transactions_on_failure(rig->transactions, rig_on_failure, rig);
    return rig;
}

static inline void rig_free(struct rig *rig)
{
    transactions_free(rig->transactions);
    timers_free(rig->timers);
    metrics_free(rig->metrics);
    free(rig);
}

static inline void rig_wait(struct rig *rig, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++) {
        rig->now.us += US_PER_MS;
        timers_run(rig->timers, rig->now);
    }
}

static inline void rig_receive(struct rig *rig)
{
    struct sip_fault fault = {0};
    enum sip_parse_result result =
        sip_parse_datagram(span_of(rig->text), &sip_limits_default, &rig->message, &fault);

    ck_assert_msg(result == SIP_PARSED, "%s", fault.phrase);
    transactions_receive(rig->transactions, &rig->message, &rig->peer);
}

/* `method` in the start line and in CSeq, with a branch as it is given. */
static inline void rig_request(struct rig *rig, const char *method, const char *branch,
                               const char *to_tag)
{
    snprintf(rig->text, sizeof(rig->text),
             "%s sip:a@example.org SIP/2.0\r\n"
             "Via: SIP/2.0/UDP 192.0.2.9%s%s\r\n"
             "Max-Forwards: 70\r\n"
             "From: <sip:b@example.org>;tag=from\r\n"
             "To: <sip:a@example.org>%s%s\r\n"
             "Call-ID: call\r\n"
             "CSeq: 17 %s\r\n"
             "Content-Length: 4\r\n\r\nbody",
             method, branch[0] == '\0' ? "" : ";branch=", branch,
             to_tag[0] == '\0' ? "" : ";tag=", to_tag, method);
    rig_receive(rig);
}

static inline void rig_respond(struct rig *rig, int status)
{
    char head[RIG_TEXT];
    struct blob *body = blob_new(SPAN("the body"));

    snprintf(head, sizeof(head),
             "SIP/2.0 %d Whatever\r\n"
             "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKone;received=192.0.2.9\r\n"
             "From: <sip:b@example.org>;tag=from\r\n"
             "To: <sip:a@example.org>;tag=to\r\n"
             "Call-ID: call\r\n"
             "CSeq: 17 %s\r\n"
             "Content-Length: 8\r\n\r\n",
             status, rig->last_method == SIP_INVITE ? "INVITE" : "PUBLISH");
    server_transaction_respond(rig->transactions, rig->transaction, status, span_of(head), body);
    blob_unref(body);
}

static inline void rig_make_client(struct rig *rig, enum sip_method method)
{
    struct client_transaction_owner owner = {rig, {41, 42}, rig_on_result, rig_on_retransmit};

    ck_assert_int_eq(client_transaction_new(rig->transactions, method, &rig->peer, &owner,
                                            &rig->client, rig->branch, &rig->branch_len),
                     STATUS_OK);
}

static inline void rig_send_client(struct rig *rig, const char *method)
{
    char head[RIG_TEXT];
    struct blob *body = blob_new(SPAN("the body"));

    snprintf(head, sizeof(head),
             "%s sip:a@example.org;x=y SIP/2.0\r\n"
             "Via: SIP/2.0/UDP 192.0.2.1;branch=%.*s;rport\r\n"
             "Max-Forwards: 70\r\n"
             "Route: <sip:192.0.2.7;lr>\r\n"
             "From: <sip:b@example.org>;tag=from\r\n"
             "To: <sip:a@example.org>\r\n"
             "Call-ID: call\r\n"
             "CSeq: 17 %s\r\n"
             "Content-Length: 8\r\n\r\n",
             method, (int)rig->branch_len, rig->branch, method);
    client_transaction_send(rig->transactions, rig->client, span_of(head), body);
    blob_unref(body);
}

/* The response that the peer gives to the client transaction. */
static inline void rig_answer(struct rig *rig, int status, const char *method, struct span branch)
{
    snprintf(rig->text, sizeof(rig->text),
             "SIP/2.0 %d Whatever\r\n"
             "Via: SIP/2.0/UDP 192.0.2.1;branch=" SPAN_FMT ";rport=5060;received=192.0.2.1\r\n"
             "From: <sip:b@example.org>;tag=from\r\n"
             "To: <sip:a@example.org>;tag=theirs\r\n"
             "Call-ID: call\r\n"
             "CSeq: 17 %s\r\n"
             "Content-Length: 0\r\n\r\n",
             status, SPAN_ARG(branch), method);
    rig_receive(rig);
}

static inline struct span rig_branch(const struct rig *rig)
{
    return (struct span){rig->branch, rig->branch_len};
}

/* ---- scripts: words with an optional "=number", e.g. "request wait=500 sent=0" ---- */

/* Takes the next word. False at the end. */
static inline bool rig_word(const char **script, char word[32], int *number)
{
    size_t len = 0;
    char *end = word;

    while (**script == ' ')
        (*script)++;
    while ((*script)[len] != ' ' && (*script)[len] != '\0')
        len++;
    ck_assert_uint_lt(len, 32);
    memcpy(word, *script, len);
    word[len] = '\0';
    *script += len;
    *number = -1;
    while (*end != '\0' && *end != '=')
        end++;
    if (*end == '=') {
        *end = '\0';
        *number = (int)strtol(end + 1, NULL, 10);
    }
    return len > 0;
}

/* Compares a count with what the script says and begins to count anew. */
static inline void rig_expect(const char *name, const char *word, unsigned *count, int expected)
{
    ck_assert_msg((int)*count == expected, "%s: %s is %u, not %d", name, word, *count, expected);
    *count = 0;
}

#endif
