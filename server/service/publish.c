/*
 * publish.c - reads top to bottom in time:
 * publish_receive() -> read(), refused() -> judge() -> [commit] -> the answer that was held.
 * Watchers are not told from here: state/publication.c does so, whatever changed it.
 */
#include "server/service/publish.h"

#include "server/sip/compose.h"
#include "server/sip/event.h"
#include "server/sip/media.h"
#include "server/sip/parameter.h"

#include <inttypes.h>

/* One PUBLISH while it is judged. */
struct publishing {
    struct publish *self;
    struct request *request;
    const struct sip_message *message;
    const struct event_package *package;
    const struct domain_row *domain;
    struct span aor;
    struct span if_match;
    struct span content_type; /* one of the package's */
    struct buffer document;   /* what is kept, where that is not the body as it came */
    uint32_t expires_s;
    enum publish_operation operation;
};

enum publish_operation publish_operation(bool body, bool entity_tag, bool zero)
{
    if (zero)
        return entity_tag ? PUBLISH_REMOVE : PUBLISH_NONSENSE;
    if (entity_tag)
        return body ? PUBLISH_MODIFY : PUBLISH_REFRESH;
    return body ? PUBLISH_INITIAL : PUBLISH_NONSENSE;
}

/* ---- the checks of RFC 3903 section 6, in its order; true when the request was refused ---- */

static bool refused_event(struct publishing *it)
{
    struct span value = sip_header_value(it->message, SIP_EVENT);
    struct sip_event event;
    char text[256];
    struct buffer allowed;

    if (value.at != NULL && sip_event_parse(value, &event) != STATUS_OK) {
        request_refuse(it->request, 400, "Malformed Event");
        return true;
    }
    if (value.at != NULL)
        it->package = event_package_find(it->self->packages, event.package);
    if (it->package != NULL && event_package_is_published(it->package))
        return false;
    buffer_init_fixed(&allowed, text, sizeof(text));
    event_packages_compose(it->self->packages, &allowed);
    request_refuse_with(it->request, 489, NULL, "Allow-Events", buffer_span(&allowed));
    return true;
}

static struct publication_change change_of(const struct publishing *it)
{
    return (struct publication_change){
        .aor = it->aor,
        .event = it->package->name,
        .if_match = it->if_match,
        .call_id = it->message->call_id,
        .from_tag = it->message->from.tag,
        .cseq = it->message->cseq.number,
    };
}

/* What is replaced by a change that is not committed yet is judged with the rest of it. */
static bool refused_condition(struct publishing *it)
{
    const struct span tag = sip_header_value(it->message, SIP_SIP_IF_MATCH);
    struct publication_change change;

    if (tag.at == NULL)
        return false;
    if (!sip_is_token(tag) || sip_count(it->message, SIP_SIP_IF_MATCH) != 1) {
        request_refuse(it->request, 400, "Malformed SIP-If-Match");
        return true;
    }
    it->if_match = tag;
    change = change_of(it);
    if (publication_is_known(it->self->state->publications, &change))
        return false;
    request_refuse(it->request, 412, NULL);
    return true;
}

static bool refused_expires(struct publishing *it)
{
    struct span value = sip_header_value(it->message, SIP_EXPIRES);
    uint32_t max_s = it->domain->publication_expires_max_s != 0
                         ? it->domain->publication_expires_max_s
                         : it->self->expires_max_s;

    it->expires_s = it->self->expires_default_s;
    if (value.at != NULL && sip_delta_seconds(value, &it->expires_s) != STATUS_OK) {
        request_refuse(it->request, 400, "Malformed Expires");
        return true;
    }
    if (value.at != NULL && it->expires_s != 0 && it->expires_s < it->self->expires_min_s) {
        request_refuse_brief(it->request, it->self->expires_min_s);
        return true;
    }
    if (it->expires_s > max_s)
        it->expires_s = max_s;
    return false;
}

static bool refused_operation(struct publishing *it)
{
    it->operation = publish_operation(!span_empty(it->message->body), !span_empty(it->if_match),
                                      it->expires_s == 0);
    if (it->operation != PUBLISH_NONSENSE)
        return false;
    request_refuse(it->request, 400,
                   it->expires_s == 0 ? "Expires: 0 Without SIP-If-Match"
                                      : "Neither Body Nor SIP-If-Match");
    return true;
}

