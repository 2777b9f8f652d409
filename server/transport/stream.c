/* stream.c - framing, gathering, deadlines: what a peer may cost us and for how long. */
#include "server/transport/stream.h"

#include "server/base/must.h"
#include "server/transport/tcp_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,        /* at least, of one read */
    COPY_MAX = 4 * 1024,           /* so few octets are rather copied to the common buffer */
    PIECES = 64,                   /* of one writev() */
    LINGER_US = 2 * (int)US_PER_S, /* for the peer to read our last words and close */
    BATCH_BYTES = 64 * 1024,       /* queued, gain nothing by waiting for the end of the turn */
    DEAF_BYTES = 64 * 1024,        /* queued for a peer that does not read: nor do we */
    PONGS_MAX = 1024,              /* answered of one read: who sends more, floods */
};

void stream_common_init(struct stream_common *self)
{
    /* A partial message in front of what is read, whole. */
    self->octets_size = READ_BYTES + COPY_MAX;
    self->octets = malloc(self->octets_size);
    must(self->octets != NULL);
    self->partial_bytes = 0;
    self->write_bytes = 0;
    list_init(&self->ready);
}

void stream_common_deinit(struct stream_common *self)
{
    free(self->octets);
}

static struct instant now_of(const struct stream *self)
{
    return loop_now(self->common->loop);
}

/*
 * Who lets our answers wait is not asked for more requests: else one who never reads could fill
 * our memory with answers. TCP tells him.
 */
static bool is_deaf(const struct stream *self)
{
    return self->blocked && self->queue.octets > DEAF_BYTES;
}

static void watch(struct stream *self)
{
    int events = self->blocked ? LOOP_WRITE : 0;

    if (self->state == STREAM_CONNECTING)
        events = LOOP_WRITE;
    else if (self->state == STREAM_LINGERING || (self->state == STREAM_OPEN && !is_deaf(self)))
        events |= LOOP_READ;
    loop_io_set(self->io, events);
}

/* ---- deadlines ---- */

static void sooner(struct instant *due, enum stream_end *why, struct instant from, int64_t us,
                   enum stream_end end)
{
    struct instant other = instant_after(from, us);

    if (other.us < due->us) {
        *due = other;
        *why = end;
    }
}

static struct instant deadline_of(const struct stream *self, enum stream_end *why)
{
    const struct stream_common *common = self->common;
    struct instant due = {INT64_MAX};

    *why = (enum stream_end)self->end;
    switch ((enum stream_state)self->state) {
    case STREAM_CONNECTING:
        sooner(&due, why, self->active_at, common->connect_us, STREAM_END_CONNECT_SLOW);
        break;
    case STREAM_OPEN:
        if (self->silent)
            sooner(&due, why, self->active_at, common->first_us, STREAM_END_SILENT);
        sooner(&due, why, self->active_at, common->idle_us, STREAM_END_IDLE);
        if (self->in_message && !is_deaf(self))
            sooner(&due, why, self->message_at, common->message_us, STREAM_END_MESSAGE);
        if (self->queue.octets > 0)
            sooner(&due, why, self->write_at, common->write_us, STREAM_END_WRITE);
        if (self->unacknowledged)
            sooner(&due, why, self->written_at, common->write_us, STREAM_END_VANISHED);
        break;
    case STREAM_CLOSING:
        sooner(&due, why, self->write_at, common->write_us, (enum stream_end)self->end);
        break;
    case STREAM_LINGERING:
        sooner(&due, why, self->active_at, LINGER_US, (enum stream_end)self->end);
        break;
    case STREAM_ENDED:
        break;
    }
    return due;
}

/* Octets left a while ago: have they arrived? Until acknowledged they are the kernel's affair. */
static bool has_vanished(struct stream *self, struct instant now)
{
    const struct tcp_socket_debt debt = tcp_socket_debt(self->fd);

    self->unacknowledged = debt.octets > 0;
    self->written_at = now;
    return debt.octets > 0 && debt.silent_us >= self->common->write_us;
}

