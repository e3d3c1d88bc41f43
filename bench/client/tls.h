/* SPDX-License-Identifier: Apache-2.0 */
/**
 * tls.h - byte streams to a server, over TLS or plain TCP, that never block.
 *
 * A *place* is a server that has been looked up: its address, and what is needed to check its certificate. It is made
 * once (this blocks: DNS) and shared by all streams to it. A *stream* (struct bench_tls) is one connection: _start it,
 * then call _advance each time its descriptor is ready for what _wants says, until it is connected; then read and
 * write. Each stream makes a full handshake, as each person has a browser of their own. Threads: one owner.
 *
 * The certificate must be valid for the host's name or address, and be signed by somebody whom the system trusts or by
 * (or be itself) one in ca_file; unless `insecure`. The program must ignore SIGPIPE.
 */
#ifndef CONSILIUM_BENCH_CLIENT_TLS_H
#define CONSILIUM_BENCH_CLIENT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/url.h"
#include "sfu/transport/path.h"

#define BENCH_TLS_AGAIN (-1000) /**< nothing to read now; or not connected yet */

/** Why somebody could not enter, or had to go. */
enum bench_failure {
    BENCH_FAILURE_NONE,
    BENCH_FAILURE_UNREACHABLE, /**< no such name, no TCP connection, no TLS, or it broke */
    BENCH_FAILURE_CERTIFICATE, /**< TLS: the certificate is not trusted */
    BENCH_FAILURE_HTTP,        /**< the ticket or the WebSocket was refused: status in `why` */
    BENCH_FAILURE_REFUSED,     /**< the server said refused or closing: its code in `why` */
    BENCH_FAILURE_MEDIA,       /**< ICE or DTLS failed */
    BENCH_FAILURE_TIMEOUT,     /**< nothing for BENCH_ENTER_LIMIT_US */
    BENCH_FAILURE_RESOURCES    /**< this machine: descriptors, memory */
};

/** What went wrong. */
struct bench_trouble {
    enum bench_failure failure;
    int status;    /**< of HTTP; 0: there was none */
    char why[160]; /**< one line for people: "example.org: name not found" */
};

/** The error that stands for it: the HTTP status, BASE_ERR_IO (unreachable), _CRYPTO (certificate), _TIMEOUT, _FULL
 * (resources), _NOT_ALLOWED (refused), _STATE (media); 0: none. */
int bench_trouble_err(const struct bench_trouble *trouble);
/** Sets it (printf). NULL is allowed. Returns bench_trouble_err(). */
int bench_trouble_set(struct bench_trouble *trouble, enum bench_failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** How to reach a server, in words. */
struct bench_endpoint {
    struct bench_url url;
    const char *ca_file; /**< PEM, trusted besides the system's; NULL: none */
    bool insecure;       /**< the certificate is not checked */
};

struct bench_place {
    struct bench_url url;
    bool insecure;
    union sfu_address address;
    void *context; /* SSL_CTX; NULL: plain */
};

/** Looks the name up; of several addresses takes the first that accepts a connection (3 s each at most; the first one
 * if none does: then streams will say why). Copies what it needs. Returns 0, or the error of *trouble (may be NULL):
 * unreachable (no such name), certificate (ca_file cannot be read), resources; *out is NULL then. */
int bench_place_create(struct bench_place **out, const struct bench_endpoint *endpoint, struct bench_trouble *trouble);
/** A server on this machine: https://127.0.0.1:port, unchecked. Returns as _create. */
int bench_place_create_local(struct bench_place **out, uint16_t port);
/** Streams that exist go on. NULL is allowed. */
void bench_place_destroy(struct bench_place *place);

struct bench_tls {
    int fd;    /**< -1: closed */
    void *ssl; /* SSL; NULL: plain */
    bool connected, tcp_connected;
    uint32_t wants; /* see bench_tls_wants() */
    char name[BENCH_URL_AUTHORITY_MAX];
};

/** Begins to connect. Returns 0, or the error of *trouble; then *tls is closed. */
int bench_tls_start(struct bench_tls *tls, const struct bench_place *place, struct bench_trouble *trouble);
/** Goes on. Returns 0 when connected, BENCH_TLS_AGAIN, or the error of *trouble. */
int bench_tls_advance(struct bench_tls *tls, struct bench_trouble *trouble);
/** What the descriptor must be ready for before the next _advance: EPOLLIN or EPOLLOUT. */
uint32_t bench_tls_wants(const struct bench_tls *tls);
/** Any state but uninitialised ({.fd = -1} is closed). */
void bench_tls_close(struct bench_tls *tls);
/** Returns bytes, 0 at the end of the stream, BENCH_TLS_AGAIN, or BASE_ERR_IO. */
long bench_tls_read(struct bench_tls *tls, void *out, size_t max);
/** Returns bytes, 0 if it cannot be sent now, or BASE_ERR_IO. */
long bench_tls_write(struct bench_tls *tls, const void *data, size_t len);
/** Waits until the descriptor is ready for `events` or base_clock_us() reaches until_us. Returns whether it is ready.
 * For callers that block. */
bool bench_tls_wait(const struct bench_tls *tls, uint32_t events, uint64_t until_us);

#endif
