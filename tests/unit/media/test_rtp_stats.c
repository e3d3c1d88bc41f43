/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/rtp_stats.h"

#include "tests/support/test.h"

#define FIRST (65536 + 65530)

T_TEST(nothing_received_nothing_reported)
{
    struct sfu_rtp_stats s = {.clock_hz = 90000};
    struct sfu_rtcp_report_block b;
    T_CHECK(!sfu_rtp_stats_report(&s, 0, 1, &b));
}

T_TEST(loss_is_counted_across_the_wrap)
{
    struct sfu_rtp_stats s = {.clock_hz = 48000};
    struct sfu_rtcp_report_block b;
    for (unsigned i = 0; i < 12; i++) /* 65530 .. 5, without 65535, 0 and 1 */
        if (i < 5 || i > 7)
            sfu_rtp_stats_on_packet(&s, i * 20000, FIRST + i, i * 960, 100, false);
    T_CHECK(sfu_rtp_stats_report(&s, 240000, 7, &b));
    T_EQ(b.ssrc, 7);
    T_EQ(b.cumulative_lost, 3);
    T_EQ(b.fraction_lost, 3 * 256 / 12);
    T_EQ(b.highest_seq, 65536 + 5); /* one cycle */
    T_EQ(b.jitter_ts, 0);
    T_EQ(b.last_sr, 0);
    T_EQ(b.delay_since_last_sr, 0);
    T_EQ(s.bytes, 900);

    /* The next interval starts afresh; the recovered packets make its loss negative: 0. */
    sfu_rtp_stats_on_packet(&s, 300000, FIRST + 5, 5 * 960, 100, true);
    sfu_rtp_stats_on_packet(&s, 300000, FIRST + 6, 6 * 960, 100, false);
    sfu_rtp_stats_on_packet(&s, 300000, FIRST + 12, 12 * 960, 100, false);
    T_CHECK(sfu_rtp_stats_report(&s, 300000, 7, &b));
    T_EQ(b.fraction_lost, 0);
    T_EQ(b.cumulative_lost, 1);
    T_CHECK(sfu_rtp_stats_report(&s, 300000, 7, &b)); /* an empty interval */
    T_EQ(b.fraction_lost, 0);
}

T_TEST(everything_lost_but_one_is_255)
{
    struct sfu_rtp_stats s = {.clock_hz = 90000};
    struct sfu_rtcp_report_block b;
    sfu_rtp_stats_on_packet(&s, 0, FIRST, 0, 1, false);
    sfu_rtp_stats_report(&s, 0, 1, &b);
    sfu_rtp_stats_on_packet(&s, 0, FIRST + 10000, 0, 1, false);
    T_CHECK(sfu_rtp_stats_report(&s, 0, 1, &b));
    T_EQ(b.fraction_lost, 255);
    T_EQ(b.cumulative_lost, 9999);
}

T_TEST(duplicates_and_early_reordering)
{
    struct sfu_rtp_stats s = {.clock_hz = 90000};
    struct sfu_rtcp_report_block b;
    sfu_rtp_stats_on_packet(&s, 0, 65536, 0, 1, false);
    sfu_rtp_stats_on_packet(&s, 0, 65535, 0, 1, false); /* older than the first, across the wrap */
    T_CHECK(sfu_rtp_stats_report(&s, 0, 1, &b));
    T_EQ(b.cumulative_lost, 0);
    T_EQ(b.highest_seq, 65536);
    sfu_rtp_stats_on_packet(&s, 0, 65536, 0, 1, false);
    T_CHECK(sfu_rtp_stats_report(&s, 0, 1, &b));
    T_EQ(b.cumulative_lost, -1); /* RFC 3550 section 6.4.1: may be negative */
    T_EQ(b.fraction_lost, 0);
    T_EQ(s.duplicates, 1);
}

