/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/ws.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/random.h"
#include "bench/client/tls.h"

#define HEADER_MAX 8192

struct bench_ws {
    struct bench_ws_config config;
    struct sfu_loop_source source;
    struct bench_tls tls;
    struct bench_trouble trouble; /* of the opening */
    bool watched, deaf, open;
    bool write_broken; /* nothing can be sent: closed as soon as there is nothing to read */
    bool parsing;
    unsigned close_code;
    uint8_t *in;
    size_t in_used, in_max;
    uint8_t *message; /* fragments so far */
    size_t message_used;
    unsigned message_opcode;
    uint8_t *out;
    size_t out_used, out_max;
};

/* ---- frames out ----------------------------------------------------------------------------------------------- */

static void watch(struct bench_ws *ws)
{
    uint32_t events = (ws->deaf ? 0u : (uint32_t)EPOLLIN) | (ws->out_used != 0 ? (uint32_t)EPOLLOUT : 0u);
    if (ws->watched)
        (void)sfu_loop_modify(ws->config.loop, &ws->source, events);
}

static void finish(struct bench_ws *ws, unsigned code)
{
    if (ws->close_code != 0)
        return;
    ws->close_code = code;
    if (ws->watched)
        sfu_loop_remove(ws->config.loop, &ws->source);
    ws->watched = false;
    ws->config.on_closed(ws->config.user, code);
}

static void drain(struct bench_ws *ws);

static void flush(struct bench_ws *ws)
{
    while (ws->out_used != 0 && ws->close_code == 0) {
        long written = bench_tls_write(&ws->tls, ws->out, ws->out_used);
        if (written == 0)
            break;         /* later */
        if (written < 0) { /* the reason may lie in what has not been read yet */
            ws->out_used = 0;
            ws->write_broken = true;
            if (!ws->parsing)
                drain(ws);
            return;
        }
        memmove(ws->out, ws->out + written, ws->out_used - (size_t)written);
        ws->out_used -= (size_t)written;
    }
    watch(ws);
}

static bool queue(struct bench_ws *ws, const void *data, size_t len)
{
    if (ws->out_used + len > ws->out_max) {
        size_t grown = (ws->out_used + len) * 2;
        uint8_t *out = realloc(ws->out, grown);
        if (out == NULL)
            return false;
        ws->out = out;
        ws->out_max = grown;
    }
    memcpy(ws->out + ws->out_used, data, len);
    ws->out_used += len;
    return true;
}

void bench_ws_send_raw(struct bench_ws *ws, const void *data, size_t len)
{
    if (ws->close_code == 0 && ws->open && queue(ws, data, len))
        flush(ws);
}

