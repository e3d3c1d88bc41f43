/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP side without a socket: router, static files, open rooms, metrics. */
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "signaling/metrics.h"
#include "signaling/open_rooms.h"
#include "signaling/router.h"
#include "signaling/static_files.h"
#include "tests/support/test.h"

static struct sig_http_request request_for(enum sig_http_method method, const char *path)
{
    return (struct sig_http_request){.method = method,
                                     .path = path,
                                     .content_type = "",
                                     .accept_encoding = "",
                                     .if_none_match = "",
                                     .peer = "192.0.2.1",
                                     .body = ""};
}

/* ---- router ------------------------------------------------------------------------------------------------------ */

static char handled[96];

static void handle_thing(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    (void)user;
    snprintf(handled, sizeof handled, "thing %s", request->param);
    response->status = 200;
}

static void handle_rest(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    (void)user, (void)request;
    snprintf(handled, sizeof handled, "rest");
    response->status = 200;
}

static const char *denied(void *user, enum sig_permission permission, const struct sig_http_request *request)
{
    (void)user, (void)request;
    return permission == SIG_PERMISSION_PUBLIC ? NULL : permission == SIG_PERMISSION_METRICS ? "forbidden" : "off";
}

static const struct sig_route routes[] = {
    {SIG_HTTP_POST, "/things/{thing}/parts", SIG_PERMISSION_PUBLIC, handle_thing},
    {SIG_HTTP_GET, "/metrics", SIG_PERMISSION_METRICS, handle_thing},
    {SIG_HTTP_GET, "/open", SIG_PERMISSION_OPEN_ROOM, handle_thing},
    {SIG_HTTP_GET, "/*", SIG_PERMISSION_PUBLIC, handle_rest},
};

static int status_of(enum sig_http_method method, const char *path)
{
    struct sig_router router = {routes, sizeof routes / sizeof routes[0], NULL, denied};
    struct sig_http_request request = request_for(method, path);
    struct sig_http_response response;
    handled[0] = '\0';
    sig_router_dispatch(&router, &request, &response);
    free(response.owned);
    return response.status;
}

T_TEST(routes_are_found)
{
    T_EQ(status_of(SIG_HTTP_POST, "/things/a1/parts"), 200);
    T_STR_EQ(handled, "thing a1");
    T_EQ(status_of(SIG_HTTP_GET, "/things/a1/parts"), 405);
    T_EQ(status_of(SIG_HTTP_GET, "/things/a1/parts/x"), 200);
    T_STR_EQ(handled, "rest");
    T_EQ(status_of(SIG_HTTP_POST, "/things//parts"), 405);
    T_EQ(status_of(SIG_HTTP_POST, "/things/a/b/parts"), 405);
    T_EQ(status_of(SIG_HTTP_HEAD, "/x"), 200);
    T_EQ(status_of(SIG_HTTP_OTHER, "/x"), 405);
    T_EQ(status_of(SIG_HTTP_GET, "/metrics"), 403);
    T_STR_EQ(handled, "");
    T_EQ(status_of(SIG_HTTP_GET, "/open"), 404);
}

/* ---- static files ------------------------------------------------------------------------------------------------ */

static char folder[64];

