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

/* Ticks of one process, when it or its parent is listed: proc(5), the stat file. */
static uint64_t ticks_of(const char *pids, const char *pid)
{
    char path[300];
    char line[1024];
    const char *behind;
    size_t got;
    FILE *file;
    long parent;
    unsigned long user, system, childrens_user, childrens_system;

    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0; /* it has just ended; its parent counts it */
    got = fread(line, 1, sizeof(line) - 1, file);
    (void)fclose(file);
    line[got] = '\0';
    behind = strrchr(line, ')'); /* the name may hold anything */
    if (behind == NULL ||
        sscanf(behind + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &parent,
               &user, &system, &childrens_user, &childrens_system) != 5)
        return 0;
    if (is_listed(pids, strtol(pid, NULL, 10)))
        return user + system + childrens_user + childrens_system;
    return is_listed(pids, parent) ? user + system : 0;
}

int64_t cpu_of_us(const char *pids)
{
    DIR *processes;
    const struct dirent *entry;
    uint64_t ticks = 0;

    if (pids == NULL)
        return 0;
    processes = opendir("/proc");
    must(processes != NULL);
    while ((entry = readdir(processes)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]))
            ticks += ticks_of(pids, entry->d_name);
    (void)closedir(processes);
    return (int64_t)(ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}
