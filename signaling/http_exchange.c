/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/http_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { CHUNK_BYTES = 32768, SMALL_BYTES = 4096, HEADERS_BYTES = 4096, SEND_SECONDS = 30 };

static const struct {
    const char *name, *value;
} every_response[] = {
    {"strict-transport-security:", "max-age=31536000"},
    {"x-content-type-options:", "nosniff"},
    {"x-frame-options:", "DENY"},
    {"referrer-policy:", "no-referrer"},
    {"cross-origin-opener-policy:", "same-origin"},
    {"cross-origin-resource-policy:", "same-origin"},
    {"permissions-policy:",
     "camera=(self), microphone=(self), display-capture=(self), geolocation=(), usb=(), payment=()"},
};

void sig_http_exchange_end(struct sig_http_exchange *exchange)
{
    if (!exchange)
        return;
    free(exchange->body);
    free(exchange->response.owned);
    memset(exchange, 0, sizeof *exchange);
}

static void copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t out_size)
{
    if (lws_hdr_copy(wsi, out, (int)out_size, token) < 0)
        out[0] = '\0'; /* too long for anything that we look for */
}

static enum sig_http_method method_of(struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI))
        return SIG_HTTP_GET;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI))
        return SIG_HTTP_POST;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI))
        return SIG_HTTP_HEAD;
    return SIG_HTTP_OTHER;
}

static int add(struct lws *wsi, const char *name, const char *value, unsigned char **at, unsigned char *end)
{
    return value ? lws_add_http_header_by_name(wsi, (const unsigned char *)name, (const unsigned char *)value,
                                               (int)strlen(value), at, end)
                 : 0;
}

static int write_headers(struct sig_http_exchange *exchange, struct lws *wsi)
{
    const struct sig_http_response *r = &exchange->response;
    unsigned char buffer[LWS_PRE + HEADERS_BYTES], *start = buffer + LWS_PRE, *at = start,
                                                   *end = buffer + sizeof buffer;
    int bad = lws_add_http_header_status(wsi, (unsigned)r->status | LWSAHH_FLAG_NO_SERVER_NAME, &at, end);
    for (size_t i = 0; i < sizeof every_response / sizeof every_response[0]; i++)
        bad |= add(wsi, every_response[i].name, every_response[i].value, &at, end);
    bad |= add(wsi, "content-security-policy:",
               r->policy ? r->policy : "default-src 'none'; frame-ancestors 'none'; base-uri 'none'", &at, end);
    bad |= add(wsi, "content-type:", r->content_type, &at, end);
    bad |= add(wsi, "content-encoding:", r->content_encoding, &at, end);
    bad |= add(wsi, "cache-control:", r->cache_control, &at, end);
    bad |= add(wsi, "etag:", r->etag, &at, end);
    bad |= add(wsi, "vary:", r->etag ? "accept-encoding" : NULL, &at, end);
    bad |= add(wsi, "allow:", r->allow, &at, end);
    bad |= add(wsi, "connection:", exchange->method == SIG_HTTP_POST ? "close" : NULL, &at, end);
    if (r->status != 304)
        bad |= lws_add_http_header_content_length(wsi, r->body_bytes, &at, end);
    return bad || lws_finalize_write_http_header(wsi, start, &at, end) ? -1 : 0;
}

/* Headers and a small body at once; the connection ends after them. */
static int answer_and_close(struct sig_http_exchange *exchange, struct lws *wsi)
{
    unsigned char buffer[LWS_PRE + SMALL_BYTES];
    const struct sig_http_response *r = &exchange->response;
    if (r->body && r->body_bytes <= SMALL_BYTES && write_headers(exchange, wsi) == 0 &&
        exchange->method != SIG_HTTP_HEAD) {
        memcpy(buffer + LWS_PRE, r->body, r->body_bytes);
        (void)lws_write(wsi, buffer + LWS_PRE, r->body_bytes, LWS_WRITE_HTTP_FINAL);
    }
    return -1;
}

static int finish(struct sig_http_exchange *exchange, struct lws *wsi)
{
    sig_http_exchange_end(exchange);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int answer(struct sig_http_exchange *exchange, struct lws *wsi)
{
    /* libwebsockets 4.1.6 runs in circles, for all connections, when a request with a body came right behind another
     * request, or another came right behind it: nothing follows a request with a body. */
    if (exchange->method == SIG_HTTP_POST)
        return answer_and_close(exchange, wsi);
    if (write_headers(exchange, wsi))
        return -1;
    if (exchange->method == SIG_HTTP_HEAD || exchange->response.status == 304 || exchange->response.body_bytes == 0)
        return finish(exchange, wsi);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_SECONDS);
    lws_callback_on_writable(wsi);
    return 0;
}

