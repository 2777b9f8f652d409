/* compose.h - messages to bytes (RFC 3261 sections 8.2.6, 18.2.1; RFC 3581 section 4). */
#ifndef SIP_COMPOSE_H
#define SIP_COMPOSE_H

#include "server/base/buffer.h"
#include "server/sip/message.h"

/**
 * A message is composed head, header fields, body, each into the same buffer:
 *
 *     sip_compose_response_head(buffer, request, 200, (struct span){0}, tag, &source, false);
 *     sip_compose_header(buffer, SPAN("SIP-ETag"), etag);
 *     sip_compose_body(buffer, (struct span){0}, (struct span){0});
 *
 * Who composes asks `buffer->overflowed` once, at the end. Values are the caller's: octets
 * that a peer chose must come from a parsed message, or be checked, since nothing is escaped
 * here but by sip_compose_quoted().
 */

/** Where a request came from: what `received` and `rport` of its top Via get. */
struct sip_source {
    struct span address; /* text; IPv6 without brackets */
    uint16_t port;
};

/**
 * Status line, all Via, From, To, Call-ID and CSeq of `request`, octet by octet, and for a 100
 * its Timestamp (section 8.2.6.1).
 *
 * request       parsed, or malformed and answerable: then what it lacks is left out
 * phrase        empty: the standard one
 * to_tag        added to a To without tag; empty: none (100 only)
 * source        stamped into the top Via: rport when the client asked for it, and `received`
 *               when the client asked for rport or when its sent-by is not that address; what
 *               the client wrote there itself is replaced. NULL: Via as it came
 * record_route  whether Record-Route is copied (2xx and 101-199 that make a dialog, section 12.1.1)
 */
void sip_compose_response_head(struct buffer *buffer, const struct sip_message *request, int status,
                               struct span phrase, struct span to_tag,
                               const struct sip_source *source, bool record_route);

/** All Via of `request` in their order, the top one stamped by `source` as above. */
void sip_compose_vias(struct buffer *buffer, const struct sip_message *request,
                      const struct sip_source *source);

/** `METHOD uri SIP/2.0`. */
void sip_compose_request_line(struct buffer *buffer, struct span method, struct span uri);

/** `Name: value`; one line. */
void sip_compose_header(struct buffer *buffer, struct span name, struct span value);
void sip_compose_header_number(struct buffer *buffer, struct span name, uint64_t value);

/** `Date: Sat, 13 Nov 2010 23:29:00 GMT` (section 20.17); seconds since 1970. */
void sip_compose_date(struct buffer *buffer, int64_t unix_s);

/** `text` as a quoted string: quotes and backslashes escaped, octets that may not stand there left
 * out. */
void sip_compose_quoted(struct buffer *buffer, struct span text);

/** Content-Type when `type` is not empty, Content-Length always, the empty line, the body. Ends the
 * message. */
void sip_compose_body(struct buffer *buffer, struct span type, struct span body);

#endif
