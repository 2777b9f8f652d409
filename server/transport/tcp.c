/* tcp.c - which connection a message takes, and what becomes of what one did not send. */
#include "server/transport/tcp.h"

#include "server/base/must.h"
#include "server/transport/acceptor.h"
#include "server/transport/connections.h"
#include "server/transport/spared.h"
#include "server/transport/tcp_counters.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LISTENERS_MAX = 64,
    FAILURE_OCTETS = 1024, /* told of each message */
    WARNING_US = 10 * (int)US_PER_S,
    CONNECT_S = 5,
    SPARE_S = 600,
    FIRST_S = 10,
    IDLE_S = 7500,
    MESSAGE_S = 10,
    WRITE_S = 30,
    KEEPALIVE_S = 120,
    CONNECTIONS_MAX = 100000,
    CONNECTIONS_PER_SOURCE_MAX = 2000,
    WRITE_QUEUE_BYTES_MAX = 16 * 1024 * 1024,
    WRITE_BYTES_MAX = 256 * 1024 * 1024,
    PARTIAL_BYTES_MAX = 64 * 1024 * 1024,
};

/* What a connection left unsent, until it can be told. */
struct leftover {
    struct list link;
    struct flow to;
    struct write_queue queue;
    bool accepted; /* its responses may be worth another connection */
};

struct tcp {
    struct loop *loop;
    struct log *log;
    struct tcp_upward upward;
    unsigned keepalive_s;
    struct stream_common common;
    struct connections connections;
    struct acceptor *acceptors[LISTENERS_MAX];
    struct endpoint locals[LISTENERS_MAX]; /* by the listener's number */
    unsigned acceptor_count;
    struct list leftovers;
    struct loop_later again;
    struct instant warned_at;
    struct spared spared;
    int64_t spare_us;
    struct tcp_counters counters;
};

static struct connection *connection_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct connection, stream);
}

static struct flow flow_of(const struct connection *connection)
{
    return (struct flow){.remote = connection->remote,
                         .connection = connection->number,
                         .listener = connection->listener};
}

/* ---- life ---- */

static unsigned or_default(unsigned asked, unsigned value)
{
    return asked == 0 ? value : asked;
}

static int64_t us_or_default(unsigned asked_s, unsigned value_s)
{
    return (int64_t)or_default(asked_s, value_s) * US_PER_S;
}

static double count_connections(void *context)
{
    return (double)connections_count(&((const struct tcp *)context)->connections);
}

static double count_partial_bytes(void *context)
{
    return (double)((const struct tcp *)context)->common.partial_bytes;
}

static double count_write_bytes(void *context)
{
    return (double)((const struct tcp *)context)->common.write_bytes;
}

static void make_metrics(struct tcp *self, struct metrics *metrics)
{
    tcp_counters_init(&self->counters, &self->common, metrics);
    metric_gauge(metrics, "transport_connections", NULL, "connections now", count_connections,
                 self);
    metric_gauge(metrics, "transport_write_bytes", NULL, "octets that wait for connections",
                 count_write_bytes, self);
    metric_gauge(metrics, "transport_partial_bytes", NULL,
                 "memory held for messages that have not arrived whole", count_partial_bytes, self);
}

static stream_message_fn on_message;
static stream_fault_fn on_fault;
static stream_end_fn on_end;

bool tcp_is_spared(const struct tcp *self, const struct endpoint *remote)
{
    return spared_has(&self->spared, remote, loop_now(self->loop));
}

