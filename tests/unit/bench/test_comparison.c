/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/capacity_report.h"
#include "bench/report/compare_report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/report.h"
#include "tests/support/bench_result.h"
#include "tests/support/test.h"
#include "tests/support/xml_check.h"

#define RESULTS 8
static struct bench_result results[RESULTS];

static void fresh(void)
{
    for (unsigned i = 0; i < RESULTS; i++) {
        bench_result_clear(&results[i]);
        fake_result(&results[i], 10);
        bench_thresholds_judge(&bench_thresholds_default, &results[i]);
    }
}

/** Makes the cost of a run that many us. */
static void set_cost(struct bench_result *result, double us)
{
    result->server_cpu_us = (uint64_t)(us * (double)bench_result_delivered(result) + 0.5);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-3;
}

static char *text_of(int (*compare)(FILE *out, const struct bench_compare_report *report),
                     const struct bench_compare_report *a,
                     int (*capacity)(FILE *out, const struct bench_capacity_report *report),
                     const struct bench_capacity_report *b)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    int err = compare != NULL ? compare(file, a) : capacity(file, b);
    fclose(file);
    if (err == 0)
        return text;
    free(text);
    return NULL;
}

static const struct bench_compare_run abab[] = {{BENCH_SIDE_A, &results[0]}, {BENCH_SIDE_B, &results[1]},
                                                {BENCH_SIDE_A, &results[2]}, {BENCH_SIDE_B, &results[3]},
                                                {BENCH_SIDE_A, &results[4]}, {BENCH_SIDE_B, &results[5]}};
static const struct bench_compare_scenario one = {.name = "rcp 2 x 12", .run_count = 6, .runs = abab};
static const struct bench_compare_report comparison = {
    .labels = {"consilium 0.1.0", "janus 1.1.2"}, .command_line = "x", .scenario_count = 1, .scenarios = &one};

static void costs(void)
{
    static const double us[] = {8, 16, 10, 25, 9, 30};
    fresh();
    for (unsigned i = 0; i < 6; i++)
        set_cost(&results[i], us[i]);
}

/* --- comparison --- */

T_TEST(medians_and_ratios_of_neighbours)
{
    struct bench_compare_spread spread;
    costs();
    bench_compare_figure(&one, BENCH_SIDE_A, BENCH_FIGURE_COST_US, &spread);
    T_CHECK(spread.count == 3 && near(spread.median, 9) && near(spread.min, 8) && near(spread.max, 10));
    bench_compare_figure(&one, BENCH_SIDE_B, BENCH_FIGURE_COST_US, &spread);
    T_CHECK(spread.count == 3 && near(spread.median, 25) && near(spread.min, 16) && near(spread.max, 30));
    bench_compare_ratio(&one, BENCH_FIGURE_COST_US, &spread); /* 0.5, 0.4, 0.3 */
    T_CHECK(spread.count == 3 && near(spread.median, 0.4) && near(spread.min, 0.3) && near(spread.max, 0.5));
    bench_compare_ratio(&one, BENCH_FIGURE_DELAY_P99, &spread);
    T_CHECK(spread.count == 3 && near(spread.median, 1));
}

T_TEST(an_even_number_of_runs_has_a_median_between)
{
    struct bench_compare_spread spread;
    struct bench_compare_scenario two = one;
    costs();
    two.run_count = 4;
    bench_compare_figure(&two, BENCH_SIDE_A, BENCH_FIGURE_COST_US, &spread);
    T_CHECK(spread.count == 2 && near(spread.median, 9));
    two.run_count = 3; /* the second A has no B yet */
    bench_compare_ratio(&two, BENCH_FIGURE_COST_US, &spread);
    T_CHECK(spread.count == 1 && near(spread.median, 0.5));
    two.run_count = 0;
    bench_compare_ratio(&two, BENCH_FIGURE_COST_US, &spread);
    T_EQ(spread.count, 0);
}

