/* crash_phone.c - phones: they register, move, vanish, come back, and note what they get. */
#include "tests/bench/crash.h"

#include <stdio.h>

#define MS ((int64_t)1000)
#define LONG_EXPIRES_S 30
#define LAST_EXPIRES_S 600
#define SECOND_US ((int64_t)1000000)
#define STALE_US (8 * SECOND_US) /* Timer F of the server, and what a disaster takes */
#define SLOW_US (1500 * MS)      /* at the most, until a slow phone answers */
#define KNOWN_BY_NOW_US                                                                            \
    (200 * MS) /* an answer that is older has been seen by a server that lives */

struct phone *mail_phone(struct crash *self, uint32_t mailbox, uint32_t number)
{
    return &self->mail.phones[mailbox * MAIL_PHONES + number];
}

/* ---- registrations ---- */

static void on_registered(void *context, struct exchange *exchange, const struct scan *response)
{
    struct crash *self = context;
    struct phone *phone = &self->mail.phones[exchange->subject];

    self->mail.busy--;
    phone->busy = false;
    if (response == NULL) {
        self->counts.unanswered++;
    } else if (response->status < 300) {
        self->counts.acknowledged++;
        phone->known = phone->known || phone->asked != PHONE_OFF;
        phone->state = phone->asked;
        phone->settled = phone->asked_to_last;
        crash_log(self, "phone %u-%u is %s", phone->mailbox, phone->number,
                  phone->state == PHONE_OFF ? "off" : "on");
    } else if (response->status >= 500) {
        self->counts.refused++;
    } else {
        crash_violation(self, "%u to a REGISTER of phone %u-%u", response->status, phone->mailbox,
                        phone->number);
    }
}

/* The first and the third phone have an instance, the third with a flow (RFC 5626); the second is
 * known by its User-Agent alone. */
static void put_contact(const struct crash *self, const struct phone *phone, uint32_t expires_s,
                        char *out, size_t size)
{
    char instance[96] = "";

    if (phone->number != 1)
        (void)snprintf(instance, sizeof(instance),
                       ";+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-%06x%06x>\"%s",
                       phone->mailbox, phone->number, phone->number == 2 ? ";reg-id=1" : "");
    (void)snprintf(out, size, "<sip:d%u-%u-%u-%x@127.0.0.1:%u>;expires=%u%s", phone->mailbox,
                   phone->number, phone->life, self->run, wire_local_port(&self->wire, phone->port),
                   expires_s, instance);
}

static void compose(struct crash *self, struct exchange *exchange, struct phone *phone,
                    uint32_t expires_s)
{
    char uri_bytes[CRASH_URI_BYTES];
    char registrar[CRASH_URI_BYTES];
    char contact[256];
    char call_id[64];
    char headers[96];
    struct span uri = crash_uri(self, uri_bytes, self->accounts + phone->mailbox);
    struct request request;

    put_contact(self, phone, expires_s, contact, sizeof(contact));
    (void)snprintf(registrar, sizeof(registrar), "sip:%s", self->domain);
    (void)snprintf(call_id, sizeof(call_id), "d%u-%u-%x@crash", phone->mailbox, phone->number,
                   self->run);
    (void)snprintf(headers, sizeof(headers),
                   "User-Agent: crash-%u-%u\r\nSupported: path, outbound\r\n", phone->mailbox,
                   phone->number);
    request = (struct request){
        .method = SPAN("REGISTER"),
        .uri = span_of(registrar),
        .from_uri = uri,
        .from_tag = SPAN("reg"),
        .to_uri = uri,
        .call_id = span_of(call_id),
        .cseq = ++phone->cseq,
        .contact = span_of(contact),
        .headers = span_of(headers),
    };
    message_request(&self->wire, exchange, &request);
}

/* It hears from now on, whether the answer comes or not; when it signs off, until the answer. */
static void sign(struct crash *self, struct phone *phone, enum phone_state state,
                 uint32_t expires_s)
{
    struct exchange *exchange = exchange_new(&self->exchanges, phone->port, self->now_us);

    must(exchange != NULL);
    compose(self, exchange, phone, expires_s);
    exchange->on_final = on_registered;
    exchange->context = self;
    exchange->subject = (uint32_t)(phone - self->mail.phones);
    exchange_send(&self->exchanges, exchange, self->now_us);
    phone->busy = true;
    phone->asked = state;
    phone->asked_to_last = !self->traffic;
    phone->settled = false;
    if (state != PHONE_OFF)
        phone->state = state;
    self->mail.busy++;
    self->mail.counts.registers++;
}

static uint32_t some_expires_s(struct crash *self)
{
    return crash_random(self, 100) < 25 ? 1 + crash_random(self, 3) : LONG_EXPIRES_S;
}

static enum phone_state some_state(struct crash *self)
{
    uint32_t draw = crash_random(self, 100);

