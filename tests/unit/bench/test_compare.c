/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison and the report files, with servers that are played. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "bench/compare.h"
#include "bench/machine.h"
#include "bench/output.h"
#include "tests/support/test.h"

struct play {
    char order[64]; /* "ABAB" */
    unsigned runs;
    unsigned too_many;     /* side B refuses rooms of more people than this; 0: none */
    bool b_missing;        /* side B cannot be started */
    bool saturated;        /* the generator always is */
    unsigned saturated_at; /* in that run, from 1 */
    bool same_version;
    unsigned stop_at;
    volatile int stop;
};

static int play_run(void *user, enum bench_compare_side side, const struct bench_scenario *scenario,
                    struct bench_result *result, char *error)
{
    struct play *play = user;
    play->order[play->runs++] = (char)('A' + side);
    if (side == BENCH_SIDE_B && play->b_missing) {
        snprintf(error, BENCH_OPTIONS_ERROR_MAX, "janus: not found");
        return BASE_ERR_IO;
    }
    snprintf(result->target_version, sizeof result->target_version, "%s",
             side == BENCH_SIDE_A || play->same_version ? "consilium 0.1.0" : "janus 1.1.2");
    snprintf(result->description, sizeof result->description, "%u rooms of %u", scenario->rooms, scenario->people);
    snprintf(result->machine, sizeof result->machine, "a played machine");
    snprintf(result->srtp, sizeof result->srtp, "%s",
             side == BENCH_SIDE_A || scenario->kind == BENCH_SCENARIO_WEBINAR ? "AEAD_AES_128_GCM"
                                                                              : "AES128_CM_HMAC_SHA1_80");
    if (side == BENCH_SIDE_B && play->too_many != 0 && scenario->people > play->too_many) {
        snprintf(error, BENCH_OPTIONS_ERROR_MAX, "janus: the room is full");
        return BASE_ERR_NOT_ALLOWED;
    }
    result->has_server_cpu = true;
    result->measured_s = 10;
    result->kinds[BENCH_KIND_AUDIO].expected = result->kinds[BENCH_KIND_AUDIO].delivered = 1000;
    result->server_cpu_us = side == BENCH_SIDE_A ? 5000 : 20000;
    result->generator_saturated = play->saturated || play->runs == play->saturated_at;
    if (play->runs == play->stop_at) {
        play->stop = 1;
        result->interrupted = true;
    }
    return 0;
}

static struct bench_comparison_item items[3];
static struct bench_compare compare;

static int run(struct play *play, unsigned rounds)
{
    char error[BENCH_OPTIONS_ERROR_MAX];
    static const char *const texts[3] = {"rcp rooms=1 people=6", "webinar subscribers=200",
                                         "teleconsultation rooms=20"};
    bench_compare_clear(&compare);
    for (int i = 0; i < 3; i++)
        if (bench_options_scenario(&items[i].scenario, texts[i], error) != 0)
            return -1;
    struct bench_compare_config config = {.items = items,
                                          .item_count = 3,
                                          .rounds = rounds,
                                          .names = {"consilium", "janus"},
                                          .run = play_run,
                                          .user = play,
                                          .stop = &play->stop};
    return bench_compare_all(&compare, &config);
}

T_TEST(takes_turns)
{
    struct play play = {.runs = 0};
    T_EQ(run(&play, 2), 0);
    T_STR_EQ(play.order, "ABABABABABAB");
    T_EQ(compare.report.scenario_count, 3);
    T_STR_EQ(compare.report.scenarios[0].name, "room of 6");
    T_STR_EQ(compare.report.scenarios[1].name, "webinar 1 to 200");
    T_STR_EQ(compare.report.scenarios[2].name, "20 teleconsultations");
    T_EQ(compare.report.scenarios[2].run_count, 4);
    T_EQ(compare.report.scenarios[2].runs[3].side, BENCH_SIDE_B);
    T_STR_EQ(compare.report.labels[0], "consilium 0.1.0");
    T_STR_EQ(compare.report.labels[1], "janus 1.1.2");
    T_EQ(bench_compare_exit(&compare), BENCH_EXIT_OK);
}

