/* SPDX-License-Identifier: Apache-2.0 */
/* The whole engine behind its sockets: two rooms on two workers, half of the peer connections over UDP, half over TCP.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "bench/micro/party.h"
#include "sfu/io/address.h"
#include "sfu/sfu.h"
#include "tests/support/test.h"

#define ROOMS     2
#define PEOPLE    3
#define ENDPOINTS (2 * ROOMS * PEOPLE)
#define FRAME_MAX 1500

/* A client's socket, blocking except for reads. */
struct line {
    bool tcp;
    int fd;
    struct sfu_path path;
    size_t used; /* TCP: bytes of frames not complete yet */
    uint8_t in[8192];
};

struct site {
    struct sfu *sfu;
    struct bench_party *party;
    struct line lines[ENDPOINTS];
    size_t refused, opened, closed;
};

static void on_command(void *user, const struct sfu_command *command)
{
    struct site *site = user;
    site->refused += sfu_post(site->sfu, command) != 0;
}

static void credentials(void *user, uint64_t room_id, struct sfu_ice_credentials *out)
{
    struct site *site = user;
    site->refused += sfu_ice_credentials(site->sfu, room_id, out) != 0;
}

/* Connects the endpoint's socket to the server's candidate. */
static void path_of(void *user, size_t endpoint, uint64_t room_id, struct sfu_path *out)
{
    struct site *site = user;
    struct line *line = &site->lines[endpoint];
    struct sfu_candidate candidates[2];
    line->tcp = endpoint % 2 == (endpoint / 2) % 2; /* publishing for some, subscribing for the others */
    size_t count = sfu_candidates(site->sfu, room_id, candidates, 2);
    socklen_t len = sizeof line->path.local;
    line->path.protocol = line->tcp ? SFU_PROTOCOL_TCP : SFU_PROTOCOL_UDP;
    line->fd = socket(AF_INET, line->tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (count != 2 || candidates[line->tcp].tcp != line->tcp ||
        sfu_address_parse(&line->path.remote, candidates[line->tcp].address, candidates[line->tcp].port) != 0 ||
        connect(line->fd, &line->path.remote.sa, sizeof line->path.remote.in4) != 0 ||
        getsockname(line->fd, &line->path.local.sa, &len) != 0)
        abort();
    sfu_address_normalise(&line->path.local);
    *out = line->path;
}

static void on_send(void *user, size_t endpoint, const struct sfu_path *path, const uint8_t *datagram, size_t len)
{
    struct site *site = user;
    struct line *line = &site->lines[endpoint];
    uint8_t out[2 + FRAME_MAX];
    (void)path;
    if (len > FRAME_MAX)
        abort();
    base_put_be16(out, (uint16_t)len);
    memcpy(out + 2, datagram, len);
    size_t skip = line->tcp ? 0 : 2;
    (void)!send(line->fd, out + skip, 2 + len - skip, MSG_NOSIGNAL);
}

static void read_line(struct site *site, size_t endpoint)
{
    struct line *line = &site->lines[endpoint];
    uint64_t now_us = base_clock_us();
    ssize_t n = recv(line->fd, line->in + line->used, sizeof line->in - line->used, MSG_DONTWAIT);
    if (n <= 0)
        return;
    if (!line->tcp) {
        bench_party_on_datagram(site->party, endpoint, now_us, &line->path, line->in, (size_t)n);
        return;
    }
    line->used += (size_t)n;
    size_t offset = 0;
    while (line->used - offset >= 2) {
        size_t len = base_get_be16(line->in + offset);
        if (line->used - offset - 2 < len)
            break;
        bench_party_on_datagram(site->party, endpoint, now_us, &line->path, line->in + offset + 2, len);
        offset += 2 + len;
    }
    line->used -= offset;
    memmove(line->in, line->in + offset, line->used);
}

static void take_events(struct site *site)
{
    struct sfu_event event;
    while (sfu_take_event(site->sfu, &event)) {
        site->opened += event.kind == SFU_EVENT_JOINED;
        site->closed += event.kind == SFU_EVENT_ROOM_CLOSED;
        site->refused += event.kind == SFU_EVENT_REFUSED;
    }
}

/* Runs the clients until `received` RTP packets came and all are connected; false after 20 s. */
static bool run_until(struct site *site, uint64_t received)
{
    uint64_t end_us = base_clock_us() + 20000000;
    while (!bench_party_connected(site->party) || bench_party_received(site->party) < received) {
        uint64_t now_us = base_clock_us();
        if (now_us > end_us)
            return false;
        bench_party_poll(site->party, now_us);
        struct pollfd fds[ENDPOINTS];
        for (size_t i = 0; i < ENDPOINTS; i++)
            fds[i] = (struct pollfd){.fd = site->lines[i].fd, .events = POLLIN};
        uint64_t deadline_us = bench_party_deadline_us(site->party);
        uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
        poll(fds, ENDPOINTS, wait_us < 100000 ? (int)(wait_us / 1000) : 100);
        for (size_t i = 0; i < ENDPOINTS; i++)
            if (fds[i].revents != 0)
                read_line(site, i);
        take_events(site);
    }
    return true;
}

T_TEST(two_rooms_on_two_workers_over_udp_and_tcp)
{
    static struct site site;
    memset(&site, 0, sizeof site);
    const struct sfu_config config = {.worker_count = 2,
                                      .listen_address = "127.0.0.1",
                                      .tcp_enabled = true,
                                      .socket_buffer_bytes = 1u << 20,
                                      .gso = true,
                                      .coalesce_us = 1000};
    T_EQ(sfu_create(&site.sfu, &config), 0);
    const struct bench_party_config party = {.rooms = ROOMS,
                                             .people = PEOPLE,
                                             .publishers = PEOPLE,
                                             .video_bps = 300000,
                                             .fingerprint = sfu_fingerprint(site.sfu),
                                             .command = on_command,
                                             .credentials = credentials,
                                             .path = path_of,
                                             .send = on_send,
                                             .user = &site};
    T_EQ(bench_party_create(&site.party, &party, base_clock_us()), 0);
    T_CHECK(run_until(&site, 3000));
    T_EQ(site.opened, ROOMS * PEOPLE);
    T_EQ(site.refused, 0);

    sfu_stop(site.sfu, 200);
    take_events(&site);
    T_EQ(site.closed, ROOMS);
    struct sfu_worker_stats stats[2];
    T_EQ(sfu_worker_stats(site.sfu, stats, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        T_EQ(stats[i].tcp_accepted, PEOPLE);
        T_CHECK(stats[i].engine.rtp_forwarded > 1000);
        T_EQ(stats[i].engine.dropped_srtp_auth, 0);
        T_EQ(stats[i].engine.dropped_malformed, 0);
        T_CHECK(stats[i].gso_segments > 0);
    }
    sfu_destroy(site.sfu);
    bench_party_destroy(site.party);
    for (size_t i = 0; i < ENDPOINTS; i++)
        close(site.lines[i].fd);
}

T_MAIN(T_CASE(two_rooms_on_two_workers_over_udp_and_tcp))
