/* http.h - /healthz, /readyz and /metrics on the event loop; libwebsockets' doorman for HTTP. */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include "server/base/buffer.h"
#include "server/base/log.h"
#include "server/base/loop.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Answers GET and HEAD of three paths:
 *
 *     /healthz   200 "ok": the event loop turns
 *     /readyz    200 "ready", or 503 and one line why not, as http_ready_fn says
 *     /metrics   200 and what http_metrics_fn prints, for Prometheus
 *
 * Other paths are 404, other methods 405; a request whose header fields are too long, and
 * every connection beyond the limit, is closed. Meant for loopback or an inner network:
 * there is no authentication.
 */
struct http;

/** True when requests are served; else `why` gets one line, e.g. "database is away". */
typedef bool http_ready_fn(void *context, struct buffer *why);

/** Prints all metrics in the text format of Prometheus. */
typedef void http_metrics_fn(void *context, struct buffer *out);

struct http_options {
    const char *address; /* numeric, IPv4 or IPv6 */
    uint16_t port;       /* 0: any free one, see http_port() */
    uint32_t connections_max;
    uint32_t header_bytes_max;
    uint32_t idle_s; /* a connection without traffic for so long is closed */
    void *context;   /* handed to the two calls below; kept */
    http_ready_fn *on_ready;
    http_metrics_fn *on_metrics;
};

/** Listens. Borrows loop and log, copies options. NULL, with a line in the log, when it cannot. */
struct http *http_new(struct loop *loop, struct log *log, const struct http_options *options);

/** Closes everything; to be called before the loop is freed. NULL is fine. */
void http_free(struct http *self);

/** The port that was bound. */
uint16_t http_port(const struct http *self);

#endif