static void init_common(struct tcp *self, const struct sip_limits *limits,
                        const struct transport_tcp_options *options)
{
    struct stream_common *common = &self->common;

    common->loop = self->loop;
    common->limits = *limits;
    self->spare_us = us_or_default(options->spare_s, SPARE_S);
    common->connect_us = us_or_default(options->connect_s, CONNECT_S);
    common->first_us = us_or_default(options->first_s, FIRST_S);
    common->idle_us = us_or_default(options->idle_s, IDLE_S);
    common->message_us = us_or_default(options->message_s, MESSAGE_S);
    common->write_us = us_or_default(options->write_s, WRITE_S);
    common->write_queue_bytes_max = options->write_queue_bytes_max == 0
                                        ? WRITE_QUEUE_BYTES_MAX
                                        : options->write_queue_bytes_max;
    common->write_bytes_max =
        options->write_bytes_max == 0 ? WRITE_BYTES_MAX : options->write_bytes_max;
    common->partial_bytes_max =
        options->partial_bytes_max == 0 ? PARTIAL_BYTES_MAX : options->partial_bytes_max;
    common->on_message = on_message;
    common->on_fault = on_fault;
    common->on_end = on_end;
    stream_common_init(common);
}

/* That it was asked for has kept the loop from sleeping: the flush of this turn does the rest. */
static void on_again(struct loop_later *later)
{
    (void)later;
}

struct tcp *tcp_new(struct loop *loop, struct log *log, struct metrics *metrics,
                    const struct sip_limits *limits, const struct transport_tcp_options *options,
                    const struct tcp_upward *upward)
{
    struct tcp *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->upward = *upward;
    self->keepalive_s = or_default(options->keepalive_s, KEEPALIVE_S);
    self->warned_at.us = INT64_MIN / 2;
    list_init(&self->leftovers);
    loop_later_init(&self->again, on_again);
    make_metrics(self, metrics);
    init_common(self, limits, options);
    connections_init(&self->connections, or_default(options->connections_max, CONNECTIONS_MAX),
                     or_default(options->connections_per_source_max, CONNECTIONS_PER_SOURCE_MAX));
    return self;
}

static void end_all(struct tcp *self)
{
    struct list *link;

    while ((link = self->connections.all.next) != &self->connections.all) {
        struct connection *connection = CONTAINER_OF(link, struct connection, link);

        stream_flush(&connection->stream);
        stream_end(&connection->stream, STREAM_END_STOP);
    }
}

void tcp_free(struct tcp *self)
{
    struct list *link;

    if (self == NULL)
        return;
    for (unsigned i = 0; i < self->acceptor_count; i++)
        acceptor_free(self->acceptors[i]);
    loop_later_cancel(&self->again);
    end_all(self);
    while ((link = list_take(&self->leftovers)) != NULL) {
        struct leftover *leftover = CONTAINER_OF(link, struct leftover, link);

        write_queue_deinit(&leftover->queue);
        free(leftover);
    }
    connections_deinit(&self->connections);
    stream_common_deinit(&self->common);
    free(self);
}

/* ---- connections begin ---- */

/* Floods must not flood the log. */
static void warn_of_limit(struct tcp *self, const char *limit, const struct endpoint *remote)
{
    struct instant now = loop_now(self->loop);
    char text[ENDPOINT_TEXT_MAX];
    struct buffer address;

    if (!instant_reached(now, instant_after(self->warned_at, WARNING_US)))
        return;
    self->warned_at = now;
    buffer_init_fixed(&address, text, sizeof(text));
    endpoint_compose(remote, &address);
    log_line(self->log, LOG_WARNING, "connections", "limit=%s peer=" SPAN_FMT " connections=%zu",
             limit, SPAN_ARG(buffer_span(&address)), connections_count(&self->connections));
}

static void log_connection(const struct connection *connection, const char *event, const char *how)
{
    char text[ENDPOINT_TEXT_MAX];
    struct buffer address;

    buffer_init_fixed(&address, text, sizeof(text));
    endpoint_compose(&connection->remote, &address);
    log_line(connection->tcp->log, LOG_DEBUG, event, "connection=%u peer=" SPAN_FMT " how=%s",
             connection->number, SPAN_ARG(buffer_span(&address)), how);
}

