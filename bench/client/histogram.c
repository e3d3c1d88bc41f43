/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/histogram.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < BENCH_HISTOGRAM_STEPS)
        return (unsigned)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value); /* >= 5 */
    unsigned step = (unsigned)(value >> (exponent - 5)) & (BENCH_HISTOGRAM_STEPS - 1);
    unsigned bucket = (exponent - 4) * BENCH_HISTOGRAM_STEPS + step;
    return bucket < BENCH_HISTOGRAM_BUCKETS ? bucket : BENCH_HISTOGRAM_BUCKETS - 1;
}

static uint64_t value_of(unsigned bucket)
{
    if (bucket < BENCH_HISTOGRAM_STEPS)
        return bucket;
    unsigned exponent = bucket / BENCH_HISTOGRAM_STEPS + 4;
    uint64_t step = bucket % BENCH_HISTOGRAM_STEPS;
    return (BENCH_HISTOGRAM_STEPS + step) << (exponent - 5);
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value)
{
    uint32_t *bucket = &histogram->buckets[bucket_of(value)];
    *bucket += *bucket != UINT32_MAX;
    if (histogram->count++ == 0 || value < histogram->min)
        histogram->min = value;
    histogram->sum += value;
    if (value > histogram->max)
        histogram->max = value;
}

void bench_histogram_merge(struct bench_histogram *histogram, const struct bench_histogram *other)
{
    if (other->count == 0)
        return;
    for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        uint64_t both = (uint64_t)histogram->buckets[i] + other->buckets[i];
        histogram->buckets[i] = both < UINT32_MAX ? (uint32_t)both : UINT32_MAX;
    }
    if (histogram->count == 0 || other->min < histogram->min)
        histogram->min = other->min;
    histogram->count += other->count;
    histogram->sum += other->sum;
    if (other->max > histogram->max)
        histogram->max = other->max;
}

void bench_histogram_subtract(struct bench_histogram *histogram, const struct bench_histogram *earlier)
{
    for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] -= earlier->buckets[i];
    histogram->count -= earlier->count;
    histogram->sum -= earlier->sum;
}

double bench_histogram_mean(const struct bench_histogram *histogram)
{
    return histogram->count != 0 ? (double)histogram->sum / (double)histogram->count : 0;
}

uint64_t bench_histogram_quantile(const struct bench_histogram *histogram, double fraction)
{
    uint64_t rank = (uint64_t)((double)histogram->count * fraction), seen = 0;
    for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > rank)
            return value_of(i);
    }
    return histogram->max;
}

uint64_t bench_histogram_below(const struct bench_histogram *histogram, uint64_t value)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS && value_of(i) < value; i++)
        seen += histogram->buckets[i];
    return seen;
}
