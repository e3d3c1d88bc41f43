/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/capacity.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define LOAD_MAX 100000u

struct search {
    const struct bench_capacity_config *config;
    struct bench_capacity *out;
    unsigned good, bad; /* 0: none yet */
    unsigned max;
    bool over; /* nothing more can be found out */
};

enum verdict { GOOD, BAD, OVER };

void bench_capacity_scenario(struct bench_scenario *out, const struct bench_scenario *scenario, unsigned load)
{
    *out = *scenario;
    if (scenario->kind == BENCH_SCENARIO_WEBINAR)
        out->people = load + 1;
    else
        out->rooms = load;
}

static void name_unit(char *out, size_t out_max, const struct bench_scenario *scenario)
{
    if (scenario->kind == BENCH_SCENARIO_WEBINAR)
        snprintf(out, out_max, "%s", scenario->rooms > 1 ? "viewers in each webinar" : "viewers");
    else if (scenario->kind == BENCH_SCENARIO_TELECONSULTATION)
        snprintf(out, out_max, "teleconsultations");
    else
        snprintf(out, out_max, "rooms of %u", scenario->people);
}

/* The greatest load that is a scenario at all, up to what was asked for. */
static unsigned greatest(const struct bench_capacity_config *config)
{
    unsigned low = config->start, high = config->max != 0 ? config->max : LOAD_MAX;
    while (low < high) {
        struct bench_scenario scenario;
        char error[BENCH_SCENARIO_ERROR_MAX];
        unsigned middle = low + (high - low + 1) / 2;
        bench_capacity_scenario(&scenario, config->scenario, middle);
        if (bench_scenario_check(&scenario, error) == 0)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static bool stopped(const struct search *search)
{
    return search->config->stop != NULL && *search->config->stop != 0;
}

/* ---- one step ------------------------------------------------------------------------------------------------- */

static void tell(const struct search *search, unsigned load, const struct bench_result *result, bool again)
{
    char line[512], cores[64] = "";
    if (search->config->say == NULL)
        return;
    const struct bench_verdict *broke = NULL;
    for (unsigned i = 0; i < result->verdict_count && broke == NULL; i++)
        if (result->verdicts[i].asked && !result->verdicts[i].ok)
            broke = &result->verdicts[i];
    double server = bench_result_server_cores(result);
    if (server >= 0)
        snprintf(cores, sizeof cores, "; server %.2f cores", server);
    const char *unit = search->out->report.unit;
    size_t word = strcspn(unit, " ");
    int len = snprintf(line, sizeof line, "%u %.*s%s: ", load, (int)(load == 1 ? word - 1 : word), unit, unit + word);
    size_t at = (size_t)len < sizeof line ? (size_t)len : 0;
    if (bench_result_passed(result))
        snprintf(line + at, sizeof line - at, "held%s", cores);
    else if (result->interrupted && stopped(search))
        snprintf(line + at, sizeof line - at, "interrupted");
    else if (result->generator_saturated)
        snprintf(line + at, sizeof line - at, "this program was at its end (%s)%s", result->generator_why,
                 again ? "; once more" : "");
    else if (result->ended[0] != 0 || broke == NULL)
        snprintf(line + at, sizeof line - at, "failed: %s%s",
                 result->ended[0] != 0 ? result->ended : "it did not run to its end", again ? "; once more" : "");
    else if (!broke->known)
        snprintf(line + at, sizeof line - at, "failed: %s is not known%s%s", broke->name, cores,
                 again ? "; once more" : "");
    else
        snprintf(line + at, sizeof line - at, "failed: %s %.4g%s%s, limit %.4g%s%s", broke->name, broke->value,
                 broke->unit[0] != 0 ? " " : "", broke->unit, broke->limit, cores, again ? "; once more" : "");
    search->config->say(search->config->user, line);
}

/* Keeps a result as a step. */
static int keep(struct search *search, unsigned load, struct bench_result *result)
{
    struct bench_capacity *out = search->out;
    if (out->report.step_count == out->step_capacity) {
        size_t capacity = out->step_capacity != 0 ? 2 * out->step_capacity : 16;
        struct bench_capacity_step *grown = realloc(out->steps, capacity * sizeof *grown);
        if (grown == NULL)
            return BASE_ERR_NOMEM;
        out->steps = grown;
        out->step_capacity = capacity;
        out->report.steps = grown;
    }
    out->steps[out->report.step_count++] = (struct bench_capacity_step){.load = load, .result = result};
    return 0;
}

static void discard(struct bench_result *result)
{
    if (result != NULL)
        bench_result_clear(result);
    free(result);
}

/* A level of its own, before the others, for what says more than any figure: the server is gone, or let nobody in. */
static void fail_level(struct bench_result *result, const char *name)
{
    if (result->verdict_count < BENCH_VERDICTS_MAX)
        result->verdict_count++;
    memmove(&result->verdicts[1], &result->verdicts[0], (result->verdict_count - 1) * sizeof result->verdicts[0]);
    result->verdicts[0] = (struct bench_verdict){.value = 1, .limit = 0, .asked = true, .ok = false, .known = true};
    snprintf(result->verdicts[0].name, sizeof result->verdicts[0].name, "%s", name);
}

/* Runs once. A run that cannot take place is a result too, unless it is the very first one. */
static int run_once(struct search *search, unsigned load, struct bench_result **out, int *run_err, char *error)
{
    struct bench_scenario scenario;
    struct bench_result *result = calloc(1, sizeof *result);
    *out = NULL;
    if (result == NULL)
        return BASE_ERR_NOMEM;
    error[0] = 0;
    bench_capacity_scenario(&scenario, search->config->scenario, load);
    *run_err = search->config->run(search->config->user, &scenario, result, error);
    search->out->runs++;
    if (*run_err != 0 && search->out->runs == 1) {
        discard(result);
        return *run_err;
    }
    if (*run_err != 0) {
        const char *why = error[0] != 0 ? error : base_err_name(*run_err);
        bench_result_fail(result, "%s", why);
        snprintf(result->ended, sizeof result->ended, "%s", why);
        if (*run_err == BASE_ERR_FULL || *run_err == BASE_ERR_NOMEM) { /* of this machine, not of the server */
            result->generator_saturated = true;
            snprintf(result->generator_why, sizeof result->generator_why, "%s", why);
        }
        fail_level(result, *run_err == BASE_ERR_NOT_ALLOWED ? "refused" : "server-gone");
    } else if (result->interrupted && !stopped(search)) {
        result->interrupted = false; /* nobody asked for that: it is a finding about the server */
        fail_level(result, "ended-early");
    }
    *out = result;
    return 0;
}

/* One load: a failure is confirmed. What was noise is forgotten. */
static int step(struct search *search, unsigned load, enum verdict *verdict, char *error)
{
    struct bench_result *result, *second = NULL;
    int run_err = 0, err = run_once(search, load, &result, &run_err, error);
    if (err != 0)
        return err;
    bool again = run_err == 0 && !bench_result_passed(result) && !stopped(search);
    tell(search, load, result, again);
    if (again) {
        err = run_once(search, load, &second, &run_err, error);
        if (err != 0) {
            discard(result);
            return err;
        }
        tell(search, load, second, false);
        /* The second word counts, but not that of somebody who was cut short. */
        bool cut = stopped(search) && second->interrupted;
        discard(cut ? second : result);
        result = cut ? result : second;
    }
    *verdict = bench_result_passed(result) ? GOOD : stopped(search) ? OVER : BAD;
    if (*verdict == BAD && run_err == BASE_ERR_IO && !search->config->fresh)
        search->over = true; /* it is gone and nobody starts it again */
    err = keep(search, load, result);
    if (err != 0)
        discard(result);
    return err;
}

/* ---- the search ----------------------------------------------------------------------------------------------- */

/* The next load to try; 0: the answer is close enough. */
static unsigned next_load(const struct search *search)
{
    if (search->over || stopped(search))
        return 0;
    if (search->good == 0 && search->bad == 0)
        return search->config->start;
    if (search->bad == 0) {
        if (search->good >= search->max)
            return 0;
        return search->good > search->max / 2 ? search->max : 2 * search->good;
    }
    unsigned gap = search->bad - search->good;
    if (gap <= 1 || (double)gap <= search->config->precision * (double)search->good)
        return 0;
    return search->good + gap / 2;
}

int bench_capacity_search(struct bench_capacity *out, const struct bench_capacity_config *config, char *error)
{
    memset(out, 0, sizeof *out);
    struct search search = {.config = config, .out = out, .max = greatest(config)};
    name_unit(out->report.unit, sizeof out->report.unit, config->scenario);
    out->report.load_max = search.max;
    int err = 0;
    for (unsigned load; err == 0 && (load = next_load(&search)) != 0;) {
        enum verdict verdict = OVER;
        err = step(&search, load, &verdict, error);
        if (err == 0 && verdict == GOOD)
            search.good = load;
        else if (err == 0 && verdict == BAD)
            search.bad = load;
    }
    out->good = search.good;
    out->first_failed = search.good == 0 && search.bad != 0;
    out->gone = search.over;
    out->report.interrupted = stopped(&search);
    return err;
}

void bench_capacity_clear(struct bench_capacity *capacity)
{
    for (size_t i = 0; i < capacity->report.step_count; i++)
        discard((struct bench_result *)(uintptr_t)capacity->steps[i].result);
    free(capacity->steps);
    memset(capacity, 0, sizeof *capacity);
}

enum bench_exit bench_capacity_exit(const struct bench_capacity *capacity)
{
    struct bench_capacity_outcome outcome;
    bench_capacity_outcome(&capacity->report, &outcome);
    if (capacity->report.interrupted)
        return BENCH_EXIT_INTERRUPTED;
    if (capacity->gone)
        return BENCH_EXIT_UNREACHABLE;
    if (outcome.not_counted != NULL &&
        (outcome.first_bad == NULL || outcome.not_counted->load < outcome.first_bad->load))
        return BENCH_EXIT_SATURATED;
    return outcome.last_good != NULL ? BENCH_EXIT_OK : BENCH_EXIT_FAILED;
}
