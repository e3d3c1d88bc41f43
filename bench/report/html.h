/* SPDX-License-Identifier: Apache-2.0 */
/**
 * html.h - the frame of a page that needs nothing but itself: no script, no font, no picture from elsewhere. The page
 * forbids itself everything else by a content security policy that names the hash of its one style sheet; so there are
 * no style attributes, positions in plots are SVG attributes in percent. Dark and light, print, phones: see the style.
 *
 * The markup is also well-formed XML. Texts from elsewhere go through bench_html_text(), always.
 */
#ifndef CONSILIUM_BENCH_REPORT_HTML_H
#define CONSILIUM_BENCH_REPORT_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/report/text.h"

/** Opens the page up to and with <main>. */
void bench_html_begin(FILE *out, const char *title);
/** Closes it. Returns 0 or BASE_ERR_IO. */
int bench_html_end(FILE *out);
/** Writes text, cleaned (bench_text_clean()) and escaped: good in elements and in quoted attributes. */
void bench_html_text(FILE *out, const char *text);
enum bench_html_look { BENCH_LOOK_GOOD, BENCH_LOOK_BAD, BENCH_LOOK_DOUBT };
/** The banner on top: a sign, the word, the sentence. */
void bench_html_banner(FILE *out, enum bench_html_look look, const char *word, const char *sentence);
/** That of one run. */
void bench_html_banner_of(FILE *out, const struct bench_result *result);
/** A tile of one figure with what it is; `note` may be "". */
void bench_html_tile(FILE *out, const char *name, const char *value, const char *note);
/** A row of a table with a heading on the left. Nothing if the text is empty. */
void bench_html_row(FILE *out, const char *name, const char *text);
void bench_html_rowf(FILE *out, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** Command line, seed, server, machine, versions, and how the figures are counted. */
void bench_html_about(FILE *out, const struct bench_result *result, const char *command_line);
/** The service levels as a table; nothing if there are none. */
void bench_html_verdicts(FILE *out, const struct bench_result *result);

#endif
