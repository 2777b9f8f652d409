/* kept.c - store and deliver: messages to accounts that are away, which then register. Each must
 * arrive once and in order, though the sender is long gone. */
#include "tests/bench/load.h"

#define SILENCE_US 10000000 /* of one mailbox, after which what it lacks is lost */
#define SETTLE_US 1000000   /* of all: long enough for what comes twice */
#define SWEEP_US 500000

static void on_stored(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct mailbox *box = &load->mailboxes[exchange->subject];

    box->busy = false;
    if (response == NULL || response->status != 202) {
        drive_failed(load, response);
        return;
    }
    box->accepted++;
    report_latency(load->report, wire_now_us() - exchange->began_us);
    drive_done(load, exchange->began_us);
}

/* The senders are other accounts: nobody who sends is a device of who receives. */
static bool store(struct load *load, uint32_t subject)
{
    uint32_t accounts = load->options.accounts;

    if (load->mailboxes[subject].busy)
        return false;
    load->operation_began_us = load->now_us;
    return message_start(load, subject, (subject + accounts / 2) % accounts, subject, on_stored);
}

/* Mailbox after mailbox, `each` times around; one message of a mailbox is in the air at most, so
 * that their order is no matter of opinion. */
static void store_all(struct load *load)
{
    uint64_t total = (uint64_t)load->options.count * load->options.each;
    uint64_t started = 0;

    while (started < total || load->in_air > 0) {
        while (started < total && load->in_air < load->options.window &&
               store(load, (uint32_t)(started % load->options.count))) {
            load->in_air++;
            started++;
        }
        drive_turn(load, 5);
    }
}

static bool is_complete(const struct mailbox *box)
{
    return box->registered && box->count >= box->accepted;
}

static void finish(struct load *load, struct mailbox *box)
{
    if (!box->busy || !is_complete(box))
        return;
    box->busy = false;
    drive_done(load, load->now_us);
}

void kept_arrived(struct load *load, struct mailbox *box)
{
    finish(load, box);
}

static void on_registered(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct mailbox *box = &load->mailboxes[exchange->subject];

    if (response == NULL || response->status / 100 != 2) {
        box->busy = false;
        drive_failed(load, response);
        return;
    }
    box->registered = true;
    box->changed_us = load->now_us;
    finish(load, box);
}

static bool fetch(struct load *load, uint32_t subject)
{
    struct mailbox *box = &load->mailboxes[subject];

    if (!register_send(load, subject, on_registered))
        return false;
    box->busy = true;
    box->changed_us = load->now_us;
    return true;
}

void kept_sweep(struct load *load)
{
    if (load->now_us < load->next_sweep_us)
        return;
    load->next_sweep_us = load->now_us + SWEEP_US;
    for (uint32_t i = 0; i < load->options.count; i++) {
        struct mailbox *box = &load->mailboxes[i];

        if (!box->busy || !box->registered || load->now_us - box->changed_us < SILENCE_US)
            continue;
        box->busy = false;
        must(load->in_air > 0);
        load->in_air--; /* count_lost() says how much it lacks */
    }
}

static void settle(struct load *load)
{
    int64_t end_us = load->now_us + SETTLE_US;

    while (load->now_us < end_us)
        drive_turn(load, 5);
}

static void count_lost(struct load *load)
{
    for (uint32_t i = 0; i < load->options.count; i++) {
        const struct mailbox *box = &load->mailboxes[i];

        if (box->count < box->accepted)
            load->report->lost += box->accepted - box->count;
    }
}

void kept_measure(struct load *load)
{
    uint32_t count = load->options.count;
    int64_t stored_us;

    drive_measure_begin(load, &load->measured);
    stored_us = load->now_us;
    store_all(load);
    load->measured.store_us = load->now_us - stored_us;
    stored_us = load->now_us;
    drive_phase(load, fetch, count, load->options.window, true, 3600);
    load->measured.deliver_us = load->now_us - stored_us;
    drive_measure_end(load);
    settle(load);
    count_lost(load);
}
