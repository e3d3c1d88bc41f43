/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/core/routes.h"

#include <jansson.h>
#include <string.h>

#include "sfu/sfu.h"
#include "signaling/metrics.h"

static void home_page(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    const struct plat_context *context = user;
    sig_static_files_serve(context->files, "/index.html", request, response);
}

/* Also for a name that no room can have: the page says so in the user's words. */
static void room_page(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    const struct plat_context *context = user;
    sig_static_files_serve(context->files, "/visio.html", request, response);
}

static void static_file(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    const struct plat_context *context = user;
    sig_static_files_serve(context->files, request->path, request, response);
}

static void settings(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    const struct plat_context *context = user;
    (void)request;
    sig_http_json(response, 200,
                  json_pack("{s:b, s:i, s:s}", "open_rooms", (int)context->config->open_rooms, "room_capacity",
                            (int)context->config->room_capacity, "version", CONSILIUM_VERSION));
}

static void ticket(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    struct plat_context *context = user;
    sig_open_rooms_ticket(&context->open_rooms, request, response);
}

static void health(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    const struct plat_context *context = user;
    uint64_t uptime_s = (request->now_us - context->started_us) / 1000000u;
    sig_http_json(response, context->stopping ? 503 : 200,
                  json_pack("{s:s, s:s, s:I}", "status", context->stopping ? "stopping" : "ok", "version",
                            CONSILIUM_VERSION, "uptime_s", (json_int_t)uptime_s));
}

static void metrics(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    static struct sfu_worker_stats workers[64]; /* one loop thread */
    const struct plat_context *context = user;
    struct sig_http_stats http;
    struct sig_metrics values = {.uptime_us = request->now_us - context->started_us,
                                 .tickets = sig_tickets_count(context->tickets),
                                 .workers = workers};
    sig_process_read(&values.process);
    sig_hub_stats(context->hub, &values.hub);
    sig_http_server_stats(context->http, &http);
    values.http_connections = http.connections;
    values.http_requests = http.requests;
    values.http_refused = http.refused;
    values.worker_count = sfu_worker_stats(context->sfu, workers, 64);
    if (sig_metrics_write(&response->owned, &response->body_bytes, &values)) {
        sig_http_error(response, 500, "internal", "no memory");
        return;
    }
    response->status = 200;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    response->body = response->owned;
}

/* A new route is a row here; modules will bring their own tables. */
static const struct sig_route routes[] = {
    {SIG_HTTP_GET, "/", SIG_PERMISSION_PUBLIC, home_page},
    {SIG_HTTP_GET, "/visio/{room}", SIG_PERMISSION_PUBLIC, room_page},
    {SIG_HTTP_GET, "/healthz", SIG_PERMISSION_PUBLIC, health},
    {SIG_HTTP_GET, "/metrics", SIG_PERMISSION_METRICS, metrics},
    {SIG_HTTP_GET, "/api/v1/visio/settings", SIG_PERMISSION_PUBLIC, settings},
    {SIG_HTTP_POST, "/api/v1/visio/open-rooms/{room}/tickets", SIG_PERMISSION_OPEN_ROOM, ticket},
    {SIG_HTTP_GET, "/*", SIG_PERMISSION_PUBLIC, static_file},
};

bool plat_metrics_allowed(const struct plat_config *config, const char *peer)
{
    if (peer && strncmp(peer, "::ffff:", 7) == 0 && strchr(peer, '.'))
        peer += 7;
    for (uint32_t i = 0; i < config->metrics_allow.count; i++) {
        const char *item = config->metrics_allow.items[i];
        if (strcmp(item, "any") == 0)
            return true;
        if (peer && strcmp(item, peer) == 0)
            return true;
        if (peer && strcmp(item, "loopback") == 0 && (strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0))
            return true;
    }
    return false;
}

static const char *denied(void *user, enum sig_permission permission, const struct sig_http_request *request)
{
    const struct plat_context *context = user;
    switch (permission) {
    case SIG_PERMISSION_PUBLIC:
        return NULL;
    case SIG_PERMISSION_METRICS:
        /* What a proxy on this machine passes on does not come from this machine. */
        return plat_metrics_allowed(context->config, request->forwarded ? NULL : request->peer) ? NULL : "forbidden";
    case SIG_PERMISSION_OPEN_ROOM:
        return context->config->open_rooms ? NULL : "open_rooms_off";
    default:
        return "forbidden";
    }
}

struct sig_router plat_router(struct plat_context *context)
{
    return (struct sig_router){
        .routes = routes, .route_count = sizeof routes / sizeof routes[0], .user = context, .denied = denied};
}
