/* crash_mail.h - MESSAGEs through crashes: phones that come and go, and those who write to them. */
#ifndef BENCH_CRASH_MAIL_H
#define BENCH_CRASH_MAIL_H

#include "tests/bench/scan.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * A mailbox is an account with one, two or three phones; two others write to each, one letter
 * after the other (RFC 3428 section 8). The final response says what must be true of a letter:
 *
 *     202                    -> every phone that was known before it was sent gets it, and gets it
 *                               behind what the same sender had sent with a 202 before; when no
 *                               phone was known, at least one gets it
 *     200                    -> a phone has it already
 *     5xx, no answer         -> it may arrive; the sender repeats it in a new transaction with
 *                               the same Call-ID, CSeq and From tag, or gives it up
 *     anything else          -> a violation
 *     any, and an Expires    -> as much as it can reach before
 *
 * A phone may get a letter again only when the server cannot know of its answer: because the server
 * or PostgreSQL died in between, or because the sender had repeated it. What the tables once
 * said to be delivered must never come again, nor wait again.
 */
struct crash;

#define MAIL_PHONES 3 /* of one mailbox, at the most */
#define MAIL_TALKS 2  /* who write to one mailbox */
#define MAIL_PORTS 4  /* where phones listen: the ports of the wire from 1 on */
#define MAIL_BRANCHES 4
#define MAIL_SLOW 64 /* answers that slow phones owe at a time */

enum letter_state {
    LETTER_ASKED,   /* under way */
    LETTER_KEPT,    /* 202 */
    LETTER_RELAYED, /* 200 */
    LETTER_UNKNOWN, /* 5xx, no answer; given up */
};

/** What one phone has seen of one letter. */
struct copy {
    uint32_t arrived;    /* the how manieth it was that first came to this phone; 0: not yet */
    uint32_t epoch;      /* of the crash test, when the request came that was answered */
    int64_t answered_us; /* when; 0: not yet */
    bool durable;        /* the tables have said that it is delivered */
    uint64_t branches[MAIL_BRANCHES];
};

/** One MESSAGE; its CSeq is its place among all of them, from 1. */
struct letter {
    enum letter_state state;
    uint32_t talk;
    uint32_t attempts; /* transactions */
    uint32_t must;     /* bits: the phones that were known before it was sent; brief: none */
    uint32_t brief_s;  /* its Expires: it need not arrive, and not at all later; 0: none */
    int64_t began_us;
    bool row_seen; /* by the check in progress */
    struct copy copies[MAIL_PHONES];
};

enum phone_state {
    PHONE_OFF,  /* hears nothing: unregistered, or gone without a word */
    PHONE_ON,   /* hears, whether its registration is still good or not */
    PHONE_BUSY, /* answers 480 */
    PHONE_SLOW, /* answers when a sender has perhaps been told 202 */
};

struct phone {
    enum phone_state state;
    enum phone_state asked; /* by the REGISTER in the air */
    bool busy;              /* that there is one */
    bool known;             /* a REGISTER was acknowledged */
    bool asked_to_last;     /* without traffic: it will stay as it is */
    bool settled;           /* that was acknowledged */
    bool row_seen;
    uint32_t number;
    uint32_t mailbox;
    uint32_t port; /* of the wire */
    uint32_t life; /* each move is to an address that it never had: the old one hears nothing */
    uint32_t cseq;
    uint32_t arrivals;
};

/** A MESSAGE that a phone has to answer. */
struct heard {
    struct phone *phone;
    uint32_t letter;
    uint32_t life;  /* of the phone */
    uint32_t epoch; /* a server that has begun since does not know of it */
    bool again;     /* in another transaction than the first time */
};

/** What a slow phone will answer. */
struct slow_answer {
    int64_t due_us; /* 0: none */
    struct heard heard;
    size_t len;
    char head[2048]; /* of the request */
};

/** Who writes to whom, one letter at a time. */
struct talk {
    uint32_t letter; /* the one under way, 0 when there is none */
    bool in_the_air;
    int64_t again_us; /* else: when to repeat it */
};

struct mail_counts {
    uint64_t kept;
    uint64_t relayed;
    uint64_t given_up;
    uint64_t repeated; /* by their senders, in new transactions */
    uint64_t copies;   /* first arrivals */
    uint64_t copies_again;
    uint64_t registers;
    uint64_t rows;
};

struct mail {
    uint32_t mailboxes;
    uint32_t target; /* acknowledged letters to reach */
    uint32_t busy;   /* exchanges in the air */
    uint32_t epoch;  /* odd between a disaster and the end of it */
    int64_t next_change_us;
    int64_t next_letter_us;
    int64_t pace_us;
    uint32_t letter_count;
    uint32_t letter_room;
    struct letter *letters;
    struct phone *phones;
    struct talk *talks;
    struct slow_answer slow[MAIL_SLOW];
    struct mail_counts counts;
};

/* crash_mail.c: the senders */

void mail_init(struct crash *self);
void mail_deinit(struct crash *self);

/** `target` acknowledged letters in all is where this round ends. */
void mail_run(struct crash *self, uint32_t target);

/** One turn: letters that are due; while traffic is on, phones that come and go. */
void mail_turn(struct crash *self);

/** Whether letters are under way, or are still missing in this round. */
bool mail_is_busy(const struct crash *self);

uint32_t mail_acknowledged(const struct crash *self);

/** The letter of a MESSAGE or of a row; NULL when it is none of ours. */
struct letter *mail_letter(struct crash *self, struct span call_id, uint32_t cseq);

/** The octets that its MESSAGE carries; `out` has at least MAIL_BODY_BYTES. */
#define MAIL_BODY_BYTES 1024
struct span mail_body(const struct letter *letter, uint32_t number, char *out);

/** Its place, which is its CSeq. */
uint32_t mail_number(const struct crash *self, const struct letter *letter);

uint32_t mail_mailbox(const struct letter *letter);

/** How many phones a mailbox has. */
uint32_t mail_phone_count(uint32_t mailbox);

/* crash_phone.c */

struct phone *mail_phone(struct crash *self, uint32_t mailbox, uint32_t number);

/** A phone drawn at random registers, moves, unregisters, or vanishes. */
void phone_change(struct crash *self);

/** All phones that are not on register. */
void phones_sign_on(struct crash *self);
bool phones_are_on(const struct crash *self);

/** Slow phones answer what is due. */
void phones_answer(struct crash *self);

/** Takes a MESSAGE of the server, if it is one for a phone that listens at `port`. */
void phone_receive(struct crash *self, uint32_t port, const struct scan *request);

/* crash_mail_check.c */

/** Before rows are read, for each of them, and after the last one. */
void mail_check_begin(struct crash *self);
void mail_message_row(struct crash *self, const char *call_id, const char *cseq);
void mail_delivery_row(struct crash *self, const char *call_id, const char *cseq, const char *agent,
                       const char *state);
void mail_device_row(struct crash *self, const char *agent);
void mail_check_end(struct crash *self);

/** How many letters have not reached whom they must reach. */
uint32_t mail_due(struct crash *self);

/** Says of each what is missing: at the end, when everybody is there. */
void mail_check_all(struct crash *self);

#endif
