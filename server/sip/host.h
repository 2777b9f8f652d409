/* host.h - `host [ ":" port ]`, common to URIs and Via; for this folder only. */
#ifndef SIP_HOST_H
#define SIP_HOST_H

#include "server/base/span.h"

#include <stdint.h>

/**
 * Parses a host name, IPv4 address, or IPv6 reference, whose brackets `host` does not have.
 * Returns what is behind it; NULL when there is none.
 */
const char *sip_host_parse(const char *at, const char *end, struct span *host, bool *is_v6);

/** Parses 1*DIGIT, 1 to 65535. Returns what is behind it; NULL when there is none. */
const char *sip_port_parse(const char *at, const char *end, uint16_t *port);

#endif
