/* cluster.h - the database of a running server, as its administrator sees it; PGHOST and so on
 * say where it is. */
#ifndef SUPPORT_CLUSTER_H
#define SUPPORT_CLUSTER_H

#include <stdbool.h>

struct cluster;

struct cluster *cluster_open(void);
void cluster_close(struct cluster *self);

/** Runs one statement, a printf format; the first value of its first row, "" when there is none
 * or it is null. Good until the next call. A statement that fails aborts the test. */
const char *cluster_ask(struct cluster *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Asks again until the value is `wanted`; false after `within_ms`. */
bool cluster_shows(struct cluster *self, const char *wanted, int within_ms, const char *query);

#endif
