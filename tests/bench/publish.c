/* publish.c - RFC 3903 from the publisher's side. */
#include "tests/bench/load.h"

#include <stdio.h>

#define DOCUMENT_BYTES 2048
#define JUDGED_MAX 200 /* presentities that are looked at after a run */

static void keep_tag(struct publisher *self, struct span tag)
{
    if (tag.len >= sizeof(self->entity_tag))
        tag.len = 0;
    if (tag.len > 0)
        memcpy(self->entity_tag, tag.at, tag.len);
    self->entity_tag[tag.len] = '\0';
}

static void on_published(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct publisher *self = &load->publishers[exchange->subject];

    if (agent_challenged(load, exchange, exchange->subject, response)) {
        self->cseq = exchange->cseq + 1;
        return;
    }
    self->busy = false;
    if (response == NULL || response->status / 100 != 2) {
        self->entity_tag[0] = '\0'; /* whatever holds now: begin again */
        drive_failed(load, response);
        return;
    }
    keep_tag(self, response->entity_tag);
    if (self->entity_tag[0] == '\0')
        load->report->broken++; /* RFC 3903 section 6: every 2xx has one */
    self->serial = exchange->detail;
    drive_done(load, exchange->began_us);
}

static bool publish(struct load *load, uint32_t subject)
{
    struct publisher *self = &load->publishers[subject];
    char uri_bytes[AGENT_URI_BYTES];
    struct span uri = agent_uri(load, uri_bytes, subject);
    char headers[256];
    char call_id[48];
    char document_bytes[DOCUMENT_BYTES];
    struct text document = {document_bytes, 0, sizeof(document_bytes)};
    struct request request;
    int len;

    if (self->busy)
        return false;
    message_document(&document, uri, subject, load->run, ++load->serial, load->options.body_bytes);
    len = snprintf(headers, sizeof(headers), "Event: presence\r\nExpires: %u\r\n%s%s%s",
                   load->options.expires_s,
                   self->entity_tag[0] == '\0' ? "" : "SIP-If-Match: ", self->entity_tag,
                   self->entity_tag[0] == '\0' ? "" : "\r\n");
    (void)snprintf(call_id, sizeof(call_id), "p%u-%x@bench", subject, load->run);
    request = (struct request){
        .method = SPAN("PUBLISH"),
        .uri = uri,
        .from_uri = uri,
        .from_tag = SPAN("pub"),
        .to_uri = uri,
        .call_id = span_of(call_id),
        .cseq = ++self->cseq,
        .headers = {headers, (size_t)len},
        .content_type = SPAN("application/pidf+xml"),
        .body = text_span(&document),
    };
    if (!agent_send(load, subject, agent_port(load, subject), &request, on_published, subject,
                    load->serial))
        return false;
    self->busy = true;
    self->sent_serial = load->serial;
    return true;
}

bool publish_initial(struct load *load, uint32_t subject)
{
    load->publishers[subject].entity_tag[0] = '\0';
    return publish(load, subject);
}

bool publish_modify(struct load *load, uint32_t subject)
{
    return publish(load, subject);
}

/* A fetch by somebody else must show what was accepted last. Watcher i looks at presentity i. */
void publish_judge(struct load *load)
{
    uint32_t count = load->options.count < JUDGED_MAX ? load->options.count : JUDGED_MAX;

    drive_all(load, subscribe_fetch, count);
    for (uint32_t i = 0; i < count; i++)
        if (load->watchers[i].serial != load->publishers[i].serial)
            load->report->stale++;
}
