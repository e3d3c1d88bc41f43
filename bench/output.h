/* SPDX-License-Identifier: Apache-2.0 */
/**
 * output.h - a report's file: found to be writable before the run begins, whole or not there afterwards.
 *
 * What is written goes to PATH.tmp, which takes PATH's name at the end. "-" is standard output.
 */
#ifndef CONSILIUM_BENCH_OUTPUT_H
#define CONSILIUM_BENCH_OUTPUT_H

#include <stdio.h>

#define BENCH_OUTPUT_ERROR_MAX 512

struct bench_output {
    const char *path; /**< borrowed; NULL: no such report */
    char *temporary;
    FILE *file;
};

/** Opens it. `path` NULL: nothing happens, and _save does nothing. Returns 0, or BASE_ERR_IO or BASE_ERR_NOMEM with one
 * line in error. */
int bench_output_open(struct bench_output *out, const char *path, char *error);
/** Writes by `write(file, what)` and puts the file in its place. Returns 0, or BASE_ERR_IO with one line in error. */
int bench_output_save(struct bench_output *output, int (*write)(FILE *file, const void *what), const void *what,
                      char *error);
/** Throws away what was not saved. */
void bench_output_close(struct bench_output *output);

#endif
