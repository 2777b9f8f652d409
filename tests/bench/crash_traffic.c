/* crash_traffic.c - creates, refreshes, modifies and removes at random, and keeps the promises. */
#include "tests/bench/crash.h"

#include <stdio.h>

#define MS ((int64_t)1000)
#define SECOND_US ((int64_t)1000000)
#define IMPATIENT_US (200 * MS)
#define SHORT_EXPIRES_S 2
#define LONG_EXPIRES_S 600

static void keep(char *out, size_t size, struct span value)
{
    if (value.len >= size)
        value.len = 0;
    if (value.len > 0)
        memcpy(out, value.at, value.len);
    out[value.len] = '\0';
}

static const char *kind_name(enum object_kind kind)
{
    switch (kind) {
    case OBJECT_BINDING:
        return "binding";
    case OBJECT_PUBLICATION:
        return "publication";
    case OBJECT_SUBSCRIPTION:
        return "subscription";
    }
    return "";
}

/* ---- what an answer means ---- */

static void on_unknown(struct crash *self, struct object *object)
{
    object->unknown = true;
    object->maybe = object->asked;
    self->last_unknown_us = self->now_us;
}

/* A removal whose first answer was lost finds nothing left to remove, and nothing to tell by. */
static bool removed_before(const struct object *object, const struct exchange *exchange,
                           unsigned status)
{
    return !object->asked.present && exchange->repeats > 0 && (status == 412 || status == 481);
}

static void on_refused(struct crash *self, struct object *object, const struct exchange *exchange,
                       unsigned status)
{
    if (status >= 500) {
        self->counts.refused++;
        on_unknown(self, object);
        return;
    }
    if (removed_before(object, exchange, status)) {
        object->sure = object->asked;
        return;
    }
    crash_violation(self, "%u to a request about %s %u of u%u, acknowledged %s at %u, tag %s%s",
                    status, kind_name(object->kind), object->number, object->account,
                    object->sure.present ? "present" : "absent", object->sure.mark,
                    object->sure.tag, exchange->repeats > 0 ? " (retransmitted)" : "");
    on_unknown(self, object);
}

/* A 200 to REGISTER lists all bindings of the AOR; ours is told by its user part. */
static struct span own_contact(const struct crash *self, const struct object *object,
                               const struct scan *response)
{
    char user[64];
    struct span rest;
    const char *end;

    (void)snprintf(user, sizeof(user), "sip:b%u-%u-%x@", object->account, object->number,
                   self->run);
    rest = scan_behind(response->head, span_of(user));
    end = span_find(rest, '\n');
    if (end == NULL)
        return rest;
    rest = span_between(rest.at, end);
    end = span_find(rest, ',');
    return end == NULL ? rest : span_between(rest.at, end);
}

static uint32_t granted_s(struct crash *self, const struct object *object,
                          const struct scan *response)
{
    struct span contact;

    if (object->kind != OBJECT_BINDING)
        return response->expires == UINT32_MAX ? 0 : response->expires;
    contact = own_contact(self, object, response);
    if (span_empty(contact) == object->asked.present)
        crash_violation(self, "the 200 to %s binding %u of u%u %s it",
                        object->asked.present ? "a REGISTER of" : "the removal of", object->number,
                        object->account, object->asked.present ? "does not list" : "still lists");
    return scan_number(scan_parameter(contact, SPAN("expires")));
}

static void learn_dialog(struct crash *self, struct object *object, struct span tag,
                         struct span contact)
{
    if (object->remote_tag[0] == '\0')
        keep(object->remote_tag, sizeof(object->remote_tag), tag);
    else if (!span_equal(tag, span_of(object->remote_tag)))
        crash_violation(self, "the dialog s%u of u%u changed its tag from %s to " SPAN_FMT,
                        object->number, object->account, object->remote_tag, SPAN_ARG(tag));
    keep(object->remote_target, sizeof(object->remote_target), scan_uri(contact));
}

static void on_accepted(struct crash *self, struct object *object, const struct exchange *exchange,
                        const struct scan *response)
{
    uint32_t expires_s = granted_s(self, object, response);
    int64_t granted_us = (int64_t)expires_s * SECOND_US;

    if (object->asked.present && expires_s == 0)
        crash_violation(self, "the %u to a request about %s %u of u%u grants 0 s%s",
                        response->status, kind_name(object->kind), object->number, object->account,
                        exchange->repeats > 0 ? " (retransmitted)" : "");
    self->counts.acknowledged++;
    self->counts.repeated += exchange->repeats > 0;
    object->sure = object->asked;
    object->unknown = false;
    object->sure.mortal_us = exchange->began_us + granted_us - 500 * MS;
    object->sure.gone_us = self->now_us + granted_us;
    if (object->kind == OBJECT_PUBLICATION && object->asked.present) {
        keep(object->sure.tag, sizeof(object->sure.tag), response->entity_tag);
        if (object->sure.tag[0] == '\0')
            crash_violation(self, "a 2xx to PUBLISH without entity-tag");
    }
    if (object->kind == OBJECT_SUBSCRIPTION)
        learn_dialog(self, object, scan_parameter(response->to, SPAN("tag")), response->contact);
    crash_log(self, "%s u%u %u %s mark=%u tag=%s expires=%u", kind_name(object->kind),
              object->account, object->number, object->sure.present ? "present" : "absent",
              object->sure.mark, object->sure.tag, expires_s);
}

