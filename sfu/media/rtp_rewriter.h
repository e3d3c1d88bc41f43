/* SPDX-License-Identifier: Apache-2.0 */
/**
 * rtp_rewriter.h - gives one subscriber's stream gapless sequence numbers and steady timestamps, whatever its source
 * does.
 *
 * The source may be switched (another encoding, a resumed track) or have packets left out on purpose (mute, padding):
 * what the subscriber sees has a gap only where a packet was really lost. Also answers the question of a NACK: which
 * source packet was sent under this number?
 * Sans-IO, no allocation; the struct lies in its owner (about 8 KB: the history of numbers sent).
 */
#ifndef CONSILIUM_SFU_MEDIA_RTP_REWRITER_H
#define CONSILIUM_SFU_MEDIA_RTP_REWRITER_H

#include <stdbool.h>
#include <stdint.h>

#define SFU_REWRITER_HISTORY 1024 /**< numbers sent that a NACK can still name; a power of two */

struct sfu_rtp_rewriter_sent {
    uint32_t out_low;    /* low 32 bits of the extended number sent; tells whether the slot is current */
    uint32_t source_low; /* low 32 bits of the source's extended number */
};

/** Lies in its owner; the fields are the module's. */
struct sfu_rtp_rewriter {
    uint32_t clock_hz;
    bool has_source;         /* a source is running: what follows about it holds */
    bool started;            /* something was sent */
    uint64_t source_start;   /* packets of the source before this one are not forwarded */
    uint64_t highest_source; /* mapped or dropped */
    uint64_t out_start;      /* the number of source_start; before anything was sent: the first number to use */
    int64_t seq_offset;      /* out = source + offset, for numbers above highest_source */
    uint32_t timestamp_offset_ts;
    uint32_t
        timestamp_nudge_ts; /* part of it that is no mapping: the source's first frame had to follow the last one */
    bool has_next_offset;   /* _switch_to */
    uint32_t next_offset_ts;
    uint64_t highest_out;
    uint32_t highest_out_timestamp_ts;
    uint64_t highest_out_us;                     /* when that timestamp was first sent */
    uint64_t dropped[SFU_REWRITER_HISTORY / 64]; /* a bit for each source number up to highest_source, by modulo */
    struct sfu_rtp_rewriter_sent sent[SFU_REWRITER_HISTORY];
};

/** First number sent is `first_seq` (< 2^15, so that receivers start their rollover counter right); first timestamp
 * `first_timestamp_ts`. */
void sfu_rtp_rewriter_init(struct sfu_rtp_rewriter *rewriter, uint32_t clock_hz, uint16_t first_seq,
                           uint32_t first_timestamp_ts);
/** The source changes: the next mapped packet starts a new one and continues right after the last number sent; its
 * timestamp continues by the time that has passed since. Numbers of the old source are no longer mapped. */
void sfu_rtp_rewriter_switch(struct sfu_rtp_rewriter *rewriter);
/** The same to a source whose time is known: its timestamps go out `timestamp_offset_ts` larger, as another encoding of
 * the same picture by the publisher's sender reports. Only if its first one would not be behind the last one sent, all
 * of them move by what is missing, until the next switch; and an offset that cannot be (10 s away from the time passed)
 * is not used. */
void sfu_rtp_rewriter_switch_to(struct sfu_rtp_rewriter *rewriter, uint32_t timestamp_offset_ts);
/** How far ahead of the last timestamp sent a packet of another source with this offset would be; negative: behind. */
static inline int32_t sfu_rtp_rewriter_ahead_ts(const struct sfu_rtp_rewriter *rewriter, uint32_t timestamp_ts,
                                                uint32_t timestamp_offset_ts)
{
    return (int32_t)(timestamp_ts + timestamp_offset_ts - rewriter->highest_out_timestamp_ts);
}
/** The present source's offset as the sources' clocks would have it, without what the last switch added. */
static inline uint32_t sfu_rtp_rewriter_clock_offset_ts(const struct sfu_rtp_rewriter *rewriter)
{
    return rewriter->timestamp_offset_ts - rewriter->timestamp_nudge_ts;
}
/** Maps a packet to be sent now. Returns 0 with the extended number (for the SRTP index) and timestamp, or
 * BASE_ERR_REPLAY: older than the switch or than the history, sent before, or a late packet whose place was closed by a
 * drop: do not send. (The same number must never be encrypted twice with other content.) */
int sfu_rtp_rewriter_map(struct sfu_rtp_rewriter *rewriter, uint64_t now_us, uint64_t source_ext_seq,
                         uint32_t source_timestamp_ts, uint64_t *out_ext_seq, uint32_t *out_timestamp_ts);
/** The packet is left out on purpose; call in arrival order instead of _map. Later numbers close the gap, unless a
 * later packet was mapped already: then the gap stays. */
void sfu_rtp_rewriter_drop(struct sfu_rtp_rewriter *rewriter, uint64_t source_ext_seq);
/** Which packet of the present source went out under `out_seq` (from a NACK)? Returns 0 with both extended numbers, or
 * BASE_ERR_NOT_FOUND (never sent, too old, or sent before the switch). */
int sfu_rtp_rewriter_find(const struct sfu_rtp_rewriter *rewriter, uint16_t out_seq, uint64_t *source_ext_seq,
                          uint64_t *out_ext_seq);

#endif
