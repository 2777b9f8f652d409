/* invite.c - calls through the server, both ends of them: INVITE, 180, 200, ACK, BYE, 200. */
#include "tests/bench/load.h"

#include <stdio.h>
#include <stdlib.h>

#define GIVE_UP_T1S 64 /* RFC 3261 section 13.3.1.4 */
#define SWEEP_US 50000
#define ROUTES_MAX 8
#define TARGET_BYTES 128
#define ROUTE_BYTES 1024
#define OK_BYTES 2048
#define ACK_MARK 0x80000000u /* no exchange has such an index: an ACK has no response */

/** The bit says that it has happened. */
enum call_step {
    CALL_RANG = 1,      /* callee: the INVITE came and was answered */
    CALL_ANSWERED = 2,  /* caller: 200 */
    CALL_CONFIRMED = 4, /* callee: ACK */
    CALL_ENDED = 8,     /* callee: BYE */
};

struct call {
    uint32_t serial; /* of the call in progress or the last one */
    bool busy;
    unsigned steps;
    int64_t began_us;
    int64_t answered_us; /* callee's first 200 */
    int64_t due_us;      /* its next repeat */
    int64_t interval_us;
    uint32_t invite_port; /* where the INVITE came in */
    uint32_t ok_len;
    char to_tag[72];
    char target[TARGET_BYTES]; /* of the dialog, as the caller has it */
    char route[ROUTE_BYTES];   /* its route set: whole Route lines */
    char ok[OK_BYTES];         /* the callee's 200 */
};

static const char sdp[] = "v=0\r\no=bench 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
                          "t=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n"
                          "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

void invite_init(struct load *load)
{
    load->calls = calloc(load->options.count, sizeof(*load->calls));
    must(load->calls != NULL);
}

static uint32_t callee_of(const struct load *load, uint32_t subject)
{
    return (subject + 1 + load->options.count / 2) % load->options.count;
}

static void keep(char *out, size_t size, struct span value)
{
    if (value.len >= size)
        value.len = 0;
    if (value.len > 0)
        memcpy(out, value.at, value.len);
    out[value.len] = '\0';
}

/* The call whose Call-ID this is; NULL when it is none of ours or an earlier one. */
static struct call *find(struct load *load, struct span call_id)
{
    char expected[64];
    uint32_t numbers[2];

    if (!span_begins(call_id, SPAN("c")) || scan_dashed(span_skip(call_id, 1), numbers, 2) != 2 ||
        numbers[0] >= load->options.count)
        return NULL;
    (void)snprintf(expected, sizeof(expected), "c%u-%u-%x@bench", numbers[0],
                   load->calls[numbers[0]].serial, load->run);
    return span_equal(call_id, span_of(expected)) ? &load->calls[numbers[0]] : NULL;
}

/* Values of Record-Route lines; commas within angle brackets are part of a URI. */
static unsigned split_routes(struct span lines, struct span out[ROUTES_MAX])
{
    const char *end = lines.at + lines.len;
    unsigned count = 0;
    const char *open = NULL;

    for (const char *at = lines.at; at < end && count < ROUTES_MAX; at++) {
        if (*at == '<')
            open = at;
        if (open != NULL && (*at == '\r' || *at == '\n' || (*at == ',' && at[-1] != '<'))) {
            out[count++] = span_between(open, at);
            open = NULL;
        }
    }
    return count;
}

/* RFC 3261 section 12.1.2: the caller's route set is the reverse. */
static void keep_route(struct call *self, struct span record_routes)
{
    struct span values[ROUTES_MAX];
    struct text out = {self->route, 0, sizeof(self->route) - 1};
    unsigned count = split_routes(record_routes, values);

    while (count > 0) {
        TEXT(&out, "Route: ");
        text_put(&out, values[--count]);
        TEXT(&out, "\r\n");
    }
    self->route[out.len] = '\0';
}

