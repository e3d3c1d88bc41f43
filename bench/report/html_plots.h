/* SPDX-License-Identifier: Apache-2.0 */
/**
 * html_plots.h - the plots of one run, from its samples: for html_report.c.
 *
 * A long run has more seconds than a plot has points: then a point stands for several seconds, with the worst of their
 * delays and lateness, the sums of their packets, the means of the rest; the page says so.
 */
#ifndef CONSILIUM_BENCH_REPORT_HTML_PLOTS_H
#define CONSILIUM_BENCH_REPORT_HTML_PLOTS_H

#include <stdio.h>

#include "bench/report/result.h"

void bench_html_plots(FILE *out, const struct bench_result *result);

#endif
