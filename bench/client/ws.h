/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ws.h - a WebSocket client (RFC 6455) for tests and load: small, over TLS or not (tls.h).
 *
 * The socket lives in a loop and does not block; bench_ws_open() alone waits for its opening handshake (10 s at most).
 * Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_CLIENT_WS_H
#define CONSILIUM_BENCH_CLIENT_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/https.h"
#include "sfu/io/loop.h"

#define BENCH_WS_MESSAGE_MAX (1024u * 1024u)

enum bench_ws_opcode {
    BENCH_WS_TEXT = 1,
    BENCH_WS_BINARY = 2,
    BENCH_WS_CLOSE = 8,
    BENCH_WS_PING = 9,
    BENCH_WS_PONG = 10,
};

struct bench_ws;

struct bench_ws_config {
    struct sfu_loop *loop;           /**< outlives the socket */
    const struct bench_place *place; /**< used while it is made only; NULL: https://127.0.0.1:port, unchecked */
    uint16_t port;                   /**< if place is NULL */
    const char *path;
    const char *protocol;
    /** _start only: it is open, or will never be. Destroy it later, not from here. */
    void (*on_open)(void *user);
    void (*on_failed)(void *user, const struct bench_trouble *trouble);
    /** As in https.h. */
    bool (*may_work)(void *user);
    void (*on_text)(void *user, const char *text, size_t len);
    /** The socket was open and is of no use any more; `code`: from the server's close frame, 1006 without one. Destroy
     * it later, not from here. */
    void (*on_closed)(void *user, unsigned code);
    void *user;
};

/** Begins to connect; on_open or on_failed follows in the loop. Returns 0, or the error of *trouble (may be NULL);
 * *out is NULL then. There is no time limit. */
int bench_ws_start(struct bench_ws **out, const struct bench_ws_config *config, struct bench_trouble *trouble);
/** Connects, blocking; neither on_open nor on_failed is called. Returns 0, the HTTP status that was not 101, or
 * BASE_ERR_IO, BASE_ERR_TIMEOUT, BASE_ERR_FULL, BASE_ERR_CRYPTO; *out is NULL unless 0. */
int bench_ws_open(struct bench_ws **out, const struct bench_ws_config *config);
/** Without a word (a vanished client). NULL is allowed. */
void bench_ws_destroy(struct bench_ws *ws);
void bench_ws_send_text(struct bench_ws *ws, const char *text);
/** Any frame, final. */
void bench_ws_send(struct bench_ws *ws, enum bench_ws_opcode opcode, const void *data, size_t len);
/** Bytes as they are, outside any frame: for tests of bad clients. */
void bench_ws_send_raw(struct bench_ws *ws, const void *data, size_t len);
/** 0 while it is open, else the close code. */
unsigned bench_ws_close_code(const struct bench_ws *ws);
/** Stops (or goes on) reading: a slow client. */
void bench_ws_set_deaf(struct bench_ws *ws, int deaf);

#endif
