/* media.h - Content-Type and Accept values (RFC 3261 sections 20.1, 20.15). */
#ifndef SIP_MEDIA_H
#define SIP_MEDIA_H

#include "server/sip/parameter.h"

struct sip_media {
    struct span full;    /* "application/pidf+xml" when written without white space around '/' */
    struct span type;    /* "*" in a range */
    struct span subtype; /* "*" in a range */
    struct span params;  /* from the first ';', or empty */
};

/** One value; ranges are accepted. Names are compared without case. */
MUST_USE enum status sip_media_parse(struct span value, struct sip_media *out);

/** Both type and subtype are those of `name`, e.g. SPAN("application/pidf+xml"). */
bool sip_media_is(const struct sip_media *media, struct span name);

/**
 * How much an Accept wants `name`, in thousandths: the most specific range decides, 0 refuses.
 * `accept` is the comma list of all Accept header fields; what is malformed in it is passed over.
 * An empty one admits nothing (RFC 3261 section 20.1); what holds without any the caller knows.
 */
unsigned sip_accept_q(struct span accept, struct span name);

#endif
