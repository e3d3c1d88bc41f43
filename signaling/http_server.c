/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/http_server.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "signaling/http_exchange.h"
#include "signaling/websocket.h"

enum { REQUEST_SECONDS = 30, HEADER_MAX_BYTES = 16384, WAIT_MAX_US = 60 * 1000000 };

/* How many connections one address has. */
struct address_count {
    uint64_t key;
    uint32_t count;
};

struct sig_http_server {
    struct sig_http_server_config config;
    struct lws_context *context;
    struct lws_vhost *vhost;
    lws_sorted_usec_list_t timer;
    bool refusing;
    uint64_t key[2];
    struct base_map by_address; /* struct address_count */
    struct base_map by_wsi;     /* struct address_count of a connection */
    struct sig_http_stats stats;
};

/* ---- connection limits ---------------------------------------------------------------------------------------- */

/* The peer's address without its port, as a keyed hash; 0 if the socket is gone already. */
static uint64_t address_key(const struct sig_http_server *server, int fd)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    } peer;
    socklen_t len = sizeof peer;
    memset(&peer, 0, sizeof peer);
    if (getpeername(fd, &peer.sa, &len) != 0)
        return 0;
    if (peer.sa.sa_family == AF_INET)
        return base_siphash(&peer.in4.sin_addr, sizeof peer.in4.sin_addr, server->key) | 1;
    return base_siphash(&peer.in6.sin6_addr, 8, server->key) | 1; /* a /64 is one neighbour */
}

static bool may_connect(struct sig_http_server *server, int fd)
{
    uint64_t key = address_key(server, fd);
    const struct address_count *count = base_map_get(&server->by_address, key);
    if (!server->refusing && key && server->stats.connections < server->config.connections_max &&
        (!count || count->count < server->config.connections_per_address_max))
        return true;
    server->stats.refused++;
    return false;
}

static int connected(struct sig_http_server *server, struct lws *wsi)
{
    uint64_t key = address_key(server, lws_get_socket_fd(wsi)), name = (uint64_t)(uintptr_t)wsi;
    struct address_count *count = base_map_get(&server->by_address, key);
    if (!key || base_map_get(&server->by_wsi, name))
        return 0;
    if (!count) {
        count = calloc(1, sizeof *count);
        if (!count)
            return -1;
        count->key = key;
        if (base_map_put(&server->by_address, key, count)) {
            free(count);
            return -1;
        }
    }
    if (base_map_put(&server->by_wsi, name, count)) {
        if (count->count == 0)
            free(base_map_remove(&server->by_address, key));
        return -1;
    }
    count->count++;
    server->stats.connections++;
    return 0;
}

static void disconnected(struct sig_http_server *server, struct lws *wsi)
{
    struct address_count *count = base_map_remove(&server->by_wsi, (uint64_t)(uintptr_t)wsi);
    if (!count)
        return;
    server->stats.connections--;
    if (--count->count == 0)
        free(base_map_remove(&server->by_address, count->key));
}

/* ---- callbacks ------------------------------------------------------------------------------------------------ */

static int refuse_upgrade(struct lws *wsi, int status)
{
    return lws_return_http_status(wsi, (unsigned)status, NULL) < 0 ? -1 : 1;
}

static int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct sig_http_server *server = lws_context_user(lws_get_context(wsi));
    int status;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return may_connect(server, (int)(intptr_t)in) ? 0 : 1;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        return connected(server, wsi);
    case LWS_CALLBACK_WSI_DESTROY:
        disconnected(server, wsi);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        status = strcmp(in, "websocket") == 0 ? sig_websocket_check_upgrade(wsi) : 400;
        return status ? refuse_upgrade(wsi, status) : 0;
    case LWS_CALLBACK_ESTABLISHED: /* a WebSocket without subprotocol */
        return -1;
    case LWS_CALLBACK_HTTP:
        server->stats.requests++;
        return sig_http_exchange_begin(user, wsi, &server->config.router, base_clock_us(), in, len);
    case LWS_CALLBACK_HTTP_BODY:
        return sig_http_exchange_body(user, wsi, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return sig_http_exchange_complete(user, wsi, &server->config.router, base_clock_us());
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return sig_http_exchange_writable(user, wsi);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        sig_http_exchange_end(user);
        return 0;
    default:
        return 0;
    }
}

