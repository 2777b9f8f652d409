/*
 * router.c - syntax and scheme first, for every request; then, by whose it is, the refusals of a
 * UAS (RFC 3261 section 8.2: method, merged requests, extensions, encoding) here, or those of a
 * proxy (section 16.3) in proxy.c. What is particular to a method comes in its own file.
 */
#include "server/service/router.h"

#include "server/base/mark.h"
#include "server/sip/compose.h"
#include "server/sip/parameter.h"
#include "server/sip/parse.h"

#define ALLOW SPAN("OPTIONS, REGISTER, PUBLISH, SUBSCRIBE, CANCEL")

/* Extensions that a request may require of us: those that change nothing here, or are met. */
static const char *const understood[] = {"path", "eventlist", "recipient-list-subscribe", NULL};

/* ---- refusals; each true when the request was refused ---- */

static bool refused_syntax(struct request *request)
{
    struct sip_fault fault;

    if (sip_check_fields(request_message(request), &fault))
        return false;
    request_refuse(request, fault.status, fault.phrase);
    return true;
}

/* RFC 3261 section 8.2.1: for what names no user, so that there is nobody to pass it on to. */
static bool refused_method(struct request *request)
{
    switch (request_message(request)->method) {
    case SIP_OPTIONS:
    case SIP_REGISTER:
    case SIP_PUBLISH:
    case SIP_SUBSCRIBE:
        return false;
    case SIP_CANCEL:
    case SIP_ACK:
    case SIP_INVITE:
    case SIP_BYE:
    case SIP_NOTIFY:
    case SIP_MESSAGE:
    case SIP_INFO:
    case SIP_UPDATE:
    case SIP_PRACK:
    case SIP_REFER:
        request_refuse_with(request, 405, NULL, "Allow", ALLOW);
        return true;
    case SIP_METHOD_OTHER:
    case SIP_METHODS:
        break;
    }
    request_refuse_with(request, 501, NULL, "Allow", ALLOW);
    return true;
}

/* RFC 3261 sections 8.2.2.1 and 16.3 step 2. */
static bool refused_scheme(struct request *request)
{
    const enum sip_scheme scheme = request_message(request)->uri.scheme;

    if (scheme == SIP_SCHEME_SIP || scheme == SIP_SCHEME_SIPS)
        return false;
    request_refuse(request, 416, NULL);
    return true;
}

/* RFC 3261 section 8.2.2.2. */
static bool refused_merged(struct request *request)
{
    if (!span_empty(request_message(request)->to.tag) || !request_is_merged(request))
        return false;
    request_refuse(request, 482, "Merged Request");
    return true;
}

static bool is_understood(struct span tag)
{
    for (size_t i = 0; understood[i] != NULL; i++)
        if (span_equal_nocase(tag, span_of(understood[i])))
            return true;
    return false;
}

/* RFC 3261 section 8.2.2.3: Unsupported lists what we do not understand, and no more. */
static bool refused_extension(struct request *request)
{
    struct sip_values values = sip_values_of(request_message(request), SIP_REQUIRE);
    char octets[512];
    struct buffer unsupported;
    struct span tag;

    buffer_init_fixed(&unsupported, octets, sizeof(octets));
    while (sip_values_next(&values, &tag)) {
        if (span_empty(tag) || is_understood(tag))
            continue;
        if (unsupported.len > 0)
            buffer_put(&unsupported, SPAN(", "));
        buffer_put(&unsupported, tag);
    }
    if (unsupported.len == 0 && !unsupported.overflowed)
        return false;
    request_refuse_with(request, 420, NULL, "Unsupported", buffer_span(&unsupported));
    return true;
}

/* RFC 3261 section 8.2.3: we decode no encoding, and understand no required part but the body. */
static bool refused_encoding(struct request *request)
{
    struct span encoding = sip_header_value(request_message(request), SIP_CONTENT_ENCODING);

    if (span_empty(request_message(request)->body) || encoding.at == NULL ||
        span_equal_nocase(encoding, SPAN("identity")))
        return false;
    request_refuse_with(request, 415, NULL, "Accept-Encoding", SPAN("identity"));
    return true;
}

/* What goes on in a dialog goes on while we drain. */
static bool refused_state(const struct router *self, struct request *request)
{
    const bool begins = span_empty(request_message(request)->to.tag);

    if (self->state->ready && !(self->draining && begins))
        return false;
    /* The whole process refuses: 503 is right here (section 21.5.4). */
    request_refuse_with(request, 503, self->draining ? "Shutting Down" : "Not Ready", "Retry-After",
                        SPAN("5"));
    return true;
}

/* ---- methods without a file of their own ---- */

