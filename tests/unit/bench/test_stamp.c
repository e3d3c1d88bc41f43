/* SPDX-License-Identifier: Apache-2.0 */
/* The trailer that every media packet carries, and the VP9 descriptor in front. */
#include <string.h>

#include "base/err.h"
#include "bench/client/stamp.h"
#include "bench/client/vp9_payload.h"
#include "tests/support/test.h"

static const struct bench_stamp written = {.publisher = 0x01020304,
                                           .stream = 65535,
                                           .layer = 2,
                                           .frame = 0x05060708,
                                           .serial = 0xFFFFFFFF,
                                           .content = 249,
                                           .packet = 3,
                                           .packet_count = 140,
                                           .run = 1000,
                                           .key_frame = true,
                                           .voice = false,
                                           .send_us = 0x0102030405060708};

T_TEST(says_what_it_was_told)
{
    for (size_t len = BENCH_STAMP_BYTES; len < 200; len++) {
        uint8_t payload[200] = {0};
        struct bench_stamp read = {0};
        size_t skip = len >= BENCH_STAMP_BYTES + 4 ? 4 : 0;
        bench_stamp_fill(payload, len - BENCH_STAMP_BYTES, 5, 6);
        bench_stamp_write(payload, len, skip, &written);
        T_EQ(bench_stamp_read(payload, len, skip, &read), 0);
        T_EQ(read.publisher, written.publisher);
        T_EQ(read.stream, written.stream);
        T_EQ(read.layer, written.layer);
        T_EQ(read.frame, written.frame);
        T_EQ(read.serial, written.serial);
        T_EQ(read.content, written.content);
        T_EQ(read.packet, written.packet);
        T_EQ(read.packet_count, written.packet_count);
        T_EQ(read.run, written.run);
        T_CHECK(read.key_frame && !read.voice);
        T_EQ(read.send_us, written.send_us);
    }
}

T_TEST(every_damaged_bit_shows)
{
    uint8_t payload[150], damaged[151];
    struct bench_stamp read;
    bench_stamp_fill(payload, sizeof payload, 1, 2);
    bench_stamp_write(payload, sizeof payload, 4, &written);
    for (size_t bit = 0; bit < sizeof payload * 8; bit++) {
        memcpy(damaged, payload, sizeof payload);
        damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int expected = bit < 4 * 8 ? 0 : BASE_ERR_MALFORMED; /* the descriptor is the server's to change */
        T_EQ(bench_stamp_read(damaged, sizeof payload, 4, &read), expected);
    }
    /* something cut off, something added, another length of descriptor */
    T_EQ(bench_stamp_read(payload, sizeof payload - 1, 4, &read), BASE_ERR_MALFORMED);
    memcpy(damaged, payload, sizeof payload);
    damaged[sizeof payload] = 0;
    T_EQ(bench_stamp_read(damaged, sizeof damaged, 4, &read), BASE_ERR_MALFORMED);
    T_EQ(bench_stamp_read(payload + 1, sizeof payload - 1, 4, &read), BASE_ERR_MALFORMED);
    T_EQ(bench_stamp_read(payload, BENCH_STAMP_BYTES + 3, 4, &read), BASE_ERR_TRUNCATED);
    T_EQ(bench_stamp_read(payload, 0, 0, &read), BASE_ERR_TRUNCATED);
}

T_TEST(swapped_words_show)
{
    /* lanes must not cancel: exchange any two words of eight bytes */
    uint8_t payload[128 + BENCH_STAMP_BYTES], swapped[sizeof payload];
    struct bench_stamp read;
    bench_stamp_fill(payload, 128, 1, 2);
    bench_stamp_write(payload, sizeof payload, 0, &written);
    for (size_t a = 0; a < 128; a += 8)
        for (size_t b = a + 8; b < 128; b += 8) {
            memcpy(swapped, payload, sizeof payload);
            memcpy(swapped + a, payload + b, 8);
            memcpy(swapped + b, payload + a, 8);
            T_EQ(bench_stamp_read(swapped, sizeof swapped, 0, &read), BASE_ERR_MALFORMED);
        }
}

