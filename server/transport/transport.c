/* transport.c - listeners, and what becomes of octets before they are a message. */
#include "server/transport/transport.h"

#include "server/base/must.h"
#include "server/transport/listener.h"
#include "server/transport/tcp.h"

#include <stdlib.h>

enum {
    LISTENERS_MAX = 64,
    FAULTS_MAX = 64,        /* phrases with a counter of their own */
    FLUSH_ROUNDS = 4,       /* of what failures make others send, in one turn */
    TURN_PLACE = 1000,      /* behind all that may send at the end of a turn */
    STUN_HEADER_BYTES = 20, /* RFC 8489 section 5 */
    DATAGRAM_MAX_BYTES = 65535,
    RECEIVE_BATCH = 64,
    RECEIVE_TURNS = 4,
    UDP_REQUEST_BYTES_MAX = 1300, /* RFC 3261 section 18.1.1 */
    QUEUE_MAX = 16384,
    QUEUE_MAX_BYTES = 16 * 1024 * 1024,
    RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024,
    SEND_BUFFER_BYTES = 4 * 1024 * 1024,
};

struct fault_counter {
    const char *phrase; /* one of the parser's constants: compared as a pointer */
    uint64_t *count;
};

struct transport {
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct transport_options options;
    struct listener *listeners[LISTENERS_MAX];
    uint16_t listener_count;
    struct tcp *tcp;

    transport_receive_fn *on_message;
    void *on_message_context;
    transport_failed_fn *on_failure;
    void *on_failure_context;

    struct sip_message message; /* the one being delivered; too big to clear on a stack each time */

    uint64_t *received;
    uint64_t *sent;
    uint64_t *truncated;
    uint64_t *full;
    uint64_t *failed;
    uint64_t *keep_alives;
    uint64_t *malformed_responses;
    struct fault_counter faults[FAULTS_MAX];
    unsigned fault_count;
};

/* ---- life ---- */

static struct transport_options with_defaults(const struct transport_options *asked)
{
    struct transport_options made = *asked;

    if (made.datagram_max_bytes == 0 || made.datagram_max_bytes > DATAGRAM_MAX_BYTES)
        made.datagram_max_bytes = DATAGRAM_MAX_BYTES;
    if (made.receive_batch == 0)
        made.receive_batch = RECEIVE_BATCH;
    if (made.receive_turns == 0)
        made.receive_turns = RECEIVE_TURNS;
    if (made.udp_request_bytes_max == 0)
        made.udp_request_bytes_max = UDP_REQUEST_BYTES_MAX;
    if (made.queue_max == 0)
        made.queue_max = QUEUE_MAX;
    if (made.queue_max_bytes == 0 || made.queue_max_bytes > INT32_MAX)
        made.queue_max_bytes = QUEUE_MAX_BYTES;
    if (made.limits.header_bytes == 0)
        made.limits.header_bytes = sip_limits_default.header_bytes;
    if (made.limits.body_bytes == 0)
        made.limits.body_bytes = sip_limits_default.body_bytes;
    if (made.limits.uri_bytes == 0)
        made.limits.uri_bytes = sip_limits_default.uri_bytes;
    if (made.limits.headers == 0)
        made.limits.headers = sip_limits_default.headers;
    return made;
}

static void make_counters(struct transport *self, struct metrics *metrics)
{
    static const char dropped[] = "datagrams that were not delivered or not sent";

    self->received = metric_counter(metrics, "transport_datagrams_total", "direction=\"in\"",
                                    "datagrams received and sent");
    self->sent = metric_counter(metrics, "transport_datagrams_total", "direction=\"out\"",
                                "datagrams received and sent");
    self->truncated =
        metric_counter(metrics, "transport_dropped_total", "reason=\"too_long\"", dropped);
    self->full =
        metric_counter(metrics, "transport_dropped_total", "reason=\"queue_full\"", dropped);
    self->failed =
        metric_counter(metrics, "transport_dropped_total", "reason=\"unreachable\"", dropped);
    self->malformed_responses = metric_counter(metrics, "transport_dropped_total",
                                               "reason=\"malformed_response\"", dropped);
    self->keep_alives = metric_counter(metrics, "transport_keep_alives_total", NULL,
                                       "datagrams of empty lines, or of STUN");
}

