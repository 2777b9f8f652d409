/* load.h - one run of the load generator: its options, its agents, and how a workload is driven. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "tests/bench/digest.h"
#include "tests/bench/exchange.h"
#include "tests/bench/message.h"
#include "tests/bench/report.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * A run has two phases, prepare (not measured: what must exist first) and measure, and a
 * judgement after them. An operation is one request with everything that must follow from it:
 *
 *     drive_phase()  ->  workload's start_fn  ->  agent_send()  ->  [server]  ->  on_final()
 *                                                               ->  agent_notified()
 *                    <-  drive_done() or drive_failed(), exactly once per operation
 *
 * Subjects are numbered; each has at most one operation in the air.
 */
struct load;

struct options {
    const char *server;  /* "127.0.0.1:5060" */
    const char *domain;  /* accounts are uN@DOMAIN with the password "secret" */
    const char *label;   /* whom the report is about */
    uint32_t accounts;   /* N is below this */
    uint32_t count;      /* subjects: presentities, watchers or bindings */
    uint32_t window;     /* operations in the air, at most */
    double rate;         /* operations per second; 0 is a closed loop */
    double seconds;      /* of the measured phase */
    double warm_seconds; /* before it, driven alike and not counted */
    uint32_t ports;      /* sockets */
    uint32_t t1_ms;      /* RFC 3261 T1 */
    uint32_t body_bytes; /* of a published document */
    uint32_t expires_s;  /* asked for */
    uint32_t each;       /* kept: messages per account, at most MAILBOX_SERIALS */
    uint32_t operations; /* of the measured phase, in place of `seconds`; 0: by time */
    uint32_t mute;       /* silent: watchers that never answer */
    const char *cpu_of;  /* processes of the server and its database, as cpu_of_us() has them */
    bool authenticate;   /* answer digest challenges */
    bool continuous;     /* fanout: publish without waiting for the watchers */
    bool json_only;      /* no line for people */
};

/** RFC 3903: one publication of one account. */
struct publisher {
    uint32_t serial; /* of the last accepted document; 0: it was removed */
    uint32_t cseq;
    bool busy;
    char entity_tag[72];
};

/** RFC 6665: one subscription of one account to another. */
struct watcher {
    int64_t began_us;     /* of the operation in the air */
    uint32_t cseq;        /* of our last SUBSCRIBE */
    uint32_t notify_cseq; /* the highest one received */
    uint32_t serial;      /* that the last NOTIFY showed; 0 when it showed none */
    bool busy;
    bool accepted;   /* the SUBSCRIBE in the air has its 2xx */
    bool notified;   /* ... and a NOTIFY came since it was sent */
    bool fetch;      /* a SUBSCRIBE with Expires: 0: ends with its NOTIFY */
    bool mute;       /* takes NOTIFYs and answers none */
    bool terminated; /* by the server */
    char remote_tag[72];
    char remote_target[96];
};

/** RFC 3261 section 10: one binding of one account. */
struct device {
    uint32_t cseq;
    bool busy;
};

#define MAILBOX_SERIALS 16

/** RFC 3428: the messages that one account sends (message) or that are kept for it (kept). */
struct mailbox {
    uint32_t sent;      /* serial of the last one */
    uint32_t accepted;  /* how many were, by 202 (kept) */
    uint32_t arrived;   /* the highest serial that did */
    uint32_t count;     /* how many did */
    int64_t changed_us; /* when something last happened */
    bool busy;
    bool registered;                    /* kept: its REGISTER has its 200 */
    uint32_t serials[MAILBOX_SERIALS];  /* those that arrived, by serial modulo MAILBOX_SERIALS */
    uint32_t branches[MAILBOX_SERIALS]; /* their branches, hashed: the same one is a repeat */
};

/** RFC 3261 section 13, both ends of it; see invite.c. */
struct call;

/** Starts an operation on `subject`; false when it cannot have one now. */
typedef bool start_fn(struct load *load, uint32_t subject);

/** Whom watcher i watches. */
enum watched {
    WATCH_OTHERS, /* every pair is distinct */
    WATCH_OWN,    /* presentity i */
    WATCH_ONE,    /* presentity 0 */
    WATCH_LIST,   /* the list that has the number behind the last account (RFC 4662) */
};

/** What a NOTIFY shows to watcher `index`; told once, repeats not counted. */
typedef void show_fn(struct load *load, uint32_t index, const struct scan *notify);

struct workload {
    const char *name;
    const char *unit; /* what the rate counts */
    const char *about;
    start_fn *prepare;              /* once for every subject */
    start_fn *operate;              /* for subjects in turn, until the time is over */
    bool once;                      /* operate at most once on each subject */
    uint32_t window_max;            /* 0: as the options say */
    void (*measure)(struct load *); /* in place of driving `operate` */
    void (*judge)(struct load *);   /* after the measurement: counts what is stale */
    void (*sweep)(struct load *);   /* every turn: fails what does not come */
    bool personal;                  /* every subject is an account of its own */
    enum watched watched;
    show_fn *show;       /* NULL: the serial of the presentity's marker */
    bool one_presentity; /* all publishers publish for presentity 0 */
};

