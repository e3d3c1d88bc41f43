/* SPDX-License-Identifier: Apache-2.0 */
/* One packet: descriptor, bytes of the codec, stamp, header with extensions. */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "bench/client/send_internal.h"
#include "bench/client/stamp.h"
#include "bench/client/vp9_payload.h"

#define OPUS_TOC             0xF8u /* CELT fullband 20 ms mono: what a real one starts with */
#define VP8_FRAME_HEADER     3u
#define VP8_KEY_FRAME_HEADER 10u

static bool is_vp9(const struct bench_send_stream *stream)
{
    return stream->config.codec == BENCH_VP9;
}

/* RFC 7741 section 4.2: X, then I (15 bits), and L and T if wanted. Returns its length. */
static size_t write_vp8_descriptor(const struct bench_send_stream *stream, const struct bench_sent_packet *packet,
                                   uint8_t *out)
{
    bool layers = stream->config.temporal_fields;
    out[0] = (uint8_t)(0x80 | (packet->packet == 0 ? 0x10 : 0));
    out[1] = (uint8_t)(0x80 | (layers ? 0x60 : 0));
    base_put_be16(out + 2, (uint16_t)(0x8000 | packet->picture_id));
    if (!layers)
        return 4;
    out[4] = packet->tl0_pic_idx;
    out[5] = 0x20; /* TID 0, Y 1 */
    return 6;
}

static size_t write_descriptor(const struct bench_send_stream *stream, const struct bench_sent_packet *packet,
                               uint8_t *out)
{
    if (!stream->config.video)
        return 0;
    if (!is_vp9(stream))
        return write_vp8_descriptor(stream, packet, out);
    bool structure = packet->key_frame && packet->packet == 0;
    const struct bench_vp9_payload fields = {.start = packet->packet == 0,
                                             .end = packet->packet + 1 == packet->packet_count,
                                             .inter = !packet->key_frame,
                                             .has_layers = stream->config.temporal_fields,
                                             .picture_id = packet->picture_id,
                                             .tl0_pic_idx = packet->tl0_pic_idx,
                                             .width = structure ? packet->width : 0,
                                             .height = structure ? packet->height : 0};
    return bench_vp9_payload_write(out, &fields);
}

/* RFC 7741 section 4.3 and RFC 6386 section 9.1: what an SFU may look at. Returns its length. */
static size_t write_vp8_frame_header(uint8_t *out, bool key_frame, uint32_t partition_bytes)
{
    uint32_t tag = (key_frame ? 0u : 1u) | 1u << 4 | (partition_bytes & 0x7FFFF) << 5;
    out[0] = (uint8_t)tag;
    out[1] = (uint8_t)(tag >> 8);
    out[2] = (uint8_t)(tag >> 16);
    if (!key_frame)
        return VP8_FRAME_HEADER;
    static const uint8_t start_code_640x360[] = {0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01};
    memcpy(out + VP8_FRAME_HEADER, start_code_640x360, sizeof start_code_640x360);
    return VP8_KEY_FRAME_HEADER;
}

static void write_filler(const struct bench_send_stream *stream, const struct bench_sent_packet *packet, uint8_t *out)
{
    size_t at = 0;
    if (!stream->config.video)
        out[at++] = OPUS_TOC;
    else if (packet->packet == 0 && is_vp9(stream))
        out[at++] = packet->key_frame ? 0x82 : 0x86; /* frame marker, profile 0, frame type, shown */
    else if (packet->packet == 0)
        at = write_vp8_frame_header(out, packet->key_frame, packet->data_bytes);
    bench_stamp_fill(out + at, packet->data_bytes - at, stream->config.publisher, packet->serial);
}

/* Returns the payload's length. */
static size_t build_payload(const struct bench_send_stream *stream, const struct bench_sent_packet *packet,
                            uint8_t out[BENCH_SEND_PAYLOAD_MAX])
{
    size_t skip = write_descriptor(stream, packet, out);
    size_t bytes = skip + packet->data_bytes + BENCH_STAMP_BYTES;
    assert(bytes <= BENCH_SEND_PAYLOAD_MAX);
    if (packet->data != NULL)
        memcpy(out + skip, packet->data, packet->data_bytes);
    else
        write_filler(stream, packet, out + skip);
    const struct bench_stamp stamp = {.publisher = stream->config.publisher,
                                      .stream = (uint16_t)stream->config.stream,
                                      .layer = stream->config.layer,
                                      .frame = packet->frame,
                                      .serial = packet->serial,
                                      .content = packet->content,
                                      .packet = packet->packet,
                                      .packet_count = packet->packet_count,
                                      .run = packet->run,
                                      .key_frame = packet->key_frame,
                                      .voice = packet->voice,
                                      .send_us = packet->send_us};
    bench_stamp_write(out, bytes, skip, &stamp);
    return bytes;
}

