/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/up_layer.h"

#include <string.h>

#include "base/err.h"
#include "sfu/room/link.h"
#include "sfu/wire/rtcp.h"

#define NACK_REQUESTS_MAX 10
#define NACK_MISSING_MAX  512
#define NACK_RETRY_US     100000u /* until the round-trip time is known */
#define NACK_RETRY_MIN_US 20000u
#define NACK_RETRY_MAX_US 400000u
#define NACK_BATCH        128
#define SHIFT_MAX_S       3600 /* sender reports farther apart than this say nothing */

static bool is_audio(const struct sfu_up_layer *layer)
{
    return layer->cache == NULL;
}

static int create_nack(struct sfu_up_layer *layer)
{
    const struct sfu_nack_config config = {.reorder_us = SFU_NACK_REORDER_US,
                                           .retry_us = NACK_RETRY_US,
                                           .requests_max = NACK_REQUESTS_MAX,
                                           .missing_max = NACK_MISSING_MAX};
    return sfu_nack_tracker_create(&layer->nack, &config);
}

int sfu_up_layer_init(struct sfu_up_layer *layer, enum sfu_kind kind, struct sfu_context *context)
{
    memset(layer, 0, sizeof *layer);
    layer->stats.clock_hz = kind == SFU_AUDIO ? SFU_AUDIO_CLOCK_HZ : SFU_VIDEO_CLOCK_HZ;
    layer->pli_due_us = BASE_NEVER_US;
    if (kind == SFU_VIDEO && (create_nack(layer) != 0 ||
                              sfu_rtx_cache_create(&layer->cache, SFU_UP_TRACK_CACHE_PACKETS, context->packets) != 0))
        return BASE_ERR_NOMEM;
    return 0;
}

void sfu_up_layer_clear(struct sfu_up_layer *layer)
{
    sfu_nack_tracker_destroy(layer->nack);
    sfu_rtx_cache_destroy(layer->cache);
    layer->nack = NULL;
    layer->cache = NULL;
}

void sfu_up_layer_reset(struct sfu_up_layer *layer)
{
    if (layer->unwrap.started) {
        /* The first number of the new stream maps to at least this; see unwrap(). */
        layer->unwrap.highest = ((layer->unwrap.highest >> 16) + 2) << 16;
        layer->unwrap.started = false;
    }
    layer->stats = (struct sfu_rtp_stats){.clock_hz = layer->stats.clock_hz};
    layer->frame_segment_bytes = 0;
    if (!is_audio(layer)) {
        sfu_nack_tracker_destroy(layer->nack);
        (void)create_nack(layer); /* without memory: no requests, subscribers' PLIs repair the picture */
    }
}

void sfu_up_layer_set_ssrcs(struct sfu_up_layer *layer, uint32_t ssrc, uint32_t rtx_ssrc)
{
    layer->ssrc = ssrc;
    layer->rtx_ssrc = rtx_ssrc;
}

static uint64_t unwrap(struct sfu_up_layer *layer, uint16_t seq)
{
    if (!layer->unwrap.started && layer->unwrap.highest != 0) {
        layer->unwrap.started = true;
        layer->unwrap.highest |= seq;
    }
    return sfu_seq_unwrap(&layer->unwrap, seq);
}

/* Is this the first copy of the packet, and still of use? Publishers probe with copies of what they sent (RTX padding),
 * and an original may come after its retransmission. A copy must never go out twice: it would use an SRTP index again.
 * Packets given up or forgotten by the tracker count as copies too. */
static bool is_fresh(struct sfu_up_layer *layer, uint64_t now_us, uint64_t ext_seq, uint64_t highest_before,
                     bool retransmitted)
{
    if (is_audio(layer))
        return true; /* never retransmitted; SRTP has refused copies */
    if (ext_seq + SFU_UP_TRACK_CACHE_PACKETS <= highest_before || sfu_rtx_cache_get(layer->cache, ext_seq) != NULL)
        return false;
    bool ahead = highest_before == 0 || ext_seq > highest_before;
    if (ahead && retransmitted)
        return false; /* its original is still under way */
    if (ext_seq < layer->stream_start)
        return !retransmitted; /* the stream's first packets came out of order; SRTP has refused copies */
    if (layer->nack == NULL)
        return ahead;
    return sfu_nack_tracker_on_packet(layer->nack, now_us, ext_seq) || ahead;
}

bool sfu_up_layer_on_packet(struct sfu_up_layer *layer, uint64_t now_us, struct sfu_packet *packet, bool retransmitted)
{
    uint64_t highest_before = layer->unwrap.started ? layer->unwrap.highest : 0;
    packet->ext_seq =
        retransmitted ? sfu_seq_unwrap_peek(&layer->unwrap, packet->header.seq) : unwrap(layer, packet->header.seq);
    if (highest_before == 0 && !retransmitted)
        layer->stream_start = packet->ext_seq;
    if (!is_fresh(layer, now_us, packet->ext_seq, highest_before, retransmitted)) {
        layer->stats.duplicates++;
        return false;
    }
    sfu_rtp_stats_on_packet(&layer->stats, now_us, packet->ext_seq, packet->header.timestamp_ts, packet->payload_bytes,
                            retransmitted);
    return true;
}

