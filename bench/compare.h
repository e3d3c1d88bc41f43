/* SPDX-License-Identifier: Apache-2.0 */
/**
 * compare.h - two servers under the same scenarios, in turn: A B A B, so that a machine that changes its pace meanwhile
 * changes it for both.
 *
 * Each run has a server of its own and the same seed. A run that cannot take place stays in the report with its reason;
 * it does not count. A round in which the generator was the bottleneck stays too, and is run again for both servers, up
 * to as many times as there are rounds. The run itself is a function that is passed in.
 */
#ifndef CONSILIUM_BENCH_COMPARE_H
#define CONSILIUM_BENCH_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/options.h"
#include "bench/report/compare_report.h"

struct bench_compare_config {
    const struct bench_comparison_item *items;
    size_t item_count;
    unsigned rounds;                /**< at most BENCH_COMPARE_RUNS_MAX / 2 */
    const char *names[BENCH_SIDES]; /**< until a server tells its version: "consilium", "janus" */
    /** Runs and judges. Returns as bench_run(). */
    int (*run)(void *user, enum bench_compare_side side, const struct bench_scenario *scenario,
               struct bench_result *result, char *error);
    /** One line about a run that is over. May be NULL. */
    void (*say)(void *user, const char *line);
    void *user;
    const volatile int *stop; /**< != 0: end now; may be NULL */
};

struct bench_compare {
    struct bench_compare_report report; /**< command_line is the caller's to fill */
    bool interrupted;
    /* inside */
    struct bench_compare_scenario *scenarios;
};

/** Runs all. Returns 0 (interrupted too), or BASE_ERR_NOMEM. Clear *out in every case. */
int bench_compare_all(struct bench_compare *out, const struct bench_compare_config *config);
void bench_compare_clear(struct bench_compare *compare);
/** BENCH_EXIT_OK: every scenario has a run that counts on each side, or the reason why a server cannot run it.
 * _SATURATED: the generator was at its end in all runs of a side. _UNREACHABLE: a server could run no scenario at all.
 * _INTERRUPTED. */
enum bench_exit bench_compare_exit(const struct bench_compare *compare);
/** How the figures were made, for people: when, on which machine, by which command, what each scenario is. As Markdown:
 * a list to stand before bench_compare_report_markdown()'s table. Returns 0 or BASE_ERR_IO. */
int bench_compare_circumstances(FILE *out, const struct bench_compare_report *report, bool markdown);
/** "4 rooms of 6", "webinar 1 to 200", "20 teleconsultations". */
void bench_compare_name(char *out, size_t out_max, const struct bench_scenario *scenario);

#endif
