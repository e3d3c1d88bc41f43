/* SPDX-License-Identifier: Apache-2.0 */
/**
 * capacity_report.h - how a search for the greatest load went: every step, the last good point, what broke first, and
 * which side was at its end.
 *
 * A step whose generator was saturated, or that was interrupted, does not count: it neither passes nor shows that the
 * server fails. Writers return 0 or BASE_ERR_IO (the file could not be written whole).
 */
#ifndef CONSILIUM_BENCH_REPORT_CAPACITY_REPORT_H
#define CONSILIUM_BENCH_REPORT_CAPACITY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/report/result.h"

struct bench_capacity_step {
    double load;                       /**< in `unit` of the report */
    const struct bench_result *result; /**< judged: bench_thresholds_judge() */
};

struct bench_capacity_report {
    char unit[64];           /**< what the load counts: "rooms of 12", "viewers" */
    char command_line[1024]; /**< of the search */
    double server_cores;     /**< how many the server may use; 0: not known */
    bool interrupted;        /**< the search was ended by hand */
    double load_max;         /**< no load above it was allowed; 0: any */
    size_t step_count;
    const struct bench_capacity_step *steps; /**< in the order in which they ran, any order of loads */
};

enum bench_capacity_saturated {
    BENCH_SATURATED_NONE,      /**< neither side was at its end, or it is not known */
    BENCH_SATURATED_SERVER,    /**< 90 % of its cores, or of one by a single thread, or its sockets dropped */
    BENCH_SATURATED_GENERATOR, /**< our own: the failing step does not count */
};

struct bench_capacity_outcome {
    const struct bench_capacity_step *last_good;   /**< greatest load that passed below the first failure; or NULL */
    const struct bench_capacity_step *first_bad;   /**< least load that failed and counts; NULL: none did */
    const struct bench_capacity_step *not_counted; /**< least load that does not count; NULL: all do */
    const struct bench_verdict *broke;             /**< of first_bad: the worst of its failed levels; NULL: none */
    enum bench_capacity_saturated saturated;       /**< at first_bad, else at not_counted, else at last_good */
};

/** Whether the step passed and counts. */
bool bench_capacity_step_passed(const struct bench_capacity_step *step);
void bench_capacity_outcome(const struct bench_capacity_report *report, struct bench_capacity_outcome *out);
/** One sentence: "This machine holds 8 rooms of 12; at 9, delay-p99 broke first (212 ms, limit 150 ms); the server was
 * saturated." */
void bench_capacity_sentence(const struct bench_capacity_report *report, char *out, size_t out_max);

/** For a terminal, at most 100 columns. */
int bench_capacity_report_table(FILE *out, const struct bench_capacity_report *report);
/** One JSON object: the outcome, and each step with its whole result as bench_report_json() writes it. */
int bench_capacity_report_json(FILE *out, const struct bench_capacity_report *report);
/** A page like that of bench_report_html(): the steps, their figures against the load, how it ended. */
int bench_capacity_report_html(FILE *out, const struct bench_capacity_report *report);

#endif
