/* SPDX-License-Identifier: Apache-2.0 */
/**
 * run.h - carries a plan (scenario.h) out against a target (target.h) and gives a result (result.h).
 *
 * One thread, one loop. The account is made from what publishers sent: for each pair of a published source and a person
 * who should receive it there is an *edge*; its expected packets are those that the publisher's stream counted while
 * the edge stood; what its receiver's stream has of those is delivered; an edge without a stream is a missing track,
 * all of its packets count as expected.
 */
#ifndef CONSILIUM_BENCH_RUN_RUN_H
#define CONSILIUM_BENCH_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/report/result.h"
#include "bench/scenario/scenario.h"
#include "bench/target/target.h"

struct bench_media_kit;

struct bench_run_config {
    const struct bench_scenario *scenario;
    struct bench_target *target;
    const char *tickets_file; /**< one ticket a line instead of asking for them: those of the first room, then of the
                                   second, and so on; then those for people who replace others. NULL: open rooms */
    const char *room_prefix;  /**< rooms are <prefix>-<n>; NULL: "bench-<random>" */
    int cpu;                  /**< pin our thread; -1: anywhere */
    /** Once a second, and at each change of phase ("ramp-up", "settling", "measuring", "draining"). May be NULL. */
    void (*progress)(void *user, const struct bench_result *so_far, const char *phase);
    void *user;
    /** Encoded media that several runs share: *kit is NULL at first and made or replaced as needed; destroy it with
     * bench_media_kit_destroy() (media_kit.h). NULL: each run makes its own, some seconds of encoding. */
    struct bench_media_kit **kit;
    const volatile int *stop; /**< != 0: end now, with what there is (set by a signal handler); may be NULL */
};

/** Runs. Fills *result whatever happens (clear it with bench_result_clear()). Returns 0 (also if interrupted), or
 * BASE_ERR_* with one line in error (BENCH_TARGET_ERROR_MAX bytes): BASE_ERR_IO (the server cannot be reached),
 * BASE_ERR_CRYPTO (its certificate), BASE_ERR_NOT_ALLOWED (nobody was let in), BASE_ERR_FULL (descriptors),
 * BASE_ERR_NOMEM. */
int bench_run(const struct bench_run_config *config, struct bench_result *result, char *error);

#endif
