/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void bench_compare_name(char *out, size_t out_max, const struct bench_scenario *scenario)
{
    if (scenario->kind == BENCH_SCENARIO_TELECONSULTATION)
        snprintf(out, out_max, "%u teleconsultations", scenario->rooms);
    else if (scenario->kind == BENCH_SCENARIO_RCP && scenario->rooms == 1)
        snprintf(out, out_max, "room of %u", scenario->people);
    else if (scenario->kind == BENCH_SCENARIO_RCP)
        snprintf(out, out_max, "%u rooms of %u", scenario->rooms, scenario->people);
    else if (scenario->rooms == 1)
        snprintf(out, out_max, "webinar 1 to %u", scenario->people - 1);
    else
        snprintf(out, out_max, "%u webinars 1 to %u", scenario->rooms, scenario->people - 1);
}

static bool stopped(const struct bench_compare_config *config)
{
    return config->stop != NULL && *config->stop != 0;
}

static void tell(const struct bench_compare_config *config, const struct bench_compare *compare,
                 const struct bench_compare_scenario *scenario, unsigned round, const struct bench_compare_run *run)
{
    char line[640], about[BENCH_RESULT_TEXT + 32];
    if (config->say == NULL)
        return;
    double cost = bench_result_cost_us(run->result);
    if (!bench_result_counts(run->result))
        snprintf(about, sizeof about, "does not count: %s",
                 run->result->generator_saturated ? run->result->generator_why : run->result->ended);
    else if (cost >= 0)
        snprintf(about, sizeof about, "%.2f us of server CPU per delivered packet", cost);
    else
        snprintf(about, sizeof about, "done; server CPU is not known");
    snprintf(line, sizeof line, "%s, round %u of %u%s, %s: %s", scenario->name, round + 1, config->rounds,
             round >= config->rounds ? " (again)" : "", compare->report.labels[run->side], about);
    config->say(config->user, line);
}

/* Runs once; what could not take place is a result with its reason. */
static struct bench_result *run_once(const struct bench_compare_config *config, enum bench_compare_side side,
                                     const struct bench_scenario *scenario)
{
    char error[BENCH_OPTIONS_ERROR_MAX] = "";
    struct bench_result *result = calloc(1, sizeof *result);
    if (result == NULL)
        return NULL;
    int err = config->run(config->user, side, scenario, result, error);
    if (err != 0) {
        const char *why = error[0] != 0 ? error : base_err_name(err);
        result->interrupted = true; /* so it does not count */
        bench_result_fail(result, "%s", why);
        snprintf(result->ended, sizeof result->ended, "%s", why);
    }
    return result;
}

static int run_scenario(struct bench_compare *compare, const struct bench_compare_config *config,
                        const struct bench_scenario *scenario, struct bench_compare_scenario *out)
{
    unsigned rounds = config->rounds < BENCH_COMPARE_RUNS_MAX / 2 ? config->rounds : BENCH_COMPARE_RUNS_MAX / 2;
    unsigned limit = rounds;
    bool saturated = false;
    struct bench_compare_run *runs = calloc((size_t)rounds * 2 * BENCH_SIDES, sizeof *runs);
    bench_compare_name(out->name, sizeof out->name, scenario);
    out->runs = runs;
    if (runs == NULL)
        return BASE_ERR_NOMEM;
    for (unsigned i = 0; i < limit * BENCH_SIDES && !stopped(config); i++) {
        enum bench_compare_side side = i % BENCH_SIDES;
        struct bench_result *result = run_once(config, side, scenario);
        if (result == NULL)
            return BASE_ERR_NOMEM;
        runs[out->run_count++] = (struct bench_compare_run){.side = side, .result = result};
        char *label = compare->report.labels[side];
        if (result->target_version[0] != 0)
            snprintf(label, sizeof compare->report.labels[side], "%s", result->target_version);
        tell(config, compare, out, i / BENCH_SIDES, &runs[out->run_count - 1]);
        saturated = saturated || result->generator_saturated;
        if (side != BENCH_SIDES - 1)
            continue;
        if (saturated && limit < 2 * rounds) /* something else had the machine: this round is run again, for both */
            limit++;
        saturated = false;
    }
    return 0;
}

