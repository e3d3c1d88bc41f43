/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/capacity_report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "bench/report/json_value.h"
#include "bench/report/text.h"

#define SERVER_FULL 0.9 /* of its cores, or of one for a thread */

bool bench_capacity_step_passed(const struct bench_capacity_step *step)
{
    return bench_result_passed(step->result);
}

/** How far beyond its limit; more is worse. What could not be measured tells less than what was. */
static double excess(const struct bench_verdict *verdict)
{
    if (!verdict->known)
        return 0;
    bool at_least = strcmp(verdict->name, "psnr") == 0;
    double worse = at_least ? verdict->limit : verdict->value, better = at_least ? verdict->value : verdict->limit;
    return better > 0 ? worse / better : INFINITY;
}

static const struct bench_verdict *worst_verdict(const struct bench_result *result)
{
    const struct bench_verdict *worst = NULL;
    for (unsigned i = 0; i < result->verdict_count; i++) {
        const struct bench_verdict *verdict = &result->verdicts[i];
        if (verdict->asked && !verdict->ok && (worst == NULL || excess(verdict) > excess(worst)))
            worst = verdict;
    }
    return worst;
}

static enum bench_capacity_saturated saturated(const struct bench_capacity_report *report,
                                               const struct bench_result *result)
{
    double cores = bench_result_server_cores(result);
    if (result->generator_saturated)
        return BENCH_SATURATED_GENERATOR;
    if (result->server_thread[0] != '\0' && result->server_thread_cores >= SERVER_FULL)
        return BENCH_SATURATED_SERVER; /* more cores would not help: a room lives on one thread */
    if (result->server_socket_drops > 0 || (report->server_cores > 0 && cores >= SERVER_FULL * report->server_cores))
        return BENCH_SATURATED_SERVER;
    return BENCH_SATURATED_NONE;
}

void bench_capacity_outcome(const struct bench_capacity_report *report, struct bench_capacity_outcome *out)
{
    *out = (struct bench_capacity_outcome){0};
    for (size_t i = 0; i < report->step_count; i++) {
        const struct bench_capacity_step *step = &report->steps[i];
        const struct bench_capacity_step **least =
            bench_result_counts(step->result) ? &out->first_bad : &out->not_counted;
        if (!bench_capacity_step_passed(step) && (*least == NULL || step->load < (*least)->load))
            *least = step;
    }
    for (size_t i = 0; i < report->step_count; i++) {
        const struct bench_capacity_step *step = &report->steps[i];
        if (!bench_capacity_step_passed(step) || (out->first_bad != NULL && step->load >= out->first_bad->load))
            continue;
        if (out->last_good == NULL || step->load > out->last_good->load)
            out->last_good = step;
    }
    if (out->first_bad != NULL)
        out->broke = worst_verdict(out->first_bad->result);
    const struct bench_capacity_step *end = out->first_bad != NULL     ? out->first_bad
                                            : out->not_counted != NULL ? out->not_counted
                                                                       : out->last_good;
    if (end != NULL)
        out->saturated = saturated(report, end->result);
}

struct line {
    char text[1024];
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(line->text + line->used, sizeof line->text - line->used, format, list);
    va_end(list);
    if (len > 0)
        line->used += (size_t)len;
    if (line->used >= sizeof line->text)
        line->used = sizeof line->text - 1;
}

/** "1 room of 12", "8 rooms of 12". */
static void add_load(struct line *line, const struct bench_capacity_report *report, double load)
{
    size_t word = strcspn(report->unit, " "), shown = word;
    if (load == 1 && word > 1 && report->unit[word - 1] == 's')
        shown--;
    add(line, "%g %.*s%s", load, (int)shown, report->unit, report->unit + word);
}

static void add_broke(struct line *line, const struct bench_capacity_outcome *outcome)
{
    const struct bench_verdict *broke = outcome->broke;
    if (broke == NULL)
        add(line, "a service level failed");
    else if (strcmp(broke->name, "server-gone") == 0) /* levels of the search itself, see bench/capacity.c */
        add(line, "the server went away");
    else if (strcmp(broke->name, "refused") == 0)
        add(line, "the server let nobody in");
    else if (broke->known)
        add(line, "%s broke first (%s, limit %s)", broke->name, bench_text_level(broke->value, broke->unit).s,
            bench_text_level(broke->limit, broke->unit).s);
    else
        add(line, "%s could not be measured", broke->name);
    if (outcome->saturated == BENCH_SATURATED_SERVER)
        add(line, "%s", "; the server was saturated");
    else
        add(line, "%s", "; the CPU of neither side was at its end, as far as it is known");
}

