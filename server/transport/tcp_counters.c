/* tcp_counters.c - names, labels and sentences of the metrics. */
#include "server/transport/tcp_counters.h"

static const char *const end_names[STREAM_END_COUNT] = {
    [STREAM_END_PEER] = "peer",
    [STREAM_END_ERROR] = "error",
    [STREAM_END_CONNECT_FAILED] = "connect_failed",
    [STREAM_END_CONNECT_SLOW] = "connect_s",
    [STREAM_END_SILENT] = "first_s",
    [STREAM_END_IDLE] = "idle_s",
    [STREAM_END_MESSAGE] = "message_s",
    [STREAM_END_WRITE] = "write_s",
    [STREAM_END_VANISHED] = "vanished",
    [STREAM_END_FAULT] = "framing",
    [STREAM_END_MEMORY] = "partial_bytes_max",
    [STREAM_END_STOP] = "stop",
};

const char *tcp_end_name(enum stream_end why)
{
    return end_names[why];
}

static void init_streams(struct stream_common *common, struct metrics *metrics)
{
    static const char bytes[] = "transport_stream_bytes_total";
    static const char bytes_help[] = "octets over connections";
    static const char messages[] = "transport_stream_messages_total";
    static const char messages_help[] = "messages over connections";

    common->bytes_in = metric_counter(metrics, bytes, "direction=\"in\"", bytes_help);
    common->bytes_out = metric_counter(metrics, bytes, "direction=\"out\"", bytes_help);
    common->messages_in = metric_counter(metrics, messages, "direction=\"in\"", messages_help);
    common->messages_out = metric_counter(metrics, messages, "direction=\"out\"", messages_help);
    common->pings = metric_counter(metrics, "transport_pings_total", NULL,
                                   "CRLF CRLF over connections (RFC 5626 section 4.4.1)");
}

static void init_ends(struct tcp_counters *self, struct metrics *metrics)
{
    for (int i = 0; i < STREAM_END_COUNT; i++) {
        struct buffer labels;
        char text[64];

        buffer_init_fixed(&labels, text, sizeof(text) - 1);
        buffer_printf(&labels, "reason=\"%s\"", end_names[i]);
        text[labels.len] = '\0';
        self->ends[i] = metric_counter(metrics, "transport_connections_ended_total", text,
                                       "connections that ended, by reason");
    }
}

void tcp_counters_init(struct tcp_counters *self, struct stream_common *common,
                       struct metrics *metrics)
{
    static const char begun[] = "transport_connections_total";
    static const char begun_help[] = "connections that began";
    static const char refused[] = "transport_connections_refused_total";
    static const char refused_help[] = "connections that were closed at once, by what was full";
    static const char dropped[] = "transport_dropped_total";
    static const char dropped_help[] = "messages that were not delivered or not sent";

    self->accepted = metric_counter(metrics, begun, "how=\"accepted\"", begun_help);
    self->opened = metric_counter(metrics, begun, "how=\"opened\"", begun_help);
    self->refused_full =
        metric_counter(metrics, refused, "limit=\"connections_max\"", refused_help);
    self->refused_source =
        metric_counter(metrics, refused, "limit=\"connections_per_source_max\"", refused_help);
    self->queue_full =
        metric_counter(metrics, dropped, "reason=\"write_queue_full\"", dropped_help);
    self->unreachable =
        metric_counter(metrics, dropped, "reason=\"connection_lost\"", dropped_help);
    self->pauses = metric_counter(metrics, "transport_accept_pauses_total", NULL,
                                  "times that no descriptor or memory was left for a connection");
    init_streams(common, metrics);
    init_ends(self, metrics);
}
