/* SPDX-License-Identifier: Apache-2.0 */
#include "signaling/router.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Does `path` match? A {…} segment goes to `param`. */
static bool matches(const char *pattern, const char *path, char param[SIG_HTTP_PARAM_MAX])
{
    while (*pattern) {
        if (*pattern == '*')
            return true;
        if (*pattern == '{') {
            size_t len = strcspn(path, "/");
            if (len == 0 || len >= SIG_HTTP_PARAM_MAX)
                return false;
            memcpy(param, path, len);
            param[len] = '\0';
            path += len;
            pattern += strcspn(pattern, "}") + 1;
            continue;
        }
        if (*pattern++ != *path++)
            return false;
    }
    return *path == '\0';
}

static bool answers(const struct sig_route *route, enum sig_http_method method)
{
    return route->method == method || (route->method == SIG_HTTP_GET && method == SIG_HTTP_HEAD);
}

void sig_router_dispatch(const struct sig_router *router, struct sig_http_request *request,
                         struct sig_http_response *response)
{
    const struct sig_route *other = NULL;
    *response = (struct sig_http_response){.status = 500, .cache_control = "no-store"};
    for (size_t i = 0; i < router->route_count; i++) {
        const struct sig_route *route = &router->routes[i];
        request->param[0] = '\0';
        if (!matches(route->pattern, request->path, request->param))
            continue;
        if (!answers(route, request->method)) {
            other = route;
            continue;
        }
        if (other && strchr(route->pattern, '*'))
            break; /* the path has a row of its own, with another method */
        const char *code = router->denied(router->user, route->permission, request);
        if (!code)
            route->handle(router->user, request, response);
        else
            sig_http_error(response, strcmp(code, "forbidden") == 0 ? 403 : 404, code, "not available here");
        return;
    }
    if (other || request->method == SIG_HTTP_OTHER) {
        sig_http_error(response, 405, "method_not_allowed", "this path takes another method");
        response->allow = other && other->method == SIG_HTTP_POST ? "POST" : "GET, HEAD";
        return;
    }
    sig_http_error(response, 404, "not_found", "no such page");
}

void sig_http_json(struct sig_http_response *response, int status, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    response->status = text ? status : 500;
    response->content_type = text ? "application/json" : NULL;
    response->body = response->owned = text;
    response->body_bytes = text ? strlen(text) : 0;
}

void sig_http_error(struct sig_http_response *response, int status, const char *code, const char *message)
{
    sig_http_json(response, status, json_pack("{s:s, s:s}", "code", code, "message", message));
}