void bench_capacity_sentence(const struct bench_capacity_report *report, char *out, size_t out_max)
{
    struct line line = {.used = 0};
    struct bench_capacity_outcome outcome;
    bench_capacity_outcome(report, &outcome);
    if (report->interrupted)
        add(&line, "Interrupted, so far: ");
    if (outcome.last_good != NULL) {
        /* Between good and bad there may be a load that only our own end kept from being judged. */
        bool gap = outcome.first_bad != NULL && outcome.not_counted != NULL &&
                   outcome.not_counted->load < outcome.first_bad->load &&
                   outcome.not_counted->load > outcome.last_good->load;
        add(&line, outcome.first_bad != NULL && !gap ? "Holds " : "Holds at least ");
        add_load(&line, report, outcome.last_good->load);
        if (gap)
            add(&line, "; at %g the run does not count", outcome.not_counted->load);
        if (outcome.first_bad != NULL) {
            add(&line, "; at %g, ", outcome.first_bad->load);
            add_broke(&line, &outcome);
        } else if (outcome.not_counted != NULL) {
            add(&line, "; at %g the %s, so more is not known", outcome.not_counted->load,
                outcome.saturated == BENCH_SATURATED_GENERATOR ? "load generator was the bottleneck"
                                                               : "run was interrupted");
        } else {
            add(&line, ", the most that was %s",
                report->load_max > 0 && outcome.last_good->load >= report->load_max ? "allowed" : "tried");
        }
    } else if (outcome.first_bad != NULL) {
        add(&line, "Does not hold even ");
        add_load(&line, report, outcome.first_bad->load);
        add(&line, ": ");
        add_broke(&line, &outcome);
    } else {
        add(&line, "Nothing is proved: %s",
            outcome.not_counted == NULL                      ? "no load was tried"
            : outcome.saturated == BENCH_SATURATED_GENERATOR ? "the load generator was the bottleneck from the start"
                                                             : "the first run was interrupted");
    }
    add(&line, ".");
    bench_text_clean(out, out_max, line.text);
}

static struct bench_text level_of(const struct bench_result *result, const char *name)
{
    for (unsigned i = 0; i < result->verdict_count; i++)
        if (strcmp(result->verdicts[i].name, name) == 0 && result->verdicts[i].known)
            return bench_text_level(result->verdicts[i].value, result->verdicts[i].unit);
    return (struct bench_text){"-"};
}

int bench_capacity_report_table(FILE *out, const struct bench_capacity_report *report)
{
    char unit[64], sentence[1024];
    bench_text_clean(unit, sizeof unit, report->unit);
    fprintf(out, "load: %s\n\n%8s  %-15s%8s%10s%11s%10s%10s%8s  %s\n", unit, "load", "verdict", "people", "loss",
            "delay p99", "join p99", "server", "own", "worst");
    for (size_t i = 0; i < report->step_count; i++) {
        const struct bench_result *result = report->steps[i].result;
        const struct bench_verdict *worst = worst_verdict(result);
        fprintf(out, "%8g  %-15s%8u%10s%11s%10s%10s%8s  %s\n", report->steps[i].load,
                bench_report_word_text(bench_report_word(result)), result->people, level_of(result, "loss").s,
                level_of(result, "delay-p99").s, level_of(result, "join-p99").s,
                bench_text_number(bench_result_server_cores(result), 2, "").s,
                bench_text_number(bench_result_generator_cores(result), 2, "").s,
                worst != NULL && !result->interrupted ? worst->name : "");
    }
    bench_capacity_sentence(report, sentence, sizeof sentence);
    fprintf(out, "\nserver, own: CPU in cores\n%s\n", sentence);
    return fflush(out) != 0 || ferror(out) ? BASE_ERR_IO : 0;
}

static json_t *load_json(const struct bench_capacity_step *step)
{
    return bench_json_real(step != NULL, step != NULL ? step->load : 0);
}

int bench_capacity_report_json(FILE *out, const struct bench_capacity_report *report)
{
    static const char *const sides[] = {"none", "server", "generator"};
    char sentence[1024];
    struct bench_capacity_outcome outcome;
    json_t *steps = json_array();
    bench_capacity_outcome(report, &outcome);
    bench_capacity_sentence(report, sentence, sizeof sentence);
    for (size_t i = 0; i < report->step_count; i++) {
        const struct bench_capacity_step *step = &report->steps[i];
        json_array_append_new(steps, json_pack("{so sb sb so}", "load", json_real(step->load), "passed",
                                               (int)bench_capacity_step_passed(step), "counts",
                                               (int)bench_result_counts(step->result), "result",
                                               bench_json_result(step->result)));
    }
    json_t *object = json_pack("{ss si so ss so sb so so so so ss so so}", "format", "consilium-bench capacity",
                               "format_version", 1, "command_line", bench_json_text(report->command_line), "sentence",
                               sentence, "unit", bench_json_text(report->unit), "interrupted", (int)report->interrupted,
                               "last_good_load", load_json(outcome.last_good), "first_bad_load",
                               load_json(outcome.first_bad), "not_counted_load", load_json(outcome.not_counted),
                               "broke_first", outcome.broke != NULL ? bench_json_verdict(outcome.broke) : json_null(),
                               "saturated", sides[outcome.saturated], "server_cores_allowed",
                               bench_json_real(report->server_cores > 0, report->server_cores), "steps", steps);
    return bench_json_write(out, object);
}
