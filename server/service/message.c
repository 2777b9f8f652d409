/*
 * message.c - reads top to bottom: what may be kept, keeping it, message_receive(), what comes of
 * the fork, what SQL sends.
 */
#include "server/service/message.h"

#include "server/service/ways.h"
#include "server/sip/forward.h"
#include "server/sip/media.h"
#include "server/sip/parameter.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    HEADERS_BYTES_MAX = 131072,
    KEPT_BYTES_MAX = 60000, /* of a request: it must fit a datagram, with what it gets on its way */
};

/* One MESSAGE while it is judged. */
struct arrival {
    struct message_service *self;
    struct request *request;
    const struct sip_message *message;
    const struct domain_row *domain;
    struct span aor;
};

/* ---- what may be kept ---- */

/* RFC 3994 section 4: of the moment alone. */
static bool is_composing(const struct sip_message *message)
{
    struct sip_media media;

    return sip_media_parse(sip_header_value(message, SIP_CONTENT_TYPE), &media) == STATUS_OK &&
           sip_media_is(&media, SPAN("application/im-iscomposing+xml"));
}

/* What is said of the process and of the domain bounds what is asked for. */
static uint32_t granted_s(const struct message_service *self, const struct domain_row *domain,
                          uint32_t asked_s)
{
    const uint32_t max_s =
        domain->message_keep_max_s != 0 ? domain->message_keep_max_s : self->keep_max_s;

    return asked_s < max_s ? asked_s : max_s;
}

static uint32_t expires_s(const struct arrival *it)
{
    const struct span expires = sip_header_value(it->message, SIP_EXPIRES);
    uint32_t asked_s = UINT32_MAX;

    if (expires.at != NULL && sip_delta_seconds(expires, &asked_s) != STATUS_OK)
        asked_s = UINT32_MAX;
    return granted_s(it->self, it->domain, asked_s);
}

static bool is_text(struct span words)
{
    return node_text_or_nothing(words).len == words.len;
}

/* The words of an identity must come back from their columns as they are. */
static bool is_keepable(const struct arrival *it)
{
    return it->domain->keep_messages && expires_s(it) > 0 && !is_composing(it->message) &&
           it->message->bytes.len <= KEPT_BYTES_MAX && is_text(it->message->call_id) &&
           is_text(it->message->from.tag);
}

/* ---- keeping ---- */

static struct message_identity identity_of(const struct arrival *it)
{
    return (struct message_identity){
        .aor = it->aor,
        .call_id = it->message->call_id,
        .from_tag = it->message->from.tag,
        .cseq = it->message->cseq.number,
        .body = it->message->body,
    };
}

static void compose_headers(const struct arrival *it, struct buffer *out)
{
    const struct wall_time now = loop_wall(it->self->state->node.loop);

    buffer_init(out, HEADERS_BYTES_MAX);
    sip_compose_end_to_end(out, it->message);
    if (sip_count(it->message, SIP_DATE) == 0) /* RFC 3428 section 4: when it was sent */
        sip_compose_date(out, now.us / US_PER_S);
}

static enum status stage(const struct arrival *it, struct message **out)
{
    char octets[SIP_AOR_BYTES_MAX];
    struct buffer headers;
    struct message_change change = {
        .identity = identity_of(it),
        .sender = it->message->from.uri.text,
        .content_type = node_text_or_nothing(sip_header_value(it->message, SIP_CONTENT_TYPE)),
        .body = it->message->body,
        .expires_s = expires_s(it),
        .per_aor_max = it->domain->messages_max,
    };
    enum status status;

    if (sip_uri_canonical_aor(&it->message->from.uri, octets, sizeof(octets), &change.sender) !=
        STATUS_OK)
        change.sender = it->message->from.uri.text;
    change.sender = node_text_or_nothing(change.sender);
    compose_headers(it, &headers);
    change.headers = buffer_span(&headers);
    status = message_stage(it->self->state->messages, &change, out);
    buffer_deinit(&headers);
    return status;
}

/* RFC 3428 section 7: 202 says that it is stored. */
static void accept(const struct arrival *it, const struct message *message)
{
    const struct handle object = message_handle(message);

    (void)request_compose(it->request, 202, (struct span){0}, (struct span){0}, false);
    if (message_is_settled(message))
        request_answer(it->request);
    else
        request_hold_until_committed(it->request, it->self->state->node.batch, &object, 1);
}

