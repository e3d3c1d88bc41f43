/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "sfu/io/address.h"

#define PROBE_US 3000000u

/* ---- trouble -------------------------------------------------------------------------------------------------- */

int bench_trouble_err(const struct bench_trouble *trouble)
{
    switch (trouble->failure) {
    case BENCH_FAILURE_NONE:
        return 0;
    case BENCH_FAILURE_CERTIFICATE:
        return BASE_ERR_CRYPTO;
    case BENCH_FAILURE_HTTP:
        return trouble->status != 0 ? trouble->status : BASE_ERR_MALFORMED;
    case BENCH_FAILURE_REFUSED:
        return BASE_ERR_NOT_ALLOWED;
    case BENCH_FAILURE_MEDIA:
        return BASE_ERR_STATE;
    case BENCH_FAILURE_TIMEOUT:
        return BASE_ERR_TIMEOUT;
    case BENCH_FAILURE_RESOURCES:
        return BASE_ERR_FULL;
    default:
        return BASE_ERR_IO;
    }
}

int bench_trouble_set(struct bench_trouble *trouble, enum bench_failure failure, const char *format, ...)
{
    struct bench_trouble unwanted;
    if (trouble == NULL)
        trouble = &unwanted;
    trouble->failure = failure;
    trouble->status = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trouble->why, sizeof trouble->why, format, arguments);
    va_end(arguments);
    return bench_trouble_err(trouble);
}

static bool out_of_resources(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* What the system said about a connection. */
static int system_trouble(struct bench_trouble *trouble, const char *name, int error)
{
    if (error == ETIMEDOUT)
        return bench_trouble_set(trouble, BENCH_FAILURE_TIMEOUT, "%.80s: no answer", name);
    return bench_trouble_set(trouble, out_of_resources(error) ? BENCH_FAILURE_RESOURCES : BENCH_FAILURE_UNREACHABLE,
                             "%.80s: %s", name, error == 0 ? "connection closed" : strerror(error));
}

/* ---- places --------------------------------------------------------------------------------------------------- */

static int make_context(struct bench_place *place, const char *ca_file, struct bench_trouble *trouble)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "OpenSSL gives no context");
    place->context = context;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* a queue may move in memory between a refused write and its repetition */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1); /* one system call a record, not one for its head and one for the rest */
    SSL_CTX_set_verify(context, place->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (place->insecure)
        return 0;
    SSL_CTX_set_default_verify_paths(context); /* a machine without a store may still have ca_file */
    /* ca_file may be the server's own certificate, which is no authority */
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
    ERR_clear_error();
    if (ca_file != NULL && access(ca_file, R_OK) != 0)
        return bench_trouble_set(trouble, BENCH_FAILURE_CERTIFICATE, "%.100s: %s", ca_file, strerror(errno));
    if (ca_file != NULL && SSL_CTX_load_verify_file(context, ca_file) != 1) {
        ERR_clear_error();
        return bench_trouble_set(trouble, BENCH_FAILURE_CERTIFICATE, "%.100s: no certificates in this file", ca_file);
    }
    return 0;
}

static int open_tcp(const union sfu_address *address, int *fd)
{
    const int on = 1;
    socklen_t len = address->sa.sa_family == AF_INET6 ? sizeof address->in6 : sizeof address->in4;
    *fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return errno;
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(*fd, &address->sa, len) == 0 || errno == EINPROGRESS ? 0 : errno;
}

static bool answers(const union sfu_address *address)
{
    struct bench_tls probe = {.fd = -1};
    int error = open_tcp(address, &probe.fd);
    socklen_t len = sizeof error;
    bool ok = error == 0 && bench_tls_wait(&probe, EPOLLOUT, base_clock_us() + PROBE_US) &&
              getsockopt(probe.fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
    bench_tls_close(&probe);
    return ok;
}

static int look_up(struct bench_place *place, struct bench_trouble *trouble)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", place->url.port);
    int error = getaddrinfo(place->url.host, port, &hints, &found);
    if (error == EAI_NONAME || error == EAI_NODATA)
        return bench_trouble_set(trouble, BENCH_FAILURE_UNREACHABLE, "%.100s: name not found", place->url.host);
    if (error != 0)
        return bench_trouble_set(trouble, BENCH_FAILURE_UNREACHABLE, "%.100s: %s", place->url.host,
                                 error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    union sfu_address address;
    bool several = found->ai_next != NULL, chosen = false;
    for (const struct addrinfo *at = found; at != NULL && !chosen; at = at->ai_next) {
        if (at->ai_addrlen > sizeof address)
            continue;
        memset(&address, 0, sizeof address);
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        if (place->address.sa.sa_family == AF_UNSPEC)
            place->address = address;
        chosen = !several || answers(&address);
        if (chosen)
            place->address = address;
    }
    freeaddrinfo(found);
    return 0;
}

int bench_place_create(struct bench_place **out, const struct bench_endpoint *endpoint, struct bench_trouble *trouble)
{
    *out = NULL;
    if (trouble != NULL)
        memset(trouble, 0, sizeof *trouble);
    struct bench_place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "no memory");
    place->url = endpoint->url;
    place->insecure = endpoint->insecure;
    int err = look_up(place, trouble);
    if (err == 0 && endpoint->url.tls)
        err = make_context(place, endpoint->ca_file, trouble);
    if (err != 0) {
        bench_place_destroy(place);
        return err;
    }
    *out = place;
    return 0;
}

int bench_place_create_local(struct bench_place **out, uint16_t port)
{
    const struct bench_endpoint endpoint = {.url = {.tls = true, .host = "127.0.0.1", .port = port}, .insecure = true};
    return bench_place_create(out, &endpoint, NULL);
}

