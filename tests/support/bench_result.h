/* SPDX-License-Identifier: Apache-2.0 */
/**
 * bench_result.h - results of runs that never were, for the tests of bench/report: plausible figures, repeatable.
 */
#ifndef CONSILIUM_TESTS_SUPPORT_BENCH_RESULT_H
#define CONSILIUM_TESTS_SUPPORT_BENCH_RESULT_H

#include "bench/report/result.h"

/** Two rooms of 12 that went well: ramp-up, settling and `seconds` of samples. Clear with bench_result_clear(). */
void fake_result(struct bench_result *result, unsigned seconds);
/** A text that breaks pages, terminals and JSON if it is not escaped: < > & quotes, escape codes, bad UTF-8. */
extern const char fake_evil[];
/** Puts fake_evil wherever a text comes from elsewhere. */
void fake_make_evil(struct bench_result *result);

/** What a writer wrote to a file in memory, ended by NUL: free(). NULL: the writer failed. */
char *fake_written(int (*write)(FILE *out, const struct bench_result *result), const struct bench_result *result);

#endif