/* True when it was a repeat. */
static bool accepted_before(const struct arrival *it)
{
    const struct message_identity identity = identity_of(it);
    const struct message *before = messages_find(it->self->state->messages, &identity);

    if (before == NULL)
        return false;
    (*it->self->repeated)++;
    accept(it, before);
    return true;
}

/* NULL: there is no room, or no database, and the request was refused. */
static struct message *keep(const struct arrival *it)
{
    struct message *message;
    enum status status = STATUS_UNAVAILABLE;

    if (batch_is_open(it->self->state->node.batch))
        status = stage(it, &message);
    if (status == STATUS_OK) {
        (*it->self->kept)++;
        return message;
    }
    if (status == STATUS_CONFLICT)
        request_refuse(it->request, 480, "Too Many Kept Messages");
    else
        request_refuse_for_now(it->request);
    return NULL;
}

/* It reaches nobody now. */
static void keep_or_refuse(const struct arrival *it)
{
    const struct message *message;

    if (!is_keepable(it)) {
        request_refuse(it->request, 480, "No Device Registered");
        return;
    }
    message = keep(it);
    if (message != NULL)
        accept(it, message);
}

/* ---- relaying ---- */

static bool on_vain(void *context, struct handle fork, struct request *request, int best,
                    bool temporary);
static void on_late_success(void *context, struct handle fork, struct handle device);

static void relay(const struct arrival *it, const struct routing *routing, struct target targets[],
                  size_t count)
{
    const struct fork_owner owner = {
        .context = it->self,
        .group = mac64(&it->self->state->node.mark_key, it->aor) | 1,
        .patience_us = it->self->keep_after_ms * US_PER_MS,
        .on_vain = on_vain,
        .on_late_success = on_late_success,
    };

    ways_name_devices(it->self->state, it->aor, targets, count);
    fork_start(it->self->forks, it->request, routing, targets, count, &owner);
}

void message_receive(struct message_service *self, struct request *request,
                     const struct routing *routing, struct span aor)
{
    const struct arrival it = {self, request, request_message(request), routing->domain, aor};
    struct target targets[TARGETS_MAX];
    size_t count;

    if (accepted_before(&it))
        return;
    count = targets_of_aor(self->state, aor, targets);
    if (count == 0 || (is_keepable(&it) && keep_has_before(self->keep, aor)))
        keep_or_refuse(&it);
    else
        relay(&it, routing, targets, count);
}

/* SQL may have changed who it is for while it was under way. */
static bool refused_by_now(const struct arrival *it)
{
    const struct account *account = accounts_find(it->self->state->accounts, it->aor);

    if (account == NULL)
        request_refuse(it->request, 404, "No Such Account");
    else if (account_is_disabled(account))
        request_refuse(it->request, 403, "Account Disabled");
    else if (it->domain->suspended)
        request_refuse(it->request, 403, "Domain Suspended");
    else
        return false;
    return true;
}

/* The usual unreachable phone is registered, but asleep. What a device refused for good is for the
 * sender to know. */
static bool on_vain(void *context, struct handle fork, struct request *request, int best,
                    bool temporary)
{
    struct message_service *self = context;
    struct arrival it = {.self = self, .request = request, .message = request_message(request)};
    char octets[SIP_AOR_BYTES_MAX];
    struct message *message;
    struct routing routing;

    (void)best;
    if (!temporary || routing_read(self->state, it.message, &routing) != STATUS_OK ||
        routing.domain == NULL ||
        sip_uri_canonical_aor(&routing.uri, octets, sizeof(octets), &it.aor) != STATUS_OK)
        return false;
    it.domain = routing.domain;
    if (accepted_before(&it) || refused_by_now(&it))
        return true;
    if (!is_keepable(&it))
        return false;
    message = keep(&it);
    if (message == NULL)
        return true;
    lates_add(self->lates, fork, message_handle(message));
    keep_rest(self->keep, it.aor);
    accept(&it, message);
    fork_hurry(self->forks, fork); /* none that came later may overtake one before it */
    return true;
}

static void on_late_success(void *context, struct handle fork, struct handle device)
{
    struct message_service *self = context;
    struct message *message = handle_find(self->state->node.objects, lates_find(self->lates, fork));

    if (message != NULL)
        keep_delivered(self->keep, message, device);
}

