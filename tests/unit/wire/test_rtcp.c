/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/wire/rtcp.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "tests/support/prefixes.h"
#include "tests/support/test.h"

static const struct sfu_rtcp_report_block blocks[] = {
    {0x11111111, 255, -0x800000, 0xFFFFFFFF, 1, 2, 3},
    {0x22222222, 0, 0x7FFFFF, 65536 + 5, 0xFFFFFFFF, 0x89ABCDEF, 65536},
    {0x33333333, 128, -1, 0, 0, 0, 0},
};

/* SR + SDES + NACK + PLI + FIR + BYE: one of each. */
static size_t compound(uint8_t *out, size_t out_max)
{
    struct sfu_rtcp_sr sr = {0xAABBCCDD, 0x0123456789ABCDEFu, 90000, 1000, 123456};
    uint16_t lost[] = {65530, 65535, 0, 5, 100};
    uint32_t left[] = {0xAABBCCDD, 2};
    size_t n = 0;
    n += sfu_rtcp_write_sr(out + n, out_max - n, &sr, blocks, 3);
    n += sfu_rtcp_write_sdes_cname(out + n, out_max - n, 0xAABBCCDD, "cname@example");
    n += sfu_rtcp_write_nack(out + n, out_max - n, 0xAABBCCDD, 0x44444444, lost, 5);
    n += sfu_rtcp_write_pli(out + n, out_max - n, 0xAABBCCDD, 0x55555555);
    n += sfu_rtcp_write_fir(out + n, out_max - n, 0xAABBCCDD, 0x66666666, 200);
    n += sfu_rtcp_write_bye(out + n, out_max - n, left, 2);
    return n;
}

static void check_blocks(int *t_failed, const struct sfu_rtcp_item *item)
{
    T_EQ(item->report_block_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct sfu_rtcp_report_block b;
        sfu_rtcp_report_block_at(item, i, &b);
        T_EQ(b.ssrc, blocks[i].ssrc);
        T_EQ(b.fraction_lost, blocks[i].fraction_lost);
        T_EQ(b.cumulative_lost, blocks[i].cumulative_lost);
        T_EQ(b.highest_seq, blocks[i].highest_seq);
        T_EQ(b.jitter_ts, blocks[i].jitter_ts);
        T_EQ(b.last_sr, blocks[i].last_sr);
        T_EQ(b.delay_since_last_sr, blocks[i].delay_since_last_sr);
    }
}

T_TEST(a_compound_packet_reads_back)
{
    uint8_t packet[512];
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    size_t n = compound(packet, sizeof packet);
    sfu_rtcp_reader_init(&reader, packet, n);

    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_SR);
    T_EQ(item.sender_ssrc, 0xAABBCCDD);
    T_CHECK(item.sr.ssrc == 0xAABBCCDD && item.sr.ntp == 0x0123456789ABCDEFu && item.sr.rtp_ts == 90000);
    T_CHECK(item.sr.packet_count == 1000 && item.sr.octet_count == 123456);
    T_CALL(check_blocks(t_failed, &item));

    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_SDES_CNAME);
    T_EQ(item.sender_ssrc, 0xAABBCCDD);
    T_EQ(item.body_bytes, 13);
    T_MEM_EQ(item.body, "cname@example", 13);

    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_NACK);
    T_EQ(item.media_ssrc, 0x44444444);
    T_EQ(item.body_bytes, 8);
    uint16_t seqs[17];
    T_EQ(sfu_rtcp_nack_seqs(&item, 0, seqs), 4);
    T_CHECK(seqs[0] == 65530 && seqs[1] == 65535 && seqs[2] == 0 && seqs[3] == 5);
    T_EQ(sfu_rtcp_nack_seqs(&item, 1, seqs), 1);
    T_EQ(seqs[0], 100);
    T_EQ(sfu_rtcp_nack_seqs(&item, 2, seqs), 0);

    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_PLI);
    T_EQ(item.media_ssrc, 0x55555555);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_FIR);
    T_EQ(item.media_ssrc, 0x66666666);
    T_EQ(item.fir_seq, 200);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_BYE);
    T_EQ(item.body_bytes, 8);
    T_EQ(base_get_be32(item.body + 4), 2);
    T_EQ(sfu_rtcp_read(&reader, &item), 0);
    T_EQ(sfu_rtcp_read(&reader, &item), 0);
}

T_TEST(a_receiver_report_reads_back)
{
    uint8_t packet[128];
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    size_t n = sfu_rtcp_write_rr(packet, sizeof packet, 9, blocks, 3);
    T_EQ(n, 8 + 3 * 24);
    sfu_rtcp_reader_init(&reader, packet, n);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_RR);
    T_EQ(item.sender_ssrc, 9);
    T_CALL(check_blocks(t_failed, &item));
}

