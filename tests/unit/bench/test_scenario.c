/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/scenario/scenario.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/support/test.h"

static char error[BENCH_SCENARIO_ERROR_MAX];

static int set(struct bench_scenario *scenario, const char *key, const char *value)
{
    error[0] = 0;
    return bench_scenario_set(scenario, key, value, error);
}

T_TEST(defaults_of_each_kind_are_consistent)
{
    struct bench_scenario scenario;
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    T_EQ(bench_scenario_check(&scenario, error), 0);
    T_EQ(scenario.rooms, 1);
    T_EQ(scenario.people, 6);
    T_CHECK(scenario.screen);
    bench_scenario_init(&scenario, BENCH_SCENARIO_TELECONSULTATION);
    T_EQ(bench_scenario_check(&scenario, error), 0);
    T_EQ(scenario.rooms, 10);
    T_EQ(scenario.people, 2);
    bench_scenario_init(&scenario, BENCH_SCENARIO_WEBINAR);
    T_EQ(bench_scenario_check(&scenario, error), 0);
    T_EQ(scenario.people, 51);
    T_EQ(bench_scenario_publishers(&scenario), 1);
}

T_TEST(values_have_units)
{
    struct bench_scenario scenario;
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    T_EQ(set(&scenario, "video-kbps", "800"), 0);
    T_EQ(scenario.video_bps, 800000);
    T_EQ(set(&scenario, "video-kbps", "1.5M"), 0);
    T_EQ(scenario.video_bps, 1500000);
    T_EQ(set(&scenario, "audio-kbps", "24k"), 0);
    T_EQ(scenario.audio_bps, 24000);
    T_EQ(set(&scenario, "duration", "90"), 0);
    T_EQ(scenario.duration_ms, 90000);
    T_EQ(set(&scenario, "duration", "2m"), 0);
    T_EQ(scenario.duration_ms, 120000);
    T_EQ(set(&scenario, "drain", "750ms"), 0);
    T_EQ(scenario.drain_ms, 750);
    T_EQ(set(&scenario, "storm-share", "25%"), 0);
    T_EQ((int)(scenario.storm_share * 1000), 250);
    T_EQ(set(&scenario, "churn", "6/min"), 0);
    T_EQ((int)scenario.churn_per_min, 6);
    T_EQ(set(&scenario, "video", "1280x720"), 0);
    T_EQ(scenario.width, 1280);
    T_EQ(scenario.height, 720);
    T_EQ(set(&scenario, "video", "off"), 0);
    T_CHECK(!scenario.camera);
    T_EQ(set(&scenario, "codec", "vp9"), 0);
    T_EQ(scenario.codec, BENCH_VP9);
    T_EQ(set(&scenario, "voice", "all"), 0);
    T_EQ(scenario.voice, BENCH_VOICE_ALL);
    T_EQ(set(&scenario, "transport", "any"), 0);
    T_EQ(scenario.transport, BENCH_CHOICE_ANY);
    T_EQ(set(&scenario, "frames", "spread"), 0);
    T_CHECK(scenario.spread);
    T_EQ(set(&scenario, "screen", "off"), 0);
    T_CHECK(!scenario.screen);
    T_EQ(set(&scenario, "subscribers", "200"), 0);
    T_EQ(scenario.people, 201);
    T_EQ(set(&scenario, "seed", "18446744073709551615"), 0);
    T_CHECK(scenario.seed == UINT64_MAX);
    T_EQ(set(&scenario, "ramp", "auto"), 0);
    T_EQ(bench_scenario_ramp_ms(&scenario), 50 * 201);
    T_EQ(set(&scenario, "ramp", "0"), 0);
    T_EQ(bench_scenario_ramp_ms(&scenario), 1);
}

T_TEST(wrong_values_are_told_and_change_nothing)
{
    static const char *const wrong[][2] = {
        {"rooms", "0"},
        {"rooms", "many"},
        {"rooms", "1.5"},
        {"rooms", "-1"},
        {"rooms", ""},
        {"rooms", "nan"},
        {"rooms", "0x10"},
        {"rooms", "1e3"},
        {"rooms", "99999999999"},
        {"fps", "61"},
        {"layers", "4"},
        {"video", "640"},
        {"video", "640x"},
        {"video", "640x360p"},
        {"video", "8x8"},
        {"video", "-640x360"},
        {"codec", "h264"},
        {"codec", ""},
        {"codec", "vp"},
        {"voice", "loud"},
        {"screen", "maybe"},
        {"frames", "on"},
        {"duration", "20 kg"},
        {"duration", "0"},
        {"storm-share", "120%"},
        {"transport", "quic"},
        {"seed", "-1"},
        {"seed", "1x"},
        {"seed", "99999999999999999999"},
        {"drain", "1ms"},
        {"churn", "5/week"},
        {"turn", "5.5.5s"},
        {"network", "loss=lots"},
    };
    struct bench_scenario scenario, before;
    memset(&scenario, 0, sizeof scenario);
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    before = scenario;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (set(&scenario, wrong[i][0], wrong[i][1]) != BASE_ERR_INVALID)
            printf("    %s = %s was taken\n", wrong[i][0], wrong[i][1]);
        T_EQ(set(&scenario, wrong[i][0], wrong[i][1]), BASE_ERR_INVALID);
        T_CHECK(error[0] != 0);
        T_MEM_EQ(&scenario, &before, sizeof scenario);
    }
    T_EQ(set(&scenario, "colour", "red"), BASE_ERR_NOT_FOUND);
}

