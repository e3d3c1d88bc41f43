/* SPDX-License-Identifier: Apache-2.0 */
/**
 * plot.h - a plot as SVG in a <figure>, for html.h: axes with units, a shaded part, a limit, a text alternative that
 * says what there is to see, the figures as a table to open.
 *
 * Lines stretch to any width while texts keep their size (positions in percent), so a phone shows it as well as a sheet
 * of paper. Values that are not known (NaN) are gaps. All scales begin at 0.
 */
#ifndef CONSILIUM_BENCH_REPORT_PLOT_H
#define CONSILIUM_BENCH_REPORT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BENCH_PLOT_POINTS_MAX 180
#define BENCH_PLOT_SERIES_MAX 4

enum bench_plot_style {
    BENCH_PLOT_LINES,
    BENCH_PLOT_DOTS,
    BENCH_PLOT_STACKED, /**< areas upon each other, the first one lowest */
    BENCH_PLOT_BARS,    /**< each from its x to the next; x_end after the last; one series */
};

enum bench_plot_axis { BENCH_AXIS_TIME, BENCH_AXIS_NUMBER };

struct bench_plot_series {
    const char *name;
    double values[BENCH_PLOT_POINTS_MAX];
};

struct bench_plot {
    const char *id; /**< unique on the page, letters and dashes */
    const char *title, *hint;
    const char *unit;   /**< of the values */
    const char *x_name; /**< "since the run began" */
    const char *x_unit; /**< BENCH_AXIS_NUMBER: "ms"; time is always in seconds here */
    enum bench_plot_style style;
    enum bench_plot_axis axis;
    bool whole; /**< values are numbers of things */
    bool marks; /**< LINES: a dot at each value, for few points */
    size_t point_count;
    double x[BENCH_PLOT_POINTS_MAX], x_end; /**< rising; x_end: where the axis ends, >= the last x */
    double x_begin;
    size_t series_count;
    struct bench_plot_series series[BENCH_PLOT_SERIES_MAX];
    double shade_from, shade_to; /**< equal: none */
    double limit;                /**< a line, if it is within the scale; <= 0: none */
};

/** Nothing known in it: says so instead of an empty frame. */
void bench_plot_write(FILE *out, const struct bench_plot *plot);

#endif
