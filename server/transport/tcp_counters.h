/* tcp_counters.h - what is counted of connections; for this folder only. */
#ifndef TRANSPORT_TCP_COUNTERS_H
#define TRANSPORT_TCP_COUNTERS_H

#include "server/base/metric.h"
#include "server/transport/stream.h"

/** What streams count themselves is in their stream_common. */
struct tcp_counters {
    uint64_t *accepted;
    uint64_t *opened;
    uint64_t *refused_full;
    uint64_t *refused_source;
    uint64_t *queue_full;
    uint64_t *unreachable;
    uint64_t *pauses; /* of accepting */
    uint64_t *ends[STREAM_END_COUNT];
};

/** Makes them, and those of `common`. */
void tcp_counters_init(struct tcp_counters *self, struct stream_common *common,
                       struct metrics *metrics);

/** "idle_s", "peer" ...: the label of its counter; where a key of the configuration ends streams,
 * that key. */
const char *tcp_end_name(enum stream_end why);

#endif
