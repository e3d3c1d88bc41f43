/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/result.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

uint64_t bench_result_expected(const struct bench_result *result)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < BENCH_KINDS; kind++)
        sum += result->kinds[kind].expected;
    return sum;
}

uint64_t bench_result_delivered(const struct bench_result *result)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < BENCH_KINDS; kind++)
        sum += result->kinds[kind].delivered;
    return sum;
}

uint64_t bench_result_tracks_missing(const struct bench_result *result)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < BENCH_KINDS; kind++)
        sum += result->kinds[kind].tracks_missing;
    return sum;
}

uint64_t bench_result_errors(const struct bench_result *result)
{
    uint64_t sum = result->protocol_problems + result->auth_failures + result->undecodable_frames +
                   result->wrong_frames + result->dropped;
    for (unsigned i = 0; i < BENCH_KINDS; i++)
        sum += result->kinds[i].duplicated + result->kinds[i].corrupt + result->kinds[i].wrong;
    if (result->chat_expected > result->chat_delivered)
        sum += result->chat_expected - result->chat_delivered;
    return sum;
}

void bench_result_delay(const struct bench_result *result, struct bench_histogram *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned kind = 0; kind < BENCH_KINDS; kind++)
        bench_histogram_merge(out, &result->kinds[kind].delay);
}

double bench_result_cost_us(const struct bench_result *result)
{
    uint64_t delivered = bench_result_delivered(result);
    if (!result->has_server_cpu || delivered == 0)
        return -1;
    return (double)result->server_cpu_us / (double)delivered;
}

double bench_result_server_cores(const struct bench_result *result)
{
    if (!result->has_server_cpu || !(result->measured_s > 0))
        return -1;
    return (double)result->server_cpu_us / 1e6 / result->measured_s;
}

double bench_result_generator_cores(const struct bench_result *result)
{
    return result->measured_s > 0 ? (double)result->generator_cpu_us / 1e6 / result->measured_s : -1;
}

bool bench_result_counts(const struct bench_result *result)
{
    return !result->generator_saturated && !result->interrupted;
}

bool bench_result_passed(const struct bench_result *result)
{
    for (unsigned i = 0; i < result->verdict_count; i++)
        if (result->verdicts[i].asked && !result->verdicts[i].ok)
            return false;
    return result->verdict_count > 0 && bench_result_counts(result);
}

void bench_result_fail(struct bench_result *result, const char *format, ...)
{
    unsigned index = result->failure_count++;
    if (index >= BENCH_FAILURES_MAX)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(result->failures[index], sizeof result->failures[index], format, list);
    va_end(list);
}

struct bench_sample *bench_result_sample(struct bench_result *result)
{
    if (result->sample_count == result->sample_capacity) {
        size_t capacity = result->sample_capacity != 0 ? result->sample_capacity * 2 : 128;
        struct bench_sample *samples = realloc(result->samples, capacity * sizeof *samples);
        if (samples == NULL)
            return NULL;
        result->samples = samples;
        result->sample_capacity = capacity;
    }
    struct bench_sample *sample = &result->samples[result->sample_count++];
    memset(sample, 0, sizeof *sample);
    return sample;
}

void bench_result_clear(struct bench_result *result)
{
    free(result->samples);
    memset(result, 0, sizeof *result);
}
