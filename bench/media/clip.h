/* SPDX-License-Identifier: Apache-2.0 */
/**
 * clip.h - media encoded once and sent by many: a loop of real Opus, VP8 or VP9 frames (libopus, libvpx), and the
 * pictures it was made of, so that what is decoded at the far end can be compared with the source.
 *
 * A clip is immutable once made and shared by all senders of the same kind. It ends where it begins: the first frame is
 * a key frame, and a further key frame stands at least every two seconds, so that a sender asked for a key frame jumps
 * to the next one (bench_clip_next_key()) instead of encoding one. Made from a seed: the same configuration gives the
 * same frames. Threads: creating uses none; reading is free for all.
 * Units: _bps bits per second; _bytes; pictures in I420.
 */
#ifndef CONSILIUM_BENCH_MEDIA_CLIP_H
#define CONSILIUM_BENCH_MEDIA_CLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_codec { BENCH_OPUS, BENCH_VP8, BENCH_VP9 };

/** What it shows or says. */
enum bench_clip_kind {
    BENCH_CLIP_SPEECH,  /**< audio: speech-like, words and short pauses */
    BENCH_CLIP_SILENCE, /**< audio: a quiet room with DTX: a packet every 400 ms, as browsers send it */
    BENCH_CLIP_CAMERA,  /**< video: a moving picture with the noise of a camera */
    BENCH_CLIP_SCREEN,  /**< video: pages of text that change every few seconds: large key frames, little in between */
};

struct bench_clip_config {
    enum bench_codec codec;
    enum bench_clip_kind kind;
    uint32_t width, height; /**< video, even */
    uint32_t fps;           /**< video, 1..60 */
    uint32_t bitrate_bps;   /**< video: average over the loop, met within 5 % unless the picture is too small or too
                               plain for it; audio: of the encoder while somebody speaks */
    uint32_t seconds;       /**< length of the loop, 2..60 */
    bool dtx;               /**< audio: discontinuous transmission; false: a packet every 20 ms */
    uint64_t seed;
};

struct bench_clip_frame {
    const uint8_t *data; /**< one encoded frame; audio: NULL where DTX sends nothing in this slot of 20 ms */
    uint32_t bytes;
    bool key_frame;
    uint8_t level;      /**< audio: RFC 6464 level, 0 loudest .. 127 silence */
    bool voice;         /**< audio: somebody speaks, pauses up to 200 ms included */
    float psnr_db;      /**< video: luma of what the encoder itself decoded, against the source: a decoder that has got
                           everything reaches the same */
    uint64_t luma_hash; /**< video: of the luma of that very picture, see bench_picture_hash() */
};

struct bench_clip {
    struct bench_clip_config config;
    uint32_t frame_count;
    struct bench_clip_frame *frames;
    uint64_t bytes;   /**< of all frames */
    uint32_t noise;   /**< of its pictures, see bench_clip_draw() */
    uint8_t *storage; /**< where the frames' data lies; owned */
};

/** Encodes: about a second for ten of 640x360. Copies `config`. Returns 0, BASE_ERR_INVALID (a field is out of range),
 * BASE_ERR_NOMEM, or BASE_ERR_STATE (the encoder refuses); on failure *out is NULL. */
int bench_clip_create(struct bench_clip **out, const struct bench_clip_config *config);
void bench_clip_destroy(struct bench_clip *clip);

/** The first key frame at or after `frame` (modulo the loop). */
uint32_t bench_clip_next_key(const struct bench_clip *clip, uint32_t frame);
/** Bits per second that the loop really has. */
uint32_t bench_clip_bitrate_bps(const struct bench_clip *clip);

/** Draws picture `frame` of the clip's source again: width * height * 3 / 2 bytes to i420. Video only. */
void bench_clip_draw(const struct bench_clip *clip, uint32_t frame, uint8_t *i420);

#endif
