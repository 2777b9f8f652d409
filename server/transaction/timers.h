/* timers.h - how long a transaction waits for what (RFC 3261 table 4, RFC 4320, RFC 6026). */
#ifndef TRANSACTION_TIMERS_H
#define TRANSACTION_TIMERS_H

#include <stdint.h>

/** Milliseconds; zero stands for the default. Timers A to M follow from these as in the RFC. */
struct transaction_timers {
    uint32_t
        t1_ms; /* round trip; default 500. A, E, G begin with it; B, F, H, J, L, M are 64 of it */
    uint32_t t2_ms;         /* longest interval between retransmissions; default 4,000 */
    uint32_t t4_ms;         /* how long a message stays in the network; default 5,000. I, K */
    uint32_t timer_d_ms;    /* how long an INVITE client repeats its ACK; default 64 of T1 */
    uint32_t invite_100_ms; /* an INVITE not answered for so long gets its 100; default 200 */
};

/**
 * Multiples of T1 after which a transaction's peer has given up: timers B, F, H, J, L and M.
 */
enum { TRANSACTION_T1_TIMES = 64 };

#endif
