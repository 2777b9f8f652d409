/* register.c - RFC 3261 section 10 from the device's side: one binding, refreshed in place. */
#include "tests/bench/load.h"

#include <stdio.h>

static uint32_t account_of(const struct load *load, uint32_t subject)
{
    return subject % load->options.accounts;
}

static void on_registered(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct device *self = &load->devices[exchange->subject];

    if (agent_challenged(load, exchange, account_of(load, exchange->subject), response)) {
        self->cseq = exchange->cseq + 1;
        return;
    }
    self->busy = false;
    if (response == NULL || response->status / 100 != 2) {
        drive_failed(load, response);
        return;
    }
    if (span_empty(response->contact))
        load->report->broken++; /* section 10.3: the 200 lists the current bindings */
    drive_done(load, exchange->began_us);
}

bool register_send(struct load *load, uint32_t subject, exchange_final_fn *on_final)
{
    struct device *self = &load->devices[subject];
    uint32_t account = account_of(load, subject);
    uint32_t port = agent_port(load, subject);
    char uri_bytes[AGENT_URI_BYTES];
    char registrar[AGENT_URI_BYTES];
    char call_id[48];
    char contact[96];
    char headers[48];
    struct span uri = agent_uri(load, uri_bytes, account);
    struct request request;

    if (self->busy)
        return false;
    (void)snprintf(registrar, sizeof(registrar), "sip:%s", load->options.domain);
    (void)snprintf(call_id, sizeof(call_id), "r%u-%x@bench", subject, load->run);
    (void)snprintf(contact, sizeof(contact), "<sip:u%u-%u@127.0.0.1:%u>", account, subject,
                   wire_local_port(&load->wire, port));
    (void)snprintf(headers, sizeof(headers), "Expires: %u\r\n", load->options.expires_s);
    request = (struct request){
        .method = SPAN("REGISTER"),
        .uri = span_of(registrar),
        .from_uri = uri,
        .from_tag = SPAN("reg"),
        .to_uri = uri,
        .call_id = span_of(call_id),
        .cseq = ++self->cseq,
        .contact = span_of(contact),
        .headers = span_of(headers),
    };
    if (!agent_send(load, account, port, &request, on_final, subject, 0))
        return false;
    self->busy = true;
    return true;
}

bool register_binding(struct load *load, uint32_t subject)
{
    return register_send(load, subject, on_registered);
}
