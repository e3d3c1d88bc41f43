/* SPDX-License-Identifier: Apache-2.0 */
/**
 * session.h - one run after the other against one kind of server: starts it when it has to, shows progress, judges.
 *
 * Used by the single run, the capacity search and (one a side) the comparison. Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_SESSION_H
#define CONSILIUM_BENCH_SESSION_H

#include <sched.h>
#include <stdbool.h>

#include "bench/machine.h"
#include "bench/options.h"
#include "bench/run/run.h"

struct bench_session {
    const struct bench_options *options;
    struct bench_target_config target; /**< a copy: each side of a comparison has its own */
    bool fresh;                        /**< a server started here is started again for each run */
    unsigned people_max;               /**< with !fresh: what the server must admit over all runs */
    const char *note;                  /**< about this machine, for reports; NULL or "": none */
    volatile int *stop;                /**< as of bench_run_config */
    struct bench_media_kit **kit;      /**< encoded media, kept from run to run; the caller's */
    /* inside */
    struct bench_target *open;
    struct bench_live *live;
    cpu_set_t anywhere; /* where this program may run, before a run pins it: servers inherit that */
    double cores;       /* what the server may use; 0: not known yet */
    bool measuring;
    struct bench_machine_threads *threads; /* two: at the beginning of the measured part, and now */
};

/** Returns 0 or BASE_ERR_NOMEM. */
int bench_session_init(struct bench_session *session, const struct bench_options *options, volatile int *stop,
                       struct bench_media_kit **kit);
/** Runs and judges. Returns 0, or an error of bench_target_open() or bench_run() with one line in error
 * (BENCH_TARGET_ERROR_MAX). */
int bench_session_run(struct bench_session *session, const struct bench_scenario *scenario, struct bench_result *result,
                      char *error);
/** Ends the server if we started it; the next run starts another one. */
void bench_session_close_target(struct bench_session *session);
/** The same for good. */
void bench_session_close(struct bench_session *session);
/** The exit code for an error of bench_session_run(). */
enum bench_exit bench_session_exit(int err);

#endif
