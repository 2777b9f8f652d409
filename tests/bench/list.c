/* list.c - one watcher of a list of all accounts (RFC 4662): what the first full state costs, and
 * how long one member's change takes to come, alone and in one NOTIFY. */
#include "tests/bench/load.h"

#define FULL_WAIT_US 30000000
#define CHANGE_WAIT_US 2000000

static uint32_t members_in(struct span body)
{
    uint32_t count = 0;

    while ((body = scan_behind(body, SPAN("<resource "))).len > 0)
        count++;
    return count;
}

void list_show(struct load *load, uint32_t index, const struct scan *notify)
{
    const uint32_t serial = agent_marker(load, notify->body, load->wanted_subject);

    (void)index;
    load->members_told += members_in(notify->body);
    load->told += serial != 0 && serial == load->wanted_serial;
}

static void wait_for_all_members(struct load *load)
{
    const int64_t began_us = load->now_us;

    load->members_told = 0;
    load->operation_began_us = load->now_us;
    must(subscribe_initial(load, 0));
    load->in_air++;
    while ((load->in_air > 0 || load->members_told < load->options.accounts) &&
           load->now_us < began_us + FULL_WAIT_US)
        drive_turn(load, 1);
    load->measured.lost += load->members_told != load->options.accounts;
    load->measured.full_us = load->now_us - began_us;
    load->measured.full_notifies = load->prepared.notifies;
}

/* The NOTIFY tells of the member that changed, and of no other. */
static void change(struct load *load, uint32_t subject)
{
    int64_t took_us;

    load->members_told = 0;
    took_us = fanout_wave(load, subject, load->now_us + CHANGE_WAIT_US);
    if (took_us < 0)
        load->report->lost++;
    else
        report_latency(load->report, took_us);
    load->report->unasked += load->members_told > 1;
    while (load->publishers[subject].busy)
        drive_turn(load, 5);
}

void list_measure(struct load *load)
{
    const uint32_t publishing = load->options.accounts / 10;
    uint32_t subject = 0;
    int64_t end_us;

    drive_all(load, publish_initial, publishing);
    wait_for_all_members(load);
    drive_measure_begin(load, &load->measured);
    for (end_us = load->now_us + (int64_t)(load->options.seconds * 1e6); load->now_us < end_us;) {
        change(load, subject);
        subject = (subject + 7919) % publishing;
    }
    drive_measure_end(load);
}
