/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/plot.h"

#include <math.h>
#include <string.h>

#include "bench/report/html.h"

#define SIDE      1000.0 /* of the stretched coordinates */
#define Y_TICKS   4
#define X_TICKS   6
#define TICKS_MAX 20

/** 1, 2 or 5 times a power of ten, not below `least`. */
static double round_step(double least)
{
    double power = pow(10, floor(log10(least)));
    static const double steps[] = {1, 2, 5, 10};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i] * power >= least * (1 - 1e-9))
            return steps[i] * power;
    return 10 * power;
}

/** Seconds as people count them. */
static double time_step(double least)
{
    static const double steps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i] >= least)
            return steps[i];
    return ceil(least / 86400) * 86400;
}

/** A time on a scale that ends at `end`: all of them in the same form. */
static struct bench_text time_text(double s, double end)
{
    struct bench_text text;
    unsigned long long at = (unsigned long long)(s + 0.5);
    if (end <= 100)
        snprintf(text.s, sizeof text.s, "%llu s", at);
    else if (end < 7200)
        snprintf(text.s, sizeof text.s, "%llu:%02llu", at / 60, at % 60);
    else
        snprintf(text.s, sizeof text.s, "%llu:%02llu h", at / 3600, at / 60 % 60);
    return text;
}

/** A value with as many digits as tell it apart from its neighbours. */
static struct bench_text value_text(const struct bench_plot *plot, double value, double scale)
{
    struct bench_text text;
    int decimals = plot->whole ? 0 : scale >= 100 ? 0 : scale >= 10 ? 1 : scale >= 1 ? 2 : 3;
    if (!isfinite(value))
        return (struct bench_text){"-"};
    snprintf(text.s, sizeof text.s, "%.*f", decimals, value);
    return text;
}

static struct bench_text tick_text(double value, double step)
{
    struct bench_text text;
    int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    double shown = step * pow(10, decimals);
    if (fabs(shown - round(shown)) > 1e-6) /* 0.25, 2.5: one digit more, or the text is another number */
        decimals++;
    snprintf(text.s, sizeof text.s, "%.*f", decimals > 9 ? 9 : decimals, value);
    return text;
}

static double at_x(const struct bench_plot *plot, double x)
{
    double span = plot->x_end - plot->x_begin;
    return span > 0 ? (x - plot->x_begin) / span : 0;
}

/** The greatest value shown; stacked: of the sums. < 0: nothing is known. */
static double greatest(const struct bench_plot *plot)
{
    double max = -1;
    for (size_t i = 0; i < plot->point_count; i++) {
        double sum = 0;
        for (size_t s = 0; s < plot->series_count; s++) {
            double value = plot->series[s].values[i];
            if (!isfinite(value))
                continue;
            sum += value;
            max = fmax(max, plot->style == BENCH_PLOT_STACKED ? sum : value);
        }
    }
    return max;
}

/** "p99: least 5.2, greatest 48, last 10 ms." for those who cannot see it. */
static void describe(FILE *out, const struct bench_plot *plot, double scale)
{
    for (size_t s = 0; s < plot->series_count; s++) {
        double min = INFINITY, max = -INFINITY, last = NAN;
        for (size_t i = 0; i < plot->point_count; i++) {
            double value = plot->series[s].values[i];
            if (!isfinite(value))
                continue;
            min = fmin(min, value);
            max = fmax(max, value);
            last = value;
        }
        bench_html_text(out, plot->series[s].name);
        if (min > max) {
            fputs(": not known. ", out);
            continue;
        }
        fprintf(out, ": least %s, greatest %s", value_text(plot, min, scale).s, value_text(plot, max, scale).s);
        if (plot->style != BENCH_PLOT_BARS)
            fprintf(out, ", last %s", value_text(plot, last, scale).s);
        fputc(' ', out);
        bench_html_text(out, plot->unit);
        fputs(". ", out);
    }
    if (plot->shade_to > plot->shade_from)
        fprintf(out, "Measured from %.0f s to %.0f s.", plot->shade_from, plot->shade_to);
}

static void axes(FILE *out, const struct bench_plot *plot, double top, double step)
{
    for (unsigned i = 0; i <= TICKS_MAX && i * step <= top * (1 + 1e-9); i++) {
        double value = i * step;
        double y = 100 * (1 - value / top);
        fprintf(out,
                "<line class=\"%s\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\" /><text class=\"tick\" x=\"-8\" "
                "y=\"%.2f%%\" dy=\"0.35em\" text-anchor=\"end\">%s</text>\n",
                i == 0 ? "axis" : "grid", y, y, y, tick_text(value, step).s);
    }
    double span = plot->x_end - plot->x_begin;
    if (!(span > 0))
        return;
    bool time = plot->axis == BENCH_AXIS_TIME;
    step = time ? time_step(span / X_TICKS) : round_step(span / X_TICKS);
    double first = ceil(plot->x_begin / step) * step;
    for (unsigned i = 0; i <= TICKS_MAX && first + i * step <= plot->x_end * (1 + 1e-9); i++) {
        double x = first + i * step;
        double at = 100 * at_x(plot, x);
        fprintf(out, "<text class=\"tick\" x=\"%.2f%%\" y=\"100%%\" dy=\"1.5em\" text-anchor=\"middle\">", at);
        fputs(time ? time_text(x, plot->x_end).s : tick_text(x, step).s, out);
        fputs("</text>\n", out);
    }
    if (!time && plot->x_unit[0] != '\0') {
        fputs("<text class=\"tick\" x=\"50%\" y=\"100%\" dy=\"2.9em\" text-anchor=\"middle\">", out);
        bench_html_text(out, plot->x_unit);
        fputs("</text>\n", out);
    }
}

