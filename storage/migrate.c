/* migrate.c - applies the numbered files of schema/, each in one transaction, and records them. */
#include "storage/migrate.h"

#include "server/base/buffer.h"
#include "server/base/must.h"
#include "storage/link.h"
#include "storage/storage.h"

#include <dirent.h>
#include <inttypes.h>

enum { FILE_BYTES_MAX = 1 << 20, NAME_BYTES_MAX = 200, FILES_MAX = 999 };

/* "0001_accounts.sql"; 0 for any other name. Letters that SQL would need quoted are refused. */
static int number_of(const char *name)
{
    int number = 0;

    for (int i = 0; i < 4; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        number = number * 10 + (name[i] - '0');
    }
    if (name[4] != '_' || strlen(name) > NAME_BYTES_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") != strlen(name) ||
        strcmp(name + strlen(name) - 4, ".sql") != 0)
        return 0;
    return number;
}

static bool read_file(const char *folder, const char *name, struct buffer *out)
{
    char path[4096];
    char chunk[8192];
    FILE *file;
    size_t len;
    bool ok;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return false;
    file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buffer_put(out, (struct span){chunk, len});
    ok = ferror(file) == 0 && !out->overflowed;
    buffer_put_char(out, '\0');
    if (fclose(file) != 0 || !ok || out->overflowed) {
        fprintf(stderr, "%s: cannot be read whole\n", path);
        return false;
    }
    return true;
}

static bool apply(struct session *session, const char *folder, const char *name, int number)
{
    char record[NAME_BYTES_MAX + 200];
    struct buffer sql;
    bool ok;

    buffer_init(&sql, FILE_BYTES_MAX);
    snprintf(record, sizeof(record),
             "insert into presence.schema_version (version, file) values (%d, '%s'); commit",
             number, name);
    ok = read_file(folder, name, &sql) && session_run(session, "begin") &&
         session_run(session, sql.at) && session_run(session, record);
    if (ok)
        fprintf(stderr, "%s: applied\n", name);
    else if (session_run(session, "rollback"))
        fprintf(stderr, "%s: not applied, nothing of it remains\n", name);
    buffer_deinit(&sql);
    return ok;
}

static int is_migration(const struct dirent *entry)
{
    return number_of(entry->d_name) != 0;
}

static bool is_ready(struct session *session)
{
    int64_t is_utf8 = 0;

    /* NOTICEs of "if exists" are noise; two migrations at once wait for each other here. */
    if (!session_run(session, "set client_min_messages = notice; set lock_timeout = '30s';"
                              " set search_path = pg_catalog, public;"
                              " select pg_advisory_lock(1886545267, 2)") ||
        !session_number(session, "select (current_setting('server_encoding') = 'UTF8')::integer",
                        &is_utf8))
        return false;
    if (is_utf8 == 1)
        return true;
    fprintf(stderr, "the database must be made with encoding UTF8\n");
    return false;
}

static bool version_of(struct session *session, int64_t *out)
{
    int64_t is_there = 0;

    *out = 0;
    if (!session_number(session,
                        "select (to_regclass('presence.schema_version') is not null)::integer",
                        &is_there))
        return false;
    return is_there == 0 ||
           session_number(session, "select coalesce(max(version), 0) from presence.schema_version",
                          out);
}

static enum status apply_all(struct session *session, const char *folder, struct dirent **files,
                             int count)
{
    int64_t version;

    if (!is_ready(session) || !version_of(session, &version))
        return STATUS_FAILED;
    if (version > count) {
        fprintf(stderr,
                "the database's schema is version %" PRId64 ", %s goes up to %d: nothing done\n",
                version, folder, count);
        return STATUS_FAILED;
    }
    for (int i = 0; i < count; i++) {
        const int number = number_of(files[i]->d_name);

        if (number != i + 1) {
            fprintf(stderr, "%s/%s: number %d was expected\n", folder, files[i]->d_name, i + 1);
            return STATUS_FAILED;
        }
        if (number > version && !apply(session, folder, files[i]->d_name, number))
            return STATUS_FAILED;
    }
    fprintf(stderr, "the database's schema is version %d\n", count);
    return STATUS_OK;
}

enum status storage_migrate(const char *conninfo, const char *folder)
{
    struct dirent **files;
    const int count = scandir(folder, &files, is_migration, alphasort);
    enum status status = STATUS_FAILED;
    struct session *session;

    if (count <= 0) {
        fprintf(stderr, "%s: no files like 0001_name.sql\n", folder);
        if (count == 0)
            free(files);
        return STATUS_FAILED;
    }
    session = session_open(conninfo);
    if (session == NULL)
        status = STATUS_UNAVAILABLE;
    else
        status = apply_all(session, folder, files, count);
    if (session != NULL)
        session_close(session);
    for (int i = 0; i < count; i++)
        free(files[i]);
    free(files);
    return status;
}
