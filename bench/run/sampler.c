/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.c - a sample a second, what server and generator cost, and whether the generator kept up. */
#include <stdio.h>
#include <string.h>

#include "bench/run/run_internal.h"

#define LATE_LIMIT_US 20000u
#define BUSY_SHARE    0.95 /* of a core, over the measured part */
#define BUSY_SECOND   0.98 /* in each of BUSY_IN_A_ROW seconds */
#define BUSY_IN_A_ROW 3u

void bench_run_sampler_start(struct bench_run *run, uint64_t now_us)
{
    struct bench_run_sampler *sampler = &run->sampler;
    struct bench_target_reading reading = {0};
    bench_target_read(run->config->target, &reading);
    sampler->began_us = now_us;
    sampler->media_us = now_us;
    sampler->next_us = now_us + BENCH_RUN_SAMPLE_US;
    sampler->own_cpu_us = bench_crowd_cpu_us();
    sampler->has_server_cpu = reading.has_cpu;
    sampler->server_cpu_us = reading.cpu_us;
}

/* ---- the generator ---------------------------------------------------------------------------------------------- */

static uint64_t own_drops(const struct bench_run *run)
{
    const struct bench_sockets_counters *counters = bench_sockets_counters(run->crowd->sockets);
    return counters->dropped_in + counters->dropped_out;
}

static void judge_generator(struct bench_run *run, uint64_t now_us)
{
    struct bench_result *result = run->result;
    const struct bench_run_sampler *sampler = &run->sampler;
    uint64_t late_us = bench_histogram_quantile(&result->generator_late, 0.99);
    uint64_t measured_us = (run->end_us != 0 ? run->end_us : now_us) - run->measure_us;
    double cores = measured_us != 0 ? (double)result->generator_cpu_us / (double)measured_us : 0;
    const char *why = NULL;
    if (result->generator_socket_drops != 0)
        snprintf(result->generator_why, sizeof result->generator_why,
                 "its own sockets had no room for %llu datagrams (raise net.core.rmem_max and wmem_max)",
                 (unsigned long long)result->generator_socket_drops);
    else if (late_us > LATE_LIMIT_US)
        snprintf(result->generator_why, sizeof result->generator_why,
                 "its loop was late: %.1f ms at the 99th percentile, %u ms allowed; other programs had its core for "
                 "%.1f s",
                 (double)late_us / 1e3, LATE_LIMIT_US / 1000,
                 (double)(bench_crowd_starved_us() - sampler->measure_own_starved_us) / 1e6);
    else if (cores > BUSY_SHARE && measured_us >= BENCH_RUN_SAMPLE_US)
        snprintf(result->generator_why, sizeof result->generator_why, "it used %.0f %% of its core", 100 * cores);
    else if (sampler->busy)
        snprintf(result->generator_why, sizeof result->generator_why, "it used its whole core for %u seconds and more",
                 BUSY_IN_A_ROW);
    else
        why = "";
    result->generator_saturated = why == NULL;
    if (why != NULL)
        result->generator_why[0] = 0;
}

/* ---- the measured part ------------------------------------------------------------------------------------------ */

/* The second that has begun before belongs to neither side: it is left out of both. */
static void forget_second(struct bench_run *run)
{
    struct bench_run_sampler *sampler = &run->sampler;
    memset(sampler->live, 0, sizeof sampler->live);
    memset(&run->crowd->late, 0, sizeof run->crowd->late);
}

static void keep_second(struct bench_run *run)
{
    struct bench_run_sampler *sampler = &run->sampler;
    for (int kind = 0; kind < BENCH_KINDS; kind++)
        bench_histogram_merge(&run->closed[kind].delay, &sampler->live[kind]);
    bench_histogram_merge(&run->result->generator_late, &run->crowd->late);
}

