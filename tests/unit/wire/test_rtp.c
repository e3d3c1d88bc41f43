/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/rtp.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "tests/support/prefixes.h"
#include "tests/support/test.h"

/* Two CSRCs, an extension block of two words, four bytes of payload and four of padding. */
static const uint8_t full[] = {
    0xB2, 0xE0, 0xFF, 0xFE, 0x01, 0x02, 0x03, 0x04, 0xCA, 0xFE, 0xBA, 0xBE, 0,   0,   0,   1,   0, 0, 0, 2,
    0xBE, 0xDE, 0,    2,    0x10, 0x2A, 0x31, 0x12, 0x34, 0,    0,    0,    'd', 'a', 't', 'a', 0, 0, 0, 4,
};

T_TEST(reads_every_field)
{
    struct sfu_rtp_header h;
    size_t padding;
    T_EQ(sfu_rtp_parse(full, sizeof full, &h), 0);
    T_CHECK(h.padding && h.marker);
    T_EQ(h.payload_type, 96);
    T_EQ(h.csrc_count, 2);
    T_EQ(h.seq, 65534);
    T_EQ(h.timestamp_ts, 0x01020304);
    T_EQ(h.ssrc, 0xCAFEBABE);
    T_EQ(h.ext_profile, 0xBEDE);
    T_EQ(h.ext_offset, 24);
    T_EQ(h.ext_bytes, 8);
    T_EQ(h.header_bytes, 32);
    T_EQ(sfu_rtp_padding_bytes(full, sizeof full, &h, &padding), 0);
    T_EQ(padding, 4);
}

static int visit_parse(const uint8_t *copy, size_t n, void *context)
{
    struct sfu_rtp_header h;
    size_t padding;
    (void)context;
    int err = sfu_rtp_parse(copy, n, &h);
    if (err == 0)
        (void)sfu_rtp_padding_bytes(copy, n, &h, &padding);
    return err;
}

T_TEST(every_prefix_shorter_than_the_header_is_truncated)
{
    T_EQ(t_each_prefix(full, sizeof full, visit_parse, NULL), sizeof full - 32 + 1);
    struct sfu_rtp_header h;
    for (size_t n = 0; n < 32; n++)
        T_EQ(sfu_rtp_parse(full, n, &h), BASE_ERR_TRUNCATED);
}

T_TEST(refuses_other_versions)
{
    uint8_t copy[sizeof full];
    struct sfu_rtp_header h;
    memcpy(copy, full, sizeof full);
    for (unsigned version = 0; version < 4; version++) {
        copy[0] = (uint8_t)(version << 6 | (full[0] & 0x3F));
        T_EQ(sfu_rtp_parse(copy, sizeof copy, &h), version == 2 ? 0 : BASE_ERR_MALFORMED);
    }
}

T_TEST(an_extension_length_beyond_16_bit_offsets_is_truncated)
{
    uint8_t *big = calloc(1, 300000);
    struct sfu_rtp_header h;
    big[0] = 0x90;
    base_put_be16(big + 12, 0xBEDE);
    base_put_be16(big + 14, 0xFFFF);
    int err = sfu_rtp_parse(big, 300000, &h);
    free(big);
    T_EQ(err, BASE_ERR_TRUNCATED);
}

T_TEST(padding_must_lie_inside_the_payload)
{
    uint8_t copy[sizeof full];
    struct sfu_rtp_header h;
    size_t padding;
    memcpy(copy, full, sizeof full);
    T_EQ(sfu_rtp_parse(copy, sizeof copy, &h), 0);
    for (unsigned count = 0; count < 256; count++) {
        copy[sizeof copy - 1] = (uint8_t)count;
        int expected = count >= 1 && count <= 8 ? 0 : BASE_ERR_MALFORMED;
        T_EQ(sfu_rtp_padding_bytes(copy, sizeof copy, &h, &padding), expected);
        T_EQ(padding, expected == 0 ? count : 0);
    }
    T_EQ(sfu_rtp_padding_bytes(copy, 32, &h, &padding), BASE_ERR_MALFORMED); /* P set, no payload */
    h.padding = false;
    T_EQ(sfu_rtp_padding_bytes(copy, sizeof copy, &h, &padding), 0);
    T_EQ(padding, 0);
}

T_TEST(what_is_written_reads_back)
{
    uint64_t seed = 7;
    for (int i = 0; i < 1000; i++) {
        uint64_t r = base_prng_next(&seed);
        struct sfu_rtp_header in = {.padding = r & 1,
                                    .marker = r >> 1 & 1,
                                    .payload_type = r >> 2 & 0x7F,
                                    .seq = (uint16_t)(r >> 9),
                                    .timestamp_ts = (uint32_t)(r >> 32),
                                    .ssrc = (uint32_t)base_prng_next(&seed)};
        struct sfu_rtp_header out;
        uint8_t packet[16] = {0};
        sfu_rtp_write_fixed(packet, &in);
        T_EQ(sfu_rtp_parse(packet, 12, &out), 0);
        T_CHECK(out.padding == in.padding && out.marker == in.marker && out.payload_type == in.payload_type);
        T_CHECK(out.seq == in.seq && out.timestamp_ts == in.timestamp_ts && out.ssrc == in.ssrc);
        T_EQ(out.header_bytes, 12);
        in.ext_profile = 0xBEDE;
        sfu_rtp_write_fixed(packet, &in);
        base_put_be16(packet + 12, 0xBEDE);
        T_EQ(sfu_rtp_parse(packet, 16, &out), 0);
        T_EQ(out.ext_profile, 0xBEDE);
        T_EQ(out.ext_bytes, 0);
    }
}

T_MAIN(T_CASE(reads_every_field), T_CASE(every_prefix_shorter_than_the_header_is_truncated),
       T_CASE(refuses_other_versions), T_CASE(an_extension_length_beyond_16_bit_offsets_is_truncated),
       T_CASE(padding_must_lie_inside_the_payload), T_CASE(what_is_written_reads_back))