void bench_place_destroy(struct bench_place *place)
{
    if (place == NULL)
        return;
    SSL_CTX_free(place->context);
    free(place);
}

/* ---- connecting ----------------------------------------------------------------------------------------------- */

/* The name that the certificate must carry; no server name for an address (RFC 6066 section 3). */
static bool expect_name(SSL *ssl, const struct bench_place *place)
{
    union sfu_address unused;
    bool numeric = sfu_address_parse(&unused, place->url.host, 0) == 0;
    if (!numeric && SSL_set_tlsext_host_name(ssl, place->url.host) != 1)
        return false;
    if (place->insecure)
        return true;
    return numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), place->url.host) == 1
                   : SSL_set1_host(ssl, place->url.host) == 1;
}

int bench_tls_start(struct bench_tls *tls, const struct bench_place *place, struct bench_trouble *trouble)
{
    memset(tls, 0, sizeof *tls);
    tls->fd = -1;
    tls->wants = EPOLLOUT;
    bench_url_authority(&place->url, tls->name);
    int error = open_tcp(&place->address, &tls->fd);
    if (error != 0) {
        bench_tls_close(tls);
        return system_trouble(trouble, tls->name, error);
    }
    if (place->context == NULL)
        return 0;
    SSL *ssl = SSL_new(place->context);
    tls->ssl = ssl;
    if (ssl == NULL || SSL_set_fd(ssl, tls->fd) != 1 || !expect_name(ssl, place)) {
        ERR_clear_error();
        bench_tls_close(tls);
        return bench_trouble_set(trouble, BENCH_FAILURE_RESOURCES, "%.80s: OpenSSL gives no session", tls->name);
    }
    SSL_set_connect_state(ssl);
    return 0;
}

static int handshake_trouble(struct bench_tls *tls, int ssl_error, struct bench_trouble *trouble)
{
    int system_error = errno;
    long verified = SSL_get_verify_result(tls->ssl);
    unsigned long reason = ERR_peek_last_error();
    ERR_clear_error();
    if (verified != X509_V_OK && ssl_error == SSL_ERROR_SSL)
        return bench_trouble_set(trouble, BENCH_FAILURE_CERTIFICATE, "%.80s: certificate not trusted: %s", tls->name,
                                 X509_verify_cert_error_string(verified));
    if (ssl_error == SSL_ERROR_SSL) {
        const char *text = ERR_reason_error_string(reason);
        return bench_trouble_set(trouble, BENCH_FAILURE_UNREACHABLE, "%.80s: TLS failed: %s", tls->name,
                                 text != NULL ? text : "unknown reason");
    }
    return system_trouble(trouble, tls->name, ssl_error == SSL_ERROR_SYSCALL ? system_error : 0);
}

int bench_tls_advance(struct bench_tls *tls, struct bench_trouble *trouble)
{
    if (tls->connected)
        return 0;
    if (!tls->tcp_connected) {
        struct pollfd ready = {.fd = tls->fd, .events = POLLOUT};
        int error = 0;
        socklen_t len = sizeof error;
        if (poll(&ready, 1, 0) == 0)
            return BENCH_TLS_AGAIN;
        if (getsockopt(tls->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
            return system_trouble(trouble, tls->name, error != 0 ? error : errno);
        tls->tcp_connected = true;
    }
    if (tls->ssl != NULL) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_do_handshake(tls->ssl);
        if (result != 1) {
            int why = SSL_get_error(tls->ssl, result);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                return handshake_trouble(tls, why, trouble);
            tls->wants = why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
            return BENCH_TLS_AGAIN;
        }
    }
    tls->wants = EPOLLIN;
    tls->connected = true;
    return 0;
}

uint32_t bench_tls_wants(const struct bench_tls *tls)
{
    return tls->wants;
}

void bench_tls_close(struct bench_tls *tls)
{
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    if (tls->fd >= 0)
        close(tls->fd);
    tls->fd = -1;
}

/* ---- bytes ---------------------------------------------------------------------------------------------------- */

long bench_tls_read(struct bench_tls *tls, void *out, size_t max)
{
    size_t got = 0;
    if (tls->ssl == NULL) {
        ssize_t count = recv(tls->fd, out, max, MSG_DONTWAIT);
        if (count >= 0)
            return count;
        return errno == EAGAIN || errno == EINTR ? BENCH_TLS_AGAIN : BASE_ERR_IO;
    }
    ERR_clear_error();
    if (SSL_read_ex(tls->ssl, out, max, &got) == 1)
        return (long)got;
    int why = SSL_get_error(tls->ssl, 0);
    ERR_clear_error();
    switch (why) {
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
    if (tls->ssl == NULL) {
        ssize_t count = send(tls->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0)
            return count;
        return errno == EAGAIN || errno == EINTR ? 0 : BASE_ERR_IO;
    }
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, data, len, &written) == 1)
        return (long)written;
    int why = SSL_get_error(tls->ssl, 0);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : BASE_ERR_IO;
}

bool bench_tls_wait(const struct bench_tls *tls, uint32_t events, uint64_t until_us)
{
    struct pollfd ready = {.fd = tls->fd};
    ready.events = (short)(((events & EPOLLIN) ? POLLIN : 0) | ((events & EPOLLOUT) ? POLLOUT : 0));
    for (;;) {
        uint64_t now_us = base_clock_us();
        int wait_ms = now_us >= until_us ? 0 : (int)((until_us - now_us + 999) / 1000);
        int count = poll(&ready, 1, wait_ms);
        if (count > 0)
            return true;
        if (count == 0 && base_clock_us() >= until_us)
            return false;
        if (count < 0 && errno != EINTR)
            return false;
    }
}
