/* SPDX-License-Identifier: Apache-2.0 */
/* Clips: real frames at the bit rate asked for, key frames where a sender may jump to, the same from the same seed. */
#include <stdlib.h>

#include "base/err.h"
#include "bench/media/clip.h"
#include "tests/support/test.h"

static struct bench_clip_config camera(enum bench_codec codec)
{
    return (struct bench_clip_config){.codec = codec,
                                      .kind = BENCH_CLIP_CAMERA,
                                      .width = 320,
                                      .height = 180,
                                      .fps = 25,
                                      .bitrate_bps = 250000,
                                      .seconds = 5,
                                      .seed = 3};
}

static const struct bench_clip_config speech = {
    .codec = BENCH_OPUS, .kind = BENCH_CLIP_SPEECH, .bitrate_bps = 32000, .seconds = 10, .seed = 3};

static void check_key_frames(int *t_failed, const struct bench_clip *clip)
{
    uint32_t last = 0;
    T_CHECK(clip->frames[0].key_frame);
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        T_CHECK(clip->frames[i].data != NULL && clip->frames[i].bytes > 0);
        if (clip->frames[i].key_frame)
            last = i;
        T_CHECK(i - last < 2 * clip->config.fps);
        uint32_t next = bench_clip_next_key(clip, i);
        T_CHECK(clip->frames[next].key_frame);
        T_CHECK((next + clip->frame_count - i) % clip->frame_count <= 2 * clip->config.fps);
    }
    T_EQ(bench_clip_next_key(clip, 0), 0);
    T_EQ(bench_clip_next_key(clip, clip->frame_count - 1), 0); /* round the loop */
    T_EQ(bench_clip_next_key(clip, clip->frame_count + 1), bench_clip_next_key(clip, 1));
}

static void check_video(int *t_failed, const struct bench_clip_config *config)
{
    struct bench_clip *clip;
    T_EQ(bench_clip_create(&clip, config), 0);
    T_EQ(clip->frame_count, config->fps * config->seconds);
    T_CALL(check_key_frames(t_failed, clip));
    uint32_t bps = bench_clip_bitrate_bps(clip);
    T_CHECK(bps > config->bitrate_bps / 100 * 95 && bps < config->bitrate_bps / 100 * 105);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        bytes += clip->frames[i].bytes;
        T_CHECK(clip->frames[i].psnr_db > 25);
    }
    T_EQ(bytes, clip->bytes);
    bench_clip_destroy(clip);
}

T_TEST(camera_meets_its_bit_rate)
{
    struct bench_clip_config config = camera(BENCH_VP8);
    T_CALL(check_video(t_failed, &config));
    config = camera(BENCH_VP9);
    T_CALL(check_video(t_failed, &config));
    /* the lowest of three layers, with sides that are no multiple of 16 */
    config = (struct bench_clip_config){BENCH_VP8, BENCH_CLIP_CAMERA, 160, 90, 25, 62500, 4, false, 3};
    T_CALL(check_video(t_failed, &config));
}

T_TEST(a_screen_is_key_frames)
{
    struct bench_clip_config config = {BENCH_VP8, BENCH_CLIP_SCREEN, 960, 540, 5, 400000, 8, false, 1};
    T_CALL(check_video(t_failed, &config));
    struct bench_clip *clip;
    T_EQ(bench_clip_create(&clip, &config), 0);
    uint64_t keys = 0, others = 0;
    for (uint32_t i = 0; i < clip->frame_count; i++)
        *(clip->frames[i].key_frame ? &keys : &others) += clip->frames[i].bytes;
    T_CHECK(keys > others * 2);
    bench_clip_destroy(clip);
}