static bool is_relayed(void *context, const struct message *message, struct handle device,
                       const struct flow *flow)
{
    const struct message_service *self = context;

    return fork_still_tries(self->forks, lates_find_fork(self->lates, message_handle(message)),
                            device, flow);
}

void message_service_start(struct message_service *self)
{
    keep_on_relays(self->keep, is_relayed, self);
}

/* ---- what SQL sends ---- */

static void compose_sent(const struct command_row *row, int64_t unix_s, struct span call_id,
                         struct span tag, struct buffer *out)
{
    buffer_init(out, HEADERS_BYTES_MAX);
    buffer_printf(out, "From: <sip:" SPAN_FMT ">;tag=" SPAN_FMT "\r\n", SPAN_ARG(row->sender),
                  SPAN_ARG(tag));
    buffer_printf(out, "To: <sip:" SPAN_FMT ">\r\n", SPAN_ARG(row->aor));
    sip_compose_header(out, SPAN("Call-ID"), call_id);
    buffer_put(out, SPAN("CSeq: 1 MESSAGE\r\n"));
    sip_compose_date(out, unix_s);
    if (row->expires_s != 0)
        sip_compose_header_number(out, SPAN("Expires"), row->expires_s);
    sip_compose_header(out, SPAN("Content-Type"), row->content_type);
}

static const char *stage_sent(struct message_service *self, const struct domain_row *domain,
                              const struct command_row *row)
{
    const struct node *node = &self->state->node;
    const uint64_t mark =
        mac64(&node->mark_key, (struct span){(const char *)&row->id, sizeof(row->id)});
    char tag[24], call_id[64];
    struct message_change change = {
        .identity = {.aor = row->aor, .cseq = 1, .body = row->document},
        .sender = row->sender,
        .content_type = row->content_type,
        .body = row->document,
        .expires_s = granted_s(self, domain, row->expires_s != 0 ? row->expires_s : UINT32_MAX),
        .per_aor_max = domain->messages_max,
    };
    struct buffer headers;
    struct message *message;
    struct handle object;
    enum status status;

    snprintf(tag, sizeof(tag), "%016" PRIx64, mark);
    snprintf(call_id, sizeof(call_id), "command-%" PRId64 "-%016" PRIx64, row->id, mark);
    change.identity.call_id = span_of(call_id);
    change.identity.from_tag = span_of(tag);
    if (messages_find(self->state->messages, &change.identity) != NULL)
        return NULL; /* it was carried out before, and its command could not be taken out */
    compose_sent(row, loop_wall(node->loop).us / US_PER_S, span_of(call_id), span_of(tag),
                 &headers);
    change.headers = buffer_span(&headers);
    status = message_stage(self->state->messages, &change, &message);
    buffer_deinit(&headers);
    if (status != STATUS_OK)
        return status == STATUS_CONFLICT ? "too many messages wait for it"
                                         : "too many messages are kept";
    (*self->kept)++;
    object = message_handle(message);
    batch_write(node->batch, &object, 1);
    return NULL;
}

static bool is_aor(struct span text)
{
    char octets[SIP_AOR_BYTES_MAX];
    struct sip_uri uri;
    const int len = snprintf(octets, sizeof(octets), "sip:" SPAN_FMT, SPAN_ARG(text));

    return len > 0 && (size_t)len < sizeof(octets) &&
           sip_uri_parse((struct span){octets, (size_t)len}, &uri) == STATUS_OK &&
           !span_empty(uri.user);
}

const char *message_send(struct message_service *self, const struct command_row *row)
{
    const struct domain_row *domain = domains_find(self->state->domains, domain_of_aor(row->aor));
    struct sip_media media;

    if (domain == NULL || accounts_find(self->state->accounts, row->aor) == NULL)
        return "no such account";
    if (!domain->keep_messages)
        return "its domain keeps no messages";
    if (!is_aor(row->sender) || !is_aor(row->aor))
        return "not an address of record";
    if (row->document.len > self->body_bytes_max)
        return "its body is too large";
    if (sip_media_parse(row->content_type, &media) != STATUS_OK)
        return "not a content type";
    return stage_sent(self, domain, row);
}
