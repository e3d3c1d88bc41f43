/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/forwarder.h"

#include <string.h>

#include "base/bytes.h"
#include "sfu/room/down_track.h"
#include "sfu/room/up_track.h"

#define RTP_EXT_PROFILE_ONE_BYTE 0xBEDE /* RFC 8285 section 4.2 */
#define STALE_TS                 450    /* 5 ms: browsers' sender reports are some milliseconds off */

void sfu_forward_ext_prepare(struct sfu_forward_ext *ext, const char *mid, bool audio)
{
    struct sfu_rtp_ext_map map = {0};
    struct sfu_rtp_ext_values values = {.has = 1u << SFU_RTP_EXT_TRANSPORT_CC};
    uint16_t offset_of[SFU_RTP_EXT_KIND_COUNT];
    (void)sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_MID, SFU_SEND_EXT_MID);
    (void)sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_AUDIO_LEVEL, SFU_SEND_EXT_AUDIO_LEVEL);
    (void)sfu_rtp_ext_map_set(&map, SFU_RTP_EXT_TRANSPORT_CC, SFU_SEND_EXT_TRANSPORT_CC);
    size_t mid_len = strnlen(mid, sizeof values.mid - 1);
    if (mid_len > 0) {
        memcpy(values.mid, mid, mid_len);
        values.has |= 1u << SFU_RTP_EXT_MID;
    }
    if (audio)
        values.has |= 1u << SFU_RTP_EXT_AUDIO_LEVEL;
    memset(ext, 0, sizeof *ext);
    ext->bytes = (uint8_t)sfu_rtp_ext_write(ext->data, sizeof ext->data, &map, &values, offset_of);
    if (ext->bytes == 0)
        return;
    ext->level_at = (uint8_t)offset_of[SFU_RTP_EXT_AUDIO_LEVEL];
    ext->seq_at = (uint8_t)offset_of[SFU_RTP_EXT_TRANSPORT_CC];
}

size_t sfu_forward_ext_write(const struct sfu_forward_ext *ext, uint8_t *out, const struct sfu_packet *packet,
                             uint16_t *transport_seq)
{
    memcpy(out, ext->data, sizeof ext->data); /* a constant size is a few moves; what is too much is overwritten */
    if (ext->level_at != 0) {
        if (packet->has_audio_level) {
            out[ext->level_at] = (uint8_t)((packet->audio_voice ? 0x80u : 0u) | (packet->audio_level & 0x7fu));
        } else {
            out[ext->level_at - 1] = 0;
            out[ext->level_at] = 0;
        }
    }
    if (ext->seq_at != 0)
        base_put_be16(out + ext->seq_at, (*transport_seq)++);
    return ext->bytes;
}

/* With `layered` picture ids may have to be written: then the payload is copied behind the header and encrypted there.
 */
static inline __attribute__((always_inline)) void send_to(struct sfu_context *context, struct sfu_forward_slot *slot,
                                                          uint64_t now_us, const struct sfu_packet *packet,
                                                          size_t pad_bytes, bool layered)
{
    uint64_t ext_seq;
    uint32_t timestamp_ts;
    uint16_t picture_id;
    uint8_t tl0;
    if (sfu_rtp_rewriter_map(slot->rewriter, now_us, packet->ext_seq, packet->header.timestamp_ts, &ext_seq,
                             &timestamp_ts) != 0)
        return;
    bool write_ids = layered && sfu_picture_rewriter_map(&slot->down->pictures, &packet->picture,
                                                         ext_seq == slot->rewriter->highest_out, &picture_id, &tl0);
    /* Mapped before reserved: a packet that finds the egress full is a loss that a NACK can still repair. */
    size_t plain_bytes = SFU_RTP_HEADER_MIN_BYTES + sizeof slot->ext.data + packet->payload_bytes + pad_bytes;
    uint8_t *out = sfu_transport_reserve_rtp(slot->transport, plain_bytes);
    if (out == NULL)
        return;
    const struct sfu_rtp_header header = {.padding = pad_bytes > 0,
                                          .marker = packet->header.marker,
                                          .payload_type = slot->payload_type,
                                          .seq = (uint16_t)ext_seq,
                                          .timestamp_ts = timestamp_ts,
                                          .ssrc = slot->ssrc,
                                          .ext_profile = slot->ext.bytes > 0 ? RTP_EXT_PROFILE_ONE_BYTE : 0};
    sfu_rtp_write_fixed(out, &header);
    size_t header_bytes = SFU_RTP_HEADER_MIN_BYTES + sfu_forward_ext_write(&slot->ext, out + SFU_RTP_HEADER_MIN_BYTES,
                                                                           packet, slot->transport_seq);
    const uint8_t *payload = packet->data + packet->payload_offset;
    if (layered && write_ids) {
        payload = memcpy(out + header_bytes, payload, packet->payload_bytes);
        sfu_picture_ids_write(out + header_bytes, &packet->picture, picture_id, tl0);
    }
    size_t sent = sfu_transport_send_rtp(slot->transport, out, header_bytes, ext_seq, slot->ssrc, payload,
                                         packet->payload_bytes, pad_bytes);
    if (sent == 0)
        return;
    slot->packets++;
    slot->octets += packet->payload_bytes;
    context->stats.rtp_forwarded++;
    context->stats.rtp_forwarded_bytes += sent;
    context->stats.padding_bytes_out += pad_bytes;
}

