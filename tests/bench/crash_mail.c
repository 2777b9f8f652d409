/* crash_mail.c - those who write: one letter after the other, repeated until it is answered. */
#include "tests/bench/crash.h"

#include <stdio.h>
#include <stdlib.h>

#define MS ((int64_t)1000)
#define IMPATIENT_US (200 * MS)
#define AGAIN_US (150 * MS)
#define CHANGE_US (50 * MS)  /* at the most, from one change of a phone to the next */
#define SPREAD_US (900 * MS) /* over which a round's letters are spread */

uint32_t mail_phone_count(uint32_t mailbox)
{
    return mailbox % MAIL_PHONES + 1;
}

uint32_t mail_number(const struct crash *self, const struct letter *letter)
{
    return (uint32_t)(letter - self->mail.letters) + 1;
}

uint32_t mail_mailbox(const struct letter *letter)
{
    return letter->talk / MAIL_TALKS;
}

uint32_t mail_acknowledged(const struct crash *self)
{
    return (uint32_t)(self->mail.counts.kept + self->mail.counts.relayed);
}

struct span mail_body(const struct letter *letter, uint32_t number, char *out)
{
    int len = snprintf(out, MAIL_BODY_BYTES, "letter %u of talk %u; %0*u\r\n", number, letter->talk,
                       (int)(number * 37 % 700 + 1), number);

    must(len > 0 && len < MAIL_BODY_BYTES);
    return (struct span){out, (size_t)len};
}

/* Some clients have one Call-ID for a conversation, others one for each MESSAGE. */
static uint32_t call_number(uint32_t talk, uint32_t number)
{
    return talk % 2 == 0 ? 0 : number;
}

struct letter *mail_letter(struct crash *self, struct span call_id, uint32_t cseq)
{
    uint32_t numbers[2];
    struct letter *letter;

    if (!traffic_call_id(self, call_id, 'm', numbers, 2) || cseq == 0 ||
        cseq > self->mail.letter_count)
        return NULL;
    letter = &self->mail.letters[cseq - 1];
    return letter->talk == numbers[0] && call_number(letter->talk, cseq) == numbers[1] ? letter
                                                                                       : NULL;
}

/* ---- what an answer means ---- */

static void give_up(struct crash *self, struct talk *talk, struct letter *letter)
{
    letter->state = LETTER_UNKNOWN;
    talk->letter = 0;
    self->mail.counts.given_up++;
    crash_log(self, "letter %u given up after %u attempts", mail_number(self, letter),
              letter->attempts);
}

static void repeat_later(struct crash *self, struct talk *talk, struct letter *letter)
{
    if (crash_random(self, 100) < 10)
        give_up(self, talk, letter);
    else
        talk->again_us = self->now_us + AGAIN_US;
}

static bool somebody_has(const struct letter *letter)
{
    for (uint32_t i = 0; i < MAIL_PHONES; i++)
        if (letter->copies[i].arrived != 0)
            return true;
    return false;
}

static void acknowledged(struct crash *self, struct talk *talk, struct letter *letter,
                         unsigned status)
{
    letter->state = status == 202 ? LETTER_KEPT : LETTER_RELAYED;
    talk->letter = 0;
    self->counts.acknowledged++;
    *(status == 202 ? &self->mail.counts.kept : &self->mail.counts.relayed) += 1;
    crash_log(self, "letter %u talk %u: %u, attempt %u, must %x", mail_number(self, letter),
              letter->talk, status, letter->attempts, letter->must);
    if (status != 202 && !somebody_has(letter))
        crash_violation(self, "%u to letter %u of talk %u, and no phone has it", status,
                        mail_number(self, letter), letter->talk);
}

/* A phone says 482 to what it has: then the letter has reached it, though an answer was lost. */
static bool is_good(const struct letter *letter, const struct exchange *exchange, unsigned status)
{
    return status == 200 || status == 202 ||
           (status == 482 && letter->attempts + exchange->repeats > 1);
}

static void on_final(void *context, struct exchange *exchange, const struct scan *response)
{
    struct crash *self = context;
    struct talk *talk = &self->mail.talks[exchange->subject];
    struct letter *letter = &self->mail.letters[exchange->detail - 1];

    self->mail.busy--;
    talk->in_the_air = false;
    if (response == NULL) {
        self->counts.unanswered++;
        repeat_later(self, talk, letter);
    } else if (is_good(letter, exchange, response->status)) {
        acknowledged(self, talk, letter, response->status);
    } else if (response->status >= 500 && response->status < 600) {
        self->counts.refused++;
        repeat_later(self, talk, letter);
    } else {
        crash_violation(self, "%u to letter %u of talk %u", response->status, exchange->detail,
                        letter->talk);
        give_up(self, talk, letter);
    }
}

/* ---- requests ---- */

static struct letter *new_letter(struct mail *self)
{
    if (self->letter_count == self->letter_room) {
        self->letter_room = self->letter_room == 0 ? 1024 : self->letter_room * 2;
        self->letters = realloc(self->letters, self->letter_room * sizeof(struct letter));
        must(self->letters != NULL);
    }
    self->letters[self->letter_count] = (struct letter){.state = LETTER_ASKED};
    return &self->letters[self->letter_count++];
}

static uint32_t known_phones(struct crash *self, uint32_t mailbox)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < mail_phone_count(mailbox); i++)
        if (mail_phone(self, mailbox, i)->known)
            bits |= 1u << i;
    return bits;
}

