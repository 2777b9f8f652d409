/* drive.c - the loop, and the pace at which operations are started. */
#include "tests/bench/cpu.h"
#include "tests/bench/load.h"

static void take_response(struct load *load, const struct scan *response)
{
    if (!exchange_receive(&load->exchanges, response, load->now_us) && load->calls != NULL)
        invite_answered_again(load, response);
}

static void receive(void *context, uint32_t port, struct span datagram)
{
    struct load *load = context;
    struct scan message;

    if (datagram.len < 16) /* a keepalive */
        return;
    if (!scan_message(datagram, &message)) {
        load->report->broken++;
        return;
    }
    if (message.is_response)
        take_response(load, &message);
    else if (span_equal(message.method, SPAN("NOTIFY")))
        subscribe_notified(load, port, &message);
    else if (span_equal(message.method, SPAN("MESSAGE")))
        message_arrived(load, port, &message);
    else if (load->calls != NULL)
        invite_received(load, port, &message);
    else
        message_answer(&load->wire, port, &message, SPAN("SIP/2.0 200 OK"));
}

void drive_turn(struct load *load, int wait_ms)
{
    wire_flush(&load->wire);
    wire_poll(&load->wire, wait_ms, receive, load);
    load->now_us = wire_now_us();
    exchange_run(&load->exchanges, load->now_us);
    if (load->workload->sweep != NULL)
        load->workload->sweep(load);
}

void drive_done(struct load *load, int64_t began_us)
{
    must(load->in_air > 0);
    load->in_air--;
    load->report->done++;
    if (load->workload->measure == NULL || load->report != &load->measured)
        report_latency(load->report, wire_now_us() - began_us);
}

void drive_failed(struct load *load, const struct scan *response)
{
    must(load->in_air > 0);
    load->in_air--;
    if (response == NULL)
        load->report->timeouts++;
    else
        load->report->status[response->status]++;
}

void drive_lost(struct load *load)
{
    must(load->in_air > 0);
    load->in_air--;
    load->report->lost++;
}

void drive_measure_begin(struct load *load, struct report *report)
{
    load->report = report;
    load->now_us = wire_now_us();
    report->wall_us = -load->now_us;
    report->cpu_us = -cpu_own_us();
    report->server_cpu_us = -cpu_of_us(load->options.cpu_of);
    report->retransmissions = 0 - load->exchanges.retransmissions;
}

/* What still comes in afterwards is judged, but not counted as done. */
void drive_measure_end(struct load *load)
{
    load->report->wall_us += wire_now_us();
    load->report->cpu_us += cpu_own_us();
    load->report->server_cpu_us += cpu_of_us(load->options.cpu_of);
    load->report->retransmissions += load->exchanges.retransmissions;
}

struct pace {
    uint32_t next;    /* subject */
    uint64_t started; /* operations */
    uint64_t limit;   /* of them */
    int64_t began_us;
};

/* The moment at which the next operation should begin; in a closed loop: now. */
static int64_t due_us(const struct load *load, const struct pace *pace)
{
    if (load->options.rate <= 0)
        return load->now_us;
    return pace->began_us + (int64_t)((double)pace->started * 1e6 / load->options.rate);
}

/* Starts what may be started now. False when all operations were, or, with `once`, every subject
 * has had its turn. */
static bool start_some(struct load *load, struct pace *pace, start_fn *start, uint32_t count,
                       uint32_t window, bool once)
{
    uint32_t skipped = 0;

    while (load->in_air < window && skipped < count) {
        if ((once && pace->next >= count) || pace->started >= pace->limit)
            return false;
        load->operation_began_us = due_us(load, pace);
        if (load->operation_began_us > load->now_us)
            break;
        if (start(load, pace->next % count)) {
            load->in_air++;
            pace->started++;
        } else {
            skipped++;
        }
        pace->next = once ? pace->next + 1 : (pace->next + 1) % count;
    }
    return true;
}

static int wait_ms(const struct load *load)
{
    return load->options.rate > 0 ? 1 : 5;
}

static void drain(struct load *load)
{
    while (load->in_air > 0)
        drive_turn(load, 5);
}

void drive_phase(struct load *load, start_fn *start, uint32_t count, uint32_t window, bool once,
                 double seconds)
{
    const uint32_t operations = load->report == &load->measured ? load->options.operations : 0;
    struct pace pace = {
        .began_us = load->now_us,
        .limit = operations > 0 ? operations : UINT64_MAX,
    };
    const int64_t end_us = operations > 0 ? INT64_MAX : load->now_us + (int64_t)(seconds * 1e6);
    bool more = true;

    if (load->workload->once && load->report != &load->prepared)
        while (pace.next < count && load->watchers[pace.next].cseq > 0) /* the warm-up's */
            pace.next++;
    while (load->now_us < end_us && (more || load->in_air > 0)) {
        more = more && start_some(load, &pace, start, count, window, once);
        drive_turn(load, wait_ms(load));
    }
}

void drive_all(struct load *load, start_fn *start, uint32_t count)
{
    double rate = load->options.rate;
    uint32_t window = load->options.window < 64 ? load->options.window : 64;

    load->options.rate = 0;
    drive_phase(load, start, count, window, true, 3600);
    load->options.rate = rate;
    drain(load);
}