/* What bench_scenario_value() writes, bench_scenario_set() reads: all keys, of settings other than the defaults. */
T_TEST(values_go_round)
{
    struct bench_scenario from, to;
    memset(&from, 0, sizeof from);
    memset(&to, 0, sizeof to);
    bench_scenario_init(&from, BENCH_SCENARIO_WEBINAR);
    from.codec = BENCH_VP9;
    from.voice = BENCH_VOICE_NONE;
    from.transport = BENCH_CHOICE_TCP;
    from.storm_share = 0.125;
    from.churn_per_min = 7.5;
    from.drain_ms = 750;
    from.turn_ms = 1250;
    from.ramp_ms = 1;
    from.screen = from.storm_media = from.spread = true;
    from.video_bps = 123456;
    bench_scenario_init(&to, BENCH_SCENARIO_WEBINAR);
    const char *help = NULL;
    for (size_t i = 0; bench_scenario_key(i, &help) != NULL; i++) {
        char value[BENCH_SCENARIO_VALUE_MAX] = "?";
        T_CHECK(help != NULL && help[0] != 0);
        bench_scenario_value(&from, i, value);
        if (value[0] != 0 && set(&to, bench_scenario_key(i, NULL), value) != 0)
            printf("    %s = %s: %s\n", bench_scenario_key(i, NULL), value, error);
        T_STR_EQ(error, "");
    }
    T_MEM_EQ(&from, &to, sizeof from);
}

T_TEST(several_networks_are_kept_in_order)
{
    struct bench_scenario scenario;
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    T_EQ(set(&scenario, "network", "wifi"), 0);
    T_EQ(set(&scenario, "network", "4g"), 0);
    T_EQ(scenario.profile_count, 2);
    T_STR_EQ(scenario.profiles[1].name, "4g");
    T_EQ(set(&scenario, "network", "lan"), 0);
    T_EQ(set(&scenario, "network", "lan"), 0);
    T_EQ(set(&scenario, "network", "lan"), BASE_ERR_INVALID); /* the fifth */
    T_EQ(set(&scenario, "network", "none"), 0);
    T_EQ(scenario.profile_count, 0);
}

T_TEST(what_does_not_fit_together_is_refused)
{
    struct bench_scenario scenario;
    bench_scenario_init(&scenario, BENCH_SCENARIO_TELECONSULTATION);
    scenario.people = 3;
    T_EQ(bench_scenario_check(&scenario, error), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "people") != NULL);
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    scenario.people = 1;
    T_EQ(bench_scenario_check(&scenario, error), BASE_ERR_INVALID);
    scenario.people = 6;
    scenario.rooms = 5000;
    T_EQ(bench_scenario_check(&scenario, error), BASE_ERR_INVALID);
    scenario.rooms = 1;
    scenario.width = 642; /* half of it would be odd */
    T_EQ(bench_scenario_check(&scenario, error), 0);
    scenario.layers = 2;
    T_EQ(bench_scenario_check(&scenario, error), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "642x360") != NULL);
    scenario.width = 640;
    T_EQ(bench_scenario_check(&scenario, error), 0);
    scenario.storm_at_ms = scenario.duration_ms;
    T_EQ(bench_scenario_check(&scenario, error), BASE_ERR_INVALID);
    T_CHECK(strstr(error, "storm-at") != NULL);
}

