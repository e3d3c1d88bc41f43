/* SPDX-License-Identifier: Apache-2.0 */
/**
 * http_server.h - HTTPS and WSS on one port: the main loop, on libwebsockets.
 *
 * Owns the loop thread: HTTP requests go to the router, visio sockets to the hub. Limits: connections in all and for
 * one address, header and body sizes, 30 s for a request, a bounded queue for each socket. HTTP/1.1 only and no
 * extensions (libwebsockets 4.1.6 breaks on both).
 *
 * Threads: all functions belong to the loop thread but _wake, which any thread and a signal handler may call.
 */
#ifndef CONSILIUM_SIGNALING_HTTP_SERVER_H
#define CONSILIUM_SIGNALING_HTTP_SERVER_H

#include "signaling/hub.h"
#include "signaling/router.h"

struct sig_http_server;

struct sig_http_server_config {
    const char *listen_address; /**< "0.0.0.0", "::" (both families) or one address */
    uint16_t port;              /**< 0: any free port */
    const char *certificate_path;
    const char *key_path;
    uint32_t connections_max;
    uint32_t connections_per_address_max;
    struct sig_router router;
    struct sig_hub *hub; /**< outlives the server */
    /** Called after each turn of the loop; takes what woke it, returns when it wants to be called at the latest. */
    uint64_t (*poll)(void *user, uint64_t now_us);
    void *user;
};

struct sig_http_stats {
    uint64_t connections; /**< gauge */
    uint64_t requests, refused;
};

/** Copies *config, opens the port. Returns 0, BASE_ERR_EXISTS (the port is taken), BASE_ERR_IO (errno: another reason
 * why it cannot be opened), BASE_ERR_CRYPTO (certificate or key) or BASE_ERR_NOMEM; on error *out is NULL. */
int sig_http_server_create(struct sig_http_server **out, const struct sig_http_server_config *config);
/** Closes all sockets; the hub hears of those that it knows. NULL is allowed. */
void sig_http_server_destroy(struct sig_http_server *server);
uint16_t sig_http_server_port(const struct sig_http_server *server);

/** One turn: waits for something to happen, at most until the deadline of `poll`. */
void sig_http_server_turn(struct sig_http_server *server);
/** The same, waiting at most `wait_us`. */
void sig_http_server_turn_within(struct sig_http_server *server, uint64_t wait_us);
/** Ends the wait. Any thread; safe in a signal handler. */
void sig_http_server_wake(struct sig_http_server *server);
/** From now on new connections are refused. */
void sig_http_server_stop_accepting(struct sig_http_server *server);
void sig_http_server_stats(const struct sig_http_server *server, struct sig_http_stats *out);

#endif
