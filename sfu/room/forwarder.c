/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/forwarder.h"

#include <string.h>

#include "base/bytes.h"
#include "sfu/room/up_track.h"

#define RTP_EXT_PROFILE_ONE_BYTE 0xBEDE /* RFC 8285 section 4.2 */

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

static void send_one(struct sfu_context *context, struct sfu_forward_slot *slot, uint64_t now_us,
                     const struct sfu_packet *packet, size_t pad_bytes)
{
    uint64_t ext_seq;
    uint32_t timestamp_ts;
    if (sfu_rtp_rewriter_map(slot->rewriter, now_us, packet->ext_seq, packet->header.timestamp_ts, &ext_seq,
                             &timestamp_ts) != 0)
        return;
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
    size_t sent = sfu_transport_send_rtp(slot->transport, out, header_bytes, ext_seq, slot->ssrc,
                                         packet->data + packet->payload_offset, packet->payload_bytes, pad_bytes);
    if (sent == 0)
        return;
    slot->packets++;
    slot->octets += packet->payload_bytes;
    context->stats.rtp_forwarded++;
    context->stats.rtp_forwarded_bytes += sent;
    context->stats.padding_bytes_out += pad_bytes;
}

/* A key frame's first packet came late (reordered, or retransmitted): what arrived after it was passed over and has to
 * follow now, or the subscriber would see a hole where nothing was lost. */
static void catch_up(struct sfu_context *context, struct sfu_up_track *up, struct sfu_forward_slot *slot,
                     uint64_t now_us, uint64_t key_ext_seq)
{
    for (uint64_t seq = key_ext_seq + 1; seq <= up->unwrap.highest; seq++) {
        const struct sfu_packet *packet = sfu_rtx_cache_get(up->cache, seq);
        if (packet != NULL)
            send_one(context, slot, now_us, packet, 0);
    }
}

void sfu_forwarder_send(struct sfu_context *context, struct sfu_up_track *up, uint64_t now_us,
                        const struct sfu_packet *packet, size_t pad_bytes)
{
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
        if (up->cache != NULL && packet->ext_seq < up->unwrap.highest &&
            up->unwrap.highest - packet->ext_seq < SFU_UP_TRACK_CACHE_PACKETS)
            catch_up(context, up, slot, now_us, packet->ext_seq);
    }
}

void sfu_forwarder_drop(struct sfu_up_track *up, uint64_t ext_seq)
{
    for (uint32_t i = 0; i < up->slot_count; i++) {
        struct sfu_forward_slot *slot = &up->slots[i];
        if (slot->transport != NULL && !slot->waiting)
            sfu_rtp_rewriter_drop(slot->rewriter, ext_seq);
    }
}
