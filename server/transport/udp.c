/* udp.c - a batch in by recvmmsg(), a batch out by sendmmsg(), and whose fault an error is. */
#include "server/transport/udp.h"

#include "server/base/must.h"
#include "server/transport/send_queue.h"
#include "server/transport/udp_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SEND_BATCH = 64,
    ERRORS_AT_ONCE = 64,   /* taken from the socket's error queue in a row */
    FAILURES_MAX = 4096,   /* waiting to be told; more are only counted */
    FAILURE_OCTETS = 1024, /* told of each */
    DATAGRAM_MAX = 65507,  /* 65,535 less the headers of IPv4 and UDP */
    /* So that the begins of the buffers do not all fall on the same cache sets. */
    STRIDE_EXTRA = 17 * 64,
};

struct failure {
    struct list link;
    struct endpoint to;
    size_t len;
    char octets[];
};

struct udp {
    struct udp_settings settings;
    struct loop_io *io;
    int fd;
    bool blocked; /* the socket took no more; waits for LOOP_WRITE */
    struct endpoint local;

    struct mmsghdr *in;
    struct iovec *in_iov;
    union socket_address *in_from;
    char *in_octets;
    size_t in_stride;

    struct send_queue queue;
    struct mmsghdr out[SEND_BATCH];
    struct iovec out_iov[SEND_BATCH][2];

    struct list failures;
    unsigned failure_count;
};

/* ---- in ---- */

static void init_receiving(struct udp *self)
{
    unsigned batch = self->settings.receive_batch;

    self->in_stride = self->settings.datagram_max_bytes + STRIDE_EXTRA;
    self->in = calloc(batch, sizeof(self->in[0]));
    self->in_iov = calloc(batch, sizeof(self->in_iov[0]));
    self->in_from = calloc(batch, sizeof(self->in_from[0]));
    self->in_octets = malloc(batch * self->in_stride);
    must(self->in != NULL && self->in_iov != NULL && self->in_from != NULL &&
         self->in_octets != NULL);
    for (unsigned i = 0; i < batch; i++) {
        self->in_iov[i] = (struct iovec){self->in_octets + i * self->in_stride,
                                         self->settings.datagram_max_bytes};
        self->in[i].msg_hdr = (struct msghdr){
            .msg_name = &self->in_from[i], .msg_iov = &self->in_iov[i], .msg_iovlen = 1};
    }
}

static void remember_failure(struct udp *self, const struct endpoint *to, struct span octets)
{
    size_t len = octets.len < FAILURE_OCTETS ? octets.len : FAILURE_OCTETS;
    struct failure *failure;

    (*self->settings.failed)++;
    if (self->failure_count == FAILURES_MAX)
        return;
    failure = malloc(sizeof(*failure) + len);
    must(failure != NULL);
    failure->to = *to;
    failure->len = len;
    if (len > 0)
        memcpy(failure->octets, octets.at, len);
    list_append(&self->failures, &failure->link);
    self->failure_count++;
}

/* Returns how many errors were waiting: when none was, an error is the datagram's own. */
static unsigned take_errors(struct udp *self)
{
    struct udp_error error;
    unsigned taken = 0;

    while (taken < ERRORS_AT_ONCE && udp_socket_error(self->fd, &error)) {
        taken++;
        if (error.final)
            remember_failure(self, &error.to, (struct span){error.octets, error.len});
    }
    return taken;
}

static void deliver(struct udp *self, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct mmsghdr *in = &self->in[i];
        struct endpoint from;

        if (in->msg_hdr.msg_flags & MSG_TRUNC) {
            (*self->settings.truncated)++;
            continue;
        }
        socket_address_endpoint(&self->in_from[i], &from);
        self->settings.on_receive(self->settings.context,
                                  (struct span){self->in_iov[i].iov_base, in->msg_len}, &from);
    }
}

/* Takes only so much in one turn, so that timers, the database and other sockets have theirs. */
static void receive(struct udp *self)
{
    unsigned batch = self->settings.receive_batch;

    for (unsigned turn = 0; turn < self->settings.receive_turns; turn++) {
        int count;

        for (unsigned i = 0; i < batch; i++)
            self->in[i].msg_hdr.msg_namelen = sizeof(self->in_from[i]);
        count = recvmmsg(self->fd, self->in, batch, MSG_DONTWAIT, NULL);
        if (count <= 0) {
            /* Nothing to read but readable: the error queue, which stays readable until emptied. */
            (void)take_errors(self);
            return;
        }
        *self->settings.received += (unsigned)count;
        deliver(self, (unsigned)count);
        if ((unsigned)count < batch)
            return;
    }
}

static void on_io(void *context, int events)
{
    struct udp *self = context;

    if (events & LOOP_WRITE) {
        self->blocked = false; /* the flush at the end of this turn goes on */
        loop_io_set(self->io, LOOP_READ);
    }
    if (events & LOOP_READ)
        receive(self);
}

/* ---- out ---- */

