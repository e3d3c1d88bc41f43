/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"

#define BLOCK_MAX_S 10

static SSL_CTX *context(void)
{
    static SSL_CTX *shared;
    if (shared == NULL) {
        shared = SSL_CTX_new(TLS_client_method());
        if (shared != NULL) {
            SSL_CTX_set_verify(shared, SSL_VERIFY_NONE, NULL);
            /* a queue may move in memory between a refused write and its repetition */
            SSL_CTX_set_mode(shared, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        }
    }
    return shared;
}

int bench_tls_open(struct bench_tls *tls, uint16_t port)
{
    tls->ssl = NULL;
    tls->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (tls->fd < 0)
        return BASE_ERR_IO;
    const struct timeval limit = {.tv_sec = BLOCK_MAX_S};
    const int on = 1;
    setsockopt(tls->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(tls->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(tls->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(tls->fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        bench_tls_close(tls);
        return BASE_ERR_IO;
    }
    SSL *ssl = context() != NULL ? SSL_new(context()) : NULL;
    tls->ssl = ssl;
    if (ssl == NULL || SSL_set_fd(ssl, tls->fd) != 1 || SSL_connect(ssl) != 1) {
        bench_tls_close(tls);
        ERR_clear_error();
        return ssl == NULL ? BASE_ERR_CRYPTO : BASE_ERR_IO;
    }
    return 0;
}

void bench_tls_close(struct bench_tls *tls)
{
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    if (tls->fd >= 0)
        close(tls->fd);
    tls->fd = -1;
}

int bench_tls_set_nonblocking(struct bench_tls *tls)
{
    int flags = fcntl(tls->fd, F_GETFL);
    return flags >= 0 && fcntl(tls->fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : BASE_ERR_IO;
}

long bench_tls_read(struct bench_tls *tls, void *out, size_t max)
{
    size_t got = 0;
    ERR_clear_error();
    if (SSL_read_ex(tls->ssl, out, max, &got) == 1)
        return (long)got;
    switch (SSL_get_error(tls->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return BENCH_TLS_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return BASE_ERR_IO;
    }
}

long bench_tls_write(struct bench_tls *tls, const void *data, size_t len)
{
    size_t written = 0;
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, data, len, &written) == 1)
        return (long)written;
    int why = SSL_get_error(tls->ssl, 0);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : BASE_ERR_IO;
}

int bench_tls_write_all(struct bench_tls *tls, const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        long written = bench_tls_write(tls, (const char *)data + done, len - done);
        if (written <= 0)
            return BASE_ERR_IO;
        done += (size_t)written;
    }
    return 0;
}
