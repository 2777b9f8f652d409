/* metric.h - counters, gauges and histograms, printed for Prometheus. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "server/base/buffer.h"

#include <stdint.h>

/** All metrics of one process. */
struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *self);

/**
 * A counter to add to directly: `(*counter)++`. Lent for the life of `metrics`.
 *
 * name     without the prefix "presenced_", e.g. "requests_total"
 * labels   e.g. "method=\"PUBLISH\"", or NULL; one name may come with many labels
 * help     one sentence; the first one given for a name counts
 * The same name and labels give the same counter.
 */
uint64_t *metric_counter(struct metrics *self, const char *name, const char *labels,
                         const char *help);

/** A number that is read when metrics are printed. */
typedef double metric_gauge_fn(void *context);
void metric_gauge(struct metrics *self, const char *name, const char *labels, const char *help,
                  metric_gauge_fn *fn, void *context);

/** Counts observations in buckets that double from `first` on, 20 of them. */
struct metric_histogram;
struct metric_histogram *metric_histogram(struct metrics *self, const char *name, const char *help,
                                          double first);
void metric_observe(struct metric_histogram *histogram, double value);

/** Everything, in the text format of Prometheus. */
void metrics_print(const struct metrics *self, struct buffer *out);

#endif
