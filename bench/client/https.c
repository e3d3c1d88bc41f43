/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/https.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"

#define READ_BYTES 16384u

struct bench_request {
    struct bench_request_config config;
    struct sfu_loop_source source;
    struct bench_tls tls;
    uint32_t watched; /* events; 0: not in the loop */
    char *out;
    size_t out_len, out_done;
    char *in; /* NUL-terminated */
    size_t in_used, in_max;
    struct bench_trouble trouble;
};

/* ---- the answer ----------------------------------------------------------------------------------------------- */

/* A header's value inside [head, end), or NULL. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL && line < end; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 3 + len + strspn(line + 3 + len, " ");
    return NULL;
}

/* RFC 9112 section 7.1: joins the chunks from `body` on, in place. Returns whether the last one is there. */
static bool join_chunks(char *body, const char *end)
{
    char *to = body;
    for (const char *at = body; at < end;) {
        char *behind;
        unsigned long len = strtoul(at, &behind, 16);
        const char *data = strstr(behind, "\r\n");
        if (behind == at || data == NULL || len > (size_t)(end - data) || (size_t)(end - data) - len < 2)
            return false;
        memmove(to, data + 2, len);
        to += len;
        if (len == 0) {
            *to = 0;
            return true;
        }
        at = data + 2 + len + 2;
    }
    return false;
}

/* Whether the whole answer has come; `over`: the connection has ended. */
static bool complete(const struct bench_request *request, bool over)
{
    const char *end = request->in != NULL ? strstr(request->in, "\r\n\r\n") : NULL;
    if (over || end == NULL)
        return over;
    const char *length = header(request->in, end, "Content-Length");
    size_t have = request->in_used - (size_t)(end + 4 - request->in);
    if (length != NULL)
        return have >= strtoul(length, NULL, 10);
    const char *encoding = header(request->in, end, "Transfer-Encoding");
    return encoding != NULL && strncasecmp(encoding, "chunked", 7) == 0 && have >= 5 &&
           memcmp(request->in + request->in_used - 5, "0\r\n\r\n", 5) == 0;
}

/* Returns the status and where the body is; 0 and the trouble if this is no HTTP. */
static int read_answer(struct bench_request *request, const char **body)
{
    int status = 0;
    char *end = request->in != NULL ? strstr(request->in, "\r\n\r\n") : NULL;
    *body = "";
    if (end == NULL || sscanf(request->in, "HTTP/1.%*c %d", &status) != 1 || status < 100) {
        bench_trouble_set(&request->trouble, request->in_used == 0 ? BENCH_FAILURE_UNREACHABLE : BENCH_FAILURE_HTTP,
                          "%.80s: %s", request->tls.name,
                          request->in_used == 0 ? "closed the connection without an answer" : "this is not HTTP");
        return 0;
    }
    const char *encoding = header(request->in, end, "Transfer-Encoding");
    if (encoding != NULL && strncasecmp(encoding, "chunked", 7) == 0)
        (void)join_chunks(end + 4, request->in + request->in_used);
    *body = end + 4;
    return status;
}

/* ---- going on ------------------------------------------------------------------------------------------------- */

/* Returns 0: more to come; 1: the connection has ended; BASE_ERR_*: see trouble. */
static int read_some(struct bench_request *request)
{
    for (;;) {
        if (request->in_max - request->in_used < READ_BYTES + 1) {
            size_t grown = request->in_max * 2 + READ_BYTES + 1;
            char *in = grown <= 2 * BENCH_HTTPS_ANSWER_MAX ? realloc(request->in, grown) : NULL;
            if (in == NULL)
                return bench_trouble_set(&request->trouble, BENCH_FAILURE_RESOURCES, "%.80s: the answer is too long",
                                         request->tls.name);
            request->in = in;
            request->in_max = grown;
            request->in[request->in_used] = 0;
        }
        long got = bench_tls_read(&request->tls, request->in + request->in_used, READ_BYTES);
        if (got == BENCH_TLS_AGAIN)
            return 0;
        if (got <= 0)
            return 1; /* broken or ended: what has come decides */
        request->in_used += (size_t)got;
        request->in[request->in_used] = 0;
    }
}

/* As far as it goes now. Returns whether it is over. */
static bool advance(struct bench_request *request)
{
    int err = bench_tls_advance(&request->tls, &request->trouble);
    if (err != 0)
        return err != BENCH_TLS_AGAIN;
    while (request->out_done < request->out_len) {
        long written =
            bench_tls_write(&request->tls, request->out + request->out_done, request->out_len - request->out_done);
        if (written == 0)
            return false;
        if (written < 0)
            break; /* the reason may lie in the answer */
        request->out_done += (size_t)written;
    }
    err = read_some(request);
    return err < 0 || complete(request, err == 1);
}

static uint32_t wants(const struct bench_request *request)
{
    if (!request->tls.connected)
        return bench_tls_wants(&request->tls);
    return (uint32_t)EPOLLIN | (request->out_done < request->out_len ? (uint32_t)EPOLLOUT : 0u);
}

