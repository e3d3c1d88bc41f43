/* SPDX-License-Identifier: Apache-2.0 */
/**
 * capacity.h - the greatest load that a server holds: doubles the load until a service level fails, then halves the
 * gap between good and bad until it is small enough.
 *
 * The load is the number of rooms (rcp, teleconsultation) or of viewers (webinar). Each step is a whole run with the
 * same seed. A step that fails runs once more before it counts: noise must not decide. A step whose generator was at
 * its end shows nothing about the server; the search goes on below it, to the greatest load that it can vouch for.
 * The run itself is a function that is passed in.
 */
#ifndef CONSILIUM_BENCH_CAPACITY_H
#define CONSILIUM_BENCH_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/report/capacity_report.h"
#include "bench/report/report.h"
#include "bench/scenario/scenario.h"

#define BENCH_CAPACITY_ERROR_MAX 256

struct bench_capacity_config {
    const struct bench_scenario *scenario; /**< what one step is, but for its load */
    unsigned start, max;                   /**< loads; max 0: as far as a scenario goes */
    double precision;                      /**< ends when bad - good <= this share of good (or 1) */
    bool fresh;                            /**< each step has a server of its own */
    /** Runs and judges (bench_thresholds_judge()). Returns as bench_run(). */
    int (*run)(void *user, const struct bench_scenario *scenario, struct bench_result *result, char *error);
    /** One line about a step that is over. May be NULL. */
    void (*say)(void *user, const char *line);
    void *user;
    const volatile int *stop; /**< != 0: end now; may be NULL */
};

struct bench_capacity {
    struct bench_capacity_report report; /**< command_line and server_cores are the caller's to fill */
    unsigned good;                       /**< greatest load that holds; 0: none */
    bool first_failed;                   /**< even the smallest load does not hold */
    bool gone;   /**< the server went away and nobody starts it again: not searched to the end */
    size_t runs; /**< steps that were run again included */
    /* inside */
    struct bench_capacity_step *steps;
    size_t step_capacity;
};

/** Searches. Returns 0 (interrupted ones too), or the error of the very first run with its line in error: then nothing
 * was found out; or BASE_ERR_NOMEM. Clear *out in every case. */
int bench_capacity_search(struct bench_capacity *out, const struct bench_capacity_config *config, char *error);
void bench_capacity_clear(struct bench_capacity *capacity);
/** BENCH_EXIT_OK (the limit, or `max`, was found), _FAILED (not even the least load holds), _SATURATED (the generator
 * was at its end first), _UNREACHABLE (gone), _INTERRUPTED. */
enum bench_exit bench_capacity_exit(const struct bench_capacity *capacity);
/** The scenario with that load. */
void bench_capacity_scenario(struct bench_scenario *out, const struct bench_scenario *scenario, unsigned load);

#endif