static void send_one(struct sfu_context *context, struct sfu_forward_slot *slot, uint64_t now_us,
                     const struct sfu_packet *packet, size_t pad_bytes)
{
    send_to(context, slot, now_us, packet, pad_bytes, false);
}

static void send_layered(struct sfu_context *context, struct sfu_forward_slot *slot, uint64_t now_us,
                         const struct sfu_packet *packet, size_t pad_bytes)
{
    send_to(context, slot, now_us, packet, pad_bytes, true);
}

/* A key frame's first packet came late (reordered, or retransmitted): what arrived after it was passed over and has to
 * follow now, or the subscriber would see a hole where nothing was lost. */
static void catch_up(struct sfu_context *context, const struct sfu_up_layer *layer, struct sfu_forward_slot *slot,
                     uint64_t now_us, uint64_t key_ext_seq, bool layered)
{
    if (layer->cache == NULL || key_ext_seq >= layer->unwrap.highest ||
        layer->unwrap.highest - key_ext_seq >= SFU_UP_TRACK_CACHE_PACKETS)
        return;
    for (uint64_t seq = key_ext_seq + 1; seq <= layer->unwrap.highest; seq++) {
        const struct sfu_packet *packet = sfu_rtx_cache_get(layer->cache, seq);
        if (packet == NULL)
            continue;
        if (layered)
            send_layered(context, slot, now_us, packet, 0);
        else
            send_one(context, slot, now_us, packet, 0);
    }
}

/* ---- simulcast ------------------------------------------------------------------------------------------------- */

/* At the first packet of a key frame of `layer`: the slot goes over to it, or (false) waits for a better one. */
static bool change_layer(struct sfu_up_track *up, struct sfu_forward_slot *slot, unsigned layer, uint64_t now_us,
                         const struct sfu_packet *packet)
{
    struct sfu_rtp_rewriter *rewriter = slot->rewriter;
    const struct sfu_up_layer *from = sfu_up_track_layer_of(up, slot);
    uint32_t shift_ts;
    if (from != NULL && sfu_up_layer_shift_ts(&up->layers[layer], from, &shift_ts)) {
        uint32_t offset_ts = sfu_rtp_rewriter_clock_offset_ts(rewriter) + shift_ts;
        int32_t ahead_ts = sfu_rtp_rewriter_ahead_ts(rewriter, packet->header.timestamp_ts, offset_ts);
        if (ahead_ts < -STALE_TS && sfu_layer_selector_refuse(&slot->layers)) {
            sfu_up_track_request_key_frame(up, layer, now_us);
            return false;
        }
        sfu_rtp_rewriter_switch_to(rewriter, offset_ts);
    } else {
        sfu_rtp_rewriter_switch(rewriter);
    }
    sfu_picture_rewriter_switch(&slot->down->pictures);
    sfu_layer_selector_changed(&slot->layers, layer);
    return true;
}

static void send_layer(struct sfu_context *context, struct sfu_up_track *up, unsigned layer, uint64_t now_us,
                       const struct sfu_packet *packet, size_t pad_bytes)
{
    for (uint32_t i = 0; i < up->slot_count; i++) {
        struct sfu_forward_slot *slot = &up->slots[i];
        if (slot->transport == NULL)
            continue;
        switch (sfu_layer_selector_decide(&slot->layers, layer, packet->key_frame)) {
        case SFU_LAYER_DROP:
            break;
        case SFU_LAYER_FORWARD:
            send_layered(context, slot, now_us, packet, pad_bytes);
            break;
        case SFU_LAYER_CHANGE:
            if (!change_layer(up, slot, layer, now_us, packet))
                break;
            context->stats.layer_changes++;
            send_layered(context, slot, now_us, packet, pad_bytes);
            catch_up(context, &up->layers[layer], slot, now_us, packet->ext_seq, true);
            if (slot->layers.target != layer) /* it took what came first */
                sfu_up_track_choose_layer(up, slot, now_us);
            break;
        }
    }
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

void sfu_forwarder_send(struct sfu_context *context, struct sfu_up_track *up, unsigned layer, uint64_t now_us,
                        const struct sfu_packet *packet, size_t pad_bytes)
{
    if (up->layer_count > 1) {
        send_layer(context, up, layer, now_us, packet, pad_bytes);
        return;
    }
    for (uint32_t i = 0; i < up->slot_count; i++) {
        struct sfu_forward_slot *slot = &up->slots[i];
        if (i + 1 < up->slot_count)
            __builtin_prefetch(up->slots[i + 1].rewriter, 1);
        if (slot->transport == NULL)
            continue;
        if (!slot->waiting) {
            send_one(context, slot, now_us, packet, pad_bytes);
            continue;
        }
        if (!packet->key_frame)
            continue;
        slot->waiting = false;
        send_one(context, slot, now_us, packet, pad_bytes);
        catch_up(context, &up->layers[0], slot, now_us, packet->ext_seq, false);
    }
}

void sfu_forwarder_drop(struct sfu_up_track *up, unsigned layer, uint64_t ext_seq)
{
    for (uint32_t i = 0; i < up->slot_count; i++) {
        struct sfu_forward_slot *slot = &up->slots[i];
        bool gets = up->layer_count > 1 ? slot->layers.current == layer : !slot->waiting;
        if (slot->transport != NULL && gets)
            sfu_rtp_rewriter_drop(slot->rewriter, ext_seq);
    }
}