static void on_ready(struct sfu_loop_source *source, uint32_t events)
{
    struct bench_request *request = base_container_of(source, struct bench_request, source);
    (void)events;
    if (!request->tls.connected && request->config.may_work != NULL && !request->config.may_work(request->config.user))
        return;
    if (!advance(request)) {
        uint32_t events_wanted = wants(request);
        if (events_wanted != request->watched)
            (void)sfu_loop_modify(request->config.loop, source, events_wanted);
        request->watched = events_wanted;
        return;
    }
    sfu_loop_remove(request->config.loop, source);
    request->watched = 0;
    const char *body = "";
    int status = request->trouble.failure == BENCH_FAILURE_NONE ? read_answer(request, &body) : 0;
    bench_tls_close(&request->tls);
    request->config.on_done(request->config.user, status, body, &request->trouble);
}

/* ---- starting ------------------------------------------------------------------------------------------------- */

/* *out is NULL unless it returns 0. */
static int make(struct bench_request **out, const struct bench_request_config *config, struct bench_trouble *trouble)
{
    *out = NULL;
    if (trouble != NULL)
        memset(trouble, 0, sizeof *trouble);
    struct bench_request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no memory");
    request->config = *config;
    request->tls.fd = -1;
    char host[BENCH_URL_AUTHORITY_MAX];
    bench_url_authority(&config->place->url, host);
    const char *body = config->body != NULL ? config->body : "";
    size_t max = strlen(config->path) + strlen(body) + sizeof host + 256;
    request->out = malloc(max);
    if (request->out != NULL)
        request->out_len = (size_t)snprintf(request->out, max,
                                            "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                                            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                            config->method, config->path, host, strlen(body), body);
    int err = request->out != NULL ? bench_tls_start(&request->tls, config->place, trouble)
                                   : bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no memory");
    if (err != 0) {
        bench_request_destroy(request);
        return err;
    }
    *out = request;
    return 0;
}

int bench_request_start(struct bench_request **out, const struct bench_request_config *config,
                        struct bench_trouble *trouble)
{
    int err = make(out, config, trouble);
    if (err != 0)
        return err;
    struct bench_request *request = *out;
    assert(request != NULL);
    request->source = (struct sfu_loop_source){.fd = request->tls.fd, .on_ready = on_ready};
    request->watched = wants(request);
    if (sfu_loop_add(config->loop, &request->source, request->watched) == 0)
        return 0;
    request->watched = 0;
    bench_request_destroy(request);
    *out = NULL;
    return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no more sockets can be watched");
}

void bench_request_destroy(struct bench_request *request)
{
    if (request == NULL)
        return;
    if (request->watched != 0)
        sfu_loop_remove(request->config.loop, &request->source);
    bench_tls_close(&request->tls);
    free(request->out);
    free(request->in);
    free(request);
}

/* ---- blocking ------------------------------------------------------------------------------------------------- */

int bench_https_to(const struct bench_place *place, const char *method, const char *path, const char *body, char *out,
                   size_t out_max, struct bench_trouble *trouble)
{
    const struct bench_request_config config = {.place = place, .method = method, .path = path, .body = body};
    struct bench_request *request;
    out[0] = 0;
    int err = make(&request, &config, trouble);
    if (err != 0)
        return err;
    assert(request != NULL);
    uint64_t until_us = base_clock_us() + BENCH_HTTPS_LIMIT_US;
    bool in_time = true;
    while (in_time && !advance(request))
        in_time = bench_tls_wait(&request->tls, wants(request), until_us);
    if (!in_time)
        bench_trouble_set(&request->trouble, BENCH_FAILURE_TIMEOUT, "%.80s: no answer", request->tls.name);
    const char *text = "";
    int status = request->trouble.failure == BENCH_FAILURE_NONE ? read_answer(request, &text) : 0;
    snprintf(out, out_max, "%s", text);
    if (trouble != NULL)
        *trouble = request->trouble;
    err = bench_trouble_err(&request->trouble);
    bench_request_destroy(request);
    return status != 0 ? status : err;
}

int bench_https(uint16_t port, const char *method, const char *path, const char *body, char *out, size_t out_max)
{
    struct bench_place *place;
    out[0] = 0;
    int err = bench_place_create_local(&place, port);
    if (err != 0)
        return err;
    int status = bench_https_to(place, method, path, body, out, out_max, NULL);
    bench_place_destroy(place);
    return status;
}

/* ---- tickets -------------------------------------------------------------------------------------------------- */

void bench_ticket_path(char out[128], const char *room)
{
    snprintf(out, 128, "/api/v1/visio/open-rooms/%.64s/tickets", room);
}

void bench_ticket_body(char out[256], const char *name, const char *identity)
{
    snprintf(out, 256, "{\"name\":\"%.80s\",\"identity\":\"%.64s\"}", name, identity);
}

void bench_ticket_read(char out[BENCH_TICKET_MAX], const char *answer)
{
    json_t *json = json_loads(answer, 0, NULL);
    const char *ticket = json_string_value(json_object_get(json, "ticket"));
    snprintf(out, BENCH_TICKET_MAX, "%s", ticket != NULL && strlen(ticket) < BENCH_TICKET_MAX ? ticket : "");
    json_decref(json);
}

int bench_ticket(uint16_t port, const char *room, const char *name, const char *identity, char ticket[BENCH_TICKET_MAX])
{
    char path[128], body[256], answer[512];
    bench_ticket_path(path, room);
    bench_ticket_body(body, name, identity);
    int status = bench_https(port, "POST", path, body, answer, sizeof answer);
    if (status != 201)
        return status;
    bench_ticket_read(ticket, answer);
    return ticket[0] != 0 ? 0 : BASE_ERR_MALFORMED;
}
