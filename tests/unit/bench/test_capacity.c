/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a capacity, against a server that is played: its capacity is known, and so is what disturbs it. */
#include <stdlib.h>

#include "base/err.h"
#include "bench/capacity.h"
#include "tests/support/test.h"

/* The server, the generator, and what goes wrong. */
struct play {
    unsigned holds;      /* loads up to this one pass */
    unsigned generator;  /* loads above it saturate the generator; 0: none */
    unsigned noise_at;   /* the first run of this load fails though it would hold */
    unsigned stop_at;    /* Ctrl-C in the run with this number; 0: never */
    unsigned error_from; /* runs of at least this load return `error`; 0: none */
    int error;
    unsigned gone_from; /* the server dies under this load; 0: never */
    bool noisy_done;
    bool found; /* the server is not ours to start again */
    unsigned runs, loads[64];
    uint64_t seed;
    volatile int stop;
};

static int play_run(void *user, const struct bench_scenario *scenario, struct bench_result *result, char *error)
{
    struct play *play = user;
    unsigned load = scenario->kind == BENCH_SCENARIO_WEBINAR ? scenario->people - 1 : scenario->rooms;
    if (play->runs < 64)
        play->loads[play->runs] = load;
    play->runs++;
    play->seed = scenario->seed;
    if (play->error_from != 0 && load >= play->error_from) {
        snprintf(error, BENCH_CAPACITY_ERROR_MAX, "played error");
        return play->error;
    }
    bool noise = load == play->noise_at && !play->noisy_done;
    play->noisy_done |= noise;
    result->measured_s = 10;
    result->entered = load;
    result->has_server_cpu = true;
    result->server_cpu_us = load * 100000;
    struct bench_kind_result *audio = &result->kinds[BENCH_KIND_AUDIO];
    audio->tracks = load;
    audio->expected = 1000;
    audio->delivered = load <= play->holds && !noise ? 1000 : 900;
    for (int i = 0; i < 100; i++) {
        bench_histogram_add(&audio->delay, 3000);
        bench_histogram_add(&result->join, 50000);
        bench_histogram_add(&result->first_audio, 60000);
    }
    if (play->generator != 0 && load > play->generator) {
        result->generator_saturated = true;
        snprintf(result->generator_why, sizeof result->generator_why, "its own core is full");
    }
    if (play->gone_from != 0 && load >= play->gone_from) {
        result->interrupted = true;
        snprintf(result->ended, sizeof result->ended, "the server went away");
    }
    if (play->runs == play->stop_at) {
        play->stop = 1;
        result->interrupted = true;
    }
    bench_thresholds_judge(&bench_thresholds_default, result);
    return 0;
}

static struct bench_capacity capacity;
static struct bench_capacity_outcome outcome;
static char error[BENCH_CAPACITY_ERROR_MAX];

static int search(struct play *play, enum bench_scenario_kind kind, unsigned start, unsigned max, double precision)
{
    static struct bench_scenario scenario;
    bench_capacity_clear(&capacity);
    bench_scenario_init(&scenario, kind);
    scenario.seed = 4711;
    struct bench_capacity_config config = {.scenario = &scenario,
                                           .start = start,
                                           .max = max,
                                           .precision = precision,
                                           .fresh = !play->found,
                                           .run = play_run,
                                           .user = play,
                                           .stop = &play->stop};
    int err = bench_capacity_search(&capacity, &config, error);
    bench_capacity_outcome(&capacity.report, &outcome);
    return err;
}

T_TEST(finds_every_capacity_exactly)
{
    for (unsigned holds = 1; holds <= 70; holds++) {
        struct play play = {.holds = holds};
        T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
        T_EQ(capacity.good, holds);
        T_EQ(outcome.last_good->load, holds);
        T_EQ(outcome.first_bad->load, holds + 1);
        T_STR_EQ(outcome.broke->name, "loss");
        T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_OK);
        T_EQ(play.seed, 4711);
    }
}

T_TEST(stops_within_the_precision)
{
    struct play play = {.holds = 100};
    T_EQ(search(&play, BENCH_SCENARIO_WEBINAR, 1, 0, 0.1), 0);
    T_CHECK(capacity.good <= 100 && capacity.good >= 90);
    T_CHECK(outcome.first_bad->load > 100 && outcome.first_bad->load - outcome.last_good->load <= 0.1 * capacity.good);
    T_CHECK(play.runs <= 15);
    T_STR_EQ(capacity.report.unit, "viewers");
    T_EQ(play.loads[0], 1);
    T_EQ(play.loads[1], 2);
    T_EQ(play.loads[2], 4);
}

T_TEST(starts_where_it_is_told_and_goes_down_if_that_is_too_much)
{
    struct play play = {.holds = 13};
    T_EQ(search(&play, BENCH_SCENARIO_TELECONSULTATION, 40, 0, 0.001), 0);
    T_EQ(play.loads[0], 40);
    T_EQ(capacity.good, 13);
    T_STR_EQ(capacity.report.unit, "teleconsultations");
    struct play none = {.holds = 0};
    T_EQ(search(&none, BENCH_SCENARIO_RCP, 5, 0, 0.1), 0);
    T_EQ(capacity.good, 0);
    T_CHECK(capacity.first_failed && outcome.last_good == NULL && outcome.first_bad->load <= 1);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_FAILED);
}