T_TEST(cumulative_lost_saturates)
{
    uint8_t packet[64];
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    static const int32_t in[] = {INT32_MAX, INT32_MIN, 0x800000, -0x800001};
    static const int32_t out[] = {0x7FFFFF, -0x800000, 0x7FFFFF, -0x800000};
    for (int i = 0; i < 4; i++) {
        struct sfu_rtcp_report_block b = {.cumulative_lost = in[i]};
        sfu_rtcp_reader_init(&reader, packet, sfu_rtcp_write_rr(packet, sizeof packet, 9, &b, 1));
        T_EQ(sfu_rtcp_read(&reader, &item), 1);
        sfu_rtcp_report_block_at(&item, 0, &b);
        T_EQ(b.cumulative_lost, out[i]);
    }
}

T_TEST(writers_return_0_without_room)
{
    uint8_t packet[64];
    struct sfu_rtcp_sr sr = {0};
    uint16_t lost[] = {1, 100};
    uint32_t ssrc = 1;
    for (size_t room = 0; room < 8; room++) {
        T_EQ(sfu_rtcp_write_sr(packet, room + 20, &sr, NULL, 0), 0);
        T_EQ(sfu_rtcp_write_rr(packet, room, 1, NULL, 0), 0);
        T_EQ(sfu_rtcp_write_sdes_cname(packet, room, 1, ""), 0);
        T_EQ(sfu_rtcp_write_bye(packet, room, &ssrc, 1), 0);
        T_EQ(sfu_rtcp_write_nack(packet, room + 12, 1, 2, lost, 2), 0);
        T_EQ(sfu_rtcp_write_pli(packet, room + 4, 1, 2), 0);
        T_EQ(sfu_rtcp_write_fir(packet, room + 12, 1, 2, 3), 0);
    }
    char long_name[300];
    uint8_t large[400];
    memset(long_name, 'x', sizeof long_name);
    long_name[256] = '\0';
    T_EQ(sfu_rtcp_write_sdes_cname(large, sizeof large, 1, long_name), 0);
    long_name[255] = '\0';
    T_CHECK(sfu_rtcp_write_sdes_cname(large, sizeof large, 1, long_name) > 255);
}

T_TEST(cnames_of_every_length_end_on_a_word_with_a_null)
{
    for (size_t len = 0; len <= 255; len++) {
        char name[256];
        uint8_t packet[300];
        struct sfu_rtcp_reader reader;
        struct sfu_rtcp_item item;
        memset(name, 'n', len);
        name[len] = '\0';
        size_t n = sfu_rtcp_write_sdes_cname(packet, sizeof packet, 7, name);
        T_CHECK(n % 4 == 0 && n >= 10 + len + 1);
        T_EQ(packet[10 + len], 0);
        sfu_rtcp_reader_init(&reader, packet, n);
        T_EQ(sfu_rtcp_read(&reader, &item), 1);
        T_EQ(item.kind, SFU_RTCP_SDES_CNAME);
        T_EQ(item.body_bytes, len);
        T_EQ(sfu_rtcp_read(&reader, &item), 0);
    }
}

T_TEST(sdes_chunks_and_fir_entries_come_one_by_one)
{
    /* Two chunks: NAME then CNAME; CNAME alone. And a third without any CNAME. */
    static const uint8_t sdes[] = {0x83, 202, 0,   9, 0, 0, 0, 1, 2, 1, 'N', 1, 2, 'a', 'b', 0, 0, 0, 0, 2,
                                   1,    1,   'c', 0, 0, 0, 0, 3, 2, 1, 'x', 0, 0, 0,   0,   4, 1, 0, 0, 0};
    static const uint8_t fir[] = {0x84, 206, 0, 6, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0,
                                  0,    5,   1, 0, 0, 0, 0, 0, 0, 6, 2, 0, 0, 0};
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    sfu_rtcp_reader_init(&reader, sdes, sizeof sdes);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_CHECK(item.kind == SFU_RTCP_SDES_CNAME && item.sender_ssrc == 1 && item.body_bytes == 2);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_CHECK(item.kind == SFU_RTCP_SDES_CNAME && item.sender_ssrc == 2 && item.body_bytes == 1);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_CHECK(item.kind == SFU_RTCP_SDES_CNAME && item.sender_ssrc == 4 && item.body_bytes == 0);
    T_EQ(sfu_rtcp_read(&reader, &item), 0);
    sfu_rtcp_reader_init(&reader, fir, sizeof fir);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_CHECK(item.kind == SFU_RTCP_FIR && item.media_ssrc == 5 && item.fir_seq == 1);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_CHECK(item.kind == SFU_RTCP_FIR && item.media_ssrc == 6 && item.fir_seq == 2 && item.sender_ssrc == 9);
    T_EQ(sfu_rtcp_read(&reader, &item), 0);
}

T_TEST(remb_and_others)
{
    uint8_t remb[] = {0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0x0B, 0xFF, 0xFF, 0, 0, 0, 2};
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    sfu_rtcp_reader_init(&reader, remb, sizeof remb);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_REMB);
    T_EQ(item.remb_bps, 0x3FFFFu << 2);
    remb[17] = 0xFF; /* exponent 63: more than 64 bits hold */
    sfu_rtcp_reader_init(&reader, remb, sizeof remb);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_CHECK(item.remb_bps == UINT64_MAX);
    remb[12] = 'X';
    sfu_rtcp_reader_init(&reader, remb, sizeof remb);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_OTHER);
    static const uint8_t xr[] = {0x80, 207, 0, 1, 0, 0, 0, 1, 0x80, 204, 0, 0};
    sfu_rtcp_reader_init(&reader, xr, sizeof xr);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_OTHER);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_OTHER);
    T_EQ(sfu_rtcp_read(&reader, &item), 0);
}