/* RFC 3261 section 11.2. */
static void answer_options(const struct router *self, struct request *request)
{
    struct buffer *out = request_compose(request, 200, (struct span){0}, (struct span){0}, false);

    sip_compose_header(out, SPAN("Allow"), ALLOW);
    sip_compose_header(out, SPAN("Accept"),
                       SPAN("application/pidf+xml, application/pidf-diff+xml,"
                            " application/dialog-info+xml, application/simple-message-summary,"
                            " application/simple-filter+xml, application/resource-lists+xml"));
    sip_compose_header(out, SPAN("Accept-Encoding"), SPAN("identity"));
    sip_compose_header(out, SPAN("Supported"), SPAN("path, eventlist"));
    buffer_put(out, SPAN("Allow-Events: "));
    event_packages_compose(self->packages, out);
    buffer_put(out, SPAN("\r\n"));
    request_answer(request);
}

/*
 * CANCEL goes from hop to hop, and is answered by each (section 9.2, 16.10). Of what is no INVITE
 * it changes nothing (RFC 6665 section 4.6).
 */
static void answer_cancel(struct router *self, struct request *request, struct handle meant)
{
    if (meant.generation == 0) {
        request_refuse(request, 481, NULL);
        return;
    }
    fork_cancel(self->proxy.forks, meant);
    (void)request_compose(request, 200, (struct span){0}, (struct span){0}, false);
    request_answer(request);
}

/* ---- whose it is ---- */

/* The local target of one of our dialogs: see notify_head_put_contact(). No account has such a
 * name, for nobody else can make one. */
static bool is_local_target(const struct router *self, const struct routing *routing)
{
    uint64_t number;

    return mark_parse(&self->state->node.mark_key, MARK_LOCAL_TAG, routing->uri.user, &number);
}

/* Ours to answer: what a server of events and locations is asked for, what names no user, and what
 * comes in a dialog of ours. */
static bool is_served_here(const struct router *self, const struct sip_message *message,
                           const struct routing *routing)
{
    if (!routing->is_local)
        return false;
    return message->method == SIP_REGISTER || message->method == SIP_PUBLISH ||
           message->method == SIP_SUBSCRIBE || span_empty(routing->uri.user) ||
           is_local_target(self, routing);
}

/* RFC 3261 section 12.2.2, and RFC 5057 section 5.2: a BYE is for an INVITE's usage alone. A
 * SUBSCRIBE sees for itself. */
static bool refused_dialog(const struct router *self, struct request *request)
{
    const struct sip_message *message = request_message(request);

    if (span_empty(message->to.tag) || message->method == SIP_SUBSCRIBE ||
        (message->method != SIP_BYE &&
         subscriptions_find(self->state->subscriptions, message->call_id, message->to.tag,
                            message->from.tag) != NULL))
        return false;
    request_refuse(request, 481, NULL);
    return true;
}

/* The refusals of a UAS; each true when the request was refused. */
static bool refused_here(struct request *request)
{
    return refused_method(request) || refused_merged(request) || refused_extension(request) ||
           refused_encoding(request);
}

static void serve(struct router *self, struct request *request, bool in_dialog)
{
    const enum sip_method method = request_message(request)->method;

    if ((in_dialog && refused_dialog(self, request)) || refused_here(request))
        return;
    if (method == SIP_REGISTER)
        register_receive(&self->registrar, request);
    else if (method == SIP_PUBLISH)
        publish_receive(&self->publish, request);
    else if (method == SIP_SUBSCRIBE)
        subscribe_receive(&self->subscribe, request);
    else
        answer_options(self, request);
}

static void dispatch(struct router *self, struct request *request)
{
    const struct sip_message *message = request_message(request);
    struct routing routing;

    if (routing_read(self->state, message, &routing) != STATUS_OK)
        request_refuse(request, 400, "Malformed Route");
    else if (is_served_here(self, message, &routing))
        serve(self, request, is_local_target(self, &routing));
    else
        proxy_receive(&self->proxy, request, &routing);
}

void router_receive(void *context, struct sip_message *message, const struct flow *from,
                    struct handle transaction, struct handle meant)
{
    struct router *self = context;
    struct request *request;

    if (message->method == SIP_ACK) {
        if (self->state->ready)
            proxy_receive_ack(&self->proxy, message, from);
        return;
    }
    request = request_new(self->requests, message, from, transaction);
    if (request == NULL) {
        requests_refuse_surplus(self->requests, message, from, transaction);
        return;
    }
    if (message->method == SIP_CANCEL)
        answer_cancel(self, request, meant);
    else if (!refused_state(self, request) && !refused_syntax(request) && !refused_scheme(request))
        dispatch(self, request);
}
