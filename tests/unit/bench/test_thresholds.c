/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/bench_result.h"
#include "tests/support/test.h"

static char error[160];
static struct bench_result result;

static int parse(struct bench_thresholds *out, const char *text)
{
    memset(error, 0, sizeof error);
    return bench_thresholds_parse(out, text, error);
}

static const struct bench_verdict *verdict(const char *name)
{
    static const struct bench_verdict none;
    for (unsigned i = 0; i < result.verdict_count; i++)
        if (strcmp(result.verdicts[i].name, name) == 0)
            return &result.verdicts[i];
    return &none;
}

static bool judge(void)
{
    return bench_thresholds_judge(&bench_thresholds_default, &result);
}

static void fresh(void)
{
    bench_result_clear(&result);
    fake_result(&result, 60);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

T_TEST(values_and_units)
{
    struct bench_thresholds all = bench_thresholds_default;
    static const char *const texts[] = {
        "loss=0.5%",   "worst-track=3%", "delay-p99=200ms",       "join-p99=2s",    "first-picture-p99=1.5s",
        "freezes=0.5", "audio-gaps=.25", "missing-tracks=3",      "failed-joins=2", "errors=7",
        "psnr=30dB",   "cpu=1.5",        "first-sound-p99=900ms", "frozen=2%"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        T_EQ(parse(&all, texts[i]), 0);
    T_CHECK(near(all.worst_track, 0.03) && near(all.first_sound_p99_ms, 900) && near(all.frozen, 0.02));
    T_CHECK(near(all.loss, 0.005) && near(all.delay_p99_ms, 200) && near(all.join_p99_ms, 2000));
    T_CHECK(near(all.first_picture_p99_ms, 1500) && near(all.freezes, 0.5) && near(all.audio_gaps, 0.25));
    T_CHECK(near(all.missing_tracks, 3) && near(all.failed_joins, 2) && near(all.errors, 7));
    T_CHECK(near(all.psnr_db, 30) && near(all.server_cpu, 1.5));
    T_EQ(parse(&all, "loss=0.02"), 0); /* a share */
    T_CHECK(near(all.loss, 0.02));
    T_EQ(parse(&all, "delay-p99=80"), 0); /* ms */
    T_CHECK(near(all.delay_p99_ms, 80));
    T_EQ(parse(&all, "loss=off"), 0);
    T_CHECK(all.loss < 0);
}

T_TEST(nonsense_is_refused_and_changes_nothing)
{
    static const char *const texts[] = {"",         "loss",       "loss=",        "loss=-1",    "loss=nan",
                                        "loss=inf", "loss=101%",  "loss=1.5",     "loss=1x",    "loss= 1",
                                        "loss=0x1", "loss=1e400", "delay-p99=5%", "freezes=1s", "latency=5",
                                        "los=1",    "lossy=1",    "=1",           "loss=1%%",   "cpu=1 ms",
                                        "OFF",      "loss=+1",    "psnr=1e99",    "loss=.",     "delay-p99=\x1b[2J"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bench_thresholds all = bench_thresholds_default;
        T_EQ(parse(&all, texts[i]), BASE_ERR_INVALID);
        T_CHECK(error[0] != '\0');
        T_EQ(memcmp(&all, &bench_thresholds_default, sizeof all), 0);
    }
    struct bench_thresholds all = bench_thresholds_default;
    char text[4000];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    T_EQ(parse(&all, text), BASE_ERR_INVALID);
    memcpy(text, "loss=", 5);
    T_EQ(parse(&all, text), BASE_ERR_INVALID);
    T_CHECK(strlen(error) < sizeof error);
}

T_TEST(every_name_is_known_and_judged)
{
    fresh();
    judge();
    size_t count = 0;
    for (const char *name; (name = bench_thresholds_name(count)) != NULL; count++) {
        char text[64];
        struct bench_thresholds all = bench_thresholds_default;
        snprintf(text, sizeof text, "%s=0", name);
        T_EQ(parse(&all, text), 0);
        T_STR_EQ(verdict(name)->name, name);
    }
    T_EQ(count, result.verdict_count);
    T_EQ(count, sizeof(struct bench_thresholds) / sizeof(double)); /* no level is forgotten */
}

T_TEST(a_good_run_passes)
{
    fresh();
    T_CHECK(judge());
    T_CHECK(verdict("loss")->known && verdict("loss")->asked && verdict("loss")->value <= 0.1);
    T_CHECK(!verdict("cpu")->asked && verdict("cpu")->known && near(verdict("cpu")->value, 0.64));
    unsigned count = result.verdict_count;
    T_CHECK(judge()); /* again: the same, not twice as many */
    T_EQ(result.verdict_count, count);
}

T_TEST(a_level_fails_just_beyond_its_limit)
{
    fresh();
    result.kinds[BENCH_KIND_CAMERA].expected = 100000;
    result.kinds[BENCH_KIND_CAMERA].delivered = 99900;
    T_CHECK(judge());
    result.kinds[BENCH_KIND_CAMERA].delivered = 99899;
    T_CHECK(!judge() && !verdict("loss")->ok);
    fresh();
    result.kinds[BENCH_KIND_CAMERA].freezes = 264; /* in one minute, of 264 tracks */
    T_CHECK(judge());
    result.kinds[BENCH_KIND_CAMERA].freezes++;
    T_CHECK(!judge() && !verdict("freezes")->ok && verdict("audio-gaps")->ok);
    fresh();
    result.kinds[BENCH_KIND_AUDIO].freezes = 265;
    T_CHECK(!judge() && verdict("freezes")->ok && !verdict("audio-gaps")->ok);
    fresh();
    result.kinds[BENCH_KIND_CAMERA].freezes = 100; /* of 264 tracks again, but each was there for 10 s only */
    result.kinds[BENCH_KIND_CAMERA].watched_us = UINT64_C(2640000000);
    T_CHECK(!judge() && !verdict("freezes")->ok && near(verdict("freezes")->value, 100.0 / 44));
    fresh();
    result.failed_joins = 1;
    T_CHECK(!judge() && !verdict("failed-joins")->ok);
    fresh();
    for (unsigned i = 0; i < 2; i++)
        bench_histogram_add(&result.join, 3600000);
    T_CHECK(!judge() && !verdict("join-p99")->ok);
    fresh();
    struct bench_thresholds asked = bench_thresholds_default;
    asked.psnr_db = 36.5; /* more is better */
    T_CHECK(!bench_thresholds_judge(&asked, &result) && !verdict("psnr")->ok);
    asked.psnr_db = 36.4;
    T_CHECK(bench_thresholds_judge(&asked, &result));
}

T_TEST(each_error_fails)
{
    fresh();
    uint64_t *const numbers[] = {&result.kinds[BENCH_KIND_AUDIO].corrupt,
                                 &result.kinds[BENCH_KIND_CAMERA].duplicated,
                                 &result.kinds[BENCH_KIND_SCREEN].wrong,
                                 &result.protocol_problems,
                                 &result.auth_failures,
                                 &result.undecodable_frames,
                                 &result.wrong_frames};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] = 1;
        T_CHECK(!judge() && !verdict("errors")->ok);
        *numbers[i] = 0;
        T_CHECK(judge());
    }
    result.chat_delivered--;
    T_CHECK(!judge());
}