T_TEST(says_how_it_was_made)
{
    static char text[4096];
    struct play play = {.runs = 0};
    T_EQ(run(&play, 1), 0);
    snprintf(compare.report.command_line, sizeof compare.report.command_line, "consilium-bench compare");
    FILE *file = fmemopen(text, sizeof text, "w");
    T_CHECK(file != NULL);
    T_EQ(bench_compare_circumstances(file, &compare.report, true), 0);
    fclose(file);
    T_CHECK(strstr(text, "- command: `consilium-bench compare`\n") != NULL);
    T_CHECK(strstr(text, "- machine: a played machine\n") != NULL);
    T_CHECK(strstr(text, "- SRTP: A AEAD_AES_128_GCM, B mixed\n") != NULL);
    T_CHECK(strstr(text, "- webinar 1 to 200: 1 rooms of 201\n") != NULL);
}

T_TEST(what_a_server_cannot_run_keeps_its_reason)
{
    struct play play = {.too_many = 50};
    T_EQ(run(&play, 3), 0);
    const struct bench_compare_scenario *webinar = &compare.report.scenarios[1];
    T_EQ(webinar->run_count, 6);
    for (size_t i = 0; i < 6; i++) {
        T_EQ(bench_result_counts(webinar->runs[i].result), i % 2 == 0);
        if (i % 2 == 1)
            T_STR_EQ(webinar->runs[i].result->ended, "janus: the room is full");
    }
    T_EQ(bench_compare_exit(&compare), BENCH_EXIT_OK);
}

T_TEST(a_server_that_is_not_there)
{
    struct play play = {.b_missing = true};
    T_EQ(run(&play, 1), 0);
    T_EQ(compare.report.scenario_count, 3);
    T_STR_EQ(compare.report.labels[1], "janus");
    T_EQ(bench_compare_exit(&compare), BENCH_EXIT_UNREACHABLE);
}

T_TEST(a_saturated_generator_is_no_result)
{
    struct play play = {.saturated = true};
    T_EQ(run(&play, 1), 0);
    T_EQ(bench_compare_exit(&compare), BENCH_EXIT_SATURATED);
}

T_TEST(a_round_that_does_not_count_is_run_again_for_both)
{
    struct play play = {.saturated_at = 2};
    T_EQ(run(&play, 1), 0);
    T_STR_EQ(play.order, "ABABABAB");
    T_EQ(compare.report.scenarios[0].run_count, 4);
    T_EQ(compare.report.scenarios[1].run_count, 2);
    T_EQ(bench_compare_exit(&compare), BENCH_EXIT_OK);
    play = (struct play){.saturated = true}; /* but not for ever */
    T_EQ(run(&play, 2), 0);
    T_EQ(compare.report.scenarios[0].run_count, 8);
}

T_TEST(ctrl_c_ends_it)
{
    struct play play = {.stop_at = 3};
    T_EQ(run(&play, 3), 0);
    T_EQ(play.runs, 3);
    T_EQ(compare.report.scenario_count, 1);
    T_EQ(compare.report.scenarios[0].run_count, 3);
    T_EQ(bench_compare_exit(&compare), BENCH_EXIT_INTERRUPTED);
}

T_TEST(two_builds_of_one_version_are_told_apart)
{
    struct play play = {.same_version = true};
    T_EQ(run(&play, 1), 0);
    T_STR_EQ(compare.report.labels[0], "consilium 0.1.0 (A)");
    T_STR_EQ(compare.report.labels[1], "consilium 0.1.0 (B)");
}

/* ---- the files of reports ------------------------------------------------------------------------------------- */

static int write_text(FILE *file, const void *what)
{
    return fputs(what, file) >= 0 ? 0 : BASE_ERR_IO;
}

static int write_badly(FILE *file, const void *what)
{
    (void)file;
    (void)what;
    return BASE_ERR_IO;
}

