/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/down_track.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sfu/media/rtp_stats.h"
#include "sfu/room/participant.h"
#include "sfu/room/up_track.h"

#define RTX_OSN_BYTES    2      /* RFC 4588 section 4 */
#define SR_EXTRAPOLATE_S 3600   /* a publisher's report older than this says nothing any more */
#define FIRST_SEQ_MASK   0x3fff /* below 2^15: receivers must guess a rollover counter of 0 */

static uint32_t clock_hz(enum sfu_kind kind)
{
    return kind == SFU_AUDIO ? SFU_AUDIO_CLOCK_HZ : SFU_VIDEO_CLOCK_HZ;
}

static uint16_t first_seq(struct sfu_context *context)
{
    return (uint16_t)((sfu_context_random(context) & FIRST_SEQ_MASK) + 1);
}

void sfu_down_track_restart(struct sfu_down_track *down)
{
    struct sfu_context *context = down->context;
    sfu_rtp_rewriter_init(&down->rewriter, clock_hz(down->kind), first_seq(context), sfu_context_random(context));
    down->rtx_ext_seq = first_seq(context);
    down->packets = 0;
    down->octets = 0;
    memset(down->resent, 0, sizeof down->resent);
    if (down->up != NULL) {
        down->up->slots[down->slot].packets = 0;
        down->up->slots[down->slot].octets = 0;
        down->up->slots[down->slot].waiting = down->kind == SFU_VIDEO;
    }
}

static void resume(struct sfu_down_track *down, const struct sfu_down_track_past *past)
{
    down->rewriter.started = true;
    down->rewriter.has_source = false;
    down->rewriter.highest_out = past->highest_out;
    down->rewriter.highest_out_timestamp_ts = past->timestamp_ts;
    down->rewriter.highest_out_us = past->sent_us;
    down->rtx_ext_seq = past->rtx_ext_seq;
}

int sfu_down_track_create(struct sfu_down_track **out, struct sfu_participant *subscriber, enum sfu_kind kind,
                          const struct sfu_down_track_config *config, const struct sfu_down_track_past *past)
{
    *out = NULL;
    struct sfu_down_track *down = calloc(1, sizeof *down);
    if (down == NULL)
        return BASE_ERR_NOMEM;
    down->context = subscriber->context;
    down->subscriber = subscriber;
    down->kind = kind;
    sfu_down_track_restart(down);
    if (past != NULL && past->highest_out != 0)
        resume(down, past);
    sfu_down_track_configure(down, config);
    *out = down;
    return 0;
}

void sfu_down_track_destroy(struct sfu_down_track *down)
{
    if (down == NULL)
        return;
    sfu_down_track_detach(down);
    free(down);
}

void sfu_down_track_configure(struct sfu_down_track *down, const struct sfu_down_track_config *config)
{
    down->config = *config;
    down->config.mid[sizeof down->config.mid - 1] = '\0';
    sfu_forward_ext_prepare(&down->rtx_ext, down->config.mid, false);
    if (down->up != NULL)
        sfu_forward_ext_prepare(&down->up->slots[down->slot].ext, down->config.mid, down->kind == SFU_AUDIO);
}

int sfu_down_track_attach(struct sfu_down_track *down, uint64_t now_us, struct sfu_up_track *up)
{
    if (down->up != NULL)
        sfu_down_track_detach(down);
    struct sfu_forward_slot *slot = sfu_up_track_add_slot(up);
    if (slot == NULL)
        return BASE_ERR_NOMEM;
    slot->rewriter = &down->rewriter;
    slot->transport_seq = &down->subscriber->transport_seq;
    slot->down = down;
    slot->ssrc = down->config.ssrc;
    slot->packets = down->packets;
    slot->octets = down->octets;
    slot->payload_type = sfu_send_payload_type(down->kind, up->config.video_codec);
    slot->waiting = down->kind == SFU_VIDEO;
    sfu_forward_ext_prepare(&slot->ext, down->config.mid, down->kind == SFU_AUDIO);
    down->up = up;
    down->slot = up->slot_count - 1;
    sfu_down_track_set_transport(down, now_us, sfu_participant_send_transport(down->subscriber));
    return 0;
}

void sfu_down_track_detach(struct sfu_down_track *down)
{
    if (down->up == NULL)
        return;
    struct sfu_forward_slot *slot = &down->up->slots[down->slot];
    down->packets = slot->packets;
    down->octets = slot->octets;
    sfu_rtp_rewriter_switch(&down->rewriter);
    sfu_up_track_remove_slot(down->up, down->slot);
    down->up = NULL;
}

void sfu_down_track_set_transport(struct sfu_down_track *down, uint64_t now_us, struct sfu_transport *transport)
{
    if (down->up == NULL)
        return;
    struct sfu_forward_slot *slot = &down->up->slots[down->slot];
    bool starts = slot->transport == NULL && transport != NULL;
    slot->transport = transport;
    if (!starts)
        return;
    /* What was sent to nobody meanwhile is no loss. */
    sfu_rtp_rewriter_switch(&down->rewriter);
    slot->waiting = down->kind == SFU_VIDEO;
    sfu_up_track_request_key_frame(down->up, now_us);
}

