/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/html_plots.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "bench/report/html.h"
#include "bench/report/plot.h"

enum gather { GATHER_MEAN, GATHER_MAX, GATHER_SUM, GATHER_PERCENT };

/** What a plot shows of one sample; NaN: not known. PERCENT: share of the expected packets, sums over sums. */
typedef double (*reading)(const struct bench_sample *sample);

struct curve {
    const char *name;
    enum gather gather;
    reading read;
};

static double unless_0(uint64_t value, double per_unit)
{
    return value != 0 ? (double)value / per_unit : NAN;
}

static double delay_p50(const struct bench_sample *sample)
{
    return unless_0(sample->delay_p50_us, 1e3);
}

static double delay_p99(const struct bench_sample *sample)
{
    return unless_0(sample->delay_p99_us, 1e3);
}

static double join_p99(const struct bench_sample *sample)
{
    return unless_0(sample->join_p99_us, 1e3);
}

static double lost(const struct bench_sample *sample)
{
    return (double)sample->expected - (double)sample->delivered;
}

static double repaired(const struct bench_sample *sample)
{
    return (double)sample->repaired;
}

static double layer0(const struct bench_sample *sample)
{
    return (double)sample->layer_bps[0] / 1e6;
}

static double layer1(const struct bench_sample *sample)
{
    return (double)sample->layer_bps[1] / 1e6;
}

static double layer2(const struct bench_sample *sample)
{
    return (double)sample->layer_bps[2] / 1e6;
}

static double other_rate(const struct bench_sample *sample)
{
    double rest = (double)sample->delivered_bps;
    for (unsigned i = 0; i < BENCH_LAYERS; i++)
        rest -= (double)sample->layer_bps[i];
    return rest > 0 ? rest / 1e6 : 0;
}

static double inside(const struct bench_sample *sample)
{
    return (double)sample->people;
}

static double server_cpu(const struct bench_sample *sample)
{
    return sample->server_cpu >= 0 ? sample->server_cpu : NAN;
}

static double server_memory(const struct bench_sample *sample)
{
    return unless_0(sample->server_memory_bytes, 1048576);
}

static double generator_cpu(const struct bench_sample *sample)
{
    return sample->generator_cpu >= 0 ? sample->generator_cpu : NAN;
}

static double generator_late(const struct bench_sample *sample)
{
    return (double)sample->generator_late_us / 1e3;
}

static double freezes(const struct bench_sample *sample)
{
    return (double)sample->freezes;
}

static double keyframe_requests(const struct bench_sample *sample)
{
    return (double)sample->keyframe_requests;
}

/** How many samples one point stands for. */
static size_t samples_a_point(const struct bench_result *result)
{
    return (result->sample_count + BENCH_PLOT_POINTS_MAX - 1) / BENCH_PLOT_POINTS_MAX;
}

static double gather(const struct curve *curve, const struct bench_sample *samples, size_t count)
{
    double sum = 0, max = -INFINITY, expected = 0;
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        double value = curve->read(&samples[i]);
        expected += (double)samples[i].expected;
        if (!isfinite(value))
            continue;
        sum += value;
        max = fmax(max, value);
        known++;
    }
    if (known == 0)
        return NAN;
    switch (curve->gather) {
    case GATHER_MAX:
        return max;
    case GATHER_SUM:
        return sum;
    case GATHER_PERCENT:
        return expected > 0 ? 100 * fmax(sum, 0) / expected : NAN;
    case GATHER_MEAN:
        break;
    }
    return sum / (double)known;
}

/** The times at which the measured part begins and ends. */
static void shade(struct bench_plot *plot, const struct bench_result *result)
{
    bool found = false;
    plot->shade_from = plot->shade_to = 0;
    for (size_t i = 0; i < result->sample_count; i++) {
        if (!result->samples[i].measured)
            continue;
        if (!found)
            plot->shade_from = i > 0 ? (double)result->samples[i - 1].at_us / 1e6 : 0;
        found = true;
        plot->shade_to = (double)result->samples[i].at_us / 1e6;
    }
}

static bool all_zero(const struct bench_plot *plot, size_t series)
{
    for (size_t i = 0; i < plot->point_count; i++)
        if (plot->series[series].values[i] > 0)
            return false;
    return true;
}