static unsigned prepare_batch(struct udp *self)
{
    uint32_t waiting = send_queue_count(&self->queue);
    unsigned count = waiting < SEND_BATCH ? (unsigned)waiting : SEND_BATCH;

    for (unsigned i = 0; i < count; i++) {
        struct send_entry *entry = send_queue_at(&self->queue, i);
        struct span head = send_queue_head(&self->queue, entry);
        struct span body = blob_span(entry->body);

        /* sendmmsg() writes to neither; iovec just has no const. */
        memcpy(&self->out_iov[i][0].iov_base, &head.at, sizeof(head.at));
        self->out_iov[i][0].iov_len = head.len;
        memcpy(&self->out_iov[i][1].iov_base, &body.at, sizeof(body.at));
        self->out_iov[i][1].iov_len = body.len;
        self->out[i].msg_hdr = (struct msghdr){
            .msg_name = &entry->to,
            .msg_namelen = entry->to.any.sa_family == AF_INET6 ? sizeof(entry->to.ipv6)
                                                               : sizeof(entry->to.ipv4),
            .msg_iov = self->out_iov[i],
            .msg_iovlen = body.len > 0 ? 2 : 1,
        };
    }
    return count;
}

static void wait_for_room(struct udp *self)
{
    self->blocked = true;
    loop_io_set(self->io, LOOP_READ | LOOP_WRITE);
}

static void drop_failed(struct udp *self)
{
    struct send_entry *entry = send_queue_at(&self->queue, 0);
    struct endpoint to;

    socket_address_endpoint(&entry->to, &to);
    remember_failure(self, &to, send_queue_head(&self->queue, entry));
    send_queue_drop(&self->queue);
}

/* Sends batches until the queue is empty or the socket is full. */
static void send_queued(struct udp *self)
{
    while (!self->blocked && send_queue_count(&self->queue) > 0) {
        unsigned count = prepare_batch(self);
        int sent = sendmmsg(self->fd, self->out, count, MSG_DONTWAIT);

        if (sent > 0) {
            *self->settings.sent += (unsigned)sent;
            for (int i = 0; i < sent; i++)
                send_queue_drop(&self->queue);
        } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
            wait_for_room(self);
        } else if (errno != EINTR && take_errors(self) == 0) {
            /*
             * An ICMP error that waited is told by the next send, which then has not been tried;
             * but none waited, so this error is about the first datagram of the batch.
             */
            drop_failed(self);
        }
    }
}

enum status udp_send(struct udp *self, const struct endpoint *to, struct span head,
                     struct blob *body)
{
    union socket_address address;
    enum status status;

    if (head.len + blob_span(body).len > DATAGRAM_MAX)
        return STATUS_LIMIT;
    (void)socket_address_of(to, &address);
    status = send_queue_put(&self->queue, &address, head, body);
    if (status != STATUS_OK)
        (*self->settings.full)++;
    else if (send_queue_count(&self->queue) % SEND_BATCH == 0)
        send_queued(self); /* a full batch gains nothing by waiting, and is still in the cache */
    return status;
}

static void tell_failures(struct udp *self)
{
    struct list waiting;
    struct list *link;

    list_init(&waiting);
    list_append_all(&waiting, &self->failures);
    self->failure_count = 0;
    while ((link = list_take(&waiting)) != NULL) {
        struct failure *failure = CONTAINER_OF(link, struct failure, link);

        self->settings.on_failed(self->settings.context, &failure->to,
                                 (struct span){failure->octets, failure->len});
        free(failure);
    }
}

void udp_flush(struct udp *self)
{
    /* What a failure makes others send goes too, but they must not keep the turn going for ever. */
    for (int round = 0; round < 4; round++) {
        send_queued(self);
        if (list_empty(&self->failures))
            return;
        tell_failures(self);
    }
    send_queued(self);
}

/* ---- life ---- */

static struct endpoint local_of(int fd)
{
    union socket_address address = {0};
    socklen_t len = sizeof(address);
    struct endpoint local = {0};

    if (getsockname(fd, &address.any, &len) == 0)
        socket_address_endpoint(&address, &local);
    return local;
}

struct udp *udp_new(struct loop *loop, struct log *log, const struct udp_settings *settings)
{
    struct udp_buffers ask = {settings->receive_buffer_bytes, settings->send_buffer_bytes};
    int fd = udp_socket_open(&settings->bind, &ask, log);
    struct udp *self;

    if (fd < 0)
        return NULL;
    self = calloc(1, sizeof(*self));
    must(self != NULL);
    self->settings = *settings;
    self->fd = fd;
    self->local = local_of(fd);
    init_receiving(self);
    send_queue_init(&self->queue, settings->queue_max, (uint32_t)settings->queue_max_bytes);
    list_init(&self->failures);
    self->io = loop_io_new(loop, fd, LOOP_READ, on_io, self);
    return self;
}

void udp_free(struct udp *self)
{
    struct list *link;

    if (self == NULL)
        return;
    loop_io_free(self->io);
    close(self->fd);
    while ((link = list_take(&self->failures)) != NULL)
        free(CONTAINER_OF(link, struct failure, link));
    send_queue_deinit(&self->queue);
    free(self->in);
    free(self->in_iov);
    free(self->in_from);
    free(self->in_octets);
    free(self);
}

struct endpoint udp_local(const struct udp *self)
{
    return self->local;
}
