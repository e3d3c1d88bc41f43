/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding what was encoded: all is well with the whole loop and with jumps to key frames, and anything else is seen.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench/media/clip_internal.h"
#include "bench/media/decode_check.h"
#include "tests/support/test.h"

static struct bench_clip *make(enum bench_codec codec, uint32_t width, uint32_t height)
{
    const struct bench_clip_config config = {.codec = codec,
                                             .kind = BENCH_CLIP_CAMERA,
                                             .width = width,
                                             .height = height,
                                             .fps = 15,
                                             .bitrate_bps = width * height * 3,
                                             .seconds = 4,
                                             .seed = 5};
    struct bench_clip *clip = NULL;
    return bench_clip_create(&clip, &config) == 0 ? clip : NULL;
}

static void feed(struct bench_decode_check *check, unsigned layer, const struct bench_clip *clip, uint32_t from,
                 uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        uint32_t at = i % clip->frame_count;
        bench_decode_check_on_frame(check, layer, at, clip->frames[at].data, clip->frames[at].bytes);
    }
}

static void check_codec(int *t_failed, enum bench_codec codec)
{
    struct bench_clip *low = make(codec, 160, 90), *high = make(codec, 320, 180);
    T_CHECK(low != NULL && high != NULL);
    const struct bench_clip *clips[] = {low, high};
    struct bench_decode_check *check;
    T_EQ(bench_decode_check_create(&check, clips, 2), 0);
    feed(check, 1, high, 0, high->frame_count + 10); /* round the loop */
    feed(check, 0, low, 30, 50);                     /* another layer, at a key frame */
    feed(check, 1, high, 30, 40);                    /* and back */
    const struct bench_decode_counters *counters = bench_decode_check_counters(check);
    T_EQ(counters->frames, 100);
    T_EQ(counters->undecodable, 0);
    T_EQ(counters->compared, 100);
    T_EQ(counters->wrong, 0);
    T_EQ(counters->identical, 100);
    T_CHECK(counters->psnr_min_db > BENCH_PSNR_WRONG_DB);
    T_CHECK(counters->psnr_sum_db / 100 >= counters->psnr_min_db);
    T_CHECK(counters->psnr_sum_db / 100 < 60);

    /* A frame left out: what follows cannot be what the encoder had, up to the next key frame. */
    feed(check, 1, high, 41, 46);
    uint64_t bad = counters->wrong + counters->undecodable;
    T_CHECK(bad >= 4);
    feed(check, 1, high, 60, 70);
    T_EQ(counters->wrong + counters->undecodable, bad);
    uint64_t identical = counters->identical;
    /* A picture that is not the one it says it is. */
    bench_decode_check_on_frame(check, 1, 35, high->frames[0].data, high->frames[0].bytes);
    T_EQ(counters->wrong + counters->undecodable, bad + 1);
    /* The size of another layer. */
    uint64_t wrong = counters->wrong;
    bench_decode_check_on_frame(check, 1, 0, low->frames[0].data, low->frames[0].bytes);
    T_EQ(counters->wrong, wrong + 1);
    T_EQ(counters->identical, identical);
    T_EQ(counters->psnr_min_db, 0);
    bench_decode_check_destroy(check);
    bench_clip_destroy(low);
    bench_clip_destroy(high);
}

T_TEST(vp8)
{
    T_CALL(check_codec(t_failed, BENCH_VP8));
}

T_TEST(vp9)
{
    T_CALL(check_codec(t_failed, BENCH_VP9));
}

/* What is known of a picture spares the measuring only where it is that very picture. */
static void check_hash(int *t_failed, enum bench_codec codec)
{
    struct bench_clip *clip = make(codec, 162, 90); /* no multiple of 8 */
    T_CHECK(clip != NULL);
    const struct bench_clip *clips[] = {clip};
    struct bench_decode_check *check;
    T_EQ(bench_decode_check_create(&check, clips, 1), 0);
    const struct bench_decode_counters *counters = bench_decode_check_counters(check);
    feed(check, 0, clip, 0, 10);
    T_EQ(counters->identical, 10);
    double sum_db = counters->psnr_sum_db;
    for (uint32_t i = 30; i < 40; i++) /* unknown pictures: measured, with the same outcome */
        clip->frames[i].luma_hash ^= 1;
    feed(check, 0, clip, 30, 40);
    T_EQ(counters->identical, 10);
    T_EQ(counters->compared, 20);
    T_EQ(counters->wrong, 0);
    T_CHECK(counters->psnr_sum_db > sum_db + 10 * BENCH_PSNR_WRONG_DB);
    /* The old picture once more: the decoder shows frame 30, the sender says 31. */
    bench_decode_check_on_frame(check, 0, 31, clip->frames[30].data, clip->frames[30].bytes);
    T_EQ(counters->identical, 10);
    T_EQ(counters->wrong, 1);
    bench_decode_check_destroy(check);
    bench_clip_destroy(clip);
}