static void fill(struct bench_plot *plot, const struct bench_result *result, const struct curve *curves, size_t count)
{
    size_t each = samples_a_point(result);
    assert(count != 0);
    plot->x_name = "since the run began";
    plot->x_unit = "s";
    plot->axis = BENCH_AXIS_TIME;
    plot->point_count = 0;
    plot->series_count = 0;
    for (size_t i = 0; i < result->sample_count; i += each) {
        size_t some = result->sample_count - i < each ? result->sample_count - i : each;
        plot->x[plot->point_count++] = (double)result->samples[i + some - 1].at_us / 1e6;
    }
    plot->x_begin = 0;
    plot->x_end = plot->point_count > 0 ? plot->x[plot->point_count - 1] : 0;
    shade(plot, result);
    for (size_t c = 0; c < count; c++) {
        struct bench_plot_series *series = &plot->series[plot->series_count];
        series->name = curves[c].name;
        for (size_t i = 0, point = 0; i < result->sample_count; i += each, point++) {
            size_t some = result->sample_count - i < each ? result->sample_count - i : each;
            series->values[point] = gather(&curves[c], &result->samples[i], some);
        }
        /* a layer that nobody sends is no layer */
        if (plot->style != BENCH_PLOT_STACKED || !all_zero(plot, plot->series_count))
            plot->series_count++;
    }
    if (plot->series_count == 0)
        plot->series_count = 1; /* nothing came at all: the last one's, at zero */
}

static double limit_of(const struct bench_result *result, const char *name)
{
    for (unsigned i = 0; i < result->verdict_count; i++)
        if (result->verdicts[i].asked && strcmp(result->verdicts[i].name, name) == 0)
            return result->verdicts[i].limit;
    return 0;
}

static void join_distribution(FILE *out, const struct bench_result *result)
{
    static const double steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000};
    struct bench_plot plot = {.id = "join-spread",
                              .title = "Join time, how it was spread",
                              .hint = "",
                              .unit = "people",
                              .x_name = "join time",
                              .x_unit = "ms",
                              .style = BENCH_PLOT_BARS,
                              .axis = BENCH_AXIS_NUMBER,
                              .whole = true,
                              .series_count = 1,
                              .series = {{.name = "people"}}};
    double max_ms = (double)result->join.max / 1e3, width = 1;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && max_ms / width > 24; i++)
        width = steps[i];
    size_t bins = result->join.count == 0 ? 0 : (size_t)fmin(max_ms / width + 1, BENCH_PLOT_POINTS_MAX);
    for (size_t i = 0; i < bins; i++) {
        plot.x[i] = (double)i * width;
        bool last = i + 1 == bins;
        uint64_t below = bench_histogram_below(&result->join, (uint64_t)(plot.x[i] * 1e3));
        uint64_t below_end =
            last ? result->join.count : bench_histogram_below(&result->join, (uint64_t)((plot.x[i] + width) * 1e3));
        plot.series[0].values[i] = (double)(below_end - below);
    }
    plot.point_count = bins;
    plot.x_end = (double)bins * width;
    bench_plot_write(out, &plot);
}

#define CURVES_MAX BENCH_PLOT_SERIES_MAX

