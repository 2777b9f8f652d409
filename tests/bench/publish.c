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

/* Who publishes, and for whom. */
static uint32_t account_of(const struct load *load, uint32_t subject)
{
    return load->workload->one_presentity ? 0 : subject;
}

static void on_published(void *context, struct exchange *exchange, const struct scan *response)
{
    struct load *load = context;
    struct publisher *self = &load->publishers[exchange->subject];

    if (agent_challenged(load, exchange, account_of(load, exchange->subject), response)) {
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
    if (self->serial == 0)
        self->entity_tag[0] = '\0'; /* it was removed: the next one is a new one */
    drive_done(load, exchange->began_us);
}

enum publishing {
    PUBLISHING_DOCUMENT,
    PUBLISHING_REFRESH,
    PUBLISHING_REMOVAL,
};

/* What is shown once it is accepted. */
static uint32_t serial_of(struct load *load, uint32_t subject, enum publishing what)
{
    switch (what) {
    case PUBLISHING_DOCUMENT:
        return ++load->serial;
    case PUBLISHING_REFRESH:
        return load->publishers[subject].serial;
    case PUBLISHING_REMOVAL:
        break;
    }
    return 0;
}

static bool publish(struct load *load, uint32_t subject, enum publishing what)
{
    struct publisher *self = &load->publishers[subject];
    const uint32_t account = account_of(load, subject);
    char uri_bytes[AGENT_URI_BYTES];
    struct span uri = agent_uri(load, uri_bytes, account);
    char headers[256];
    char call_id[48];
    char document_bytes[DOCUMENT_BYTES];
    struct text document = {document_bytes, 0, sizeof(document_bytes)};
    struct request request;
    uint32_t serial;
    int len;

    if (self->busy)
        return false;
    serial = serial_of(load, subject, what);
    if (what == PUBLISHING_DOCUMENT)
        message_document(&document, uri, subject, load->run, serial, load->options.body_bytes);
    len = snprintf(headers, sizeof(headers), "Event: presence\r\nExpires: %u\r\n%s%s%s",
                   what == PUBLISHING_REMOVAL ? 0 : load->options.expires_s,
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
        .content_type =
            what == PUBLISHING_DOCUMENT ? SPAN("application/pidf+xml") : (struct span){0},
        .body = text_span(&document),
    };
    if (!agent_send(load, account, agent_port(load, subject), &request, on_published, subject,
                    serial))
        return false;
    self->busy = true;
    return true;
}

bool publish_initial(struct load *load, uint32_t subject)
{
    load->publishers[subject].entity_tag[0] = '\0';
    return publish(load, subject, PUBLISHING_DOCUMENT);
}

bool publish_modify(struct load *load, uint32_t subject)
{
    return publish(load, subject, PUBLISHING_DOCUMENT);
}

static bool is_published(const struct publisher *self)
{
    return !self->busy && self->entity_tag[0] != '\0';
}

bool publish_refresh(struct load *load, uint32_t subject)
{
    return is_published(&load->publishers[subject]) && publish(load, subject, PUBLISHING_REFRESH);
}

bool publish_remove(struct load *load, uint32_t subject)
{
    return is_published(&load->publishers[subject]) && publish(load, subject, PUBLISHING_REMOVAL);
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
