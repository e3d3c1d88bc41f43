/* SPDX-License-Identifier: Apache-2.0 */
/**
 * tls.h - one TLS connection to 127.0.0.1, blocking (10 s at most) until told otherwise; the certificate is not
 * checked.
 */
#ifndef CONSILIUM_BENCH_CLIENT_TLS_H
#define CONSILIUM_BENCH_CLIENT_TLS_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_TLS_AGAIN (-1000) /**< nothing to read now, or too late */

struct bench_tls {
    int fd;    /**< -1: closed */
    void *ssl; /* SSL */
};

/** Connects. Returns 0, BASE_ERR_IO or BASE_ERR_CRYPTO. */
int bench_tls_open(struct bench_tls *tls, uint16_t port);
/** Any state. */
void bench_tls_close(struct bench_tls *tls);
int bench_tls_set_nonblocking(struct bench_tls *tls);
/** Returns bytes, 0 at the end of the stream, BENCH_TLS_AGAIN, or BASE_ERR_IO. */
long bench_tls_read(struct bench_tls *tls, void *out, size_t max);
/** Returns bytes, 0 if it cannot be sent now, or BASE_ERR_IO. */
long bench_tls_write(struct bench_tls *tls, const void *data, size_t len);
/** Returns 0 or BASE_ERR_IO. */
int bench_tls_write_all(struct bench_tls *tls, const void *data, size_t len);

#endif
