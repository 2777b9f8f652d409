/* routing.h - a request's Route and Request-URI, when our own entries are off (RFC 3261 16.4). */
#ifndef SERVICE_ROUTING_H
#define SERVICE_ROUTING_H

#include "server/service/route_mark.h"
#include "server/state/state.h"

/** Whose a request is. Spans are lent by the message. */
struct routing {
    size_t routes_taken;     /* values of Route, from the top, that were ours */
    bool last_route_taken;   /* a strict router before us put the Request-URI there */
    struct span request_uri; /* as it goes on */
    struct sip_uri uri;      /* the same, parsed */
    bool has_next;           /* a Route of others is left: it goes there */
    struct sip_uri next;     /* that one */
    bool is_marked;          /* within a dialog, and our mark of it was on one of our entries */
    struct route_mark mark;  /* that one */
    struct span mark_text;   /* as it stood there */
    bool is_local;           /* no route left, and the host is ours: a domain, or our address */
    const struct domain_row *domain; /* the domain, where it is one of ours; else NULL */
    const struct domain_row *sender; /* From's domain, likewise */
    bool is_trusted;                 /* a peer sends it that may (proxy.c finds out) */
    bool may_relay;                  /* and might send it anywhere: it, or an account of ours */
};

/** STATUS_MALFORMED when a Route that decides is no sip or sips URI. */
MUST_USE enum status routing_read(const struct state *state, const struct sip_message *request,
                                  struct routing *out);

#endif
