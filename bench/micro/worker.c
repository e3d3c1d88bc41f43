/* SPDX-License-Identifier: Apache-2.0 */
/* One worker with its sockets, and clients around it over the loopback interface, in real time. Only the CPU time of
 * the worker's thread is counted. On this interface the sender also pays for the kernel's receiving side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "bench/micro/table.h"
#include "sfu/io/loop.h"
#include "sfu/io/udp.h"
#include "sfu/sfu.h"

#define CONNECT_US 15000000u

struct site;

struct line {
    struct sfu_loop_source source;
    struct site *site;
    struct sfu_udp *udp;
    size_t endpoint;
};

struct site {
    struct sfu *sfu;
    struct sfu_loop *loop;
    struct bench_party *party; /* NULL while it is being made */
    struct line *lines;
    size_t line_count;
};

static void on_command(void *user, const struct sfu_command *command)
{
    struct site *site = user;
    if (sfu_post(site->sfu, command) != 0)
        fprintf(stderr, "bench: command %d refused\n", (int)command->kind);
}

static void credentials(void *user, uint64_t room_id, struct sfu_ice_credentials *out)
{
    struct site *site = user;
    (void)sfu_ice_credentials(site->sfu, room_id, out);
}

static void path_of(void *user, size_t endpoint, uint64_t room_id, struct sfu_path *out)
{
    struct site *site = user;
    struct sfu_candidate candidate;
    memset(out, 0, sizeof *out);
    if (sfu_candidates(site->sfu, room_id, &candidate, 1) == 1)
        sfu_address_parse(&out->remote, candidate.address, candidate.port);
    sfu_address_parse(&out->local, "127.0.0.1", sfu_udp_port(site->lines[endpoint].udp));
}

static void on_send(void *user, size_t endpoint, const struct sfu_path *path, const uint8_t *datagram, size_t len)
{
    struct site *site = user;
    uint8_t copy[SFU_UDP_DATAGRAM_MAX_BYTES];
    memcpy(copy, datagram, len);
    const struct sfu_egress_run run = {
        .path = *path, .data = copy, .bytes = (uint32_t)len, .segment_bytes = (uint16_t)len, .segment_count = 1};
    sfu_udp_send(site->lines[endpoint].udp, &run, 1);
}

static void on_datagram(void *user, const struct sfu_path *path, uint8_t *datagram, size_t len)
{
    struct line *line = user;
    if (line->site->party != NULL)
        bench_party_on_datagram(line->site->party, line->endpoint, base_clock_us(), path, datagram, len);
}

static void on_ready(struct sfu_loop_source *source, uint32_t events)
{
    struct line *line = (struct line *)(void *)source; /* its first member */
    (void)events;
    sfu_udp_receive(line->udp, on_datagram, line);
}

static void on_notify(void *user)
{
    struct site *site = user;
    sfu_loop_wake(site->loop);
}

static void run_until(struct site *site, uint64_t end_us)
{
    struct sfu_event event;
    for (uint64_t now_us; (now_us = base_clock_us()) < end_us;) {
        bench_party_poll(site->party, now_us);
        uint64_t deadline_us = bench_party_deadline_us(site->party);
        sfu_loop_wait(site->loop, deadline_us < end_us ? deadline_us : end_us);
        while (sfu_take_event(site->sfu, &event))
            ;
    }
}

static int open_lines(struct site *site, size_t count)
{
    site->lines = calloc(count, sizeof *site->lines);
    if (site->lines == NULL || sfu_loop_create(&site->loop) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct line *line = &site->lines[i];
        struct sfu_udp_config config = {.buffer_bytes = 1u << 20, .gso = true};
        sfu_address_parse(&config.listen, "127.0.0.1", 0);
        if (sfu_udp_open(&line->udp, &config) != 0)
            return -1;
        site->line_count++;
        line->site = site;
        line->endpoint = i;
        line->source = (struct sfu_loop_source){.fd = sfu_udp_fd(line->udp), .on_ready = on_ready};
        if (sfu_loop_add(site->loop, &line->source, EPOLLIN) != 0)
            return -1;
    }
    return 0;
}

struct figures {
    struct bench_samples cpu_us, packets_a_second, run_length, delivered;
};