void sfu_up_layer_forget(struct sfu_up_layer *layer, bool all)
{
    if (layer->nack != NULL)
        sfu_nack_tracker_forget_before(layer->nack, layer->unwrap.highest + 1);
    if (all && layer->cache != NULL) /* nobody else should lack the memory */
        sfu_rtx_cache_clear(layer->cache);
}

/* ---- key frames ---------------------------------------------------------------------------------------------- */

uint64_t sfu_up_layer_want_key_frame(struct sfu_up_layer *layer, uint64_t not_before_us)
{
    layer->wants_key_frame = true;
    uint64_t due_us = layer->pli_sent_us == 0 ? not_before_us : layer->pli_sent_us + SFU_PLI_INTERVAL_US;
    if (due_us < not_before_us)
        due_us = not_before_us;
    if (due_us < layer->pli_due_us)
        layer->pli_due_us = due_us;
    return layer->pli_due_us;
}

void sfu_up_layer_on_key_frame(struct sfu_up_layer *layer)
{
    layer->wants_key_frame = false;
    layer->pli_due_us = BASE_NEVER_US;
}

bool sfu_up_layer_poll_key_frame(struct sfu_up_layer *layer, uint64_t now_us, struct sfu_link *link, bool needed)
{
    if (now_us < layer->pli_due_us)
        return false;
    layer->pli_due_us = BASE_NEVER_US;
    if (!layer->wants_key_frame || !needed)
        return false;
    layer->pli_due_us = now_us + SFU_PLI_REPEAT_US;
    uint8_t rtcp[32];
    size_t bytes = layer->ssrc == 0 ? 0 : sfu_rtcp_write_pli(rtcp, sizeof rtcp, link->rtcp_ssrc, layer->ssrc);
    if (bytes == 0 || !sfu_link_send_rtcp(link, rtcp, bytes))
        return false; /* not connected, or no stream yet: its first frame will be a key frame; else the repetition asks
                       */
    layer->pli_sent_us = now_us;
    return true;
}

/* ---- timers -------------------------------------------------------------------------------------------------- */

size_t sfu_up_layer_poll_nack(struct sfu_up_layer *layer, uint64_t now_us, struct sfu_link *link, uint32_t rtt_us,
                              bool *gave_up)
{
    *gave_up = false;
    if (layer->nack == NULL || now_us < sfu_nack_tracker_deadline_us(layer->nack))
        return 0;
    uint32_t retry_us = rtt_us == 0 ? NACK_RETRY_US : rtt_us + rtt_us / 4;
    retry_us = retry_us < NACK_RETRY_MIN_US ? NACK_RETRY_MIN_US : retry_us;
    sfu_nack_tracker_set_retry_us(layer->nack, retry_us > NACK_RETRY_MAX_US ? NACK_RETRY_MAX_US : retry_us);
    uint16_t seqs[NACK_BATCH];
    size_t count, sent = 0;
    do {
        count = sfu_nack_tracker_poll(layer->nack, now_us, seqs, NACK_BATCH);
        uint8_t rtcp[12 + 4 * NACK_BATCH];
        size_t bytes =
            count == 0 ? 0
                       : sfu_rtcp_write_nack(rtcp, sizeof rtcp, link->rtcp_ssrc, layer->ssrc, seqs, (unsigned)count);
        if (bytes > 0 && sfu_link_send_rtcp(link, rtcp, bytes))
            sent += count;
    } while (count == NACK_BATCH);
    *gave_up = sfu_nack_tracker_take_gave_up(layer->nack);
    return sent;
}

uint64_t sfu_up_layer_deadline_us(const struct sfu_up_layer *layer)
{
    uint64_t deadline_us = layer->nack == NULL ? BASE_NEVER_US : sfu_nack_tracker_deadline_us(layer->nack);
    return layer->pli_due_us < deadline_us ? layer->pli_due_us : deadline_us;
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

bool sfu_up_layer_shift_ts(const struct sfu_up_layer *from, const struct sfu_up_layer *to, uint32_t *shift_ts)
{
    if (!from->stats.has_sr || !to->stats.has_sr)
        return false;
    const int64_t second_ntp = INT64_C(1) << 32;
    int64_t apart_ntp = (int64_t)(to->stats.sr_ntp - from->stats.sr_ntp);
    if (apart_ntp > SHIFT_MAX_S * second_ntp || apart_ntp < -SHIFT_MAX_S * second_ntp)
        return false;
    int64_t apart_ts = apart_ntp * (int64_t)SFU_VIDEO_CLOCK_HZ / second_ntp;
    *shift_ts = to->stats.sr_rtp_ts - from->stats.sr_rtp_ts - (uint32_t)apart_ts;
    return true;
}
