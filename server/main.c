/* main.c - what the command line asks for. */
#include "server/config.h"
#include "server/server.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define DEFAULT_PATH "/etc/presenced/presenced.conf"

enum { PRINTED_BYTES_MAX = 1 << 20 };

static const char usage[] =
    "presenced - SIP presence and instant-messaging server\n"
    "\n"
    "  presenced [--config FILE]            serve, in the foreground\n"
    "  presenced [--config FILE] --check    print the configuration in effect, or its fault\n"
    "  presenced [--config FILE] --migrate  bring the database's schema up to date\n"
    "  presenced --version\n"
    "  presenced --help\n"
    "\n"
    "FILE is " DEFAULT_PATH " unless given. See presenced(8), presenced.conf(5).\n";

typedef int command_fn(struct config *config, const char *path);

static int check(struct config *config, const char *path)
{
    struct buffer out;
    size_t written;

    (void)path;
    buffer_init(&out, PRINTED_BYTES_MAX);
    config_print(config, &out);
    written = fwrite(out.at, 1, out.len, stdout);
    buffer_deinit(&out);
    return written > 0 && fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int with_config(const char *path, command_fn *fn)
{
    struct config_error error;
    struct config *config = config_load(path, &error);
    int status;

    if (config == NULL) {
        fprintf(stderr, "%s\n", error.text);
        return EX_CONFIG;
    }
    status = fn(config, path);
    config_free(config);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"migrate", no_argument, NULL, 'm'},      {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    command_fn *fn = server_run;
    const char *path = DEFAULT_PATH;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            fn = check;
            break;
        case 'm':
            fn = server_migrate;
            break;
        case 'v':
            puts("presenced " PRESENCED_VERSION);
            return EX_OK;
        case 'h':
            fputs(usage, stdout);
            return EX_OK;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    return with_config(path, fn);
}
