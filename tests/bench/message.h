/* message.h - the SIP requests and responses that the generators send. */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "tests/bench/exchange.h"
#include "tests/bench/scan.h"
#include "tests/bench/text.h"
#include "tests/bench/wire.h"

#include <stdbool.h>
#include <stdint.h>

/** Everything that tells one request from another. Empty spans are left out. */
struct request {
    struct span method;
    struct span uri;
    struct span from_uri;
    struct span from_tag;
    struct span to_uri;
    struct span to_tag;
    struct span call_id;
    uint32_t cseq;
    struct span contact; /* a whole Contact value; empty means ours: <sip:bench@ADDRESS:PORT> */
    bool no_contact;     /* for methods that have none */
    struct span headers; /* whole lines, each with its CRLF */
    struct span content_type;
    struct span body;
};

/** Composes `request` into the exchange's bytes, with its branch and the port it leaves from. */
void message_request(const struct wire *wire, struct exchange *exchange,
                     const struct request *request);

/**
 * The same request once more for `to`, which must be a fresh exchange: next CSeq, new branch,
 * and `authorization` (a whole line) in place of the one it had.
 */
void message_again(const struct exchange *from, struct exchange *to, struct span authorization);

/** Answers `request`, a datagram that came in on `port`, at once. The To keeps the tag it has. */
void message_answer(struct wire *wire, uint32_t port, const struct scan *request,
                    struct span status_line);

/** What an answer has besides what it copies. Empty spans are left out. */
struct answer {
    struct span status_line;
    struct span to_tag;  /* where the To of the request has none */
    struct span contact; /* a whole value; with it the Record-Route lines are copied */
    struct span content_type;
    struct span body;
};

/** Composes an answer to `request`; `out` needs WIRE_SEND_BYTES at most. */
void message_compose_answer(struct text *out, const struct wire *wire, const struct scan *request,
                            const struct answer *answer);

/** RFC 3261 section 17.1.1.3: the ACK of a `refusal` other than 2xx of the INVITE in `exchange`. */
void message_ack_refusal(struct wire *wire, const struct exchange *exchange,
                         const struct scan *refusal);

/**
 * A PIDF document of about `bytes` octets with a person of RFC 4480. Its note carries the
 * marker "m:PRESENTITY:DEVICE:SERIAL;", by which a watcher's copy is recognised.
 */
void message_document(struct text *out, struct span aor, uint32_t presentity, uint32_t device,
                      uint32_t serial, size_t bytes);

#endif
