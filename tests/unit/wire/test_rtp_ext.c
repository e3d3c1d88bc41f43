/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/rtp.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "tests/support/prefixes.h"
#include "tests/support/test.h"

static struct sfu_rtp_ext_map full_map(void)
{
    struct sfu_rtp_ext_map map;
    memset(&map, 0, sizeof map);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, 4);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_RID, 10);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_RRID, 11);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_AUDIO_LEVEL, 1);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_ABS_SEND_TIME, 2);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_TRANSPORT_CC, 14);
    return map;
}

/* A packet with the given extension block body (a multiple of 4 bytes). */
static size_t packet_with(uint8_t *packet, uint16_t profile, const uint8_t *body, size_t body_bytes)
{
    memset(packet, 0, 12);
    packet[0] = 0x90;
    base_put_be16(packet + 12, profile);
    base_put_be16(packet + 14, (uint16_t)(body_bytes / 4));
    memcpy(packet + 16, body, body_bytes);
    return 16 + body_bytes;
}

static int read_block(uint16_t profile, const uint8_t *body, size_t body_bytes, struct sfu_rtp_ext_values *out)
{
    uint8_t *packet = malloc(16 + body_bytes);
    struct sfu_rtp_header h;
    struct sfu_rtp_ext_map map = full_map();
    size_t len = packet_with(packet, profile, body, body_bytes);
    int err = sfu_rtp_parse(packet, len, &h);
    if (err == 0)
        err = sfu_rtp_ext_read(packet, &h, &map, out);
    free(packet);
    return err;
}

T_TEST(uris_go_both_ways)
{
    T_CHECK(sfu_rtp_ext_uri(SFU_RTP_EXT_NONE) == NULL);
    T_CHECK(sfu_rtp_ext_uri(SFU_RTP_EXT_KIND_COUNT) == NULL);
    for (unsigned kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++) {
        const char *uri = sfu_rtp_ext_uri((enum sfu_rtp_ext_kind)kind);
        T_CHECK(uri != NULL);
        T_EQ(sfu_rtp_ext_kind_of_uri(uri, strlen(uri)), kind);
        T_EQ(sfu_rtp_ext_kind_of_uri(uri, strlen(uri) - 1), SFU_RTP_EXT_NONE);
    }
    T_EQ(sfu_rtp_ext_kind_of_uri("", 0), SFU_RTP_EXT_NONE);
}

T_TEST(the_map_refuses_bad_and_taken_pairs)
{
    struct sfu_rtp_ext_map map;
    memset(&map, 0, sizeof map);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, 0), BASE_ERR_INVALID);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, 15), BASE_ERR_INVALID);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, 256), BASE_ERR_INVALID);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_NONE, 1), BASE_ERR_INVALID);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_KIND_COUNT, 1), BASE_ERR_INVALID);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, 3), 0);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, 4), BASE_ERR_EXISTS);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_RID, 3), BASE_ERR_EXISTS);
    T_EQ(sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_RID, 255), 0);
}

T_TEST(reads_the_one_byte_form)
{
    static const uint8_t body[] = {0x10, 0x9E, 0x00, 0x22, 0x12, 0x34, 0x56, 0x70, 0xFF, 0xE1,
                                   0xFF, 0xFE, 0x40, '0',  0xA1, 'h',  'i',  0xB0, 'l',  0x00};
    struct sfu_rtp_ext_values v;
    T_EQ(read_block(0xBEDE, body, sizeof body, &v), 0);
    T_EQ(v.has, 0x7E);
    T_CHECK(v.audio_voice);
    T_EQ(v.audio_level, 0x1E);
    T_EQ(v.abs_send_time, 0x123456);
    T_EQ(v.transport_seq, 65534);
    T_STR_EQ(v.mid, "0");
    T_STR_EQ(v.rid, "hi");
    T_STR_EQ(v.rrid, "l");
}

