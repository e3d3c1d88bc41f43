/* SPDX-License-Identifier: Apache-2.0 */
/* Real connections on the loopback interface. Time-outs are reached by polling with a later time, never by waiting. */
#include "sfu/io/tcp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "tests/support/test.h"

/* ---- support ----------------------------------------------------------------------------------------------------- */

#define FRAMES_MAX 64

struct server {
    struct sfu_loop *loop;
    struct sfu_tcp *tcp;
    size_t frame_count, closed_count, first_count;
    struct sfu_path path; /* of the last frame */
    size_t frame_len[FRAMES_MAX];
    uint8_t frames[FRAMES_MAX][SFU_TCP_FRAME_MAX_BYTES];
    /* a connection given away */
    int given_fd;
    size_t given_len;
    uint8_t given[SFU_TCP_RECEIVED_MAX];
};

/* First frames: "keep…" stays, "give…" goes, anything else is refused. */
static enum sfu_tcp_verdict on_first(void *user, const struct sfu_tcp_first *first)
{
    struct server *server = user;
    server->first_count++;
    if (first->frame_len >= 4 && memcmp(first->frame, "keep", 4) == 0)
        return SFU_TCP_KEEP;
    if (first->frame_len < 4 || memcmp(first->frame, "give", 4) != 0)
        return SFU_TCP_REFUSE;
    server->given_fd = first->fd;
    server->given_len = first->received_len;
    memcpy(server->given, first->received, first->received_len);
    return SFU_TCP_GIVEN;
}

static void on_frame(void *user, const struct sfu_path *path, uint8_t *frame, size_t len)
{
    struct server *server = user;
    server->path = *path;
    if (server->frame_count < FRAMES_MAX) {
        server->frame_len[server->frame_count] = len;
        memcpy(server->frames[server->frame_count], frame, len);
    }
    server->frame_count++;
}

static void on_closed(void *user, const struct sfu_path *path)
{
    struct server *server = user;
    (void)path;
    server->closed_count++;
}

static struct server *start_shared(uint32_t connections_max, uint32_t per_address_max, bool listening)
{
    struct server *server = calloc(1, sizeof *server);
    union sfu_address address;
    struct sfu_tcp_config config = {.connections_max = connections_max,
                                    .per_address_max = per_address_max,
                                    .on_first = on_first,
                                    .on_frame = on_frame,
                                    .on_closed = on_closed,
                                    .user = server};
    if (server == NULL || sfu_loop_create(&server->loop) != 0)
        abort();
    config.loop = server->loop;
    server->given_fd = -1;
    sfu_address_parse(&address, "127.0.0.1", 0);
    if (sfu_tcp_create(&server->tcp, &config) != 0 || (listening && sfu_tcp_listen(server->tcp, &address) != 0))
        abort();
    return server;
}

static struct server *start(uint32_t connections_max, bool listening)
{
    return start_shared(connections_max, 0, listening);
}

static void stop(struct server *server)
{
    sfu_tcp_destroy(server->tcp);
    sfu_loop_destroy(server->loop);
    free(server);
}

static int dial(const struct server *server)
{
    union sfu_address address;
    sfu_address_parse(&address, "127.0.0.1", sfu_tcp_port(server->tcp));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, &address.sa, sizeof address.in4) != 0)
        abort();
    return fd;
}

/* Runs the loop until *counter reaches `value`, at most 5 s. */
#define RUN_UNTIL(server, condition)                                                                                   \
    do {                                                                                                               \
        uint64_t run_end_us = base_clock_us() + 5000000;                                                               \
        while (!(condition) && base_clock_us() < run_end_us)                                                           \
            sfu_loop_wait((server)->loop, run_end_us);                                                                 \
        T_CHECK(condition);                                                                                            \
    } while (0)

static void put(int fd, const void *bytes, size_t len)
{
    if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
        abort();
}

static size_t frame_bytes(uint8_t *out, const char *text, size_t len)
{
    base_put_be16(out, (uint16_t)len);
    memset(out + 2, 'x', len);
    memcpy(out + 2, text, strlen(text) < len ? strlen(text) : len);
    return 2 + len;
}

static void put_frame(int fd, const char *text, size_t len)
{
    uint8_t bytes[2 + 65535];
    put(fd, bytes, frame_bytes(bytes, text, len));
}

