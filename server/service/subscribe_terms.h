/* subscribe_terms.h - what a SUBSCRIBE asks for, judged without regard to who asks; subscribe.c's.
 */
#ifndef SERVICE_SUBSCRIBE_TERMS_H
#define SERVICE_SUBSCRIBE_TERMS_H

#include "server/service/subscribe.h"

enum { ACCEPT_OCTETS = 1024, EVENT_OCTETS_MAX = 512, ROUTE_SET_OCTETS = 4096 };

/** One SUBSCRIBE while it is judged. */
struct subscribing {
    struct subscribe *self;
    struct request *request;
    const struct sip_message *message;
    const struct event_package *package;
    const struct domain_row *watcher_domain; /* whose policies hold for who asks */
    const struct domain_row *domain;         /* of the presentity */
    struct subscription_change change;
    struct span suppress_if_match; /* an entity-tag or "*"; empty: none (RFC 5839) */
    struct span standing_filter;   /* of the subscription that is refreshed */
    struct buffer body;            /* a filter as it will stand */
    bool is_list;                  /* the Request-URI is that of a list, or the body holds one */
    char aor_octets[SIP_AOR_BYTES_MAX];
    char watcher_octets[SIP_AOR_BYTES_MAX];
    char route_octets[ROUTE_SET_OCTETS];
    char accept_octets[ACCEPT_OCTETS];
};

/*
 * Each reads one thing into `change` and is true when the request was refused. In this order: what
 * comes later rests on what was read before.
 */
bool subscribe_refused_event(struct subscribing *it);     /* 400, 489: RFC 6665 section 4.2.1.1 */
bool subscribe_refused_expires(struct subscribing *it);   /* 400, 423 */
bool subscribe_refused_body(struct subscribing *it);      /* 400, 413, 415, 488: RFC 4660, 5367 */
bool subscribe_refused_list(struct subscribing *it);      /* 421: RFC 4662 section 4.1 */
bool subscribe_refused_accept(struct subscribing *it);    /* 406 */
bool subscribe_refused_condition(struct subscribing *it); /* 400: RFC 5839 */

#endif