int bench_compare_all(struct bench_compare *out, const struct bench_compare_config *config)
{
    memset(out, 0, sizeof *out);
    char *const labels[BENCH_SIDES] = {out->report.labels[0], out->report.labels[1]};
    const size_t room = sizeof out->report.labels[0];
    for (int side = 0; side < BENCH_SIDES; side++)
        snprintf(labels[side], room, "%s", config->names[side]);
    out->scenarios = calloc(config->item_count, sizeof *out->scenarios);
    out->report.scenarios = out->scenarios;
    int err = out->scenarios != NULL || config->item_count == 0 ? 0 : BASE_ERR_NOMEM;
    for (size_t i = 0; err == 0 && i < config->item_count && !stopped(config); i++) {
        out->report.scenario_count = i + 1;
        err = run_scenario(out, config, &config->items[i].scenario, &out->scenarios[i]);
    }
    out->interrupted = stopped(config);
    if (strcmp(labels[BENCH_SIDE_A], labels[BENCH_SIDE_B]) == 0)
        for (int side = 0; side < BENCH_SIDES; side++) { /* two builds of one version */
            size_t len = strnlen(labels[side], room - 5);
            snprintf(labels[side] + len, room - len, " (%c)", 'A' + side);
        }
    return err;
}

void bench_compare_clear(struct bench_compare *compare)
{
    for (size_t i = 0; i < compare->report.scenario_count; i++) {
        struct bench_compare_run *runs = (struct bench_compare_run *)(uintptr_t)compare->scenarios[i].runs;
        for (size_t k = 0; k < compare->scenarios[i].run_count; k++) {
            struct bench_result *result = (struct bench_result *)(uintptr_t)runs[k].result;
            bench_result_clear(result);
            free(result);
        }
        free(runs);
    }
    free(compare->scenarios);
    memset(compare, 0, sizeof *compare);
}

/* A run that has something to tell: one that never came about knows neither machine nor description. */
static const struct bench_result *told(const struct bench_compare_scenario *scenario)
{
    for (size_t i = 0; i < scenario->run_count; i++)
        if (scenario->runs[i].result->description[0] != 0)
            return scenario->runs[i].result;
    return NULL;
}

/* What all runs of a side negotiated; "not known" if nobody was ever inside. */
static const char *srtp_of(const struct bench_compare_report *report, enum bench_compare_side side)
{
    const char *name = NULL;
    for (size_t i = 0; i < report->scenario_count; i++)
        for (size_t k = 0; k < report->scenarios[i].run_count; k++) {
            const struct bench_compare_run *run = &report->scenarios[i].runs[k];
            if (run->side != side || run->result->srtp[0] == 0)
                continue;
            name = name == NULL || strcmp(name, run->result->srtp) == 0 ? run->result->srtp : "mixed";
        }
    return name != NULL ? name : "not known";
}

int bench_compare_circumstances(FILE *out, const struct bench_compare_report *report, bool markdown)
{
    const char *point = markdown ? "- " : "", *code = markdown ? "`" : "";
    const struct bench_result *first = NULL;
    for (size_t i = 0; i < report->scenario_count && first == NULL; i++)
        first = told(&report->scenarios[i]);
    if (!markdown)
        fputc('\n', out);
    fprintf(out, "%scommand: %s%s%s\n", point, code, report->command_line, code);
    if (first != NULL)
        fprintf(out, "%sstarted: %s\n%smachine: %s\n%sversions: %s\n%sseed: %llu, measured part %.0f s\n", point,
                first->started, point, first->machine, point, first->versions, point, (unsigned long long)first->seed,
                first->measured_s);
    fprintf(out, "%sSRTP: A %s, B %s\n", point, srtp_of(report, BENCH_SIDE_A), srtp_of(report, BENCH_SIDE_B));
    for (size_t i = 0; i < report->scenario_count; i++) {
        const struct bench_result *result = told(&report->scenarios[i]);
        if (result != NULL)
            fprintf(out, "%s%s: %s\n", point, report->scenarios[i].name, result->description);
    }
    if (markdown)
        fputc('\n', out);
    return ferror(out) ? BASE_ERR_IO : 0;
}

enum bench_exit bench_compare_exit(const struct bench_compare *compare)
{
    bool ran[BENCH_SIDES] = {false}, only_saturated = false;
    if (compare->interrupted)
        return BENCH_EXIT_INTERRUPTED;
    for (size_t i = 0; i < compare->report.scenario_count; i++) {
        bool counts[BENCH_SIDES] = {false}, saturated[BENCH_SIDES] = {false};
        const struct bench_compare_scenario *scenario = &compare->scenarios[i];
        for (size_t k = 0; k < scenario->run_count; k++) {
            const struct bench_compare_run *run = &scenario->runs[k];
            counts[run->side] |= bench_result_counts(run->result);
            saturated[run->side] |= run->result->generator_saturated;
        }
        for (int side = 0; side < BENCH_SIDES; side++) {
            ran[side] |= counts[side] || saturated[side];
            only_saturated |= saturated[side] && !counts[side];
        }
    }
    if (!ran[BENCH_SIDE_A] || !ran[BENCH_SIDE_B])
        return BENCH_EXIT_UNREACHABLE;
    return only_saturated ? BENCH_EXIT_SATURATED : BENCH_EXIT_OK;
}
