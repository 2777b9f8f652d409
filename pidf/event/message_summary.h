/* message_summary.h - messages that wait, as application/simple-message-summary (RFC 3842). */
#ifndef PIDF_EVENT_MESSAGE_SUMMARY_H
#define PIDF_EVENT_MESSAGE_SUMMARY_H

#include "pidf/pidf.h"

/** Of one body. Messages' headers make them long. */
enum { MESSAGE_SUMMARY_BYTES_MAX = 65536 };

/** The message contexts of RFC 3458 section 6.2 and RFC 3938, in the order in which they are
 * composed. */
enum message_context {
    MESSAGE_CONTEXT_VOICE,
    MESSAGE_CONTEXT_VIDEO,
    MESSAGE_CONTEXT_FAX,
    MESSAGE_CONTEXT_PAGER,
    MESSAGE_CONTEXT_MULTIMEDIA,
    MESSAGE_CONTEXT_TEXT,
    MESSAGE_CONTEXT_NONE,
};

enum { MESSAGE_CONTEXTS = MESSAGE_CONTEXT_NONE + 1 };

/** One summary line: "Voice-Message: 2/8 (0/2)". */
struct message_counts {
    bool present;
    uint32_t fresh;
    uint32_t old;
    bool has_urgent; /* the two below were said */
    uint32_t fresh_urgent;
    uint32_t old_urgent;
};

/** One body. Spans point into it. */
struct message_summary {
    bool waiting;
    struct span
        account; /* without the angle brackets that RFC 3842 section 3.5 forbids; or empty */
    struct message_counts counts[MESSAGE_CONTEXTS];
    struct span headers; /* of messages: groups of lines as received, each behind an empty one */
};

/**
 * Reads a body (RFC 3842 section 5.2): names in any case, lines that end with CRLF or LF, folded
 * or not. A number above 2^32-1 is read as 2^32-1 (section 3.5). Urgent messages may be more than
 * all: some voicemail servers keep them in a folder of their own and count that beside.
 *
 * STATUS_MALFORMED: to be refused with 400, `fault` says why. STATUS_LIMIT: with 413. `fault`
 * (may be NULL) is written only on error, `out` only without.
 */
MUST_USE enum status message_summary_parse(struct span body, struct message_summary *out,
                                           struct pidf_fault *fault);

/** One publication. */
struct message_summary_source {
    struct span body;
    int64_t published_at_us; /* any clock, the same for all; the greatest is the newest */
    bool with_headers;       /* its headers are of messages that the watcher was not told of yet */
};

/** Whose messages, and those that this server itself keeps for him (RFC 3428 section 7). */
struct message_summary_account {
    struct span uri; /* written when no publication names an account, or several name different
                        ones; may be empty */
    bool keeps;      /* messages are kept for this AOR: say how many even when that is 0 */
    uint32_t kept;   /* of the context text, all of them new */
};

/**
 * Appends what `count` publications and the kept messages say together.
 *
 * Which counts are added, and which replace others? Several publications are several messaging
 * systems, or one that started again and whose former publication has not expired yet. They are
 * told apart by Message-Account, which RFC 3842 section 3.5 demands as soon as there is more than
 * one account: publications of the same account (or of none) speak of the same messages, so the
 * newest line of each context stands; those of different accounts speak of different messages, so
 * they are added, and so are kept messages, which nobody publishes. Sums end at 2^32-1.
 *
 * A publication is forgotten when newer ones of its account say all that it says; of those that
 * are left, "yes" wins (section 3.10). The same section has lines merged only if everyone has
 * some: when a publication says "yes" and not of what, no line is written, since any number would
 * be too low.
 *
 * Headers are written of those sources that have `with_headers` only: they must not be in the first
 * NOTIFY, nor ever repeat (section 3.5). Bodies that message_summary_parse() refuses are left out.
 * The same sources give the same bytes, in whatever order they stand in the array.
 *
 * STATUS_LIMIT when `out` overflowed; it is then cut back to what it held before.
 */
MUST_USE enum status message_summary_compose(const struct message_summary_account *account,
                                             const struct message_summary_source sources[],
                                             size_t count, struct buffer *out);

#endif
