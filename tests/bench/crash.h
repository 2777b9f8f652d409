/* crash.h - what a generator was promised by 2xx responses, and whether it was kept through
 * crashes. MESSAGEs: crash_mail.h. */
#ifndef BENCH_CRASH_H
#define BENCH_CRASH_H

#include "tests/bench/crash_mail.h"
#include "tests/bench/exchange.h"
#include "tests/bench/message.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Every account has objects: bindings, publications, and subscriptions by others. Each has at
 * most one request in the air, so what must be true of it is simple:
 *
 *     2xx                        -> the version that the request asked for, and no other
 *     no answer, 5xx             -> that one or the one before, until a check has seen which
 *     4xx to what was promised   -> a violation
 *
 * An object whose state is not known is left alone until the next check. While a version may
 * expire, either is right; a while later, during which the server was there, it must have gone.
 *
 *     [crash, restart]  ->  crash_quiesce()  ->  script: SQL to a file  ->  check_rows()
 *                       ->  check_watchers(): the old dialogs, and a fetch of every presentity
 */
struct crash;

enum object_kind {
    OBJECT_BINDING,
    OBJECT_PUBLICATION,
    OBJECT_SUBSCRIPTION,
};

#define CRASH_ROLES 6   /* per account: two of each kind */
#define CRASH_DEVICES 2 /* publications per account */
#define CRASH_TAG_BYTES 72
#define CRASH_URI_BYTES 128

/** One possible state of an object. */
struct version {
    bool present;
    uint32_t mark;     /* binding, subscription: CSeq; publication: serial of its document */
    int64_t mortal_us; /* it must hold before this moment */
    int64_t gone_us;   /* it must not hold after this one */
    char tag[CRASH_TAG_BYTES]; /* publication: entity-tag; empty when the answer did not come */
};

struct object {
    enum object_kind kind;
    uint32_t account; /* AOR, or presentity */
    uint32_t number;  /* 0 or 1 among those of its kind and account */
    bool busy;
    bool unknown;        /* `maybe` may be true as well as `sure` */
    struct version sure; /* the last one acknowledged, or seen by a check */
    struct version maybe;
    struct version asked; /* by the request in the air */
    bool row_seen;        /* by the check in progress */
    uint32_t cseq;
    uint32_t life;  /* subscription: each dialog has its own Call-ID */
    uint32_t shown; /* publication: highest serial in any NOTIFY */

    /* Of a subscription: the dialog, and what it has shown. */
    char remote_tag[CRASH_TAG_BYTES];
    char remote_target[128];
    bool ended; /* its last NOTIFY said so */
    uint32_t notify_cseq;
    uint64_t notify_hash;
    uint32_t serials[CRASH_DEVICES];
};

/** A fresh look at one presentity. */
struct fetch {
    uint32_t life;
    bool accepted;
    bool notified;
    uint32_t serials[CRASH_DEVICES];
};

struct crash_counts {
    uint64_t acknowledged;
    uint64_t refused; /* 5xx */
    uint64_t unanswered;
    uint64_t repeated; /* acknowledged after a retransmission */
    uint64_t notifies;
    uint64_t checks;
    uint64_t rows;
    uint64_t settled_unknown; /* requests without an answer that turned out either way */
    uint64_t violations;
};

struct crash {
    const char *domain;
    uint32_t accounts;
    uint32_t window;
    uint64_t seed;
    uint64_t random;
    uint32_t run;
    uint32_t serial;
    int log;
    bool traffic;
    int64_t now_us;
    int64_t up_us;    /* since then the server has been there without a break */
    int64_t grace_us; /* how late an expiry may be, counted from there: grace and pace */
    int64_t last_unknown_us;
    struct wire wire;
    struct exchange_table exchanges;
    struct object *objects;
    struct fetch *fetches;
    struct mail mail;
    struct crash_counts counts;
};

/* crash.c */

/** One turn of the loop: starts requests while traffic is on, takes what came. */
void crash_turn(struct crash *self);

/** A promise was broken. printf-like; also goes to the log. */
void crash_violation(struct crash *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** One line to the log, written before this returns. */
void crash_log(struct crash *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint32_t crash_random(struct crash *self, uint32_t below);

/** The AOR of an account, in `out`. */
struct span crash_uri(const struct crash *self, char out[CRASH_URI_BYTES], uint32_t account);

/** FNV-1a. */
uint64_t crash_hash(struct span bytes);

struct object *crash_object(struct crash *self, enum object_kind kind, uint32_t account,
                            uint32_t number);

/* crash_traffic.c */

/** Starts one request on an object drawn at random; nothing when it is busy or not known. */
void traffic_start(struct crash *self);

/** Takes a request of the server: a NOTIFY of a dialog or of a fetch. */
void traffic_receive(struct crash *self, uint32_t port, const struct scan *request);

/** Of "s3-1-7-5af2@crash" the numbers; false when the Call-ID is not of this kind and run. */
bool traffic_call_id(const struct crash *self, struct span call_id, char kind, uint32_t *numbers,
                     unsigned count);

/** Sends a SUBSCRIBE with Expires: 0 as a stranger; the answer is in fetches[account]. */
void traffic_fetch(struct crash *self, uint32_t account);

/* crash_check.c */

/** Whether the version must be true at `now_us`, or must not be now. In between, both are right. */
bool version_must_hold(const struct version *version, int64_t now_us);
bool version_must_be_gone(const struct crash *self, const struct version *version);

/**
 * Compares the rows in the file at `path` with what was promised, and settles what was unknown:
 * lines of B contact cseq | P account:device:serial entity-tag | S call-id local-tag cseq |
 * M call-id cseq (a kept message) | V call-id cseq user-agent state (of it, for one device) |
 * D user-agent (a device) | I words (an invariant is broken), separated by tabs.
 */
void check_rows(struct crash *self, const char *path);

/** Every live dialog and a fresh fetch of every presentity must show what is published. */
void check_watchers(struct crash *self);

#endif
