/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/media/rtp_rewriter.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"

#define HISTORY_MASK    (SFU_REWRITER_HISTORY - 1u)
#define OFFSET_ABSURD_S 10
#define WORD_COUNT      (SFU_REWRITER_HISTORY / 64u)

void sfu_rtp_rewriter_init(struct sfu_rtp_rewriter *rewriter, uint32_t clock_hz, uint16_t first_seq,
                           uint32_t first_timestamp_ts)
{
    assert(first_seq < 0x8000 && clock_hz > 0);
    memset(rewriter, 0, sizeof *rewriter);
    rewriter->clock_hz = clock_hz;
    rewriter->out_start = first_seq;
    rewriter->highest_out_timestamp_ts = first_timestamp_ts;
    /* A number that can never stand in its slot marks the slot as unused. */
    for (uint32_t i = 0; i < SFU_REWRITER_HISTORY; i++)
        rewriter->sent[i].out_low = i + 1;
}

void sfu_rtp_rewriter_switch(struct sfu_rtp_rewriter *rewriter)
{
    rewriter->has_source = false;
    rewriter->has_next_offset = false;
}

void sfu_rtp_rewriter_switch_to(struct sfu_rtp_rewriter *rewriter, uint32_t timestamp_offset_ts)
{
    rewriter->has_source = false;
    rewriter->has_next_offset = true;
    rewriter->next_offset_ts = timestamp_offset_ts;
}

/* ---- the bits of dropped source numbers ---- */

static bool is_dropped(const struct sfu_rtp_rewriter *rewriter, uint64_t source)
{
    return (rewriter->dropped[source / 64 % WORD_COUNT] >> source % 64 & 1u) != 0;
}

/* Moves the window up to `source`, with nothing dropped in the new part. */
static void advance(struct sfu_rtp_rewriter *rewriter, uint64_t source)
{
    if (source - rewriter->highest_source >= SFU_REWRITER_HISTORY)
        memset(rewriter->dropped, 0, sizeof rewriter->dropped);
    else
        for (uint64_t i = rewriter->highest_source + 1; i <= source; i++)
            rewriter->dropped[i / 64 % WORD_COUNT] &= ~(UINT64_C(1) << i % 64);
    rewriter->highest_source = source;
}

/* How many of first .. highest_source were dropped; first lies in the window. */
static unsigned dropped_from(const struct sfu_rtp_rewriter *rewriter, uint64_t first)
{
    unsigned count = 0;
    for (uint64_t i = first; i <= rewriter->highest_source;) {
        uint64_t left = rewriter->highest_source - i + 1, span = 64 - i % 64;
        uint64_t word = rewriter->dropped[i / 64 % WORD_COUNT] >> i % 64;
        if (left < span) {
            word &= (UINT64_C(1) << left) - 1;
            span = left;
        }
        count += (unsigned)__builtin_popcountll(word);
        i += span;
    }
    return count;
}

void sfu_rtp_rewriter_drop(struct sfu_rtp_rewriter *rewriter, uint64_t source_ext_seq)
{
    /* Without a source there is no gap to close. Below the highest, numbers behind the gap were sent already. */
    if (!rewriter->has_source || source_ext_seq <= rewriter->highest_source)
        return;
    advance(rewriter, source_ext_seq);
    rewriter->dropped[source_ext_seq / 64 % WORD_COUNT] |= UINT64_C(1) << source_ext_seq % 64;
    rewriter->seq_offset--;
}

/* ---- mapping ---- */

static bool was_sent(const struct sfu_rtp_rewriter *rewriter, uint64_t out)
{
    return rewriter->sent[out & HISTORY_MASK].out_low == (uint32_t)out;
}

/* Where the first packet of a source goes in time: by the offset that is known, else by the time that has passed. Two
 * frames never share a timestamp. */
static uint32_t first_timestamp(struct sfu_rtp_rewriter *rewriter, uint64_t now_us, uint32_t timestamp_ts)
{
    uint32_t last_ts = rewriter->highest_out_timestamp_ts;
    uint64_t elapsed_us = now_us > rewriter->highest_out_us ? now_us - rewriter->highest_out_us : 0;
    uint32_t step_ts =
        (uint32_t)(elapsed_us / 1000000u * rewriter->clock_hz + elapsed_us % 1000000u * rewriter->clock_hz / 1000000u);
    if (rewriter->has_next_offset) {
        int32_t ahead_ts = sfu_rtp_rewriter_ahead_ts(rewriter, timestamp_ts, rewriter->next_offset_ts);
        int64_t off_ts = (int64_t)ahead_ts - step_ts, absurd_ts = (int64_t)rewriter->clock_hz * OFFSET_ABSURD_S;
        if (off_ts < absurd_ts && off_ts > -absurd_ts) {
            rewriter->timestamp_nudge_ts = ahead_ts > 0 ? 0 : (uint32_t)(1 - ahead_ts);
            return last_ts + (ahead_ts > 0 ? (uint32_t)ahead_ts : 1u);
        }
    }
    return last_ts + (step_ts > 0 ? step_ts : 1u);
}

