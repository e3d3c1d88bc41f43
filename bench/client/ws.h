/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ws.h - HTTPS requests and a WebSocket client (RFC 6455) for tests and load: small, over OpenSSL, certificates not
 * checked (the servers are our own, with self-signed ones).
 *
 * Requests and the opening handshake block (10 s at most); afterwards the socket lives in a loop and does not. Threads:
 * one owner.
 */
#ifndef CONSILIUM_BENCH_CLIENT_WS_H
#define CONSILIUM_BENCH_CLIENT_WS_H

#include <stddef.h>
#include <stdint.h>

#include "sfu/io/loop.h"

#define BENCH_WS_MESSAGE_MAX (1024u * 1024u)

/** One request to https://127.0.0.1:port. `body` NULL: no body. The answer's body, NUL-terminated (and cut at out_max),
 * goes to `out`. Returns the HTTP status, or BASE_ERR_IO, BASE_ERR_TIMEOUT, BASE_ERR_MALFORMED. */
int bench_https(uint16_t port, const char *method, const char *path, const char *body, char *out, size_t out_max);
/** A ticket for an open room: POST …/tickets. ticket has 128 bytes. Returns 0, or the HTTP status that was not 201, or
 * BASE_ERR_*. */
int bench_ticket(uint16_t port, const char *room, const char *name, const char *identity, char *ticket);

enum bench_ws_opcode {
    BENCH_WS_TEXT = 1,
    BENCH_WS_BINARY = 2,
    BENCH_WS_CLOSE = 8,
    BENCH_WS_PING = 9,
    BENCH_WS_PONG = 10,
};

struct bench_ws;

struct bench_ws_config {
    struct sfu_loop *loop; /**< outlives the socket */
    uint16_t port;
    const char *path;
    const char *protocol;
    void (*on_text)(void *user, const char *text, size_t len);
    /** The socket is of no use any more; `code`: from the server's close frame, 1006 without one. Destroy it later, not
     * from here. */
    void (*on_closed)(void *user, unsigned code);
    void *user;
};

/** Connects. Returns 0, the HTTP status that was not 101, or BASE_ERR_IO, BASE_ERR_TIMEOUT, BASE_ERR_NOMEM; *out is
 * NULL unless 0. */
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