/** A line with gaps where nothing is known; a lone point is a dot. */
static void line_path(FILE *out, const struct bench_plot *plot, size_t series, double top, bool dots)
{
    bool drawing = false;
    fprintf(out, "<path class=\"%s c%zu\" vector-effect=\"non-scaling-stroke\" d=\"", dots ? "dots" : "line",
            series + 1);
    for (size_t i = 0; i < plot->point_count; i++) {
        double value = plot->series[series].values[i];
        bool known = isfinite(value);
        if (known)
            fprintf(out, "%s%.1f %.1f", drawing && !dots ? "L" : "M", SIDE * at_x(plot, plot->x[i]),
                    SIDE * (1 - value / top));
        if (known && (dots || !drawing))
            fputs("h0", out);
        drawing = known;
    }
    fputs("\" />\n", out);
}

static double stacked_at(const struct bench_plot *plot, size_t series, size_t point)
{
    double sum = 0;
    for (size_t s = 0; s < series; s++) {
        double value = plot->series[s].values[point];
        sum += isfinite(value) ? value : 0;
    }
    return sum;
}

static void area_path(FILE *out, const struct bench_plot *plot, size_t series, double top)
{
    fprintf(out, "<path class=\"area c%zu\" vector-effect=\"non-scaling-stroke\" d=\"", series + 1);
    for (size_t i = 0; i < plot->point_count; i++)
        fprintf(out, "%s%.1f %.1f", i == 0 ? "M" : "L", SIDE * at_x(plot, plot->x[i]),
                SIDE * (1 - stacked_at(plot, series + 1, i) / top));
    for (size_t i = plot->point_count; i-- > 0;)
        fprintf(out, "L%.1f %.1f", SIDE * at_x(plot, plot->x[i]), SIDE * (1 - stacked_at(plot, series, i) / top));
    fputs("Z\" />\n", out);
}

static double next_x(const struct bench_plot *plot, size_t point)
{
    return point + 1 < plot->point_count ? plot->x[point + 1] : plot->x_end;
}

static void bars_path(FILE *out, const struct bench_plot *plot, double top)
{
    fputs("<path class=\"area c1\" vector-effect=\"non-scaling-stroke\" d=\"", out);
    for (size_t i = 0; i < plot->point_count; i++) {
        double value = plot->series[0].values[i];
        if (isfinite(value) && value > 0)
            fprintf(out, "M%.1f %.1fV%.1fH%.1fV%.1fZ", SIDE * at_x(plot, plot->x[i]), SIDE, SIDE * (1 - value / top),
                    SIDE * at_x(plot, next_x(plot, i)), SIDE);
    }
    fputs("\" />\n", out);
}

static void point_name(FILE *out, const struct bench_plot *plot, size_t point)
{
    double x = plot->x[point];
    if (plot->axis == BENCH_AXIS_TIME) {
        fputs(time_text(x, plot->x_end).s, out);
        return;
    }
    fprintf(out, "%g", x);
    if (plot->style == BENCH_PLOT_BARS)
        fprintf(out, " to %g", next_x(plot, point));
    if (plot->x_unit[0] != '\0') {
        fputc(' ', out);
        bench_html_text(out, plot->x_unit);
    }
}

/** Invisible columns that tell their values to a resting pointer. */
static void hits(FILE *out, const struct bench_plot *plot, double scale)
{
    for (size_t i = 0; i < plot->point_count; i++) {
        bool bars = plot->style == BENCH_PLOT_BARS;
        double before = i > 0 ? plot->x[i - 1] : plot->x[i], x = plot->x[i];
        double from = at_x(plot, bars ? x : (before + x) / 2),
               to = at_x(plot, bars ? next_x(plot, i) : (x + next_x(plot, i)) / 2);
        fprintf(out, "<rect class=\"hit\" x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" height=\"100%%\"><title>", 100 * from,
                100 * fmax(to - from, 0));
        point_name(out, plot, i);
        for (size_t s = 0; s < plot->series_count; s++) {
            fputs(s == 0 ? ": " : ", ", out);
            bench_html_text(out, plot->series[s].name);
            fprintf(out, " %s", value_text(plot, plot->series[s].values[i], scale).s);
        }
        fputc(' ', out);
        bench_html_text(out, plot->unit);
        fputs("</title></rect>\n", out);
    }
}

