/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/micro.h"
#include "bench/micro/table.h"
#include "sfu/io/udp.h"

#define PACKETS 8192
#define RUNS    16   /* destinations of one iteration */
#define BYTES   1132 /* payload, RTP header with extensions, tag */

struct sink {
    uint64_t bytes;
};

static void count_bytes(void *user, const struct sfu_path *path, uint8_t *datagram, size_t len)
{
    struct sink *sink = user;
    (void)path;
    (void)datagram;
    sink->bytes += len;
}

/* Sends PACKETS packets in runs of `segments`, RUNS runs a call; the receiver reads in between, untimed. */
static double send_all(bool gso, uint16_t segments)
{
    struct sfu_udp_config config = {.buffer_bytes = 8u << 20, .gso = gso};
    struct sfu_udp *from = NULL, *to = NULL;
    static uint8_t memory[RUNS][64 * BYTES];
    struct sfu_egress_run runs[RUNS];
    struct sink sink = {0};
    double ns = -1;
    if (sfu_address_parse(&config.listen, "127.0.0.1", 0) != 0 || sfu_udp_open(&from, &config) != 0)
        goto out;
    config.gso = true; /* the receiver merges either way: its cost is not the question */
    if (sfu_udp_open(&to, &config) != 0)
        goto out;
    for (size_t i = 0; i < RUNS; i++) {
        runs[i] = (struct sfu_egress_run){
            .data = memory[i], .bytes = (uint32_t)segments * BYTES, .segment_bytes = BYTES, .segment_count = segments};
        sfu_address_parse(&runs[i].path.remote, "127.0.0.1", sfu_udp_port(to));
    }
    uint64_t total_ns = 0;
    size_t sent = 0;
    while (sent < PACKETS) {
        uint64_t start_ns = bench_cpu_ns();
        sent += sfu_udp_send(from, runs, RUNS);
        total_ns += bench_cpu_ns() - start_ns;
        while (sfu_udp_receive(to, count_bytes, &sink) > 0)
            ;
    }
    ns = (double)total_ns / (double)sent;
out:
    sfu_udp_close(from);
    sfu_udp_close(to);
    return ns;
}

void bench_micro_udp(size_t runs)
{
    static const struct {
        bool gso;
        uint16_t segments;
        const char *name;
    } rows[] = {{false, 8, "plain: one message a packet"},
                {true, 1, "GSO, runs of 1"},
                {true, 4, "GSO, runs of 4"},
                {true, 8, "GSO, runs of 8"},
                {true, 16, "GSO, runs of 16"}};
    bench_table_title("Sending a packet, loopback, one sendmmsg for 16 runs");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench_samples samples = {0};
        for (size_t run = 0; run <= runs; run++) {
            double ns = send_all(rows[i].gso, rows[i].segments);
            if (run > 0 && ns >= 0)
                bench_samples_add(&samples, ns);
        }
        bench_table_row(rows[i].name, &samples, "ns");
    }
}