static void put(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

static struct sig_static_files *make_folder(void)
{
    struct sig_static_files *files;
    char path[160];
    snprintf(folder, sizeof folder, "/tmp/consilium-static-XXXXXX");
    if (!mkdtemp(folder))
        return NULL;
    snprintf(path, sizeof path, "%s/assets", folder);
    mkdir(path, 0700);
    put("index.html", "<p>home");
    put("index.html.br", "compressed");
    put(".secret", "no");
    put("assets/a-1.js", "let a;");
    snprintf(path, sizeof path, "%s/link.html", folder);
    if (symlink("/etc/passwd", path) != 0)
        return NULL;
    return sig_static_files_load(&files, folder) == 0 ? files : NULL;
}

static void remove_folder(void)
{
    static const char *const names[] = {"index.html", "index.html.br", ".secret", "assets/a-1.js", "link.html"};
    char path[160];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/assets", folder);
    rmdir(path);
    rmdir(folder);
}

T_TEST(no_path_leads_out_of_the_folder)
{
    static const char *const paths[] = {
        "/../etc/passwd", "/..",      "/.",       "//index.html", "/assets/../index.html", "", "index.html",
        "/assets",        "/assets/", "/.secret", "/link.html",   "/index.html/"};
    struct sig_static_files *files = make_folder();
    T_CHECK(files != NULL);
    T_EQ(sig_static_files_count(files), 3);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct sig_http_request request = request_for(SIG_HTTP_GET, paths[i]);
        struct sig_http_response response = {0};
        sig_static_files_serve(files, paths[i], &request, &response);
        T_EQ(response.status, 404);
        free(response.owned);
    }
    sig_static_files_free(files);
    remove_folder();
}

T_TEST(files_with_types_caching_and_compression)
{
    struct sig_static_files *files = make_folder();
    struct sig_http_request request = request_for(SIG_HTTP_GET, "/index.html");
    struct sig_http_response response = {0};
    T_CHECK(files != NULL);
    sig_static_files_serve(files, "/index.html", &request, &response);
    T_EQ(response.status, 200);
    T_STR_EQ(response.content_type, "text/html; charset=utf-8");
    T_STR_EQ(response.cache_control, "no-cache");
    T_EQ(response.body_bytes, 7);
    T_CHECK(response.content_encoding == NULL);
    T_CHECK(strstr(response.policy, "default-src 'none'") != NULL);
    char etag[64];
    snprintf(etag, sizeof etag, "%s", response.etag);

    request.if_none_match = etag;
    sig_static_files_serve(files, "/index.html", &request, &response);
    T_EQ(response.status, 304);
    request.accept_encoding = "gzip, deflate, br;q=0.9";
    memset(&response, 0, sizeof response);
    sig_static_files_serve(files, "/index.html", &request, &response); /* another representation, another ETag */
    T_EQ(response.status, 200);
    T_STR_EQ(response.content_encoding, "br");
    T_STR_EQ(response.content_type, "text/html; charset=utf-8");
    request.accept_encoding = "br;q=0";
    memset(&response, 0, sizeof response);
    request.if_none_match = "";
    sig_static_files_serve(files, "/index.html", &request, &response);
    T_CHECK(response.content_encoding == NULL);
    memset(&response, 0, sizeof response);
    sig_static_files_serve(files, "/assets/a-1.js", &request, &response);
    T_STR_EQ(response.content_type, "text/javascript; charset=utf-8");
    T_CHECK(strstr(response.cache_control, "immutable") != NULL);
    T_CHECK(response.policy == NULL);
    sig_static_files_free(files);
    remove_folder();
    T_EQ(sig_static_files_load(&files, "/nonexistent"), BASE_ERR_IO);
    T_CHECK(files == NULL);
}

/* ---- open rooms -------------------------------------------------------------------------------------------------- */

static struct sig_open_rooms rooms;

/* The `code` of the answer, or "201". */
static const char *ask(const char *room, const char *body)
{
    static char code[32];
    struct sig_http_request request = request_for(SIG_HTTP_POST, "");
    struct sig_http_response response = {0};
    request.content_type = "application/json; charset=utf-8";
    request.body = body;
    request.body_bytes = strlen(body);
    snprintf(request.param, sizeof request.param, "%s", room);
    sig_open_rooms_ticket(&rooms, &request, &response);
    json_t *json = json_loads(response.body, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "code"));
    snprintf(code, sizeof code, "%s", text ? text : response.status == 201 ? "201" : "?");
    json_decref(json);
    free(response.owned);
    return code;
}

#define GOOD_BODY "{\"name\":\"Dr \u00c9lodie\",\"identity\":\"b2b0c6c4e1f04f0f9a3c0d1e2f3a4b5c\"}"

