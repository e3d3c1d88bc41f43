/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_samples_add(struct bench_samples *samples, double value)
{
    if (samples->count < BENCH_RUNS_MAX)
        samples->value[samples->count++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_samples sorted(const struct bench_samples *samples)
{
    struct bench_samples copy = *samples;
    qsort(copy.value, copy.count, sizeof copy.value[0], compare);
    return copy;
}

double bench_samples_median(const struct bench_samples *samples)
{
    struct bench_samples copy = sorted(samples);
    return copy.count == 0 ? 0 : copy.value[copy.count / 2];
}

void bench_table_title(const char *title)
{
    printf("\n%-58s %10s %10s %10s\n", title, "median", "least", "greatest");
}

void bench_table_row(const char *name, const struct bench_samples *samples, const char *unit)
{
    if (samples->count == 0) {
        printf("  %-56s %10s\n", name, "failed");
        return;
    }
    struct bench_samples s = sorted(samples);
    double median = s.value[s.count / 2];
    int digits = median < 100 ? 2 : 0;
    printf("  %-56s %10.*f %10.*f %10.*f  %s\n", name, digits, median, digits, s.value[0], digits, s.value[s.count - 1],
           unit);
    fflush(stdout);
}

uint64_t bench_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_cpu_overhead_ns(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t start_ns = bench_cpu_ns();
        uint64_t ns = bench_cpu_ns() - start_ns;
        least = ns < least ? ns : least;
    }
    return least;
}
