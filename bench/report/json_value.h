/* SPDX-License-Identifier: Apache-2.0 */
/**
 * json_value.h - results as JSON values, for the writers of this folder. Texts are cleaned (bench_text_clean()), what
 * is not known is null. New values belong to the caller; NULL: no memory.
 */
#ifndef CONSILIUM_BENCH_REPORT_JSON_VALUE_H
#define CONSILIUM_BENCH_REPORT_JSON_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/report/result.h"

json_t *bench_json_result(const struct bench_result *result);
json_t *bench_json_text(const char *text);
/** null unless `known` and finite. */
json_t *bench_json_real(bool known, double value);
json_t *bench_json_count(bool known, uint64_t value);
json_t *bench_json_verdict(const struct bench_verdict *verdict);

/** Writes an object, one line a key, one line an element of an array of objects. Takes `object` over (NULL: no memory).
 * Returns 0 or BASE_ERR_IO. */
int bench_json_write(FILE *out, json_t *object);

#endif