    return draw < 10 ? PHONE_BUSY : draw < 25 ? PHONE_SLOW : PHONE_ON;
}

static void come_back(struct crash *self, struct phone *phone)
{

    if (crash_random(self, 100) < 40) {
        phone->port = 1 + crash_random(self, MAIL_PORTS);
        phone->life++;
    }
    sign(self, phone, some_state(self), some_expires_s(self));
}

void phone_change(struct crash *self)
{
    uint32_t mailbox = crash_random(self, self->mail.mailboxes);
    struct phone *phone = mail_phone(self, mailbox, crash_random(self, mail_phone_count(mailbox)));
    uint32_t draw = crash_random(self, 100);

    if (phone->busy)
        return;
    if (phone->state == PHONE_OFF || draw < 25) {
        come_back(self, phone);
    } else if (draw < 55) {
        sign(self, phone, PHONE_OFF, 0);
    } else if (draw < 85) {
        phone->settled = false;
        phone->state = PHONE_OFF; /* its registration stays */
        crash_log(self, "phone %u-%u has vanished", phone->mailbox, phone->number);
    }
}

/* Those at places where a mailbox has no phone do not count. */
static bool exists(const struct phone *phone)
{
    return phone->number < mail_phone_count(phone->mailbox);
}

bool phones_are_on(const struct crash *self)
{
    for (uint32_t i = 0; i < self->mail.mailboxes * MAIL_PHONES; i++)
        if (exists(&self->mail.phones[i]) && !self->mail.phones[i].settled)
            return false;
    return true;
}

void phones_sign_on(struct crash *self)
{
    for (uint32_t i = 0; i < self->mail.mailboxes * MAIL_PHONES; i++) {
        struct phone *phone = &self->mail.phones[i];

        if (exists(phone) && !phone->busy && !phone->settled)
            sign(self, phone, PHONE_ON, LAST_EXPIRES_S);
    }
}

/* ---- what comes ---- */

/* Whose contact the Request-URI is, and of which life; NULL when it is none of this run. */
static struct phone *addressed(struct crash *self, const struct scan *request, uint32_t *life)
{
    uint32_t numbers[3];

    if (scan_dashed(scan_behind(request->head, SPAN("MESSAGE sip:d")), numbers, 3) != 3 ||
        numbers[0] >= self->mail.mailboxes || numbers[1] >= mail_phone_count(numbers[0]))
        return NULL;
    *life = numbers[2];
    return mail_phone(self, numbers[0], numbers[1]);
}

/* Whether this transaction has been seen before; it has from now on. */
static bool seen_before(struct copy *copy, struct span branch)
{
    uint64_t hash = crash_hash(branch);

    for (int i = 0; i < MAIL_BRANCHES; i++)
        if (copy->branches[i] == hash)
            return true;
    memmove(&copy->branches[1], &copy->branches[0], sizeof(copy->branches) - sizeof(uint64_t));
    copy->branches[0] = hash;
    return false;
}

/* Each request that a sender makes of a letter may be relayed, and by its Via is known; what was
 * kept has but the server's. */
static bool is_of_another_attempt(const struct letter *letter, const struct scan *request)
{
    const char *newline = span_find(request->vias, '\n');

    return letter->attempts > 1 && newline != NULL &&
           newline + 1 < request->vias.at + request->vias.len;
}

/* A new transaction for what this phone has already taken. */
static void judge_again(struct crash *self, const struct phone *phone, const struct letter *letter,
                        const struct scan *request)
{
    const struct copy *copy = &letter->copies[phone->number];
    bool crashed = copy->epoch != self->mail.epoch || self->mail.epoch % 2 == 1;

    self->mail.counts.copies_again++;
    if (is_of_another_attempt(letter, request))
        return;
    if (copy->durable)
        crash_violation(self,
                        "TWICE: letter %u came again to phone %u-%u, though the tables"
                        " had it as delivered",
                        mail_number(self, letter), phone->mailbox, phone->number);
    else if (!crashed && letter->attempts == 1 && copy->answered_us != 0 &&
             self->now_us - copy->answered_us > KNOWN_BY_NOW_US)
        crash_violation(self, "TWICE: letter %u came again to phone %u-%u, %.3f s after its answer",
                        mail_number(self, letter), phone->mailbox, phone->number,
                        (double)(self->now_us - copy->answered_us) / 1e6);
}

/* A relay may still be repeated until Timer F; senders repeat as well. */
static void judge_age(struct crash *self, const struct phone *phone, const struct letter *letter)
{
    int64_t age_us = self->now_us - letter->began_us - letter->brief_s * SECOND_US;

    if (letter->brief_s > 0 && letter->attempts == 1 && age_us > STALE_US)
        crash_violation(self, "STALE: letter %u came to phone %u-%u %.1f s after it had expired",
                        mail_number(self, letter), phone->mailbox, phone->number,
                        (double)age_us / 1e6);
}

