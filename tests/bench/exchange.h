/* exchange.h - client transactions over UDP: retransmission and time-out of RFC 3261
 * section 17.1.2. */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include "tests/bench/scan.h"
#include "tests/bench/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define EXCHANGE_BYTES 3072

struct exchange;

/** The final response; `response` is NULL when none came within the time-out (Timer F). */
typedef void exchange_final_fn(void *context, struct exchange *exchange,
                               const struct scan *response);

/** One request that waits for its final response. */
struct exchange {
    exchange_final_fn *on_final;
    void *context;
    uint32_t subject; /* what the request is about, in the words of its owner */
    uint32_t detail;  /* likewise */
    uint32_t port;
    uint32_t cseq;
    int64_t began_us;    /* latency counts from here; exchange_new() says now */
    int64_t deadline_us; /* Timer F; may be changed before exchange_send() */
    uint32_t attempts;   /* challenges answered for the same operation */
    uint32_t repeats;    /* retransmissions */
    size_t len;
    char bytes[EXCHANGE_BYTES]; /* the request */

    /* Of exchange.c alone. */
    int64_t due_us;
    int64_t interval_us;
    uint32_t index;
    uint32_t generation;
    uint32_t next; /* in the free list, or in its slot of the wheel */
    uint32_t previous;
    bool busy;
    bool proceeding; /* a provisional response came: T2 from now on */
    bool invite;     /* ... and no repeats at all: RFC 3261 section 17.1.1.2 */
};

#define EXCHANGE_WHEEL 4096
#define EXCHANGE_TICK_US 5000

struct exchange_table {
    struct wire *wire;
    uint32_t capacity;
    uint32_t busy;
    uint32_t free;
    int64_t t1_us;
    int64_t t2_us;
    int64_t timeout_us; /* Timer F: 64 T1 unless changed */
    int64_t tick;       /* the last one that was run */
    uint64_t retransmissions;
    uint64_t strays; /* responses that belong to nothing: late, or sent again */
    uint32_t wheel[EXCHANGE_WHEEL];
    struct exchange *exchanges;
};

/** `t1_ms` as in RFC 3261, 500 for fair measurements; T2 is eight times as much. */
void exchange_table_init(struct exchange_table *self, struct wire *wire, uint32_t capacity,
                         uint32_t t1_ms);
void exchange_table_deinit(struct exchange_table *self);

/** A free exchange for a request of `port`; NULL when all are busy. */
struct exchange *exchange_new(struct exchange_table *self, uint32_t port, int64_t now_us);

/** Writes the branch of its Via, NUL-terminated; `size` at least 32. */
void exchange_branch(const struct exchange *exchange, char *out, size_t size);

/** Sends `exchange->bytes`. The table has it until on_final() returned. */
void exchange_send(struct exchange_table *self, struct exchange *exchange, int64_t now_us);

/**
 * Gives a response to its exchange, and ends that when the response is final. False when it
 * belongs to none: late, or sent again.
 */
bool exchange_receive(struct exchange_table *self, const struct scan *response, int64_t now_us);

/** Retransmits and times out what is due. */
void exchange_run(struct exchange_table *self, int64_t now_us);

#endif