static void on_final(void *context, struct exchange *exchange, const struct scan *response)
{
    struct crash *self = context;
    struct object *object = &self->objects[exchange->subject];

    object->busy = false;
    if (response == NULL) {
        self->counts.unanswered++;
        on_unknown(self, object);
    } else if (response->status >= 300) {
        on_refused(self, object, exchange, response->status);
    } else {
        on_accepted(self, object, exchange, response);
    }
}

/* ---- requests ---- */

static bool ask(struct crash *self, struct object *object, const struct request *request)
{
    struct exchange *exchange = exchange_new(&self->exchanges, 0, self->now_us);

    if (exchange == NULL)
        return false;
    message_request(&self->wire, exchange, request);
    exchange->on_final = on_final;
    exchange->context = self;
    exchange->subject = (uint32_t)(object - self->objects);
    if (crash_random(self, 100) < 10) /* gives up early: its outcome is not known */
        exchange->deadline_us = self->now_us + IMPATIENT_US;
    exchange_send(&self->exchanges, exchange, self->now_us);
    object->busy = true;
    return true;
}

static uint32_t some_expires_s(struct crash *self)
{
    return crash_random(self, 100) < 25 ? SHORT_EXPIRES_S + crash_random(self, 4) : LONG_EXPIRES_S;
}

static void ask_version(struct crash *self, struct object *object, bool present, uint32_t mark,
                        uint32_t expires_s)
{
    object->asked = (struct version){.present = present, .mark = mark};
    object->asked.mortal_us = self->now_us + (int64_t)expires_s * SECOND_US - 500 * MS;
    /* The request may be taken as late as it is given up. */
    object->asked.gone_us =
        self->now_us + (int64_t)expires_s * SECOND_US + self->exchanges.timeout_us;
}

static void ask_binding(struct crash *self, struct object *object)
{
    bool remove = object->sure.present && crash_random(self, 100) < 20;
    uint32_t expires_s = remove ? 0 : some_expires_s(self);
    char uri_bytes[CRASH_URI_BYTES];
    char registrar[CRASH_URI_BYTES];
    char contact[128];
    char call_id[64];
    struct span uri = crash_uri(self, uri_bytes, object->account);
    struct request request;

    (void)snprintf(registrar, sizeof(registrar), "sip:%s", self->domain);
    (void)snprintf(contact, sizeof(contact), "<sip:b%u-%u-%x@127.0.0.1:%u>;expires=%u",
                   object->account, object->number, self->run, wire_local_port(&self->wire, 0),
                   expires_s);
    (void)snprintf(call_id, sizeof(call_id), "b%u-%u-%x@crash", object->account, object->number,
                   self->run);
    request = (struct request){
        .method = SPAN("REGISTER"),
        .uri = span_of(registrar),
        .from_uri = uri,
        .from_tag = SPAN("reg"),
        .to_uri = uri,
        .call_id = span_of(call_id),
        .cseq = ++object->cseq,
        .contact = span_of(contact),
    };
    ask_version(self, object, !remove, object->cseq, expires_s);
    (void)ask(self, object, &request);
}

static void ask_publication(struct crash *self, struct object *object)
{
    uint32_t draw = crash_random(self, 100);
    bool remove = object->sure.present && draw < 15;
    bool refresh = object->sure.present && draw >= 15 && draw < 35;
    uint32_t expires_s = remove ? 0 : some_expires_s(self);
    char uri_bytes[CRASH_URI_BYTES];
    char document_bytes[2048];
    char headers[256];
    char call_id[64];
    struct span uri = crash_uri(self, uri_bytes, object->account);
    struct text document = {document_bytes, 0, sizeof(document_bytes)};
    struct request request;

    if (!remove && !refresh)
        message_document(&document, uri, object->account, object->number, ++self->serial, 900);
    (void)snprintf(headers, sizeof(headers), "Event: presence\r\nExpires: %u\r\n%s%s%s", expires_s,
                   object->sure.present ? "SIP-If-Match: " : "",
                   object->sure.present ? object->sure.tag : "",
                   object->sure.present ? "\r\n" : "");
    (void)snprintf(call_id, sizeof(call_id), "p%u-%u-%x@crash", object->account, object->number,
                   self->run);
    request = (struct request){
        .method = SPAN("PUBLISH"),
        .uri = uri,
        .from_uri = uri,
        .from_tag = SPAN("pub"),
        .to_uri = uri,
        .call_id = span_of(call_id),
        .cseq = ++object->cseq,
        .headers = span_of(headers),
        .content_type = remove || refresh ? (struct span){0} : SPAN("application/pidf+xml"),
        .body = text_span(&document),
    };
    ask_version(self, object, !remove, refresh ? object->sure.mark : self->serial, expires_s);
    (void)ask(self, object, &request);
}

