/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "platform/core/data_folder.h"
#include "platform/core/db.h"
#include "platform/core/routes.h"
#include "platform/core/tls_certificate.h"
#include "sfu/sfu.h"
#include "signaling/websocket.h"

enum { TICKETS_MAX = 4096, GOODBYE_US = 2000000, DRAIN_MS = 300 };

/* Everything that is open, in the order of opening. */
struct server {
    const struct plat_config *config;
    int lock_fd;
    struct plat_db *db;
    struct plat_context context;
    char certificate[PLAT_CONFIG_PATH_MAX], key[PLAT_CONFIG_PATH_MAX];
};

static _Atomic(struct sig_http_server *) running; /* for _stop and the workers' notify */
static atomic_bool stop_requested;

void plat_server_stop(void)
{
    struct sig_http_server *http = atomic_load(&running);
    atomic_store(&stop_requested, true);
    if (http)
        sig_http_server_wake(http);
}

static void notify(void *user)
{
    struct sig_http_server *http = atomic_load(&running);
    (void)user;
    if (http)
        sig_http_server_wake(http);
}

__attribute__((format(printf, 2, 3))) static enum plat_exit fail(enum plat_exit code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("consilium: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

static void data_path(const struct server *server, const char *name, char out[PLAT_CONFIG_PATH_MAX])
{
    snprintf(out, PLAT_CONFIG_PATH_MAX, "%.950s/%s", server->config->data, name);
}

/* The folder exists, is ours alone, and no other server uses it. */
static enum plat_exit open_data(struct server *server)
{
    const char *folder = server->config->data;
    char path[PLAT_CONFIG_PATH_MAX], error[PLAT_DATA_FOLDER_ERROR_MAX] = "";
    int err = plat_data_folder_prepare(folder, error);
    if (err)
        return fail(PLAT_EXIT_DATA, "%s%s%s", error, err == BASE_ERR_IO ? ": " : "",
                    err == BASE_ERR_IO ? strerror(errno) : "");
    data_path(server, "lock", path);
    server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (server->lock_fd < 0)
        return fail(PLAT_EXIT_DATA, "cannot write into the data folder %s: %s", folder, strerror(errno));
    if (flock(server->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return fail(PLAT_EXIT_DATA, "the data folder %s is used by another server", folder);
    return PLAT_EXIT_OK;
}

static enum plat_exit open_db(struct server *server)
{
    char path[PLAT_CONFIG_PATH_MAX], error[PLAT_DB_ERROR_MAX] = "", now[32], id[PLAT_UUID_CHARS + 1];
    data_path(server, "consilium.db", path);
    plat_time_text(base_clock_wall_us(), now);
    int err = plat_db_open(&server->db, path, error);
    if (!err)
        err = plat_db_migrate(server->db, plat_core_migrations, plat_core_migration_count, now, error);
    if (!err)
        err = plat_db_instance_id(server->db, base_clock_wall_us(), id);
    if (err)
        return fail(PLAT_EXIT_RESOURCES, "cannot use the database %s: %s", path, error[0] ? error : base_err_name(err));
    base_log_info("database", "instance=%s", id);
    return PLAT_EXIT_OK;
}

static enum plat_exit open_certificate(struct server *server)
{
    const struct plat_config *config = server->config;
    const char *addresses[PLAT_CONFIG_LIST_MAX];
    bool made = false;
    int err;
    if (config->tls_certificate[0]) {
        snprintf(server->certificate, sizeof server->certificate, "%s", config->tls_certificate);
        snprintf(server->key, sizeof server->key, "%s", config->tls_key);
        err = plat_tls_certificate_check(server->certificate, server->key);
    } else {
        data_path(server, "tls-certificate.pem", server->certificate);
        data_path(server, "tls-key.pem", server->key);
        for (uint32_t i = 0; i < config->public_address.count; i++)
            addresses[i] = config->public_address.items[i];
        err = plat_tls_certificate_ensure(server->certificate, server->key, addresses, config->public_address.count,
                                          &made);
    }
    if (err)
        return fail(PLAT_EXIT_RESOURCES, "cannot use the TLS certificate %s with the key %s: %s", server->certificate,
                    server->key, err == BASE_ERR_IO ? strerror(errno) : "they do not load or do not belong together");
    if (made)
        base_log_info("certificate_made", "path=\"%s\"", server->certificate);
    return PLAT_EXIT_OK;
}

static enum plat_exit open_files(struct server *server)
{
    const char *folder = server->config->static_dir;
    int err = sig_static_files_load(&server->context.files, folder);
    if (err)
        return fail(PLAT_EXIT_RESOURCES, "cannot read the web client in %s: %s", folder,
                    err == BASE_ERR_IO ? strerror(errno) : base_err_name(err));
    if (!sig_static_files_has(server->context.files, "/index.html") ||
        !sig_static_files_has(server->context.files, "/visio.html"))
        return fail(PLAT_EXIT_RESOURCES, "no index.html and visio.html in %s: is the web client built?", folder);
    return PLAT_EXIT_OK;
}

static enum plat_exit open_media(struct server *server)
{
    const struct plat_config *config = server->config;
    struct sfu_config media = {
        .worker_count = (uint32_t)config->workers,
        .listen_address = config->listen,
        .udp_port = (uint16_t)config->media_port,
        .tcp_port = (uint16_t)config->media_tcp_port,
        .tcp_enabled = config->media_tcp,
        .advertise_loopback = config->advertise_loopback,
        .public_address_count = config->public_address.count,
        .socket_buffer_bytes = (uint32_t)config->socket_buffer,
        .gso = config->gso,
        .coalesce_us = (uint32_t)config->coalesce_us,
        .notify = notify,
    };
    for (uint32_t i = 0; i < config->public_address.count; i++)
        media.public_addresses[i] = config->public_address.items[i];
    errno = 0;
    int err = sfu_create(&server->context.sfu, &media);
    if (!err)
        return PLAT_EXIT_OK;
    if (err == BASE_ERR_IO && errno == EADDRINUSE)
        return fail(PLAT_EXIT_PORT_IN_USE,
                    "a media port is in use: UDP %u (and the next, one a worker) or TCP %u; choose others with "
                    "--media-port and --media-tcp-port",
                    (unsigned)config->media_port, (unsigned)config->media_tcp_port);
    return fail(PLAT_EXIT_OTHER, "cannot start the media engine: %s",
                err == BASE_ERR_IO && errno ? strerror(errno) : base_err_name(err));
}

/* Events of the engine first, then what is due. */
static uint64_t poll_all(void *user, uint64_t now_us)
{
    struct server *server = user;
    struct sfu_event event;
    while (sfu_take_event(server->context.sfu, &event))
        sig_hub_on_sfu_event(server->context.hub, now_us, &event);
    sig_hub_poll(server->context.hub, now_us);
    return sig_hub_deadline_us(server->context.hub);
}

static enum plat_exit open_http(struct server *server)
{
    const struct plat_config *config = server->config;
    struct plat_context *context = &server->context;
    struct sig_hub_config hub = {
        .port = sig_sfu_port_of(context->sfu), .output = sig_websocket_output(), .wall_us = base_clock_wall_us};
    if (sig_tickets_create(&context->tickets, TICKETS_MAX))
        return fail(PLAT_EXIT_OTHER, "no memory");
    hub.tickets = context->tickets;
    if (sig_hub_create(&context->hub, &hub))
        return fail(PLAT_EXIT_OTHER, "no memory");
    sig_open_rooms_init(&context->open_rooms, context->tickets, (uint32_t)config->room_capacity);
    struct sig_http_server_config http = {
        .listen_address = config->listen,
        .port = (uint16_t)config->port,
        .certificate_path = server->certificate,
        .key_path = server->key,
        .connections_max = (uint32_t)config->connections,
        .connections_per_address_max = (uint32_t)config->connections_per_address,
        .router = plat_router(context),
        .hub = context->hub,
        .poll = poll_all,
        .user = server,
    };
    int err = sig_http_server_create(&context->http, &http);
    if (err == BASE_ERR_EXISTS)
        return fail(PLAT_EXIT_PORT_IN_USE, "port %u is in use; choose another with --port", (unsigned)config->port);
    if (err == BASE_ERR_IO)
        return fail(PLAT_EXIT_OTHER, "cannot listen on %s port %u: %s", config->listen, (unsigned)config->port,
                    strerror(errno));
    if (err)
        return fail(PLAT_EXIT_OTHER, "cannot start the HTTPS server: %s", base_err_name(err));
    return PLAT_EXIT_OK;
}

static void announce(const struct server *server)
{
    unsigned port = sig_http_server_port(server->context.http);
    const char *host = "localhost";
    if (strcmp(server->config->listen, "0.0.0.0") != 0 && strcmp(server->config->listen, "::") != 0)
        host = server->config->listen;
    bool brackets = strchr(host, ':') != NULL;
    printf("Consilium " CONSILIUM_VERSION "\n  address    https://%s%s%s:%u\n", brackets ? "[" : "", host,
           brackets ? "]" : "", port);
    if (server->config->open_rooms)
        printf("  open room  https://%s%s%s:%u/visio/demo\n", brackets ? "[" : "", host, brackets ? "]" : "", port);
    fflush(stdout);
    base_log_info("listening", "port=%u address=%s", port, server->config->listen);
}

static void serve(struct server *server)
{
    struct plat_context *context = &server->context;
    struct sig_hub_stats stats;
    while (!atomic_load(&stop_requested))
        sig_http_server_turn(context->http);
    base_log_info("stopping", "%s", "");
    context->stopping = true;
    uint64_t end_us = base_clock_us() + GOODBYE_US;
    sig_http_server_stop_accepting(context->http);
    sig_hub_shutdown(context->hub, base_clock_us());
    for (;;) {
        sig_hub_stats(context->hub, &stats);
        if (stats.sockets == 0 || base_clock_us() >= end_us)
            break;
        sig_http_server_turn_within(context->http, 50000);
    }
    sfu_stop(context->sfu, DRAIN_MS);
}

static void close_all(struct server *server)
{
    struct plat_context *context = &server->context;
    atomic_store(&running, NULL);
    sig_http_server_destroy(context->http); /* the hub hears of its sockets' end: it goes after */
    sig_hub_destroy(context->hub);
    sig_tickets_destroy(context->tickets);
    if (context->sfu)
        sfu_destroy(context->sfu);
    sig_static_files_free(context->files);
    plat_db_close(server->db);
    if (server->lock_fd >= 0)
        close(server->lock_fd);
}

enum plat_exit plat_server_run(const struct plat_config *config)
{
    static enum plat_exit (*const steps[])(struct server *) = {open_data,  open_db,    open_certificate,
                                                               open_files, open_media, open_http};
    static struct server server;
    enum plat_exit code = PLAT_EXIT_OK;
    memset(&server, 0, sizeof server);
    server.config = config;
    server.lock_fd = -1;
    server.context.config = config;
    server.context.started_us = base_clock_us();
    for (size_t i = 0; code == PLAT_EXIT_OK && i < sizeof steps / sizeof steps[0]; i++)
        code = steps[i](&server);
    if (code == PLAT_EXIT_OK) {
        atomic_store(&running, server.context.http);
        announce(&server);
        serve(&server);
    } else if (server.context.sfu) {
        sfu_stop(server.context.sfu, 0);
    }
    close_all(&server);
    base_log_info("stopped", "code=%d", (int)code);
    return code;
}
