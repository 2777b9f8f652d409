/* cpu.c - getrusage for ourselves, /proc for others. */
#include "tests/bench/cpu.h"

#include "server/base/must.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int64_t cpu_own_us(void)
{
    struct rusage usage;

    must(getrusage(RUSAGE_SELF, &usage) == 0);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static bool is_listed(const char *pids, long pid)
{
    for (const char *at = pids; *at != '\0';) {
        char *end;

        if (strtol(at, &end, 10) == pid)
            return true;
        at = *end == '\0' ? end : end + 1;
    }
    return false;
}

/* The numbers of a stat file behind the name, as proc(5) has them: 4 is the parent. */
enum {
    PARENT = 4,
    USER = 14,
    SYSTEM = 15,
    CHILDRENS_USER = 16,
    CHILDRENS_SYSTEM = 17,
    FIELDS = 18
};

static bool read_stat(const char *pid, long fields[FIELDS])
{
    char path[300];
    char line[1024];
    char *at;
    size_t got;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false; /* it has just ended; its parent counts it */
    got = fread(line, 1, sizeof(line) - 1, file);
    (void)fclose(file);
    line[got] = '\0';
    at = strrchr(line, ')'); /* the name may hold anything */
    if (at == NULL || strlen(at) < 4)
        return false;
    at += 3; /* the state is a letter */
    for (int i = PARENT; i < FIELDS; i++)
        fields[i] = strtol(at, &at, 10);
    return true;
}

/* Ticks of one process, when it or its parent is listed. */
static int64_t ticks_of(const char *pids, const char *pid)
{
    long fields[FIELDS];

    if (!read_stat(pid, fields))
        return 0;
    if (is_listed(pids, strtol(pid, NULL, 10)))
        return fields[USER] + fields[SYSTEM] + fields[CHILDRENS_USER] + fields[CHILDRENS_SYSTEM];
    return is_listed(pids, fields[PARENT]) ? fields[USER] + fields[SYSTEM] : 0;
}

int64_t cpu_of_us(const char *pids)
{
    DIR *processes;
    const struct dirent *entry;
    int64_t ticks = 0;

    if (pids == NULL)
        return 0;
    processes = opendir("/proc");
    must(processes != NULL);
    while ((entry = readdir(processes)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]))
            ticks += ticks_of(pids, entry->d_name);
    (void)closedir(processes);
    return ticks * 1000000 / sysconf(_SC_CLK_TCK);
}