void sfu_down_track_past_of(const struct sfu_down_track *down, struct sfu_down_track_past *out)
{
    *out = (struct sfu_down_track_past){.ssrc = down->config.ssrc,
                                        .rtx_ssrc = down->config.rtx_ssrc,
                                        .timestamp_ts = down->rewriter.highest_out_timestamp_ts,
                                        .highest_out = down->rewriter.started ? down->rewriter.highest_out : 0,
                                        .sent_us = down->rewriter.highest_out_us,
                                        .rtx_ext_seq = down->rtx_ext_seq};
}

/* ---- retransmission ------------------------------------------------------------------------------------------ */

static bool send_rtx(struct sfu_down_track *down, const struct sfu_packet *packet, uint16_t original_seq)
{
    struct sfu_transport *transport = down->up->slots[down->slot].transport;
    size_t payload_bytes = RTX_OSN_BYTES + (size_t)packet->payload_bytes;
    uint8_t *out = sfu_transport_reserve_rtp(transport, SFU_RTP_HEADER_MIN_BYTES + SFU_FORWARD_EXT_MAX + payload_bytes);
    if (out == NULL)
        return false;
    const struct sfu_rtp_header header = {
        .marker = packet->header.marker,
        .payload_type = sfu_send_rtx_payload_type(down->up->config.video_codec),
        .seq = (uint16_t)down->rtx_ext_seq,
        .timestamp_ts = packet->header.timestamp_ts + down->rewriter.timestamp_offset_ts,
        .ssrc = down->config.rtx_ssrc,
        .ext_profile = down->rtx_ext.bytes > 0 ? 0xBEDE : 0,
    };
    sfu_rtp_write_fixed(out, &header);
    size_t header_bytes =
        SFU_RTP_HEADER_MIN_BYTES +
        sfu_forward_ext_write(&down->rtx_ext, out + SFU_RTP_HEADER_MIN_BYTES, packet, &down->subscriber->transport_seq);
    base_put_be16(out + header_bytes, original_seq);
    memcpy(out + header_bytes + RTX_OSN_BYTES, packet->data + packet->payload_offset, packet->payload_bytes);
    return sfu_transport_send_rtp(transport, out, header_bytes, down->rtx_ext_seq++, down->config.rtx_ssrc,
                                  out + header_bytes, payload_bytes, 0) > 0;
}

void sfu_down_track_on_nack(struct sfu_down_track *down, uint64_t now_us, uint16_t seq, uint32_t *budget)
{
    struct sfu_stats *stats = &down->context->stats;
    stats->nack_received++;
    if (down->up == NULL || down->up->cache == NULL || down->config.rtx_ssrc == 0 ||
        down->up->slots[down->slot].transport == NULL)
        return;
    struct sfu_down_track_resent *resent = &down->resent[seq % SFU_DOWN_TRACK_RESENT];
    uint32_t rtt_us = down->subscriber->rtt_us;
    uint64_t rest_us = rtt_us > SFU_RESEND_MIN_US ? rtt_us : SFU_RESEND_MIN_US;
    if (resent->at_us != 0 && resent->seq == seq && now_us < resent->at_us + rest_us)
        return;
    uint64_t source_ext_seq, out_ext_seq;
    const struct sfu_packet *packet = NULL;
    if (sfu_rtp_rewriter_find(&down->rewriter, seq, &source_ext_seq, &out_ext_seq) == 0)
        packet = sfu_rtx_cache_get(down->up->cache, source_ext_seq);
    if (packet == NULL) {
        stats->rtx_not_found++;
        return;
    }
    if (*budget == 0)
        return;
    (*budget)--;
    resent->seq = seq;
    resent->at_us = now_us;
    if (send_rtx(down, packet, seq))
        stats->rtx_sent++;
}

/* ---- sender reports ------------------------------------------------------------------------------------------ */

bool sfu_down_track_sender_report(const struct sfu_down_track *down, uint64_t now_us, struct sfu_rtcp_sr *out)
{
    const struct sfu_up_track *up = down->up;
    if (up == NULL || up->slots[down->slot].transport == NULL || !down->rewriter.has_source || !up->stats.has_sr)
        return false;
    uint64_t wall_us = sfu_context_wall_us(down->context, now_us);
    int64_t publisher_us = (int64_t)wall_us - up->owner->clock_offset_us;
    int64_t since_us = publisher_us - sfu_participant_wall_us_of_ntp(up->stats.sr_ntp);
    if (since_us > SR_EXTRAPOLATE_S * INT64_C(1000000) || since_us < -SR_EXTRAPOLATE_S * INT64_C(1000000))
        return false;
    int64_t ticks = since_us * (int64_t)clock_hz(down->kind) / 1000000;
    *out = (struct sfu_rtcp_sr){
        .ssrc = down->config.ssrc,
        .ntp = sfu_ntp_of_wall_us(wall_us),
        .rtp_ts = up->stats.sr_rtp_ts + (uint32_t)ticks + down->rewriter.timestamp_offset_ts,
        .packet_count = up->slots[down->slot].packets,
        .octet_count = up->slots[down->slot].octets,
    };
    return true;
}

/* ---- key frames -------------------------------------------------------------------------------------------------- */

void sfu_down_track_on_key_frame_request(struct sfu_down_track *down, uint64_t now_us)
{
    if (down->up == NULL)
        return;
    if (down->up->slots[down->slot].waiting ||
        sfu_token_bucket_take(&down->key_frames, now_us, SFU_KEY_FRAMES_PER_S, SFU_KEY_FRAMES_BURST, 1))
        sfu_up_track_request_key_frame(down->up, now_us);
}
