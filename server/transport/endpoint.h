/* endpoint.h - one end of a path: transport protocol, numeric address and port. */
#ifndef TRANSPORT_ENDPOINT_H
#define TRANSPORT_ENDPOINT_H

#include "server/base/buffer.h"
#include "server/base/span.h"
#include "server/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum transport_protocol {
    TRANSPORT_UDP,
    TRANSPORT_TCP,
    TRANSPORT_TLS,
    TRANSPORT_WS,  /* RFC 7118 */
    TRANSPORT_WSS, /* RFC 7118 */
};

enum { ENDPOINT_IPV4 = 4, ENDPOINT_IPV6 = 6 };

/** Octets of the longest text: "[" IPv6 "]:65535". */
enum { ENDPOINT_TEXT_MAX = 56 };

/** A plain value without padding; zeroed is "nowhere". Unused octets of an IPv4 address are zero.
 */
struct endpoint {
    uint8_t protocol; /* enum transport_protocol */
    uint8_t family;   /* ENDPOINT_IPV4 or ENDPOINT_IPV6; 0 is nowhere */
    uint16_t port;    /* in the host's order */
    uint8_t address[16];
};

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/** Same address, whatever the protocol and port. */
bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b);

/**
 * Reads "192.0.2.1:5060", "[2001:db8::1]:5060", or either without a port, which is then 0.
 * The protocol becomes TRANSPORT_UDP. STATUS_MALFORMED for anything else, names included.
 */
MUST_USE enum status endpoint_parse(struct span text, struct endpoint *out);

/**
 * Reads a host alone, an IPv6 address with or without brackets, into family and address; leaves
 * protocol and port. STATUS_MALFORMED when it is not numeric; `out` is then untouched.
 */
MUST_USE enum status endpoint_parse_host(struct span host, struct endpoint *out);

/** "192.0.2.1:5060" or "[2001:db8::1]:5060"; without ":port" when the port is 0. */
void endpoint_compose(const struct endpoint *self, struct buffer *out);

/** The address alone: "192.0.2.1", and "2001:db8::1" without brackets as `received` has it. */
void endpoint_compose_address(const struct endpoint *self, struct buffer *out);

/** "UDP", "TCP", "TLS", "WS", "WSS": the word in a Via's sent-protocol. */
struct span transport_protocol_name(enum transport_protocol protocol);

/** The protocol of that name, in any case. False when there is none such. */
bool transport_protocol_find(struct span name, enum transport_protocol *out);

/** True for all but UDP: no retransmissions needed (RFC 3261 section 17). */
static inline bool transport_protocol_is_reliable(enum transport_protocol protocol)
{
    return protocol != TRANSPORT_UDP;
}

/** 5060; over TLS 5061; 80 and 443 over WebSocket (RFC 3261 section 19.1.2, RFC 7118). */
uint16_t transport_protocol_port(enum transport_protocol protocol);

#endif
