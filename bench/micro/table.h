/* SPDX-License-Identifier: Apache-2.0 */
/**
 * table.h - figures with their spread, as plain text: one line a figure, the median of several runs, the least and the
 * greatest.
 */
#ifndef CONSILIUM_BENCH_MICRO_TABLE_H
#define CONSILIUM_BENCH_MICRO_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_RUNS_MAX 31

/** Zeroed: empty. */
struct bench_samples {
    double value[BENCH_RUNS_MAX];
    size_t count;
};

/** Beyond BENCH_RUNS_MAX: ignored. */
void bench_samples_add(struct bench_samples *samples, double value);
double bench_samples_median(const struct bench_samples *samples);

void bench_table_title(const char *title);
void bench_table_row(const char *name, const struct bench_samples *samples, const char *unit);

/** CPU time of the calling thread in nanoseconds: other programs on the machine disturb it less than the clock on the
 *  wall. */
uint64_t bench_cpu_ns(void);
/** What a pair of bench_cpu_ns() calls adds to the time between them. */
uint64_t bench_cpu_overhead_ns(void);

#endif
