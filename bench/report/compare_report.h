/* SPDX-License-Identifier: Apache-2.0 */
/**
 * compare_report.h - two servers under the same load, run in turn (A B A B ...), side by side: the medians, the spread,
 * and the ratio A / B of neighbouring runs, so that a machine that grows slower meanwhile hurts both alike.
 *
 * A run that does not count (generator saturated, interrupted) is left out of all figures, and said. So is the pair it
 * belongs to, for the ratios. A figure that is not known stays unknown ("-", null), it never becomes 0.
 * Writers return 0 or BASE_ERR_IO (the file could not be written whole).
 */
#ifndef CONSILIUM_BENCH_REPORT_COMPARE_REPORT_H
#define CONSILIUM_BENCH_REPORT_COMPARE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/report/result.h"

#define BENCH_COMPARE_RUNS_MAX 32 /**< of one side and scenario; later ones are ignored */

enum bench_compare_side { BENCH_SIDE_A, BENCH_SIDE_B, BENCH_SIDES };

struct bench_compare_run {
    enum bench_compare_side side;
    const struct bench_result *result; /**< judged already, see bench_thresholds_judge() */
};

struct bench_compare_scenario {
    char name[64]; /**< "rcp 4 x 6" */
    size_t run_count;
    const struct bench_compare_run *runs; /**< in the order in which they ran */
};

struct bench_compare_report {
    char labels[BENCH_SIDES][64]; /**< "consilium 0.1.0", "janus 1.1.2" */
    char command_line[1024];      /**< of the comparison */
    size_t scenario_count;
    const struct bench_compare_scenario *scenarios;
};

enum bench_compare_figure {
    BENCH_FIGURE_COST_US,   /**< server CPU per delivered packet */
    BENCH_FIGURE_DELAY_P50, /**< ms, all kinds of media */
    BENCH_FIGURE_DELAY_P99,
    BENCH_FIGURE_MEMORY, /**< MiB, peak */
    BENCH_FIGURE_LOSS,   /**< percent */
    BENCH_FIGURES
};

struct bench_compare_spread {
    size_t count; /**< runs, or pairs of runs, in it; 0: not known */
    double median, min, max;
};

/** One figure of one side over the runs that count. */
void bench_compare_figure(const struct bench_compare_scenario *scenario, enum bench_compare_side side,
                          enum bench_compare_figure figure, struct bench_compare_spread *out);
/** A / B over the pairs: the n-th run of A with the n-th of B. Pairs whose B is 0 or unknown are left out. */
void bench_compare_ratio(const struct bench_compare_scenario *scenario, enum bench_compare_figure figure,
                         struct bench_compare_spread *out);

/** For a terminal, at most 100 columns. */
int bench_compare_report_table(FILE *out, const struct bench_compare_report *report);
/** Rows (and their headings) for bench/RESULTS.md. */
int bench_compare_report_markdown(FILE *out, const struct bench_compare_report *report);
/** One JSON object: the spreads and ratios, and each run's whole result as bench_report_json() writes it. */
int bench_compare_report_json(FILE *out, const struct bench_compare_report *report);

#endif
