/* SPDX-License-Identifier: Apache-2.0 */
/**
 * server.h - the real server as a child process: free ports, a data folder of its own, ready when it says so.
 *
 * The binary's path is in the environment: CONSILIUM_SERVER. What it prints goes to a file in its data folder, shown
 * when a test fails. One at a time; left-overs end with the test program.
 */
#ifndef CONSILIUM_TESTS_INTEGRATION_SERVER_H
#define CONSILIUM_TESTS_INTEGRATION_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server {
    pid_t pid; /**< 0: not running */
    uint16_t port, media_port;
    char data[64];
    char log[80], pages[80]; /**< pages: an empty web client */
};

/** Starts it with open rooms; `extra`: more arguments, NULL-terminated, or NULL. Returns whether it listens within 20 s
 * (what it said is printed if not). */
bool server_start(struct server *server, const char *const *extra);
/** The same ports and data again, after it ended. */
bool server_start_again(struct server *server, const char *const *extra);
void server_signal(struct server *server, int signal);
/** Waits up to `limit_ms` for its end. Returns the exit code, 128 + signal, or -1: still running. */
int server_wait(struct server *server, int limit_ms);
/** SIGTERM, wait, remove its data. Returns the exit code as server_wait(); prints the log if it is not 0. */
int server_stop(struct server *server);
bool server_alive(struct server *server);

#endif