T_TEST(a_missing_track_fails_and_is_no_lower_average)
{
    fresh();
    result.kinds[BENCH_KIND_CAMERA].tracks_missing = 1;
    T_CHECK(!judge() && !verdict("missing-tracks")->ok);
    /* the tracks that are there froze twice a minute; those that are not must not thin it out */
    fresh();
    result.kinds[BENCH_KIND_CAMERA].tracks_missing = 132;
    result.kinds[BENCH_KIND_CAMERA].freezes = 264;
    judge();
    T_CHECK(near(verdict("freezes")->value, 2));
    /* its packets are expected: a track of 264 that never came is 0.38 % of loss */
    fresh();
    result.kinds[BENCH_KIND_CAMERA].delivered = result.kinds[BENCH_KIND_CAMERA].expected / 264 * 263;
    T_CHECK(!judge() && verdict("loss")->value > 0.37);
}

T_TEST(the_worst_kind_is_judged)
{
    fresh(); /* audio lost altogether is little of all packets */
    result.kinds[BENCH_KIND_AUDIO].expected = 1000;
    result.kinds[BENCH_KIND_AUDIO].delivered = 0;
    result.kinds[BENCH_KIND_CAMERA].expected = result.kinds[BENCH_KIND_CAMERA].delivered = 100000000;
    T_CHECK(!judge());
    T_CHECK(near(verdict("loss")->value, 100));
    fresh();
    memset(&result.kinds[BENCH_KIND_SCREEN].delay, 0, sizeof(struct bench_histogram));
    for (unsigned i = 0; i < 10; i++)
        bench_histogram_add(&result.kinds[BENCH_KIND_SCREEN].delay, 200000);
    T_CHECK(!judge() && verdict("delay-p99")->value >= 190);
}

T_TEST(what_the_network_took_is_not_the_servers_fault)
{
    fresh();
    memset(result.kinds, 0, sizeof result.kinds);
    for (unsigned i = 0; i < 2; i++) {
        result.kinds[i].tracks = 1;
        result.kinds[i].expected = 100000;
        result.kinds[i].delivered = 98000;
        bench_histogram_add(&result.kinds[i].delay, 1000);
    }
    result.network_lost = 4000;
    T_CHECK(judge() && verdict("loss")->known && near(verdict("loss")->value, 0));
    result.kinds[1].delivered = 97000; /* 1000 more than it took */
    T_CHECK(!judge() && near(verdict("loss")->value, 1));
    result.kinds[1].delivered = 98000; /* half of what it took was repaired: then other things were lost */
    result.kinds[1].repaired = 1000;
    T_CHECK(!judge() && near(verdict("loss")->value, 1));
}

