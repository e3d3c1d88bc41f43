/* SPDX-License-Identifier: Apache-2.0 */
/**
 * decode_check.h - is what arrives really a picture, really a sound? Decodes one received stream with libvpx or
 * libopus, as a browser would, and compares each picture with the source it was encoded from (PSNR of luma), and that
 * with what the encoder had reached (bench_clip_frame.psnr_db). A picture that is bit for bit the one that the encoder
 * had (bench_clip_frame.luma_hash) has that one's PSNR: only others are drawn and measured.
 *
 * Feed it every complete frame in order, with the stamp's `content` (which frame of the clip it is). For a sample of
 * streams: decoding costs a thousand times what receiving costs. Threads: one owner.
 */
#ifndef CONSILIUM_BENCH_MEDIA_DECODE_CHECK_H
#define CONSILIUM_BENCH_MEDIA_DECODE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "bench/media/clip.h"

struct bench_decode_check;

struct bench_decode_counters {
    uint64_t frames;                 /**< given to the decoder */
    uint64_t undecodable;            /**< the decoder refused it, or gave no picture / not 20 ms of sound; filler */
    uint64_t compared;               /**< pictures compared with their source */
    uint64_t identical;              /**< of those: bit for bit what the encoder itself had */
    uint64_t wrong;                  /**< of those: more than BENCH_PSNR_SLACK_DB from what the encoder itself had, or
                                        of another size than the source */
    double psnr_sum_db, psnr_min_db; /**< over `compared`; min is 0 while there is none */
};

#define BENCH_PSNR_WRONG_DB 22.0 /**< no encoder makes that of our clips; a mean below it means damage */
#define BENCH_PSNR_SLACK_DB                                                                                            \
    0.01 /**< a decoder with all it needs gives, bit for bit, what the encoder had; one that lacks                     \
            a frame does not */

/** `clips`: every clip that the stream may carry (simulcast: one a layer), told apart by the layer; they outlive it.
 * Returns 0, BASE_ERR_INVALID, BASE_ERR_NOMEM. */
int bench_decode_check_create(struct bench_decode_check **out, const struct bench_clip *const *clips, size_t count);
void bench_decode_check_destroy(struct bench_decode_check *check);
/** `layer`: index in clips; `content`: frame of that clip. */
void bench_decode_check_on_frame(struct bench_decode_check *check, unsigned layer, uint32_t content,
                                 const uint8_t *frame, size_t len);
const struct bench_decode_counters *bench_decode_check_counters(const struct bench_decode_check *check);

#endif
