#include "server/sip/via.h"

#include "server/sip/host.h"
#include "server/sip/scan.h"

/* `token SLASH`, with white space anywhere; what is behind it, NULL when it is not there. */
static const char *skip_part(const char *at, const char *end)
{
    const char *stop = skip_class(at, end, OCTET_TOKEN);

    if (stop == at)
        return NULL;
    stop = skip_space(stop, end);
    return stop < end && *stop == '/' ? skip_space(stop + 1, end) : NULL;
}

/* sent-protocol LWS sent-by */
static const char *parse_sent_by(const char *at, const char *end, struct sip_via *out)
{
    const char *stop;

    at = skip_part(at, end);
    if (at != NULL)
        at = skip_part(at, end);
    if (at == NULL)
        return NULL;
    stop = skip_class(at, end, OCTET_TOKEN);
    out->transport = span_between(at, stop);
    at = skip_space(stop, end);
    if (span_empty(out->transport) || at == stop)
        return NULL;
    at = sip_host_parse(at, end, &out->host, &out->host_is_ipv6);
    if (at == NULL)
        return NULL;
    stop = skip_space(at, end);
    if (stop < end && *stop == ':')
        at = sip_port_parse(skip_space(stop + 1, end), end, &out->port);
    return at;
}

/* An address or host name with or without the brackets of an IPv6 reference. */
static enum status bare_host(struct span value, struct span *out)
{
    struct span inner = value;

    if (inner.len > 2 && inner.at[0] == '[' && inner.at[inner.len - 1] == ']')
        inner = (struct span){inner.at + 1, inner.len - 2};
    for (size_t i = 0; i < inner.len; i++)
        if (inner.at[i] != ':' && !octet_is(inner.at[i], OCTET_HOST))
            return STATUS_MALFORMED;
    *out = inner;
    return span_empty(inner) ? STATUS_MALFORMED : STATUS_OK;
}

static enum status take_number(struct span value, uint64_t max, uint64_t *out)
{
    return sip_number(value, max, out) == STATUS_OK ? STATUS_OK : STATUS_MALFORMED;
}

static enum status take_parameter(const struct sip_parameter *parameter, struct sip_via *out)
{
    enum status status = STATUS_OK;
    uint64_t number = 0;

    if (text_is(parameter->name, SPAN("branch"))) {
        out->branch = parameter->value;
        return sip_is_token(out->branch) ? STATUS_OK : STATUS_MALFORMED;
    }
    if (text_is(parameter->name, SPAN("rport"))) {
        out->has_rport = true;
        if (parameter->has_value)
            status = take_number(parameter->value, UINT16_MAX, &number);
        out->rport = (uint16_t)number;
        return status;
    }
    if (text_is(parameter->name, SPAN("received")))
        return bare_host(parameter->value, &out->received);
    if (text_is(parameter->name, SPAN("maddr")))
        return bare_host(parameter->value, &out->maddr);
    if (text_is(parameter->name, SPAN("ttl"))) {
        status = take_number(parameter->value, UINT8_MAX, &number);
        out->ttl = (int)number;
    }
    return status;
}

enum status sip_via_parse(struct span value, struct sip_via *out)
{
    struct sip_parameter parameter;
    const char *at, *end = span_end(value);
    struct span rest;

    *out = (struct sip_via){.text = value, .ttl = -1};
    if (span_empty(value))
        return STATUS_MALFORMED;
    at = parse_sent_by(value.at, end, out);
    if (at == NULL)
        return STATUS_MALFORMED;
    out->has_sent_by = true;
    out->params = span_between(at, end);
    rest = out->params;
    while (sip_parameter_next(&rest, &parameter))
        if (take_parameter(&parameter, out) != STATUS_OK)
            return STATUS_MALFORMED;
    return span_empty(sip_trim(rest)) ? STATUS_OK : STATUS_MALFORMED;
}

bool sip_via_has_cookie(const struct sip_via *via)
{
    struct span cookie = SPAN("z9hG4bK");

    return via->branch.len > cookie.len &&
           text_is((struct span){via->branch.at, cookie.len}, SPAN("z9hg4bk"));
}
