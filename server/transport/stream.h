/* stream.h - one connection: octets cut into messages, messages gathered into one writev(); for
 * this folder only. */
#ifndef TRANSPORT_STREAM_H
#define TRANSPORT_STREAM_H

#include "server/base/loop.h"
#include "server/base/status.h"
#include "server/sip/parse.h"
#include "server/transport/write_queue.h"

enum stream_state {
    STREAM_CONNECTING, /* what is sent waits */
    STREAM_OPEN,
    STREAM_CLOSING,   /* takes nothing more; what waits still leaves */
    STREAM_LINGERING, /* all has left and the peer knows; its last octets are thrown away */
    STREAM_ENDED,
};

/** Why it ended. */
enum stream_end {
    STREAM_END_PEER,           /* the peer closed it */
    STREAM_END_ERROR,          /* it broke */
    STREAM_END_CONNECT_FAILED, /* refused, unreachable */
    STREAM_END_CONNECT_SLOW,
    STREAM_END_SILENT,   /* accepted, and never a word */
    STREAM_END_IDLE,     /* no traffic */
    STREAM_END_MESSAGE,  /* a message that was begun did not end */
    STREAM_END_WRITE,    /* a message was not taken */
    STREAM_END_VANISHED, /* nothing is acknowledged any more */
    STREAM_END_FAULT,    /* framing was lost */
    STREAM_END_MEMORY,   /* unfinished messages of all connections were too much */
    STREAM_END_STOP,     /* we end */
    STREAM_END_COUNT,
};

struct stream;

/** One message; lent until the function returns. */
typedef void stream_message_fn(struct stream *self, struct span octets);

/**
 * Framing is lost; the stream closes once it has sent what waits, an answer included. `octets` has
 * the header fields, or what of them fitted; empty when there is nothing to answer.
 */
typedef void stream_fault_fn(struct stream *self, struct span octets,
                             const struct sip_fault *fault);

/** It has ended: what it did not send is still in its queue. Free it at the end of the turn. */
typedef void stream_end_fn(struct stream *self, enum stream_end why);

/** What all connections of a transport have in common. */
struct stream_common {
    struct loop *loop;
    struct sip_limits limits;
    int64_t connect_us;
    int64_t first_us;
    int64_t idle_us;
    int64_t message_us;
    int64_t write_us;
    size_t write_queue_bytes_max; /* of one connection */
    size_t write_bytes_max;       /* of all */
    size_t partial_bytes_max;     /* of all */
    stream_message_fn *on_message;
    stream_fault_fn *on_fault;
    stream_end_fn *on_end;
    uint64_t *bytes_in;
    uint64_t *bytes_out;
    uint64_t *messages_in;
    uint64_t *messages_out;
    uint64_t *pings;

    char *octets; /* where everybody reads to: stream_common_init() makes it */
    size_t octets_size;
    size_t partial_bytes; /* held by all */
    size_t write_bytes;   /* queued for all */
    struct list ready;    /* have something to write at the end of this turn */
};

/** Fill in the settings first. */
void stream_common_init(struct stream_common *self);
void stream_common_deinit(struct stream_common *self);

/**
 * Lives in its owner; stream_start() makes it. An idle one has but this and a watcher: octets are
 * read into the common buffer, and only an unfinished message gets memory of its own.
 */
struct stream {
    struct stream_common *common;
    struct loop_io *io;
    int fd;
    uint8_t state;       /* enum stream_state */
    uint8_t end;         /* enum stream_end, from STREAM_CLOSING on */
    bool silent;         /* accepted, and nothing has come yet */
    bool blocked;        /* the socket took no more; waits for LOOP_WRITE */
    bool unacknowledged; /* octets have left since it was last looked whether they arrived */
    bool delivering;     /* on_message() runs */
    bool in_message;     /* octets of an unfinished message are here */
    struct timer deadline;
    struct list ready;
    struct instant active_at;  /* octets passed, either way */
    struct instant message_at; /* the unfinished message began */
    struct instant write_at;   /* the first one in the queue began to wait */
    struct instant written_at; /* the first octets left that may not have arrived */
    struct sip_frame frame;
    char *partial; /* octets that are no whole message yet */
    uint32_t partial_len;
    uint32_t partial_room;
    struct write_queue queue;
};

/** Takes `fd`: connected (STREAM_OPEN, `accepted` or not), or about to (STREAM_CONNECTING). */
void stream_start(struct stream *self, struct stream_common *common, int fd,
                  enum stream_state state, bool accepted);

/** Takes messages: connecting or open. */
static inline bool stream_is_alive(const struct stream *self)
{
    return self->state == STREAM_CONNECTING || self->state == STREAM_OPEN;
}

/**
 * Queues for the end of the turn, or writes when there is much. STATUS_UNAVAILABLE when the queue
 * is full. May end the stream, what it was given included; calls back for nothing else.
 */
MUST_USE enum status stream_send(struct stream *self, struct span head, struct blob *body);

/** Writes what waits, as far as the socket takes it. May end the stream. */
void stream_flush(struct stream *self);

/** Ends it now. */
void stream_end(struct stream *self, enum stream_end why);

#endif
