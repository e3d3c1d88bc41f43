/* SPDX-License-Identifier: Apache-2.0 */
/* PROTOCOL.md from its edges: tickets, refusals, wrong messages, sockets that misbehave. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/integration/call.h"
#include "tests/support/test.h"

#define ROOM "test-room"
#define WHO  "00112233445566778899aabbccddeeff"
#define SAID 64
#define LOTS 40

/* A socket without any manners of its own. */
struct raw {
    struct bench_ws *ws;
    struct {
        char type[24], code[40];
    } said[SAID]; /* the newest messages, by number modulo SAID */
    uint64_t messages, errors;
    unsigned close_code;
};

static struct call call;

static void on_text(void *user, const char *text, size_t len)
{
    struct raw *raw = user;
    json_t *message = json_loadb(text, len, 0, NULL);
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *code = json_string_value(json_object_get(message, "code"));
    if (type != NULL && strcmp(type, "quality") != 0) {
        unsigned at = (unsigned)(raw->messages++ % SAID);
        snprintf(raw->said[at].type, sizeof raw->said[at].type, "%s", type);
        snprintf(raw->said[at].code, sizeof raw->said[at].code, "%s", code != NULL ? code : "");
        raw->errors += strcmp(type, "error") == 0;
    }
    json_decref(message);
}

static void on_closed(void *user, unsigned code)
{
    ((struct raw *)user)->close_code = code;
}

static int open_raw(struct raw *raw)
{
    memset(raw, 0, sizeof *raw);
    const struct bench_ws_config config = {.loop = call.crowd->loop,
                                           .port = call.server.port,
                                           .path = "/visio/ws",
                                           .protocol = "consilium-visio-1",
                                           .on_text = on_text,
                                           .on_closed = on_closed,
                                           .user = raw};
    return bench_ws_open(&raw->ws, &config);
}

static bool raw_closed(void *user)
{
    return ((struct raw *)user)->close_code != 0;
}

static void say(struct raw *raw, const char *text)
{
    bench_ws_send_text(raw->ws, text);
}

/* Says it and waits for the next message. */
static void ask(int *t_failed, struct raw *raw, const char *text, const char *type, const char *code)
{
    uint64_t before = raw->messages;
    say(raw, text);
    T_CHECK(call_wait_count(&call, &raw->messages, before + 1));
    T_STR_EQ(raw->said[before % SAID].type, type);
    T_STR_EQ(raw->said[before % SAID].code, code);
}

static void refused(int *t_failed, struct raw *raw, const char *text, const char *code)
{
    T_CALL(ask(t_failed, raw, text, "refused", code));
    T_CHECK(call_wait(&call, raw_closed, raw));
    T_EQ(raw->close_code, 4003);
    bench_ws_destroy(raw->ws);
}

static void join(int *t_failed, struct raw *raw, const char *room)
{
    char ticket[128], text[256];
    T_EQ(open_raw(raw), 0);
    T_EQ(bench_ticket(call.server.port, room, "Dr Test", WHO, ticket), 0);
    snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":1,\"version\":1,\"ticket\":\"%s\"}", ticket);
    T_CALL(ask(t_failed, raw, text, "welcome", ""));
}

static int post(const char *path, const char *body, const char *code)
{
    char answer[1024], expected[64];
    int status = bench_https(call.server.port, "POST", path, body, answer, sizeof answer);
    snprintf(expected, sizeof expected, "\"%s\"", code);
    return strstr(answer, expected) != NULL ? status : -status;
}

