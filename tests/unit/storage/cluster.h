/* cluster.h - a throw-away PostgreSQL for tests, and small SQL questions to it from outside. */
#ifndef UNIT_STORAGE_CLUSTER_H
#define UNIT_STORAGE_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

/**
 * The cluster that PGHOST names, or one made by initdb in a temporary folder, whose server
 * ends with this process. Works as root (PostgreSQL then runs as user postgres) and as a
 * plain user. Made at the first call. NULL when there is no PostgreSQL on this machine.
 */
const char *cluster_folder(void);

/** True when it is our own, so that it may be stopped and started. */
bool cluster_is_own(void);

/** Makes an empty database, migrated to the newest schema, dropping one of that name; `conninfo` is
 * filled. */
void cluster_fresh_database(const char *name, char *conninfo, int size);

/** The same without the schema. */
void cluster_empty_database(const char *name, char *conninfo, int size);

/** pg_ctl stop -m immediate, as after a power failure; and start. */
void cluster_crash(void);
void cluster_start(void);

/** Runs SQL on a connection of its own; the test fails when it does. */
void sql(const char *conninfo, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The text of its only value; empty when there is no row. Lent until the next call. */
const char *sql_value(const char *conninfo, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