static void flush_datagrams(struct transport *self)
{
    for (uint16_t i = 0; i < self->listener_count; i++)
        if (self->listeners[i]->udp != NULL)
            udp_flush(self->listeners[i]->udp);
}

void transport_flush(struct transport *self)
{
    /* What fails over one protocol may be sent over the other. */
    for (int round = 0; round < FLUSH_ROUNDS; round++) {
        flush_datagrams(self);
        if (!tcp_flush(self->tcp))
            return;
    }
    flush_datagrams(self);
}

static void on_turn(void *context)
{
    transport_flush(context);
}

static tcp_message_fn on_stream_message;
static tcp_fault_fn on_stream_fault;
static tcp_return_fn on_return;
static tcp_failed_fn on_stream_failed;

static void make_tcp(struct transport *self)
{
    const struct tcp_upward upward = {
        .context = self,
        .on_message = on_stream_message,
        .on_fault = on_stream_fault,
        .on_return = on_return,
        .on_failed = on_stream_failed,
    };

    self->tcp = tcp_new(self->loop, self->log, self->metrics, &self->options.limits,
                        &self->options.tcp, &upward);
}

struct transport *transport_new(struct loop *loop, struct log *log, struct metrics *metrics,
                                const struct transport_options *options)
{
    struct transport *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->metrics = metrics;
    self->options = with_defaults(options);
    make_counters(self, metrics);
    make_tcp(self);
    loop_each_turn(loop, TURN_PLACE, on_turn, self);
    return self;
}

void transport_free(struct transport *self)
{
    if (self == NULL)
        return;
    self->on_failure = NULL; /* those above may be gone already */
    transport_flush(self);
    tcp_free(self->tcp);
    for (uint16_t i = 0; i < self->listener_count; i++) {
        udp_free(self->listeners[i]->udp);
        free(self->listeners[i]);
    }
    free(self);
}

struct instant transport_now(const struct transport *self)
{
    return loop_now(self->loop);
}

void transport_on_message(struct transport *self, transport_receive_fn *fn, void *context)
{
    self->on_message = fn;
    self->on_message_context = context;
}

void transport_on_failure(struct transport *self, transport_failed_fn *fn, void *context)
{
    self->on_failure = fn;
    self->on_failure_context = context;
}

/* ---- in ---- */

/* A phone behind a NAT keeps its mapping open with these (RFC 5626 section 3.5, and habit). */
static bool is_keep_alive(struct span octets)
{
    static const char stun_cookie[4] = {0x21, 0x12, (char)0xa4, 0x42};

    if (octets.len >= STUN_HEADER_BYTES && ((unsigned char)octets.at[0] & 0xc0) == 0 &&
        memcmp(octets.at + 4, stun_cookie, sizeof(stun_cookie)) == 0)
        return true;
    for (size_t i = 0; i < octets.len; i++) {
        if (octets.at[i] != '\r' && octets.at[i] != '\n' && octets.at[i] != '\0')
            return false;
    }
    return true;
}

static uint64_t *fault_counter(struct transport *self, const char *phrase)
{
    struct buffer labels;
    char text[128];

    for (unsigned i = 0; i < self->fault_count; i++) {
        if (self->faults[i].phrase == phrase)
            return self->faults[i].count;
    }
    buffer_init_fixed(&labels, text, sizeof(text) - 1);
    buffer_printf(&labels, "fault=\"%s\"", self->fault_count + 1 < FAULTS_MAX ? phrase : "other");
    text[labels.len] = '\0';
    if (self->fault_count < FAULTS_MAX)
        self->faults[self->fault_count++] = (struct fault_counter){
            phrase, metric_counter(self->metrics, "transport_malformed_total", text,
                                   "requests that break the grammar of SIP")};
    return self->faults[self->fault_count - 1].count;
}

