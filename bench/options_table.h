/* SPDX-License-Identifier: Apache-2.0 */
/**
 * options_table.h - the options that are not keys of a scenario, one line each: name, kind, which commands know it,
 * where its value goes, help. Private to options.c and options_table.c.
 */
#ifndef CONSILIUM_BENCH_OPTIONS_TABLE_H
#define CONSILIUM_BENCH_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum bench_flag_kind {
    BENCH_FLAG_TEXT,   /**< const char * */
    BENCH_FLAG_COUNT,  /**< unsigned */
    BENCH_FLAG_BYTES,  /**< uint32_t, with k, M */
    BENCH_FLAG_CORE,   /**< int, -1: anywhere */
    BENCH_FLAG_PID,    /**< int */
    BENCH_FLAG_SHARE,  /**< double, 0..1 or percent */
    BENCH_FLAG_SWITCH, /**< bool: no value on the command line, yes or no in a file */
    BENCH_FLAG_YES_NO, /**< bool */
    BENCH_FLAG_TARGET,
    BENCH_FLAG_LIMIT,
    BENCH_FLAG_SCENARIO,
    BENCH_FLAG_SET
};

struct bench_flag {
    const char *name;
    enum bench_flag_kind kind;
    unsigned commands; /**< bits: 1 << enum bench_command */
    size_t offset;     /**< in struct bench_options */
    size_t given;      /**< of a bool that is set with it; 0: none */
    double min, max;
    const char *value; /**< for the help: "FILE" */
    const char *help;
};

/** The i-th; NULL after the last. */
const struct bench_flag *bench_flag_at(size_t i);
const struct bench_flag *bench_flag_find(const char *name);
/** Whether it is a key of scenarios. */
bool bench_flag_is_key(const char *name);
/** The option or key whose name is the fewest edits (Levenshtein) away. */
const char *bench_flag_nearest(const char *name);

#endif