static void on_deadline(struct timer *timer, struct instant now)
{
    struct stream *self = CONTAINER_OF(timer, struct stream, deadline);
    enum stream_end why;
    struct instant due = deadline_of(self, &why);

    if (why == STREAM_END_VANISHED && instant_reached(now, due) && !has_vanished(self, now))
        due = deadline_of(self, &why);
    if (instant_reached(now, due))
        stream_end(self, why);
    else
        timer_start(loop_timers(self->common->loop), timer, due, on_deadline);
}

/* A timer that runs out too early looks again; so traffic alone never touches it. */
static void arm(struct stream *self)
{
    enum stream_end why;
    struct instant due = deadline_of(self, &why);

    if (!timer_is_running(&self->deadline) || due.us < self->deadline.due_us)
        timer_start(loop_timers(self->common->loop), &self->deadline, due, on_deadline);
}

/* ---- life ---- */

static loop_io_fn on_io;

void stream_start(struct stream *self, struct stream_common *common, int fd,
                  enum stream_state state, bool accepted)
{
    *self =
        (struct stream){.common = common, .fd = fd, .state = (uint8_t)state, .silent = accepted};
    list_init(&self->ready);
    self->active_at = now_of(self);
    self->io = loop_io_new(common->loop, fd, state == STREAM_CONNECTING ? LOOP_WRITE : LOOP_READ,
                           on_io, self);
    arm(self);
}

static void drop_partial(struct stream *self)
{
    self->common->partial_bytes -= self->partial_room;
    free(self->partial);
    self->partial = NULL;
    self->partial_len = 0;
    self->partial_room = 0;
}

void stream_end(struct stream *self, enum stream_end why)
{
    if (self->state == STREAM_ENDED)
        return;
    self->state = STREAM_ENDED;
    timer_stop(loop_timers(self->common->loop), &self->deadline);
    list_remove(&self->ready);
    loop_io_free(self->io);
    close(self->fd);
    drop_partial(self);
    self->common->write_bytes -= self->queue.octets;
    self->common->on_end(self, why);
}

/* What the peer sends from now on is of no interest, but closing over it would be a reset, which
 * takes our last words with it. */
static void linger(struct stream *self)
{
    self->state = STREAM_LINGERING;
    self->active_at = now_of(self);
    (void)shutdown(self->fd, SHUT_WR);
    watch(self);
    arm(self);
}

static void close_after_writing(struct stream *self, enum stream_end why)
{
    self->state = STREAM_CLOSING;
    self->end = (uint8_t)why;
    self->in_message = false;
    drop_partial(self);
    watch(self);
    if (self->queue.octets == 0)
        self->write_at = now_of(self);
    list_remove(&self->ready);
    list_append(&self->common->ready, &self->ready);
    arm(self);
}

/* ---- in ---- */

static bool has_room(const struct stream *self, size_t bytes)
{
    const struct stream_common *common = self->common;

    return self->queue.octets + bytes <= common->write_queue_bytes_max &&
           common->write_bytes + bytes <= common->write_bytes_max;
}

static void put(struct stream *self, struct span head, struct blob *body, bool silent)
{
    if (self->queue.octets == 0)
        self->write_at = now_of(self);
    write_queue_put(&self->queue, head, body, silent);
    self->common->write_bytes += head.len + blob_span(body).len;
    if (self->blocked)
        watch(self);
    else if (self->state == STREAM_OPEN && list_empty(&self->ready))
        list_append(&self->common->ready, &self->ready);
}

static void answer_pings(struct stream *self, size_t count)
{
    char pongs[2 * PONGS_MAX];

    if (count == 0)
        return;
    *self->common->pings += count;
    if (count > PONGS_MAX)
        count = PONGS_MAX;
    if (!has_room(self, 2 * count))
        return;
    for (size_t i = 0; i < count; i++)
        memcpy(pongs + 2 * i, "\r\n", 2);
    put(self, (struct span){pongs, 2 * count}, NULL, true);
}

