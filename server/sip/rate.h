/* rate.h - max-rate, min-rate and adaptive-min-rate, parameters of Event and Subscription-State
 * (RFC 6446 section 9). */
#ifndef SIP_RATE_H
#define SIP_RATE_H

#include "server/base/buffer.h"
#include "server/base/status.h"

#include <stdint.h>

/** One NOTIFY per second. A rate counts in 10^-10 of it, which is what the grammar can say. */
#define SIP_RATE_ONE UINT64_C(10000000000)
/** 99.9999999999 per second, the greatest that the grammar can say. */
#define SIP_RATE_MAX (100 * SIP_RATE_ONE - 1)

/** 0: there is no such rate. */
struct sip_rates {
    uint64_t max;
    uint64_t min;
    uint64_t adaptive_min;
};

/**
 * Takes the three out of valid parameters; others are passed over. STATUS_MALFORMED, and `phrase`
 * says which, when one is zero, is no such number, or stands twice.
 */
MUST_USE enum status sip_rates_parse(struct span params, struct sip_rates *out,
                                     const char **phrase);

/** Appends `;max-rate=0.5` and so on; what is 0 is left out. */
void sip_rates_compose(struct buffer *out, const struct sip_rates *rates);

static inline bool sip_rates_are_none(const struct sip_rates *rates)
{
    return rates->max == 0 && rates->min == 0 && rates->adaptive_min == 0;
}

/** The reciprocal of a rate that is not 0, rounded up: waiting for it never exceeds the rate. */
int64_t sip_rate_interval_us(uint64_t rate);

/** The reciprocal of a time that is not 0: the greatest rate that does not exceed it, or the least
 * that reaches it. Never above SIP_RATE_MAX, nor 0. */
uint64_t sip_rate_within_us(int64_t interval_us);
uint64_t sip_rate_reaching_us(int64_t interval_us);

#endif