T_TEST(ends_at_the_maximum)
{
    struct play play = {.holds = 1000};
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 12, 0.1), 0);
    T_EQ(capacity.good, 12);
    T_CHECK(outcome.first_bad == NULL);
    T_EQ(capacity.report.load_max, 12);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_OK);
    T_EQ(play.runs, 5); /* 1 2 4 8 12 */
    /* and where a scenario has no more people: 10,000 */
    struct play huge = {.holds = 1000000};
    T_EQ(search(&huge, BENCH_SCENARIO_WEBINAR, 1000, 0, 0.1), 0);
    T_EQ(capacity.good, 9999);
}

T_TEST(one_failure_is_noise_two_are_a_failure)
{
    struct play play = {.holds = 20, .noise_at = 4};
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 20);
    T_EQ(outcome.first_bad->load, 21);
    T_CHECK(capacity.runs > capacity.report.step_count);
    for (size_t i = 0; i < capacity.report.step_count; i++)
        T_EQ(bench_capacity_step_passed(&capacity.report.steps[i]), capacity.report.steps[i].load <= 20);
}

T_TEST(a_saturated_generator_proves_nothing)
{
    struct play play = {.holds = 100, .generator = 37};
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 37); /* at least */
    T_CHECK(outcome.first_bad == NULL && outcome.not_counted != NULL);
    T_EQ(outcome.saturated, BENCH_SATURATED_GENERATOR);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_SATURATED);
}

T_TEST(a_server_that_fails_below_the_generator_counts)
{
    struct play play = {.holds = 20, .generator = 37}; /* 32 fails, 64 is never tried */
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 20);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_OK);
    struct play close_by = {.holds = 33, .generator = 37}; /* 64 is too much for both, 34 only for the server */
    T_EQ(search(&close_by, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 33);
    T_EQ(outcome.first_bad->load, 34);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_OK);
}

T_TEST(ctrl_c_keeps_what_is_known)
{
    struct play play = {.holds = 100, .stop_at = 4};
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.1), 0);
    T_EQ(capacity.good, 4);
    T_CHECK(capacity.report.interrupted && outcome.last_good != NULL && outcome.last_good->load < 5);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_INTERRUPTED);
    T_EQ(play.runs, 4);
    /* in the confirmation of a failure too */
    struct play confirming = {.holds = 5, .stop_at = 5}; /* 1 2 4 8 8 */
    T_EQ(search(&confirming, BENCH_SCENARIO_RCP, 1, 0, 0.1), 0);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_INTERRUPTED);
    T_EQ(confirming.runs, 5);
}

T_TEST(the_first_error_is_the_callers)
{
    struct play play = {.holds = 9, .error_from = 1, .error = BASE_ERR_CRYPTO};
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.1), BASE_ERR_CRYPTO);
    T_STR_EQ(error, "played error");
    T_EQ(play.runs, 1);
}

T_TEST(a_server_that_dies_has_failed)
{
    struct play play = {.holds = 1000, .gone_from = 23};
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 22);
    T_STR_EQ(outcome.broke->name, "ended-early");
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_OK);
    struct play crash = {.holds = 1000, .error_from = 7, .error = BASE_ERR_IO};
    T_EQ(search(&crash, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 6);
    T_STR_EQ(outcome.broke->name, "server-gone");
    struct play found = {.holds = 1000, .error_from = 7, .error = BASE_ERR_IO, .found = true};
    T_EQ(search(&found, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 4); /* it is gone: nothing between 4 and 8 can be tried */
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_UNREACHABLE);
    struct play full = {.holds = 1000, .error_from = 12, .error = BASE_ERR_NOT_ALLOWED};
    T_EQ(search(&full, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 11);
    T_STR_EQ(outcome.broke->name, "refused");
}

T_TEST(our_own_descriptors_are_not_the_servers_limit)
{
    struct play play = {.holds = 1000, .error_from = 12, .error = BASE_ERR_FULL};
    T_EQ(search(&play, BENCH_SCENARIO_RCP, 1, 0, 0.001), 0);
    T_EQ(capacity.good, 11);
    T_EQ(bench_capacity_exit(&capacity), BENCH_EXIT_SATURATED);
}

T_TEST(a_load_changes_only_the_load)
{
    struct bench_scenario scenario, loaded;
    bench_scenario_init(&scenario, BENCH_SCENARIO_WEBINAR);
    bench_capacity_scenario(&loaded, &scenario, 300);
    T_EQ(loaded.people, 301);
    T_EQ(loaded.rooms, scenario.rooms);
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    bench_capacity_scenario(&loaded, &scenario, 9);
    T_EQ(loaded.rooms, 9);
    T_EQ(loaded.people, scenario.people);
}

T_MAIN(T_CASE(finds_every_capacity_exactly), T_CASE(stops_within_the_precision),
       T_CASE(starts_where_it_is_told_and_goes_down_if_that_is_too_much), T_CASE(ends_at_the_maximum),
       T_CASE(one_failure_is_noise_two_are_a_failure), T_CASE(a_saturated_generator_proves_nothing),
       T_CASE(a_server_that_fails_below_the_generator_counts), T_CASE(ctrl_c_keeps_what_is_known),
       T_CASE(the_first_error_is_the_callers), T_CASE(a_server_that_dies_has_failed),
       T_CASE(our_own_descriptors_are_not_the_servers_limit), T_CASE(a_load_changes_only_the_load))