static struct connection *add(struct tcp *self, const struct endpoint *remote, uint16_t listener,
                              bool accepted)
{
    enum connections_limit limit;
    struct connection *connection = connections_add(&self->connections, remote, accepted, &limit);

    if (connection != NULL) {
        connection->tcp = self;
        connection->listener = listener;
    } else if (limit == CONNECTIONS_FULL) {
        (*self->counters.refused_full)++;
        warn_of_limit(self, "connections_max", remote);
    } else {
        (*self->counters.refused_source)++;
        warn_of_limit(self, "connections_per_source_max", remote);
    }
    return connection;
}

static void on_accept(void *context, int fd, const struct endpoint *remote, uint16_t listener)
{
    struct tcp *self = context;
    struct connection *connection = add(self, remote, listener, true);

    if (connection == NULL) { /* at once, so that the client may try elsewhere */
        close(fd);
        return;
    }
    (*self->counters.accepted)++;
    log_connection(connection, "connect", "accepted");
    stream_start(&connection->stream, &self->common, fd, STREAM_OPEN, true);
}

enum status tcp_listen(struct tcp *self, const struct endpoint *bind_to, uint16_t listener,
                       struct endpoint *local)
{
    const struct acceptor_settings settings = {
        .bind = *bind_to,
        .listener = listener,
        .keepalive_s = self->keepalive_s,
        .context = self,
        .on_accept = on_accept,
        .pauses = self->counters.pauses,
    };
    struct acceptor *acceptor;

    must(listener < LISTENERS_MAX);
    acceptor = acceptor_new(self->loop, self->log, &settings);
    if (acceptor == NULL)
        return STATUS_UNAVAILABLE;
    *local = acceptor_local(acceptor);
    self->locals[listener] = *local;
    self->acceptors[self->acceptor_count++] = acceptor;
    return STATUS_OK;
}

/* ---- in ---- */

static void on_message(struct stream *stream, struct span octets)
{
    struct connection *connection = connection_of(stream);
    struct flow from = flow_of(connection);
    const struct tcp_upward *upward = &connection->tcp->upward;

    upward->on_message(upward->context, octets, &from);
}

static void on_fault(struct stream *stream, struct span octets, const struct sip_fault *fault)
{
    struct connection *connection = connection_of(stream);
    struct flow from = flow_of(connection);
    const struct tcp_upward *upward = &connection->tcp->upward;

    upward->on_fault(upward->context, octets, &from, fault);
    connections_hide(&connection->tcp->connections, connection);
}

/* ---- connections end ---- */

static struct leftover *add_leftover(struct tcp *self, const struct flow *to, bool accepted)
{
    struct leftover *leftover = calloc(1, sizeof(*leftover));

    must(leftover != NULL);
    leftover->to = *to;
    leftover->accepted = accepted;
    list_append(&self->leftovers, &leftover->link);
    return leftover;
}

static void on_end(struct stream *stream, enum stream_end why)
{
    struct connection *connection = connection_of(stream);
    struct tcp *self = connection->tcp;
    struct flow flow = flow_of(connection);

    (*self->counters.ends[why])++;
    log_connection(connection, "disconnect", tcp_end_name(why));
    if (why == STREAM_END_CONNECT_FAILED || why == STREAM_END_CONNECT_SLOW)
        spared_add(&self->spared, &flow.remote,
                   instant_after(loop_now(self->loop), self->spare_us));
    if (stream->queue.first != NULL) {
        add_leftover(self, &flow, connection->accepted)->queue = stream->queue;
        stream->queue = (struct write_queue){0};
    }
    connections_remove(&self->connections, connection);
}

/* ---- out ---- */

/* Begins to connect, and queues. What fails at once is told at the end of the turn, too. */
static enum status open_and_send(struct tcp *self, const struct flow *to, struct span head,
                                 struct blob *body)
{
    struct connection *connection;
    int fd;

