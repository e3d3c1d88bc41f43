/* SPDX-License-Identifier: Apache-2.0 */
/**
 * server.h - the whole program between its configuration and its end: opens everything in order, runs the loop, closes
 * everything in reverse.
 */
#ifndef CONSILIUM_PLATFORM_CORE_SERVER_H
#define CONSILIUM_PLATFORM_CORE_SERVER_H

#include "platform/core/config.h"

/* Exit codes of the program; also in the README and in --help. */
enum plat_exit {
    PLAT_EXIT_OK = 0,
    PLAT_EXIT_OTHER = 1,
    PLAT_EXIT_CONFIG = 2,
    PLAT_EXIT_PORT_IN_USE = 3,
    PLAT_EXIT_DATA = 4,
    PLAT_EXIT_RESOURCES = 5, /**< certificate, database, web client */
};

/** Serves until plat_server_stop() (SIGINT and SIGTERM call it); `config` outlives the call. What goes wrong at the
 * start is said on stderr. One server in a process. Returns the exit code. */
enum plat_exit plat_server_run(const struct plat_config *config);
/** Asks the running server to tell its clients and end. Any thread, signal handlers too. */
void plat_server_stop(void);

#endif