T_TEST(tickets)
{
    T_CHECK(call_start(&call, 0, NULL));
    const char *path = "/api/v1/visio/open-rooms/" ROOM "/tickets";
    T_EQ(post(path, "{\"name\":\"\",\"identity\":\"" WHO "\"}", "name_invalid"), 400);
    T_EQ(post(path, "{\"name\":\"x\",\"identity\":\"short\"}", "identity_invalid"), 400);
    T_EQ(post(path, "{\"name\":", "bad_json"), 400);
    T_EQ(post("/api/v1/visio/open-rooms/A/tickets", "{\"name\":\"x\",\"identity\":\"" WHO "\"}", "room_invalid"), 400);

    struct raw raw;
    T_EQ(open_raw(&raw), 0);
    T_CALL(refused(t_failed, &raw, "{\"type\":\"join\",\"id\":1,\"version\":1,\"ticket\":\"nonsense\"}",
                   "ticket_invalid"));
    char ticket[128], text[256];
    T_EQ(bench_ticket(call.server.port, ROOM, "Dr Test", WHO, ticket), 0);
    snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":1,\"version\":1,\"ticket\":\"%s\"}", ticket);
    struct raw second;
    T_EQ(open_raw(&raw), 0);
    T_EQ(open_raw(&second), 0);
    T_CALL(ask(t_failed, &raw, text, "welcome", ""));
    T_CALL(refused(t_failed, &second, text, "ticket_invalid")); /* used once */
    bench_ws_destroy(raw.ws);
    T_EQ(open_raw(&raw), 0);
    T_CALL(refused(t_failed, &raw, "{\"type\":\"resume\",\"id\":1,\"version\":1,\"token\":\"nonsense\"}",
                   "resume_unknown"));
    T_EQ(open_raw(&raw), 0);
    T_CALL(refused(t_failed, &raw, "{\"type\":\"join\",\"id\":1,\"version\":99,\"ticket\":\"nonsense\"}",
                   "version_unsupported"));
    T_EQ(call_end(&call), 0);
}

T_TEST(wrong_messages_change_nothing)
{
    T_CHECK(call_start(&call, 0, NULL));
    struct raw raw;
    T_EQ(open_raw(&raw), 0);
    T_CALL(ask(t_failed, &raw, "{\"type\":\"ping\",\"id\":1}", "error", "not_joined"));
    bench_ws_destroy(raw.ws);
    T_CALL(join(t_failed, &raw, ROOM));
    T_CALL(ask(t_failed, &raw, "{\"type\":", "error", "bad_json"));
    T_CALL(ask(t_failed, &raw, "[1,2]", "error", "bad_json"));
    T_CALL(ask(t_failed, &raw, "{\"type\":\"dance\"}", "error", "unknown_type"));
    T_CALL(ask(t_failed, &raw, "{\"type\":\"join\",\"version\":1,\"ticket\":\"x\"}", "error", "already_joined"));
    T_CALL(ask(t_failed, &raw, "{\"type\":\"mute\",\"track\":\"t999999\",\"muted\":true}", "error", "unknown_track"));
    T_CALL(ask(t_failed, &raw, "{\"type\":\"mute\",\"track\":7}", "error", "bad_request"));
    T_CALL(ask(t_failed, &raw, "{\"type\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[]}", "error", "sdp_invalid"));
    T_CALL(ask(t_failed, &raw, "{\"type\":\"moderate\",\"action\":\"remove\",\"participant\":\"p999999\"}", "error",
               "unknown_participant"));
    T_CALL(ask(t_failed, &raw, "{\"type\":\"ping\",\"id\":77,\"unknown\":[1]}", "pong", ""));
    while (raw.errors < 20 && raw.close_code == 0) {
        uint64_t before = raw.messages;
        say(&raw, "{\"type\":\"dance\"}");
        T_CHECK(call_wait_count(&call, &raw.messages, before + 1));
    }
    T_CHECK(call_wait(&call, raw_closed, &raw));
    T_EQ(raw.errors, 20);
    T_EQ(raw.close_code, 4000);
    bench_ws_destroy(raw.ws);
    T_EQ(call_end(&call), 0);
}

