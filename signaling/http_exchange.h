/* SPDX-License-Identifier: Apache-2.0 */
/**
 * http_exchange.h - one HTTP request and its response on a connection of libwebsockets.
 *
 * All functions return what a libwebsockets callback returns: 0, or not 0 to close the connection. Threads: the main
 * loop only.
 */
#ifndef CONSILIUM_SIGNALING_HTTP_EXCHANGE_H
#define CONSILIUM_SIGNALING_HTTP_EXCHANGE_H

#include <libwebsockets.h>

#include "signaling/router.h"

/** libwebsockets' data of a connection; all zeroes between requests. */
struct sig_http_exchange {
    bool active;
    bool expects_body; /**< it is not complete yet: nothing was answered */
    enum sig_http_method method;
    char path[512];
    char content_type[96];
    char accept_encoding[160];
    char if_none_match[128];
    char peer[48];
    char *body;
    size_t body_bytes;
    struct sig_http_response response;
    size_t sent_bytes;
};

/** The headers are there; path[0..len) is decoded. Answers at once unless a body follows. */
int sig_http_exchange_begin(struct sig_http_exchange *exchange, struct lws *wsi, const struct sig_router *router,
                            uint64_t now_us, const char *path, size_t len);
int sig_http_exchange_body(struct sig_http_exchange *exchange, struct lws *wsi, const void *data, size_t len);
int sig_http_exchange_complete(struct sig_http_exchange *exchange, struct lws *wsi, const struct sig_router *router,
                               uint64_t now_us);
int sig_http_exchange_writable(struct sig_http_exchange *exchange, struct lws *wsi);
/** The connection goes on without a request, or ends. NULL is allowed. */
void sig_http_exchange_end(struct sig_http_exchange *exchange);

#endif
