/* fanout.c - one presentity, many watchers: a wave begins when all have seen the last one. */
#include "tests/bench/load.h"

#define WAVE_WAIT_US 10000000
#define SETTLE_US 10000000

static bool told_all(const struct load *load)
{
    const bool some_are_mute = load->workload->measure == silent_measure;

    return load->told >= load->options.count - (some_are_mute ? load->options.mute : 0);
}

/* Waits until the publication is accepted and, unless publishing is continuous, until all show it.
 */
int64_t fanout_wave(struct load *load, uint32_t subject, int64_t until_us)
{
    struct publisher *publisher = &load->publishers[subject];

    load->operation_began_us = load->now_us;
    load->told = 0;
    load->wanted_serial = load->serial + 1;
    load->wanted_subject = subject;
    must(publish_modify(load, subject));
    load->in_air++;
    while (publisher->busy && load->now_us < until_us)
        drive_turn(load, 1);
    while (!load->options.continuous && !told_all(load) && load->now_us < until_us)
        drive_turn(load, 1);
    return told_all(load) ? load->now_us - load->operation_began_us : -1;
}

static void wave(struct load *load, int64_t until_us)
{
    const int64_t took_us = fanout_wave(load, 0, until_us);

    if (took_us >= 0)
        report_latency(load->report, took_us);
}

void fanout_measure(struct load *load)
{
    int64_t end_us;

    load->in_air++;
    load->operation_began_us = load->now_us;
    must(publish_initial(load, 0));
    while (load->publishers[0].busy)
        drive_turn(load, 1);
    for (end_us = load->now_us + (int64_t)(load->options.warm_seconds * 1e6);
         load->now_us < end_us;)
        wave(load, load->now_us + WAVE_WAIT_US);
    drive_measure_begin(load, &load->measured);
    for (end_us = load->now_us + (int64_t)(load->options.seconds * 1e6); load->now_us < end_us;)
        wave(load, end_us);
    drive_measure_end(load);
    while (load->publishers[0].busy)
        drive_turn(load, 1);
}

/* Everybody must end with what was accepted last. */
void fanout_judge(struct load *load)
{
    int64_t give_up_us = load->now_us + SETTLE_US;
    uint32_t stale;

    do {
        drive_turn(load, 5);
        stale = 0;
        for (uint32_t i = 0; i < load->options.count; i++)
            stale += load->watchers[i].serial != load->publishers[0].serial;
    } while (stale > 0 && load->now_us < give_up_us);
    load->report->stale += stale;
}