/* The first packet of a source goes right behind the last one sent, in number and in time. */
static void start_source(struct sfu_rtp_rewriter *rewriter, uint64_t now_us, uint64_t source, uint32_t timestamp_ts)
{
    uint32_t out_timestamp_ts = rewriter->highest_out_timestamp_ts;
    rewriter->timestamp_nudge_ts = 0;
    if (rewriter->started) {
        out_timestamp_ts = first_timestamp(rewriter, now_us, timestamp_ts);
        rewriter->out_start = rewriter->highest_out + 1;
    }
    rewriter->has_next_offset = false;
    rewriter->has_source = true;
    rewriter->source_start = source;
    rewriter->highest_source = source;
    rewriter->seq_offset = (int64_t)(rewriter->out_start - source);
    rewriter->timestamp_offset_ts = out_timestamp_ts - timestamp_ts;
    memset(rewriter->dropped, 0, sizeof rewriter->dropped);
}

int sfu_rtp_rewriter_map(struct sfu_rtp_rewriter *rewriter, uint64_t now_us, uint64_t source_ext_seq,
                         uint32_t source_timestamp_ts, uint64_t *out_ext_seq, uint32_t *out_timestamp_ts)
{
    uint64_t out;
    if (!rewriter->has_source) {
        start_source(rewriter, now_us, source_ext_seq, source_timestamp_ts);
        out = rewriter->out_start;
    } else if (source_ext_seq > rewriter->highest_source) {
        advance(rewriter, source_ext_seq);
        out = source_ext_seq + (uint64_t)rewriter->seq_offset;
    } else {
        if (source_ext_seq < rewriter->source_start ||
            rewriter->highest_source - source_ext_seq >= SFU_REWRITER_HISTORY || is_dropped(rewriter, source_ext_seq))
            return BASE_ERR_REPLAY;
        /* Each drop behind it moved the offset after its time. */
        out = source_ext_seq + (uint64_t)rewriter->seq_offset + dropped_from(rewriter, source_ext_seq + 1);
        if (was_sent(rewriter, out))
            return BASE_ERR_REPLAY;
    }
    struct sfu_rtp_rewriter_sent *slot = &rewriter->sent[out & HISTORY_MASK];
    slot->out_low = (uint32_t)out;
    slot->source_low = (uint32_t)source_ext_seq;
    *out_ext_seq = out;
    *out_timestamp_ts = source_timestamp_ts + rewriter->timestamp_offset_ts;
    if (!rewriter->started || out > rewriter->highest_out) {
        if (!rewriter->started || *out_timestamp_ts != rewriter->highest_out_timestamp_ts)
            rewriter->highest_out_us = now_us;
        rewriter->highest_out = out;
        rewriter->highest_out_timestamp_ts = *out_timestamp_ts;
        rewriter->started = true;
    }
    return 0;
}

int sfu_rtp_rewriter_find(const struct sfu_rtp_rewriter *rewriter, uint16_t out_seq, uint64_t *source_ext_seq,
                          uint64_t *out_ext_seq)
{
    if (!rewriter->has_source)
        return BASE_ERR_NOT_FOUND;
    uint16_t distance = (uint16_t)((uint16_t)rewriter->highest_out - out_seq);
    if (distance >= SFU_REWRITER_HISTORY || distance > rewriter->highest_out)
        return BASE_ERR_NOT_FOUND;
    uint64_t out = rewriter->highest_out - distance;
    /* What was sent before the switch is not in the present source's cache. */
    if (out < rewriter->out_start || !was_sent(rewriter, out))
        return BASE_ERR_NOT_FOUND;
    uint32_t source_low = rewriter->sent[out & HISTORY_MASK].source_low;
    *source_ext_seq = rewriter->highest_source - (uint32_t)((uint32_t)rewriter->highest_source - source_low);
    *out_ext_seq = out;
    return 0;
}
