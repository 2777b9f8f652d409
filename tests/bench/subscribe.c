/* subscribe.c - RFC 6665 from the watcher's side. */
#include "tests/bench/load.h"

#include <stdio.h>

#define NOTIFY_WAIT_US 10000000
#define SWEEP_US 500000

uint32_t subscribe_account(const struct load *load, uint32_t index)
{
    return index % load->options.accounts;
}

uint32_t subscribe_presentity(const struct load *load, uint32_t index)
{
    const uint32_t accounts = load->options.accounts;

    switch (load->workload->watched) {
    case WATCH_OTHERS:
        return (index + 1 + index / accounts) % accounts;
    case WATCH_OWN:
        return index;
    case WATCH_ONE:
        return 0;
    case WATCH_LIST:
        return accounts;
    }
    return 0;
}

static void keep(char *out, size_t size, struct span value)
{
    if (value.len >= size)
        value.len = 0;
    if (value.len > 0)
        memcpy(out, value.at, value.len);
    out[value.len] = '\0';
}

static void finish(struct load *load, struct watcher *self)
{
    if (!self->busy || !self->accepted || !self->notified)
        return;
    self->busy = false;
    drive_done(load, self->began_us);
}

static void on_subscribed(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct watcher *self = &load->watchers[exchange->subject];

    if (agent_challenged(load, exchange, subscribe_account(load, exchange->subject), response)) {
        self->cseq = exchange->cseq + 1;
        return;
    }
    if (response == NULL || response->status / 100 != 2) {
        self->busy = false;
        drive_failed(load, response);
        return;
    }
    if (response->expires == UINT32_MAX || span_empty(response->contact))
        load->report->broken++; /* RFC 6665 section 4.2.1.1 asks for both */
    if (self->remote_tag[0] == '\0')
        keep(self->remote_tag, sizeof(self->remote_tag), scan_parameter(response->to, SPAN("tag")));
    keep(self->remote_target, sizeof(self->remote_target), scan_uri(response->contact));
    self->accepted = true;
    self->began_us = exchange->began_us;
    finish(load, self);
}

/* RFC 4662 section 4.1: a list is for who says that it takes lists. */
static struct span accepted(const struct load *load)
{
    return load->workload->watched == WATCH_LIST
               ? SPAN("Supported: eventlist\r\n"
                      "Accept: application/pidf+xml, application/rlmi+xml, multipart/related\r\n")
               : SPAN("Accept: application/pidf+xml\r\n");
}

static bool subscribe(struct load *load, uint32_t index, uint32_t expires_s)
{
    struct watcher *self = &load->watchers[index];
    char from_bytes[AGENT_URI_BYTES];
    char to_bytes[AGENT_URI_BYTES];
    char call_id[48];
    char headers[256];
    const struct span accept = accepted(load);
    struct span to = agent_uri(load, to_bytes, subscribe_presentity(load, index));
    struct request request;

    (void)snprintf(call_id, sizeof(call_id), "w%u-%x@bench", index, load->run);
    (void)snprintf(headers, sizeof(headers), "Event: presence\r\nExpires: %u\r\n" SPAN_FMT,
                   expires_s, SPAN_ARG(accept));
    request = (struct request){
        .method = SPAN("SUBSCRIBE"),
        .uri = self->remote_target[0] == '\0' ? to : span_of(self->remote_target),
        .from_uri = agent_uri(load, from_bytes, subscribe_account(load, index)),
        .from_tag = SPAN("sub"),
        .to_uri = to,
        .to_tag = span_of(self->remote_tag),
        .call_id = span_of(call_id),
        .cseq = self->cseq + 1,
        .headers = span_of(headers),
    };
    if (!agent_send(load, subscribe_account(load, index), agent_port(load, index), &request,
                    on_subscribed, index, 0))
        return false;
    self->cseq++;
    self->busy = true;
    self->accepted = false;
    self->notified = false;
    self->began_us = load->operation_began_us;
    return true;
}

bool subscribe_initial(struct load *load, uint32_t index)
{
    if (load->watchers[index].busy || load->watchers[index].remote_tag[0] != '\0')
        return false;
    return subscribe(load, index, load->options.expires_s);
}

bool subscribe_refresh(struct load *load, uint32_t index)
{
    struct watcher *self = &load->watchers[index];

    if (self->busy || self->terminated || self->remote_tag[0] == '\0')
        return false;
    return subscribe(load, index, load->options.expires_s);
}

bool subscribe_fetch(struct load *load, uint32_t index)
{
    load->watchers[index] = (struct watcher){.fetch = true};
    return subscribe(load, index, 0);
}

/* "w17-5f3a@bench": whose NOTIFY this is; NULL when it is not of this run. */
static struct watcher *find(struct load *load, struct span call_id)
{
    char expected[48];
    uint32_t index;

    if (!span_begins(call_id, SPAN("w")))
        return NULL;
    index = scan_number(span_skip(call_id, 1));
    (void)snprintf(expected, sizeof(expected), "w%u-%x@bench", index, load->run);
    if (index >= load->options.count || !span_equal(call_id, span_of(expected)))
        return NULL;
    return &load->watchers[index];
}

static void show(struct load *load, struct watcher *self, const struct scan *notify)
{
    uint32_t index = (uint32_t)(self - load->watchers);
    uint32_t serial;

    if (load->workload->show != NULL) {
        load->workload->show(load, index, notify);
        return;
    }
    serial = agent_marker(load, notify->body, subscribe_presentity(load, index));
    if (serial < self->serial)
        load->report->backward++;
    if (serial >= load->wanted_serial && self->serial < load->wanted_serial)
        load->told++;
    self->serial = serial;
}

void subscribe_notified(struct load *load, uint32_t port, const struct scan *notify)
{
    struct watcher *self = find(load, notify->call_id);

    if (self == NULL) {
        message_answer(&load->wire, port, notify,
                       SPAN("SIP/2.0 481 Call/Transaction Does Not Exist"));
        return;
    }
    if (self->mute) {
        self->notified = true;
        finish(load, self);
        return;
    }
    message_answer(&load->wire, port, notify, SPAN("SIP/2.0 200 OK"));
    if (notify->cseq <= self->notify_cseq) {
        load->report->notify_repeats += notify->cseq == self->notify_cseq;
        load->report->backward += notify->cseq < self->notify_cseq;
        return;
    }
    self->notify_cseq = notify->cseq;
    load->report->notifies++;
    if (self->remote_tag[0] == '\0')
        keep(self->remote_tag, sizeof(self->remote_tag), scan_parameter(notify->from, SPAN("tag")));
    show(load, self, notify);
    if (span_begins(notify->subscription_state, SPAN("terminated")) && !self->fetch) {
        self->terminated = true;
        load->report->ended++;
    }
    self->notified = true;
    finish(load, self);
}

void subscribe_sweep(struct load *load)
{
    if (load->now_us < load->next_sweep_us)
        return;
    load->next_sweep_us = load->now_us + SWEEP_US;
    for (uint32_t i = 0; i < load->options.count; i++) {
        struct watcher *self = &load->watchers[i];

        if (!self->busy || !self->accepted || load->now_us - self->began_us < NOTIFY_WAIT_US)
            continue;
        self->busy = false;
        load->report->no_notify++;
        must(load->in_air > 0);
        load->in_air--;
    }
}