/* The same octets at each attempt, but for the branch. */
static void compose(struct crash *self, struct exchange *exchange, const struct letter *letter)
{
    uint32_t number = mail_number(self, letter);
    char from[CRASH_URI_BYTES];
    char to_bytes[CRASH_URI_BYTES];
    char call_id[64];
    char body[MAIL_BODY_BYTES];
    char expires[32] = "";
    struct span to = crash_uri(self, to_bytes, self->accounts + mail_mailbox(letter));
    struct request request;

    (void)snprintf(call_id, sizeof(call_id), "m%u-%u-%x@crash", letter->talk,
                   call_number(letter->talk, number), self->run);
    if (letter->brief_s > 0)
        (void)snprintf(expires, sizeof(expires), "Expires: %u\r\n", letter->brief_s);
    request = (struct request){
        .method = SPAN("MESSAGE"),
        .uri = to,
        .from_uri = crash_uri(self, from, letter->talk % self->accounts),
        .from_tag = SPAN("msg"),
        .to_uri = to,
        .call_id = span_of(call_id),
        .cseq = number,
        .headers = span_of(expires),
        .content_type = SPAN("text/plain;charset=UTF-8"),
        .body = mail_body(letter, number, body),
    };
    message_request(&self->wire, exchange, &request);
}

static void attempt(struct crash *self, uint32_t index)
{
    struct talk *talk = &self->mail.talks[index];
    struct letter *letter = &self->mail.letters[talk->letter - 1];
    struct exchange *exchange = exchange_new(&self->exchanges, 0, self->now_us);

    must(exchange != NULL);
    compose(self, exchange, letter);
    exchange->on_final = on_final;
    exchange->context = self;
    exchange->subject = index;
    exchange->detail = talk->letter;
    if (crash_random(self, 100) < 4) /* as if the answer were lost */
        exchange->deadline_us = self->now_us + IMPATIENT_US;
    exchange_send(&self->exchanges, exchange, self->now_us);
    letter->attempts++;
    self->mail.counts.repeated += letter->attempts > 1;
    talk->in_the_air = true;
    self->mail.busy++;
}

static void write_to(struct crash *self, uint32_t index)
{
    struct letter *letter = new_letter(&self->mail);

    letter->talk = index;
    letter->began_us = self->now_us;
    letter->brief_s = crash_random(self, 100) < 5 ? 1 + crash_random(self, 3) : 0;
    letter->must = letter->brief_s > 0 ? 0 : known_phones(self, mail_mailbox(letter));
    self->mail.talks[index].letter = mail_number(self, letter);
    attempt(self, index);
}

/* ---- turns ---- */

static uint32_t talk_count(const struct crash *self)
{
    return self->mail.mailboxes * MAIL_TALKS;
}

static uint32_t under_way(const struct crash *self)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < talk_count(self); i++)
        count += self->mail.talks[i].letter != 0;
    return count;
}

static bool wants_letters(const struct crash *self)
{
    return mail_acknowledged(self) + under_way(self) < self->mail.target;
}

bool mail_is_busy(const struct crash *self)
{
    return under_way(self) > 0 || mail_acknowledged(self) < self->mail.target;
}

void mail_run(struct crash *self, uint32_t target)
{
    uint32_t missing = target > mail_acknowledged(self) ? target - mail_acknowledged(self) : 0;

    self->mail.target = target;
    self->mail.pace_us = missing == 0 ? 0 : SPREAD_US / missing;
    self->mail.next_letter_us = self->now_us;
}

static void repeat_due(struct crash *self)
{
    for (uint32_t i = 0; i < talk_count(self); i++) {
        const struct talk *talk = &self->mail.talks[i];

        if (talk->letter != 0 && !talk->in_the_air && talk->again_us <= self->now_us)
            attempt(self, i);
    }
}

/* Spread while there is traffic; what is missing at its end goes out at once. */
static void write_due(struct crash *self)
{
    struct mail *mail = &self->mail;

    for (uint32_t tries = talk_count(self); tries > 0 && wants_letters(self); tries--) {
        uint32_t index = crash_random(self, talk_count(self));

        if (self->traffic && mail->next_letter_us > self->now_us)
            return;
        if (mail->talks[index].letter != 0)
            continue;
        write_to(self, index);
        mail->next_letter_us += mail->pace_us;
    }
}

void mail_turn(struct crash *self)
{
    if (self->mail.mailboxes == 0)
        return;
    phones_answer(self);
    repeat_due(self);
    write_due(self);
    if (self->traffic && self->mail.next_change_us <= self->now_us) {
        phone_change(self);
        self->mail.next_change_us = self->now_us + crash_random(self, (uint32_t)CHANGE_US);
    }
}

/* ---- all of it ---- */

void mail_init(struct crash *self)
{
    struct mail *mail = &self->mail;

    mail->phones = calloc((size_t)mail->mailboxes * MAIL_PHONES + 1, sizeof(*mail->phones));
    mail->talks = calloc((size_t)mail->mailboxes * MAIL_TALKS + 1, sizeof(*mail->talks));
    must(mail->phones != NULL && mail->talks != NULL);
    for (uint32_t i = 0; i < mail->mailboxes * MAIL_PHONES; i++) {
        mail->phones[i].mailbox = i / MAIL_PHONES;
        mail->phones[i].number = i % MAIL_PHONES;
        mail->phones[i].port = 1;
    }
}

void mail_deinit(struct crash *self)
{
    free(self->mail.letters);
    free(self->mail.phones);
    free(self->mail.talks);
}
