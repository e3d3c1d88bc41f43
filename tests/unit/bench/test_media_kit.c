/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/media_kit.h"

#include "tests/support/test.h"

/* Small pictures: encoding them takes no time. */
static struct bench_scenario small(unsigned layers)
{
    struct bench_scenario scenario;
    bench_scenario_init(&scenario, BENCH_SCENARIO_RCP);
    scenario.width = 128;
    scenario.height = 64;
    scenario.fps = 10;
    scenario.video_bps = 320000;
    scenario.layers = layers;
    scenario.screen_width = 64;
    scenario.screen_height = 64;
    scenario.screen_fps = 2;
    scenario.screen_bps = 60000;
    return scenario;
}

static char error[BENCH_SCENARIO_ERROR_MAX];

T_TEST(each_source_has_its_clips)
{
    struct bench_scenario scenario = small(3);
    struct bench_media_kit *kit = NULL;
    T_EQ(bench_media_kit_make(&kit, &scenario, error), 0);
    for (unsigned layer = 0; layer < 3; layer++) {
        const struct bench_clip *clip = bench_media_kit_clip(kit, BENCH_CAMERA, layer);
        T_CHECK(clip != NULL);
        T_EQ(clip->config.kind, BENCH_CLIP_CAMERA);
        T_EQ(clip->config.width, 128u >> (2 - layer));
        T_EQ(clip->config.height, 64u >> (2 - layer));
        T_EQ(clip->config.bitrate_bps, 320000u >> 2 * (2 - layer));
        T_EQ(clip->config.fps, 10);
    }
    const struct bench_clip *screen = bench_media_kit_clip(kit, BENCH_SCREEN, 0);
    T_CHECK(screen != NULL && screen->config.kind == BENCH_CLIP_SCREEN && screen->config.fps == 2);
    T_CHECK(bench_media_kit_clip(kit, BENCH_SCREEN, 1) == NULL);
    T_CHECK(bench_media_kit_clip(kit, BENCH_CAMERA, 3) == NULL);
    T_EQ(bench_media_kit_clip(kit, BENCH_MIC, 0)->config.kind, BENCH_CLIP_SILENCE);
    T_EQ(bench_media_kit_clip(kit, BENCH_MIC, 1)->config.kind, BENCH_CLIP_SPEECH);
    T_CHECK(bench_media_kit_clip(kit, BENCH_MIC, 1)->config.dtx);
    bench_media_kit_destroy(kit);
}

T_TEST(what_is_not_sent_is_not_made)
{
    struct bench_scenario scenario = small(1);
    struct bench_media_kit *kit = NULL;
    scenario.camera = scenario.screen = false;
    scenario.voice = BENCH_VOICE_ALL;
    T_EQ(bench_media_kit_make(&kit, &scenario, error), 0);
    T_CHECK(bench_media_kit_clip(kit, BENCH_CAMERA, 0) == NULL);
    T_CHECK(bench_media_kit_clip(kit, BENCH_SCREEN, 0) == NULL);
    T_CHECK(!bench_media_kit_clip(kit, BENCH_MIC, 1)->config.dtx); /* all: 50 packets a second */
    bench_media_kit_destroy(kit);
}

T_TEST(what_is_the_same_is_kept)
{
    struct bench_scenario scenario = small(1);
    struct bench_media_kit *kit = NULL;
    T_EQ(bench_media_kit_make(&kit, &scenario, error), 0);
    const struct bench_clip *camera = bench_media_kit_clip(kit, BENCH_CAMERA, 0);
    const struct bench_clip *screen = bench_media_kit_clip(kit, BENCH_SCREEN, 0);
    scenario.rooms = 4;
    scenario.seed = 99;
    T_EQ(bench_media_kit_make(&kit, &scenario, error), 0);
    T_CHECK(bench_media_kit_clip(kit, BENCH_CAMERA, 0) == camera);
    T_CHECK(bench_media_kit_clip(kit, BENCH_SCREEN, 0) == screen);
    scenario.video_bps = 200000;
    T_EQ(bench_media_kit_make(&kit, &scenario, error), 0);
    T_EQ(bench_media_kit_clip(kit, BENCH_CAMERA, 0)->config.bitrate_bps, 200000);
    T_CHECK(bench_media_kit_clip(kit, BENCH_SCREEN, 0) == screen);
    bench_media_kit_destroy(kit);
}

T_TEST(what_cannot_be_encoded_is_told)
{
    struct bench_scenario scenario = small(1);
    struct bench_media_kit *kit = NULL;
    scenario.width = 0;
    T_CHECK(bench_media_kit_make(&kit, &scenario, error) != 0);
    T_CHECK(kit == NULL);
    T_CHECK(strstr(error, "camera") != NULL);
}

T_MAIN(T_CASE(each_source_has_its_clips), T_CASE(what_is_not_sent_is_not_made), T_CASE(what_is_the_same_is_kept),
       T_CASE(what_cannot_be_encoded_is_told))
