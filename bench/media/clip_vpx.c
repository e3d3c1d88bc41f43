/* SPDX-License-Identifier: Apache-2.0 */
/* VP8 and VP9 as libwebrtc sets libvpx up for real time, but for what would make a run depend on the machine's speed:
 * one thread, a fixed speed, no frame is dropped, no denoiser. */
#include <math.h>
#include <stdlib.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include "base/err.h"
#include "bench/media/clip_internal.h"

#define QUANTIZER_MIN       2u
#define QUANTIZER_MAX       56u
#define QUANTIZER_SCREEN    28u
#define STEP_OF_QUANTIZER   0.045 /* of a key frame's size: to begin with */
#define PASSES_MAX          4u
#define TOLERANCE           0.03
#define VP8_SPEED           (-8)
#define VP9_SPEED           8
#define BUFFER_MS           1000u
#define BUFFER_OPTIMAL_MS   600u
#define BUFFER_INITIAL_MS   500u
#define INTRA_PERCENT_LEAST 300u

struct encoder {
    struct bench_clip *clip;
    struct bench_clip_writer *writer;
    vpx_codec_iface_t *iface;
    vpx_codec_enc_cfg_t config;
    vpx_codec_ctx_t context;
    vpx_image_t image; /* around i420 */
    uint8_t *i420;
    uint32_t quantizer; /* screen: of the next key frame and those behind it */
};

static bool is_screen(const struct encoder *encoder)
{
    return encoder->clip->config.kind == BENCH_CLIP_SCREEN;
}

static int configure(struct encoder *encoder, uint32_t bitrate_bps)
{
    const struct bench_clip_config *clip = &encoder->clip->config;
    vpx_codec_enc_cfg_t *config = &encoder->config;
    encoder->iface = clip->codec == BENCH_VP9 ? vpx_codec_vp9_cx() : vpx_codec_vp8_cx();
    if (vpx_codec_enc_config_default(encoder->iface, config, 0) != VPX_CODEC_OK)
        return BASE_ERR_STATE;
    config->g_w = clip->width;
    config->g_h = clip->height;
    config->g_timebase = (vpx_rational_t){1, (int)clip->fps};
    config->g_threads = 1;
    config->g_pass = VPX_RC_ONE_PASS;
    config->g_lag_in_frames = 0;
    config->g_error_resilient = 0;
    config->rc_end_usage = VPX_CBR;
    config->rc_target_bitrate = (bitrate_bps + 500) / 1000;
    config->rc_dropframe_thresh = 0;
    config->rc_resize_allowed = 0;
    config->rc_min_quantizer = QUANTIZER_MIN;
    config->rc_max_quantizer = QUANTIZER_MAX;
    config->rc_undershoot_pct = 100;
    config->rc_overshoot_pct = 15;
    config->rc_buf_sz = BUFFER_MS;
    config->rc_buf_initial_sz = BUFFER_INITIAL_MS;
    config->rc_buf_optimal_sz = BUFFER_OPTIMAL_MS;
    config->kf_mode = VPX_KF_DISABLED; /* we say when */
    if (is_screen(encoder))
        config->rc_min_quantizer = config->rc_max_quantizer = encoder->quantizer;
    return 0;
}

static int open_encoder(struct encoder *encoder, uint32_t bitrate_bps)
{
    const struct bench_clip_config *clip = &encoder->clip->config;
    int err = configure(encoder, bitrate_bps);
    if (err != 0)
        return err;
    if (vpx_codec_enc_init(&encoder->context, encoder->iface, &encoder->config, 0) != VPX_CODEC_OK)
        return BASE_ERR_STATE;
    vpx_codec_ctx_t *c = &encoder->context;
    bool vp9 = clip->codec == BENCH_VP9;
    /* libwebrtc: half the optimal buffer for a key frame, in percent of a frame's share */
    uint32_t intra_percent = BUFFER_OPTIMAL_MS * clip->fps / 20;
    if (intra_percent < INTRA_PERCENT_LEAST)
        intra_percent = INTRA_PERCENT_LEAST;
    bool good = vpx_codec_control(c, VP8E_SET_CPUUSED, vp9 ? VP9_SPEED : VP8_SPEED) == VPX_CODEC_OK &&
                vpx_codec_control(c, VP8E_SET_MAX_INTRA_BITRATE_PCT, intra_percent) == VPX_CODEC_OK &&
                vpx_codec_control(c, VP8E_SET_STATIC_THRESHOLD, 1u) == VPX_CODEC_OK;
    if (vp9)
        good = good && vpx_codec_control(c, VP9E_SET_AQ_MODE, is_screen(encoder) ? 0u : 3u) == VPX_CODEC_OK &&
               vpx_codec_control(c, VP9E_SET_TILE_COLUMNS, 0) == VPX_CODEC_OK &&
               vpx_codec_control(c, VP9E_SET_TUNE_CONTENT, is_screen(encoder) ? 1 : 0) == VPX_CODEC_OK;
    else
        good = good && vpx_codec_control(c, VP8E_SET_NOISE_SENSITIVITY, 0u) == VPX_CODEC_OK &&
               vpx_codec_control(c, VP8E_SET_SCREEN_CONTENT_MODE, is_screen(encoder) ? 1u : 0u) == VPX_CODEC_OK;
    if (good)
        return 0;
    vpx_codec_destroy(c);
    return BASE_ERR_STATE;
}