static void lose(struct stream *self, struct span rest, const struct sip_fault *fault)
{
    size_t len = self->frame.message_bytes;

    /* A head that is too long has been read only so far: enough to know whom to answer. */
    if (len == 0 || len > rest.len)
        len = rest.len;
    self->common->on_fault(self, (struct span){rest.at, len}, fault);
    close_after_writing(self, STREAM_END_FAULT);
}

/* Delivers every whole message. Returns how many octets are done with. */
static size_t deliver(struct stream *self, struct span octets)
{
    size_t done = 0;

    while (self->state == STREAM_OPEN) {
        struct span rest = {octets.at + done, octets.len - done};
        struct sip_fault fault = {0};
        enum sip_parse_result result =
            sip_frame_stream(rest, &self->common->limits, &self->frame, &fault);

        if (span_empty(rest))
            break;
        answer_pings(self, self->frame.pings);
        done += self->frame.skip_bytes;
        rest = (struct span){octets.at + done, octets.len - done};
        if (result == SIP_INCOMPLETE)
            break;
        if (result == SIP_MALFORMED) {
            lose(self, rest, &fault);
            break;
        }
        rest.len = self->frame.message_bytes;
        done += rest.len;
        self->frame = (struct sip_frame){0};
        (*self->common->messages_in)++;
        self->common->on_message(self, rest);
    }
    return done;
}

/* False: there is no room for unfinished messages any more. */
static bool make_room(struct stream *self, size_t bytes)
{
    struct stream_common *common = self->common;

    if (bytes <= self->partial_room)
        return true;
    if (common->partial_bytes - self->partial_room + bytes > common->partial_bytes_max)
        return false;
    self->partial = realloc(self->partial, bytes);
    must(self->partial != NULL);
    common->partial_bytes += bytes - self->partial_room;
    self->partial_room = (uint32_t)bytes;
    return true;
}

static void give_back(struct stream *self)
{
    char *fitting;

    if (self->partial_room == self->partial_len)
        return;
    fitting = realloc(self->partial, self->partial_len);
    must(fitting != NULL);
    self->common->partial_bytes -= self->partial_room - self->partial_len;
    self->partial = fitting;
    self->partial_room = self->partial_len;
}

/* The octets behind the last whole message; `own`: they lie in our own memory already. */
static void keep(struct stream *self, struct span rest, bool own, bool whole_passed)
{
    /* The first half of a ping begins no message, and may wait as long as any silence. */
    bool in_message = rest.len > 0 && rest.at[0] != '\r' && rest.at[0] != '\n';

    if (in_message && (!self->in_message || whole_passed))
        self->message_at = now_of(self);
    self->in_message = in_message;
    if (rest.len == 0) {
        drop_partial(self);
        return;
    }
    if (!own && !make_room(self, rest.len)) {
        stream_end(self, STREAM_END_MEMORY);
        return;
    }
    memmove(self->partial, rest.at, rest.len);
    self->partial_len = (uint32_t)rest.len;
    if (rest.len <= COPY_MAX)
        give_back(self); /* the long message is over: what is left may stay for hours */
    arm(self);
}

/*
 * Where to read: few octets that are here already are copied before the new ones. Many stay where
 * they are, and room is made behind them, so that a long message in small pieces is not copied
 * over and over.
 */
static bool read_place(struct stream *self, char **at, size_t *room)
{
    if (self->partial_len <= COPY_MAX) {
        *at = self->common->octets;
        *room = self->common->octets_size;
        if (self->partial_len > 0)
            memcpy(*at, self->partial, self->partial_len);
        return true;
    }
    if (self->partial_room - self->partial_len < COPY_MAX &&
        !make_room(self, self->partial_len * (size_t)2))
        return false;
    *at = self->partial;
    *room = self->partial_room;
    return true;
}

static void take(struct stream *self, char *at, size_t len)
{
    bool own = at == self->partial;
    uint64_t before = *self->common->messages_in;
    size_t done;

    self->delivering = true;
    done = deliver(self, (struct span){at, len});
    self->delivering = false;
    if (self->state == STREAM_OPEN)
        keep(self, (struct span){at + done, len - done}, own, *self->common->messages_in != before);
}

