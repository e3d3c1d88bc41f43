/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in memory and in virtual time: real clients around it, of which nothing is timed. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "bench/micro/table.h"
#include "sfu/room/engine.h"

#define TICK_US     2000u    /* of virtual time: packets that a worker meets in one iteration */
#define WARM_UP_US  4000000u /* handshakes, first key frames */
#define WINDOW_US   2000000u /* of one run */
#define PENDING_MAX 512
#define FIRST_PORT  10000

struct bench_stage {
    struct sfu_engine *engine;
    struct bench_party *party;
    uint64_t now_us;
    uint64_t engine_ns; /* CPU time spent inside the engine */
    uint64_t overhead_ns;
    struct {
        struct sfu_path path;
        size_t len;
        uint8_t bytes[1500];
    } pending[PENDING_MAX]; /* to the engine, in the next tick */
    size_t pending_count;
};

static void on_event(void *user, const struct sfu_event *event)
{
    (void)user;
    (void)event;
}

static void on_command(void *user, const struct sfu_command *command)
{
    struct bench_stage *stage = user;
    sfu_engine_command(stage->engine, stage->now_us, command);
}

static void credentials(void *user, uint64_t room_id, struct sfu_ice_credentials *out)
{
    (void)user;
    (void)room_id;
    base_random_ice_chars(out->ufrag, 8);
    base_random_ice_chars(out->pwd, 24);
}

static void path_of(void *user, size_t endpoint, uint64_t room_id, struct sfu_path *out)
{
    (void)user;
    (void)room_id;
    memset(out, 0, sizeof *out);
    out->local.in4.sin_family = out->remote.in4.sin_family = AF_INET;
    out->local.in4.sin_addr.s_addr = htonl(0x0A000002);
    out->local.in4.sin_port = htons((uint16_t)(FIRST_PORT + endpoint));
    out->remote.in4.sin_addr.s_addr = htonl(0x0A000001);
    out->remote.in4.sin_port = htons(5000);
}

static void on_send(void *user, size_t endpoint, const struct sfu_path *path, const uint8_t *datagram, size_t len)
{
    struct bench_stage *stage = user;
    (void)endpoint;
    if (stage->pending_count == PENDING_MAX || len > sizeof stage->pending[0].bytes)
        return; /* lost, as on a network */
    stage->pending[stage->pending_count].path = *path;
    stage->pending[stage->pending_count].path.local = path->remote;
    stage->pending[stage->pending_count].path.remote = path->local;
    stage->pending[stage->pending_count].len = len;
    memcpy(stage->pending[stage->pending_count++].bytes, datagram, len);
}

/* Gives the egress to the clients. Returns how many packets there were. */
static void deliver(struct bench_stage *stage)
{
    size_t count;
    const struct sfu_egress_run *runs = sfu_egress_runs(sfu_engine_egress(stage->engine), &count);
    for (size_t i = 0; i < count; i++) {
        size_t endpoint = (size_t)ntohs(runs[i].path.remote.in4.sin_port) - FIRST_PORT;
        struct sfu_path path = runs[i].path;
        path.local = runs[i].path.remote;
        path.remote = runs[i].path.local;
        for (uint32_t at = 0; at < runs[i].bytes; at += runs[i].segment_bytes) {
            uint32_t left = runs[i].bytes - at;
            bench_party_on_datagram(stage->party, endpoint, stage->now_us, &path, runs[i].data + at,
                                    left < runs[i].segment_bytes ? left : runs[i].segment_bytes);
        }
    }
    sfu_egress_reset(sfu_engine_egress(stage->engine));
}

static void tick(struct bench_stage *stage)
{
    stage->now_us += TICK_US;
    bench_party_poll(stage->party, stage->now_us);
    uint64_t start_ns = bench_cpu_ns();
    for (size_t i = 0; i < stage->pending_count; i++)
        sfu_engine_on_datagram(stage->engine, stage->now_us, &stage->pending[i].path, stage->pending[i].bytes,
                               stage->pending[i].len);
    if (sfu_engine_deadline_us(stage->engine) <= stage->now_us)
        sfu_engine_poll(stage->engine, stage->now_us);
    uint64_t ns = bench_cpu_ns() - start_ns;
    stage->engine_ns += ns > stage->overhead_ns ? ns - stage->overhead_ns : 0;
    stage->pending_count = 0;
    deliver(stage);
}

static void run_for(struct bench_stage *stage, uint64_t us)
{
    for (uint64_t end_us = stage->now_us + us; stage->now_us < end_us;)
        tick(stage);
}

/* One publisher (or all), `people` in one room. Adds the nanoseconds for each packet delivered. */
static void measure(size_t runs, uint32_t people, uint32_t publishers, struct bench_samples *each,
                    struct bench_samples *run_length)
{
    struct sfu_dtls_identity *identity = NULL;
    struct bench_stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL || sfu_dtls_identity_create(&identity) != 0)
        goto out;
    stage->now_us = 1000000000;
    stage->overhead_ns = bench_cpu_overhead_ns();
    const struct sfu_engine_config engine = {.identity = identity,
                                             .hash_key = {1, 2},
                                             .random_seed = 3,
                                             .packet_max = 32768,
                                             .egress_chunk_max = 2048,
                                             .on_event = on_event,
                                             .user = stage};
    if (sfu_engine_create(&stage->engine, &engine) != 0)
        goto out;
    sfu_engine_set_wall_offset_us(stage->engine, 1000000);
    const struct bench_party_config party = {.rooms = 1,
                                             .people = people,
                                             .publishers = publishers,
                                             .video_bps = 1000000,
                                             .fingerprint = sfu_dtls_identity_fingerprint(identity),
                                             .command = on_command,
                                             .credentials = credentials,
                                             .path = path_of,
                                             .send = on_send,
                                             .user = stage};
    if (bench_party_create(&stage->party, &party, stage->now_us) != 0)
        goto out;
    run_for(stage, WARM_UP_US);
    for (size_t run = 0; run < runs && bench_party_connected(stage->party); run++) {
        uint64_t ns = stage->engine_ns, packets = bench_party_received(stage->party);
        const struct sfu_egress_counters *egress = sfu_egress_counters(sfu_engine_egress(stage->engine));
        uint64_t sent = egress->packets, messages = egress->runs;
        run_for(stage, WINDOW_US);
        packets = bench_party_received(stage->party) - packets;
        if (packets > 0)
            bench_samples_add(each, (double)(stage->engine_ns - ns) / (double)packets);
        if (egress->runs > messages)
            bench_samples_add(run_length, (double)(egress->packets - sent) / (double)(egress->runs - messages));
    }
out:
    if (stage != NULL) {
        bench_party_destroy(stage->party);
        sfu_engine_destroy(stage->engine);
    }
    if (identity != NULL)
        sfu_dtls_identity_destroy(identity);
    free(stage);
}

void bench_micro_engine(size_t runs)
{
    static const struct {
        uint32_t people, publishers;
        const char *name;
    } rows[] = {{2, 1, "1 publisher to 1 subscriber"},
                {6, 1, "1 publisher to 5 subscribers"},
                {20, 1, "1 publisher to 19 subscribers"},
                {6, 6, "room of 6, all publish"}};
    bench_table_title("Forward + protect, for each packet delivered (engine, GCM)");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench_samples each = {0}, run_length = {0};
        measure(runs, rows[i].people, rows[i].publishers, &each, &run_length);
        bench_table_row(rows[i].name, &each, "ns");
        if (i + 1 == sizeof rows / sizeof rows[0])
            bench_table_row("  its packets in one message (2 ms an iteration)", &run_length, "packets");
    }
}