/* What the encoder gave for frame i: its bytes, and what a decoder makes of them. */
static int take_frame(struct encoder *encoder, uint32_t i)
{
    struct bench_clip_frame *frame = &encoder->clip->frames[i];
    const vpx_codec_cx_pkt_t *packet;
    vpx_codec_iter_t iterator = NULL;
    *frame = (struct bench_clip_frame){0};
    while ((packet = vpx_codec_get_cx_data(&encoder->context, &iterator)) != NULL) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT)
            continue;
        int err = bench_clip_append(encoder->writer, packet->data.frame.buf, packet->data.frame.sz);
        if (err != 0)
            return err;
        frame->bytes += (uint32_t)packet->data.frame.sz;
        frame->key_frame = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
    }
    const vpx_image_t *shown = vpx_codec_get_preview_frame(&encoder->context);
    if (frame->bytes == 0 || shown == NULL)
        return BASE_ERR_STATE;
    frame->psnr_db = (float)bench_picture_psnr(encoder->i420, encoder->clip->config.width, shown->planes[VPX_PLANE_Y],
                                               (uint32_t)shown->stride[VPX_PLANE_Y], encoder->clip->config.width,
                                               encoder->clip->config.height);
    frame->luma_hash = bench_picture_hash(shown->planes[VPX_PLANE_Y], (uint32_t)shown->stride[VPX_PLANE_Y],
                                          encoder->clip->config.width, encoder->clip->config.height);
    return 0;
}

static int encode_frame(struct encoder *encoder, uint32_t i, bool key_frame)
{
    bench_clip_draw(encoder->clip, i, encoder->i420);
    if (vpx_codec_encode(&encoder->context, &encoder->image, (vpx_codec_pts_t)i, 1, key_frame ? VPX_EFLAG_FORCE_KF : 0,
                         VPX_DL_REALTIME) != VPX_CODEC_OK)
        return BASE_ERR_STATE;
    return take_frame(encoder, i);
}

static bool is_key(const struct bench_clip *clip, uint32_t i)
{
    return i % (clip->config.fps * BENCH_KEY_FRAME_SECONDS) == 0;
}

/* How far from what was asked for: 1.1 is ten percent too much. */
static double excess(const struct encoder *encoder)
{
    const struct bench_clip *clip = encoder->clip;
    double asked = (double)clip->config.bitrate_bps / 8 * clip->config.seconds;
    return (double)encoder->writer->used / asked;
}

/* ---- camera: the encoder's own rate control, corrected by what it made of it ---------------------------------- */

static int camera_pass(struct encoder *encoder, uint32_t bitrate_bps)
{
    encoder->writer->used = 0;
    int err = open_encoder(encoder, bitrate_bps);
    if (err != 0)
        return err;
    for (uint32_t i = 0; i < encoder->clip->frame_count && err == 0; i++)
        err = encode_frame(encoder, i, is_key(encoder->clip, i));
    vpx_codec_destroy(&encoder->context);
    return err;
}

static int encode_camera(struct encoder *encoder)
{
    double bitrate_bps = encoder->clip->config.bitrate_bps;
    int err = 0;
    for (unsigned pass = 0; pass < PASSES_MAX && err == 0; pass++) {
        err = camera_pass(encoder, (uint32_t)bitrate_bps);
        if (err != 0 || fabs(excess(encoder) - 1) <= TOLERANCE)
            break;
        bitrate_bps /= excess(encoder);
    }
    return err;
}

