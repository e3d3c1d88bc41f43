/* SPDX-License-Identifier: Apache-2.0 */
/**
 * rtp_stats.h - reception statistics of one inbound stream, for the report blocks we send (RFC 3550 section 6.4.1,
 * appendix A.3, A.8).
 */
#ifndef CONSILIUM_SFU_MEDIA_RTP_STATS_H
#define CONSILIUM_SFU_MEDIA_RTP_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/wire/rtcp.h"

/** Lies in its owner; zero it and set clock_hz. The rest is the module's. */
struct sfu_rtp_stats {
    uint32_t clock_hz;
    bool started;
    uint64_t base_ext_seq, highest_ext_seq;
    uint64_t packets, bytes, duplicates;
    uint64_t expected_prior, received_prior;
    uint64_t last_arrival_us;
    uint32_t last_timestamp_ts;
    uint32_t jitter_q4_ts; /* times 16 */
    bool has_sr;
    uint64_t sr_ntp; /**< of the newest sender report */
    uint32_t sr_rtp_ts;
    uint64_t sr_arrival_us;
};

/** Every packet that arrived by its own number; retransmissions (RTX) are reported as `retransmitted` and do not count
 * for jitter. */
void sfu_rtp_stats_on_packet(struct sfu_rtp_stats *stats, uint64_t now_us, uint64_t ext_seq, uint32_t timestamp_ts,
                             uint32_t bytes, bool retransmitted);
void sfu_rtp_stats_on_sr(struct sfu_rtp_stats *stats, uint64_t now_us, const struct sfu_rtcp_sr *sr);
/** Fills a report block for `ssrc` and starts the next interval (fraction lost). Returns false if nothing was ever
 * received. */
bool sfu_rtp_stats_report(struct sfu_rtp_stats *stats, uint64_t now_us, uint32_t ssrc,
                          struct sfu_rtcp_report_block *out);
/** Round-trip time in us from a report block about our stream (RFC 3550 section 6.4.1), given the present NTP time; 0
 * if it has no LSR or is absurd (> 60 s). */
uint32_t sfu_rtp_stats_rtt_us(uint64_t now_ntp, const struct sfu_rtcp_report_block *block);
/** Wall-clock microseconds since 1970 to NTP 32.32. */
uint64_t sfu_ntp_of_wall_us(uint64_t wall_us);

#endif