T_TEST(a_report_is_whole_or_not_there)
{
    char folder[] = "/tmp/consilium-output-XXXXXX", path[64], temporary[80], error[BENCH_OUTPUT_ERROR_MAX],
         text[16] = "";
    struct bench_output output;
    T_CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/r.json", folder);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    T_EQ(bench_output_open(&output, path, error), 0);
    T_CHECK(access(path, F_OK) != 0);
    T_EQ(bench_output_save(&output, write_text, "whole", error), 0);
    FILE *file = fopen(path, "r");
    T_CHECK(file != NULL && fgets(text, sizeof text, file) != NULL);
    fclose(file);
    T_STR_EQ(text, "whole");
    T_CHECK(access(temporary, F_OK) != 0);
    /* the old one stays when the new one fails or is given up */
    T_EQ(bench_output_open(&output, path, error), 0);
    T_EQ(bench_output_save(&output, write_badly, "x", error), BASE_ERR_IO);
    T_CHECK(access(path, F_OK) == 0 && access(temporary, F_OK) != 0);
    T_EQ(bench_output_open(&output, path, error), 0);
    bench_output_close(&output);
    T_CHECK(access(path, F_OK) == 0 && access(temporary, F_OK) != 0);
    unlink(path);
    rmdir(folder);
}

T_TEST(a_path_that_cannot_be_written_is_found_at_once)
{
    char error[BENCH_OUTPUT_ERROR_MAX];
    struct bench_output output;
    T_EQ(bench_output_open(&output, "/nonexistent/r.json", error), BASE_ERR_IO);
    T_CHECK(strstr(error, "/nonexistent/r.json") != NULL);
    T_EQ(bench_output_open(&output, "/tmp", error), BASE_ERR_IO);
    T_EQ(bench_output_open(&output, NULL, error), 0);
    T_EQ(bench_output_save(&output, write_text, "x", error), 0);
    /* a device that is full */
    T_EQ(bench_output_open(&output, "/dev/full", error), 0);
    T_EQ(bench_output_save(&output, write_text, "x", error), BASE_ERR_IO);
    T_CHECK(strstr(error, "/dev/full") != NULL);
}

T_TEST(the_busiest_thread)
{
    static struct bench_machine_threads from, to;
    char name[16] = "";
    from = (struct bench_machine_threads){.at_us = 1000000, .count = 2};
    from.threads[0].id = 7;
    from.threads[1].id = 8;
    to = from;
    to.at_us = 2000000;
    to.count = 3;
    to.threads[0].cpu_us = 100000;
    to.threads[1].cpu_us = 950000;
    strcpy(to.threads[1].name, "sfu-0");
    to.threads[2].id = 9; /* was not there before */
    to.threads[2].cpu_us = 5000000;
    double share = bench_machine_busiest(&from, &to, name);
    T_CHECK(share > 0.949 && share < 0.951);
    T_STR_EQ(name, "sfu-0");
    T_CHECK(bench_machine_busiest(&to, &from, name) < 0);
    bench_machine_threads(&from, getpid(), 5);
    T_CHECK(from.count >= 1);
    bench_machine_threads(&from, 0, 5);
    T_EQ(from.count, 0);
    T_CHECK(bench_machine_cores(0, -1) >= 1);
    T_CHECK(bench_machine_cores(0, 1) <= 1);
}

T_MAIN(T_CASE(takes_turns), T_CASE(says_how_it_was_made), T_CASE(what_a_server_cannot_run_keeps_its_reason),
       T_CASE(a_server_that_is_not_there), T_CASE(a_saturated_generator_is_no_result),
       T_CASE(a_round_that_does_not_count_is_run_again_for_both), T_CASE(ctrl_c_ends_it),
       T_CASE(two_builds_of_one_version_are_told_apart), T_CASE(a_report_is_whole_or_not_there),
       T_CASE(a_path_that_cannot_be_written_is_found_at_once), T_CASE(the_busiest_thread))