/* Whether the peer closed: waits for the end of stream, at most 5 s. */
static bool ended(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint8_t byte;
    return poll(&poll_fd, 1, 5000) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static struct sfu_egress_run run_to(const struct sfu_path *path, uint8_t *data, uint32_t bytes, uint16_t segment)
{
    return (struct sfu_egress_run){.path = *path,
                                   .data = data,
                                   .bytes = bytes,
                                   .segment_bytes = segment,
                                   .segment_count = (uint16_t)((bytes + segment - 1) / segment)};
}

/* ---- framing ----------------------------------------------------------------------------------------------------- */

T_TEST(frames_byte_by_byte)
{
    struct server *server = start(8, true);
    int fd = dial(server);
    uint8_t bytes[64];
    size_t len = frame_bytes(bytes, "keep", 20);
    len += frame_bytes(bytes + len, "two", 3);
    for (size_t i = 0; i < len; i++) {
        put(fd, bytes + i, 1);
        /* The server has seen this byte before the next one is written. */
        size_t frames = i + 1 >= len ? 2 : i + 1 >= 22 ? 1 : 0;
        if (i + 1 == 22 || i + 1 == len)
            RUN_UNTIL(server, server->frame_count == frames);
        else if (i > 0)
            sfu_loop_wait(server->loop, base_clock_us() + 2000000);
        else
            RUN_UNTIL(server, sfu_tcp_connections(server->tcp) == 1);
        T_EQ(server->frame_count, frames);
    }
    T_EQ(server->first_count, 1);
    T_EQ(server->frame_len[0], 20);
    T_MEM_EQ(server->frames[0], "keepx", 5);
    T_EQ(server->frame_len[1], 3);
    T_MEM_EQ(server->frames[1], "two", 3);
    T_EQ(server->path.protocol, SFU_PROTOCOL_TCP);
    T_CHECK(server->path.connection != 0);
    T_EQ(sfu_address_port(&server->path.local), sfu_tcp_port(server->tcp));
    close(fd);
    RUN_UNTIL(server, server->closed_count == 1);
    T_EQ(sfu_tcp_connections(server->tcp), 0);
    stop(server);
}

T_TEST(several_frames_in_one_read_and_null_frames)
{
    struct server *server = start(8, true);
    int fd = dial(server);
    uint8_t bytes[20000];
    size_t len = frame_bytes(bytes, "keep", 4);
    for (size_t i = 0; i < 12; i++) {
        len += frame_bytes(bytes + len, "", 0);
        len += frame_bytes(bytes + len, "n", 1500 - i);
    }
    put(fd, bytes, len); /* 18 KB: more than one read */
    RUN_UNTIL(server, server->frame_count == 13);
    for (size_t i = 0; i < 12; i++)
        T_EQ(server->frame_len[1 + i], 1500 - i);
    T_EQ(sfu_tcp_counters(server->tcp)->frames_in, 13);
    close(fd);
    stop(server);
}

T_TEST(an_oversized_frame_ends_the_connection)
{
    struct server *server = start(8, true);
    int fd = dial(server), stranger = dial(server);
    put_frame(fd, "keep", 1500);
    RUN_UNTIL(server, server->frame_count == 1);
    put_frame(fd, "", 1501);
    put_frame(stranger, "keep", 1501);
    RUN_UNTIL(server, sfu_tcp_connections(server->tcp) == 0 && sfu_tcp_counters(server->tcp)->accepted == 2);
    T_CHECK(ended(fd) && ended(stranger));
    T_EQ(sfu_tcp_counters(server->tcp)->frames_bad, 2);
    T_EQ(sfu_tcp_counters(server->tcp)->refused, 1);
    T_EQ(server->frame_count, 1);
    T_EQ(server->closed_count, 1); /* the stranger's was never known above */
    close(fd);
    close(stranger);
    stop(server);
}

T_TEST(a_bad_first_frame_is_refused)
{
    struct server *server = start(8, true);
    int http = dial(server), other = dial(server), empty = dial(server);
    put(http, "GET / HTTP/1.1\r\n\r\n", 18); /* "GE" as a length: 18,245 bytes */
    put_frame(other, "none", 40);
    put_frame(empty, "", 0);
    RUN_UNTIL(server, sfu_tcp_counters(server->tcp)->refused == 3);
    T_CHECK(ended(http) && ended(other) && ended(empty));
    T_EQ(server->frame_count, 0);
    T_EQ(server->closed_count, 0);
    close(http);
    close(other);
    close(empty);
    stop(server);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

T_TEST(runs_go_out_as_frames)
{
    struct server *server = start(8, true);
    int fd = dial(server);
    put_frame(fd, "keep", 4);
    RUN_UNTIL(server, server->frame_count == 1);
    uint8_t data[70 * 100], in[72 * 102];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    struct sfu_egress_run runs[3] = {run_to(&server->path, data, sizeof data - 40, 100),
                                     run_to(&server->path, data, 10, 10), run_to(&server->path, data, 100, 100)};
    runs[1].path.protocol = SFU_PROTOCOL_UDP;
    runs[2].path.connection += 77; /* gone */
    sfu_tcp_send(server->tcp, runs, 3);
    T_EQ(sfu_tcp_counters(server->tcp)->frames_out, 70);
    T_EQ(sfu_tcp_counters(server->tcp)->frames_dropped, 1);
    size_t want = sizeof data - 40 + 140;
    T_EQ(recv(fd, in, want, MSG_WAITALL), want);
    for (size_t i = 0; i < 70; i++) {
        size_t len = i == 69 ? 60 : 100;
        T_EQ(base_get_be16(in + i * 102), len);
        T_MEM_EQ(in + i * 102 + 2, data + i * 100, len);
    }
    close(fd);
    stop(server);
}

/* Reads everything until nothing comes any more; checks the framing. Returns frames. */
static size_t read_frames(int *t_failed, struct server *server, int fd)
{
    static uint8_t in[4u << 20];
    size_t used = 0, frames = 0, offset = 0;
    for (;;) {
        sfu_loop_wait(server->loop, 0);
        ssize_t n = recv(fd, in + used, sizeof in - used, MSG_DONTWAIT);
        if (n > 0) {
            used += (size_t)n;
            continue;
        }
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (sfu_tcp_queued_bytes(server->tcp) == 0 && poll(&poll_fd, 1, 100) == 0)
            break;
    }
    while (used - offset >= 2) {
        size_t len = base_get_be16(in + offset);
        if (used - offset - 2 < len)
            break;
        for (size_t i = 4; i < len; i++) {
            if (in[offset + 2 + i] != (uint8_t)(i + in[offset + 2] * 3))
                *t_failed = 1;
        }
        frames++;
        offset += 2 + len;
    }
    if (offset != used)
        *t_failed = 1;
    return frames;
}

T_TEST(a_full_queue_drops_whole_frames)
{
    struct server *server = start(8, true);
    int fd = dial(server);
    put_frame(fd, "keep", 4);
    RUN_UNTIL(server, server->frame_count == 1);
    uint8_t data[10 * 1200];
    size_t sent = 0;
    const struct sfu_tcp_counters *counters = sfu_tcp_counters(server->tcp);
    while (counters->frames_dropped < 100 && sent < 100000) {
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)(i % 1200 + (sent / 10) * 3);
        for (size_t i = 0; i < 10; i++)
            data[i * 1200] = (uint8_t)(sent / 10);
        struct sfu_egress_run run = run_to(&server->path, data, sizeof data, 1200);
        sfu_tcp_send(server->tcp, &run, 1);
        sent += 10;
    }
    T_CHECK(counters->frames_dropped >= 100);
    T_CHECK(sfu_tcp_queued_bytes(server->tcp) <= SFU_TCP_QUEUE_BYTES);
    T_CHECK(sfu_tcp_queued_bytes(server->tcp) > SFU_TCP_QUEUE_BYTES - 1202);
    size_t frames = 0;
    T_CALL(frames = read_frames(t_failed, server, fd));
    T_EQ(frames, counters->frames_out);
    T_EQ(frames + counters->frames_dropped, sent);
    T_EQ(sfu_tcp_queued_bytes(server->tcp), 0);
    /* and on it goes */
    uint64_t dropped = counters->frames_dropped;
    struct sfu_egress_run run = run_to(&server->path, data, 1200, 1200);
    sfu_tcp_send(server->tcp, &run, 1);
    T_EQ(counters->frames_dropped, dropped);
    close(fd);
    stop(server);
}

T_TEST(sending_to_a_vanished_peer)
{
    struct server *server = start(8, true);
    int fd = dial(server);
    put_frame(fd, "keep", 4);
    RUN_UNTIL(server, server->frame_count == 1);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    uint8_t data[1000] = {0};
    struct sfu_egress_run run = run_to(&server->path, data, sizeof data, 100);
    sfu_tcp_send(server->tcp, &run, 1); /* EPIPE or ECONNRESET, no signal */
    sfu_tcp_send(server->tcp, &run, 1);
    T_EQ(server->closed_count, 0); /* never from inside _send */
    RUN_UNTIL(server, server->closed_count == 1);
    T_EQ(sfu_tcp_counters(server->tcp)->frames_dropped, 20);
    stop(server);
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

T_TEST(silent_connections_are_closed)
{
    struct server *server = start(8, true);
    int silent = dial(server), unproven = dial(server), proven = dial(server);
    put(silent, "\0", 1);
    put_frame(unproven, "keep", 4);
    RUN_UNTIL(server, server->frame_count == 1);
    put_frame(proven, "keep", 4);
    RUN_UNTIL(server, server->frame_count == 2 && sfu_tcp_connections(server->tcp) == 3);
    uint8_t byte = 1;
    struct sfu_egress_run run = run_to(&server->path, &byte, 1, 1);
    sfu_tcp_send(server->tcp, &run, 1);

    uint64_t now_us = base_clock_us();
    T_CHECK(sfu_tcp_deadline_us(server->tcp) <= now_us + SFU_TCP_PROVE_US);
    sfu_tcp_poll(server->tcp, now_us + SFU_TCP_PROVE_US - 5000000);
    T_EQ(sfu_tcp_connections(server->tcp), 3);
    sfu_tcp_poll(server->tcp, now_us + SFU_TCP_PROVE_US);
    T_EQ(sfu_tcp_connections(server->tcp), 1);
    T_CHECK(ended(silent) && ended(unproven));
    T_EQ(server->closed_count, 1);
    T_CHECK(sfu_tcp_deadline_us(server->tcp) > now_us + SFU_TCP_IDLE_US - 5000000);
    put_frame(proven, "x", 1);
    RUN_UNTIL(server, server->frame_count == 3);
    sfu_tcp_poll(server->tcp, now_us + SFU_TCP_IDLE_US); /* the frame came a moment after now_us */
    T_EQ(sfu_tcp_connections(server->tcp), 1);
    sfu_tcp_poll(server->tcp, base_clock_us() + SFU_TCP_IDLE_US);
    T_EQ(sfu_tcp_connections(server->tcp), 0);
    T_EQ(server->closed_count, 2);
    T_EQ(sfu_tcp_counters(server->tcp)->refused, 2);
    T_CHECK(sfu_tcp_deadline_us(server->tcp) == BASE_NEVER_US);
    close(silent);
    close(unproven);
    close(proven);
    stop(server);
}

T_TEST(a_full_table_gives_up_the_oldest_stranger)
{
    struct server *server = start(3, true);
    int fd[5];
    for (size_t i = 0; i < 3; i++) {
        fd[i] = dial(server);
        put_frame(fd[i], "keep", 4);
        RUN_UNTIL(server, server->frame_count == i + 1);
        uint8_t byte = 1;
        struct sfu_egress_run run = run_to(&server->path, &byte, 1, 1);
        if (i == 0) /* the oldest is proven, so the second one has to go */
            sfu_tcp_send(server->tcp, &run, 1);
    }
    fd[3] = dial(server);
    RUN_UNTIL(server, sfu_tcp_counters(server->tcp)->accepted == 4);
    T_CHECK(ended(fd[1]));
    T_EQ(sfu_tcp_connections(server->tcp), 3);
    put_frame(fd[2], "a", 1);
    put_frame(fd[0], "a", 1);
    RUN_UNTIL(server, server->frame_count == 5);
    for (size_t i = 0; i < 4; i++)
        close(fd[i]);
    stop(server);
}

T_TEST(a_table_full_of_proven_ones_refuses)
{
    struct server *server = start(1, true);
    int first = dial(server);
    put_frame(first, "keep", 4);
    RUN_UNTIL(server, server->frame_count == 1);
    uint8_t byte = 1;
    struct sfu_egress_run run = run_to(&server->path, &byte, 1, 1);
    sfu_tcp_send(server->tcp, &run, 1);
    int second = dial(server);
    RUN_UNTIL(server, sfu_tcp_counters(server->tcp)->refused == 1);
    T_CHECK(ended(second));
    put_frame(first, "on", 2);
    RUN_UNTIL(server, server->frame_count == 2);
    close(first);
    close(second);
    stop(server);
}

/* A connection that gets an answer; aborts if it does not. */
static int keep_proven(struct server *server, int fd)
{
    size_t before = server->frame_count;
    uint64_t end_us = base_clock_us() + 5000000;
    put_frame(fd, "keep", 4);
    while (server->frame_count == before && base_clock_us() < end_us)
        sfu_loop_wait(server->loop, end_us);
    uint8_t byte = 1, answer[3];
    struct sfu_egress_run run = run_to(&server->path, &byte, 1, 1);
    sfu_tcp_send(server->tcp, &run, 1);
    if (recv(fd, answer, sizeof answer, MSG_WAITALL) != 3)
        abort();
    return fd;
}

T_TEST(one_address_has_its_share)
{
    struct server *server = start_shared(8, 2, true);
    union sfu_address address;
    int proven = keep_proven(server, dial(server)), stranger = dial(server);
    RUN_UNTIL(server, sfu_tcp_connections(server->tcp) == 2);
    int other = keep_proven(server, dial(server)); /* the stranger gives way */
    T_CHECK(ended(stranger));
    int third = dial(server);
    RUN_UNTIL(server, sfu_tcp_counters(server->tcp)->refused == 2);
    T_CHECK(ended(third));
    /* another address is not concerned; who leaves makes room */
    union sfu_address elsewhere;
    sfu_address_parse(&elsewhere, "127.0.0.2", 0);
    sfu_address_parse(&address, "127.0.0.1", sfu_tcp_port(server->tcp));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    T_CHECK(bind(fd, &elsewhere.sa, sizeof elsewhere.in4) == 0 && connect(fd, &address.sa, sizeof address.in4) == 0);
    keep_proven(server, fd);
    close(proven);
    RUN_UNTIL(server, server->closed_count == 1);
    int again = keep_proven(server, dial(server));
    T_EQ(sfu_tcp_connections(server->tcp), 3);
    int fds[] = {stranger, other, third, fd, again};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        close(fds[i]);
    stop(server);
}

T_TEST(what_nobody_uses_is_closed)
{
    struct server *server = start(8, true);
    int fd = keep_proven(server, dial(server));
    sfu_tcp_close(server->tcp, server->path.connection);
    sfu_tcp_close(server->tcp, server->path.connection);
    sfu_tcp_close(server->tcp, 77); /* gone or never there */
    uint8_t byte = 9, received[3];
    struct sfu_egress_run run = run_to(&server->path, &byte, 1, 1);
    sfu_tcp_send(server->tcp, &run, 1); /* a goodbye still gets out */
    sfu_tcp_poll(server->tcp, base_clock_us());
    T_EQ(sfu_tcp_connections(server->tcp), 1);
    sfu_tcp_poll(server->tcp, base_clock_us() + SFU_TCP_LINGER_US);
    T_EQ(sfu_tcp_connections(server->tcp), 0);
    T_EQ(server->closed_count, 1);
    T_EQ(recv(fd, received, sizeof received, MSG_WAITALL), 3);
    T_EQ(received[2], 9);
    T_CHECK(ended(fd));
    close(fd);
    stop(server);
}

T_TEST(out_of_descriptors_the_listener_rests)
{
    struct server *server = start(8, true);
    int client = dial(server); /* in the backlog */
    struct rlimit old, low;
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    int next = dup(0);
    close(next);
    low.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &low);
    sfu_loop_wait(server->loop, base_clock_us() + 5000000);
    T_EQ(sfu_tcp_counters(server->tcp)->listen_pauses, 1);
    T_EQ(sfu_loop_wait(server->loop, 0), 0); /* does not spin */
    uint64_t deadline_us = sfu_tcp_deadline_us(server->tcp);
    T_CHECK(deadline_us <= base_clock_us() + SFU_TCP_LISTEN_RETRY_US);
    setrlimit(RLIMIT_NOFILE, &old);
    sfu_tcp_poll(server->tcp, deadline_us);
    put_frame(client, "keep", 4);
    RUN_UNTIL(server, server->frame_count == 1);
    T_EQ(sfu_tcp_counters(server->tcp)->listen_pauses, 1);
    close(client);
    stop(server);
}

/* ---- hand-over --------------------------------------------------------------------------------------------------- */

T_TEST(a_connection_is_handed_to_another_worker)
{
    struct server *listener = start(8, true), *worker = start(8, false);
    int fd = dial(listener);
    uint8_t bytes[200];
    size_t len = frame_bytes(bytes, "give", 30);
    len += frame_bytes(bytes + len, "second", 6);
    put(fd, bytes, len + 0);
    put(fd, "\0\5he", 4); /* half a frame */
    RUN_UNTIL(listener, listener->given_fd >= 0);
    T_EQ(sfu_tcp_connections(listener->tcp), 0);
    T_EQ(listener->closed_count, 0);
    T_EQ(sfu_tcp_adopt(worker->tcp, listener->given_fd, listener->given, listener->given_len), 0);
    put(fd, "llo", 3);
    RUN_UNTIL(worker, worker->frame_count == 3);
    T_EQ(worker->first_count, 0);
    T_EQ(worker->frame_len[0], 30);
    T_MEM_EQ(worker->frames[0], "give", 4);
    T_MEM_EQ(worker->frames[1], "second", 6);
    T_EQ(worker->frame_len[2], 5);
    T_MEM_EQ(worker->frames[2], "hello", 5);
    uint8_t data[5] = "reply", in[7];
    struct sfu_egress_run run = run_to(&worker->path, data, 5, 5);
    sfu_tcp_send(worker->tcp, &run, 1);
    T_EQ(recv(fd, in, 7, MSG_WAITALL), 7);
    T_MEM_EQ(in, "\0\5reply", 7);
    close(fd);
    RUN_UNTIL(worker, worker->closed_count == 1);
    stop(listener);
    stop(worker);
}

T_TEST(adopting_more_than_fits_closes_the_descriptor)
{
    struct server *listener = start(8, true);
    int fd = dial(listener);
    put_frame(fd, "give", 30);
    RUN_UNTIL(listener, listener->given_fd >= 0);
    uint8_t much[SFU_TCP_RECEIVED_MAX + 1] = {0};
    T_EQ(sfu_tcp_adopt(listener->tcp, listener->given_fd, much, sizeof much), BASE_ERR_INVALID);
    T_CHECK(ended(fd));
    close(fd);
    stop(listener);
}

T_TEST(a_listening_port_in_use)
{
    struct server *server = start(8, true), *other = start(8, false);
    union sfu_address address;
    sfu_address_parse(&address, "127.0.0.1", sfu_tcp_port(server->tcp));
    T_EQ(sfu_tcp_listen(other->tcp, &address), BASE_ERR_IO);
    T_EQ(errno, EADDRINUSE);
    stop(server);
    stop(other);
}

T_MAIN(T_CASE(frames_byte_by_byte), T_CASE(several_frames_in_one_read_and_null_frames),
       T_CASE(an_oversized_frame_ends_the_connection), T_CASE(a_bad_first_frame_is_refused),
       T_CASE(runs_go_out_as_frames), T_CASE(a_full_queue_drops_whole_frames), T_CASE(sending_to_a_vanished_peer),
       T_CASE(silent_connections_are_closed), T_CASE(a_full_table_gives_up_the_oldest_stranger),
       T_CASE(a_table_full_of_proven_ones_refuses), T_CASE(one_address_has_its_share),
       T_CASE(what_nobody_uses_is_closed), T_CASE(out_of_descriptors_the_listener_rests),
       T_CASE(a_connection_is_handed_to_another_worker), T_CASE(adopting_more_than_fits_closes_the_descriptor),
       T_CASE(a_listening_port_in_use))