T_TEST(open_room_tickets)
{
    T_EQ(sig_tickets_create(&rooms.tickets, 2), 0);
    sig_open_rooms_init(&rooms, rooms.tickets, 35);
    T_STR_EQ(ask("demo", GOOD_BODY), "201");
    T_STR_EQ(ask("de", GOOD_BODY), "room_invalid");
    T_STR_EQ(ask("Demo", GOOD_BODY), "room_invalid");
    T_STR_EQ(ask("demo", ""), "bad_json");
    T_STR_EQ(ask("demo", "[]"), "bad_json");
    T_STR_EQ(ask("demo", "{\"identity\":\"b2b0c6c4e1f04f0f9a3c0d1e2f3a4b5c\"}"), "name_invalid");
    T_STR_EQ(ask("demo", "{\"name\":\"  \",\"identity\":\"b2b0c6c4e1f04f0f9a3c0d1e2f3a4b5c\"}"), "name_invalid");
    T_STR_EQ(ask("demo", "{\"name\":\"a\\nb\",\"identity\":\"b2b0c6c4e1f04f0f9a3c0d1e2f3a4b5c\"}"), "name_invalid");
    T_STR_EQ(ask("demo", "{\"name\":\"a\",\"identity\":\"B2b0c6c4e1f04f0f9a3c0d1e2f3a4b5c\"}"), "identity_invalid");
    T_STR_EQ(ask("demo", GOOD_BODY), "201");
    T_STR_EQ(ask("demo", GOOD_BODY), "busy");
    sig_tickets_destroy(rooms.tickets);
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

T_TEST(metrics_are_prometheus_text)
{
    struct sfu_worker_stats workers[2] = {{.engine = {.rooms = 3}}, {.cpu_us = 17}};
    struct sig_metrics metrics = {.uptime_us = 5000000,
                                  .process = {.cpu_us = 3000007, .resident_bytes = 4096, .open_fds = 5},
                                  .hub = {.joins = 4},
                                  .worker_count = 2,
                                  .workers = workers};
    char *text;
    size_t len;
    T_EQ(sig_metrics_write(&text, &len, &metrics), 0);
    T_EQ(strlen(text), len);
    T_CHECK(strstr(text, "# TYPE consilium_joins_total counter\nconsilium_joins_total 4\n") != NULL);
    T_CHECK(strstr(text, "consilium_rooms{worker=\"0\"} 3\nconsilium_rooms{worker=\"1\"} 0\n") != NULL);
    T_CHECK(strstr(text, "consilium_worker_cpu_microseconds_total{worker=\"1\"} 17\n") != NULL);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        T_CHECK(strncmp(line, "# HELP consilium_", 17) == 0 || strncmp(line, "# TYPE consilium_", 17) == 0 ||
                strncmp(line, "consilium_", 10) == 0 || strncmp(line, "# HELP process_", 15) == 0 ||
                strncmp(line, "# TYPE process_", 15) == 0 || strncmp(line, "process_", 8) == 0);
    T_CHECK(strstr(text, "\nprocess_cpu_seconds_total 3.000007\n") != NULL);
    T_CHECK(strstr(text, "\nprocess_resident_memory_bytes 4096\n") != NULL);
    T_CHECK(strstr(text, "\nprocess_open_fds 5\n") != NULL);
    free(text);
}

T_TEST(the_process_is_measured)
{
    struct sig_process before, after;
    sig_process_read(&before);
    T_CHECK(before.resident_bytes > 100000);
    T_CHECK(before.open_fds >= 3 && before.open_fds < before.max_fds);
    FILE *file = fopen("/dev/null", "r");
    sig_process_read(&after);
    T_EQ(after.open_fds, before.open_fds + 1);
    T_CHECK(after.cpu_us >= before.cpu_us);
    fclose(file);
}

T_MAIN(T_CASE(routes_are_found), T_CASE(no_path_leads_out_of_the_folder),
       T_CASE(files_with_types_caching_and_compression), T_CASE(open_room_tickets), T_CASE(metrics_are_prometheus_text),
       T_CASE(the_process_is_measured))