static void note(struct crash *self, struct phone *phone, struct letter *letter, struct copy *copy)
{
    copy->arrived = ++phone->arrivals;
    judge_age(self, phone, letter);
    self->mail.counts.copies++;
    crash_log(self, "letter %u is at phone %u-%u", mail_number(self, letter), phone->mailbox,
              phone->number);
}

/* RFC 3261 section 8.2.2.2: some phones know a repeat by its identity. */
static void answer(struct crash *self, const struct heard *heard, const struct scan *request)
{
    const struct phone *phone = heard->phone;
    struct copy *copy = &self->mail.letters[heard->letter - 1].copies[phone->number];

    if (copy->answered_us == 0 || copy->epoch != heard->epoch) {
        copy->answered_us = self->now_us;
        copy->epoch = heard->epoch;
    }
    if (heard->again && phone->mailbox % 2 == 1)
        message_answer(&self->wire, phone->port, request, SPAN("SIP/2.0 482 Loop Detected"));
    else
        message_answer(&self->wire, phone->port, request, SPAN("SIP/2.0 200 OK"));
}

/* False when too many answers are owed. */
static bool answer_later(struct crash *self, const struct heard *heard, const struct scan *request)
{
    for (int i = 0; i < MAIL_SLOW; i++) {
        struct slow_answer *slow = &self->mail.slow[i];

        if (slow->due_us != 0 || request->head.len > sizeof(slow->head))
            continue;
        slow->due_us = self->now_us + crash_random(self, (uint32_t)SLOW_US);
        slow->heard = *heard;
        slow->len = request->head.len;
        memcpy(slow->head, request->head.at, request->head.len);
        return true;
    }
    return false;
}

void phones_answer(struct crash *self)
{
    for (int i = 0; i < MAIL_SLOW; i++) {
        struct slow_answer *slow = &self->mail.slow[i];
        struct scan request;

        if (slow->due_us == 0 || slow->due_us > self->now_us)
            continue;
        slow->due_us = 0;
        must(scan_message((struct span){slow->head, slow->len}, &request));
        if (slow->heard.phone->state != PHONE_OFF && slow->heard.phone->life == slow->heard.life)
            answer(self, &slow->heard, &request);
    }
}

static void take(struct crash *self, struct phone *phone, struct letter *letter,
                 const struct scan *request)
{
    struct copy *copy = &letter->copies[phone->number];
    bool again = copy->arrived != 0;
    bool known = seen_before(copy, scan_branch(request));
    struct heard heard = {.phone = phone,
                          .letter = mail_number(self, letter),
                          .life = phone->life,
                          .epoch = self->mail.epoch,
                          .again = again && !known};

    if (!again)
        note(self, phone, letter, copy);
    else if (!known)
        judge_again(self, phone, letter, request);
    if (self->traffic && crash_random(self, 100) < 5) /* as if the answer were lost */
        return;
    if (phone->state != PHONE_SLOW || !answer_later(self, &heard, request))
        answer(self, &heard, request);
}

/* The letter, when the MESSAGE is whole and is for this phone. */
static struct letter *letter_for(struct crash *self, const struct phone *phone,
                                 const struct scan *request)
{
    struct letter *letter = mail_letter(self, request->call_id, request->cseq);
    char body[MAIL_BODY_BYTES];

    if (letter == NULL || mail_mailbox(letter) != phone->mailbox) {
        crash_violation(self, "STRANGE: phone %u-%u got a MESSAGE " SPAN_FMT " %u", phone->mailbox,
                        phone->number, SPAN_ARG(request->call_id), request->cseq);
        return NULL;
    }
    if (!span_equal(request->body, mail_body(letter, request->cseq, body)) ||
        !span_equal(scan_parameter(request->from, SPAN("tag")), SPAN("msg"))) {
        crash_violation(self, "CHANGED: letter %u at phone %u-%u: %zu octets", request->cseq,
                        phone->mailbox, phone->number, request->body.len);
        return NULL;
    }
    return letter;
}

void phone_receive(struct crash *self, uint32_t port, const struct scan *request)
{
    uint32_t life = 0;
    struct phone *phone = addressed(self, request, &life);
    struct letter *letter;

    if (phone == NULL) {
        crash_violation(self, "STRANGE: a MESSAGE to nobody: " SPAN_FMT,
                        (int)(request->head.len < 60 ? request->head.len : 60), request->head.at);
        return;
    }
    if (phone->state == PHONE_OFF || phone->life != life)
        return;
    if (self->traffic && crash_random(self, 100) < 3) /* as if it were lost */
        return;
    letter = letter_for(self, phone, request);
    if (letter == NULL)
        return;
    if (phone->state == PHONE_BUSY)
        message_answer(&self->wire, port, request, SPAN("SIP/2.0 480 Temporarily Unavailable"));
    else
        take(self, phone, letter, request);
}
