/* report.h - what a phase of a run counted: latencies, failures by kind, one line of JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define REPORT_STATUS_MAX 700
#define REPORT_BUCKETS 1024

/** Latencies fall into buckets 1/32 wide, so that a percentile is off by 3 % at most. */
struct report {
    uint64_t done;                      /* operations that ended well */
    uint64_t status[REPORT_STATUS_MAX]; /* operations refused, by final status */
    uint64_t timeouts;                  /* no final response within Timer F */
    uint64_t no_notify;                 /* a SUBSCRIBE was accepted and no NOTIFY came */
    uint64_t ended;                     /* subscriptions that the server ended unasked */
    uint64_t broken;                    /* what arrived was not SIP, or contradicts itself */
    uint64_t backward;                  /* a NOTIFY showed older state, or a lower CSeq */
    uint64_t lost;            /* messages that were accepted and never arrived; calls likewise */
    uint64_t doubled;         /* requests that arrived more than once, repeats not counted */
    uint64_t disordered;      /* messages that arrived behind a later one of the same sender */
    uint64_t stale;           /* watchers that do not show the last accepted publication */
    uint64_t unasked;         /* NOTIFYs that nothing was the reason for */
    uint64_t challenges;      /* 401 and 407 that were answered */
    uint64_t notifies;        /* NOTIFYs received and answered, repeats not counted */
    uint64_t arrived;         /* MESSAGEs likewise */
    uint64_t notify_repeats;  /* retransmissions of the server */
    uint64_t retransmissions; /* ours */
    uint64_t latency[REPORT_BUCKETS];
    uint64_t latency_count;
    int64_t latency_max_us;
    int64_t wall_us;
    int64_t cpu_us;         /* of the generator */
    int64_t server_cpu_us;  /* of the server and its database; 0 when nobody asked */
    int64_t store_us;       /* kept: until everything was accepted; 0 in other workloads */
    int64_t deliver_us;     /* kept: and then until everything had arrived */
    int64_t alone_us;       /* silent: to tell all, and */
    int64_t among_us;       /* to tell them among some who do not answer; medians */
    int64_t full_us;        /* list: until every member had been told */
    uint64_t full_notifies; /* in how many NOTIFYs */
};

void report_latency(struct report *self, int64_t latency_us);

/** The latency that `share` (0.5 for the median) of the operations did not exceed; in ms. */
double report_percentile_ms(const struct report *self, double share);

/** Everything that must be zero in an honest run. */
uint64_t report_failures(const struct report *self);

/** How a report is headed; `rate` is per second, in `unit`. */
struct report_title {
    const char *workload;
    const char *label; /* whom it was measured on */
    const char *unit;
    double rate;
    uint64_t counted; /* what the rate counts */
    uint64_t setup_failures;
};

/** One line for people to `people`, one JSON object on a line to `json`; either may be NULL. */
void report_print(const struct report *self, const struct report_title *title, FILE *people,
                  FILE *json);

#endif
