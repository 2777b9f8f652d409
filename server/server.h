/* server.h - the composition root: makes the modules in the order of their layers, wires them,
 * stops them. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/config.h"

/**
 * Serves until SIGTERM or SIGINT, in the foreground. Borrows `config`; SIGHUP reads `path`
 * again and takes over what can change. Returns the exit status (sysexits.h).
 */
int server_run(struct config *config, const char *path);

/** Brings the schema of the configured database up to date. Returns the exit status. */
int server_migrate(struct config *config, const char *path);

#endif
