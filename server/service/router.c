/*
 * router.c - the order of the refusals is that of RFC 3261 sections 8.2 and 16.3: syntax, method,
 * scheme, whose domain, hops and loops, merged requests, extensions; what is particular to a
 * method comes in its own file.
 */
#include "server/service/router.h"

#include "server/sip/compose.h"
#include "server/sip/parameter.h"
#include "server/sip/parse.h"
#include "server/transaction/client_transaction.h"

#define ALLOW SPAN("OPTIONS, REGISTER, PUBLISH, SUBSCRIBE, CANCEL")

/* Extensions that a request may require of us: those that change nothing here, or are met. */
static const char *const understood[] = {"path", NULL};

/* ---- refusals; each true when the request was refused ---- */

static bool refused_syntax(struct request *request)
{
    struct sip_fault fault;

    if (sip_check_fields(request_message(request), &fault))
        return false;
    request_refuse(request, fault.status, fault.phrase);
    return true;
}

/* RFC 3261 section 8.2.1. */
static bool refused_method(struct request *request)
{
    switch (request_message(request)->method) {
    case SIP_OPTIONS:
    case SIP_REGISTER:
    case SIP_PUBLISH:
    case SIP_SUBSCRIBE:
    case SIP_CANCEL:
    case SIP_ACK:
        return false;
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

static bool is_own_address(const struct router *self, const struct sip_uri *uri)
{
    const struct transport *transport = self->state->node.transport;
    struct endpoint end = {0};

    if (endpoint_parse_host(uri->host, &end) != STATUS_OK)
        return false;
    for (uint16_t i = 0; i < transport_listener_count(transport); i++) {
        const struct endpoint local = transport_local(transport, i);

        if (endpoint_same_address(&local, &end) &&
            (uri->port == local.port || (uri->port == 0 && local.port == 5060)))
            return true;
    }
    return false;
}

/* Our own branch on one of its Via values: it has been here (RFC 3261 section 16.3 step 4). */
static bool has_looped(const struct router *self, const struct sip_message *message)
{
    struct sip_values values = sip_values_of(message, SIP_VIA);
    struct span value;
    struct sip_via via;

    while (sip_values_next(&values, &value))
        if (sip_via_parse(value, &via) == STATUS_OK &&
            transactions_made_branch(self->transactions, via.branch))
            return true;
    return false;
}

/* A request for elsewhere meets the checks of a proxy first (section 16.3), then the fact that
 * we serve no such domain. */
static bool refused_place(const struct router *self, struct request *request)
{
    const struct sip_message *message = request_message(request);

    if (domains_find(self->state->domains, message->uri.host) != NULL ||
        is_own_address(self, &message->uri))
        return false;
    if (message->max_forwards == 0)
        request_refuse(request, 483, NULL);
    else if (has_looped(self, message))
        request_refuse(request, 482, NULL);
    else if (sip_count(message, SIP_PROXY_REQUIRE) > 0)
        request_refuse_with(request, 420, NULL, "Unsupported",
                            sip_header_value(message, SIP_PROXY_REQUIRE));
    else
        request_refuse(request, 404, "Domain Not Served Here");
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

static bool refused_state(const struct router *self, struct request *request)
{
    if (self->state->ready && !self->draining)
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
    sip_compose_header(out, SPAN("Accept"), SPAN("application/pidf+xml"));
    sip_compose_header(out, SPAN("Accept-Encoding"), SPAN("identity"));
    sip_compose_header(out, SPAN("Supported"), SPAN("path"));
    buffer_put(out, SPAN("Allow-Events: "));
    event_packages_compose(self->packages, out);
    buffer_put(out, SPAN("\r\n"));
    request_answer(request);
}

static void dispatch(struct router *self, struct request *request)
{
    switch (request_message(request)->method) {
    case SIP_REGISTER:
        register_receive(&self->registrar, request);
        return;
    case SIP_PUBLISH:
        publish_receive(&self->publish, request);
        return;
    case SIP_SUBSCRIBE:
        subscribe_receive(&self->subscribe, request);
        return;
    case SIP_OPTIONS:
        answer_options(self, request);
        return;
    case SIP_CANCEL: /* no INVITE is ever pending here (section 9.2) */
        request_refuse(request, 481, NULL);
        return;
    case SIP_METHOD_OTHER:
    case SIP_INVITE:
    case SIP_ACK:
    case SIP_BYE:
    case SIP_NOTIFY:
    case SIP_MESSAGE:
    case SIP_INFO:
    case SIP_UPDATE:
    case SIP_PRACK:
    case SIP_REFER:
    case SIP_METHODS:
        break;
    }
    request_refuse_with(request, 405, NULL, "Allow", ALLOW);
}

/* RFC 3261 section 8.2.2.3: neither in a CANCEL nor in an ACK is Require looked at. */
static bool refused(struct router *self, struct request *request)
{
    if (refused_state(self, request) || refused_syntax(request) || refused_method(request) ||
        refused_scheme(request) || refused_place(self, request))
        return true;
    if (request_message(request)->method == SIP_CANCEL)
        return false;
    return refused_merged(request) || refused_extension(request) || refused_encoding(request);
}

void router_receive(void *context, struct sip_message *message, const struct flow *from,
                    struct handle transaction, struct handle invite)
{
    struct router *self = context;
    struct request *request;

    (void)invite;
    if (message->method == SIP_ACK)
        return; /* to a refusal of ours; nothing waits for it */
    request = request_new(self->requests, message, from, transaction);
    if (request == NULL) {
        requests_refuse_surplus(self->requests, message, from, transaction);
        return;
    }
    if (!refused(self, request))
        dispatch(self, request);
}