T_TEST(reads_the_two_byte_form_with_any_appbits)
{
    static const uint8_t body[] = {1, 1, 0x05, 0, 14, 2, 0x00, 0x07, 200, 3, 9, 9, 9, 4, 3, 'a', 'b', 'c', 77, 0};
    for (unsigned appbits = 0; appbits < 16; appbits++) {
        struct sfu_rtp_ext_values v;
        T_EQ(read_block((uint16_t)(0x1000 | appbits), body, sizeof body, &v), 0);
        T_EQ(v.has, 1u << SFU_RTP_EXT_AUDIO_LEVEL | 1u << SFU_RTP_EXT_TRANSPORT_CC | 1u << SFU_RTP_EXT_MID);
        T_EQ(v.audio_level, 5);
        T_EQ(v.transport_seq, 7);
        T_STR_EQ(v.mid, "abc");
    }
    struct sfu_rtp_ext_values v;
    T_EQ(read_block(0x1010, body, sizeof body, &v), 0); /* another profile: not ours */
    T_EQ(v.has, 0);
}

T_TEST(ids_0_with_length_and_15_end_the_block)
{
    static const uint8_t stop15[] = {0x40, 'a', 0xF0, 0x00, 0x10, 0x01, 0, 0};
    static const uint8_t stop0[] = {0x40, 'a', 0x03, 0x00, 0x10, 0x01, 0, 0};
    struct sfu_rtp_ext_values v;
    T_EQ(read_block(0xBEDE, stop15, sizeof stop15, &v), 0);
    T_EQ(v.has, 1u << SFU_RTP_EXT_MID);
    T_EQ(read_block(0xBEDE, stop0, sizeof stop0, &v), 0);
    T_EQ(v.has, 1u << SFU_RTP_EXT_MID);
}

T_TEST(an_element_past_the_block_is_malformed_and_keeps_what_was_read)
{
    static const uint8_t one[] = {0x40, 'a', 0xE3, 0x01};
    static const uint8_t two[] = {4, 1, 'a', 14};
    static const uint8_t two_len[] = {4, 1, 'a', 0, 0, 0, 14, 200};
    struct sfu_rtp_ext_values v;
    T_EQ(read_block(0xBEDE, one, sizeof one, &v), BASE_ERR_MALFORMED);
    T_EQ(v.has, 1u << SFU_RTP_EXT_MID);
    T_EQ(read_block(0x1000, two, sizeof two, &v), BASE_ERR_MALFORMED);
    T_EQ(v.has, 1u << SFU_RTP_EXT_MID);
    T_EQ(read_block(0x1000, two_len, sizeof two_len, &v), BASE_ERR_MALFORMED);
    T_EQ(v.has, 1u << SFU_RTP_EXT_MID);
}

T_TEST(elements_of_a_wrong_size_are_ignored)
{
    /* abs-send-time of 2 bytes, transport-cc of 1, mid of 16 */
    static const uint8_t body[] = {0x21, 1,   2,   0xE0, 9,   0x4F, 'a', 'b', 'c', 'd', 'e', 'f',
                                   'g',  'h', 'i', 'j',  'k', 'l',  'm', 'n', 'o', 'p', 0,   0};
    static const uint8_t empty_mid[] = {4, 0, 1, 0};
    struct sfu_rtp_ext_values v;
    T_EQ(read_block(0xBEDE, body, sizeof body, &v), 0);
    T_EQ(v.has, 0);
    T_EQ(read_block(0x1000, empty_mid, sizeof empty_mid, &v), 0);
    T_EQ(v.has, 0);
}