void bench_frame_out_split(const struct bench_send_stream *stream, struct bench_frame_out *out, uint32_t bytes)
{
    uint8_t descriptor[BENCH_VP9_DESCRIPTOR_MAX];
    out->next.packet = 0;
    uint32_t around = (uint32_t)write_descriptor(stream, &out->next, descriptor) + BENCH_STAMP_BYTES;
    uint32_t count = 1;
    if (stream->config.video) {
        uint32_t room = stream->config.payload_max_bytes - around;
        if (out->next.data == NULL) { /* the bit rate of filler counts its stamps */
            uint32_t stamps = (bytes + room - 1) / room * BENCH_STAMP_BYTES;
            bytes = bytes > stamps + VP8_KEY_FRAME_HEADER ? bytes - stamps : VP8_KEY_FRAME_HEADER;
        }
        count = (bytes + room - 1) / room;
    }
    out->next.packet_count = (uint16_t)count;
    out->small = bytes / count;
    out->larger_from = count - bytes % count; /* libwebrtc's SplitAboutEqually: the longer ones come last */
    out->next.data_bytes = out->small + (out->larger_from == 0 ? 1 : 0);
}

/* Writes header and extensions; the payload follows in the callback's terms. */
static void send_with_header(struct bench_send_stream *stream, const struct bench_sent_packet *packet,
                             const uint8_t *payload, size_t payload_bytes, bool retransmission)
{
    const struct bench_send_config *config = &stream->config;
    struct sfu_rtp_ext_values values = {.audio_level = stream->level, .audio_voice = packet->voice};
    values.has = 1u << SFU_RTP_EXT_MID | 1u << SFU_RTP_EXT_TRANSPORT_CC | 1u << SFU_RTP_EXT_ABS_SEND_TIME;
    values.has |= 1u << (retransmission ? SFU_RTP_EXT_RRID : SFU_RTP_EXT_RID);
    if (!config->video)
        values.has |= 1u << SFU_RTP_EXT_AUDIO_LEVEL;
    memcpy(values.mid, config->mid, sizeof values.mid);
    memcpy(retransmission ? values.rrid : values.rid, config->rid, sizeof values.rid);
    uint64_t ext_seq = retransmission ? stream->next_rtx_seq++ : packet->ext_seq;
    struct sfu_rtp_header header = {.marker =
                                        config->video ? packet->packet + 1 == packet->packet_count : packet->run == 1,
                                    .payload_type = retransmission ? config->rtx_payload_type : config->payload_type,
                                    .seq = (uint16_t)ext_seq,
                                    .timestamp_ts = packet->timestamp_ts,
                                    .ssrc = retransmission ? config->rtx_ssrc : config->ssrc};
    uint8_t bytes[SFU_RTP_HEADER_MIN_BYTES + 64];
    uint16_t offset_of[SFU_RTP_EXT_KIND_COUNT] = {0};
    size_t ext_bytes = sfu_rtp_ext_write(bytes + SFU_RTP_HEADER_MIN_BYTES, sizeof bytes - SFU_RTP_HEADER_MIN_BYTES,
                                         &config->extensions, &values, offset_of);
    header.ext_profile = ext_bytes != 0 ? 0xBEDE : 0;
    sfu_rtp_write_fixed(bytes, &header);
    struct bench_rtp_out out = {.header = bytes,
                                .header_bytes = SFU_RTP_HEADER_MIN_BYTES + ext_bytes,
                                .ext_seq = ext_seq,
                                .ssrc = header.ssrc,
                                .payload = payload,
                                .payload_bytes = payload_bytes,
                                .retransmission = retransmission};
    if (offset_of[SFU_RTP_EXT_TRANSPORT_CC] != 0)
        out.transport_cc_offset = (uint16_t)(SFU_RTP_HEADER_MIN_BYTES + offset_of[SFU_RTP_EXT_TRANSPORT_CC]);
    if (offset_of[SFU_RTP_EXT_ABS_SEND_TIME] != 0)
        out.abs_send_time_offset = (uint16_t)(SFU_RTP_HEADER_MIN_BYTES + offset_of[SFU_RTP_EXT_ABS_SEND_TIME]);
    stream->send(stream->user, &out);
}

void bench_sent_packet_send(struct bench_send_stream *stream, const struct bench_sent_packet *packet,
                            bool retransmission)
{
    uint8_t payload[2 + BENCH_SEND_PAYLOAD_MAX];
    size_t bytes = build_payload(stream, packet, payload + 2);
    if (!retransmission) {
        stream->counters.bytes += bytes;
        send_with_header(stream, packet, payload + 2, bytes, false);
        return;
    }
    base_put_be16(payload, (uint16_t)packet->ext_seq);
    send_with_header(stream, packet, payload, 2 + bytes, true);
}
