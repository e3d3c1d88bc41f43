/* SPDX-License-Identifier: Apache-2.0 */
/**
 * histogram.h - how long things took: counts by value with at most 3 % error, 0 to 2^40, in fixed memory (under 5 KB).
 *
 * Linear steps in each power of two, as HdrHistogram has them. All zeroes is an empty histogram. A bucket stays at
 * UINT32_MAX when it is full; count and sum do not.
 */
#ifndef CONSILIUM_BENCH_CLIENT_HISTOGRAM_H
#define CONSILIUM_BENCH_CLIENT_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_STEPS   32 /**< in each power of two */
#define BENCH_HISTOGRAM_BUCKETS (BENCH_HISTOGRAM_STEPS * 36)

struct bench_histogram {
    uint64_t count, sum, max;
    uint64_t min; /**< valid if count != 0 */
    uint32_t buckets[BENCH_HISTOGRAM_BUCKETS];
};

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value);
/** Adds the counts of `other`. */
void bench_histogram_merge(struct bench_histogram *histogram, const struct bench_histogram *other);
/** Takes the counts of an earlier state of the same histogram away (`max` and `min` stay). */
void bench_histogram_subtract(struct bench_histogram *histogram, const struct bench_histogram *earlier);
/** Mean; 0 if there are none. */
double bench_histogram_mean(const struct bench_histogram *histogram);
/** The value below which `fraction` (0..1) of the entries lie; 0 if there are none. */
uint64_t bench_histogram_quantile(const struct bench_histogram *histogram, double fraction);
/** How many entries lie below `value`, by whole buckets. */
uint64_t bench_histogram_below(const struct bench_histogram *histogram, uint64_t value);

#endif