static bool refused_type(struct publishing *it)
{
    const struct span type = sip_header_value(it->message, SIP_CONTENT_TYPE);
    struct sip_media media;
    char octets[256];
    struct buffer acceptable;

    if (type.at == NULL || sip_media_parse(type, &media) != STATUS_OK) {
        request_refuse(it->request, 400, "Body Without Content-Type");
        return true;
    }
    for (size_t i = 0; i < EVENT_PUBLISHES_MAX; i++)
        if (!span_empty(it->package->publishes[i]) &&
            sip_media_is(&media, it->package->publishes[i])) {
            it->content_type = it->package->publishes[i];
            return false;
        }
    buffer_init_fixed(&acceptable, octets, sizeof(octets));
    event_package_publishes(it->package, &acceptable);
    request_refuse_with(it->request, 415, NULL, "Accept", buffer_span(&acceptable));
    return true;
}

static bool refused_content(struct publishing *it, struct span before)
{
    const char *phrase = NULL;
    const enum status status = it->package->check(it->package, it->content_type, it->message->body,
                                                  before, &it->document, &phrase);

    return request_refused_by(it->request, status, 412, phrase);
}

/* Step 3 of section 6 comes before the body: without a match it is 412, or the repeat of a request
 * that was answered, which judge() knows. */
static bool refused_body(struct publishing *it)
{
    const struct span before = publication_document(it->self->state->publications, it->aor,
                                                    it->package->name, it->if_match);

    if (span_empty(it->message->body) || it->operation == PUBLISH_REMOVE ||
        (!span_empty(it->if_match) && span_empty(before)))
        return false;
    if (it->message->body.len > it->self->body_bytes_max) {
        request_refuse(it->request, 413, NULL);
        return true;
    }
    return refused_type(it) || refused_content(it, before);
}

/* ---- staging, and the answer that waits ---- */

static void judge(struct publishing *it);

static void receive(struct publishing *it)
{
    const struct sip_message *message = it->message;
    char octets[SIP_AOR_BYTES_MAX];

    if (sip_uri_canonical_aor(&message->uri, octets, sizeof(octets), &it->aor) != STATUS_OK) {
        request_refuse(it->request, 400, "Request-URI Is No Address Of Record");
        return;
    }
    request_name_aor(it->request, it->aor);
    it->domain = domains_find(it->self->state->domains, domain_of_aor(it->aor));
    if (it->domain == NULL)
        request_refuse(it->request, 404, "Domain Not Served Here");
    else if (auth_may_act(it->self->auth, it->request, it->domain, it->aor) && !refused_event(it) &&
             !refused_condition(it) && !refused_expires(it) && !refused_operation(it) &&
             !refused_body(it))
        judge(it);
}

void publish_receive(struct publish *self, struct request *request)
{
    struct publishing it = {.self = self, .request = request, .message = request_message(request)};

    buffer_init(&it.document, self->body_bytes_max);
    receive(&it);
    buffer_deinit(&it.document);
}

static void compose_answer(const struct publishing *it, const struct publication *publication)
{
    struct buffer *out =
        request_compose(it->request, 200, (struct span){0}, (struct span){0}, false);

    sip_compose_header_number(out, SPAN("Expires"), publication_expires_s(publication));
    sip_compose_header(out, SPAN("SIP-ETag"), publication_entity_tag(publication));
}

static void compose_conflict(const struct publishing *it)
{
    request_compose(it->request, 412, (struct span){0}, (struct span){0}, false);
}

static void answer_when_committed(const struct publishing *it, const struct publication *rests_on);

static void judge(struct publishing *it)
{
    struct publication_change change = change_of(it);
    struct publication *publication = NULL;

    change.content_type = it->document.len > 0 ? it->package->publishes[0] : it->content_type;
    if (it->operation != PUBLISH_REMOVE)
        change.document = it->document.len > 0 ? buffer_span(&it->document) : it->message->body;
    change.expires_s = it->expires_s;
    change.per_resource_max = it->domain->publications_max;
    if (!batch_is_open(it->self->state->node.batch)) {
        request_refuse_for_now(it->request);
        return;
    }
    switch (publication_stage(it->self->state->publications, &change, &publication)) {
    case STATUS_OK:
        compose_answer(it, publication);
        answer_when_committed(it, publication);
        return;
    case STATUS_CONFLICT: /* if what replaced the entity-tag fails, this 412 would be wrong */
        compose_conflict(it);
        answer_when_committed(it, publication);
        return;
    case STATUS_NOT_FOUND:
        request_refuse(it->request, 412, NULL);
        return;
    case STATUS_LIMIT:
        request_refuse(it->request, 403, "Too Many Publications");
        return;
    case STATUS_UNAVAILABLE:
    case STATUS_MALFORMED:
    case STATUS_FAILED:
        break;
    }
    request_refuse(it->request, 500, NULL);
}

static void answer_when_committed(const struct publishing *it, const struct publication *rests_on)
{
    const struct handle objects[] = {publication_handle(rests_on)};

    if (publication_is_settled(rests_on)) /* a repeat of what has been committed before */
        request_answer(it->request);
    else
        request_hold_until_committed(it->request, it->self->state->node.batch, objects, 1);
}