/* Each of these costs the socket its life, and nobody else anything. */
T_TEST(oversized_binary_and_hasty)
{
    T_CHECK(call_start(&call, 2, NULL));
    T_CHECK(call_media_flows(&call, 5, 5));
    static char big[700 * 1024];
    memset(big, ' ', sizeof big);
    struct raw raw;
    T_CALL(join(t_failed, &raw, ROOM));
    /* Only an answer to a large offer may exceed 64 KiB: anything else that long is an error, and beyond 640 KiB the
     * end. */
    bench_ws_send(raw.ws, BENCH_WS_TEXT, big, 100 * 1024);
    T_CHECK(call_wait_count(&call, &raw.errors, 1));
    bench_ws_send(raw.ws, BENCH_WS_TEXT, big, sizeof big);
    T_CHECK(call_wait(&call, raw_closed, &raw));
    bench_ws_destroy(raw.ws);
    T_EQ(open_raw(&raw), 0);
    bench_ws_send(raw.ws, BENCH_WS_TEXT, big, 100 * 1024); /* not even joined */
    T_CHECK(call_wait(&call, raw_closed, &raw));
    bench_ws_destroy(raw.ws);

    T_CALL(join(t_failed, &raw, ROOM));
    bench_ws_send(raw.ws, BENCH_WS_BINARY, "\0\1\2", 3);
    call_run_ms(&call, 200); /* refused or ignored */
    bench_ws_destroy(raw.ws);

    T_CALL(join(t_failed, &raw, ROOM));
    for (int i = 0; i < 150 && raw.close_code == 0; i++) /* a burst of 100 is allowed */
        say(&raw, "{\"type\":\"ping\"}");
    T_CHECK(call_wait(&call, raw_closed, &raw));
    /* 1006: what we had not been heard saying yet made the system reset the connection, and the reason got lost */
    T_CHECK(raw.close_code == 4008 || raw.close_code == 1006);
    T_CHECK(raw.messages < 200);
    bench_ws_destroy(raw.ws);

    T_CALL(join(t_failed, &raw, ROOM));
    bench_ws_send_raw(raw.ws, big, 1000); /* frames that are none: reserved bits set */
    T_CHECK(call_wait(&call, raw_closed, &raw));
    bench_ws_destroy(raw.ws);
    T_CHECK(call_media_flows(&call, 25, 50));
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

struct pair {
    struct raw *a, *b;
};

static bool pair_closed(void *user)
{
    const struct pair *pair = user;
    return pair->a->close_code != 0 && pair->b->close_code != 0;
}

/* 10 s for the first message, 20 s for each further sign of life; half-open sockets meanwhile keep nobody out. */
T_TEST(silent_and_half_open_sockets)
{
    T_CHECK(call_start(&call, 2, NULL));
    struct raw mute, silent;
    T_EQ(open_raw(&mute), 0);
    T_CALL(join(t_failed, &silent, "quiet-room")); /* alone: an offer would end it after 15 s */
    int half_open[200];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(call.server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 200; i++) {
        half_open[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        T_EQ(connect(half_open[i], (struct sockaddr *)&to, sizeof to), 0);
        if (i % 2 == 0)
            send(half_open[i], "\x16\x03\x01", 3, MSG_NOSIGNAL);
    }
    T_CHECK(call_media_flows(&call, 25, 50));
    uint64_t start_us = base_clock_us();
    struct pair pair = {&mute, &silent};
    T_CHECK(bench_crowd_run(call.crowd, start_us + 26000000, pair_closed, &pair));
    T_EQ(mute.close_code, 4008);
    T_CHECK(base_clock_us() - start_us > 15000000);
    T_CHECK(call_media_flows(&call, 5, 5));
    for (int i = 0; i < 200; i++)
        close(half_open[i]);
    bench_ws_destroy(mute.ws);
    bench_ws_destroy(silent.ws);
    T_EQ(call_errors(&call), 0);
    T_EQ(call_end(&call), 0);
}

T_TEST(a_full_room_refuses)
{
    T_CHECK(call_start(&call, 0, NULL));
    static struct raw people[LOTS];
    char identity[33], ticket[128], text[256];
    int inside = 0;
    uint64_t people_last = 0;
    for (; inside < LOTS; inside++) {
        snprintf(identity, sizeof identity, "%032x", inside + 1);
        T_EQ(open_raw(&people[inside]), 0);
        T_EQ(bench_ticket(call.server.port, ROOM, "Dr Test", identity, ticket), 0);
        snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":1,\"version\":1,\"ticket\":\"%s\"}", ticket);
        uint64_t before = people[inside].messages;
        say(&people[inside], text);
        T_CHECK(call_wait_count(&call, &people[inside].messages, before + 1));
        people_last = before;
        if (strcmp(people[inside].said[before].type, "welcome") != 0)
            break;
    }
    T_EQ(inside, 35);
    T_STR_EQ(people[inside].said[people_last].type, "refused");
    T_STR_EQ(people[inside].said[people_last].code, "room_full");
    for (int i = 0; i <= inside; i++)
        bench_ws_destroy(people[i].ws);
    T_EQ(call_end(&call), 0);
}

T_MAIN(T_CASE(tickets), T_CASE(wrong_messages_change_nothing), T_CASE(oversized_binary_and_hasty),
       T_CASE(a_full_room_refuses), T_CASE(silent_and_half_open_sockets))