T_TEST(nacks_read_back_around_the_wrap)
{
    uint64_t seed = 3;
    for (int round = 0; round < 2000; round++) {
        uint16_t lost[200], got[2000], seq = (uint16_t)(65530 + round % 11);
        unsigned count = 1 + (unsigned)(base_prng_next(&seed) % 200), got_count = 0;
        for (unsigned i = 0; i < count; i++) {
            lost[i] = seq;
            seq = (uint16_t)(seq + 1 + base_prng_next(&seed) % (round % 3 == 0 ? 2 : 40));
        }
        uint8_t packet[1200];
        struct sfu_rtcp_reader reader;
        struct sfu_rtcp_item item;
        size_t n = sfu_rtcp_write_nack(packet, sizeof packet, 1, 2, lost, count);
        sfu_rtcp_reader_init(&reader, packet, n);
        T_EQ(sfu_rtcp_read(&reader, &item), 1);
        for (unsigned i = 0; i < item.body_bytes / 4; i++)
            got_count += sfu_rtcp_nack_seqs(&item, i, got + got_count);
        T_EQ(got_count, count);
        T_MEM_EQ(got, lost, count * sizeof lost[0]);
    }
}

T_TEST(padding_is_taken_off)
{
    /* Transport-wide feedback with one byte of padding, as libwebrtc writes it, and a PLI behind it. */
    static const uint8_t packet[] = {0xAF, 205, 0,    5, 0, 0, 0,    1,   0, 0, 0, 2, 0, 1, 0, 1, 0, 0,
                                     0,    0,   0x20, 1, 4, 1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2};
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    sfu_rtcp_reader_init(&reader, packet, sizeof packet);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_TWCC);
    T_EQ(item.body_bytes, 11);
    T_EQ(sfu_rtcp_read(&reader, &item), 1);
    T_EQ(item.kind, SFU_RTCP_PLI);
    uint8_t bad[sizeof packet];
    for (unsigned padding = 0; padding < 256; padding++) {
        memcpy(bad, packet, sizeof bad);
        bad[23] = (uint8_t)padding;
        sfu_rtcp_reader_init(&reader, bad, sizeof bad);
        T_EQ(sfu_rtcp_read(&reader, &item) == 1, padding >= 1 && padding <= 12);
    }
}

static volatile uint8_t sink; /* what is read into it is really read */

static int visit_read(const uint8_t *copy, size_t n, void *context)
{
    struct sfu_rtcp_reader reader;
    struct sfu_rtcp_item item;
    int result, items = 0;
    (void)context;
    sfu_rtcp_reader_init(&reader, copy, n);
    while ((result = sfu_rtcp_read(&reader, &item)) == 1 && ++items < 1000) {
        struct sfu_rtcp_report_block block;
        uint16_t seqs[17];
        for (unsigned i = 0; i < item.report_block_count; i++)
            sfu_rtcp_report_block_at(&item, i, &block);
        for (size_t i = 0; i < item.body_bytes; i++)
            sink = item.body[i];
        if (item.kind == SFU_RTCP_NACK)
            for (unsigned i = 0; i < item.body_bytes / 4; i++)
                sfu_rtcp_nack_seqs(&item, i, seqs);
    }
    return result;
}

T_TEST(every_prefix_and_every_changed_byte)
{
    uint8_t packet[512];
    size_t n = compound(packet, sizeof packet);
    /* A prefix is good where it ends on one of the six packets, or is empty. */
    T_EQ(t_each_prefix(packet, n, visit_read, NULL), 7);
    for (size_t i = 0; i < n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *copy = malloc(n);
            memcpy(copy, packet, n);
            copy[i] ^= (uint8_t)(1u << bit);
            visit_read(copy, n, NULL);
            free(copy);
        }
    }
    T_EQ(visit_read((const uint8_t *)"\x80\xc8\x00", 3, NULL), BASE_ERR_TRUNCATED);
    T_EQ(visit_read((const uint8_t *)"\x40\xc9\x00\x01\0\0\0\1", 8, NULL), BASE_ERR_MALFORMED);
    T_EQ(visit_read((const uint8_t *)"\x81\xc9\x00\x01\0\0\0\1", 8, NULL), BASE_ERR_MALFORMED);
}

T_MAIN(T_CASE(a_compound_packet_reads_back), T_CASE(a_receiver_report_reads_back), T_CASE(cumulative_lost_saturates),
       T_CASE(writers_return_0_without_room), T_CASE(cnames_of_every_length_end_on_a_word_with_a_null),
       T_CASE(sdes_chunks_and_fir_entries_come_one_by_one), T_CASE(remb_and_others),
       T_CASE(nacks_read_back_around_the_wrap), T_CASE(padding_is_taken_off),
       T_CASE(every_prefix_and_every_changed_byte))
