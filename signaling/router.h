/* SPDX-License-Identifier: Apache-2.0 */
/**
 * router.h - which handler answers a request, and what it takes to be allowed to call it.
 *
 * One table: method, pattern, permission, handler. A pattern is a path in which one segment may be {name}, or that ends
 * in a star (anything below). The first row that matches wins. Pure: runs without a socket.
 */
#ifndef CONSILIUM_SIGNALING_ROUTER_H
#define CONSILIUM_SIGNALING_ROUTER_H

#include "signaling/http_message.h"

enum sig_permission {
    SIG_PERMISSION_PUBLIC,    /**< everybody */
    SIG_PERMISSION_METRICS,   /**< addresses that the operator named */
    SIG_PERMISSION_OPEN_ROOM, /**< everybody while open rooms are on */
    SIG_PERMISSION_COUNT
};

struct sig_route {
    enum sig_http_method method; /**< GET also answers HEAD */
    const char *pattern;
    enum sig_permission permission;
    void (*handle)(void *user, const struct sig_http_request *request, struct sig_http_response *response);
};

struct sig_router {
    const struct sig_route *routes;
    size_t route_count;
    void *user; /**< of the handlers and of `denied` */
    /** Returns NULL if the request has the permission, else the error code for the body ("forbidden"). */
    const char *(*denied)(void *user, enum sig_permission permission, const struct sig_http_request *request);
};

/** Answers the request: a handler, or 404, 405, or 403/404 for what is denied. *response is complete afterwards; the
 * caller frees response->owned. */
void sig_router_dispatch(const struct sig_router *router, struct sig_http_request *request,
                         struct sig_http_response *response);

/** A JSON error body {"code":…,"message":…}; both static storage. */
void sig_http_error(struct sig_http_response *response, int status, const char *code, const char *message);
/** `json` (may be NULL: 500) becomes the body and is consumed. */
struct json_t;
void sig_http_json(struct sig_http_response *response, int status, struct json_t *json);

#endif