/* What the requests of one call have in common; `uris` and `call_id` hold what it points to. */
static struct request request_of(const struct load *load, const struct call *self,
                                 char uris[2][AGENT_URI_BYTES], char call_id[64])
{
    uint32_t subject = (uint32_t)(self - load->calls);

    (void)snprintf(call_id, 64, "c%u-%u-%x@bench", subject, self->serial, load->run);
    return (struct request){
        .from_uri = agent_uri(load, uris[0], subject),
        .from_tag = SPAN("caller"),
        .to_uri = agent_uri(load, uris[1], callee_of(load, subject)),
        .to_tag = span_of(self->to_tag),
        .call_id = span_of(call_id),
        .uri = span_of(self->target),
        .headers = span_of(self->route),
        .cseq = 1,
        .no_contact = true,
    };
}

static void send_ack(struct load *load, const struct call *self)
{
    uint32_t subject = (uint32_t)(self - load->calls);
    struct exchange ack = {
        .index = subject | ACK_MARK, .generation = self->serial, .port = agent_port(load, subject)};
    char uris[2][AGENT_URI_BYTES];
    char call_id[64];
    struct request request = request_of(load, self, uris, call_id);

    request.method = SPAN("ACK");
    message_request(&load->wire, &ack, &request);
    wire_send(&load->wire, ack.port, (struct span){ack.bytes, ack.len});
}

static void on_ended(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct call *self = &load->calls[exchange->subject];

    self->busy = false;
    if (response == NULL || response->status != 200)
        drive_failed(load, response);
    else if ((self->steps & CALL_ENDED) == 0)
        drive_lost(load);
    else
        drive_done(load, self->began_us);
}

/* When the callee knows that the caller knows: else a BYE may overtake the ACK. */
static void hang_up(struct load *load, struct call *self)
{
    uint32_t subject = (uint32_t)(self - load->calls);
    char uris[2][AGENT_URI_BYTES];
    char call_id[64];
    struct request request = request_of(load, self, uris, call_id);

    request.method = SPAN("BYE");
    request.cseq = 2;
    load->operation_began_us = self->began_us;
    must(agent_send(load, subject, agent_port(load, subject), &request, on_ended, subject, 0));
}

static void on_invited(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct call *self = &load->calls[exchange->subject];

    if (response == NULL || response->status != 200) {
        if (response != NULL)
            message_ack_refusal(&load->wire, exchange, response);
        self->busy = false;
        drive_failed(load, response);
        return;
    }
    keep(self->to_tag, sizeof(self->to_tag), scan_parameter(response->to, SPAN("tag")));
    keep(self->target, sizeof(self->target), scan_uri(response->contact));
    keep_route(self, response->record_routes);
    if (self->target[0] == '\0' || self->route[0] == '\0' || scan_hops(response) != 1)
        load->report->broken++;
    self->steps |= CALL_ANSWERED;
    send_ack(load, self);
}

bool invite_call(struct load *load, uint32_t subject)
{
    struct call *self = &load->calls[subject];
    uint32_t port = agent_port(load, subject);
    char uris[2][AGENT_URI_BYTES];
    char call_id[64];
    char contact[96];
    struct request request;

    if (self->busy)
        return false;
    self->serial++;
    self->steps = 0;
    self->to_tag[0] = self->target[0] = self->route[0] = '\0';
    self->began_us = load->operation_began_us;
    request = request_of(load, self, uris, call_id);
    (void)snprintf(contact, sizeof(contact), "<sip:u%u-%u@127.0.0.1:%u>", subject, subject,
                   wire_local_port(&load->wire, port));
    request.method = SPAN("INVITE");
    request.uri = request.to_uri;
    request.no_contact = false;
    request.contact = span_of(contact);
    request.content_type = SPAN("application/sdp");
    request.body = SPAN(sdp);
    self->busy = agent_send(load, subject, port, &request, on_invited, subject, 0);
    return self->busy;
}

static void repeat_ok(struct load *load, struct call *self)
{
    self->due_us = load->now_us + self->interval_us;
    wire_send(&load->wire, self->invite_port, (struct span){self->ok, self->ok_len});
}