    if (connections_count(&self->connections) >= self->connections.max) {
        (*self->counters.refused_full)++;
        warn_of_limit(self, "connections_max", &to->remote);
        return STATUS_UNAVAILABLE;
    }
    fd = tcp_socket_connect(&self->locals[to->listener], &to->remote, self->keepalive_s);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        return STATUS_UNAVAILABLE;
    if (fd < 0) {
        write_queue_put(&add_leftover(self, to, false)->queue, head, body, false);
        return STATUS_OK;
    }
    connection = add(self, &to->remote, to->listener, false);
    must(connection != NULL);
    (*self->counters.opened)++;
    log_connection(connection, "connect", "opened");
    stream_start(&connection->stream, &self->common, fd, STREAM_CONNECTING, false);
    return stream_send(&connection->stream, head, body);
}

static struct connection *find(const struct tcp *self, const struct flow *flow)
{
    struct connection *connection = flow->connection == 0
                                        ? connections_find_remote(&self->connections, &flow->remote)
                                        : connections_find(&self->connections, flow->connection);

    if (connection == NULL || !endpoint_equal(&connection->remote, &flow->remote))
        return NULL;
    return connection;
}

bool tcp_is_alive(const struct tcp *self, const struct flow *flow)
{
    return find(self, flow) != NULL;
}

enum status tcp_send(struct tcp *self, const struct flow *to, struct span head, struct blob *body)
{
    struct connection *connection = find(self, to);
    struct flow other = *to;
    enum status status;

    if (connection == NULL && to->connection != 0) {
        if (!self->upward.on_return(self->upward.context, head, to, &other))
            return STATUS_NOT_FOUND;
        connection = find(self, &other);
    }
    status = connection == NULL ? open_and_send(self, &other, head, body)
                                : stream_send(&connection->stream, head, body);
    if (status == STATUS_UNAVAILABLE)
        (*self->counters.queue_full)++;
    return status;
}

/* A response gets one more chance, over a connection that is there or is made (18.2.2). */
static bool send_again(struct tcp *self, const struct leftover *leftover,
                       const struct write_entry *entry)
{
    struct span head = {entry->head, entry->head_len};
    struct flow other;

    return leftover->accepted &&
           self->upward.on_return(self->upward.context, head, &leftover->to, &other) &&
           tcp_send(self, &other, head, entry->body) == STATUS_OK;
}

static void settle(struct tcp *self, struct leftover *leftover)
{
    struct write_queue *queue = &leftover->queue;

    while (queue->first != NULL) {
        struct write_entry *entry = queue->first;
        size_t len = entry->head_len < FAILURE_OCTETS ? entry->head_len : FAILURE_OCTETS;

        if (!entry->silent && !send_again(self, leftover, entry)) {
            (*self->counters.unreachable)++;
            self->upward.on_failed(self->upward.context, &leftover->to,
                                   (struct span){entry->head, len});
        }
        write_queue_drop(queue);
    }
    free(leftover);
}

static void write_ready(struct tcp *self)
{
    struct list ready;
    struct list *link;

    list_init(&ready);
    list_append_all(&ready, &self->common.ready);
    while ((link = list_take(&ready)) != NULL)
        stream_flush(CONTAINER_OF(link, struct stream, ready));
}

static void settle_leftovers(struct tcp *self)
{
    struct list leftovers;
    struct list *link;

    list_init(&leftovers);
    list_append_all(&leftovers, &self->leftovers);
    while ((link = list_take(&leftovers)) != NULL)
        settle(self, CONTAINER_OF(link, struct leftover, link));
}

bool tcp_flush(struct tcp *self)
{
    bool failed;

    write_ready(self);
    failed = !list_empty(&self->leftovers);
    settle_leftovers(self);
    connections_free_gone(&self->connections);
    if (!list_empty(&self->common.ready) || !list_empty(&self->leftovers))
        loop_later(self->loop, &self->again);
    return failed;
}
