/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h, https.h and ws.h against a server of our own on the loopback interface that answers well, badly or not at all:
 * each failure must be told apart. */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/client/crowd.h"
#include "sfu/io/address.h"
#include "tests/support/test.h"

/* ---- a server of few words ------------------------------------------------------------------------------------ */

struct host {
    int fd;
    uint16_t port;
    SSL_CTX *context;           /* NULL: plain */
    const char *answer, *later; /* later: from the second request on; NULL: the same */
    unsigned requests;
    size_t piece;       /* bytes at once; 0: all */
    bool silent, hasty; /* hasty: answers what it has not read */
    char request[2048];
    pthread_t thread;
};

static void answer_one(struct host *host, int fd, SSL *ssl)
{
    size_t used = 0;
    host->request[0] = 0;
    while (!host->hasty && strstr(host->request, "\r\n\r\n") == NULL && used < sizeof host->request - 1) {
        int got = ssl != NULL ? SSL_read(ssl, host->request + used, (int)(sizeof host->request - 1 - used))
                              : (int)recv(fd, host->request + used, sizeof host->request - 1 - used, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
        host->request[used] = 0;
    }
    const char *answer = host->requests++ != 0 && host->later != NULL ? host->later : host->answer;
    size_t len = strlen(answer), step = host->piece != 0 ? host->piece : len;
    for (size_t at = 0; at < len; at += step) {
        int size = (int)(len - at < step ? len - at : step);
        if (ssl != NULL)
            SSL_write(ssl, answer + at, size);
        else if (send(fd, answer + at, (size_t)size, MSG_NOSIGNAL) < 0)
            return;
    }
}

static void serve_one(struct host *host, int fd)
{
    SSL *ssl = host->context != NULL ? SSL_new(host->context) : NULL;
    char rest[256];
    if (!host->silent && (ssl == NULL || (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1)))
        answer_one(host, fd, ssl);
    SSL_free(ssl);
    if (!host->silent)
        shutdown(fd, SHUT_WR);
    while (recv(fd, rest, sizeof rest, 0) > 0)
        ;
    close(fd);
}

static void *serve(void *user)
{
    struct host *host = user;
    for (int fd; (fd = accept(host->fd, NULL, NULL)) >= 0;)
        serve_one(host, fd);
    return NULL;
}

static bool listen_on(struct host *host)
{
    union sfu_address address;
    socklen_t len = sizeof address.in4;
    sfu_address_parse(&address, "127.0.0.1", 0);
    host->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = bind(host->fd, &address.sa, len) == 0 && listen(host->fd, 4) == 0 &&
              getsockname(host->fd, &address.sa, &len) == 0;
    host->port = sfu_address_port(&address);
    return ok;
}

static bool start(struct host *host)
{
    signal(SIGPIPE, SIG_IGN);
    return listen_on(host) && pthread_create(&host->thread, NULL, serve, host) == 0;
}

static void stop(struct host *host)
{
    shutdown(host->fd, SHUT_RDWR);
    pthread_join(host->thread, NULL);
    close(host->fd);
    SSL_CTX_free(host->context);
}

/* ---- certificates --------------------------------------------------------------------------------------------- */

/* Self-signed, valid from `from` to `to` seconds from now; written to a file if path is not NULL. */
static SSL_CTX *make_context(const char *names, long from, long to, char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:FALSE");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX *result = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(result, certificate);
    SSL_CTX_use_PrivateKey(result, key);
    if (path != NULL) {
        FILE *file = fdopen(mkstemp(path), "w");
        PEM_write_X509(file, certificate);
        fclose(file);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return result;
}

/* ---- asking --------------------------------------------------------------------------------------------------- */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static int get(const struct host *host, const char *name, const char *ca_file, bool insecure, char *body,
               struct bench_trouble *trouble)
{
    struct bench_endpoint endpoint = {
        .url = {.tls = host->context != NULL, .port = host->port}, .ca_file = ca_file, .insecure = insecure};
    snprintf(endpoint.url.host, sizeof endpoint.url.host, "%s", name);
    struct bench_place *place;
    int err = bench_place_create(&place, &endpoint, trouble);
    if (err != 0)
        return err;
    err = bench_https_to(place, "GET", "/x", NULL, body, 256, trouble);
    bench_place_destroy(place);
    return err;
}

static void plain_case(int *t_failed, const char *answer, size_t piece, int status, const char *body)
{
    struct host host = {.answer = answer, .piece = piece};
    char got[256];
    struct bench_trouble trouble;
    T_CHECK(start(&host));
    int result = get(&host, "127.0.0.1", NULL, false, got, &trouble);
    stop(&host);
    T_EQ(result, status);
    T_STR_EQ(got, body);
    T_CHECK(strncmp(host.request, "GET /x HTTP/1.1\r\n", 17) == 0);
}

T_TEST(answers)
{
    T_CALL(plain_case(t_failed, OK_ANSWER, 0, 200, "hello"));
    T_CALL(plain_case(t_failed, OK_ANSWER, 1, 200, "hello"));
    T_CALL(plain_case(t_failed, "HTTP/1.1 404 No\r\n\r\nuntil the end", 0, 404, "until the end"));
    T_CALL(plain_case(t_failed,
                      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", 3,
                      200, "hello"));
    T_CALL(plain_case(t_failed,
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhel\r\n0\r\n\r\n", 0,
                      200, "ffffffffffffffff\r\nhel\r\n0\r\n\r\n")); /* nonsense stays as it is */
    T_CALL(plain_case(t_failed, "HTTP/1.1 429 Busy\r\nContent-Length: 99\r\n\r\ncut", 0, 429, "cut"));
}

T_TEST(what_is_no_http)
{
    char body[256];
    struct bench_trouble trouble;
    struct host host = {.answer = "SSH-2.0-OpenSSH\r\n\r\n"};
    T_CHECK(start(&host));
    T_EQ(get(&host, "127.0.0.1", NULL, false, body, &trouble), BASE_ERR_MALFORMED);
    stop(&host);
    T_EQ(trouble.failure, BENCH_FAILURE_HTTP);
    struct host empty = {.answer = ""};
    T_CHECK(start(&empty));
    T_EQ(get(&empty, "127.0.0.1", NULL, false, body, &trouble), BASE_ERR_IO);
    stop(&empty);
    T_EQ(trouble.failure, BENCH_FAILURE_UNREACHABLE);
}

T_TEST(tls_to_a_plain_server)
{
    char body[256];
    struct bench_trouble trouble;
    struct host host = {.answer = "HTTP/1.1 400 Bad\r\n\r\n", .hasty = true};
    T_CHECK(start(&host));
    struct host tls = host;
    tls.context = SSL_CTX_new(TLS_server_method()); /* only so that get() speaks TLS */
    T_EQ(get(&tls, "127.0.0.1", NULL, true, body, &trouble), BASE_ERR_IO);
    SSL_CTX_free(tls.context);
    T_EQ(trouble.failure, BENCH_FAILURE_UNREACHABLE);
    T_CHECK(strstr(trouble.why, "TLS failed") != NULL || strstr(trouble.why, "closed") != NULL);
    shutdown(host.fd, SHUT_RDWR);
    pthread_join(host.thread, NULL);
    close(host.fd);
}

struct certificate_case {
    const char *names;
    long from, to;
    const char *host;
    bool give_file, insecure;
    const char *reason; /* NULL: it works */
};

T_TEST(certificates_are_checked)
{
    static const struct certificate_case cases[] = {
        {"DNS:localhost,IP:127.0.0.1", -60, 3600, "127.0.0.1", true, false, NULL},
        {"DNS:localhost", -60, 3600, "localhost", true, false, NULL},
        {"DNS:localhost", -60, 3600, "127.0.0.1", true, false, "IP address mismatch"},
        {"DNS:example.org,IP:127.0.0.2", -60, 3600, "localhost", true, false, "hostname mismatch"},
        {"IP:127.0.0.1", -60, 3600, "127.0.0.1", false, false, "self-signed certificate"},
        {"IP:127.0.0.1", -7200, -3600, "127.0.0.1", true, false, "certificate has expired"},
        {"IP:127.0.0.1", 3600, 7200, "127.0.0.1", true, false, "certificate is not yet valid"},
        {"DNS:example.org", -7200, -3600, "127.0.0.1", false, true, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[] = "/tmp/bench-ca-XXXXXX", body[256];
        struct bench_trouble trouble;
        struct host host = {.answer = OK_ANSWER,
                            .context = make_context(cases[i].names, cases[i].from, cases[i].to, path)};
        T_CHECK(start(&host));
        int result = get(&host, cases[i].host, cases[i].give_file ? path : NULL, cases[i].insecure, body, &trouble);
        stop(&host);
        unlink(path);
        if (cases[i].reason == NULL) {
            T_EQ(result, 200);
            T_STR_EQ(body, "hello");
            T_EQ(trouble.failure, BENCH_FAILURE_NONE);
            continue;
        }
        T_EQ(result, BASE_ERR_CRYPTO);
        T_EQ(trouble.failure, BENCH_FAILURE_CERTIFICATE);
        if (strstr(trouble.why, cases[i].reason) == NULL)
            printf("    %zu: %s\n", i, trouble.why);
        T_CHECK(strstr(trouble.why, cases[i].reason) != NULL);
    }
}

T_TEST(a_ca_file_must_be_one)
{
    struct host host = {.context = (SSL_CTX *)1, .port = 1};
    struct bench_trouble trouble;
    char body[256];
    T_EQ(get(&host, "127.0.0.1", "/does/not/exist", false, body, &trouble), BASE_ERR_CRYPTO);
    T_CHECK(strstr(trouble.why, "/does/not/exist") != NULL);
    T_EQ(get(&host, "127.0.0.1", "/dev/null", false, body, &trouble), BASE_ERR_CRYPTO);
}

T_TEST(nobody_there)
{
    struct host host = {0};
    struct bench_trouble trouble;
    char body[256];
    T_CHECK(listen_on(&host));
    close(host.fd); /* a port that nobody has */
    T_EQ(get(&host, "127.0.0.1", NULL, false, body, &trouble), BASE_ERR_IO);
    T_EQ(trouble.failure, BENCH_FAILURE_UNREACHABLE);
    T_CHECK(strstr(trouble.why, "Connection refused") != NULL);
    T_EQ(get(&host, "name.invalid", NULL, false, body, &trouble), BASE_ERR_IO);
    T_EQ(trouble.failure, BENCH_FAILURE_UNREACHABLE);
    T_CHECK(strstr(trouble.why, "name.invalid: ") != NULL);
}

T_TEST(too_few_descriptors)
{
    struct rlimit before, few;
    struct bench_trouble trouble;
    struct bench_place *place;
    char body[64];
    T_EQ(bench_place_create_local(&place, 1), 0);
    int next = dup(0);
    T_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)next;
    close(next);
    T_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    int result = bench_https_to(place, "GET", "/", NULL, body, sizeof body, &trouble);
    T_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    bench_place_destroy(place);
    T_EQ(result, BASE_ERR_FULL);
    T_EQ(trouble.failure, BENCH_FAILURE_RESOURCES);
}

/* ---- in a loop ------------------------------------------------------------------------------------------------ */

struct seen {
    int done, opened, failed, texts, status;
    unsigned closed;
    char text[64];
    struct bench_trouble trouble;
};

static void on_done(void *user, int status, const char *body, const struct bench_trouble *trouble)
{
    struct seen *seen = user;
    seen->done++;
    seen->status = status;
    seen->trouble = *trouble;
    snprintf(seen->text, sizeof seen->text, "%s", body);
}

static void on_open(void *user)
{
    ((struct seen *)user)->opened++;
}

static void on_failed(void *user, const struct bench_trouble *trouble)
{
    ((struct seen *)user)->failed++;
    ((struct seen *)user)->trouble = *trouble;
}

static void on_text(void *user, const char *text, size_t len)
{
    ((struct seen *)user)->texts++;
    snprintf(((struct seen *)user)->text, sizeof((struct seen *)user)->text, "%.*s", (int)len, text);
}

static void on_closed(void *user, unsigned code)
{
    ((struct seen *)user)->closed = code;
}

static struct bench_place *plain_place(const struct host *host)
{
    const struct bench_endpoint endpoint = {.url = {.host = "127.0.0.1", .port = host->port}};
    struct bench_place *place;
    return bench_place_create(&place, &endpoint, NULL) == 0 ? place : NULL;
}

T_TEST(a_request_in_a_loop)
{
    struct host host = {.answer = OK_ANSWER, .context = make_context("IP:127.0.0.1", -60, 60, NULL)};
    struct bench_place *place;
    struct sfu_loop *loop;
    struct bench_request *request;
    struct seen seen = {0};
    T_CHECK(start(&host));
    T_EQ(bench_place_create_local(&place, host.port), 0);
    T_EQ(sfu_loop_create(&loop), 0);
    const struct bench_request_config config = {
        .place = place, .loop = loop, .method = "GET", .path = "/x", .on_done = on_done, .user = &seen};
    T_EQ(bench_request_start(&request, &config, NULL), 0);
    bench_place_destroy(place); /* not needed any more */
    for (uint64_t until_us = base_clock_us() + 10000000; seen.done == 0 && base_clock_us() < until_us;)
        sfu_loop_wait(loop, until_us);
    T_EQ(seen.done, 1);
    T_EQ(seen.status, 200);
    T_STR_EQ(seen.text, "hello");
    bench_request_destroy(request);
    sfu_loop_destroy(loop);
    stop(&host);
}

static void ws_case(int *t_failed, const char *answer, bool silent, struct seen *seen)
{
    struct host host = {.answer = answer, .silent = silent};
    struct sfu_loop *loop;
    struct bench_ws *ws;
    T_CHECK(start(&host));
    struct bench_place *place = plain_place(&host);
    T_CHECK(place != NULL);
    T_EQ(sfu_loop_create(&loop), 0);
    const struct bench_ws_config config = {.loop = loop,
                                           .place = place,
                                           .path = "/ws",
                                           .protocol = "p",
                                           .on_open = on_open,
                                           .on_failed = on_failed,
                                           .on_text = on_text,
                                           .on_closed = on_closed,
                                           .user = seen};
    T_EQ(bench_ws_start(&ws, &config, NULL), 0);
    uint64_t until_us = base_clock_us() + (silent ? 100000 : 10000000);
    while (seen->failed == 0 && seen->closed == 0 && base_clock_us() < until_us)
        sfu_loop_wait(loop, until_us);
    bench_ws_destroy(ws);
    bench_place_destroy(place);
    sfu_loop_destroy(loop);
    stop(&host);
    T_CHECK(silent || strstr(host.request, "Sec-WebSocket-Protocol: p\r\n") != NULL);
}

T_TEST(websockets)
{
    struct seen seen = {0};
    /* a text and a close frame (4003) in one piece with the answer */
    T_CALL(ws_case(t_failed, "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n\x81\x02hi\x88\x02\x0f\xa3", false, &seen));
    T_EQ(seen.opened, 1);
    T_EQ(seen.texts, 1);
    T_STR_EQ(seen.text, "hi");
    T_EQ(seen.closed, 4003);
    T_EQ(seen.failed, 0);

    seen = (struct seen){0};
    T_CALL(ws_case(t_failed, "HTTP/1.1 403 No\r\n\r\n", false, &seen));
    T_EQ(seen.failed, 1);
    T_EQ(seen.trouble.failure, BENCH_FAILURE_HTTP);
    T_EQ(seen.trouble.status, 403);
    T_EQ(seen.opened, 0);

    seen = (struct seen){0};
    T_CALL(ws_case(t_failed, "HTTP/1.1 101 Yes\r\n", false, &seen));
    T_EQ(seen.failed, 1);
    T_EQ(seen.trouble.failure, BENCH_FAILURE_UNREACHABLE);

    seen = (struct seen){0};
    T_CALL(ws_case(t_failed, "", true, &seen)); /* nobody blocks for it */
    T_EQ(seen.opened + seen.failed, 0);
}

static bool has_failed(void *user)
{
    return ((struct bench_person *)user)->state == BENCH_PERSON_FAILED;
}

/* 429 is asked again, 404 is not. */
T_TEST(a_busy_server_is_asked_again)
{
    struct host host = {.answer = "HTTP/1.1 429 Busy\r\n\r\n{}", .later = "HTTP/1.1 404 No\r\n\r\nopen_rooms_off"};
    struct bench_crowd *crowd;
    struct bench_person *who;
    T_CHECK(start(&host));
    const struct bench_endpoint endpoint = {.url = {.host = "127.0.0.1", .port = host.port}};
    const struct bench_person_config config = {.room = "room", .number = 1};
    T_EQ(bench_crowd_open(&crowd, &endpoint, NULL, NULL), 0);
    uint64_t before_us = base_clock_us();
    T_EQ(bench_person_start(&who, crowd, &config), 0);
    T_CHECK(bench_crowd_run(crowd, before_us + 10000000, has_failed, who));
    T_CHECK(base_clock_us() - before_us >= 200000);
    T_EQ(who->ticket_waits, 1);
    T_EQ(who->failure, BENCH_FAILURE_HTTP);
    T_EQ(who->http_status, 404);
    T_CHECK(strstr(who->why, "HTTP 404 open_rooms_off") != NULL);
    T_EQ(host.requests, 2);
    T_CHECK(strstr(host.request, "POST /api/v1/visio/open-rooms/room/tickets HTTP/1.1\r\n") == host.request);
    bench_crowd_destroy(crowd);
    stop(&host);
}

T_TEST(tickets)
{
    char ticket[BENCH_TICKET_MAX];
    bench_ticket_read(ticket, "{\"ticket\":\"abc\",\"expires_in_s\":60}");
    T_STR_EQ(ticket, "abc");
    bench_ticket_read(ticket, "{\"ticket\":7}");
    T_STR_EQ(ticket, "");
    bench_ticket_read(ticket, "<html>");
    T_STR_EQ(ticket, "");
}

T_MAIN(T_CASE(answers), T_CASE(what_is_no_http), T_CASE(tls_to_a_plain_server), T_CASE(certificates_are_checked),
       T_CASE(a_ca_file_must_be_one), T_CASE(nobody_there), T_CASE(too_few_descriptors), T_CASE(a_request_in_a_loop),
       T_CASE(websockets), T_CASE(a_busy_server_is_asked_again), T_CASE(tickets))
