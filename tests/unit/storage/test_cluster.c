/* test_cluster.c - starts and stops PostgreSQL; the suite shows that what other tests stand on
 * holds. */
#include "tests/unit/storage/cluster.h"

#include "server/base/must.h"
#include "storage/storage.h"

#include <check.h>
#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    char folder[100]; /* empty: none made yet */
    char binaries[200];
    bool own;
    bool none;
} cluster;

static char last_value[4096];

/* ---- programs ---- */

static const struct passwd *other_user(void)
{
    return geteuid() == 0 ? getpwnam("postgres") : NULL;
}

static _Noreturn void exec_sh(const char *command)
{
    if (geteuid() == 0)
        execlp("setpriv", "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--",
               "sh", "-c", command, (char *)NULL);
    else
        execlp("sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Runs `command` by sh, as user postgres when we are root; true when it ends with 0. */
static bool run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool run(const char *format, ...)
{
    char command[2000];
    va_list values;
    pid_t child;
    int status = -1;

    va_start(values, format);
    vsnprintf(command, sizeof(command), format, values);
    va_end(values);
    child = fork();
    if (child == 0)
        exec_sh(command);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool find_binaries(void)
{
    glob_t found;
    bool ok = false;

    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0) {
        const char *path = found.gl_pathv[found.gl_pathc - 1];

        snprintf(cluster.binaries, sizeof(cluster.binaries), "%.*s",
                 (int)(strlen(path) - strlen("/initdb")), path);
        ok = true;
    }
    globfree(&found);
    return ok;
}

/* Stops and removes the cluster when this process ends, however it ends: its end of the pipe
 * closes. */
static void watch_over(void)
{
    int ends[2];
    char command[600];
    char octet;

    must(pipe2(ends, O_CLOEXEC) == 0);
    snprintf(command, sizeof(command),
             "exec >/dev/null 2>&1; %s/pg_ctl -D %s/data -m immediate -w stop; rm -rf %s",
             cluster.binaries, cluster.folder, cluster.folder);
    switch (fork()) {
    case -1:
        must(false);
        break;
    case 0:
        setsid();
        close(ends[1]);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        while (read(ends[0], &octet, 1) < 0)
            continue;
        exec_sh(command);
        break;
    default:
        close(ends[0]); /* the other end stays open for this process's life */
        break;
    }
}

void cluster_start(void)
{
    must(run("%s/pg_ctl -D %s/data -w -t 60 -l %s/log -o \"-k %s -c listen_addresses=''"
             " -c max_connections=50 -c fsync=off -c shared_buffers=32MB\" start >/dev/null",
             cluster.binaries, cluster.folder, cluster.folder, cluster.folder));
}

void cluster_crash(void)
{
    must(cluster.own);
    must(run("%s/pg_ctl -D %s/data -m immediate -w stop >/dev/null", cluster.binaries,
             cluster.folder));
}

static void make_cluster(void)
{
    const struct passwd *owner = other_user();

    snprintf(cluster.folder, sizeof(cluster.folder), "/tmp/presenced-test-XXXXXX");
    must(mkdtemp(cluster.folder) != NULL);
    if (owner != NULL)
        must(chown(cluster.folder, owner->pw_uid, owner->pw_gid) == 0);
    cluster.own = true;
    /* peer authentication would need a map from our user to postgres: the folder is 0700 */
    must(run("%s/initdb -D %s/data -U postgres -E UTF8 --no-locale -A trust >/dev/null",
             cluster.binaries, cluster.folder));
    watch_over();
    cluster_start();
}

const char *cluster_folder(void)
{
    const char *given = getenv("PGHOST");

    if (cluster.folder[0] != '\0')
        return cluster.folder;
    if (cluster.none)
        return NULL;
    if (given != NULL) {
        snprintf(cluster.folder, sizeof(cluster.folder), "%s", given);
        return cluster.folder;
    }
    if (!find_binaries()) {
        cluster.none = true;
        fprintf(stderr, "no PostgreSQL on this machine: storage is not tested\n");
        return NULL;
    }
    make_cluster();
    return cluster.folder;
}

bool cluster_is_own(void)
{
    return cluster_folder() != NULL && cluster.own;
}

/* ---- databases ---- */

static void conninfo_of(const char *name, char *out, int size)
{
    const char *user = getenv("PGUSER");

    if (cluster.own)
        snprintf(out, (size_t)size, "host=%s dbname=%s user=postgres", cluster.folder, name);
    else
        snprintf(out, (size_t)size, "host=%s dbname=%s%s%s", cluster.folder, name,
                 user == NULL ? "" : " user=", user == NULL ? "" : user);
}

void cluster_empty_database(const char *name, char *conninfo, int size)
{
    char maintenance[200];

    ck_assert_ptr_nonnull(cluster_folder());
    conninfo_of("postgres", maintenance, sizeof(maintenance));
    sql(maintenance, "drop database if exists %s with (force)", name);
    sql(maintenance, "create database %s encoding 'UTF8' template template0", name);
    conninfo_of(name, conninfo, size);
}

/* Migrated once, then copied. */
void cluster_fresh_database(const char *name, char *conninfo, int size)
{
    static bool made;
    char maintenance[200];
    const int said = dup(STDERR_FILENO);

    if (!made) {
        cluster_empty_database("presenced_template", conninfo, size);
        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
        ck_assert_int_eq(storage_migrate(conninfo, SOURCE_DIR "/schema"), STATUS_OK);
        fflush(stderr);
        dup2(said, STDERR_FILENO);
        made = true;
    }
    close(said);
    conninfo_of("postgres", maintenance, sizeof(maintenance));
    sql(maintenance, "drop database if exists %s with (force)", name);
    sql(maintenance, "create database %s template presenced_template", name);
    conninfo_of(name, conninfo, size);
}

static PGresult *ask(const char *conninfo, const char *format, va_list values, PGconn **conn)
    __attribute__((format(printf, 2, 0)));
static PGresult *ask(const char *conninfo, const char *format, va_list values, PGconn **conn)
{
    char command[8192];

    vsnprintf(command, sizeof(command), format, values);
    *conn = PQconnectdb(conninfo);
    ck_assert_msg(PQstatus(*conn) == CONNECTION_OK, "%s", PQerrorMessage(*conn));
    PQsetNoticeProcessor(*conn, NULL, NULL);
    PQclear(PQexec(*conn, "set client_min_messages = error"));
    return PQexec(*conn, command);
}

static void end(PGconn *conn, PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);

    ck_assert_msg(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s",
                  PQresultErrorMessage(result));
    PQclear(result);
    PQfinish(conn);
}

void sql(const char *conninfo, const char *format, ...)
{
    va_list values;
    PGconn *conn;
    PGresult *result;

    va_start(values, format);
    result = ask(conninfo, format, values, &conn);
    va_end(values);
    end(conn, result);
}

const char *sql_value(const char *conninfo, const char *format, ...)
{
    va_list values;
    PGconn *conn;
    PGresult *result;

    va_start(values, format);
    result = ask(conninfo, format, values, &conn);
    va_end(values);
    snprintf(last_value, sizeof(last_value), "%s",
             PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    end(conn, result);
    return last_value;
}

/* ---- the suite ---- */

START_TEST(a_cluster_of_its_own_keeps_what_was_committed_before_a_crash)
{
    char conninfo[200];

    if (!cluster_is_own())
        return;
    cluster_empty_database("crash", conninfo, sizeof(conninfo));
    sql(conninfo, "create table kept (n int); insert into kept values (7)");
    cluster_crash();
    cluster_start();
    ck_assert_str_eq(sql_value(conninfo, "select n from kept"), "7");
}
END_TEST

Suite *storage_cluster_suite(void);
Suite *storage_cluster_suite(void)
{
    Suite *suite = suite_create("storage/cluster");
    TCase *tcase = tcase_create("a throw-away PostgreSQL");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_cluster_of_its_own_keeps_what_was_committed_before_a_crash);
    suite_add_tcase(suite, tcase);
    return suite;
}
