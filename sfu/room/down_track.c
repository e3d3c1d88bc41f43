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
        sfu_up_track_stop_slot(down->up, &down->up->slots[down->slot]);
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

static bool is_paused(const struct sfu_down_track *down)
{
    return down->config.view.paused && down->kind == SFU_VIDEO;
}

static unsigned layer_limit(const struct sfu_down_track *down)
{
    uint8_t layers_max = down->config.view.layers_max;
    return layers_max == 0 || layers_max > SFU_LAYERS_MAX ? SFU_LAYERS_MAX - 1 : layers_max - 1u;
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
    sfu_layer_selector_init(&slot->layers, layer_limit(down));
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

/* The slot sends there, or (NULL) nowhere. Returns true if it starts. */
static bool set_slot_transport(struct sfu_down_track *down, struct sfu_transport *transport)
{
    struct sfu_forward_slot *slot = &down->up->slots[down->slot];
    bool starts = slot->transport == NULL && transport != NULL;
    slot->transport = transport;
    if (!starts)
        return false;
    /* What was sent to nobody meanwhile is no loss. */
    sfu_rtp_rewriter_switch(&down->rewriter);
    sfu_up_track_stop_slot(down->up, slot);
    return true;
}

void sfu_down_track_set_transport(struct sfu_down_track *down, uint64_t now_us, struct sfu_transport *transport)
{
    if (down->up == NULL || !set_slot_transport(down, is_paused(down) ? NULL : transport))
        return;
    down->waits_by_choice = false;
    sfu_up_track_choose_layer(down->up, &down->up->slots[down->slot], now_us);
}

void sfu_down_track_set_view(struct sfu_down_track *down, uint64_t now_us, const struct sfu_view *view)
{
    down->config.view = *view;
    if (down->up == NULL || down->kind != SFU_VIDEO)
        return;
    struct sfu_forward_slot *slot = &down->up->slots[down->slot];
    slot->layers.limit = (uint8_t)layer_limit(down);
    struct sfu_transport *transport = is_paused(down) ? NULL : sfu_participant_send_transport(down->subscriber);
    bool starts = set_slot_transport(down, transport);
    if (transport == NULL)
        return;
    down->waits_by_choice = down->waits_by_choice || starts;
    uint8_t target = slot->layers.target;
    bool simulcast = down->up->layer_count > 1;
    if (simulcast)
        (void)sfu_layer_selector_update(&slot->layers, &down->up->activity);
    /* A key frame that somebody makes us ask for: within their budget now, else at its pace. */
    if (!starts && (!simulcast || slot->layers.target == target || slot->layers.target == slot->layers.current))
        return;
    bool at_once = sfu_token_bucket_take(&down->key_frames, now_us, SFU_KEY_FRAMES_PER_S, SFU_KEY_FRAMES_BURST, 1);
    sfu_up_track_choose_layer(down->up, slot, at_once ? now_us : now_us + 1000000u / SFU_KEY_FRAMES_PER_S);
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
    uint16_t picture_id;
    uint8_t tl0;
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
    uint8_t *payload = out + header_bytes + RTX_OSN_BYTES;
    memcpy(payload, packet->data + packet->payload_offset, packet->payload_bytes);
    if (down->up->layer_count > 1 &&
        sfu_picture_rewriter_map(&down->pictures, &packet->picture, false, &picture_id, &tl0))
        sfu_picture_ids_write(payload, &packet->picture, picture_id, tl0);
    return sfu_transport_send_rtp(transport, out, header_bytes, down->rtx_ext_seq++, down->config.rtx_ssrc,
                                  out + header_bytes, payload_bytes, 0) > 0;
}

void sfu_down_track_on_nack(struct sfu_down_track *down, uint64_t now_us, uint16_t seq, uint32_t *budget)
{
    struct sfu_stats *stats = &down->context->stats;
    stats->nack_received++;
    if (down->up == NULL || down->config.rtx_ssrc == 0 || down->up->slots[down->slot].transport == NULL)
        return;
    const struct sfu_up_layer *layer = sfu_up_track_layer_of(down->up, &down->up->slots[down->slot]);
    struct sfu_down_track_resent *resent = &down->resent[seq % SFU_DOWN_TRACK_RESENT];
    uint32_t rtt_us = down->subscriber->rtt_us;
    uint64_t rest_us = rtt_us > SFU_RESEND_MIN_US ? rtt_us : SFU_RESEND_MIN_US;
    if (resent->at_us != 0 && resent->seq == seq && now_us < resent->at_us + rest_us)
        return;
    uint64_t source_ext_seq, out_ext_seq;
    const struct sfu_packet *packet = NULL;
    if (layer != NULL && layer->cache != NULL &&
        sfu_rtp_rewriter_find(&down->rewriter, seq, &source_ext_seq, &out_ext_seq) == 0)
        packet = sfu_rtx_cache_get(layer->cache, source_ext_seq);
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
    if (up == NULL || up->slots[down->slot].transport == NULL || !down->rewriter.has_source)
        return false;
    const struct sfu_up_layer *layer = sfu_up_track_layer_of(up, &up->slots[down->slot]);
    if (layer == NULL || !layer->stats.has_sr)
        return false;
    uint64_t wall_us = sfu_context_wall_us(down->context, now_us);
    int64_t publisher_us = (int64_t)wall_us - up->owner->clock_offset_us;
    int64_t since_us = publisher_us - sfu_participant_wall_us_of_ntp(layer->stats.sr_ntp);
    if (since_us > SR_EXTRAPOLATE_S * INT64_C(1000000) || since_us < -SR_EXTRAPOLATE_S * INT64_C(1000000))
        return false;
    int64_t ticks = since_us * (int64_t)clock_hz(down->kind) / 1000000;
    *out = (struct sfu_rtcp_sr){
        .ssrc = down->config.ssrc,
        .ntp = sfu_ntp_of_wall_us(wall_us),
        .rtp_ts = layer->stats.sr_rtp_ts + (uint32_t)ticks + down->rewriter.timestamp_offset_ts,
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
    struct sfu_forward_slot *slot = &down->up->slots[down->slot];
    bool simulcast = down->up->layer_count > 1;
    bool waits = simulcast ? slot->layers.current == SFU_LAYER_NONE : slot->waiting;
    if (slot->transport == NULL)
        return;
    if (!(waits && !down->waits_by_choice) &&
        !sfu_token_bucket_take(&down->key_frames, now_us, SFU_KEY_FRAMES_PER_S, SFU_KEY_FRAMES_BURST, 1))
        return;
    sfu_up_track_request_key_frame(down->up,
                                   !simulcast ? 0
                                   : waits    ? slot->layers.target
                                              : slot->layers.current,
                                   now_us);
}
