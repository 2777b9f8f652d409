/* order.c - eight publishers of one presentity, each of whose documents carries a rising number:
 * no watcher may see a lower one after a higher, and the last NOTIFY shows what was accepted last,
 * of each publisher, and nothing else. */
#include "tests/bench/load.h"

#include <stdlib.h>

enum { PUBLISHERS = 8, REMOVE_EACH = 25 };

#define SETTLE_US 10000000

/* What a watcher has been shown of one publisher. */
struct sight {
    uint32_t serial;
    bool shown; /* else it was shown that there is none, where one had been before */
};

/* Of each watcher one per publisher, and one whose serial is the number of tuples it was shown. */
static struct sight *sights_of(const struct load *load, uint32_t watcher)
{
    return &load->sights[(size_t)watcher * (PUBLISHERS + 1)];
}

void order_init(struct load *load)
{
    load->sights = calloc((size_t)load->options.count * (PUBLISHERS + 1), sizeof(struct sight));
    must(load->sights != NULL);
}

static uint32_t tuples_in(struct span body)
{
    uint32_t count = 0;

    while ((body = scan_behind(body, SPAN("<tuple "))).len > 0)
        count++;
    return count;
}

/* What has gone must not come back as it was: its publisher begins again with a higher number. */
static bool is_older(const struct sight *sight, uint32_t serial)
{
    return serial != 0 && (serial < sight->serial || (!sight->shown && serial == sight->serial));
}

void order_show(struct load *load, uint32_t index, const struct scan *notify)
{
    struct sight *sights = sights_of(load, index);

    sights[PUBLISHERS].serial = tuples_in(notify->body);
    for (uint32_t i = 0; i < PUBLISHERS; i++) {
        const uint32_t serial = agent_marker(load, notify->body, i);

        load->report->backward += is_older(&sights[i], serial);
        sights[i].shown = serial != 0;
        if (serial != 0)
            sights[i].serial = serial;
    }
}

/* Some changes are that there is nothing any more. */
static bool change(struct load *load, uint32_t subject)
{
    struct publisher *publisher = &load->publishers[subject];

    if (publisher->busy)
        return false;
    if (publisher->serial != 0 && publisher->cseq % REMOVE_EACH == subject)
        return publish_remove(load, subject);
    return publish_modify(load, subject);
}

void order_measure(struct load *load)
{
    drive_all(load, publish_initial, PUBLISHERS);
    drive_measure_begin(load, &load->measured);
    drive_phase(load, change, PUBLISHERS, PUBLISHERS, false, load->options.seconds);
    drive_measure_end(load);
    while (load->in_air > 0)
        drive_turn(load, 5);
}

static bool shows_last(const struct load *load, uint32_t watcher)
{
    const struct sight *sights = sights_of(load, watcher);
    uint32_t tuples = 0;

    for (uint32_t i = 0; i < PUBLISHERS; i++) {
        const uint32_t serial = load->publishers[i].serial;

        if (sights[i].shown != (serial != 0) || (serial != 0 && sights[i].serial != serial))
            return false;
        tuples += serial != 0;
    }
    return sights[PUBLISHERS].serial == tuples;
}

void order_judge(struct load *load)
{
    const int64_t give_up_us = load->now_us + SETTLE_US;
    uint32_t stale;

    do {
        drive_turn(load, 5);
        stale = 0;
        for (uint32_t i = 0; i < load->options.count; i++)
            stale += !shows_last(load, i);
    } while (stale > 0 && load->now_us < give_up_us);
    load->report->stale += stale;
}