T_TEST(runs_that_do_not_count_are_left_out_and_said)
{
    struct bench_compare_spread spread;
    costs();
    results[2].generator_saturated = true;
    snprintf(results[2].generator_why, sizeof results[2].generator_why, "80 ms | late");
    bench_compare_figure(&one, BENCH_SIDE_A, BENCH_FIGURE_COST_US, &spread);
    T_CHECK(spread.count == 2 && near(spread.median, 8.5));
    bench_compare_ratio(&one, BENCH_FIGURE_COST_US, &spread); /* 0.5 and 0.3; not the third A with the second B */
    T_CHECK(spread.count == 2 && near(spread.median, 0.4) && near(spread.min, 0.3));
    results[1].kinds[BENCH_KIND_CAMERA].tracks_missing = 1;
    bench_thresholds_judge(&bench_thresholds_default, &results[1]);
    char *text = text_of(bench_compare_report_table, &comparison, NULL, NULL);
    T_CHECK(text != NULL && strstr(text, "A: 1 of 3 runs do not count (80 ms | late)") != NULL);
    T_CHECK(strstr(text, "B: 1 of 3 runs failed a service level") != NULL);
    free(text);
    text = text_of(bench_compare_report_markdown, &comparison, NULL, NULL);
    T_CHECK(text != NULL && strstr(text, "| 1 of 3 runs do not count (80 ms \\| late) |\n") != NULL);
    free(text);
}

T_TEST(what_is_not_known_is_no_number)
{
    struct bench_compare_spread spread;
    costs();
    for (unsigned i = 0; i < 6; i += 2)
        results[i].has_server_cpu = results[i].has_server_memory = false;
    bench_compare_figure(&one, BENCH_SIDE_A, BENCH_FIGURE_COST_US, &spread);
    T_EQ(spread.count, 0);
    bench_compare_ratio(&one, BENCH_FIGURE_MEMORY, &spread);
    T_EQ(spread.count, 0);
    for (unsigned i = 0; i < 6; i++) /* nothing lost by either: no ratio of 0 to 0 */
        for (unsigned kind = 0; kind < BENCH_KINDS; kind++)
            results[i].kinds[kind].delivered = results[i].kinds[kind].expected;
    bench_compare_ratio(&one, BENCH_FIGURE_LOSS, &spread);
    T_EQ(spread.count, 0);
    char *text = text_of(bench_compare_report_json, &comparison, NULL, NULL);
    json_t *root = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *cost = json_object_get(json_object_get(json_array_get(json_object_get(root, "scenarios"), 0), "figures"),
                                   "cpu_us_per_delivered_packet");
    T_CHECK(json_is_null(json_object_get(json_object_get(cost, "a"), "median")));
    T_CHECK(near(json_real_value(json_object_get(json_object_get(cost, "b"), "median")), 25));
    json_decref(root);
    free(text);
}

