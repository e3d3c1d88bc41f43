/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/media/clip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/media/clip_internal.h"

#define SIDE_MAX        8192u
#define SECONDS_MIN     2u
#define SECONDS_MAX     60u
#define AUDIO_BPS_MIN   6000u
#define AUDIO_BPS_MAX   256000u
#define VIDEO_BPS_MIN   5000u
#define VIDEO_BPS_MAX   100000000u
#define AUDIO_FRAMES_HZ 50u

static bool is_audio(const struct bench_clip_config *config)
{
    return config->codec == BENCH_OPUS;
}

static bool valid(const struct bench_clip_config *config)
{
    if (config->seconds < SECONDS_MIN || config->seconds > SECONDS_MAX || config->codec > BENCH_VP9)
        return false;
    if (is_audio(config))
        return (config->kind == BENCH_CLIP_SPEECH || config->kind == BENCH_CLIP_SILENCE) &&
               config->bitrate_bps >= AUDIO_BPS_MIN && config->bitrate_bps <= AUDIO_BPS_MAX;
    return (config->kind == BENCH_CLIP_CAMERA || config->kind == BENCH_CLIP_SCREEN) && config->width >= 16 &&
           config->width <= SIDE_MAX && config->width % 2 == 0 && config->height >= 16 && config->height <= SIDE_MAX &&
           config->height % 2 == 0 && config->fps >= 1 && config->fps <= 60 && config->bitrate_bps >= VIDEO_BPS_MIN &&
           config->bitrate_bps <= VIDEO_BPS_MAX;
}

/* The range of a pixel's noise (screen: in the image): the more bits there are for a pixel, the more there must be to
 * spend them on. */
static uint32_t noise_for(const struct bench_clip_config *config)
{
    if (config->kind == BENCH_CLIP_SCREEN) {
        uint32_t rich = bench_screen_richness(config);
        return rich < 90 ? 0 : rich < 640 ? (rich - 90) / 5 : 110;
    }
    if (config->kind != BENCH_CLIP_CAMERA)
        return 0;
    uint64_t millibits = (uint64_t)config->bitrate_bps * 1000 / config->fps / (config->width * config->height);
    return millibits > 900 ? 42 : 6 + (uint32_t)(millibits / 25);
}

int bench_clip_append(struct bench_clip_writer *writer, const void *data, size_t len)
{
    if (writer->capacity - writer->used < len) {
        size_t capacity = (writer->used + len) * 2;
        uint8_t *bytes = realloc(writer->bytes, capacity);
        if (bytes == NULL)
            return BASE_ERR_NOMEM;
        writer->bytes = bytes;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->used, data, len);
    writer->used += len;
    return 0;
}

/* The writer's bytes become the clip's, in as much memory as they need. */
static void take_over(struct bench_clip *clip, struct bench_clip_writer *writer)
{
    uint8_t *smaller = realloc(writer->bytes, writer->used != 0 ? writer->used : 1);
    clip->storage = smaller != NULL ? smaller : writer->bytes;
    clip->bytes = writer->used;
    size_t at = 0;
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        struct bench_clip_frame *frame = &clip->frames[i];
        frame->data = frame->bytes != 0 ? clip->storage + at : NULL;
        at += frame->bytes;
    }
    assert(at == clip->bytes);
}

int bench_clip_create(struct bench_clip **out, const struct bench_clip_config *config)
{
    *out = NULL;
    if (!valid(config))
        return BASE_ERR_INVALID;
    struct bench_clip *clip = calloc(1, sizeof *clip);
    if (clip == NULL)
        return BASE_ERR_NOMEM;
    struct bench_clip_writer writer = {0};
    clip->config = *config;
    clip->noise = noise_for(config);
    clip->frame_count = config->seconds * (is_audio(config) ? AUDIO_FRAMES_HZ : config->fps);
    clip->frames = calloc(clip->frame_count, sizeof *clip->frames);
    int err = clip->frames != NULL ? 0 : BASE_ERR_NOMEM;
    if (err == 0)
        err = is_audio(config) ? bench_clip_encode_opus(clip, &writer) : bench_clip_encode_vpx(clip, &writer);
    if (err != 0) {
        free(writer.bytes);
        bench_clip_destroy(clip);
        return err;
    }
    take_over(clip, &writer);
    *out = clip;
    return 0;
}

void bench_clip_destroy(struct bench_clip *clip)
{
    if (clip == NULL)
        return;
    free(clip->storage);
    free(clip->frames);
    free(clip);
}

uint32_t bench_clip_next_key(const struct bench_clip *clip, uint32_t frame)
{
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        uint32_t at = (uint32_t)(((uint64_t)frame + i) % clip->frame_count);
        if (clip->frames[at].key_frame)
            return at;
    }
    return 0;
}

uint32_t bench_clip_bitrate_bps(const struct bench_clip *clip)
{
    uint32_t fps = is_audio(&clip->config) ? AUDIO_FRAMES_HZ : clip->config.fps;
    return (uint32_t)(clip->bytes * 8 * fps / clip->frame_count);
}

void bench_clip_draw(const struct bench_clip *clip, uint32_t frame, uint8_t *i420)
{
    assert(!is_audio(&clip->config));
    bench_picture_draw(&clip->config, clip->noise, frame % clip->frame_count, i420);
}
