/* SPDX-License-Identifier: Apache-2.0 */
/**
 * https.h - one HTTP/1.1 request and its answer, over TLS or not (tls.h): in a loop without blocking, or at once.
 *
 * One connection for each request. Redirects are answers like others. Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_CLIENT_HTTPS_H
#define CONSILIUM_BENCH_CLIENT_HTTPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/tls.h"
#include "sfu/io/loop.h"

#define BENCH_HTTPS_ANSWER_MAX (1024u * 1024u) /**< headers and body */
#define BENCH_HTTPS_LIMIT_US   10000000u       /**< of the functions that block */
#define BENCH_TICKET_MAX       128

struct bench_request;

struct bench_request_config {
    const struct bench_place *place; /**< used in _start only */
    struct sfu_loop *loop;           /**< outlives the request */
    const char *method, *path;
    const char *body; /**< JSON; NULL: none */
    /** The whole answer; or status 0 and the trouble. Called once; the request may be destroyed from here. */
    void (*on_done)(void *user, int status, const char *body, const struct bench_trouble *trouble);
    /** Asked before each piece of work while connecting: false puts it off to the next turn of the loop. NULL: always.
     */
    bool (*may_work)(void *user);
    void *user;
};

/** Copies `config`. Returns 0, or the error of *trouble (may be NULL); *out is NULL then. There is no time limit:
 * destroy it when it takes too long. */
int bench_request_start(struct bench_request **out, const struct bench_request_config *config,
                        struct bench_trouble *trouble);
/** Cancels it. NULL is allowed. */
void bench_request_destroy(struct bench_request *request);

/** One request, blocking (10 s at most). The answer's body, NUL-terminated (and cut at out_max), goes to `out`. Returns
 * the HTTP status, or a negative BASE_ERR_* with *trouble (may be NULL) set. */
int bench_https_to(const struct bench_place *place, const char *method, const char *path, const char *body, char *out,
                   size_t out_max, struct bench_trouble *trouble);
/** The same to https://127.0.0.1:port, certificate not checked. */
int bench_https(uint16_t port, const char *method, const char *path, const char *body, char *out, size_t out_max);

/** A ticket for an open room (PROTOCOL.md section 1): POST path and body of the request; the ticket in its answer, ""
 * if there is none. */
void bench_ticket_path(char out[128], const char *room);
void bench_ticket_body(char out[256], const char *name, const char *identity);
void bench_ticket_read(char out[BENCH_TICKET_MAX], const char *answer);
/** All of it, blocking, from 127.0.0.1. Returns 0, or the HTTP status that was not 201, or BASE_ERR_*. */
int bench_ticket(uint16_t port, const char *room, const char *name, const char *identity,
                 char ticket[BENCH_TICKET_MAX]);

#endif
