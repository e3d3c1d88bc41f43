/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/media/decode_check.h"

#include <assert.h>
#include <math.h>
#include <opus.h>
#include <stdlib.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>

#include "base/err.h"
#include "bench/media/clip_internal.h"

#define CLIPS_MAX 8u

struct bench_decode_check {
    const struct bench_clip *clips[CLIPS_MAX];
    size_t clip_count;
    struct bench_decode_counters counters;
    bool has_vpx;
    vpx_codec_ctx_t vpx;
    OpusDecoder *opus;
    uint8_t *i420; /* room for the largest source */
};

static int open_decoder(struct bench_decode_check *check)
{
    const struct bench_clip *first = check->clips[0];
    if (first->config.codec == BENCH_OPUS) {
        int err = 0;
        check->opus = opus_decoder_create(BENCH_SOUND_HZ, 1, &err);
        return check->opus != NULL ? 0 : BASE_ERR_NOMEM;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < check->clip_count; i++) {
        size_t picture = (size_t)check->clips[i]->config.width * check->clips[i]->config.height * 3 / 2;
        bytes = picture > bytes ? picture : bytes;
    }
    assert(bytes != 0); /* bench_clip_create() makes no empty picture */
    check->i420 = malloc(bytes);
    vpx_codec_iface_t *iface = first->config.codec == BENCH_VP9 ? vpx_codec_vp9_dx() : vpx_codec_vp8_dx();
    const vpx_codec_dec_cfg_t config = {.threads = 1};
    check->has_vpx = check->i420 != NULL && vpx_codec_dec_init(&check->vpx, iface, &config, 0) == VPX_CODEC_OK;
    return check->has_vpx ? 0 : BASE_ERR_NOMEM;
}

int bench_decode_check_create(struct bench_decode_check **out, const struct bench_clip *const *clips, size_t count)
{
    *out = NULL;
    if (count == 0 || count > CLIPS_MAX)
        return BASE_ERR_INVALID;
    for (size_t i = 0; i < count; i++)
        if (clips[i] == NULL || clips[i]->config.codec != clips[0]->config.codec)
            return BASE_ERR_INVALID;
    struct bench_decode_check *check = calloc(1, sizeof *check);
    if (check == NULL)
        return BASE_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        check->clips[i] = clips[i];
    check->clip_count = count;
    int err = open_decoder(check);
    if (err != 0) {
        bench_decode_check_destroy(check);
        return err;
    }
    *out = check;
    return 0;
}

void bench_decode_check_destroy(struct bench_decode_check *check)
{
    if (check == NULL)
        return;
    if (check->has_vpx)
        vpx_codec_destroy(&check->vpx);
    if (check->opus != NULL)
        opus_decoder_destroy(check->opus);
    free(check->i420);
    free(check);
}

static void compare(struct bench_decode_check *check, const struct bench_clip *clip, uint32_t content,
                    const vpx_image_t *picture)
{
    struct bench_decode_counters *counters = &check->counters;
    const struct bench_clip_config *config = &clip->config;
    const struct bench_clip_frame *encoded = &clip->frames[content];
    const uint8_t *luma = picture->planes[VPX_PLANE_Y];
    uint32_t stride = (uint32_t)picture->stride[VPX_PLANE_Y];
    counters->compared++;
    double psnr_db = 0;
    if (picture->d_w == config->width && picture->d_h == config->height && picture->fmt == VPX_IMG_FMT_I420) {
        if (bench_picture_hash(luma, stride, config->width, config->height) == encoded->luma_hash) {
            counters->identical++;
            psnr_db = (double)encoded->psnr_db;
        } else {
            bench_clip_draw(clip, content, check->i420);
            psnr_db = bench_picture_psnr(check->i420, config->width, luma, stride, config->width, config->height);
        }
    }
    if (fabs(psnr_db - (double)encoded->psnr_db) > BENCH_PSNR_SLACK_DB)
        counters->wrong++;
    if (counters->compared == 1 || psnr_db < counters->psnr_min_db)
        counters->psnr_min_db = psnr_db;
    counters->psnr_sum_db += psnr_db;
}

/* Returns the picture, or NULL. */
static const vpx_image_t *decode_picture(struct bench_decode_check *check, const uint8_t *frame, size_t len)
{
    if (len > UINT32_MAX || vpx_codec_decode(&check->vpx, frame, (unsigned)len, NULL, 0) != VPX_CODEC_OK)
        return NULL;
    vpx_codec_iter_t iterator = NULL;
    const vpx_image_t *picture = vpx_codec_get_frame(&check->vpx, &iterator);
    int corrupted = 0;
    if (vpx_codec_control(&check->vpx, VP8D_GET_FRAME_CORRUPTED, &corrupted) != VPX_CODEC_OK || corrupted != 0)
        return NULL;
    return picture;
}

void bench_decode_check_on_frame(struct bench_decode_check *check, unsigned layer, uint32_t content,
                                 const uint8_t *frame, size_t len)
{
    check->counters.frames++;
    const struct bench_clip *clip = layer < check->clip_count ? check->clips[layer] : NULL;
    if (check->opus != NULL) {
        int16_t pcm[BENCH_SOUND_FRAME_SAMPLES * 6];
        int samples = len <= INT32_MAX
                          ? opus_decode(check->opus, frame, (opus_int32)len, pcm, (int)(sizeof pcm / sizeof pcm[0]), 0)
                          : -1;
        check->counters.undecodable += samples != (int)BENCH_SOUND_FRAME_SAMPLES;
        return;
    }
    const vpx_image_t *picture = decode_picture(check, frame, len);
    if (picture == NULL || clip == NULL || content >= clip->frame_count)
        check->counters.undecodable++;
    else
        compare(check, clip, content, picture);
}

const struct bench_decode_counters *bench_decode_check_counters(const struct bench_decode_check *check)
{
    return &check->counters;
}
