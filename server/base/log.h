/* log.h - one line per finished thing, with stable keys. Never bodies, never credentials. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "server/base/clock.h"
#include "server/base/span.h"

#include <stdint.h>

enum log_level {
    LOG_ERROR,   /* someone must act */
    LOG_WARNING, /* the database or a peer misbehaves */
    LOG_INFO,    /* one line per request */
    LOG_DEBUG,   /* per packet */
};

/**
 * Gathers lines and writes them together, by log_flush() at the end of a turn. The
 * descriptor is made non-blocking; what it does not take within `max_bytes` is dropped and
 * counted, and the next line that gets through says how many were lost: a stuck reader
 * never blocks the loop.
 */
struct log;

/** Writes to `fd` (borrowed). With `systemd` lines begin with "<N>", the journal's priority. */
struct log *log_new(int fd, enum log_level level, bool systemd);
void log_free(struct log *self);
void log_set_level(struct log *self, enum log_level level);

/** True when a line of that level would be written: ask before costly arguments. */
bool log_enabled(const struct log *self, enum log_level level);

/**
 * Adds "TIME LEVEL EVENT key=value ...\n"; `format` makes the key=value pairs, e.g.
 * log_line(log, LOG_INFO, "publish", "aor=" SPAN_FMT " code=%d", SPAN_ARG(aor), code).
 * Control characters in what it makes are replaced by '?'. NULL `self` is silent.
 */
void log_line(struct log *self, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** What time the lines of this turn carry. */
void log_set_time(struct log *self, struct wall_time now);

/** Writes what was gathered, as far as the descriptor takes it. */
void log_flush(struct log *self);

/** How many lines were dropped since the start. */
uint64_t log_dropped(const struct log *self);

#endif
