/* must.h - proofs, one for each sentence of tests/e2e/conformance.md that meets us, and what they
 * share: two user agents with accounts of their own, and the server's tables. */
#ifndef E2E_MUST_H
#define E2E_MUST_H

#include "tests/support/cluster.h"
#include "tests/support/peer.h"

#include <check.h>

enum { SOON_MS = 2000, QUIET_MS = 200 };

#define EVENT "Event: presence\r\n"
#define TYPE "Content-Type: application/pidf+xml\r\n"
#define PIDF(note)                                                                                 \
    "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "                      \
    "entity=\"sip:x@example.org\"><tuple id=\"t\"><status><basic>open</basic></status><note>" note \
    "</note></tuple></presence>"

/* bob watches alice: a presentity, her watcher and their one dialog. */
struct wire {
    struct cluster *cluster;
    struct peer alice, bob;
    const char *domain;
    int port;
    char letter;
    int next;
    struct peer carol; /* by whom it is seen that a rule is in effect */
    bool carol_blocked;
    char etag[128];
    char dialog_to[PEER_TEXT]; /* of bob's requests in the dialog; "" before there is one */
    char target[PEER_TEXT];
};

extern struct wire w;

/** Makes as many accounts as the proofs need, whose names begin with `letter`; returns when they
 * are live. */
void wire_open(int port, char letter);
void wire_close(void);

void wire_set_up(void);
void wire_tear_down(void);

/** A SUBSCRIBE of bob's, in the dialog once there is one; its status. `event` is all of the Event
 * header field, `more` further ones. */
int subscribe_to(const char *event, const char *more);
int subscribe(const char *more);

/** Forgets the dialog, and begins another Call-ID. */
void another_call(void);

/** bob's next NOTIFY, of the dialog and with that state; its CSeq. */
unsigned notified(const char *state, const char *text);
bool silent(void);

/** A PUBLISH of alice's; keeps the entity-tag of its answer. */
int publish(const char *headers, const char *body);

/** Header fields of one with the entity-tag that was kept; good until the next. */
const char *if_match(const char *more);

/** The first value of a query in which %s is alice's AOR. */
const char *about_alice(const char *query);
bool shows(const char *wanted, const char *query);
bool shows_within(int ms, const char *wanted, const char *query);
int subscriptions(void);
int publications(void);

/** presence.allow() and so on, of alice's for bob; returns when it is in effect. */
void rule(const char *action);

/** One header field's value of bob's or alice's message, a copy; good until the eighth next. */
const char *header(struct peer *peer, enum sip_header_id id);

/** The number of ";expires=" in bob's NOTIFY; -1 without. */
int left_s(void);

/* ---- proofs: each list ends with NULL ---- */

const TTest *const *subscribe_proofs(void);
const TTest *const *notify_proofs(void);
const TTest *const *event_proofs(void);
const TTest *const *publish_proofs(void);
const TTest *const *presence_proofs(void);

/* By test_must.sh's second configuration: brief transactions, and a minimum of two hours. */
const TTest *const *other_proofs(void);

#endif