/* Whoever watches is neither the presentity nor the one who fetches. */
static uint32_t watcher_of(const struct crash *self, const struct object *object)
{
    return (object->account + 1 + object->number) % self->accounts;
}

static void new_dialog(struct object *object)
{
    object->life++;
    object->cseq = 0;
    object->remote_tag[0] = '\0';
    object->remote_target[0] = '\0';
    object->ended = false;
    object->notify_cseq = 0;
    memset(object->serials, 0, sizeof(object->serials));
}

static void ask_subscription(struct crash *self, struct object *object)
{
    bool remove = object->sure.present && crash_random(self, 100) < 15;
    uint32_t expires_s = remove ? 0 : some_expires_s(self);
    char from[CRASH_URI_BYTES];
    char to_bytes[CRASH_URI_BYTES];
    char headers[128];
    char call_id[64];
    struct span to = crash_uri(self, to_bytes, object->account);
    struct request request;

    if (!object->sure.present)
        new_dialog(object);
    (void)snprintf(headers, sizeof(headers),
                   "Event: presence\r\nAccept: application/pidf+xml\r\nExpires: %u\r\n", expires_s);
    (void)snprintf(call_id, sizeof(call_id), "s%u-%u-%u-%x@crash", object->account, object->number,
                   object->life, self->run);
    request = (struct request){
        .method = SPAN("SUBSCRIBE"),
        .uri = object->remote_target[0] == '\0' ? to : span_of(object->remote_target),
        .from_uri = crash_uri(self, from, watcher_of(self, object)),
        .from_tag = SPAN("sub"),
        .to_uri = to,
        .to_tag = span_of(object->remote_tag),
        .call_id = span_of(call_id),
        .cseq = ++object->cseq,
        .headers = span_of(headers),
    };
    ask_version(self, object, !remove, object->cseq, expires_s);
    (void)ask(self, object, &request);
}

void traffic_start(struct crash *self)
{
    struct object *object = &self->objects[crash_random(self, self->accounts * CRASH_ROLES)];

    if (object->busy || object->unknown)
        return;
    /* About to expire, or perhaps expired: left alone until a check has seen that it is gone. */
    if (object->sure.present && !version_must_hold(&object->sure, self->now_us + 1000 * MS))
        return;
    switch (object->kind) {
    case OBJECT_BINDING:
        ask_binding(self, object);
        break;
    case OBJECT_PUBLICATION:
        ask_publication(self, object);
        break;
    case OBJECT_SUBSCRIPTION:
        ask_subscription(self, object);
        break;
    }
}

/* ---- NOTIFYs ---- */

static void read_serials(struct span body, uint32_t account, uint32_t serials[CRASH_DEVICES])
{
    char marker[48];

    for (uint32_t device = 0; device < CRASH_DEVICES; device++) {
        (void)snprintf(marker, sizeof(marker), "m:%u:%u:", account, device);
        serials[device] = scan_number(scan_behind(body, span_of(marker)));
    }
}

bool traffic_call_id(const struct crash *self, struct span call_id, char kind, uint32_t *numbers,
                     unsigned count)
{
    char end[32];
    struct span suffix;

    (void)snprintf(end, sizeof(end), "-%x@crash", self->run);
    suffix = span_of(end);
    return call_id.len > suffix.len && call_id.at[0] == kind &&
           span_equal(span_skip(call_id, call_id.len - suffix.len), suffix) &&
           scan_dashed(span_skip(call_id, 1), numbers, count) == count;
}

/* Serials only grow: what a NOTIFY shows may be gone, but never older than what was shown. */
static void show(struct crash *self, struct object *object, const struct scan *notify)
{
    uint32_t serials[CRASH_DEVICES];

    read_serials(notify->body, object->account, serials);
    for (uint32_t device = 0; device < CRASH_DEVICES; device++) {
        struct object *publication =
            crash_object(self, OBJECT_PUBLICATION, object->account, device);

        if (serials[device] != 0 && serials[device] < object->serials[device])
            crash_violation(self, "watcher s%u of u%u went back from %u to %u (CSeq %u)",
                            object->number, object->account, object->serials[device],
                            serials[device], notify->cseq);
        if (serials[device] > publication->shown)
            publication->shown = serials[device];
        object->serials[device] = serials[device];
    }
}