void bench_run_sampler_measure(struct bench_run *run, uint64_t now_us)
{
    struct bench_run_sampler *sampler = &run->sampler;
    struct bench_target_reading reading = {0};
    bench_target_read(run->config->target, &reading);
    sampler->media_us = now_us;
    sampler->measure_own_cpu_us = bench_crowd_cpu_us();
    sampler->measure_server_cpu_us = reading.cpu_us;
    sampler->measure_server_drops = reading.socket_drops;
    sampler->measure_own_drops = own_drops(run);
    sampler->measure_own_starved_us = bench_crowd_starved_us();
    run->result->has_server_cpu = reading.has_cpu;
    run->result->has_server_memory = reading.has_memory;
    run->result->server_memory_start_bytes = reading.memory_bytes;
    bench_run_count(run, &sampler->measure_counters);
    memset(sampler->kinds, 0, sizeof sampler->kinds); /* the account begins anew: nobody hears of what is under way */
    if (run->result->sample_count != 0) {
        struct bench_sample *last = &run->result->samples[run->result->sample_count - 1];
        if (last->delivered < last->expected)
            last->expected = last->delivered;
    }
    sampler->busy_seconds = 0;
    forget_second(run);
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static void read_costs(struct bench_run *run)
{
    struct bench_result *result = run->result;
    const struct bench_run_sampler *sampler = &run->sampler;
    struct bench_target_reading reading = {0};
    bench_target_read(run->config->target, &reading);
    /* One that has started again meanwhile, or is gone: nobody knows. */
    result->has_server_cpu =
        result->has_server_cpu && reading.has_cpu && reading.cpu_us >= sampler->measure_server_cpu_us;
    result->server_cpu_us = result->has_server_cpu ? reading.cpu_us - sampler->measure_server_cpu_us : 0;
    result->server_threads = reading.threads;
    result->server_memory_end_bytes = reading.memory_bytes;
    if (reading.memory_bytes > result->server_memory_peak_bytes)
        result->server_memory_peak_bytes = reading.memory_bytes;
    result->server_socket_drops = grown(reading.socket_drops, sampler->measure_server_drops);
    result->generator_cpu_us = bench_crowd_cpu_us() - sampler->measure_own_cpu_us;
    result->generator_socket_drops = own_drops(run) - sampler->measure_own_drops;
}

void bench_run_sampler_end(struct bench_run *run, uint64_t now_us)
{
    keep_second(run);
    forget_second(run);
    read_costs(run);
    run->result->measured_s = (double)(now_us - run->measure_us) / 1e6;
}

/* ---- a second --------------------------------------------------------------------------------------------------- */

static uint64_t rate(uint64_t bytes, uint64_t over_us)
{
    return over_us != 0 ? (uint64_t)(8e6 * (double)bytes / (double)over_us) : 0;
}

/* The account begins anew within a second (the measured part has its own beginning): rates are of what is left of it.
 */
static void sample_media(struct bench_run *run, struct bench_sample *sample, uint64_t now_us)
{
    struct bench_run_sampler *sampler = &run->sampler;
    uint64_t over_us = now_us - sampler->media_us, bytes = 0, layer_bytes[BENCH_LAYERS] = {0};
    struct bench_kind_result kinds[BENCH_KINDS];
    struct bench_histogram delay = {0};
    bench_run_edges_sum(run, kinds);
    for (int kind = 0; kind < BENCH_KINDS; kind++) {
        const struct bench_kind_result *now = &kinds[kind], *before = &sampler->kinds[kind];
        sample->expected += grown(now->expected, before->expected);
        sample->delivered += grown(now->delivered, before->delivered);
        sample->repaired += grown(now->repaired, before->repaired);
        bytes += grown(now->bytes, before->bytes);
        sample->freezes += grown(now->freezes, before->freezes);
        for (int layer = 0; layer < BENCH_LAYERS && kind == BENCH_KIND_CAMERA; layer++)
            layer_bytes[layer] += grown(now->layer_bytes[layer], before->layer_bytes[layer]);
        bench_histogram_merge(&delay, &sampler->live[kind]);
    }
    sample->delivered_bps = rate(bytes, over_us);
    for (int layer = 0; layer < BENCH_LAYERS; layer++)
        sample->layer_bps[layer] = rate(layer_bytes[layer], over_us);
    sampler->media_us = now_us;
    sample->delay_p50_us = bench_histogram_quantile(&delay, 0.5);
    sample->delay_p99_us = bench_histogram_quantile(&delay, 0.99);
    memcpy(sampler->kinds, kinds, sizeof kinds);
}

/* What arrives in this second may have been sent in an earlier one, where it was missing until now: it goes back there,
 * to the nearest first. So a sample's loss is in the end what never came, and only the newest one has packets that are
 * still on their way. */
static void settle_late(struct bench_result *result)
{
    if (result->sample_count == 0)
        return;
    struct bench_sample *newest = &result->samples[result->sample_count - 1];
    bool measured = newest->measured;
    for (size_t i = result->sample_count - 1; i > 0 && newest->delivered > newest->expected; i--) {
        struct bench_sample *sample = &result->samples[i - 1];
        if (measured && !sample->measured)
            return; /* the account began anew between the two */
        measured = sample->measured;
        if (sample->delivered >= sample->expected)
            continue;
        uint64_t missing = sample->expected - sample->delivered, late = newest->delivered - newest->expected;
        uint64_t moved = missing < late ? missing : late;
        sample->delivered += moved;
        newest->delivered -= moved;
    }
}

static void sample_costs(struct bench_run *run, struct bench_sample *sample, double seconds)
{
    struct bench_run_sampler *sampler = &run->sampler;
    struct bench_target_reading reading = {0};
    bench_target_read(run->config->target, &reading);
    uint64_t own_us = bench_crowd_cpu_us();
    sample->server_cpu = reading.has_cpu && sampler->has_server_cpu
                             ? (double)grown(reading.cpu_us, sampler->server_cpu_us) / 1e6 / seconds
                             : -1;
    sample->server_memory_bytes = reading.has_memory ? reading.memory_bytes : 0;
    sample->generator_cpu = (double)(own_us - sampler->own_cpu_us) / 1e6 / seconds;
    sample->generator_late_us = run->crowd->late.max;
    sampler->has_server_cpu = reading.has_cpu;
    sampler->server_cpu_us = reading.cpu_us;
    sampler->own_cpu_us = own_us;
    if (!sample->measured)
        return;
    sampler->busy_seconds = sample->generator_cpu > BUSY_SECOND ? sampler->busy_seconds + 1 : 0;
    sampler->busy = sampler->busy || sampler->busy_seconds >= BUSY_IN_A_ROW;
}

bool bench_run_sampler_poll(struct bench_run *run, uint64_t now_us)
{
    struct bench_run_sampler *sampler = &run->sampler;
    struct bench_run_counters counters;
    if (now_us < sampler->next_us)
        return false;
    double seconds = (double)(now_us - sampler->next_us + BENCH_RUN_SAMPLE_US) / 1e6;
    sampler->next_us = now_us + BENCH_RUN_SAMPLE_US - (now_us - sampler->next_us) % BENCH_RUN_SAMPLE_US;
    struct bench_sample *sample = bench_result_sample(run->result);
    if (sample == NULL)
        return true;
    bench_run_count(run, &counters);
    sample->at_us = now_us - sampler->began_us;
    sample->measured = run->measuring;
    sample->people = bench_run_people_inside(run);
    sample->entering = bench_run_people_entering(run);
    sample->failed = run->result->failed_joins - sampler->failed;
    sample->nacks = grown(counters.nacks, sampler->counters.nacks);
    sample->keyframe_requests = grown(counters.keyframe_requests, sampler->counters.keyframe_requests);
    sample->join_p99_us = bench_histogram_quantile(&sampler->join, 0.99);
    sample_media(run, sample, now_us);
    settle_late(run->result);
    sample_costs(run, sample, seconds);
    if (run->measuring)
        keep_second(run);
    forget_second(run);
    memset(&sampler->join, 0, sizeof sampler->join);
    sampler->failed = run->result->failed_joins;
    sampler->counters = counters;
    return true;
}

/* ---- so far ----------------------------------------------------------------------------------------------------- */

void bench_run_fill(struct bench_run *run, uint64_t now_us)
{
    struct bench_result *result = run->result;
    struct bench_run_counters counters;
    if (run->measure_us == 0)
        return;
    bench_run_edges_sum(run, result->kinds);
    bench_run_count(run, &counters);
    const struct bench_run_counters *before = &run->sampler.measure_counters;
    result->nacks = grown(counters.nacks, before->nacks);
    result->keyframe_requests = grown(counters.keyframe_requests, before->keyframe_requests);
    result->auth_failures = grown(counters.auth_failures, before->auth_failures);
    result->unknown_packets = grown(counters.unknown_packets, before->unknown_packets);
    result->network_lost = grown(counters.network_lost, before->network_lost);
    result->protocol_problems = counters.problems; /* of the whole run: none is right */
    if (run->end_us == 0) {
        read_costs(run);
        result->measured_s = (double)(now_us - run->measure_us) / 1e6;
    }
    judge_generator(run, now_us);
}