/* RFC 3261 section 16.3: a request gets its 400 whenever that can be built; peers stay silent. */
static void on_malformed(struct transport *self, const struct flow *from,
                         const struct sip_fault *fault)
{
    if (!self->message.request) {
        (*self->malformed_responses)++;
        return;
    }
    (*fault_counter(self, fault->phrase))++;
    if (self->message.answerable)
        transport_refuse(self, &self->message, from, fault->status, span_of(fault->phrase),
                         (struct span){0});
}

static void deliver(struct transport *self, struct span octets, const struct flow *from)
{
    struct sip_fault fault = {0};

    if (sip_parse_datagram(octets, &self->options.limits, &self->message, &fault) != SIP_PARSED)
        on_malformed(self, from, &fault);
    else if (self->on_message != NULL)
        self->on_message(self->on_message_context, &self->message, from);
}

static void on_datagram(void *context, struct span octets, const struct endpoint *source)
{
    struct listener *listener = context;
    struct transport *self = listener->transport;
    struct flow from = {.remote = *source, .listener = listener->number};

    if (source->port == 0)
        return; /* nothing can be sent there, so nobody waits for an answer */
    if (is_keep_alive(octets))
        (*self->keep_alives)++;
    else
        deliver(self, octets, &from);
}

static void on_stream_message(void *context, struct span octets, const struct flow *from)
{
    deliver(context, octets, from);
}

static void on_stream_fault(void *context, struct span octets, const struct flow *from,
                            const struct sip_fault *fault)
{
    struct transport *self = context;
    struct sip_fault other;

    /* As a datagram it may be sound, which asks for no Content-Length. */
    if (sip_parse_datagram(octets, &self->options.limits, &self->message, &other) == SIP_PARSED)
        self->message.answerable = self->message.request;
    on_malformed(self, from, fault);
}

static bool on_return(void *context, struct span head, const struct flow *gone, struct flow *out)
{
    (void)context;
    return transport_return_flow(head, gone, out);
}

static void tell_failure(struct transport *self, const struct flow *to, struct span octets)
{
    if (self->on_failure != NULL)
        self->on_failure(self->on_failure_context, to, octets);
}

static void on_failed(void *context, const struct endpoint *to, struct span octets)
{
    struct listener *listener = context;
    struct flow flow = {.remote = *to, .listener = listener->number};

    tell_failure(listener->transport, &flow, octets);
}

static void on_stream_failed(void *context, const struct flow *to, struct span octets)
{
    tell_failure(context, to, octets);
}

/* ---- listeners ---- */

static void advertise(struct listener *self, const struct transport_listener *asked)
{
    struct endpoint address = self->local;
    struct buffer text;

    buffer_init_fixed(&text, self->advertised, sizeof(self->advertised));
    if (asked->advertised_port != 0)
        address.port = asked->advertised_port;
    if (span_empty(asked->advertised_host) ||
        endpoint_parse_host(asked->advertised_host, &address) == STATUS_OK) {
        endpoint_compose(&address, &text);
    } else {
        buffer_put(&text, asked->advertised_host);
        buffer_put_char(&text, ':');
        buffer_put_u64(&text, address.port);
    }
    self->advertised_len = text.len;
}