/* ---- screen: between two key frames next to nothing changes, so they are what decides ------------------------- */

struct groups {
    double asked_bytes; /* of a key frame and those behind it */
    double owed_bytes;  /* what earlier ones left, or took */
    double key_bytes;   /* of the newest key frame, at `quantizer` */
    double rest_bytes;  /* behind the one before */
    uint32_t quantizer;
};

/* The quantizer that should make the next key frame as large as there is room for. */
static uint32_t next_quantizer(const struct groups *groups)
{
    double wanted = groups->asked_bytes + groups->owed_bytes - groups->rest_bytes;
    if (wanted < groups->asked_bytes / 4)
        wanted = groups->asked_bytes / 4;
    double quantizer = groups->quantizer + log(groups->key_bytes / wanted) / STEP_OF_QUANTIZER;
    return quantizer < QUANTIZER_MIN   ? QUANTIZER_MIN
           : quantizer > QUANTIZER_MAX ? QUANTIZER_MAX
                                       : (uint32_t)lrint(quantizer);
}

static int set_quantizer(struct encoder *encoder, uint32_t quantizer)
{
    encoder->quantizer = quantizer;
    encoder->config.rc_min_quantizer = encoder->config.rc_max_quantizer = quantizer;
    return vpx_codec_enc_config_set(&encoder->context, &encoder->config) == VPX_CODEC_OK ? 0 : BASE_ERR_STATE;
}

static int screen_pass(struct encoder *encoder, struct groups *groups)
{
    const struct bench_clip *clip = encoder->clip;
    encoder->writer->used = 0;
    int err = open_encoder(encoder, clip->config.bitrate_bps);
    if (err != 0)
        return err;
    double used = 0;
    for (uint32_t i = 0; i < clip->frame_count && err == 0; i++) {
        bool key_frame = is_key(clip, i);
        if (key_frame)
            err = set_quantizer(encoder, next_quantizer(groups));
        if (err == 0)
            err = encode_frame(encoder, i, key_frame);
        if (key_frame) {
            groups->key_bytes = clip->frames[i].bytes;
            groups->quantizer = encoder->quantizer;
            used = 0;
        }
        used += clip->frames[i].bytes;
        if (is_key(clip, i + 1)) {
            groups->rest_bytes = used - groups->key_bytes;
            groups->owed_bytes += groups->asked_bytes - used;
        }
    }
    vpx_codec_destroy(&encoder->context);
    return err;
}

static int encode_screen(struct encoder *encoder)
{
    const struct bench_clip_config *config = &encoder->clip->config;
    struct groups groups = {.asked_bytes = (double)config->bitrate_bps / 8 * BENCH_KEY_FRAME_SECONDS};
    groups.quantizer = encoder->quantizer = QUANTIZER_SCREEN;
    int err = open_encoder(encoder, config->bitrate_bps);
    if (err != 0)
        return err;
    err = encode_frame(encoder, 0, true); /* to know where to begin */
    groups.key_bytes = encoder->clip->frames[0].bytes;
    double before = 0;
    vpx_codec_destroy(&encoder->context);
    for (unsigned pass = 0; pass < PASSES_MAX && err == 0; pass++) {
        groups.owed_bytes = 0;
        err = screen_pass(encoder, &groups);
        if (err != 0 || fabs(excess(encoder) - 1) <= TOLERANCE)
            break;
        if (pass > 0 && fabs(excess(encoder) / before - 1) < TOLERANCE / 4)
            break; /* the quantizer is at its end */
        before = excess(encoder);
        groups.asked_bytes /= before;
    }
    return err;
}

int bench_clip_encode_vpx(struct bench_clip *clip, struct bench_clip_writer *writer)
{
    uint8_t *i420 = malloc((size_t)clip->config.width * clip->config.height * 3 / 2);
    if (i420 == NULL)
        return BASE_ERR_NOMEM;
    struct encoder encoder = {.clip = clip, .writer = writer, .i420 = i420};
    int err = BASE_ERR_STATE;
    if (vpx_img_wrap(&encoder.image, VPX_IMG_FMT_I420, clip->config.width, clip->config.height, 1, i420) != NULL)
        err = is_screen(&encoder) ? encode_screen(&encoder) : encode_camera(&encoder);
    free(i420);
    return err;
}