/* Whether the server may end this dialog now: asked for, expired, or perhaps so. */
static bool may_end(const struct crash *self, const struct object *object)
{
    if (object->busy && !object->asked.present)
        return true;
    if (object->unknown && !version_must_hold(&object->maybe, self->now_us))
        return true;
    return !version_must_hold(&object->sure, self->now_us);
}

static void judge_notify(struct crash *self, struct object *object, const struct scan *notify)
{
    uint64_t hash = crash_hash(notify->body);
    struct span tag = scan_parameter(notify->from, SPAN("tag"));

    if (notify->cseq < object->notify_cseq) {
        crash_violation(self, "watcher s%u of u%u: CSeq fell from %u to %u", object->number,
                        object->account, object->notify_cseq, notify->cseq);
        return;
    }
    if (notify->cseq == object->notify_cseq) {
        if (hash != object->notify_hash)
            crash_violation(self, "watcher s%u of u%u: CSeq %u came with two bodies",
                            object->number, object->account, notify->cseq);
        return;
    }
    self->counts.notifies++;
    object->notify_cseq = notify->cseq;
    object->notify_hash = hash;
    learn_dialog(self, object, tag, notify->contact);
    show(self, object, notify);
    if (!span_begins(notify->subscription_state, SPAN("terminated")))
        return;
    object->ended = true;
    if (!may_end(self, object))
        crash_violation(self, "watcher s%u of u%u was ended: " SPAN_FMT, object->number,
                        object->account, SPAN_ARG(notify->subscription_state));
}

static void receive_fetch(struct crash *self, uint32_t port, const struct scan *notify,
                          const uint32_t numbers[2])
{
    struct fetch *fetch = &self->fetches[numbers[0]];

    message_answer(&self->wire, port, notify, SPAN("SIP/2.0 200 OK"));
    if (numbers[1] != fetch->life)
        return;
    read_serials(notify->body, numbers[0], fetch->serials);
    fetch->notified = true;
}

void traffic_receive(struct crash *self, uint32_t port, const struct scan *request)
{
    uint32_t numbers[3];
    struct object *object;

    if (span_equal(request->method, SPAN("MESSAGE"))) {
        phone_receive(self, port, request);
        return;
    }
    if (traffic_call_id(self, request->call_id, 'f', numbers, 2) && numbers[0] < self->accounts) {
        receive_fetch(self, port, request, numbers);
        return;
    }
    if (!traffic_call_id(self, request->call_id, 's', numbers, 3) || numbers[0] >= self->accounts ||
        numbers[1] > 1) {
        message_answer(&self->wire, port, request,
                       SPAN("SIP/2.0 481 Call/Transaction Does Not Exist"));
        return;
    }
    object = crash_object(self, OBJECT_SUBSCRIPTION, numbers[0], numbers[1]);
    if (object->life != numbers[2]) { /* the last words of an earlier dialog */
        message_answer(&self->wire, port, request, SPAN("SIP/2.0 200 OK"));
        return;
    }
    judge_notify(self, object, request);
    if (self->traffic && crash_random(self, 100) < 3) /* as if the answer were lost */
        return;
    message_answer(&self->wire, port, request, SPAN("SIP/2.0 200 OK"));
}

/* ---- fetches ---- */

static void on_fetched(void *context, struct exchange *exchange, const struct scan *response)
{
    struct crash *self = context;
    struct fetch *fetch = &self->fetches[exchange->subject];

    if (exchange->detail == fetch->life)
        fetch->accepted = response != NULL && response->status < 300;
}

void traffic_fetch(struct crash *self, uint32_t account)
{
    struct exchange *exchange = exchange_new(&self->exchanges, 0, self->now_us);
    struct fetch *fetch = &self->fetches[account];
    char from[CRASH_URI_BYTES];
    char to_bytes[CRASH_URI_BYTES];
    char call_id[64];
    struct span to = crash_uri(self, to_bytes, account);
    struct request request;

    if (exchange == NULL)
        return;
    *fetch = (struct fetch){.life = fetch->life + 1};
    (void)snprintf(call_id, sizeof(call_id), "f%u-%u-%x@crash", account, fetch->life, self->run);
    request = (struct request){
        .method = SPAN("SUBSCRIBE"),
        .uri = to,
        .from_uri = crash_uri(self, from, (account + 4) % self->accounts),
        .from_tag = SPAN("fetch"),
        .to_uri = to,
        .call_id = span_of(call_id),
        .cseq = 1,
        .headers = SPAN("Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 0\r\n"),
    };
    message_request(&self->wire, exchange, &request);
    exchange->on_final = on_fetched;
    exchange->context = self;
    exchange->subject = account;
    exchange->detail = fetch->life;
    exchange_send(&self->exchanges, exchange, self->now_us);
}
