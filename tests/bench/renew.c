/* renew.c - a refresh has no body (RFC 3903 section 4.1): what is shown stays, and nobody is told.
 */
#include "tests/bench/load.h"

#define SETTLE_US 1000000

bool renew_prepare(struct load *load, uint32_t subject)
{
    if (!publish_initial(load, subject))
        return false;
    load->in_air++;
    must(subscribe_initial(load, subject)); /* drive_all() leaves room for two of each */
    return true;
}

/* What came late, too. */
void renew_judge(struct load *load)
{
    const int64_t until_us = load->now_us + SETTLE_US;

    while (load->now_us < until_us)
        drive_turn(load, 5);
    load->report->unasked += load->report->notifies;
    for (uint32_t i = 0; i < load->options.count; i++)
        load->report->stale += load->watchers[i].serial != load->publishers[i].serial;
}
