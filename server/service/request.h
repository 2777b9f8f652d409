/* request.h - one request from the moment it is routed until its final response. */
#ifndef SERVICE_REQUEST_H
#define SERVICE_REQUEST_H

#include "server/base/buffer.h"
#include "server/base/crypto.h"
#include "server/base/handle.h"
#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/base/metric.h"
#include "server/sip/message.h"
#include "server/state/batch.h"
#include "server/transaction/server_transaction.h"
#include "server/transport/transport.h"

/**
 * An answer is composed, then sent or held:
 *
 *     out = request_compose(request, 200, tag);      status line and the common header fields
 *     sip_compose_header(out, SPAN("SIP-ETag"), etag);   what this answer adds
 *     request_answer(request);                       now, or
 *     request_hold_until_committed(request, batch, objects, count);
 *
 * Exactly one of the functions that end a request is called; `self` is gone afterwards.
 */
struct request;

/** All requests that are being worked on. */
struct requests;

enum { AOR_LOGGED_MAX = 120 };

/** What the log and the metrics say of a request, whoever answers it. A plain value. */
struct request_trace {
    struct handle id;
    struct instant began;
    enum sip_method method;
    uint8_t aor_len;
    char aor[AOR_LOGGED_MAX];
};

/** Borrows all. At most `max` at a time. */
struct requests *requests_new(struct loop *loop, struct log *log, struct metrics *metrics,
                              struct transactions *transactions, const struct mac_key *tag_key,
                              uint32_t max);
void requests_free(struct requests *self);

/** How many wait for a commit now. */
size_t requests_count(const struct requests *self);

/** NULL when there are too many: the caller refuses without one. Lends message and flow. */
struct request *request_new(struct requests *requests, const struct sip_message *message,
                            const struct flow *from, struct handle transaction);

/** Answers one for which there was no room: 500 with Retry-After. */
void requests_refuse_surplus(struct requests *requests, const struct sip_message *message,
                             const struct flow *from, struct handle transaction);

/**
 * Another request that is being worked on has the same From tag, Call-ID and CSeq but came by
 * another path (RFC 3261 section 8.2.2.2).
 */
bool request_is_merged(const struct request *self);

/** One that was handed over comes back to be answered here; never NULL. Lends as request_new(). */
struct request *request_resume(struct requests *requests, const struct sip_message *message,
                               const struct flow *from, struct handle transaction,
                               const struct request_trace *trace);

/** Until the first return to the loop; what is held has copied what it needs. */
const struct sip_message *request_message(const struct request *self);
const struct flow *request_flow(const struct request *self);

struct handle request_transaction(const struct request *self);

/** Whom it acts for or on, for the log; copied, cut to some 120 octets. */
void request_name_aor(struct request *self, struct span aor);

/** Begins an answer. `to_tag` empty: one is made. Lends the buffer until the next compose. */
struct buffer *request_compose(struct request *self, int status, struct span phrase,
                               struct span to_tag, bool record_route);

/**
 * Keeps what was composed until `objects` are committed, and then sends it; or refuses after
 * all: with 500, and Retry-After if trying again later may work. Follows a stage: see batch_wait().
 */
void request_hold_until_committed(struct request *self, struct batch *batch,
                                  const struct handle objects[], size_t count);

/* ---- the ends ---- */

/** Sends what was composed, with an empty body. */
void request_answer(struct request *self);

/** Refuses with the RFC's phrase for `status`, or with one that names the fault. */
void request_refuse(struct request *self, int status, const char *phrase);

/** The same with one more header field; `name` "" adds none. */
void request_refuse_with(struct request *self, int status, const char *phrase, const char *name,
                         struct span value);

/**
 * Refuses for what judging a body gave: 400 for STATUS_MALFORMED, 413 for STATUS_LIMIT, `conflict`
 * for STATUS_CONFLICT. False, and nothing is done, for STATUS_OK.
 */
bool request_refused_by(struct request *self, enum status status, int conflict, const char *phrase);

/** 423 with Min-Expires (RFC 3261 section 10.3, RFC 3903 section 6, RFC 6665 section 4.2.1.1). */
void request_refuse_brief(struct request *self, uint32_t min_expires_s);

/** Without an answer: who takes it over answers its transaction, and notes it by the trace. */
struct request_trace request_hand_over(struct request *self);

/** One log line and the counters, for an answer that did not come from here. */
void requests_note_answer(const struct requests *requests, const struct request_trace *trace,
                          int status);

/** 500 with a jittered Retry-After: unlike 503 it silences the client for nothing else. */
void request_refuse_for_now(struct request *self);

#endif