T_TEST(rows_for_the_results_page)
{
    struct bench_compare_report evil = comparison;
    costs();
    snprintf(evil.labels[BENCH_SIDE_B], sizeof evil.labels[0], "a|b `c`\n<b>");
    char *text = text_of(bench_compare_report_markdown, &evil, NULL, NULL);
    T_CHECK(text != NULL);
    T_CHECK(strstr(text, "| rcp 2 x 12 | consilium 0.1.0 | 3 | 9.0 (8.0..10.0) |") != NULL);
    T_CHECK(strstr(text, "| ratio of the first to the second | 3 | 0.40 (0.30..0.50) |") != NULL);
    T_CHECK(strstr(text, "a\\|b \\`c\\` \\<b\\>") != NULL);
    unsigned bars = 0, first_bars = 0;
    for (const char *at = text; *at != '\0'; at++) { /* each line has as many cells as the first */
        if (*at == '|' && (at == text || at[-1] != '\\'))
            bars++;
        if (*at != '\n')
            continue;
        if (first_bars == 0)
            first_bars = bars;
        T_EQ(bars, first_bars);
        bars = 0;
    }
    free(text);
    text = text_of(bench_compare_report_table, &comparison, NULL, NULL);
    for (const char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        T_CHECK(strlen(line) <= 100);
    free(text);
}

/* --- capacity --- */

static struct bench_capacity_step steps[5];
static struct bench_capacity_report search;

/** Loads 1 2 4 8 6 as a search tries them: 8 and 6 fail. */
static void searched(void)
{
    static const double loads[] = {1, 2, 4, 8, 6};
    fresh();
    for (unsigned i = 0; i < 5; i++)
        steps[i] = (struct bench_capacity_step){loads[i], &results[i]};
    for (unsigned i = 3; i < 5; i++) {
        memset(&results[i].kinds[BENCH_KIND_CAMERA].delay, 0, sizeof(struct bench_histogram));
        bench_histogram_add(&results[i].kinds[BENCH_KIND_CAMERA].delay, 212000);
        results[i].kinds[BENCH_KIND_CAMERA].delivered = results[i].kinds[BENCH_KIND_CAMERA].expected * 998 / 1000;
        bench_thresholds_judge(&bench_thresholds_default, &results[i]);
    }
    search = (struct bench_capacity_report){
        .unit = "rooms of 12", .command_line = "consilium-bench capacity", .step_count = 5, .steps = steps};
}

static const char *sentence(void)
{
    static char text[1024];
    bench_capacity_sentence(&search, text, sizeof text);
    return text;
}

T_TEST(the_last_good_load_and_what_broke)
{
    struct bench_capacity_outcome outcome;
    searched();
    bench_capacity_outcome(&search, &outcome);
    T_CHECK(outcome.last_good == &steps[2] && outcome.first_bad == &steps[4] && outcome.not_counted == NULL);
    T_STR_EQ(outcome.broke->name, "loss"); /* twice its limit; the delay is 1.4 times its own */
    T_CHECK(strncmp(sentence(), "Holds 4 rooms of 12; at 6, loss broke first (0.20 %, limit 0.10 %)", 65) == 0);
    search.server_cores = 0.7; /* it used 0.64 */
    bench_capacity_outcome(&search, &outcome);
    T_EQ(outcome.saturated, BENCH_SATURATED_SERVER);
    T_CHECK(strstr(sentence(), "the server was saturated") != NULL);
    search.server_cores = 2;
    bench_capacity_outcome(&search, &outcome);
    T_EQ(outcome.saturated, BENCH_SATURATED_NONE);
    struct bench_result *bad = (struct bench_result *)(uintptr_t)steps[4].result;
    snprintf(bad->server_thread, sizeof bad->server_thread, "worker 0");
    bad->server_thread_cores = 0.93; /* one of its threads is at its end, whatever the cores do */
    bench_capacity_outcome(&search, &outcome);
    T_EQ(outcome.saturated, BENCH_SATURATED_SERVER);
    bad->server_thread[0] = 0;
}

T_TEST(what_was_not_judged_is_not_the_limit)
{
    searched();
    struct bench_result *between = (struct bench_result *)(uintptr_t)steps[1].result;
    bool saturated = between->generator_saturated;
    double load = steps[1].load;
    steps[1].load = 5; /* between 4, which holds, and 6, which does not */
    between->generator_saturated = true;
    T_CHECK(strncmp(sentence(), "Holds at least 4 rooms of 12; at 5 the run does not count; at 6, loss", 69) == 0);
    between->generator_saturated = saturated;
    steps[1].load = load;
}

T_TEST(a_good_load_above_a_bad_one_is_not_the_limit)
{
    struct bench_capacity_outcome outcome;
    searched();
    steps[0].load = 7; /* luck */
    bench_capacity_outcome(&search, &outcome);
    T_CHECK(outcome.last_good == &steps[2]);
    steps[0].load = 6; /* once it failed, once it did not: it does not hold it */
    bench_capacity_outcome(&search, &outcome);
    T_CHECK(outcome.last_good == &steps[2]);
}

T_TEST(a_saturated_generator_proves_nothing)
{
    struct bench_capacity_outcome outcome;
    searched();
    results[3].generator_saturated = results[4].generator_saturated = true;
    bench_capacity_outcome(&search, &outcome);
    T_CHECK(outcome.last_good == &steps[2] && outcome.first_bad == NULL && outcome.not_counted == &steps[4]);
    T_EQ(outcome.saturated, BENCH_SATURATED_GENERATOR);
    T_STR_EQ(sentence(),
             "Holds at least 4 rooms of 12; at 6 the load generator was the bottleneck, so more is not known.");
    for (unsigned i = 0; i < 3; i++)
        results[i].generator_saturated = true;
    T_STR_EQ(sentence(), "Nothing is proved: the load generator was the bottleneck from the start.");
}

T_TEST(other_ends_of_a_search)
{
    searched();
    search.step_count = 3;
    T_STR_EQ(sentence(), "Holds at least 4 rooms of 12, the most that was tried.");
    search.load_max = 4;
    T_STR_EQ(sentence(), "Holds at least 4 rooms of 12, the most that was allowed.");
    search.step_count = 1;
    search.interrupted = true;
    T_STR_EQ(sentence(), "Interrupted, so far: Holds at least 1 room of 12, the most that was tried.");
    search.interrupted = false;
    search.steps = &steps[3];
    T_EQ(strncmp(sentence(), "Does not hold even 8 rooms of 12: loss broke first", 50), 0);
    results[3].verdicts[0] = (struct bench_verdict){.name = "server-gone", .value = 1, .asked = true, .known = true};
    T_EQ(strncmp(sentence(), "Does not hold even 8 rooms of 12: the server went away", 54), 0);
    search.step_count = 0;
    T_STR_EQ(sentence(), "Nothing is proved: no load was tried.");
}

T_TEST(capacity_as_table_json_and_page)
{
    searched();
    fake_make_evil(&results[4]);
    snprintf(search.command_line, sizeof search.command_line, "%s", fake_evil);
    char *text = text_of(NULL, NULL, bench_capacity_report_table, &search);
    T_CHECK(text != NULL && strstr(text, "Holds 4 rooms") != NULL && strchr(text, '\x1b') == NULL);
    free(text);
    text = text_of(NULL, NULL, bench_capacity_report_json, &search);
    json_t *root = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    T_CHECK(near(json_real_value(json_object_get(root, "last_good_load")), 4));
    T_CHECK(near(json_real_value(json_object_get(root, "first_bad_load")), 6));
    T_CHECK(json_is_null(json_object_get(root, "not_counted_load")));
    T_STR_EQ(json_string_value(json_object_get(json_object_get(root, "broke_first"), "name")), "loss");
    T_EQ(json_array_size(json_object_get(root, "steps")), 5);
    json_decref(root);
    free(text);
    text = text_of(NULL, NULL, bench_capacity_report_html, &search);
    const char *error = text != NULL ? xml_check(text) : "no page";
    if (error != NULL)
        printf("    %s\n", error);
    T_CHECK(error == NULL && strstr(text, "LIMIT FOUND") != NULL && strstr(text, "<script") == NULL);
    free(text);
    search.step_count = 0;
    text = text_of(NULL, NULL, bench_capacity_report_html, &search);
    T_CHECK(text != NULL && xml_check(text) == NULL && strstr(text, "LIMIT NOT FOUND") != NULL);
    free(text);
    for (unsigned i = 0; i < RESULTS; i++)
        bench_result_clear(&results[i]);
}

T_MAIN(T_CASE(medians_and_ratios_of_neighbours), T_CASE(an_even_number_of_runs_has_a_median_between),
       T_CASE(runs_that_do_not_count_are_left_out_and_said), T_CASE(what_is_not_known_is_no_number),
       T_CASE(rows_for_the_results_page), T_CASE(the_last_good_load_and_what_broke),
       T_CASE(what_was_not_judged_is_not_the_limit), T_CASE(a_good_load_above_a_bad_one_is_not_the_limit),
       T_CASE(a_saturated_generator_proves_nothing), T_CASE(other_ends_of_a_search),
       T_CASE(capacity_as_table_json_and_page))
