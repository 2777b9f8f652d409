/* stream_rig.h - what streams of a test have in common: patient, and roomy. */
#ifndef SUPPORT_STREAM_RIG_H
#define SUPPORT_STREAM_RIG_H

#include "server/transport/stream.h"

/** Fits streams that are heard by the three functions, and says what they count in `counts`. */
static inline struct stream_common
stream_rig_common(struct loop *loop, const struct sip_limits *limits, stream_message_fn *on_message,
                  stream_fault_fn *on_fault, stream_end_fn *on_end, uint64_t counts[5])
{
    return (struct stream_common){
        .loop = loop,
        .limits = *limits,
        .connect_us = US_PER_S * 60,
        .first_us = US_PER_S * 60,
        .idle_us = US_PER_S * 60,
        .message_us = US_PER_S * 60,
        .write_us = US_PER_S * 60,
        .write_queue_bytes_max = 1 << 20,
        .write_bytes_max = 1 << 21,
        .partial_bytes_max = 1 << 20,
        .on_message = on_message,
        .on_fault = on_fault,
        .on_end = on_end,
        .bytes_in = &counts[0],
        .bytes_out = &counts[1],
        .messages_in = &counts[2],
        .messages_out = &counts[3],
        .pings = &counts[4],
    };
}

#endif
