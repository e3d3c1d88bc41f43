/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/compare_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/report/json_value.h"
#include "bench/report/text.h"

#define WARNING_MAX 400

struct figure {
    const char *name, *key, *unit;
    int decimals;
};

static const struct figure figures[BENCH_FIGURES] = {
    [BENCH_FIGURE_COST_US] = {"server CPU a packet", "cpu_us_per_delivered_packet", "us", 1},
    [BENCH_FIGURE_DELAY_P50] = {"delay p50", "delay_p50_ms", "ms", 2},
    [BENCH_FIGURE_DELAY_P99] = {"delay p99", "delay_p99_ms", "ms", 1},
    [BENCH_FIGURE_MEMORY] = {"memory, peak", "memory_peak_mib", "MiB", 1},
    [BENCH_FIGURE_LOSS] = {"loss", "loss_percent", "%", 4},
};

/** NaN: not known. */
static double value_of(const struct bench_result *result, enum bench_compare_figure figure)
{
    struct bench_histogram delay;
    double cost = bench_result_cost_us(result), expected = (double)bench_result_expected(result);
    switch (figure) {
    case BENCH_FIGURE_COST_US:
        return cost >= 0 ? cost : NAN;
    case BENCH_FIGURE_DELAY_P50:
    case BENCH_FIGURE_DELAY_P99:
        bench_result_delay(result, &delay);
        if (delay.count == 0)
            return NAN;
        return (double)bench_histogram_quantile(&delay, figure == BENCH_FIGURE_DELAY_P50 ? 0.5 : 0.99) / 1e3;
    case BENCH_FIGURE_MEMORY:
        return result->has_server_memory ? (double)result->server_memory_peak_bytes / 1048576 : NAN;
    case BENCH_FIGURE_LOSS:
        return expected > 0 ? 100 * fmax(expected - (double)bench_result_delivered(result), 0) / expected : NAN;
    case BENCH_FIGURES:
        break;
    }
    return NAN;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/** Sorts `values`. */
static void spread_of(double *values, size_t count, struct bench_compare_spread *out)
{
    *out = (struct bench_compare_spread){.count = count};
    if (count == 0)
        return;
    qsort(values, count, sizeof *values, by_value);
    out->min = values[0];
    out->max = values[count - 1];
    out->median = (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/** The n-th run of a side, or NULL. */
static const struct bench_result *run_of(const struct bench_compare_scenario *scenario, enum bench_compare_side side,
                                         size_t n)
{
    for (size_t i = 0; i < scenario->run_count; i++)
        if (scenario->runs[i].side == side && n-- == 0)
            return scenario->runs[i].result;
    return NULL;
}

void bench_compare_figure(const struct bench_compare_scenario *scenario, enum bench_compare_side side,
                          enum bench_compare_figure figure, struct bench_compare_spread *out)
{
    double values[BENCH_COMPARE_RUNS_MAX];
    size_t count = 0;
    const struct bench_result *result;
    for (size_t n = 0; n < BENCH_COMPARE_RUNS_MAX && (result = run_of(scenario, side, n)) != NULL; n++) {
        double value = value_of(result, figure);
        if (bench_result_counts(result) && isfinite(value))
            values[count++] = value;
    }
    spread_of(values, count, out);
}

void bench_compare_ratio(const struct bench_compare_scenario *scenario, enum bench_compare_figure figure,
                         struct bench_compare_spread *out)
{
    double ratios[BENCH_COMPARE_RUNS_MAX];
    size_t count = 0;
    for (size_t n = 0; n < BENCH_COMPARE_RUNS_MAX; n++) {
        const struct bench_result *a = run_of(scenario, BENCH_SIDE_A, n), *b = run_of(scenario, BENCH_SIDE_B, n);
        if (a == NULL || b == NULL)
            break;
        double ratio = value_of(a, figure) / value_of(b, figure);
        if (bench_result_counts(a) && bench_result_counts(b) && isfinite(ratio))
            ratios[count++] = ratio;
    }
    spread_of(ratios, count, out);
}

struct tally {
    size_t runs, counted, failed;
};

static struct tally tally_of(const struct bench_compare_scenario *scenario, enum bench_compare_side side)
{
    struct tally tally = {0};
    for (size_t i = 0; i < scenario->run_count; i++) {
        const struct bench_result *result = scenario->runs[i].result;
        if (scenario->runs[i].side != side)
            continue;
        tally.runs++;
        tally.counted += bench_result_counts(result);
        tally.failed += bench_result_counts(result) && !bench_result_passed(result);
    }
    return tally;
}

static void label_of(const struct bench_compare_report *report, enum bench_compare_side side, char *out, size_t out_max)
{
    bench_text_clean(out, out_max, report->labels[side]);
}

static void spread_text(const struct bench_compare_spread *spread, int decimals, char *out, size_t out_max)
{
    /* no more digits than tell something: a cell has 24 columns */
    if (spread->max >= 10 && decimals > 1)
        decimals = 1;
    if (spread->max >= 1000)
        decimals = 0;
    if (spread->count == 0)
        snprintf(out, out_max, "-");
    else
        snprintf(out, out_max, "%.*f (%.*f..%.*f)", decimals, spread->median, decimals, spread->min, decimals,
                 spread->max);
}

/** Why a run does not count; "" if it does. */
static const char *reason_of(const struct bench_result *result)
{
    if (bench_result_counts(result))
        return "";
    return result->generator_saturated && result->generator_why[0] != '\0' ? result->generator_why
           : result->generator_saturated                                   ? "the generator was saturated"
           : result->ended[0] != '\0'                                      ? result->ended
                                                                           : "interrupted";
}

/** What a reader must know before they believe the figures: "" if all is well. Clean. */
static void warning_text(const struct bench_compare_scenario *scenario, enum bench_compare_side side, char *out,
                         size_t out_max)
{
    struct tally tally = tally_of(scenario, side);
    const char *reason = "";
    char text[WARNING_MAX] = "", failed[64] = "";
    for (size_t i = 0; i < scenario->run_count && reason[0] == '\0'; i++)
        if (scenario->runs[i].side == side)
            reason = reason_of(scenario->runs[i].result);
    if (tally.failed > 0)
        snprintf(failed, sizeof failed, "%zu of %zu runs failed a service level", tally.failed, tally.counted);
    if (tally.counted < tally.runs)
        snprintf(text, sizeof text, "%zu of %zu runs do not count (%s)%s%s", tally.runs - tally.counted, tally.runs,
                 reason, failed[0] != '\0' ? "; " : "", failed);
    bench_text_clean(out, out_max, text[0] != '\0' ? text : failed);
}

int bench_compare_report_table(FILE *out, const struct bench_compare_report *report)
{
    char a[64], b[64], ratio[96], name[64], warning[WARNING_MAX];
    label_of(report, BENCH_SIDE_A, a, sizeof a);
    label_of(report, BENCH_SIDE_B, b, sizeof b);
    fprintf(out, "A: %s\nB: %s\nmedian (least..greatest); A/B: of neighbouring runs, below 1 is better for A\n", a, b);
    for (size_t i = 0; i < report->scenario_count; i++) {
        const struct bench_compare_scenario *scenario = &report->scenarios[i];
        bench_text_clean(name, sizeof name, scenario->name);
        fprintf(out, "\n%s: %zu runs of A, %zu of B\n%-28s%24s%24s%24s\n", name, tally_of(scenario, BENCH_SIDE_A).runs,
                tally_of(scenario, BENCH_SIDE_B).runs, "", "A", "B", "A/B");
        for (unsigned figure = 0; figure < BENCH_FIGURES; figure++) {
            struct bench_compare_spread spreads[BENCH_SIDES], quotient;
            char texts[BENCH_SIDES][96], title[40];
            for (unsigned side = 0; side < BENCH_SIDES; side++) {
                bench_compare_figure(scenario, (enum bench_compare_side)side, (enum bench_compare_figure)figure,
                                     &spreads[side]);
                spread_text(&spreads[side], figures[figure].decimals, texts[side], sizeof texts[side]);
            }
            bench_compare_ratio(scenario, (enum bench_compare_figure)figure, &quotient);
            spread_text(&quotient, 2, ratio, sizeof ratio);
            snprintf(title, sizeof title, "  %s, %s", figures[figure].name, figures[figure].unit);
            fprintf(out, "%-28s%24s%24s%24s\n", title, texts[BENCH_SIDE_A], texts[BENCH_SIDE_B], ratio);
        }
        for (unsigned side = 0; side < BENCH_SIDES; side++) {
            warning_text(scenario, (enum bench_compare_side)side, warning, sizeof warning);
            bench_text_cut(warning, 95);
            if (warning[0] != '\0')
                fprintf(out, "  %c: %s\n", 'A' + (int)side, warning);
        }
    }
    return fflush(out) != 0 || ferror(out) ? BASE_ERR_IO : 0;
}

/** In a cell of a Markdown table a bar ends the cell, and what looks like markup is markup. */
static void markdown_text(FILE *out, const char *text)
{
    char clean[WARNING_MAX];
    bench_text_clean(clean, sizeof clean, text);
    for (const char *at = clean; *at != '\0'; at++) {
        if (strchr("|\\`*_[]<>#&", *at) != NULL)
            fputc('\\', out);
        fputc(*at, out);
    }
}

static void markdown_cell(FILE *out, const struct bench_compare_spread *spread, int decimals)
{
    char text[96];
    spread_text(spread, decimals, text, sizeof text);
    fprintf(out, " %s |", text);
}

static void markdown_row(FILE *out, const struct bench_compare_report *report,
                         const struct bench_compare_scenario *scenario, enum bench_compare_side side)
{
    struct bench_compare_spread spread;
    struct tally tally = tally_of(scenario, side);
    char warning[WARNING_MAX];
    fputs("| ", out);
    markdown_text(out, scenario->name);
    fputs(" | ", out);
    markdown_text(out, report->labels[side]);
    fprintf(out, " | %zu |", tally.counted);
    for (unsigned figure = 0; figure < BENCH_FIGURES; figure++) {
        bench_compare_figure(scenario, side, (enum bench_compare_figure)figure, &spread);
        markdown_cell(out, &spread, figures[figure].decimals);
    }
    warning_text(scenario, side, warning, sizeof warning);
    fputc(' ', out);
    markdown_text(out, warning);
    fputs(" |\n", out);
}

int bench_compare_report_markdown(FILE *out, const struct bench_compare_report *report)
{
    fputs("| scenario | server | runs |", out);
    for (unsigned figure = 0; figure < BENCH_FIGURES; figure++)
        fprintf(out, " %s, %s |", figures[figure].name, figures[figure].unit);
    fputs(" note |\n|---|---|---:|---:|---:|---:|---:|---:|---|\n", out);
    for (size_t i = 0; i < report->scenario_count; i++) {
        const struct bench_compare_scenario *scenario = &report->scenarios[i];
        struct bench_compare_spread spread;
        size_t pairs = 0;
        markdown_row(out, report, scenario, BENCH_SIDE_A);
        markdown_row(out, report, scenario, BENCH_SIDE_B);
        for (unsigned figure = 0; figure < BENCH_FIGURES; figure++) {
            bench_compare_ratio(scenario, (enum bench_compare_figure)figure, &spread);
            pairs = spread.count > pairs ? spread.count : pairs;
        }
        fputs("| ", out);
        markdown_text(out, scenario->name);
        fprintf(out, " | ratio of the first to the second | %zu |", pairs);
        for (unsigned figure = 0; figure < BENCH_FIGURES; figure++) {
            bench_compare_ratio(scenario, (enum bench_compare_figure)figure, &spread);
            markdown_cell(out, &spread, 2);
        }
        fputs(" |\n", out);
    }
    return fflush(out) != 0 || ferror(out) ? BASE_ERR_IO : 0;
}

static json_t *spread_json(const struct bench_compare_spread *spread)
{
    bool known = spread->count > 0;
    return json_pack("{so so so so}", "count", bench_json_count(true, spread->count), "median",
                     bench_json_real(known, spread->median), "min", bench_json_real(known, spread->min), "max",
                     bench_json_real(known, spread->max));
}

static json_t *scenario_json(const struct bench_compare_scenario *scenario)
{
    json_t *list = json_object(), *runs = json_array();
    for (unsigned i = 0; i < BENCH_FIGURES; i++) {
        struct bench_compare_spread a, b, ratio;
        bench_compare_figure(scenario, BENCH_SIDE_A, (enum bench_compare_figure)i, &a);
        bench_compare_figure(scenario, BENCH_SIDE_B, (enum bench_compare_figure)i, &b);
        bench_compare_ratio(scenario, (enum bench_compare_figure)i, &ratio);
        json_object_set_new(
            list, figures[i].key,
            json_pack("{so so so}", "a", spread_json(&a), "b", spread_json(&b), "a_to_b", spread_json(&ratio)));
    }
    for (size_t i = 0; i < scenario->run_count; i++)
        json_array_append_new(runs, json_pack("{ss so}", "side", scenario->runs[i].side == BENCH_SIDE_A ? "a" : "b",
                                              "result", bench_json_result(scenario->runs[i].result)));
    return json_pack("{so so so}", "name", bench_json_text(scenario->name), "figures", list, "runs", runs);
}

int bench_compare_report_json(FILE *out, const struct bench_compare_report *report)
{
    json_t *scenarios = json_array();
    for (size_t i = 0; i < report->scenario_count; i++)
        json_array_append_new(scenarios, scenario_json(&report->scenarios[i]));
    return bench_json_write(out, json_pack("{ss si so so so so}", "format", "consilium-bench comparison",
                                           "format_version", 1, "a", bench_json_text(report->labels[BENCH_SIDE_A]), "b",
                                           bench_json_text(report->labels[BENCH_SIDE_B]), "command_line",
                                           bench_json_text(report->command_line), "scenarios", scenarios));
}
