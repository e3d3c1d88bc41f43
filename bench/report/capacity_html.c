/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/capacity_report.h"

#include <math.h>
#include <string.h>

#include "bench/report/html.h"
#include "bench/report/plot.h"

/** NaN: not known. */
typedef double (*reading)(const struct bench_result *result);

static double level(const struct bench_result *result, const char *name)
{
    for (unsigned i = 0; i < result->verdict_count; i++)
        if (strcmp(result->verdicts[i].name, name) == 0 && result->verdicts[i].known)
            return result->verdicts[i].value;
    return NAN;
}

static double delay(const struct bench_result *result)
{
    return level(result, "delay-p99");
}

static double loss(const struct bench_result *result)
{
    return level(result, "loss");
}

static double join(const struct bench_result *result)
{
    return level(result, "join-p99");
}

static double freezes(const struct bench_result *result)
{
    return level(result, "freezes");
}

static double server(const struct bench_result *result)
{
    double cores = bench_result_server_cores(result);
    return cores >= 0 ? cores : NAN;
}

static double generator(const struct bench_result *result)
{
    double cores = bench_result_generator_cores(result);
    return cores >= 0 ? cores : NAN;
}

static double cost(const struct bench_result *result)
{
    double us = bench_result_cost_us(result);
    return us >= 0 ? us : NAN;
}

static double limit(const struct bench_capacity_report *report, const char *name)
{
    const struct bench_result *result = report->step_count > 0 ? report->steps[0].result : NULL;
    for (unsigned i = 0; result != NULL && name != NULL && i < result->verdict_count; i++)
        if (strcmp(result->verdicts[i].name, name) == 0 && result->verdicts[i].asked)
            return result->verdicts[i].limit;
    return 0;
}

/** Steps by load; of one load the newest. Returns how many. */
static size_t sorted(const struct bench_capacity_report *report, const struct bench_capacity_step **out)
{
    size_t count = 0;
    for (size_t i = 0; i < report->step_count; i++) {
        const struct bench_capacity_step *step = &report->steps[i];
        size_t at = count;
        while (at > 0 && out[at - 1]->load > step->load)
            at--;
        if (at > 0 && out[at - 1]->load == step->load) {
            out[at - 1] = step;
            continue;
        }
        if (count == BENCH_PLOT_POINTS_MAX)
            continue;
        memmove(&out[at + 1], &out[at], (count - at) * sizeof *out);
        out[at] = step;
        count++;
    }
    return count;
}

static const struct {
    const char *id, *title, *unit, *limit;
    struct {
        const char *name;
        reading read;
    } curves[2];
} plots[] = {
    {"delay", "One-way delay, p99", "ms", "delay-p99", {{"delay", delay}}},
    {"loss", "Loss", "%", "loss", {{"loss", loss}}},
    {"freezes", "Freezes a minute and track", "/min", "freezes", {{"freezes", freezes}}},
    {"join", "Join time, p99", "ms", "join-p99", {{"join time", join}}},
    {"cpu", "CPU", "cores", NULL, {{"server", server}, {"load generator", generator}}},
    {"cost", "Server CPU a delivered packet", "us", NULL, {{"cost", cost}}},
};

static void all_plots(FILE *out, const struct bench_capacity_report *report)
{
    const struct bench_capacity_step *steps[BENCH_PLOT_POINTS_MAX + 1];
    size_t count = sorted(report, steps);
    if (count == 0)
        return;
    fputs("<h2>Against the load</h2>\n<div class=\"plots\">\n", out);
    for (size_t i = 0; i < sizeof plots / sizeof plots[0]; i++) {
        struct bench_plot plot = {.id = plots[i].id,
                                  .title = plots[i].title,
                                  .hint = "",
                                  .unit = plots[i].unit,
                                  .x_name = "load",
                                  .x_unit = report->unit,
                                  .style = BENCH_PLOT_LINES,
                                  .axis = BENCH_AXIS_NUMBER,
                                  .marks = true,
                                  .point_count = count,
                                  .x_end = steps[count - 1]->load,
                                  .limit = limit(report, plots[i].limit)};
        for (size_t c = 0; c < 2 && plots[i].curves[c].name != NULL; c++) {
            plot.series[c].name = plots[i].curves[c].name;
            plot.series_count++;
            for (size_t at = 0; at < count; at++)
                plot.series[c].values[at] = plots[i].curves[c].read(steps[at]->result);
        }
        for (size_t at = 0; at < count; at++)
            plot.x[at] = steps[at]->load;
        bench_plot_write(out, &plot);
    }
    fputs("</div>\n", out);
}

static void cell(FILE *out, const char *text)
{
    fputs("<td>", out);
    bench_html_text(out, text);
    fputs("</td>", out);
}

