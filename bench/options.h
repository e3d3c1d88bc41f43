/* SPDX-License-Identifier: Apache-2.0 */
/**
 * options.h - the command line of consilium-bench and the keys of its scenario files: one table, one parser, the same
 * names in both.
 *
 *     consilium-bench rcp|teleconsultation|webinar [options]
 *     consilium-bench run FILE [options]
 *     consilium-bench capacity rcp|teleconsultation|webinar|FILE [options]
 *     consilium-bench compare [options]
 *
 * An option is `--name value` or `--name=value`; in a file `name = value`. What is on the command line is set after the
 * file, wherever it stands. Arguments after `--` go to the server that is started. Every key of a scenario
 * (scenario.h) is an option.
 */
#ifndef CONSILIUM_BENCH_OPTIONS_H
#define CONSILIUM_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/report/report.h"
#include "bench/scenario/scenario.h"
#include "bench/target/target.h"

#define BENCH_OPTIONS_ERROR_MAX 512
#define BENCH_COMPARISONS_MAX   32         /**< scenarios of one comparison */
#define BENCH_CAPACITY_MS       15000u     /**< measured part of one step of a capacity search, if nothing is said */
#define BENCH_COMPARE_BUFFER    (8u << 20) /**< socket buffer of both servers of a comparison, if nothing is said */

enum bench_command {
    BENCH_COMMAND_RUN,
    BENCH_COMMAND_CAPACITY,
    BENCH_COMMAND_COMPARE,
    BENCH_COMMAND_HELP,
    BENCH_COMMAND_VERSION
};

/** One scenario of a comparison. */
struct bench_comparison_item {
    char text[256]; /**< as it was given: "rcp rooms=4 people=6" */
    struct bench_scenario scenario;
};

struct bench_options {
    enum bench_command command;
    struct bench_scenario scenario; /**< run and capacity */
    struct bench_thresholds thresholds;
    /* the server */
    struct bench_target_config target; /**< its texts belong to these options; extra: to argv */
    const char *tickets, *room_prefix;
    int cpu; /**< of the generator; -1: anywhere */
    /* output */
    const char *json, *html, *markdown; /**< "-": standard output; NULL: none */
    bool quiet, plain;
    /* capacity */
    unsigned start, max;
    double precision; /**< share of the load found, 0..1 */
    bool restart;     /**< a fresh server for each step, if it is started by us */
    /* compare */
    unsigned rounds;
    const char *against; /**< "janus" or the path of another consilium */
    size_t item_count;
    struct bench_comparison_item *items; /**< owned */

    char command_line[1024]; /**< as typed, for reports */
    /* inside */
    size_t text_count, setting_count;
    char **texts; /* owned copies of values */
    struct bench_setting *settings;
    bool server_cpu_given, cpu_given, buffer_given, duration_given, target_given;
};

/** Reads argv. Returns 0; BASE_ERR_INVALID with one line in error (BENCH_OPTIONS_ERROR_MAX); BASE_ERR_NOMEM. Clear *out
 * in every case. */
int bench_options_parse(struct bench_options *out, int argc, char **argv, char *error);
void bench_options_clear(struct bench_options *options);
void bench_options_help(FILE *out);

/** The scenarios of a named set ("published"): the i-th as text, NULL after the last or if there is no such set. */
const char *bench_options_set(const char *name, size_t i);
/** Fills *out from "rcp rooms=4 people=6". Returns 0, or BASE_ERR_INVALID with the reason (BENCH_OPTIONS_ERROR_MAX). */
int bench_options_scenario(struct bench_scenario *out, const char *text, char *error);

#endif
