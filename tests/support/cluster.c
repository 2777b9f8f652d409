/* cluster.c - one connection, synchronous: tests may wait. */
#include "tests/support/cluster.h"

#include "server/base/must.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cluster {
    PGconn *link;
    char value[8192];
};

struct cluster *cluster_open(void)
{
    struct cluster *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->link = PQconnectdb(""); /* all of it from the environment */
    must(PQstatus(self->link) == CONNECTION_OK);
    return self;
}

void cluster_close(struct cluster *self)
{
    PQfinish(self->link);
    free(self);
}

static void run(struct cluster *self, const char *statement)
{
    PGresult *result = PQexec(self->link, statement);
    ExecStatusType status = PQresultStatus(result);

    self->value[0] = '\0';
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s\n%s", statement, PQerrorMessage(self->link));
        abort();
    }
    if (status == PGRES_TUPLES_OK && PQntuples(result) > 0)
        snprintf(self->value, sizeof(self->value), "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
}

const char *cluster_ask(struct cluster *self, const char *format, ...)
{
    char statement[8192];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(statement, sizeof(statement), format, arguments);
    va_end(arguments);
    run(self, statement);
    return self->value;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool cluster_shows(struct cluster *self, const char *wanted, int within_ms, const char *query)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    int64_t until_ms = now_ms() + within_ms;

    for (;;) {
        run(self, query);
        if (strcmp(self->value, wanted) == 0)
            return true;
        if (now_ms() > until_ms)
            return false;
        nanosleep(&pause, NULL);
    }
}
