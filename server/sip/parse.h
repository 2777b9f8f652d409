/* parse.h - received bytes to struct sip_message; framing of streams (RFC 3261 sections 7, 18.3,
 * 25). */
#ifndef SIP_PARSE_H
#define SIP_PARSE_H

#include "server/sip/message.h"

enum sip_parse_result {
    SIP_PARSED,
    SIP_INCOMPLETE, /* streams only: more octets are needed */
    SIP_MALFORMED,  /* `fault` says what and with which status */
};

/** What one message may have; what is above is refused, with the status that says so. */
struct sip_limits {
    size_t header_bytes; /* start line and header fields: 513 */
    size_t body_bytes;   /* 413 */
    size_t uri_bytes;    /* Request-URI: 414 */
    size_t headers;      /* header fields, at most SIP_HEADERS_MAX: 513 */
};

/** 16 kB of header fields, 64 kB of body, 1 kB of Request-URI, SIP_HEADERS_MAX fields. */
extern const struct sip_limits sip_limits_default;

struct sip_fault {
    int status; /* 400, 413, 414, 505, 513 */
    const char
        *phrase; /* constant; the reason phrase that names the fault, e.g. "Missing Call-ID" */
};

/**
 * Parses one datagram, one WebSocket message, or what sip_frame_stream() cut out.
 *
 * Checked: the start line, every line's shape, the fields that may stand only once, Via, From,
 * To, Call-ID, CSeq, Max-Forwards, Content-Length; the CSeq method equals the method. All else
 * is left to who reads it; see sip_check_fields().
 * Without Content-Length the rest is the body; octets behind the body are cut off
 * (RFC 3261 section 18.3). Empty lines before the start line are skipped (section 7.5).
 *
 * SIP_MALFORMED: `out` is filled as far as possible. A request is to be answered with `fault`
 * when `out->answerable`; anything else is dropped. Allocates nothing, borrows `bytes`.
 */
enum sip_parse_result sip_parse_datagram(struct span bytes, const struct sip_limits *limits,
                                         struct sip_message *out, struct sip_fault *fault);

/**
 * The syntax of what sip_parse_datagram() left alone and a server acts on: all Via values,
 * Contact, Route, Record-Route, Path, Expires, Event, Content-Type. For elements
 * that judge a whole request before they touch state (RFC 3261 section 16.3 step 1). Contact and
 * Record-Route of a PUBLISH may be anything (RFC 3903 section 6).
 * False, with `fault` filled, at the first fault.
 */
bool sip_check_fields(const struct sip_message *message, struct sip_fault *fault);

/** Where the next message of a stream is; {0} before the first octets of each message. */
struct sip_frame {
    size_t skip_bytes;    /* empty lines before it; they may be dropped at any time */
    size_t pings;         /* CRLF CRLF among these: each is to be answered with one CRLF (RFC 5626
                             section 4.4.1) */
    size_t message_bytes; /* of the message behind them; 0 while its header fields are incomplete */
    size_t scanned_bytes; /* how far the search for the empty line has come; for the next call */
};

/**
 * Looks for one message at the start of `bytes`, the octets of a stream not consumed yet.
 *
 * SIP_PARSED      `bytes` has all of it: skip, parse the next `message_bytes`, consume both,
 *                 and begin again with a frame of {0}.
 * SIP_INCOMPLETE  read on and call again with the same frame and at least the same bytes.
 *                 While `message_bytes` and `scanned_bytes` are 0 there are but empty
 *                 lines: consume `skip_bytes`, answer the pings, begin again with {0}. The reader's
 * deadline is its own affair. SIP_MALFORMED   framing is lost: Content-Length is missing, repeated
 * or no number, or a limit is exceeded. When `message_bytes` is not 0, sip_parse_datagram() of
 * these gives a message to answer with `fault`, whatever it says itself; then close.
 */
enum sip_parse_result sip_frame_stream(struct span bytes, const struct sip_limits *limits,
                                       struct sip_frame *frame, struct sip_fault *fault);

#endif