T_TEST(the_same_seed_is_the_same_clip)
{
    struct bench_clip_config config = camera(BENCH_VP8), other = config;
    config.seconds = other.seconds = 2;
    other.seed++;
    struct bench_clip *a, *b, *c;
    T_EQ(bench_clip_create(&a, &config) | bench_clip_create(&b, &config) | bench_clip_create(&c, &other), 0);
    T_EQ(a->bytes, b->bytes);
    for (uint32_t i = 0; i < a->frame_count; i++) {
        T_EQ(a->frames[i].bytes, b->frames[i].bytes);
        T_MEM_EQ(a->frames[i].data, b->frames[i].data, a->frames[i].bytes);
    }
    T_CHECK(c->frames[0].bytes != a->frames[0].bytes || memcmp(c->frames[0].data, a->frames[0].data, 200) != 0);
    static uint8_t once[320 * 180 * 3 / 2], again[320 * 180 * 3 / 2], later[320 * 180 * 3 / 2];
    bench_clip_draw(a, 7, once);
    bench_clip_draw(b, 7 + b->frame_count, again);
    bench_clip_draw(a, 8, later);
    T_MEM_EQ(once, again, sizeof once);
    T_CHECK(memcmp(once, later, sizeof once) != 0);
    bench_clip_destroy(a);
    bench_clip_destroy(b);
    bench_clip_destroy(c);
}

T_TEST(speech_has_words_and_levels)
{
    struct bench_clip *clip;
    T_EQ(bench_clip_create(&clip, &speech), 0);
    T_EQ(clip->frame_count, 500);
    unsigned voice = 0, loud = 0, quiet = 0;
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        const struct bench_clip_frame *frame = &clip->frames[i];
        T_CHECK(frame->data != NULL && !frame->key_frame); /* without DTX a packet in every slot */
        voice += frame->voice;
        loud += frame->level < 35;
        quiet += frame->level > 60;
    }
    T_CHECK(voice > 400);
    T_CHECK(loud > 250 && quiet > 40);
    T_CHECK(bench_clip_bitrate_bps(clip) > 20000 && bench_clip_bitrate_bps(clip) < 36000);
    bench_clip_destroy(clip);

    struct bench_clip_config config = speech;
    config.dtx = true;
    T_EQ(bench_clip_create(&clip, &config), 0);
    unsigned left_out = 0;
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        left_out += clip->frames[i].data == NULL;
        T_CHECK(clip->frames[i].data != NULL || clip->frames[i].level > 60);
    }
    T_CHECK(left_out > 2 && left_out < 100); /* only in the longer pauses */
    bench_clip_destroy(clip);
}

T_TEST(silence_is_a_packet_every_400_ms)
{
    struct bench_clip_config config = speech;
    config.kind = BENCH_CLIP_SILENCE;
    config.dtx = true;
    struct bench_clip *clip;
    T_EQ(bench_clip_create(&clip, &config), 0);
    unsigned sent = 0;
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        sent += clip->frames[i].data != NULL;
        T_CHECK(!clip->frames[i].voice && clip->frames[i].level > 60);
    }
    T_CHECK(sent >= 22 && sent <= 30); /* of 500 slots */
    bench_clip_destroy(clip);
    config.dtx = false;
    T_EQ(bench_clip_create(&clip, &config), 0);
    for (uint32_t i = 0; i < clip->frame_count; i++)
        T_CHECK(clip->frames[i].data != NULL);
    bench_clip_destroy(clip);
}

T_TEST(refuses_what_it_cannot_make)
{
    const struct bench_clip_config good = camera(BENCH_VP8);
    struct bench_clip_config bad[9];
    for (unsigned i = 0; i < 9; i++)
        bad[i] = good;
    bad[0].width = 321;
    bad[1].height = 0;
    bad[2].fps = 0;
    bad[3].fps = 61;
    bad[4].seconds = 1;
    bad[5].seconds = 61;
    bad[6].bitrate_bps = 0;
    bad[7].kind = BENCH_CLIP_SPEECH;
    bad[8] = speech;
    bad[8].bitrate_bps = 600000;
    for (unsigned i = 0; i < 9; i++) {
        struct bench_clip *clip = (struct bench_clip *)1;
        T_EQ(bench_clip_create(&clip, &bad[i]), BASE_ERR_INVALID);
        T_CHECK(clip == NULL);
    }
    bench_clip_destroy(NULL);
}

T_MAIN(T_CASE(camera_meets_its_bit_rate), T_CASE(a_screen_is_key_frames), T_CASE(the_same_seed_is_the_same_clip),
       T_CASE(speech_has_words_and_levels), T_CASE(silence_is_a_packet_every_400_ms),
       T_CASE(refuses_what_it_cannot_make))
