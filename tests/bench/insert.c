/* insert.c - what a lonely PUBLISH is held against: bare one-row prepared INSERTs, each committed.
 */
#include "tests/bench/report.h"
#include "tests/bench/text.h"
#include "tests/bench/wire.h"

#include <libpq-fe.h>
#include <stdlib.h>

#define BODY_BYTES 1000

static void run(PGconn *connection, const char *command)
{
    PGresult *result = PQexec(connection, command);

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fputs(PQerrorMessage(connection), stderr);
        exit(2);
    }
    PQclear(result);
}

static void insert(PGconn *connection, unsigned id, const char *body)
{
    char number[16];
    const char *const values[] = {number, "u1@example.org", body};
    PGresult *result;

    (void)snprintf(number, sizeof(number), "%u", id);
    result = PQexecPrepared(connection, "insert", 3, values, NULL, NULL, 1);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fputs(PQerrorMessage(connection), stderr);
        exit(2);
    }
    PQclear(result);
}

static void measure(PGconn *connection, int64_t seconds, struct report *report)
{
    char body[BODY_BYTES + 1];
    int64_t began_us = wire_now_us();
    int64_t now_us = began_us;

    memset(body, 'x', BODY_BYTES);
    body[BODY_BYTES] = '\0';
    for (unsigned id = 0; now_us < began_us + seconds * 1000000; id++) {
        int64_t start_us = now_us;

        insert(connection, id, body);
        now_us = wire_now_us();
        report_latency(report, now_us - start_us);
        report->done++;
    }
    report->wall_us = now_us - began_us;
}

/* insert [SECONDS]: the connection is that of the environment (PGHOST, PGDATABASE ...). */
int main(int argc, char **argv)
{
    static struct report report;
    struct report_title title = {.workload = "insert", .label = "postgresql", .unit = "INSERT/s"};
    PGconn *connection = PQconnectdb("");

    if (PQstatus(connection) != CONNECTION_OK) {
        fputs(PQerrorMessage(connection), stderr);
        return 2;
    }
    run(connection, "set client_min_messages = warning");
    run(connection, "drop table if exists bench_insert");
    run(connection,
        "create table bench_insert (id bigint primary key, aor text not null, body text)");
    PQclear(
        PQprepare(connection, "insert", "insert into bench_insert values ($1, $2, $3)", 3, NULL));
    measure(connection, argc > 1 ? strtol(argv[1], NULL, 10) : 5, &report);
    run(connection, "drop table bench_insert");
    PQfinish(connection);
    title.rate = (double)report.done * 1e6 / (double)report.wall_us;
    report_print(&report, &title, stderr, stdout);
    return 0;
}
