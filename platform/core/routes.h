/* SPDX-License-Identifier: Apache-2.0 */
/**
 * routes.h - the table of the server's HTTP routes, and the handlers that belong to no module.
 */
#ifndef CONSILIUM_PLATFORM_CORE_ROUTES_H
#define CONSILIUM_PLATFORM_CORE_ROUTES_H

#include "platform/core/config.h"
#include "signaling/http_server.h"
#include "signaling/open_rooms.h"
#include "signaling/static_files.h"

/** What the handlers read; lives as long as the server. */
struct plat_context {
    const struct plat_config *config;
    struct sig_static_files *files;
    struct sig_tickets *tickets;
    struct sig_hub *hub;
    struct sfu *sfu;
    struct sig_http_server *http;
    struct sig_open_rooms open_rooms;
    uint64_t started_us;
    bool stopping;
};

/** The router over the whole table, for `context`. */
struct sig_router plat_router(struct plat_context *context);
/** May a client with this numeric address read /metrics? NULL: its address is not known (a proxy asks for it). */
bool plat_metrics_allowed(const struct plat_config *config, const char *peer);

#endif
