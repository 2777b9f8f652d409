/* message_load.c - RFC 3428 from both sides: accounts send to each other through the server. */
#include "tests/bench/load.h"

#include <stdio.h>

#define TEXT_BYTES 2048

/* "m:SUBJECT:RUN:SERIAL;" and as much more as the options ask for. */
static void put_body(const struct load *load, struct text *out, uint32_t subject, uint32_t serial)
{
    const struct span filler =
        SPAN("and so much more as people write to each other, of all days. ");

    TEXT(out, "m:");
    text_number(out, subject);
    TEXT(out, ":");
    text_number(out, load->run);
    TEXT(out, ":");
    text_number(out, serial);
    TEXT(out, "; ");
    while (out->len < load->options.body_bytes) {
        size_t room = load->options.body_bytes - out->len;

        text_put(out, (struct span){filler.at, room < filler.len ? room : filler.len});
    }
}

bool message_start(struct load *load, uint32_t subject, uint32_t sender, uint32_t recipient,
                   exchange_final_fn *on_final)
{
    struct mailbox *box = &load->mailboxes[subject];
    char from_bytes[AGENT_URI_BYTES];
    char to_bytes[AGENT_URI_BYTES];
    char call_id[64];
    char body_bytes[TEXT_BYTES + 64];
    struct text body = {body_bytes, 0, sizeof(body_bytes)};
    struct span to = agent_uri(load, to_bytes, recipient);
    uint32_t serial = box->sent + 1;
    struct request request;

    (void)snprintf(call_id, sizeof(call_id), "m%u-%u-%x@bench", subject, serial, load->run);
    put_body(load, &body, subject, serial);
    request = (struct request){
        .method = SPAN("MESSAGE"),
        .uri = to,
        .from_uri = agent_uri(load, from_bytes, sender),
        .from_tag = SPAN("msg"),
        .to_uri = to,
        .call_id = span_of(call_id),
        .cseq = serial,
        .no_contact = true, /* RFC 3428 section 5 */
        .content_type = SPAN("text/plain"),
        .body = text_span(&body),
    };
    if (!agent_send(load, sender, agent_port(load, sender), &request, on_final, subject, serial))
        return false;
    box->sent = serial;
    box->busy = true;
    return true;
}

static uint32_t recipient_of(const struct load *load, uint32_t subject)
{
    return (subject + 1 + load->options.count / 2) % load->options.count;
}

static void on_sent(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct mailbox *box = &load->mailboxes[exchange->subject];

    if (agent_challenged(load, exchange, exchange->subject, response))
        return;
    box->busy = false;
    if (response == NULL || response->status != 200) {
        drive_failed(load, response);
        return;
    }
    if (box->arrived != exchange->detail) {
        drive_lost(load);
        return;
    }
    if (scan_hops(response) != 1)
        load->report->broken++;
    drive_done(load, exchange->began_us);
}

bool message_send(struct load *load, uint32_t subject)
{
    if (load->mailboxes[subject].busy)
        return false;
    return message_start(load, subject, subject, recipient_of(load, subject), on_sent);
}

static uint32_t hash(struct span s)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (uint8_t)s.at[i]) * 16777619u;
    return hash;
}

/* The mailbox and serial that the body names; NULL when it is not of this run. */
static struct mailbox *find(struct load *load, struct span body, uint32_t *serial)
{
    struct span rest = scan_behind(body, SPAN("m:"));
    uint32_t subject = scan_number(rest);

    if (span_empty(rest) || subject >= load->options.accounts)
        return NULL;
    *serial = agent_marker(load, body, subject);
    return *serial == 0 ? NULL : &load->mailboxes[subject];
}

/* The Contact of register.c is sip:uACCOUNT-DEVICE@...: the binding, not the AOR, is asked. */
static bool is_for(struct span uri, uint32_t account)
{
    uint32_t named[2];

    return span_begins(uri, SPAN("sip:u")) && scan_dashed(span_skip(uri, 5), named, 2) == 2 &&
           named[0] == account;
}

static bool is_first(struct load *load, struct mailbox *box, uint32_t serial, uint32_t branch)
{
    uint32_t slot = serial % MAILBOX_SERIALS;

    if (box->serials[slot] == serial) {
        load->report->notify_repeats += box->branches[slot] == branch;
        load->report->doubled += box->branches[slot] != branch;
        return false;
    }
    box->serials[slot] = serial;
    box->branches[slot] = branch;
    return true;
}

void message_arrived(struct load *load, uint32_t port, const struct scan *message)
{
    bool relayed = load->workload->operate == message_send;
    uint32_t serial = 0;
    struct mailbox *box = find(load, message->body, &serial);
    struct answer answer = {.status_line = SPAN("SIP/2.0 200 OK"), .to_tag = SPAN("device")};
    char bytes[WIRE_SEND_BYTES];
    struct text out = {bytes, 0, sizeof(bytes)};
    uint32_t subject;

    if (box == NULL)
        answer.status_line = SPAN("SIP/2.0 404 Not Found");
    message_compose_answer(&out, &load->wire, message, &answer);
    wire_send(&load->wire, port, text_span(&out));
    if (box == NULL)
        return;
    subject = (uint32_t)(box - load->mailboxes);
    if (!is_for(message->uri, relayed ? recipient_of(load, subject) : subject) ||
        (relayed && scan_hops(message) != 2))
        load->report->broken++;
    if (!is_first(load, box, serial, hash(scan_branch(message))))
        return;
    load->report->arrived++;
    load->report->disordered += serial < box->arrived;
    if (serial > box->arrived)
        box->arrived = serial;
    box->count++;
    box->changed_us = load->now_us;
    if (!relayed)
        kept_arrived(load, box);
}
