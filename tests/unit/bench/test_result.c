/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/result.h"

#include <string.h>

#include "tests/support/test.h"

static struct bench_result result;

static void reset(void)
{
    bench_result_clear(&result);
}

T_TEST(sums_over_the_kinds)
{
    reset();
    for (unsigned i = 0; i < BENCH_KINDS; i++) {
        result.kinds[i].expected = 100 * (i + 1);
        result.kinds[i].delivered = 10 * (i + 1);
        result.kinds[i].tracks_missing = i;
        bench_histogram_add(&result.kinds[i].delay, 1000 * (i + 1));
    }
    T_EQ(bench_result_expected(&result), 600);
    T_EQ(bench_result_delivered(&result), 60);
    T_EQ(bench_result_tracks_missing(&result), 3);
    struct bench_histogram delay;
    memset(&delay, 0xff, sizeof delay); /* what was there before does not count */
    bench_result_delay(&result, &delay);
    T_EQ(delay.count, 3);
    T_EQ(delay.sum, 6000);
    T_EQ(delay.max, 3000);
}

T_TEST(cost_is_unknown_without_cpu_or_packets)
{
    reset();
    result.server_cpu_us = 500;
    result.kinds[BENCH_KIND_CAMERA].delivered = 100;
    T_CHECK(bench_result_cost_us(&result) < 0);
    T_CHECK(bench_result_server_cores(&result) < 0);
    result.has_server_cpu = true;
    T_CHECK(bench_result_cost_us(&result) == 5.0);
    T_CHECK(bench_result_server_cores(&result) < 0); /* no time has passed */
    result.measured_s = 0.001;
    T_CHECK(bench_result_server_cores(&result) == 0.5);
    result.kinds[BENCH_KIND_CAMERA].delivered = 0;
    T_CHECK(bench_result_cost_us(&result) < 0);
}

T_TEST(everything_that_is_never_right_is_an_error)
{
    reset();
    T_EQ(bench_result_errors(&result), 0);
    uint64_t *const numbers[] = {&result.protocol_problems,
                                 &result.auth_failures,
                                 &result.undecodable_frames,
                                 &result.wrong_frames,
                                 &result.chat_expected,
                                 &result.kinds[BENCH_KIND_AUDIO].duplicated,
                                 &result.kinds[BENCH_KIND_CAMERA].corrupt,
                                 &result.kinds[BENCH_KIND_SCREEN].wrong};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] = 1;
        T_EQ(bench_result_errors(&result), i + 1);
    }
    result.dropped = 2;
    T_EQ(bench_result_errors(&result), 10);
    result.chat_delivered = 5; /* more than expected does not pay for other errors */
    T_EQ(bench_result_errors(&result), 9);
}

T_TEST(failures_beyond_the_table_are_counted)
{
    reset();
    for (unsigned i = 0; i < BENCH_FAILURES_MAX + 5; i++)
        bench_result_fail(&result, "number %u of %s", i, "many");
    T_EQ(result.failure_count, BENCH_FAILURES_MAX + 5);
    T_STR_EQ(result.failures[0], "number 0 of many");
    T_STR_EQ(result.failures[BENCH_FAILURES_MAX - 1], "number 31 of many");
    char text[3 * BENCH_RESULT_TEXT];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    reset();
    bench_result_fail(&result, "%s", text);
    T_EQ(strlen(result.failures[0]), BENCH_RESULT_TEXT - 1);
}

T_TEST(samples_grow_and_are_zeroed)
{
    reset();
    for (unsigned i = 0; i < 1000; i++) {
        struct bench_sample *sample = bench_result_sample(&result);
        T_CHECK(sample != NULL);
        T_EQ(sample->at_us, 0);
        T_EQ(sample->server_memory_bytes, 0);
        memset(sample, 0xee, sizeof *sample);
        sample->at_us = i;
    }
    T_EQ(result.sample_count, 1000);
    T_EQ(result.samples[0].at_us, 0);
    T_EQ(result.samples[999].at_us, 999);
    bench_result_clear(&result);
    T_CHECK(result.samples == NULL);
    T_EQ(result.sample_count, 0);
    bench_result_clear(&result);
}

T_TEST(passes_only_if_judged_and_counting)
{
    reset();
    T_CHECK(!bench_result_passed(&result)); /* nobody has judged it */
    result.verdict_count = 2;
    result.verdicts[0] = (struct bench_verdict){.asked = true, .ok = true, .known = true};
    result.verdicts[1] = (struct bench_verdict){.asked = false, .ok = false};
    T_CHECK(bench_result_passed(&result));
    result.generator_saturated = true;
    T_CHECK(!bench_result_counts(&result) && !bench_result_passed(&result));
    result.generator_saturated = false;
    result.interrupted = true;
    T_CHECK(!bench_result_counts(&result) && !bench_result_passed(&result));
    result.interrupted = false;
    result.verdicts[1].asked = true;
    T_CHECK(bench_result_counts(&result) && !bench_result_passed(&result));
}

T_MAIN(T_CASE(sums_over_the_kinds), T_CASE(cost_is_unknown_without_cpu_or_packets),
       T_CASE(everything_that_is_never_right_is_an_error), T_CASE(failures_beyond_the_table_are_counted),
       T_CASE(samples_grow_and_are_zeroed), T_CASE(passes_only_if_judged_and_counting))