static void data_table(FILE *out, const struct bench_plot *plot, double scale)
{
    fputs("<details><summary>Figures as a table</summary><div class=\"scroll\"><table><thead><tr><th scope=\"col\">",
          out);
    bench_html_text(out, plot->x_name);
    fputs("</th>", out);
    for (size_t s = 0; s < plot->series_count; s++) {
        fputs("<th scope=\"col\">", out);
        bench_html_text(out, plot->series[s].name);
        fputs(", ", out);
        bench_html_text(out, plot->unit);
        fputs("</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < plot->point_count; i++) {
        fputs("<tr><td>", out);
        point_name(out, plot, i);
        fputs("</td>", out);
        for (size_t s = 0; s < plot->series_count; s++)
            fprintf(out, "<td>%s</td>", value_text(plot, plot->series[s].values[i], scale).s);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div></details>\n", out);
}

static void legend(FILE *out, const struct bench_plot *plot)
{
    static const char *const keys[] = {"line", "dots", "area", "area"};
    if (plot->series_count < 2)
        return;
    fputs("<ul class=\"legend\">", out);
    for (size_t i = 0; i < plot->series_count; i++) {
        size_t s = plot->style == BENCH_PLOT_STACKED ? plot->series_count - 1 - i : i; /* as they lie, top first */
        fprintf(out,
                "<li><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 22 10\" aria-hidden=\"true\"><path "
                "class=\"%s c%zu\" d=\"%s\" /></svg>",
                keys[plot->style], s + 1, plot->style == BENCH_PLOT_STACKED ? "M1 0h20v10h-20z" : "M1 5h20");
        bench_html_text(out, plot->series[s].name);
        fputs("</li>", out);
    }
    fputs("</ul>\n", out);
}

static void picture(FILE *out, const struct bench_plot *plot, double top, double step)
{
    fprintf(
        out,
        "<div class=\"frame%s\"><svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
        "<title id=\"%s-t\">",
        plot->axis == BENCH_AXIS_NUMBER ? " named" : "", plot->id, plot->id, plot->id);
    bench_html_text(out, plot->title);
    fprintf(out, "</title><desc id=\"%s-d\">", plot->id);
    describe(out, plot, top);
    fputs("</desc>\n", out);
    if (plot->shade_to > plot->shade_from)
        fprintf(out, "<rect class=\"measured\" x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" height=\"100%%\" />\n",
                100 * at_x(plot, plot->shade_from), 100 * (at_x(plot, plot->shade_to) - at_x(plot, plot->shade_from)));
    axes(out, plot, top, step);
    fputs("<svg x=\"0\" y=\"0\" width=\"100%\" height=\"100%\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" "
          "overflow=\"visible\">\n",
          out);
    if (plot->style == BENCH_PLOT_BARS)
        bars_path(out, plot, top);
    for (size_t s = 0; plot->style != BENCH_PLOT_BARS && s < plot->series_count; s++) {
        if (plot->style == BENCH_PLOT_STACKED)
            area_path(out, plot, s, top);
        else
            line_path(out, plot, s, top, plot->style == BENCH_PLOT_DOTS);
        if (plot->marks)
            line_path(out, plot, s, top, true);
    }
    fputs("</svg>\n", out);
    if (plot->limit > 0 && plot->limit <= top)
        fprintf(out, "<line class=\"limit\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\" />\n",
                100 * (1 - plot->limit / top), 100 * (1 - plot->limit / top));
    hits(out, plot, top);
    fputs("</svg></div>\n", out);
}

void bench_plot_write(FILE *out, const struct bench_plot *plot)
{
    double max = greatest(plot);
    fputs("<figure class=\"plot\"><figcaption><div class=\"head\"><h3>", out);
    bench_html_text(out, plot->title);
    fputs("</h3><span class=\"unit\">", out);
    bench_html_text(out, plot->unit);
    fputs("</span></div>\n", out);
    if (max >= 0)
        legend(out, plot);
    double step = max > 0 ? round_step(max / Y_TICKS) : 0.25;
    if (plot->whole && step < 1)
        step = 1;
    double top = max > 0 ? ceil(max / step - 1e-9) * step : plot->whole ? step : 1;
    if (plot->hint[0] != '\0' || plot->limit > 0) {
        fputs("<p class=\"hint\">", out);
        bench_html_text(out, plot->hint);
        if (plot->limit > 0)
            fprintf(out, "%sLimit %g ", plot->hint[0] != '\0' ? " " : "", plot->limit);
        if (plot->limit > 0)
            bench_html_text(out, plot->unit);
        if (plot->limit > 0)
            fputs(plot->limit <= top ? ", dotted." : ", above this scale.", out);
        fputs("</p>\n", out);
    }
    fputs("</figcaption>\n", out);
    if (max < 0 || plot->point_count == 0) {
        fputs("<p class=\"nothing\">Nothing is known about this.</p>\n", out);
    } else {
        picture(out, plot, top, step);
        data_table(out, plot, top);
    }
    fputs("</figure>\n", out);
}