T_TEST(what_cannot_be_told_has_failed)
{
    bench_result_clear(&result);
    result.measured_s = 60;
    T_CHECK(!judge()); /* a run in which nothing happened */
    for (unsigned i = 0; i < result.verdict_count; i++) {
        T_CHECK(!result.verdicts[i].known);
        T_CHECK(result.verdicts[i].ok == !result.verdicts[i].asked);
    }
    fresh(); /* memory and CPU of a server elsewhere are not known */
    result.has_server_cpu = false;
    T_CHECK(judge());
    struct bench_thresholds asked = bench_thresholds_default;
    asked.server_cpu = 2;
    T_CHECK(!bench_thresholds_judge(&asked, &result) && !verdict("cpu")->known && !verdict("cpu")->ok);
    fresh(); /* nothing of a kind came: its delay and its freezes are not 0 */
    result.kinds[BENCH_KIND_SCREEN].tracks_missing = result.kinds[BENCH_KIND_SCREEN].tracks;
    memset(&result.kinds[BENCH_KIND_SCREEN].delay, 0, sizeof(struct bench_histogram));
    judge();
    T_CHECK(!verdict("delay-p99")->known && !verdict("delay-p99")->ok);
    T_CHECK(!verdict("freezes")->known && !verdict("freezes")->ok);
    fresh(); /* sound only: no picture can freeze, that is not a failure */
    memset(&result.kinds[BENCH_KIND_CAMERA], 0, 2 * sizeof result.kinds[0]);
    T_CHECK(judge() && verdict("freezes")->known);
}

T_TEST(what_does_not_count_never_passes)
{
    fresh();
    T_CHECK(judge());
    result.generator_saturated = true;
    T_CHECK(!judge());
    result.generator_saturated = false;
    result.interrupted = true;
    T_CHECK(!judge());
    struct bench_thresholds none;
    for (size_t i = 0; i < sizeof none / sizeof(double); i++)
        ((double *)&none)[i] = -1;
    T_CHECK(!bench_thresholds_judge(&none, &result)); /* not even if nothing is asked */
    result.interrupted = false;
    T_CHECK(bench_thresholds_judge(&none, &result));
    bench_result_clear(&result);
}

T_TEST(one_bad_track_among_many_good_ones)
{
    fresh();
    struct bench_kind_result *camera = &result.kinds[BENCH_KIND_CAMERA];
    camera->worst_expected = 1000;
    camera->worst_delivered = 900;
    T_CHECK(judge() && near(verdict("worst-track")->value, 10));
    camera->worst_delivered = 899;
    T_CHECK(!judge() && verdict("loss")->ok && !verdict("worst-track")->ok);
    result.network_lost = 1; /* which may have been this track's */
    T_CHECK(judge());
    result.network_lost = 5000;
    T_CHECK(judge() && near(verdict("worst-track")->value, 0));
}

T_TEST(pictures_that_come_late_or_never)
{
    fresh();
    memset(&result.first_picture, 0, sizeof result.first_picture);
    T_CHECK(!judge() && !verdict("first-picture-p99")->known);
    for (int i = 0; i < 100; i++)
        bench_histogram_add(&result.first_picture, 4000000);
    T_CHECK(!judge() && verdict("first-picture-p99")->known && !verdict("first-picture-p99")->ok);
    memset(&result.first_picture, 0, sizeof result.first_picture);
    memset(&result.kinds[BENCH_KIND_CAMERA], 0, sizeof result.kinds[0]);
    memset(&result.kinds[BENCH_KIND_SCREEN], 0, sizeof result.kinds[0]);
    (void)judge(); /* sound only */
    T_CHECK(verdict("first-picture-p99")->ok);
}

T_TEST(sound_that_comes_late)
{
    fresh();
    T_CHECK(judge());
    memset(&result.first_audio, 0, sizeof result.first_audio);
    T_CHECK(!judge() && !verdict("first-sound-p99")->known);
    for (int i = 0; i < 100; i++)
        bench_histogram_add(&result.first_audio, 4900000);
    T_CHECK(!judge() && verdict("first-sound-p99")->known && !verdict("first-sound-p99")->ok);
}

T_TEST(one_freeze_of_nearly_a_minute)
{
    fresh();
    struct bench_kind_result *camera = &result.kinds[BENCH_KIND_CAMERA];
    camera->freezes = 1;
    camera->watched_us = 60000000;
    camera->freeze_us = camera->freeze_longest_us = 50000000;
    T_CHECK(!judge() && verdict("freezes")->ok && !verdict("frozen")->ok);
    camera->freeze_us = 400000;
    T_CHECK(judge());
}

T_MAIN(T_CASE(sound_that_comes_late), T_CASE(one_freeze_of_nearly_a_minute), T_CASE(values_and_units),
       T_CASE(nonsense_is_refused_and_changes_nothing), T_CASE(every_name_is_known_and_judged),
       T_CASE(a_good_run_passes), T_CASE(a_level_fails_just_beyond_its_limit), T_CASE(each_error_fails),
       T_CASE(a_missing_track_fails_and_is_no_lower_average), T_CASE(the_worst_kind_is_judged),
       T_CASE(what_the_network_took_is_not_the_servers_fault), T_CASE(what_cannot_be_told_has_failed),
       T_CASE(what_does_not_count_never_passes), T_CASE(one_bad_track_among_many_good_ones),
       T_CASE(pictures_that_come_late_or_never))
