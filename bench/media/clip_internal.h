/* SPDX-License-Identifier: Apache-2.0 */
/**
 * clip_internal.h - what the files behind clip.h have in common: picture.c draws, sound.c speaks, clip_vpx.c and
 * clip_opus.c encode into the clip's one buffer.
 */
#ifndef CONSILIUM_BENCH_MEDIA_CLIP_INTERNAL_H
#define CONSILIUM_BENCH_MEDIA_CLIP_INTERNAL_H

#include "bench/media/clip.h"

#define BENCH_SOUND_HZ            48000u
#define BENCH_SOUND_FRAME_SAMPLES 960u /* 20 ms */
#define BENCH_KEY_FRAME_SECONDS   2u
#define BENCH_PAGE_SECONDS        4u /* a page of the screen stays as long */

/** Draws picture `frame` of a camera or screen; i420 has width * height * 3 / 2 bytes. The same arguments give the same
 * picture. `noise`: width of the range of a pixel's noise, 0..64. */
void bench_picture_draw(const struct bench_clip_config *config, uint32_t noise, uint32_t frame, uint8_t *i420);

/** How much a page of the screen must hold so that key frames fill the bit rate: percent of a full page of text; above
 * 100 also grain in the image on it. */
uint32_t bench_screen_richness(const struct bench_clip_config *config);

/** Makes pcm[0..frames * BENCH_SOUND_FRAME_SAMPLES), mono, and tells of each 20 ms whether somebody speaks. Returns 0
 * or BASE_ERR_NOMEM. */
int bench_sound_make(const struct bench_clip_config *config, uint32_t frames, int16_t *pcm, bool *voice);

/** Frames are collected one behind the other; their `data` is set when all are there. All zeroes: none. */
struct bench_clip_writer {
    uint8_t *bytes;
    size_t used, capacity;
};
/** Appends a frame's bytes. Returns 0 or BASE_ERR_NOMEM. */
int bench_clip_append(struct bench_clip_writer *writer, const void *data, size_t len);

/** Encode all frames of clip->config into clip->frames[0..frame_count), `bytes` of each set, data in the writer. Return
 * 0, BASE_ERR_NOMEM, or BASE_ERR_STATE. */
int bench_clip_encode_vpx(struct bench_clip *clip, struct bench_clip_writer *writer);
int bench_clip_encode_opus(struct bench_clip *clip, struct bench_clip_writer *writer);

/** PSNR of luma in dB, at most 99. */
double bench_picture_psnr(const uint8_t *a, uint32_t a_stride, const uint8_t *b, uint32_t b_stride, uint32_t width,
                          uint32_t height);

/** 64 bits that tell two planes of the same size apart: a plane with one byte changed never has the same, any other one
 * with a chance of 2^-64. Not against somebody who wants it to be the same. */
uint64_t bench_picture_hash(const uint8_t *plane, uint32_t stride, uint32_t width, uint32_t height);

#endif