T_TEST(what_is_written_reads_back)
{
    uint64_t seed = 11;
    struct sfu_rtp_ext_map map = full_map();
    for (int round = 0; round < 5000; round++) {
        struct sfu_rtp_ext_values in, out;
        struct sfu_rtp_header h;
        uint8_t block[128], packet[160];
        uint16_t offset_of[SFU_RTP_EXT_KIND_COUNT];
        uint64_t r = base_prng_next(&seed);
        memset(&in, 0, sizeof in);
        in.has = r & 0x7E;
        memcpy(in.mid, "abcdefghijklmno", 1 + (size_t)(r >> 8) % 15);
        memcpy(in.rid, "qrstuvwxyzabcde", 1 + (size_t)(r >> 12) % 15);
        memcpy(in.rrid, "012345678901234", 1 + (size_t)(r >> 16) % 15);
        in.audio_level = r >> 20 & 0x7F;
        in.audio_voice = r >> 27 & 1;
        in.abs_send_time = r >> 32 & 0xFFFFFF;
        in.transport_seq = (uint16_t)(r >> 48);
        size_t n = sfu_rtp_ext_write(block, sizeof block, &map, &in, offset_of);
        T_EQ(n == 0, in.has == 0);
        for (size_t room = 0; room < n; room++)
            T_EQ(sfu_rtp_ext_write(packet, room, &map, &in, NULL), 0);
        if (n == 0)
            continue;
        T_EQ(n % 4, 0);
        packet_with(packet, 0xBEDE, block + 4, n - 4);
        T_MEM_EQ(packet + 12, block, n);
        T_EQ(sfu_rtp_parse(packet, 12 + n, &h), 0);
        T_EQ(sfu_rtp_ext_read(packet, &h, &map, &out), 0);
        T_EQ(out.has, in.has);
        for (unsigned kind = 1; kind < SFU_RTP_EXT_KIND_COUNT; kind++)
            T_EQ(offset_of[kind] != 0, (in.has >> kind & 1) != 0);
        if (in.has & 1u << SFU_RTP_EXT_TRANSPORT_CC)
            T_EQ(base_get_be16(block + offset_of[SFU_RTP_EXT_TRANSPORT_CC]), in.transport_seq);
        T_CHECK(!(in.has & 1u << SFU_RTP_EXT_MID) || strcmp(in.mid, out.mid) == 0);
        T_CHECK(!(in.has & 1u << SFU_RTP_EXT_RID) || strcmp(in.rid, out.rid) == 0);
        T_CHECK(!(in.has & 1u << SFU_RTP_EXT_RRID) || strcmp(in.rrid, out.rrid) == 0);
        T_CHECK(!(in.has & 1u << SFU_RTP_EXT_AUDIO_LEVEL) ||
                (in.audio_level == out.audio_level && in.audio_voice == out.audio_voice));
        T_CHECK(!(in.has & 1u << SFU_RTP_EXT_ABS_SEND_TIME) || in.abs_send_time == out.abs_send_time);
    }
}

T_TEST(ids_of_the_two_byte_form_are_not_written)
{
    struct sfu_rtp_ext_map map;
    struct sfu_rtp_ext_values values = {.has = 1u << SFU_RTP_EXT_MID, .mid = "0"};
    uint8_t block[32];
    memset(&map, 0, sizeof map);
    sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, 16);
    T_EQ(sfu_rtp_ext_write(block, sizeof block, &map, &values, NULL), 0);
}

static int visit_read(const uint8_t *copy, size_t n, void *context)
{
    struct sfu_rtp_ext_values v;
    struct sfu_rtp_header h;
    int err = sfu_rtp_parse(copy, n, &h);
    if (err != 0)
        return err;
    return sfu_rtp_ext_read(copy, &h, context, &v);
}

T_TEST(random_blocks_do_no_harm)
{
    uint64_t seed = 5;
    struct sfu_rtp_ext_map map = full_map();
    for (int round = 0; round < 2000; round++) {
        uint8_t body[24], packet[64];
        for (size_t i = 0; i < sizeof body; i++)
            body[i] = (uint8_t)(base_prng_next(&seed) >> 40);
        size_t n = packet_with(packet, round & 1 ? 0xBEDE : 0x1000, body, sizeof body);
        T_CHECK(t_each_prefix(packet, n, visit_read, &map) <= 1);
    }
}

T_TEST(abs_send_time_is_6_18_seconds_and_wraps)
{
    T_EQ(sfu_rtp_abs_send_time(0), 0);
    T_EQ(sfu_rtp_abs_send_time(1000000), 1 << 18);
    T_EQ(sfu_rtp_abs_send_time(500000), 1 << 17);
    T_EQ(sfu_rtp_abs_send_time(63999999), 0xFFFFFF);
    T_EQ(sfu_rtp_abs_send_time(64000000), 0);
    T_EQ(sfu_rtp_abs_send_time(1794000000000000000u), sfu_rtp_abs_send_time(1794000000000000000u % 64000000u));
}

T_MAIN(T_CASE(uris_go_both_ways), T_CASE(the_map_refuses_bad_and_taken_pairs), T_CASE(reads_the_one_byte_form),
       T_CASE(reads_the_two_byte_form_with_any_appbits), T_CASE(ids_0_with_length_and_15_end_the_block),
       T_CASE(an_element_past_the_block_is_malformed_and_keeps_what_was_read),
       T_CASE(elements_of_a_wrong_size_are_ignored), T_CASE(what_is_written_reads_back),
       T_CASE(ids_of_the_two_byte_form_are_not_written), T_CASE(random_blocks_do_no_harm),
       T_CASE(abs_send_time_is_6_18_seconds_and_wraps))