T_TEST(known_pictures_only)
{
    T_CALL(check_hash(t_failed, BENCH_VP8));
    T_CALL(check_hash(t_failed, BENCH_VP9));
}

T_TEST(a_hash_of_each_pixel)
{
    enum { WIDTH = 13, HEIGHT = 5, STRIDE = 16 };
    uint8_t plane[STRIDE * HEIGHT];
    for (size_t i = 0; i < sizeof plane; i++)
        plane[i] = (uint8_t)(i * 7);
    uint64_t hash = bench_picture_hash(plane, STRIDE, WIDTH, HEIGHT);
    for (size_t i = 0; i < sizeof plane; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            plane[i] ^= (uint8_t)(1u << bit);
            bool same = bench_picture_hash(plane, STRIDE, WIDTH, HEIGHT) == hash;
            T_EQ(same, i % STRIDE >= WIDTH); /* what lies beside the picture does not count */
            plane[i] ^= (uint8_t)(1u << bit);
        }
    memmove(plane, plane + STRIDE, STRIDE * (HEIGHT - 1)); /* a line further */
    T_CHECK(bench_picture_hash(plane, STRIDE, WIDTH, HEIGHT) != hash);
}

T_TEST(what_no_decoder_takes)
{
    struct bench_clip *clip = make(BENCH_VP8, 160, 90);
    T_CHECK(clip != NULL);
    const struct bench_clip *clips[] = {clip};
    struct bench_decode_check *check;
    T_EQ(bench_decode_check_create(&check, clips, 1), 0);
    const struct bench_decode_counters *counters = bench_decode_check_counters(check);
    static const uint8_t garbage[100] = {0x10, 0x02, 0x00, 0x9D, 0x01, 0x2B};
    bench_decode_check_on_frame(check, 0, 0, garbage, sizeof garbage);
    T_EQ(counters->undecodable, 1);
    bench_decode_check_on_frame(check, 0, 1, clip->frames[1].data, clip->frames[1].bytes); /* nothing to build on */
    T_EQ(counters->undecodable, 2);
    feed(check, 0, clip, 0, 2);
    T_EQ(counters->undecodable, 2);
    bench_decode_check_on_frame(check, 1, 0, clip->frames[0].data, clip->frames[0].bytes);          /* no such layer */
    bench_decode_check_on_frame(check, 0, UINT32_MAX, clip->frames[0].data, clip->frames[0].bytes); /* filler */
    T_EQ(counters->undecodable, 4);
    T_EQ(counters->compared, 2);
    bench_decode_check_destroy(check);
    bench_clip_destroy(clip);
    T_EQ(bench_decode_check_create(&check, clips, 0), BASE_ERR_INVALID);
    T_CHECK(check == NULL);
    bench_decode_check_destroy(NULL);
}

T_TEST(opus)
{
    const struct bench_clip_config config = {
        .codec = BENCH_OPUS, .kind = BENCH_CLIP_SPEECH, .bitrate_bps = 24000, .seconds = 3, .dtx = true, .seed = 2};
    struct bench_clip *clip;
    T_EQ(bench_clip_create(&clip, &config), 0);
    const struct bench_clip *clips[] = {clip};
    struct bench_decode_check *check;
    T_EQ(bench_decode_check_create(&check, clips, 1), 0);
    uint64_t sent = 0;
    for (uint32_t i = 0; i < clip->frame_count; i++) {
        if (clip->frames[i].data == NULL)
            continue;
        bench_decode_check_on_frame(check, 0, i, clip->frames[i].data, clip->frames[i].bytes);
        sent++;
    }
    const struct bench_decode_counters *counters = bench_decode_check_counters(check);
    T_EQ(counters->frames, sent);
    T_EQ(counters->undecodable, 0);
    static const uint8_t forty_ms[] = {0x11, 1, 2, 3}; /* TOC: two frames of SILK, 40 ms */
    bench_decode_check_on_frame(check, 0, 0, forty_ms, sizeof forty_ms);
    bench_decode_check_on_frame(check, 0, 0, forty_ms, 0);
    T_EQ(counters->undecodable, 2);
    bench_decode_check_destroy(check);
    bench_clip_destroy(clip);
}

T_MAIN(T_CASE(vp8), T_CASE(vp9), T_CASE(known_pictures_only), T_CASE(a_hash_of_each_pixel),
       T_CASE(what_no_decoder_takes), T_CASE(opus))