void bench_ws_send(struct bench_ws *ws, enum bench_ws_opcode opcode, const void *data, size_t len)
{
    /* RFC 6455 section 5.2; a client masks (section 5.3) */
    uint8_t head[14] = {(uint8_t)(0x80 | opcode)}, mask[4];
    size_t head_len = 2;
    if (len < 126) {
        head[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        head[1] = 0x80 | 126;
        base_put_be16(head + 2, (uint16_t)len);
        head_len = 4;
    } else {
        head[1] = 0x80 | 127;
        base_put_be64(head + 2, len);
        head_len = 10;
    }
    base_random_bytes(mask, sizeof mask);
    memcpy(head + head_len, mask, sizeof mask);
    head_len += sizeof mask;
    if (ws->close_code != 0 || !queue(ws, head, head_len) || !queue(ws, data, len))
        return;
    uint8_t *body = ws->out + ws->out_used - len;
    for (size_t i = 0; i < len; i++)
        body[i] ^= mask[i % 4];
    flush(ws);
}

void bench_ws_send_text(struct bench_ws *ws, const char *text)
{
    bench_ws_send(ws, BENCH_WS_TEXT, text, strlen(text));
}

/* ---- frames in ------------------------------------------------------------------------------------------------ */

static void on_frame(struct bench_ws *ws, unsigned opcode, uint8_t *body, size_t len)
{
    switch (opcode) {
    case BENCH_WS_TEXT:
        ws->config.on_text(ws->config.user, (const char *)body, len);
        break;
    case BENCH_WS_PING:
        bench_ws_send(ws, BENCH_WS_PONG, body, len);
        break;
    case BENCH_WS_CLOSE:
        bench_ws_send(ws, BENCH_WS_CLOSE, body, len < 2 ? 0 : 2);
        finish(ws, len >= 2 ? base_get_be16(body) : 1005);
        break;
    default:
        break;
    }
}

/* Length of the frame's head and body at data[0..len), 0 if it is not complete. */
static size_t frame_size(const uint8_t *data, size_t len, size_t *head, size_t *body)
{
    if (len < 2)
        return 0;
    *head = 2;
    *body = data[1] & 0x7F;
    if (*body == 126) {
        *head = 4;
        *body = len >= 4 ? base_get_be16(data + 2) : 0;
    } else if (*body == 127) {
        *head = 10;
        *body = len >= 10 ? (size_t)base_get_be64(data + 2) : 0;
    }
    return *body <= BENCH_WS_MESSAGE_MAX && len >= *head + *body ? *head + *body : 0;
}

/* Takes complete frames off the buffer. Fragments of a message are collected in ws->message. */
static void parse(struct bench_ws *ws)
{
    size_t at = 0, head, body, size;
    ws->parsing = true;
    while (ws->close_code == 0 && (size = frame_size(ws->in + at, ws->in_used - at, &head, &body)) != 0) {
        bool final = (ws->in[at] & 0x80) != 0;
        unsigned opcode = ws->in[at] & 15;
        uint8_t *data = ws->in + at + head;
        at += size;
        if (opcode >= BENCH_WS_CLOSE || (final && opcode != 0)) {
            on_frame(ws, opcode, data, body);
            continue;
        }
        if (opcode != 0) {
            ws->message_opcode = opcode;
            ws->message_used = 0;
        }
        uint8_t *grown = realloc(ws->message, ws->message_used + body + 1);
        if (grown == NULL || ws->message_used + body > BENCH_WS_MESSAGE_MAX) {
            free(grown == NULL ? ws->message : grown);
            ws->message = NULL;
            finish(ws, 1009);
            break;
        }
        ws->message = grown;
        memcpy(ws->message + ws->message_used, data, body);
        ws->message_used += body;
        if (final)
            on_frame(ws, ws->message_opcode, ws->message, ws->message_used);
    }
    memmove(ws->in, ws->in + at, ws->in_used - at);
    ws->in_used -= at;
    ws->parsing = false;
}

static void drain(struct bench_ws *ws)
{
    while (ws->close_code == 0 && !ws->deaf) {
        if (ws->in_used == ws->in_max) {
            uint8_t *in = ws->in_max < 2 * BENCH_WS_MESSAGE_MAX ? realloc(ws->in, ws->in_max * 2) : NULL;
            if (in == NULL) {
                finish(ws, 1009);
                return;
            }
            ws->in = in;
            ws->in_max *= 2;
        }
        long got = bench_tls_read(&ws->tls, ws->in + ws->in_used, ws->in_max - ws->in_used);
        if (got == BENCH_TLS_AGAIN && !ws->write_broken)
            return;
        if (got <= 0) {
            finish(ws, 1006);
            return;
        }
        ws->in_used += (size_t)got;
        parse(ws);
    }
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

/* RFC 6455 section 4.1. The key is constant and the accept key is not checked: this is no security boundary. */
static bool queue_request(struct bench_ws *ws, const struct bench_url *url)
{
    char head[1536], host[BENCH_URL_AUTHORITY_MAX], origin[BENCH_URL_TEXT_MAX];
    bench_url_authority(url, host);
    bench_url_text(url, origin);
    int len = snprintf(head, sizeof head,
                       "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Protocol: %s\r\nOrigin: %s\r\n\r\n",
                       ws->config.path, host, ws->config.protocol, origin);
    return len < (int)sizeof head && queue(ws, head, (size_t)len);
}

/* The server's answer, as far as it is here. Returns 0 when it is a socket now, BENCH_TLS_AGAIN or an error. */
static int read_head(struct bench_ws *ws)
{
    char *end = NULL;
    while (end == NULL) {
        if (ws->in_used >= HEADER_MAX)
            return bench_trouble_set(&ws->trouble, BENCH_FAILURE_HTTP, "%.80s: this is not HTTP", ws->tls.name);
        long got = bench_tls_read(&ws->tls, ws->in + ws->in_used, ws->in_max - 1 - ws->in_used);
        if (got == BENCH_TLS_AGAIN)
            return BENCH_TLS_AGAIN;
        if (got <= 0)
            return bench_trouble_set(&ws->trouble, BENCH_FAILURE_UNREACHABLE, "%.80s: closed the WebSocket's opening",
                                     ws->tls.name);
        ws->in_used += (size_t)got;
        ws->in[ws->in_used] = 0;
        end = strstr((char *)ws->in, "\r\n\r\n");
    }
    int status = 0;
    if (sscanf((char *)ws->in, "HTTP/1.%*c %d", &status) != 1)
        return bench_trouble_set(&ws->trouble, BENCH_FAILURE_HTTP, "%.80s: this is not HTTP", ws->tls.name);
    if (status != 101) {
        bench_trouble_set(&ws->trouble, BENCH_FAILURE_HTTP, "%.80s: HTTP status %d instead of a WebSocket",
                          ws->tls.name, status);
        ws->trouble.status = status;
        return bench_trouble_err(&ws->trouble);
    }
    size_t used = (size_t)(end + 4 - (char *)ws->in);
    memmove(ws->in, ws->in + used, ws->in_used - used);
    ws->in_used -= used;
    return 0;
}

/* As far as it goes now. Returns 0 when open, BENCH_TLS_AGAIN, or the error of ws->trouble. */
static int advance(struct bench_ws *ws)
{
    int err = bench_tls_advance(&ws->tls, &ws->trouble);
    if (err != 0)
        return err;
    if (ws->out_used != 0) {
        long written = bench_tls_write(&ws->tls, ws->out, ws->out_used);
        if (written < 0)
            return bench_trouble_set(&ws->trouble, BENCH_FAILURE_UNREACHABLE, "%.80s: closed the connection",
                                     ws->tls.name);
        memmove(ws->out, ws->out + written, ws->out_used - (size_t)written);
        ws->out_used -= (size_t)written;
        if (ws->out_used != 0)
            return BENCH_TLS_AGAIN;
    }
    return read_head(ws);
}

static uint32_t opening_wants(const struct bench_ws *ws)
{
    if (!ws->tls.connected)
        return bench_tls_wants(&ws->tls);
    return ws->out_used != 0 ? EPOLLOUT : EPOLLIN;
}

static void on_opening(struct bench_ws *ws)
{
    if (ws->config.may_work != NULL && !ws->config.may_work(ws->config.user))
        return;
    int err = advance(ws);
    if (err == BENCH_TLS_AGAIN) {
        (void)sfu_loop_modify(ws->config.loop, &ws->source, opening_wants(ws));
        return;
    }
    if (err != 0) {
        sfu_loop_remove(ws->config.loop, &ws->source);
        ws->watched = false;
        ws->close_code = 1006;
        ws->config.on_failed(ws->config.user, &ws->trouble);
        return;
    }
    ws->open = true;
    watch(ws);
    ws->config.on_open(ws->config.user);
    parse(ws);
    drain(ws);
}

static void on_ready(struct sfu_loop_source *source, uint32_t events)
{
    struct bench_ws *ws = base_container_of(source, struct bench_ws, source);
    if (!ws->open) {
        on_opening(ws);
        return;
    }
    if (events & EPOLLOUT)
        flush(ws);
    drain(ws);
}

/* *out is NULL unless it returns 0. */
static int make(struct bench_ws **out, const struct bench_ws_config *config, struct bench_trouble *trouble)
{
    *out = NULL;
    struct bench_trouble unwanted;
    if (trouble == NULL)
        trouble = &unwanted;
    memset(trouble, 0, sizeof *trouble);
    struct bench_place *own = NULL;
    int err = config->place == NULL ? bench_place_create_local(&own, config->port) : 0;
    if (err != 0)
        return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no place");
    const struct bench_place *place = own != NULL ? own : config->place;
    struct bench_ws *ws = calloc(1, sizeof *ws);
    if (ws != NULL) {
        ws->config = *config;
        ws->tls.fd = -1;
        ws->in_max = 16384;
        ws->in = malloc(ws->in_max);
    }
    if (ws == NULL || ws->in == NULL || !queue_request(ws, &place->url))
        err = bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no memory");
    if (err == 0)
        err = bench_tls_start(&ws->tls, place, trouble);
    bench_place_destroy(own);
    if (err != 0) {
        bench_ws_destroy(ws);
        return err;
    }
    assert(ws != NULL);
    ws->source = (struct sfu_loop_source){.fd = ws->tls.fd, .on_ready = on_ready};
    *out = ws;
    return 0;
}

/* Failing, it destroys *out, which is NULL then. */
static int start_watching(struct bench_ws **out, uint32_t events, struct bench_trouble *trouble)
{
    struct bench_ws *ws = *out;
    ws->watched = sfu_loop_add(ws->config.loop, &ws->source, events) == 0;
    if (ws->watched)
        return 0;
    bench_ws_destroy(ws);
    *out = NULL;
    return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no more sockets can be watched");
}

int bench_ws_start(struct bench_ws **out, const struct bench_ws_config *config, struct bench_trouble *trouble)
{
    int err = make(out, config, trouble);
    if (err != 0)
        return err;
    assert(*out != NULL);
    return start_watching(out, opening_wants(*out), trouble);
}

int bench_ws_open(struct bench_ws **out, const struct bench_ws_config *config)
{
    int err = make(out, config, NULL);
    if (err != 0)
        return err;
    struct bench_ws *ws = *out;
    assert(ws != NULL);
    uint64_t until_us = base_clock_us() + BENCH_HTTPS_LIMIT_US;
    while ((err = advance(ws)) == BENCH_TLS_AGAIN)
        if (!bench_tls_wait(&ws->tls, opening_wants(ws), until_us)) {
            err = BASE_ERR_TIMEOUT;
            break;
        }
    if (err != 0) {
        bench_ws_destroy(ws);
        *out = NULL;
        return err;
    }
    ws->open = true;
    err = start_watching(out, EPOLLIN, NULL);
    if (*out != NULL && ws->in_used != 0)
        parse(ws);
    return err;
}

void bench_ws_destroy(struct bench_ws *ws)
{
    if (ws == NULL)
        return;
    if (ws->watched)
        sfu_loop_remove(ws->config.loop, &ws->source);
    bench_tls_close(&ws->tls);
    free(ws->in);
    free(ws->out);
    free(ws->message);
    free(ws);
}

unsigned bench_ws_close_code(const struct bench_ws *ws)
{
    return ws->close_code;
}

void bench_ws_set_deaf(struct bench_ws *ws, int deaf)
{
    ws->deaf = deaf != 0;
    watch(ws);
}
