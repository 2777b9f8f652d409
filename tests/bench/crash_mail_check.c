/* crash_mail_check.c - letters: what was promised against the tables and against the phones. */
#include "tests/bench/crash.h"

#include <stdio.h>
#include <stdlib.h>

void mail_check_begin(struct crash *self)
{
    for (uint32_t i = 0; i < self->mail.letter_count; i++)
        self->mail.letters[i].row_seen = false;
    for (uint32_t i = 0; i < self->mail.mailboxes * MAIL_PHONES; i++)
        self->mail.phones[i].row_seen = false;
}

static struct letter *letter_of_row(struct crash *self, const char *call_id, const char *cseq)
{
    struct letter *letter = mail_letter(self, span_of(call_id), (uint32_t)strtoul(cseq, NULL, 10));

    self->mail.counts.rows++;
    if (letter == NULL)
        crash_violation(self, "STRANGE: a message %s %s is kept", call_id, cseq);
    return letter;
}

void mail_message_row(struct crash *self, const char *call_id, const char *cseq)
{
    struct letter *letter = letter_of_row(self, call_id, cseq);

    if (letter == NULL)
        return;
    if (letter->row_seen)
        crash_violation(self, "TWICE: letter %s is kept twice", cseq);
    letter->row_seen = true;
    if (letter->state == LETTER_RELAYED && letter->attempts == 1)
        crash_violation(self, "KEPT: letter %s, though its sender was told 200", cseq);
}

/* The phone whose User-Agent that is; NULL when there is none. */
static struct phone *phone_of(struct crash *self, const char *agent)
{
    uint32_t numbers[2];

    if (strncmp(agent, "crash-", 6) != 0 || scan_dashed(span_of(agent + 6), numbers, 2) != 2 ||
        numbers[0] >= self->mail.mailboxes || numbers[1] >= mail_phone_count(numbers[0])) {
        crash_violation(self, "STRANGE: a device with User-Agent %s", agent);
        return NULL;
    }
    return mail_phone(self, numbers[0], numbers[1]);
}

void mail_delivery_row(struct crash *self, const char *call_id, const char *cseq, const char *agent,
                       const char *state)
{
    struct letter *letter = letter_of_row(self, call_id, cseq);
    struct phone *phone = phone_of(self, agent);
    bool delivered = strcmp(state, "delivered") == 0;
    struct copy *copy;

    if (letter == NULL || phone == NULL)
        return;
    copy = &letter->copies[phone->number];
    if (delivered && copy->arrived == 0 && (letter->must & 1u << phone->number) != 0)
        crash_violation(self,
                        "DELIVERED, says the table: letter %s to phone %s, which has not got"
                        " it",
                        cseq, agent);
    if (!delivered && copy->durable)
        crash_violation(self, "WAITING again: letter %s for phone %s", cseq, agent);
    copy->durable = copy->durable || (delivered && copy->answered_us != 0);
}

void mail_device_row(struct crash *self, const char *agent)
{
    struct phone *phone = phone_of(self, agent);

    if (phone == NULL)
        return;
    if (phone->row_seen)
        crash_violation(self, "TWICE: phone %s is known as two devices", agent);
    phone->row_seen = true;
}

/* ---- what must have come ---- */

/* The first phone that must have the letter and has not; MAIL_PHONES when there is none. When no
 * phone was known it is enough that one has it. */
static uint32_t missing_phone(const struct letter *letter)
{
    uint32_t count = mail_phone_count(mail_mailbox(letter));
    bool somebody = false;

    for (uint32_t i = 0; i < count; i++) {
        if (letter->copies[i].arrived != 0)
            somebody = true;
        else if ((letter->must & 1u << i) != 0)
            return i;
    }
    return letter->must == 0 && !somebody ? 0 : MAIL_PHONES;
}

static bool is_due(const struct letter *letter)
{
    return letter->state == LETTER_KEPT && letter->brief_s == 0 &&
           missing_phone(letter) < MAIL_PHONES;
}

uint32_t mail_due(struct crash *self)
{
    uint32_t due = 0;

    for (uint32_t i = 0; i < self->mail.letter_count; i++)
        due += is_due(&self->mail.letters[i]);
    return due;
}

void mail_check_all(struct crash *self)
{
    for (uint32_t i = 0; i < self->mail.letter_count; i++) {
        const struct letter *letter = &self->mail.letters[i];

        if (is_due(letter))
            crash_violation(self, "NOT DELIVERED: letter %u of talk %u to phone %u-%u", i + 1,
                            letter->talk, mail_mailbox(letter), missing_phone(letter));
    }
}

/* At one phone, the letters of one sender in the order in which they were acknowledged; but when
 * one has expired, a last repeat of its relay may still come. */
static void judge_order(struct crash *self, uint32_t talk, uint32_t phone)
{
    const struct letter *last = NULL;

    for (uint32_t i = 0; i < self->mail.letter_count; i++) {
        const struct letter *letter = &self->mail.letters[i];

        if (letter->talk != talk || letter->state != LETTER_KEPT || letter->brief_s > 0 ||
            letter->copies[phone].arrived == 0)
            continue;
        if (last != NULL && letter->copies[phone].arrived < last->copies[phone].arrived)
            crash_violation(self, "OUT OF ORDER at phone %u-%u: letter %u came before letter %u",
                            mail_mailbox(letter), phone, i + 1, mail_number(self, last));
        last = letter;
    }
}

void mail_check_end(struct crash *self)
{
    for (uint32_t i = 0; i < self->mail.letter_count; i++) {
        const struct letter *letter = &self->mail.letters[i];

        if (is_due(letter) && !letter->row_seen)
            crash_violation(self,
                            "LOST: letter %u of talk %u was acknowledged, phone %u-%u has"
                            " not got it, and it is not in the table",
                            i + 1, letter->talk, mail_mailbox(letter), missing_phone(letter));
    }
    for (uint32_t i = 0; i < self->mail.mailboxes * MAIL_PHONES; i++)
        if (self->mail.phones[i].known && !self->mail.phones[i].row_seen)
            crash_violation(self, "LOST: the device of phone %u-%u", self->mail.phones[i].mailbox,
                            self->mail.phones[i].number);
    for (uint32_t i = 0; i < self->mail.mailboxes * MAIL_TALKS; i++)
        for (uint32_t phone = 0; phone < mail_phone_count(i / MAIL_TALKS); phone++)
            judge_order(self, i, phone);
}