static int dispatch(struct sig_http_exchange *exchange, struct lws *wsi, const struct sig_router *router,
                    uint64_t now_us)
{
    struct sig_http_request request = {
        .method = exchange->method,
        .path = exchange->path,
        .content_type = exchange->content_type,
        .accept_encoding = exchange->accept_encoding,
        .if_none_match = exchange->if_none_match,
        .peer = exchange->peer,
        .forwarded = lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0,
        .body = exchange->body ? exchange->body : "",
        .body_bytes = exchange->body_bytes,
        .now_us = now_us,
    };
    sig_router_dispatch(router, &request, &exchange->response);
    base_log_debug("http", "status=%d path=\"%.200s\"", exchange->response.status, exchange->path);
    return answer(exchange, wsi);
}

/* An error before routing; the connection ends after it, because what follows on it is not known. */
static int refuse(struct sig_http_exchange *exchange, struct lws *wsi, int status, const char *code)
{
    struct sig_http_response *r = &exchange->response;
    free(r->owned);
    *r = (struct sig_http_response){.cache_control = "no-store"};
    sig_http_error(r, status, code, "refused");
    exchange->expects_body = false;
    return answer_and_close(exchange, wsi);
}

/* What follows the headers, into *bytes. Returns 0, or the status to refuse with what a server in front of us could
 * read otherwise than we do: the end of this request would be another one to it than to us (RFC 9112 section 11.2).
 * libwebsockets knows no chunks and takes the first of two lengths. */
static int body_length(struct lws *wsi, enum sig_http_method method, uint64_t *bytes)
{
    char text[24];
    *bytes = 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING))
        return 501;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0)
        return method == SIG_HTTP_POST ? 411 : 0;
    int len = lws_hdr_copy(wsi, text, (int)sizeof text, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    if (len <= 0 || len > 18 || strspn(text, "0123456789") != (size_t)len)
        return 400;
    *bytes = strtoull(text, NULL, 10);
    return *bytes > 0 && method != SIG_HTTP_POST ? 400 : 0;
}

int sig_http_exchange_begin(struct sig_http_exchange *exchange, struct lws *wsi, const struct sig_router *router,
                            uint64_t now_us, const char *path, size_t len)
{
    uint64_t bytes;
    sig_http_exchange_end(exchange);
    exchange->active = true;
    exchange->method = method_of(wsi);
    copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, exchange->content_type, sizeof exchange->content_type);
    copy_header(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, exchange->accept_encoding, sizeof exchange->accept_encoding);
    copy_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, exchange->if_none_match, sizeof exchange->if_none_match);
    if (!lws_get_peer_simple(wsi, exchange->peer, sizeof exchange->peer))
        exchange->peer[0] = '\0';
    if (len >= sizeof exchange->path)
        return refuse(exchange, wsi, 414, "path_too_long");
    memcpy(exchange->path, path, len);
    exchange->path[len] = '\0';
    int status = body_length(wsi, exchange->method, &bytes);
    if (status)
        return refuse(exchange, wsi, status, "body_unexpected");
    if (exchange->method != SIG_HTTP_POST)
        return dispatch(exchange, wsi, router, now_us);
    if (bytes > SIG_HTTP_BODY_MAX_BYTES)
        return refuse(exchange, wsi, 413, "too_large");
    exchange->expects_body = true;
    return 0; /* the body follows, and _complete */
}

int sig_http_exchange_body(struct sig_http_exchange *exchange, struct lws *wsi, const void *data, size_t len)
{
    if (!exchange->expects_body || len == 0)
        return 0;
    if (len > SIG_HTTP_BODY_MAX_BYTES - exchange->body_bytes)
        return refuse(exchange, wsi, 413, "too_large");
    char *grown = realloc(exchange->body, exchange->body_bytes + len + 1);
    if (!grown)
        return -1;
    exchange->body = grown;
    memcpy(grown + exchange->body_bytes, data, len);
    exchange->body_bytes += len;
    grown[exchange->body_bytes] = '\0';
    return 0;
}

int sig_http_exchange_complete(struct sig_http_exchange *exchange, struct lws *wsi, const struct sig_router *router,
                               uint64_t now_us)
{
    if (!exchange->expects_body)
        return -1;
    exchange->expects_body = false;
    return dispatch(exchange, wsi, router, now_us);
}

int sig_http_exchange_writable(struct sig_http_exchange *exchange, struct lws *wsi)
{
    unsigned char buffer[LWS_PRE + CHUNK_BYTES];
    const struct sig_http_response *r = &exchange->response;
    if (!exchange->active || !r->body)
        return 0;
    size_t left = r->body_bytes - exchange->sent_bytes, n = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    memcpy(buffer + LWS_PRE, r->body + exchange->sent_bytes, n);
    if (lws_write(wsi, buffer + LWS_PRE, n, n == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    exchange->sent_bytes += n;
    if (n == left)
        return finish(exchange, wsi);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_SECONDS);
    lws_callback_on_writable(wsi);
    return 0;
}
