/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS server behind its socket, on 127.0.0.1: requests that two servers on one way could read differently, and
 * strangers who hold what others need. The client is a thread of its own; each read is bounded in time. */
#include "signaling/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "platform/core/tls_certificate.h"
#include "tests/support/test.h"

#define POST_2 "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
#define HALF   "GET /get HTTP/1.1\r\nHost: "

enum { READ_SECONDS = 5, HEADERS_HELD = 270 };

static struct sig_http_server *server;
static char folder[] = "/tmp/consilium-http-XXXXXX", certificate[64], key[64];

/* ---- the server ---------------------------------------------------------------------------------------------------
 */

static void handle(void *user, const struct sig_http_request *request, struct sig_http_response *response)
{
    (void)user, (void)request;
    sig_http_error(response, 200, "answer", "here it is");
}

static const char *allow_all(void *user, enum sig_permission permission, const struct sig_http_request *request)
{
    (void)user, (void)permission, (void)request;
    return NULL;
}

static const struct sig_route routes[] = {
    {SIG_HTTP_GET, "/get", SIG_PERMISSION_PUBLIC, handle},
    {SIG_HTTP_POST, "/post", SIG_PERMISSION_PUBLIC, handle},
};

static bool overdue;

static uint64_t poll_nothing(void *user, uint64_t now_us)
{
    (void)user;
    return overdue ? now_us : now_us + 1000000;
}

static void start(int *t_failed)
{
    bool made;
    if (!certificate[0]) {
        T_CHECK(mkdtemp(folder) != NULL);
        snprintf(certificate, sizeof certificate, "%s/c.pem", folder);
        snprintf(key, sizeof key, "%s/k.pem", folder);
        T_EQ(plat_tls_certificate_ensure(certificate, key, NULL, 0, &made), 0);
    }
    struct sig_http_server_config config = {
        .listen_address = "127.0.0.1",
        .certificate_path = certificate,
        .key_path = key,
        .connections_max = 1000,
        .connections_per_address_max = 500,
        .router = {routes, sizeof routes / sizeof routes[0], NULL, allow_all},
        .poll = poll_nothing,
    };
    T_EQ(sig_http_server_create(&server, &config), 0);
}

/* ---- a client -----------------------------------------------------------------------------------------------------
 */

struct visit {
    const char *request;
    size_t held; /* connections that say half a header before */
    char answer[8192];
    bool connected;
    bool ended; /* by the server, rather than by the client's patience */
    atomic_bool done;
};

static SSL *dial(SSL_CTX *context)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(sig_http_server_port(server))};
    struct timeval bound = {.tv_sec = READ_SECONDS};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = SSL_new(context);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    if (connect(fd, (const struct sockaddr *)(const void *)&to, sizeof to) == 0 && SSL_set_fd(ssl, fd) == 1 &&
        SSL_connect(ssl) == 1)
        return ssl;
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void hang_up(SSL *ssl)
{
    if (!ssl)
        return;
    int fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    close(fd);
}

static void *run_visit(void *user)
{
    static SSL *held[HEADERS_HELD];
    struct visit *visit = user;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    size_t used = 0;
    for (size_t i = 0; i < visit->held; i++) {
        held[i] = dial(context);
        if (held[i])
            SSL_write(held[i], HALF, (int)sizeof HALF - 1);
    }
    SSL *ssl = dial(context);
    visit->connected = ssl != NULL;
    if (ssl && SSL_write(ssl, visit->request, (int)strlen(visit->request)) > 0) {
        int n = 0;
        errno = 0;
        while (used < sizeof visit->answer - 1 &&
               (n = SSL_read(ssl, visit->answer + used, (int)(sizeof visit->answer - 1 - used))) > 0)
            used += (size_t)n;
        visit->ended =
            SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ && SSL_get_error(ssl, n) != SSL_ERROR_NONE && errno != EAGAIN;
    }
    visit->answer[used] = '\0';
    hang_up(ssl);
    for (size_t i = 0; i < visit->held; i++)
        hang_up(held[i]);
    SSL_CTX_free(context);
    atomic_store(&visit->done, true);
    return NULL;
}

static void visit_server(struct visit *visit)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_visit, visit) != 0)
        return;
    while (!atomic_load(&visit->done))
        sig_http_server_turn_within(server, 5000);
    pthread_join(thread, NULL);
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

#define INNER "GET /get HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" /* 49 bytes */

