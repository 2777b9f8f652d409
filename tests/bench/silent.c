/* silent.c - waves to watchers who all answer, then to the same among some who never do. */
#include "tests/bench/load.h"

#include <stdlib.h>

enum { WAVES_MAX = 1000 };

#define WAVE_WAIT_US 10000000
#define PAUSE_US 200000 /* from wave to wave: what a mute watcher causes, comes over seconds */

static int compare(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static void pause_until(struct load *load, int64_t until_us)
{
    while (load->now_us < until_us)
        drive_turn(load, 1);
}

/* The median time to tell all who answer; 0 when there was a wave that did not reach them. */
static int64_t measure(struct load *load)
{
    const int64_t end_us = load->now_us + (int64_t)(load->options.seconds * 1e6);
    int64_t took_us[WAVES_MAX];
    size_t count = 0;

    while (count < WAVES_MAX && load->now_us < end_us) {
        const int64_t next_us = load->now_us + PAUSE_US;

        took_us[count] = fanout_wave(load, 0, load->now_us + WAVE_WAIT_US);
        if (took_us[count] < 0) {
            load->report->lost++;
            while (load->publishers[0].busy)
                drive_turn(load, 5);
            return 0;
        }
        report_latency(load->report, took_us[count++]);
        pause_until(load, next_us);
    }
    qsort(took_us, count, sizeof(took_us[0]), compare);
    return count == 0 ? 0 : took_us[count / 2];
}

void silent_measure(struct load *load)
{
    const uint32_t answering = load->options.count - load->options.mute;

    drive_all(load, publish_initial, 1);
    drive_all(load, subscribe_initial, answering);
    drive_measure_begin(load, &load->measured);
    load->measured.alone_us = measure(load);
    for (uint32_t i = answering; i < load->options.count; i++)
        load->watchers[i].mute = true;
    drive_all(load, subscribe_initial, load->options.count); /* those who are there stay so */
    load->measured.among_us = measure(load);
    drive_measure_end(load);
}