T_TEST(jitter_follows_appendix_a8)
{
    struct sfu_rtp_stats s = {.clock_hz = 8000};
    struct sfu_rtcp_report_block b;
    uint32_t jitter_q4 = 0;
    uint64_t now = 1000000;
    sfu_rtp_stats_on_packet(&s, now, FIRST, 0xFFFFFF00u, 1, false);
    for (uint32_t i = 1; i < 100; i++) {
        uint64_t step = i % 2 == 0 ? 15000 : 25000; /* instead of 20000: D is 40 ticks */
        now += step;
        sfu_rtp_stats_on_packet(&s, now, FIRST + i, 0xFFFFFF00u + i * 160, 1, false);
        jitter_q4 += 40 - ((jitter_q4 + 8) >> 4);
        T_CHECK(sfu_rtp_stats_report(&s, now, 1, &b));
        T_EQ(b.jitter_ts, jitter_q4 >> 4);
    }
    /* Retransmissions, late packets and new timelines do not count. */
    sfu_rtp_stats_on_packet(&s, now + 900000, FIRST + 100, 0xFFFFFF00u + 16000, 1, true);
    sfu_rtp_stats_on_packet(&s, now + 900000, FIRST + 50, 0xFFFFFF00u + 50 * 160, 1, false);
    sfu_rtp_stats_on_packet(&s, now + 900000, FIRST + 101, 0x70000000u, 1, false);
    T_CHECK(sfu_rtp_stats_report(&s, now, 1, &b));
    T_EQ(b.jitter_ts, jitter_q4 >> 4);
}

T_TEST(sender_report_times)
{
    struct sfu_rtp_stats s = {.clock_hz = 90000};
    struct sfu_rtcp_report_block b;
    struct sfu_rtcp_sr sr = {.ssrc = 1, .ntp = 0x0123456789ABCDEFu, .rtp_ts = 9};
    sfu_rtp_stats_on_packet(&s, 0, FIRST, 0, 1, false);
    sfu_rtp_stats_on_sr(&s, 1000000, &sr);
    T_CHECK(sfu_rtp_stats_report(&s, 2500000, 1, &b));
    T_EQ(b.last_sr, 0x456789AB);
    T_EQ(b.delay_since_last_sr, 65536 + 32768);
    T_CHECK(sfu_rtp_stats_report(&s, UINT64_MAX / 2, 1, &b));
    T_EQ(b.delay_since_last_sr, UINT32_MAX);
    T_EQ(s.sr_rtp_ts, 9);
}

T_TEST(round_trip_time)
{
    /* The example of RFC 3550 section 6.4.1, figure 2: 6.125 s. */
    struct sfu_rtcp_report_block b = {.last_sr = 0xb7052000, .delay_since_last_sr = 0x00054000};
    uint64_t now = UINT64_C(0xb44db710) << 32 | UINT64_C(0x80000000);
    T_EQ(sfu_rtp_stats_rtt_us(now, &b), 6125000);
    b.last_sr = 0;
    T_EQ(sfu_rtp_stats_rtt_us(now, &b), 0);
    b.last_sr = 0xb7108000; /* sent now, delayed 5.25 s: negative */
    T_EQ(sfu_rtp_stats_rtt_us(now, &b), 0);
    b.delay_since_last_sr = 0;
    T_EQ(sfu_rtp_stats_rtt_us(now, &b), 1); /* known, and below the resolution */
    b.last_sr = 0xb7108000u - (61u << 16);
    T_EQ(sfu_rtp_stats_rtt_us(now, &b), 0);
}

T_TEST(ntp_time)
{
    T_CHECK(sfu_ntp_of_wall_us(0) == UINT64_C(2208988800) << 32);
    T_CHECK(sfu_ntp_of_wall_us(1500000) == (UINT64_C(2208988801) << 32 | 0x80000000u));
    T_CHECK(sfu_ntp_of_wall_us(999999) >> 32 == 2208988800);
}

T_MAIN(T_CASE(nothing_received_nothing_reported), T_CASE(loss_is_counted_across_the_wrap),
       T_CASE(everything_lost_but_one_is_255), T_CASE(duplicates_and_early_reordering),
       T_CASE(jitter_follows_appendix_a8), T_CASE(sender_report_times), T_CASE(round_trip_time), T_CASE(ntp_time))