static void take_invite(struct load *load, struct call *self, uint32_t port,
                        const struct scan *request)
{
    struct answer answer = {.status_line = SPAN("SIP/2.0 180 Ringing"), .to_tag = SPAN("callee")};
    uint32_t callee = callee_of(load, (uint32_t)(self - load->calls));
    char contact[96];
    char bytes[WIRE_SEND_BYTES];
    struct text ringing = {bytes, 0, sizeof(bytes)};
    struct text ok = {self->ok, 0, sizeof(self->ok)};

    if ((self->steps & CALL_RANG) != 0) { /* a repeat: the 200 may have been lost */
        load->report->notify_repeats++;
        repeat_ok(load, self);
        return;
    }
    (void)snprintf(contact, sizeof(contact), "<sip:u%u-%u@127.0.0.1:%u>", callee, callee,
                   wire_local_port(&load->wire, port));
    answer.contact = span_of(contact);
    message_compose_answer(&ringing, &load->wire, request, &answer);
    wire_send(&load->wire, port, text_span(&ringing));
    answer.status_line = SPAN("SIP/2.0 200 OK");
    answer.content_type = SPAN("application/sdp");
    answer.body = SPAN(sdp);
    message_compose_answer(&ok, &load->wire, request, &answer);
    self->ok_len = (uint32_t)ok.len;
    self->steps |= CALL_RANG;
    self->invite_port = port;
    self->answered_us = load->now_us;
    self->interval_us = load->exchanges.t1_us;
    if (scan_hops(request) != 2 || span_empty(request->record_routes))
        load->report->broken++;
    repeat_ok(load, self);
}

static void take_ack(struct load *load, struct call *self)
{
    if (self == NULL || (self->steps & CALL_CONFIRMED) != 0)
        return;
    self->steps |= CALL_CONFIRMED;
    if (self->busy && (self->steps & CALL_ANSWERED) != 0)
        hang_up(load, self);
}

void invite_received(struct load *load, uint32_t port, const struct scan *request)
{
    struct call *self = find(load, request->call_id);

    if (span_equal(request->method, SPAN("ACK"))) {
        take_ack(load, self);
    } else if (self == NULL) {
        message_answer(&load->wire, port, request,
                       SPAN("SIP/2.0 481 Call/Transaction Does Not Exist"));
    } else if (span_equal(request->method, SPAN("INVITE"))) {
        take_invite(load, self, port, request);
    } else {
        if (span_equal(request->method, SPAN("BYE")))
            self->steps |= CALL_ENDED;
        message_answer(&load->wire, port, request, SPAN("SIP/2.0 200 OK"));
    }
}

void invite_answered_again(struct load *load, const struct scan *response)
{
    struct call *self = find(load, response->call_id);

    if (self != NULL && response->status == 200 && (self->steps & CALL_ANSWERED) != 0 &&
        span_equal(response->method, SPAN("INVITE")))
        send_ack(load, self);
}

void invite_sweep(struct load *load)
{
    if (load->now_us < load->next_sweep_us)
        return;
    load->next_sweep_us = load->now_us + SWEEP_US;
    for (uint32_t i = 0; i < load->options.count; i++) {
        struct call *self = &load->calls[i];

        if (!self->busy || (self->steps & CALL_RANG) == 0 || (self->steps & CALL_CONFIRMED) != 0 ||
            load->now_us < self->due_us)
            continue;
        self->interval_us *= 2;
        if (self->interval_us > load->exchanges.t2_us)
            self->interval_us = load->exchanges.t2_us;
        repeat_ok(load, self);
        if ((self->steps & CALL_ANSWERED) == 0 ||
            load->now_us - self->answered_us < GIVE_UP_T1S * load->exchanges.t1_us)
            continue;
        self->busy = false; /* the caller has no transaction any more, and no ACK came */
        drive_lost(load);
    }
}