/* The request gets one answer of `status`, whole, and what its sender hid in the body is not taken for a request. */
static void refused(int *t_failed, const char *request, const char *status)
{
    static struct visit visit;
    T_CALL(start(t_failed));
    visit = (struct visit){.request = request};
    visit_server(&visit);
    sig_http_server_destroy(server);
    T_CHECK(visit.connected);
    T_EQ(count(visit.answer, "HTTP/1."), 1);
    T_CHECK(strncmp(visit.answer + 9, status, 3) == 0);
    T_EQ(count(visit.answer, "nosniff"), 1);
    T_EQ(count(visit.answer, "\"message\":"), 1);
}

/* ---- cases --------------------------------------------------------------------------------------------------------
 */

T_TEST(a_body_where_none_belongs_is_refused)
{
    T_CALL(refused(t_failed, "GET /get HTTP/1.1\r\nHost: x\r\nContent-Length: 49\r\n\r\n" INNER, "400"));
    T_CALL(refused(t_failed, "PUT /get HTTP/1.1\r\nHost: x\r\nContent-Length: 49\r\n\r\n" INNER, "400"));
}

T_TEST(chunks_are_refused)
{
    T_CALL(
        refused(t_failed, "GET /get HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER, "501"));
    T_CALL(refused(t_failed,
                   "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "0\r\n\r\n" INNER,
                   "501"));
}

T_TEST(an_unclear_length_is_refused)
{
    T_CALL(refused(t_failed, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 49\r\n\r\n" INNER,
                   "400"));
    T_CALL(refused(t_failed, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" INNER, "400"));
    T_CALL(refused(t_failed, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: +49\r\n\r\n" INNER, "400"));
}

T_TEST(a_large_body_is_refused_in_words)
{
    T_CALL(refused(t_failed, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", "413"));
}

/* How many whole answers came; the server ends the connection. */
static void answered(int *t_failed, const char *request, size_t answers)
{
    static struct visit visit;
    T_CALL(start(t_failed));
    visit = (struct visit){.request = request};
    visit_server(&visit);
    sig_http_server_destroy(server);
    T_EQ(count(visit.answer, "HTTP/1."), answers);
    T_EQ(count(visit.answer, "here it is"), answers);
    T_CHECK(visit.ended);
}

T_TEST(each_request_gets_one_answer)
{
    T_CALL(answered(t_failed, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 1));
    T_CALL(answered(t_failed, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 1));
    T_CALL(answered(t_failed, "GET /get HTTP/1.1\r\nHost: x\r\n\r\n" INNER, 2));
}

/* libwebsockets 4.1.6 ran in circles for these until the client hung up. */
T_TEST(a_body_right_behind_another_request_does_not_spin)
{
    T_CALL(answered(t_failed, "GET /get HTTP/1.1\r\nHost: x\r\n\r\n" POST_2 "{}", 2));
    T_CALL(answered(t_failed, POST_2 "{}" POST_2 "{}" INNER, 1));
    T_CALL(answered(t_failed, POST_2 "{}" INNER, 1));
    T_CALL(answered(t_failed, "GET /get HTTP/1.1\r\nHost: x\r\n\r\n" POST_2 "{}" POST_2 "{}", 2));
}

T_TEST(half_headers_of_one_stranger_keep_nobody_out)
{
    static struct visit visit;
    T_CALL(start(t_failed));
    visit = (struct visit){.request = INNER, .held = HEADERS_HELD};
    visit_server(&visit);
    sig_http_server_destroy(server);
    T_CHECK(visit.connected);
    T_EQ(count(visit.answer, "here it is"), 1);
}

static volatile sig_atomic_t stuck;

static void on_alarm(int number)
{
    (void)number;
    stuck = 1;
    sig_http_server_wake(server);
}

/* A deadline that has passed when the wait begins: a thread that was not scheduled for a while has one too. */
T_TEST(a_passed_deadline_ends_the_wait)
{
    struct sigaction action = {.sa_handler = on_alarm};
    T_CALL(start(t_failed));
    sigaction(SIGALRM, &action, NULL);
    overdue = true;
    alarm(10);
    for (int i = 0; i < 200 && !stuck; i++)
        sig_http_server_turn(server);
    alarm(0);
    overdue = false;
    sig_http_server_destroy(server);
    T_CHECK(!stuck);
}

T_TEST(tidy)
{
    unlink(certificate);
    unlink(key);
    T_EQ(rmdir(folder), 0);
}

T_MAIN(T_CASE(a_body_where_none_belongs_is_refused), T_CASE(chunks_are_refused), T_CASE(an_unclear_length_is_refused),
       T_CASE(a_large_body_is_refused_in_words), T_CASE(each_request_gets_one_answer),
       T_CASE(a_body_right_behind_another_request_does_not_spin), T_CASE(half_headers_of_one_stranger_keep_nobody_out),
       T_CASE(a_passed_deadline_ends_the_wait), T_CASE(tidy))