struct load {
    struct options options;
    const struct workload *workload;
    struct wire wire;
    struct exchange_table exchanges;
    struct credential *credentials; /* one per account, with --auth */
    struct publisher *publishers;
    struct watcher *watchers;
    struct device *devices;
    struct mailbox *mailboxes;
    struct call *calls;
    struct sight *sights;  /* order: of each watcher, one per publisher */
    struct report *report; /* of the phase in progress */
    struct report prepared;
    struct report measured;
    int64_t now_us;
    int64_t operation_began_us; /* when the operation that is being started should have begun */
    int64_t next_sweep_us;
    uint32_t in_air; /* operations */
    uint32_t run;    /* marks our Call-IDs, so that another run's NOTIFYs are known as such */
    uint32_t serial; /* of the last document made */
    uint64_t told;   /* fanout, silent, list: watchers that have shown wanted_serial */
    uint32_t wanted_serial;
    uint32_t wanted_subject; /* list: of this member */
    uint32_t members_told;   /* list: by all NOTIFYs since this was set to 0 */
};

/* drive.c */

/** One turn: sends, waits at most `wait_ms`, takes what came, runs timers. */
void drive_turn(struct load *load, int wait_ms);

/**
 * Starts operations on subjects 0 .. count-1 in turn, at most `window` at once or at the rate of
 * the options, until `seconds` have passed or, with `once`, all are done; the measured phase of
 * --operations ends with the last of them. What is in the air then is the caller's to wait for.
 */
void drive_phase(struct load *load, start_fn *start, uint32_t count, uint32_t window, bool once,
                 double seconds);

/** Like drive_phase() for every subject once and without limit of time. */
void drive_all(struct load *load, start_fn *start, uint32_t count);

/** An operation that began at `began_us` ended well. */
void drive_done(struct load *load, int64_t began_us);

/** It did not: `response` says with what, NULL is a time-out. */
void drive_failed(struct load *load, const struct scan *response);

/** It did, but what must have followed from it did not. */
void drive_lost(struct load *load);

/** Puts clocks and counters of `report` between these two. */
void drive_measure_begin(struct load *load, struct report *report);
void drive_measure_end(struct load *load);

/* agent.c */

/** "u7", "sip:u7@example.org": written to a buffer of the caller. */
#define AGENT_URI_BYTES 128
struct span agent_user(char out[AGENT_URI_BYTES], uint32_t account);
struct span agent_uri(const struct load *load, char out[AGENT_URI_BYTES], uint32_t account);

/** The socket that agent `index` uses. */
uint32_t agent_port(const struct load *load, uint32_t index);

/**
 * Sends `request` as `account`, with credentials when there are any. A challenge is answered
 * once by itself; on_final gets everything else, with `subject` and `detail` in the exchange.
 */
bool agent_send(struct load *load, uint32_t account, uint32_t port, struct request *request,
                exchange_final_fn *on_final, uint32_t subject, uint32_t detail);

/** To be called first by every on_final: true when the request was sent again with a digest. */
bool agent_challenged(struct load *load, struct exchange *exchange, uint32_t account,
                      const struct scan *response);

/** The serial in this run's marker of `presentity` in a document; 0 when there is none. */
uint32_t agent_marker(const struct load *load, struct span body, uint32_t presentity);

/* operations; each is a start_fn */

start_fn publish_initial, publish_modify;

/** Without a body (RFC 3903 section 4.1): the publication lives on, or ends. */
start_fn publish_refresh, publish_remove;

start_fn subscribe_initial, subscribe_refresh, subscribe_fetch;
start_fn register_binding;
start_fn message_send;
start_fn invite_call;

/** Takes a NOTIFY that came in on `port`, and answers it. */
void subscribe_notified(struct load *load, uint32_t port, const struct scan *notify);

/** Fails the watchers whose NOTIFY does not come. */
void subscribe_sweep(struct load *load);

/** Sends the REGISTER of the device `subject` of account `subject` modulo accounts. */
bool register_send(struct load *load, uint32_t subject, exchange_final_fn *on_final);

/** Sends one more MESSAGE to `recipient` out of mailbox `subject`. */
bool message_start(struct load *load, uint32_t subject, uint32_t sender, uint32_t recipient,
                   exchange_final_fn *on_final);

/** Takes a MESSAGE that came in on `port`, and answers it. */
void message_arrived(struct load *load, uint32_t port, const struct scan *message);

/** Tells the mailbox that one of its messages has arrived for the first time. */
void kept_arrived(struct load *load, struct mailbox *box);
void kept_sweep(struct load *load);
void kept_measure(struct load *load);

/** Makes the calls of a run, and takes a request of one: INVITE, ACK or BYE. */
void invite_init(struct load *load);
void invite_received(struct load *load, uint32_t port, const struct scan *request);

/** A 2xx that came again: its ACK must follow it (RFC 3261 section 13.2.2.4). */
void invite_answered_again(struct load *load, const struct scan *response);
void invite_sweep(struct load *load);

/** Whom watcher `index` watches, and as whom. Every pair is distinct. */
uint32_t subscribe_presentity(const struct load *load, uint32_t index);
uint32_t subscribe_account(const struct load *load, uint32_t index);

void publish_judge(struct load *load);
void fanout_measure(struct load *load);
void fanout_judge(struct load *load);

/** Publishes a change of `subject` and waits, until `until_us` at the latest, for all watchers that
 * answer; the time it took, negative when some were not told. */
int64_t fanout_wave(struct load *load, uint32_t subject, int64_t until_us);

/** Eight publishers of one presentity; init makes what is seen of them. */
void order_init(struct load *load);
void order_measure(struct load *load);
void order_judge(struct load *load);
show_fn order_show;

/** A publication and its watcher for every subject; then refreshes, which nobody is told of. */
start_fn renew_prepare;
void renew_judge(struct load *load);

/** How long the others wait when some never answer. */
void silent_measure(struct load *load);

/** A list of all accounts, one of which changes at a time. */
void list_measure(struct load *load);
show_fn list_show;

#endif
