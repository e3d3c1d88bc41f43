/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/rtp_stats.h"

#include <string.h>

#define NTP_UNIX_OFFSET_S 2208988800u /* 1900 to 1970 */
#define RTT_ABSURD_US     60000000u
#define JITTER_ABSURD_S   5 /* a larger step is a new timeline (mute, replaced source), not jitter */
#define REORDER_AT_START  64u

static uint64_t us_to_ticks(uint64_t us, uint32_t hz)
{
    return us / 1000000u * hz + us % 1000000u * hz / 1000000u;
}

/* RFC 3550 appendix A.8. Packets of one video frame share their timestamp and are sent over some time: only the first
 * of a frame tells anything about the network, as libwebrtc does it, too. */
static void update_jitter(struct sfu_rtp_stats *stats, uint64_t now_us, uint32_t timestamp_ts)
{
    if (timestamp_ts == stats->last_timestamp_ts)
        return;
    int64_t arrival_step = (int64_t)us_to_ticks(now_us - stats->last_arrival_us, stats->clock_hz);
    int64_t d = arrival_step - (int32_t)(timestamp_ts - stats->last_timestamp_ts);
    if (d < 0)
        d = -d;
    if (d < (int64_t)stats->clock_hz * JITTER_ABSURD_S)
        stats->jitter_q4_ts += (uint32_t)d - ((stats->jitter_q4_ts + 8) >> 4);
    stats->last_arrival_us = now_us;
    stats->last_timestamp_ts = timestamp_ts;
}

void sfu_rtp_stats_on_packet(struct sfu_rtp_stats *stats, uint64_t now_us, uint64_t ext_seq, uint32_t timestamp_ts,
                             uint32_t bytes, bool retransmitted)
{
    stats->packets++;
    stats->bytes += bytes;
    if (!stats->started) {
        stats->started = true;
        stats->base_ext_seq = stats->highest_ext_seq = ext_seq;
        stats->last_arrival_us = now_us;
        stats->last_timestamp_ts = timestamp_ts;
        return;
    }
    if (ext_seq == stats->highest_ext_seq)
        stats->duplicates++;
    if (ext_seq > stats->highest_ext_seq) {
        stats->highest_ext_seq = ext_seq;
        if (!retransmitted)
            update_jitter(stats, now_us, timestamp_ts);
    } else if (ext_seq < stats->base_ext_seq && stats->base_ext_seq - ext_seq <= REORDER_AT_START) {
        stats->base_ext_seq = ext_seq; /* the very first packets came out of order */
    }
}

void sfu_rtp_stats_on_sr(struct sfu_rtp_stats *stats, uint64_t now_us, const struct sfu_rtcp_sr *sr)
{
    stats->has_sr = true;
    stats->sr_ntp = sr->ntp;
    stats->sr_rtp_ts = sr->rtp_ts;
    stats->sr_arrival_us = now_us;
}

bool sfu_rtp_stats_report(struct sfu_rtp_stats *stats, uint64_t now_us, uint32_t ssrc,
                          struct sfu_rtcp_report_block *out)
{
    memset(out, 0, sizeof *out);
    if (!stats->started)
        return false;
    out->ssrc = ssrc;
    /* Appendix A.3. Retransmissions and duplicates count as received, so the loss may be negative. */
    uint64_t expected = stats->highest_ext_seq - stats->base_ext_seq + 1;
    int64_t lost = (int64_t)(expected - stats->packets);
    out->cumulative_lost = lost > 0x7FFFFF ? 0x7FFFFF : lost < -0x800000 ? -0x800000 : (int32_t)lost;
    uint64_t expected_interval = expected - stats->expected_prior;
    int64_t lost_interval = (int64_t)(expected_interval - (stats->packets - stats->received_prior));
    if (expected_interval > 0 && lost_interval > 0) {
        uint64_t fraction = ((uint64_t)lost_interval << 8) / expected_interval;
        out->fraction_lost = fraction > 255 ? 255 : (uint8_t)fraction;
    }
    stats->expected_prior = expected;
    stats->received_prior = stats->packets;
    /* Our extended numbers start in cycle 1, those of RFC 3550 in cycle 0. */
    out->highest_seq = (uint32_t)(stats->highest_ext_seq - (stats->base_ext_seq & ~(uint64_t)0xFFFF));
    out->jitter_ts = stats->jitter_q4_ts >> 4;
    if (stats->has_sr) {
        uint64_t delay = us_to_ticks(now_us - stats->sr_arrival_us, 65536);
        out->last_sr = (uint32_t)(stats->sr_ntp >> 16);
        out->delay_since_last_sr = delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
    }
    return true;
}

uint32_t sfu_rtp_stats_rtt_us(uint64_t now_ntp, const struct sfu_rtcp_report_block *block)
{
    if (block->last_sr == 0)
        return 0;
    /* In 1/65536 s, modulo 2^32; a clock step backwards shows as a huge value. */
    uint32_t rtt = (uint32_t)(now_ntp >> 16) - block->last_sr - block->delay_since_last_sr;
    uint64_t rtt_us = (uint64_t)rtt * 1000000u >> 16;
    if (rtt_us > RTT_ABSURD_US)
        return 0;
    return rtt_us == 0 ? 1 : (uint32_t)rtt_us; /* 0 means "unknown" */
}

uint64_t sfu_ntp_of_wall_us(uint64_t wall_us)
{
    uint64_t seconds = wall_us / 1000000u + NTP_UNIX_OFFSET_S;
    return seconds << 32 | ((wall_us % 1000000u) << 32) / 1000000u;
}