static void measure(struct site *site, size_t runs, struct figures *figures)
{
    struct sfu_worker_stats before, after;
    sfu_worker_stats(site->sfu, &before, 1);
    for (size_t run = 0; run <= runs; run++) {
        uint64_t received = bench_party_received(site->party), start_us = base_clock_us();
        run_until(site, start_us + 1000000);
        received = bench_party_received(site->party) - received;
        sfu_worker_stats(site->sfu, &after, 1);
        /* A snapshot holds the counters and the CPU time of one moment. */
        uint64_t packets = after.engine.rtp_forwarded - before.engine.rtp_forwarded;
        uint64_t cpu_us = after.cpu_us - before.cpu_us;
        uint64_t messages = after.gso_messages - before.gso_messages,
                 segments = after.gso_segments - before.gso_segments;
        if (packets == 0 || cpu_us == 0 || run == 0) {
            before = after; /* the first window began before everything flowed */
            continue;
        }
        bench_samples_add(&figures->cpu_us, (double)cpu_us / (double)packets);
        bench_samples_add(&figures->packets_a_second, 1e6 * (double)packets / (double)cpu_us);
        bench_samples_add(&figures->delivered, 1e6 * (double)received / (double)(base_clock_us() - start_us));
        if (messages > 0)
            bench_samples_add(&figures->run_length, (double)segments / (double)messages);
        before = after;
    }
}

static void conference(size_t runs, uint32_t rooms, uint32_t people, bool gso, uint32_t coalesce_us,
                       struct figures *figures)
{
    struct site site = {0};
    const struct sfu_config config = {.worker_count = 1,
                                      .listen_address = "127.0.0.1",
                                      .socket_buffer_bytes = 4u << 20,
                                      .gso = gso,
                                      .coalesce_us = coalesce_us,
                                      .notify = on_notify,
                                      .user = &site};
    if (open_lines(&site, 2ull * rooms * people) != 0 || sfu_create(&site.sfu, &config) != 0)
        goto out;
    const struct bench_party_config party = {.rooms = rooms,
                                             .people = people,
                                             .publishers = people,
                                             .video_bps = 1000000,
                                             .fingerprint = sfu_fingerprint(site.sfu),
                                             .command = on_command,
                                             .credentials = credentials,
                                             .path = path_of,
                                             .send = on_send,
                                             .user = &site};
    uint64_t start_us = base_clock_us();
    if (bench_party_create(&site.party, &party, start_us) != 0)
        goto out;
    while (!bench_party_connected(site.party) && base_clock_us() < start_us + CONNECT_US)
        run_until(&site, base_clock_us() + 100000);
    if (bench_party_connected(site.party)) {
        run_until(&site, base_clock_us() + 2000000);
        measure(&site, runs, figures);
    }
out:
    sfu_destroy(site.sfu);
    bench_party_destroy(site.party);
    for (size_t i = 0; i < site.line_count; i++)
        sfu_udp_close(site.lines[i].udp);
    sfu_loop_destroy(site.loop);
    free(site.lines);
}

void bench_micro_worker(size_t runs)
{
    static const struct {
        uint32_t rooms, people;
        bool gso;
        uint32_t coalesce_us;
        const char *name;
    } rows[] = {{4, 6, true, 2000, "4 rooms of 6, GSO, rest 2 ms"},
                {4, 6, true, 0, "4 rooms of 6, GSO, no rest"},
                {4, 6, false, 0, "4 rooms of 6, plain sends, no rest"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct figures figures = {0};
        conference(runs, rows[i].rooms, rows[i].people, rows[i].gso, rows[i].coalesce_us, &figures);
        char title[64];
        snprintf(title, sizeof title, "One worker: %s", rows[i].name);
        bench_table_title(title);
        bench_table_row("CPU for each packet delivered", &figures.cpu_us, "us");
        bench_table_row("packets a second at 100 % of its core (computed)", &figures.packets_a_second, "1/s");
        bench_table_row("packets a second that the clients received", &figures.delivered, "1/s");
        if (rows[i].gso)
            bench_table_row("packets in one GSO message", &figures.run_length, "packets");
    }
}
