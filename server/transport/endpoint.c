/* endpoint.c - numeric hosts by inet_pton(), which knows every form of RFC 4291 section 2.2. */
#include "server/transport/endpoint.h"

#include <arpa/inet.h>

static const char *const protocol_names[] = {
    [TRANSPORT_UDP] = "UDP", [TRANSPORT_TCP] = "TCP", [TRANSPORT_TLS] = "TLS",
    [TRANSPORT_WS] = "WS",   [TRANSPORT_WSS] = "WSS",
};

static const uint16_t protocol_ports[] = {
    [TRANSPORT_UDP] = 5060, [TRANSPORT_TCP] = 5060, [TRANSPORT_TLS] = 5061,
    [TRANSPORT_WS] = 80,    [TRANSPORT_WSS] = 443,
};

enum { PROTOCOL_COUNT = sizeof(protocol_names) / sizeof(protocol_names[0]) };

bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

enum status endpoint_parse_host(struct span host, struct endpoint *out)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16] = {0};
    bool bracketed = host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    int family = AF_INET;

    if (bracketed)
        host = (struct span){host.at + 1, host.len - 2};
    if (host.len == 0 || host.len >= sizeof(text))
        return STATUS_MALFORMED;
    if (bracketed || span_find(host, ':') != NULL)
        family = AF_INET6;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    /* A NUL among the octets would end the text early and let the rest pass unseen. */
    if (strlen(text) != host.len || inet_pton(family, text, address) != 1)
        return STATUS_MALFORMED;
    out->family = family == AF_INET ? ENDPOINT_IPV4 : ENDPOINT_IPV6;
    memcpy(out->address, address, sizeof(out->address));
    return STATUS_OK;
}

static bool parse_port(struct span digits, uint16_t *out)
{
    unsigned port = 0;

    if (digits.len == 0 || digits.len > 5)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
        port = port * 10 + (unsigned)(digits.at[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX)
        return false;
    *out = (uint16_t)port;
    return true;
}

enum status endpoint_parse(struct span text, struct endpoint *out)
{
    struct endpoint made = {0};
    const char *end = text.at + text.len;
    const char *colon = span_find(text, ':');
    struct span host = text;

    if (text.len > 0 && text.at[0] == '[') {
        const char *close = span_find(text, ']');

        if (close == NULL)
            return STATUS_MALFORMED;
        colon = close + 1 < end ? close + 1 : NULL;
        if (colon != NULL && *colon != ':')
            return STATUS_MALFORMED;
    } else if (colon != NULL && span_find(span_between(colon + 1, end), ':') != NULL) {
        return STATUS_MALFORMED; /* IPv6 without brackets: its port could not be told */
    }
    if (colon != NULL) {
        host = span_between(text.at, colon);
        if (!parse_port(span_between(colon + 1, end), &made.port))
            return STATUS_MALFORMED;
    }
    if (endpoint_parse_host(host, &made) != STATUS_OK)
        return STATUS_MALFORMED;
    *out = made;
    return STATUS_OK;
}

void endpoint_compose_address(const struct endpoint *self, struct buffer *out)
{
    char text[INET6_ADDRSTRLEN];
    int family = self->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;

    if (inet_ntop(family, self->address, text, sizeof(text)) != NULL)
        buffer_put(out, span_of(text));
}

void endpoint_compose(const struct endpoint *self, struct buffer *out)
{
    if (self->family == ENDPOINT_IPV6)
        buffer_put_char(out, '[');
    endpoint_compose_address(self, out);
    if (self->family == ENDPOINT_IPV6)
        buffer_put_char(out, ']');
    if (self->port != 0) {
        buffer_put_char(out, ':');
        buffer_put_u64(out, self->port);
    }
}

struct span transport_protocol_name(enum transport_protocol protocol)
{
    return span_of(protocol_names[protocol]);
}

bool transport_protocol_find(struct span name, enum transport_protocol *out)
{
    for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
        if (span_equal_nocase(name, span_of(protocol_names[i]))) {
            *out = (enum transport_protocol)i;
            return true;
        }
    }
    return false;
}

uint16_t transport_protocol_port(enum transport_protocol protocol)
{
    return protocol_ports[protocol];
}
