/* rate.c - fixed-point numbers, so that what was said is what is reflected. */
#include "server/sip/rate.h"

#include "server/base/clock.h"
#include "server/sip/parameter.h"

enum { WHOLE_DIGITS = 2, FRACTION_DIGITS = 10 };

/* One NOTIFY per microsecond: a rate divided into it is an interval in microseconds. */
#define RATE_PER_US (SIP_RATE_ONE * (uint64_t)US_PER_S)

/* ---- 1*2DIGIT ["." 1*10DIGIT], section 9.2 ---- */

/* Takes digits off `text`, at most `max`, and appends them to `*number`. Their number. */
static size_t take_digits(struct span *text, size_t max, uint64_t *number)
{
    size_t count = 0;

    for (; count < max && count < text->len && text->at[count] >= '0' && text->at[count] <= '9';
         count++)
        *number = *number * 10 + (uint64_t)(text->at[count] - '0');
    *text = span_skip(*text, count);
    return count;
}

/* Zero is not an allowed value (section 5.1). */
static bool parse_rate(struct span text, uint64_t *out)
{
    uint64_t rate = 0;
    size_t digits = 0;

    if (take_digits(&text, WHOLE_DIGITS, &rate) == 0)
        return false;
    if (text.len > 0) {
        if (text.at[0] != '.')
            return false;
        text = span_skip(text, 1);
        digits = take_digits(&text, FRACTION_DIGITS, &rate);
        if (digits == 0 || text.len > 0)
            return false;
    }
    for (; digits < FRACTION_DIGITS; digits++)
        rate *= 10;
    *out = rate;
    return rate != 0;
}

enum status sip_rates_parse(struct span params, struct sip_rates *out, const char **phrase)
{
    struct sip_rates rates = {0};
    const struct {
        struct span name;
        uint64_t *rate;
        const char *phrase;
    } known[] = {
        {SPAN("max-rate"), &rates.max, "Malformed max-rate"},
        {SPAN("min-rate"), &rates.min, "Malformed min-rate"},
        {SPAN("adaptive-min-rate"), &rates.adaptive_min, "Malformed adaptive-min-rate"},
    };
    struct sip_parameter parameter;

    while (sip_parameter_next(&params, &parameter))
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (!span_equal_nocase(parameter.name, known[i].name))
                continue;
            if (*known[i].rate != 0 || !parse_rate(parameter.value, known[i].rate)) {
                *phrase = known[i].phrase;
                return STATUS_MALFORMED;
            }
        }
    *out = rates;
    return STATUS_OK;
}

static void put_rate(struct buffer *out, struct span name, uint64_t rate)
{
    uint64_t fraction = rate % SIP_RATE_ONE;
    int digits = FRACTION_DIGITS;

    if (rate == 0)
        return;
    buffer_put_char(out, ';');
    buffer_put(out, name);
    buffer_put_char(out, '=');
    buffer_put_u64(out, rate / SIP_RATE_ONE);
    if (fraction == 0)
        return;
    for (; fraction % 10 == 0; fraction /= 10)
        digits--;
    buffer_printf(out, ".%0*llu", digits, (unsigned long long)fraction);
}

void sip_rates_compose(struct buffer *out, const struct sip_rates *rates)
{
    put_rate(out, SPAN("max-rate"), rates->max);
    put_rate(out, SPAN("min-rate"), rates->min);
    put_rate(out, SPAN("adaptive-min-rate"), rates->adaptive_min);
}

/* ---- reciprocals ---- */

int64_t sip_rate_interval_us(uint64_t rate)
{
    return (int64_t)((RATE_PER_US + rate - 1) / rate);
}

static uint64_t expressible(uint64_t rate)
{
    if (rate > SIP_RATE_MAX)
        return SIP_RATE_MAX;
    return rate == 0 ? 1 : rate;
}

uint64_t sip_rate_within_us(int64_t interval_us)
{
    return expressible(RATE_PER_US / (uint64_t)interval_us);
}

uint64_t sip_rate_reaching_us(int64_t interval_us)
{
    const uint64_t us = (uint64_t)interval_us;

    return expressible((RATE_PER_US + us - 1) / us);
}