static int visio_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct sig_http_server *server = lws_context_user(lws_get_context(wsi));
    if (reason == LWS_CALLBACK_WSI_DESTROY) {
        disconnected(server, wsi);
        return 0;
    }
    return sig_websocket_callback(server->config.hub, base_clock_us(), wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
    {"http", http_callback, sizeof(struct sig_http_exchange), 0, 0, NULL, 0},
    {SIG_WEBSOCKET_PROTOCOL, visio_callback, sizeof(struct sig_websocket), 16384, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* ---- creation ------------------------------------------------------------------------------------------------- */

/* libwebsockets only says that it could not bind: try first, for a reason to show. */
static int try_port(const char *address, uint16_t port)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *found;
    char service[8];
    int on = 1;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    if (getaddrinfo(address, service, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return BASE_ERR_IO;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = fd < 0 ? BASE_ERR_IO : BASE_OK;
    if (!err && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                 bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0))
        err = errno == EADDRINUSE ? BASE_ERR_EXISTS : BASE_ERR_IO;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    errno = saved;
    return err;
}

static void library_log(int level, const char *line)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\r\n"), line);
    if (level == LLL_ERR)
        base_log_warn("libwebsockets", "message=\"%s\"", text);
    else
        base_log_debug("libwebsockets", "message=\"%s\"", text);
}

/* libwebsockets calls what is due before it waits, not after: a timer that ran out between its setting and the wait
   (a deadline that had passed already, a thread that was not scheduled in time) would be gone, and the wait without an
   end. So it ends the wait that follows. */
static void on_timer(lws_sorted_usec_list_t *timer)
{
    const struct sig_http_server *server = lws_container_of(timer, struct sig_http_server, timer);
    lws_cancel_service(server->context);
}

static int open_library(struct sig_http_server *server)
{
    const struct sig_http_server_config *config = &server->config;
    bool every_family = strcmp(config->listen_address, "::") == 0;
    bool every_address = every_family || strcmp(config->listen_address, "0.0.0.0") == 0;
    bool v6 = strchr(config->listen_address, ':') != NULL;
    struct lws_context_creation_info info = {
        .port = config->port,
        .iface = every_address ? NULL : config->listen_address,
        .protocols = protocols,
        .extensions = NULL,
        .alpn = "http/1.1",
        .ssl_cert_filepath = config->certificate_path,
        .ssl_private_key_filepath = config->key_path,
        .ssl_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION),
        .max_http_header_data = HEADER_MAX_BYTES,
        .max_http_header_pool = (unsigned short)config->connections_max, /* else 256 half headers keep everybody out */
        .timeout_secs = REQUEST_SECONDS,
        .keepalive_timeout = REQUEST_SECONDS,
        .user = server,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_EXPLICIT_VHOSTS | (v6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, library_log);
    server->context = lws_create_context(&info);
    if (!server->context)
        return BASE_ERR_NOMEM;
    server->vhost = lws_create_vhost(server->context, &info);
    return server->vhost ? BASE_OK : BASE_ERR_CRYPTO; /* the port was free a moment ago */
}

int sig_http_server_create(struct sig_http_server **out, const struct sig_http_server_config *config)
{
    *out = NULL;
    int err = try_port(config->listen_address, config->port);
    if (err)
        return err;
    struct sig_http_server *server = calloc(1, sizeof *server);
    if (!server)
        return BASE_ERR_NOMEM;
    server->config = *config;
    base_random_bytes(server->key, sizeof server->key);
    err = base_map_init(&server->by_address, 64, server->key[0]);
    if (!err)
        err = base_map_init(&server->by_wsi, 64, 0);
    if (!err)
        err = open_library(server);
    if (err) {
        sig_http_server_destroy(server);
        return err;
    }
    *out = server;
    return BASE_OK;
}

void sig_http_server_destroy(struct sig_http_server *server)
{
    if (!server)
        return;
    if (server->context)
        lws_context_destroy(server->context);
    size_t cursor = 0;
    struct address_count *count;
    while ((count = base_map_next(&server->by_address, &cursor, NULL)) != NULL)
        free(count);
    base_map_clear(&server->by_address);
    base_map_clear(&server->by_wsi);
    free(server);
}

uint16_t sig_http_server_port(const struct sig_http_server *server)
{
    return (uint16_t)lws_get_vhost_listen_port(server->vhost);
}

void sig_http_server_turn(struct sig_http_server *server)
{
    sig_http_server_turn_within(server, WAIT_MAX_US);
}

void sig_http_server_turn_within(struct sig_http_server *server, uint64_t wait_max_us)
{
    uint64_t now_us = base_clock_us();
    uint64_t deadline_us = server->config.poll(server->config.user, now_us);
    uint64_t wait_us = deadline_us <= now_us ? 1 : deadline_us - now_us;
    if (wait_us > wait_max_us)
        wait_us = wait_max_us;
    lws_sul_schedule(server->context, 0, &server->timer, on_timer, (lws_usec_t)wait_us);
    lws_service(server->context, 0);
}

void sig_http_server_wake(struct sig_http_server *server)
{
    lws_cancel_service(server->context);
}

void sig_http_server_stop_accepting(struct sig_http_server *server)
{
    server->refusing = true;
}

void sig_http_server_stats(const struct sig_http_server *server, struct sig_http_stats *out)
{
    *out = server->stats;
}