static struct udp_settings settings_of(const struct transport *self, struct listener *listener,
                                       const struct transport_listener *asked)
{
    return (struct udp_settings){
        .bind = asked->bind,
        .receive_buffer_bytes =
            asked->receive_buffer_bytes == 0 ? RECEIVE_BUFFER_BYTES : asked->receive_buffer_bytes,
        .send_buffer_bytes =
            asked->send_buffer_bytes == 0 ? SEND_BUFFER_BYTES : asked->send_buffer_bytes,
        .datagram_max_bytes = self->options.datagram_max_bytes,
        .receive_batch = self->options.receive_batch,
        .receive_turns = self->options.receive_turns,
        .queue_max = self->options.queue_max,
        .queue_max_bytes = self->options.queue_max_bytes,
        .context = listener,
        .on_receive = on_datagram,
        .on_failed = on_failed,
        .received = self->received,
        .truncated = self->truncated,
        .sent = self->sent,
        .full = self->full,
        .failed = self->failed,
    };
}

static enum status open_listener(struct transport *self, struct listener *listener,
                                 const struct transport_listener *asked)
{
    struct udp_settings settings;

    if (asked->bind.protocol == TRANSPORT_TCP)
        return tcp_listen(self->tcp, &asked->bind, listener->number, &listener->local);
    settings = settings_of(self, listener, asked);
    listener->udp = udp_new(self->loop, self->log, &settings);
    if (listener->udp == NULL)
        return STATUS_UNAVAILABLE;
    listener->local = udp_local(listener->udp);
    return STATUS_OK;
}

enum status transport_listen(struct transport *self, const struct transport_listener *asked,
                             uint16_t *number)
{
    struct listener *listener;

    if ((asked->bind.protocol != TRANSPORT_UDP && asked->bind.protocol != TRANSPORT_TCP) ||
        (asked->bind.family != ENDPOINT_IPV4 && asked->bind.family != ENDPOINT_IPV6) ||
        asked->advertised_host.len > ADVERTISED_MAX - sizeof(":65535"))
        return STATUS_MALFORMED;
    if (self->listener_count == LISTENERS_MAX)
        return STATUS_LIMIT;
    listener = calloc(1, sizeof(*listener));
    must(listener != NULL);
    listener->transport = self;
    listener->number = self->listener_count;
    if (open_listener(self, listener, asked) != STATUS_OK) {
        free(listener);
        return STATUS_UNAVAILABLE;
    }
    advertise(listener, asked);
    self->listeners[self->listener_count++] = listener;
    if (number != NULL)
        *number = listener->number;
    return STATUS_OK;
}

const struct listener *transport_find_listener(const struct transport *self, uint16_t number)
{
    return number < self->listener_count ? self->listeners[number] : NULL;
}

struct endpoint transport_local(const struct transport *self, uint16_t listener)
{
    return listener < self->listener_count ? self->listeners[listener]->local
                                           : (struct endpoint){0};
}

uint16_t transport_listener_count(const struct transport *self)
{
    return self->listener_count;
}

size_t transport_udp_request_max(const struct transport *self)
{
    return self->options.udp_request_bytes_max;
}

bool transport_is_spared(const struct transport *self, const struct endpoint *remote)
{
    return tcp_is_spared(self->tcp, remote);
}

bool transport_honours_maddr(const struct transport *self)
{
    return !self->options.ignore_maddr;
}

/* ---- out ---- */

/* The flow's listener, if it can serve it. */
static const struct listener *listener_of(const struct transport *self, const struct flow *flow)
{
    const struct listener *listener = transport_find_listener(self, flow->listener);

    if (listener == NULL || flow->remote.protocol != listener->local.protocol ||
        flow->remote.family != listener->local.family || flow->remote.port == 0)
        return NULL;
    return listener;
}

bool transport_flow_is_alive(const struct transport *self, const struct flow *flow)
{
    return listener_of(self, flow) != NULL &&
           (flow->connection == 0 || tcp_is_alive(self->tcp, flow));
}

enum status transport_send(struct transport *self, const struct flow *to, struct span head,
                           struct blob *body)
{
    const struct listener *listener = listener_of(self, to);

    if (listener == NULL)
        return STATUS_NOT_FOUND;
    if (listener->udp == NULL)
        return tcp_send(self->tcp, to, head, body);
    return udp_send(listener->udp, &to->remote, head, body);
}