T_TEST(described_in_words)
{
    struct bench_scenario scenario;
    char text[256], tiny[12];
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    scenario.rooms = 4;
    scenario.churn_per_min = 6;
    bench_scenario_describe(&scenario, text, sizeof text);
    T_STR_EQ(text, "4 rooms of 6, camera VP8 640x360 1000 kbit/s 25 fps, screen 1280x720 500 kbit/s, voices in turns "
                   "Opus 32 kbit/s, frames in bursts, 6 leave and are replaced a minute");
    bench_scenario_describe(&scenario, tiny, sizeof tiny);
    T_STR_EQ(tiny, "4 rooms of ");
    bench_scenario_init(&scenario, BENCH_SCENARIO_WEBINAR);
    scenario.camera = false;
    bench_scenario_describe(&scenario, text, sizeof text);
    T_STR_EQ(text, "1 to 50, voices in turns Opus 32 kbit/s");
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static char path[64];

static void write_file(const char *text)
{
    snprintf(path, sizeof path, "/tmp/bench-scenario-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL)
        abort();
    fputs(text, file);
    fclose(file);
}

static int read_text(struct bench_scenario *scenario, const char *text,
                     int (*other)(void *user, const char *key, const char *value, char *why), void *user)
{
    write_file(text);
    error[0] = 0;
    int err = bench_scenario_read(scenario, path, other, user, error);
    unlink(path);
    return err;
}

static int take_limit(void *user, const char *key, const char *value, char *why)
{
    if (strcmp(key, "max-loss") != 0)
        return BASE_ERR_NOT_FOUND;
    if (strcmp(value, "wrong") == 0) {
        snprintf(why, BENCH_SCENARIO_ERROR_MAX, "no such loss");
        return BASE_ERR_INVALID;
    }
    snprintf(user, 16, "%s", value);
    return 0;
}

T_TEST(a_file_is_read)
{
    struct bench_scenario scenario;
    char limit[16] = "";
    bench_scenario_init(&scenario, BENCH_SCENARIO_WEBINAR);
    T_EQ(read_text(&scenario,
                   "# a comment\n\n  scenario = rcp\r\nrooms=3 # three\n\tpeople =  12\t\nmax-loss = 0.5%\nturn = 4s",
                   take_limit, limit),
         0);
    T_EQ(scenario.kind, BENCH_SCENARIO_RCP);
    T_EQ(scenario.rooms, 3);
    T_EQ(scenario.people, 12);
    T_EQ(scenario.turn_ms, 4000);
    T_STR_EQ(limit, "0.5%");
    T_CHECK(scenario.screen); /* the file's kind brought its defaults */
}

T_TEST(errors_in_a_file_name_the_line)
{
    static const char *const wrong[][2] = {
        {"scenario = rcp\nrooms = none\n", ":2: rooms: \"none\" is not a number"},
        {"scenario = rcp\n\n# x\ncolour = red\n", ":4: unknown key \"colour\""},
        {"rooms = 2\nscenario = rcp\n", ":2: scenario: must be the first setting"},
        {"scenario = rpc\n", ":1: scenario: \"rpc\" is none of: rcp teleconsultation webinar"},
        {"scenario = rcp\nrooms 3\n", ":2: \"rooms 3\" is not `key = value`"},
        {"= 3\n", ":1: \"= 3\" is not `key = value`"},
        {"max-loss = wrong\n", ":1: no such loss"},
        {"# nothing\n", ": no setting in it; the first is scenario = ..."},
    };
    char limit[16];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct bench_scenario scenario;
        bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
        T_EQ(read_text(&scenario, wrong[i][0], take_limit, limit), BASE_ERR_INVALID);
        T_CHECK(strncmp(error, path, strlen(path)) == 0);
        T_STR_EQ(error + strlen(path), wrong[i][1]);
    }
    struct bench_scenario scenario;
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    static char lines[1200];
    memset(lines, 'x', sizeof lines - 1);
    T_EQ(read_text(&scenario, lines, NULL, NULL), BASE_ERR_INVALID);
    T_EQ(bench_scenario_read(&scenario, "/nowhere/at/all.conf", NULL, NULL, error), BASE_ERR_IO);
    T_STR_EQ(error, "/nowhere/at/all.conf: No such file or directory");
}

/* The examples that we ship; the folder is given by the build. */
T_TEST(the_example_files_are_right)
{
    static const char *const names[] = {"rcp-12",        "rcp-hopital-bloque",      "teleconsultation-100",
                                        "webinaire-200", "tempete-de-reconnexions", "wifi-4g"};
    const char *folder = getenv("BENCH_SCENARIOS");
    T_CHECK(folder != NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct bench_scenario scenario;
        char name[512];
        bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
        snprintf(name, sizeof name, "%s/%s.conf", folder, names[i]);
        error[0] = 0;
        int err = bench_scenario_read(&scenario, name, NULL, NULL, error);
        if (err == 0)
            err = bench_scenario_check(&scenario, error);
        T_STR_EQ(error, "");
        T_EQ(err, 0);
    }
}

T_MAIN(T_CASE(defaults_of_each_kind_are_consistent), T_CASE(values_have_units),
       T_CASE(wrong_values_are_told_and_change_nothing), T_CASE(values_go_round),
       T_CASE(several_networks_are_kept_in_order), T_CASE(what_does_not_fit_together_is_refused),
       T_CASE(described_in_words), T_CASE(a_file_is_read), T_CASE(errors_in_a_file_name_the_line),
       T_CASE(the_example_files_are_right))
