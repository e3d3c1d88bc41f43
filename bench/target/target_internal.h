/* SPDX-License-Identifier: Apache-2.0 */
/**
 * target_internal.h - what target.c (all targets), target_consilium.c and target_janus.c share.
 */
#ifndef CONSILIUM_BENCH_TARGET_TARGET_INTERNAL_H
#define CONSILIUM_BENCH_TARGET_TARGET_INTERNAL_H

#include "bench/client/https.h"
#include "bench/target/process.h"
#include "bench/target/target.h"

#define BENCH_TARGET_START_US 20000000u
#define BENCH_TARGET_STALE_US 3000000u /* /metrics is asked for once a second: older says nothing of now */

struct bench_target {
    struct bench_target_config config;
    struct bench_process process;
    struct bench_url url;
    struct bench_place *place;
    char ca_file[128]; /* "": the system's */
    char address[46];
    char version[64];
    /* of /metrics */
    struct bench_request *request;
    struct bench_target_reading scraped;
    uint64_t scraped_us; /* when */
};

/** One line for people; returns err. */
int bench_target_error(char error[BENCH_TARGET_ERROR_MAX], int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Starts it: its folder is there. Returns 0 or BASE_ERR_* with the line in error. */
int bench_consilium_start(struct bench_target *target, char *error);
int bench_janus_start(struct bench_target *target, char *error);
/** Does it answer? Fills version. Returns 0, or BASE_ERR_* with *trouble. */
int bench_consilium_ask(struct bench_target *target, struct bench_trouble *trouble);
int bench_janus_ask(struct bench_target *target, struct bench_trouble *trouble);
int bench_janus_prepare(struct bench_target *target, const char *const *names, size_t count, unsigned people,
                        enum bench_codec codec, char *error);
/** Reads what /metrics says of CPU and memory. */
void bench_metrics_read(const char *text, struct bench_target_reading *out);

#endif