/* ---- VP9 ------------------------------------------------------------------------------------------------------ */

T_TEST(vp9_both_ways)
{
    const struct bench_vp9_payload cases[] = {
        {.start = true, .picture_id = 0x7FFF, .width = 1280, .height = 720},
        {.start = true, .end = true, .inter = true, .picture_id = 1},
        {.inter = true, .has_layers = true, .tid = 2, .tl0_pic_idx = 255, .picture_id = 300},
        {.start = true, .has_layers = true, .width = 65535, .height = 1, .picture_id = 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[BENCH_VP9_DESCRIPTOR_MAX + 1] = {0};
        struct bench_vp9_payload read;
        size_t len = bench_vp9_payload_write(bytes, &cases[i]);
        T_CHECK(len <= BENCH_VP9_DESCRIPTOR_MAX);
        T_EQ(bench_vp9_payload_parse(bytes, len + 1, &read), 0);
        T_EQ(read.descriptor_bytes, len);
        T_EQ(read.start, cases[i].start);
        T_EQ(read.end, cases[i].end);
        T_EQ(read.inter, cases[i].inter);
        T_EQ(read.picture_id, cases[i].picture_id);
        T_EQ(read.has_layers, cases[i].has_layers);
        T_EQ(read.tid, cases[i].tid);
        T_EQ(read.tl0_pic_idx, cases[i].tl0_pic_idx);
        T_EQ(read.width, cases[i].width);
        T_EQ(read.height, cases[i].height);
        for (size_t cut = 0; cut <= len; cut++) /* a descriptor and nothing behind it is cut off, too */
            T_EQ(bench_vp9_payload_parse(bytes, cut, &read), BASE_ERR_TRUNCATED);
    }
}

T_TEST(vp9_of_others)
{
    struct bench_vp9_payload read;
    /* flexible mode, 7-bit picture id, two references */
    static const uint8_t flexible[] = {0xFC, 0x7F, 0x42, 0x03, 0x04, 0xAA};
    T_EQ(bench_vp9_payload_parse(flexible, sizeof flexible, &read), 0);
    T_CHECK(read.flexible && read.inter && read.start && read.end);
    T_EQ(read.picture_id, 127);
    T_EQ(read.tid, 2);
    T_EQ(read.sid, 1);
    T_EQ(read.descriptor_bytes, 5);
    /* four references are one too many */
    static const uint8_t chain[] = {0xD8, 0x01, 0x03, 0x03, 0x03, 0x02, 0xAA};
    T_EQ(bench_vp9_payload_parse(chain, sizeof chain, &read), BASE_ERR_MALFORMED);
    /* three spatial layers with their sizes, a group of two pictures */
    static const uint8_t layers[] = {0x8A, 0x80, 0x01, 0x58, 0x01, 0x40, 0x00, 0xB4, 0x02, 0x80, 0x01, 0x68,
                                     0x05, 0x00, 0x02, 0xD0, 0x02, 0x04, 0x01, 0x28, 0x01, 0x02, 0xAA};
    T_EQ(bench_vp9_payload_parse(layers, sizeof layers, &read), 0);
    T_CHECK(!read.inter && read.start && !read.end);
    T_EQ(read.width, 1280);
    T_EQ(read.height, 720);
    T_EQ(read.descriptor_bytes, sizeof layers - 1);
    for (size_t cut = 0; cut < sizeof layers; cut++)
        T_EQ(bench_vp9_payload_parse(layers, cut, &read), BASE_ERR_TRUNCATED);
}

T_MAIN(T_CASE(says_what_it_was_told), T_CASE(every_damaged_bit_shows), T_CASE(swapped_words_show),
       T_CASE(vp9_both_ways), T_CASE(vp9_of_others))