static const struct {
    const char *id, *title, *hint, *unit, *limit;
    enum bench_plot_style style;
    bool whole;
    struct curve curves[CURVES_MAX];
} plots[] = {
    {"delay",
     "One-way delay",
     "From the publisher's send call to the arrival in our kernel.",
     "ms",
     "delay-p99",
     BENCH_PLOT_LINES,
     false,
     {{"p99", GATHER_MAX, delay_p99}, {"p50", GATHER_MEAN, delay_p50}}},
    {"loss",
     "Loss and repair",
     "Share of the packets that publishers sent meanwhile.",
     "%",
     NULL,
     BENCH_PLOT_LINES,
     false,
     {{"never arrived", GATHER_PERCENT, lost}, {"repaired", GATHER_PERCENT, repaired}}},
    {"rate",
     "Delivered bitrate by layer",
     "",
     "Mbit/s",
     NULL,
     BENCH_PLOT_STACKED,
     false,
     {{"low layer", GATHER_MEAN, layer0},
      {"middle layer", GATHER_MEAN, layer1},
      {"high layer", GATHER_MEAN, layer2},
      {"sound and screen", GATHER_MEAN, other_rate}}},
    {"freezes",
     "Freezes and key frames asked for",
     "Over all tracks.",
     "number",
     NULL,
     BENCH_PLOT_LINES,
     true,
     {{"freezes", GATHER_SUM, freezes}, {"key frames asked for", GATHER_SUM, keyframe_requests}}},
    {"people", "People inside", "", "people", NULL, BENCH_PLOT_LINES, true, {{"people", GATHER_MAX, inside}}},
    {"join",
     "Join time, p99 of each second",
     "",
     "ms",
     "join-p99",
     BENCH_PLOT_DOTS,
     false,
     {{"join time", GATHER_MAX, join_p99}}},
    {"server-cpu", "Server: CPU", "", "cores", "cpu", BENCH_PLOT_LINES, false, {{"CPU", GATHER_MEAN, server_cpu}}},
    {"server-memory",
     "Server: memory",
     "Resident.",
     "MiB",
     NULL,
     BENCH_PLOT_LINES,
     false,
     {{"memory", GATHER_MAX, server_memory}}},
    {"generator-cpu",
     "Load generator: CPU",
     "Near one core it is the bottleneck.",
     "cores",
     NULL,
     BENCH_PLOT_LINES,
     false,
     {{"CPU", GATHER_MEAN, generator_cpu}}},
    {"generator-late",
     "Load generator: lateness",
     "How late its loop did what was due, at worst.",
     "ms",
     NULL,
     BENCH_PLOT_LINES,
     false,
     {{"lateness", GATHER_MAX, generator_late}}},
};

/** Which layer is high depends on how many there are. */
static void name_layers(struct bench_plot *plot, const struct bench_result *result)
{
    static const char *const names[BENCH_LAYERS][BENCH_LAYERS] = {
        {"cameras"}, {"low layer", "high layer"}, {"low layer", "middle layer", "high layer"}};
    static const char *const defaults[BENCH_LAYERS] = {"low layer", "middle layer", "high layer"};
    unsigned highest = 0;
    for (size_t i = 0; i < result->sample_count; i++)
        for (unsigned layer = highest + 1; layer < BENCH_LAYERS; layer++)
            if (result->samples[i].layer_bps[layer] > 0)
                highest = layer;
    for (size_t s = 0; s < plot->series_count; s++)
        for (unsigned layer = 0; layer <= highest; layer++)
            if (strcmp(plot->series[s].name, defaults[layer]) == 0) {
                plot->series[s].name = names[highest][layer];
                break;
            }
}

void bench_html_plots(FILE *out, const struct bench_result *result)
{
    fputs("<h2>Over time</h2>\n", out);
    if (result->sample_count == 0) {
        fputs("<p class=\"nothing\">The run has no second that could be shown.</p>\n", out);
        return;
    }
    fputs("<p class=\"note\">The measured part is shaded.", out);
    if (samples_a_point(result) > 1)
        fprintf(out,
                " Each point stands for %zu s: the worst of their delays and latenesses, the sum of their packets, "
                "the mean of the rest.",
                samples_a_point(result));
    fputs("</p>\n<div class=\"plots\">\n", out);
    for (size_t i = 0; i < sizeof plots / sizeof plots[0]; i++) {
        struct bench_plot plot = {.id = plots[i].id,
                                  .title = plots[i].title,
                                  .hint = plots[i].hint,
                                  .unit = plots[i].unit,
                                  .style = plots[i].style,
                                  .whole = plots[i].whole};
        size_t count = 0;
        while (count < CURVES_MAX && plots[i].curves[count].name != NULL)
            count++;
        fill(&plot, result, plots[i].curves, count);
        if (plot.style == BENCH_PLOT_STACKED)
            name_layers(&plot, result);
        if (plots[i].limit != NULL)
            plot.limit = limit_of(result, plots[i].limit);
        bench_plot_write(out, &plot);
        if (strcmp(plots[i].id, "join") == 0)
            join_distribution(out, result);
    }
    fputs("</div>\n", out);
}
