/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/ws.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/random.h"
#include "bench/client/tls.h"

#define HEADER_MAX 8192

struct bench_ws {
    struct bench_ws_config config;
    struct sfu_loop_source source;
    struct bench_tls tls;
    bool watched, deaf;
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

/* ---- requests ------------------------------------------------------------------------------------------------- */

int bench_https(uint16_t port, const char *method, const char *path, const char *body, char *out, size_t out_max)
{
    struct bench_tls tls;
    int err = bench_tls_open(&tls, port);
    if (err != 0)
        return err;
    char head[1024];
    int head_len = snprintf(head, sizeof head,
                            "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n"
                            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                            method, path, port, body != NULL ? strlen(body) : 0);
    int status = BASE_ERR_IO;
    size_t used = 0, room = out_max + HEADER_MAX;
    char *answer = malloc(room + 1);
    if (answer == NULL || head_len >= (int)sizeof head)
        goto out;
    if (bench_tls_write_all(&tls, head, (size_t)head_len) != 0 ||
        (body != NULL && bench_tls_write_all(&tls, body, strlen(body)) != 0))
        goto out;
    for (long got; used < room && (got = bench_tls_read(&tls, answer + used, room - used)) > 0;)
        used += (size_t)got;
    answer[used] = 0;
    char *end = strstr(answer, "\r\n\r\n");
    status = BASE_ERR_MALFORMED;
    if (end == NULL || sscanf(answer, "HTTP/1.%*c %d", &status) != 1)
        goto out;
    snprintf(out, out_max, "%s", end + 4);
out:
    free(answer);
    bench_tls_close(&tls);
    return status;
}

int bench_ticket(uint16_t port, const char *room, const char *name, const char *identity, char *ticket)
{
    char path[128], body[256], answer[512];
    snprintf(path, sizeof path, "/api/v1/visio/open-rooms/%s/tickets", room);
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"identity\":\"%s\"}", name, identity);
    int status = bench_https(port, "POST", path, body, answer, sizeof answer);
    if (status != 201)
        return status;
    const char *at = strstr(answer, "\"ticket\":");
    return at != NULL && sscanf(at + 9, " \"%127[^\"]\"", ticket) == 1 ? 0 : BASE_ERR_MALFORMED;
}

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
    if (ws->close_code == 0 && queue(ws, data, len))
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

static void on_ready(struct sfu_loop_source *source, uint32_t events)
{
    struct bench_ws *ws = base_container_of(source, struct bench_ws, source);
    if (events & EPOLLOUT)
        flush(ws);
    drain(ws);
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

/* RFC 6455 section 4.1; the accept key is not checked: this is no security boundary. Returns 0, a status or an error.
 */
static int open_handshake(struct bench_ws *ws)
{
    char head[1024];
    int len = snprintf(head, sizeof head,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Protocol: %s\r\nOrigin: https://127.0.0.1:%u\r\n\r\n",
                       ws->config.path, ws->config.port, ws->config.protocol, ws->config.port);
    if (bench_tls_write_all(&ws->tls, head, (size_t)len) != 0)
        return BASE_ERR_IO;
    char *end = NULL;
    while (end == NULL && ws->in_used < HEADER_MAX) {
        long got = bench_tls_read(&ws->tls, ws->in + ws->in_used, ws->in_max - 1 - ws->in_used);
        if (got <= 0)
            return got == BENCH_TLS_AGAIN ? BASE_ERR_TIMEOUT : BASE_ERR_IO;
        ws->in_used += (size_t)got;
        ws->in[ws->in_used] = 0;
        end = strstr((char *)ws->in, "\r\n\r\n");
    }
    int status = BASE_ERR_MALFORMED;
    if (end == NULL || sscanf((char *)ws->in, "HTTP/1.%*c %d", &status) != 1 || status != 101)
        return status;
    size_t used = (size_t)(end + 4 - (char *)ws->in);
    memmove(ws->in, ws->in + used, ws->in_used - used);
    ws->in_used -= used;
    return 0;
}

int bench_ws_open(struct bench_ws **out, const struct bench_ws_config *config)
{
    *out = NULL;
    struct bench_ws *ws = calloc(1, sizeof *ws);
    if (ws == NULL)
        return BASE_ERR_NOMEM;
    ws->config = *config;
    ws->tls.fd = -1;
    ws->in_max = 16384;
    ws->in = malloc(ws->in_max);
    int err = ws->in != NULL ? bench_tls_open(&ws->tls, config->port) : BASE_ERR_NOMEM;
    if (err == 0)
        err = open_handshake(ws);
    if (err == 0)
        err = bench_tls_set_nonblocking(&ws->tls);
    ws->source = (struct sfu_loop_source){.fd = ws->tls.fd, .on_ready = on_ready};
    if (err == 0)
        err = sfu_loop_add(config->loop, &ws->source, EPOLLIN);
    if (err != 0) {
        bench_ws_destroy(ws);
        return err;
    }
    ws->watched = true;
    if (ws->in_used != 0)
        parse(ws);
    *out = ws;
    return 0;
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
