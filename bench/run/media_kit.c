/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/media_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define SILENCE_S 8u
#define SPEECH_S  20u
#define CAMERA_S  6u
#define SCREEN_S  12u

struct bench_media_kit {
    struct bench_clip_config want[BENCH_SOURCES][BENCH_LAYERS_MAX]; /* seconds 0: none */
    struct bench_clip *clips[BENCH_SOURCES][BENCH_LAYERS_MAX];
};

/* The clips do not depend on the seed of the meeting: runs that are compared send the same bytes. */
static void wants(const struct bench_scenario *scenario, struct bench_clip_config out[BENCH_SOURCES][BENCH_LAYERS_MAX])
{
    memset(out, 0, BENCH_SOURCES * sizeof out[0]);
    const struct bench_clip_config voice = {.codec = BENCH_OPUS,
                                            .kind = BENCH_CLIP_SILENCE,
                                            .bitrate_bps = scenario->audio_bps,
                                            .seconds = SILENCE_S,
                                            .dtx = true,
                                            .seed = 1};
    out[BENCH_MIC][0] = out[BENCH_MIC][1] = voice;
    out[BENCH_MIC][1].kind = BENCH_CLIP_SPEECH;
    out[BENCH_MIC][1].seconds = SPEECH_S;
    out[BENCH_MIC][1].dtx = scenario->voice != BENCH_VOICE_ALL; /* all: a packet every 20 ms, pauses included */
    for (unsigned layer = 0; scenario->camera && layer < scenario->layers; layer++) {
        unsigned halved = scenario->layers - 1 - layer;
        out[BENCH_CAMERA][layer] = (struct bench_clip_config){.codec = scenario->codec,
                                                              .kind = BENCH_CLIP_CAMERA,
                                                              .width = scenario->width >> halved,
                                                              .height = scenario->height >> halved,
                                                              .fps = scenario->fps,
                                                              .bitrate_bps = scenario->video_bps >> (2 * halved),
                                                              .seconds = CAMERA_S,
                                                              .seed = 2};
    }
    if (scenario->screen)
        out[BENCH_SCREEN][0] = (struct bench_clip_config){.codec = scenario->codec,
                                                          .kind = BENCH_CLIP_SCREEN,
                                                          .width = scenario->screen_width,
                                                          .height = scenario->screen_height,
                                                          .fps = scenario->screen_fps,
                                                          .bitrate_bps = scenario->screen_bps,
                                                          .seconds = SCREEN_S,
                                                          .seed = 3};
}

static bool same(const struct bench_clip_config *a, const struct bench_clip_config *b)
{
    return a->codec == b->codec && a->kind == b->kind && a->width == b->width && a->height == b->height &&
           a->fps == b->fps && a->bitrate_bps == b->bitrate_bps && a->seconds == b->seconds && a->dtx == b->dtx &&
           a->seed == b->seed;
}

static struct bench_clip *take(struct bench_media_kit *from, const struct bench_clip_config *wanted)
{
    for (int source = 0; from != NULL && source < BENCH_SOURCES; source++)
        for (int layer = 0; layer < BENCH_LAYERS_MAX; layer++)
            if (from->clips[source][layer] != NULL && same(&from->want[source][layer], wanted)) {
                struct bench_clip *clip = from->clips[source][layer];
                from->clips[source][layer] = NULL;
                return clip;
            }
    return NULL;
}

int bench_media_kit_make(struct bench_media_kit **kit, const struct bench_scenario *scenario, char *error)
{
    struct bench_media_kit *before = *kit, *made = calloc(1, sizeof *made);
    int err = made != NULL ? 0 : BASE_ERR_NOMEM;
    *kit = NULL;
    if (err == 0)
        wants(scenario, made->want);
    for (int source = 0; source < BENCH_SOURCES; source++)
        for (int layer = 0; layer < BENCH_LAYERS_MAX && err == 0; layer++) {
            const struct bench_clip_config *wanted = &made->want[source][layer];
            if (wanted->seconds == 0)
                continue;
            made->clips[source][layer] = take(before, wanted);
            if (made->clips[source][layer] == NULL)
                err = bench_clip_create(&made->clips[source][layer], wanted);
            if (err != 0)
                snprintf(error, BENCH_SCENARIO_ERROR_MAX, "the media of a %s cannot be encoded (%s)",
                         bench_source_name((enum bench_source)source), base_err_name(err));
        }
    bench_media_kit_destroy(before);
    if (err != 0) {
        bench_media_kit_destroy(made);
        return err == BASE_ERR_NOMEM ? err : BASE_ERR_STATE;
    }
    *kit = made;
    return 0;
}

void bench_media_kit_destroy(struct bench_media_kit *kit)
{
    if (kit == NULL)
        return;
    for (int source = 0; source < BENCH_SOURCES; source++)
        for (int layer = 0; layer < BENCH_LAYERS_MAX; layer++)
            bench_clip_destroy(kit->clips[source][layer]);
    free(kit);
}

const struct bench_clip *bench_media_kit_clip(const struct bench_media_kit *kit, enum bench_source source,
                                              unsigned layer)
{
    return layer < BENCH_LAYERS_MAX ? kit->clips[source][layer] : NULL;
}
