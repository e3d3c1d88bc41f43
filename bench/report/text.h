/* SPDX-License-Identifier: Apache-2.0 */
/**
 * text.h - figures and foreign texts as people read them, the same in the table, the page and the sentences.
 *
 * Functions give a small struct by value: `printf("%s", bench_text_ms(us).s)`. What is not known is "-". Something is
 * never shown as nothing: a loss of one packet in a million is "<0.001 %".
 */
#ifndef CONSILIUM_BENCH_REPORT_TEXT_H
#define CONSILIUM_BENCH_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/report/result.h"

struct bench_text {
    char s[40];
};

/** "1,234,567" */
struct bench_text bench_text_count(uint64_t value);
/** Microseconds as "0.8 ms", "12 ms", "3.41 s". */
struct bench_text bench_text_ms(double us);
/** bench_text_ms() of a quantile (1: the maximum); "-" of an empty histogram. */
struct bench_text bench_text_quantile(const struct bench_histogram *histogram, double fraction);
/** Share of the whole that is missing, "0.012 %"; more than was expected is 0. "-": nothing was expected. */
struct bench_text bench_text_loss(uint64_t expected, uint64_t delivered);
/** A percentage, "0.012 %". */
struct bench_text bench_text_percent(double percent);
/** "12.3 MiB"; 0 is not known. */
struct bench_text bench_text_memory(uint64_t bytes);
/** "31.2 Mbit/s" */
struct bench_text bench_text_rate(double bps);
/** With `decimals` digits and a unit ("" for none); negative: "-". */
struct bench_text bench_text_number(double value, int decimals, const char *unit);
/** Value or limit of a service level with its unit, "0.012 %", "212 ms", "1.5 cores". */
struct bench_text bench_text_level(double value, const char *unit);

/** Copies text from elsewhere: valid UTF-8 stays, control characters and what is not UTF-8 become U+FFFD, so that it
 * can neither break a page nor command a terminal. Cut at a whole character; always ended. */
void bench_text_clean(char *out, size_t out_max, const char *text);
/** Characters (code points) in valid UTF-8. */
size_t bench_text_width(const char *text);
/** Cuts valid UTF-8 to that many characters, in place. */
void bench_text_cut(char *text, size_t width);

/** "audio", "camera", "screen". */
const char *bench_kind_name(enum bench_kind kind);

enum bench_verdict_word {
    BENCH_WORD_PASSED,
    BENCH_WORD_FAILED,
    BENCH_WORD_SATURATED,   /**< the generator: does not count */
    BENCH_WORD_INTERRUPTED, /**< does not count */
    BENCH_WORD_NOT_JUDGED,
};
enum bench_verdict_word bench_report_word(const struct bench_result *result);
/** "PASSED", "DOES NOT COUNT", … */
const char *bench_report_word_text(enum bench_verdict_word word);
/** How it ended, in one sentence for an operator; clean. */
void bench_report_sentence(const struct bench_result *result, char *out, size_t out_max);

#endif