static void receive(struct stream *self)
{
    char *at;
    size_t room;
    ssize_t count;

    if (!read_place(self, &at, &room)) {
        stream_end(self, STREAM_END_MEMORY);
        return;
    }
    count = recv(self->fd, at + self->partial_len, room - self->partial_len, 0);
    if (count > 0) {
        *self->common->bytes_in += (uint64_t)count;
        self->active_at = now_of(self);
        self->silent = false;
        take(self, at, self->partial_len + (size_t)count);
    } else if (count == 0) {
        /* It may have closed one way only, and still want what is on its way to it. */
        stream_flush(self);
        stream_end(self, STREAM_END_PEER);
    } else if (errno != EAGAIN && errno != EINTR) {
        stream_end(self, STREAM_END_ERROR);
    }
}

static void discard(struct stream *self)
{
    ssize_t count = recv(self->fd, self->common->octets, self->common->octets_size, 0);

    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        stream_end(self, (enum stream_end)self->end);
}

/* ---- out ---- */

enum status stream_send(struct stream *self, struct span head, struct blob *body)
{
    must(stream_is_alive(self));
    if (!has_room(self, head.len + blob_span(body).len))
        return STATUS_UNAVAILABLE;
    put(self, head, body, false);
    /* Writing may end it, which must not free a message that is being read. */
    if (self->state == STREAM_OPEN && !self->delivering && self->queue.octets >= BATCH_BYTES)
        stream_flush(self);
    return STATUS_OK;
}

/* Returns false when the socket takes no more, or is no more. */
static bool write_pieces(struct stream *self)
{
    struct iovec pieces[PIECES];
    struct msghdr message = {.msg_iov = pieces};
    unsigned complete;
    ssize_t sent;

    message.msg_iovlen = (size_t)write_queue_pieces(&self->queue, pieces, PIECES);
    sent = sendmsg(self->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR)
        return true;
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
        self->blocked = true;
        watch(self);
        arm(self);
        return false;
    }
    if (sent < 0) {
        stream_end(self, STREAM_END_ERROR);
        return false;
    }
    *self->common->bytes_out += (uint64_t)sent;
    self->common->write_bytes -= (size_t)sent;
    complete = write_queue_consume(&self->queue, (size_t)sent);
    *self->common->messages_out += complete;
    self->active_at = now_of(self);
    if (complete > 0)
        self->write_at = self->active_at; /* the next one's time begins */
    if (!self->unacknowledged) {
        self->unacknowledged = true;
        self->written_at = self->active_at;
        arm(self);
    }
    return true;
}

void stream_flush(struct stream *self)
{
    list_remove(&self->ready);
    if (self->state != STREAM_OPEN && self->state != STREAM_CLOSING)
        return;
    while (!self->blocked && self->queue.octets > 0)
        if (!write_pieces(self))
            return;
    if (self->state == STREAM_CLOSING && self->queue.octets == 0)
        linger(self);
}

/* ---- events ---- */

static void finish_connecting(struct stream *self)
{
    if (tcp_socket_error(self->fd) != 0) {
        stream_end(self, STREAM_END_CONNECT_FAILED);
        return;
    }
    self->state = STREAM_OPEN;
    self->active_at = now_of(self);
    self->write_at = self->active_at;
    watch(self);
    if (self->queue.octets > 0)
        list_append(&self->common->ready, &self->ready);
    arm(self);
}

static void go_on_writing(struct stream *self)
{
    if (is_deaf(self))
        self->message_at = now_of(self); /* it was not the peer who kept us waiting for its end */
    self->blocked = false;               /* the flush at the end of this turn goes on */
    watch(self);
    if (list_empty(&self->ready))
        list_append(&self->common->ready, &self->ready);
}

static void on_io(void *context, int events)
{
    struct stream *self = context;

    if (self->state == STREAM_CONNECTING) {
        finish_connecting(self);
        return;
    }
    if ((events & LOOP_WRITE) != 0)
        go_on_writing(self);
    if ((events & LOOP_READ) != 0 && self->state == STREAM_OPEN)
        receive(self);
    else if ((events & LOOP_READ) != 0 && self->state == STREAM_LINGERING)
        discard(self);
}