static void level_cell(FILE *out, const struct bench_result *result, const char *name, const char *unit)
{
    double value = level(result, name);
    cell(out, isfinite(value) ? bench_text_level(value, unit).s : "-");
}

static void failed_levels(FILE *out, const struct bench_result *result)
{
    bool some = false;
    fputs("<td>", out);
    for (unsigned i = 0; i < result->verdict_count; i++) {
        if (!result->verdicts[i].asked || result->verdicts[i].ok)
            continue;
        fputs(some ? ", " : "", out);
        bench_html_text(out, result->verdicts[i].name);
        some = true;
    }
    fputs(some ? "</td>" : "-</td>", out);
}

static void step_table(FILE *out, const struct bench_capacity_report *report)
{
    fputs("<h2>Steps, as they ran</h2>\n<div class=\"card scroll\"><table><thead><tr><th scope=\"col\">Load</th>"
          "<th scope=\"col\">Verdict</th><th scope=\"col\">People</th><th scope=\"col\">Loss</th><th "
          "scope=\"col\">Delay p99</th><th scope=\"col\">Join p99</th><th scope=\"col\">Freezes</th><th "
          "scope=\"col\">Server CPU</th><th scope=\"col\">Generator CPU</th><th scope=\"col\">Failed</th></tr></thead>"
          "<tbody>\n",
          out);
    for (size_t i = 0; i < report->step_count; i++) {
        const struct bench_result *result = report->steps[i].result;
        enum bench_verdict_word word = bench_report_word(result);
        bool passed = word == BENCH_WORD_PASSED, failed = word == BENCH_WORD_FAILED;
        fprintf(out, "<tr><th scope=\"row\">%g</th><td class=\"word %s\">%s %s</td>", report->steps[i].load,
                passed   ? "pass"
                : failed ? "fail"
                         : "warn",
                passed   ? "✓"
                : failed ? "✕"
                         : "!",
                bench_report_word_text(word));
        cell(out, bench_text_count(result->people).s);
        level_cell(out, result, "loss", "%");
        level_cell(out, result, "delay-p99", "ms");
        level_cell(out, result, "join-p99", "ms");
        level_cell(out, result, "freezes", "/min");
        cell(out, bench_text_number(bench_result_server_cores(result), 2, "").s);
        cell(out, bench_text_number(bench_result_generator_cores(result), 2, "").s);
        failed_levels(out, result);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void tiles(FILE *out, const struct bench_capacity_report *report, const struct bench_capacity_outcome *outcome)
{
    static const char *const sides[] = {"neither, or not known", "the server", "the load generator"};
    struct bench_text good = {"none"}, bad = {"none"};
    if (outcome->last_good != NULL)
        snprintf(good.s, sizeof good.s, "%g", outcome->last_good->load);
    if (outcome->first_bad != NULL)
        snprintf(bad.s, sizeof bad.s, "%g", outcome->first_bad->load);
    fputs("<dl class=\"tiles\">\n", out);
    bench_html_tile(out, "Last good load", good.s, report->unit);
    bench_html_tile(out, "First load that failed", bad.s, report->unit);
    bench_html_tile(out, "Broke first", outcome->broke != NULL ? outcome->broke->name : "nothing", "");
    bench_html_tile(out, "Saturated", sides[outcome->saturated], "");
    fputs("</dl>\n", out);
}

int bench_capacity_report_html(FILE *out, const struct bench_capacity_report *report)
{
    char sentence[1024], title[200];
    struct bench_capacity_outcome outcome;
    bench_capacity_outcome(report, &outcome);
    bench_capacity_sentence(report, sentence, sizeof sentence);
    snprintf(title, sizeof title, "Capacity: %s", report->unit);
    bench_html_begin(out, title);
    fputs("<h1>", out);
    bench_html_text(out, title);
    fputs("</h1>\n<p class=\"sub\">", out);
    if (report->step_count > 0) {
        fputs("First step: ", out);
        bench_html_text(out, report->steps[0].result->description);
    }
    fputs("</p>\n", out);
    bool found = outcome.last_good != NULL && outcome.first_bad != NULL && !report->interrupted;
    bool none = outcome.last_good == NULL && outcome.first_bad != NULL;
    bench_html_banner(out,
                      found  ? BENCH_LOOK_GOOD
                      : none ? BENCH_LOOK_BAD
                             : BENCH_LOOK_DOUBT,
                      found  ? "LIMIT FOUND"
                      : none ? "TOO MUCH"
                             : "LIMIT NOT FOUND",
                      sentence);
    tiles(out, report, &outcome);
    all_plots(out, report);
    step_table(out, report);
    if (report->step_count > 0)
        bench_html_about(out, report->steps[report->step_count - 1].result, report->command_line);
    return bench_html_end(out);
}
