/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/send_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "bench/client/stamp.h"

#define PAYLOAD_MAX_BYTES    1200u
#define CACHE_PACKETS        512u /* a power of two; about 4 s of 1 Mbit/s */
#define AUDIO_FRAME_US       20000u
#define KEY_FRAME_SCALE      3u    /* a key frame is this many times as large as the others */
#define OPUS_TOC             0xF8u /* CELT fullband 20 ms mono: never looked at, but what a real one starts with */
#define VP8_FRAME_HEADER     3u
#define VP8_KEY_FRAME_HEADER 10u

struct cached {
    uint64_t ext_seq; /* 0: empty (the first number sent is at least 1, see _create) */
    uint64_t resent_us;
    uint32_t timestamp_ts;
    uint16_t payload_bytes;
    bool marker;
    uint8_t payload[PAYLOAD_MAX_BYTES];
};

struct bench_send_stream {
    struct bench_send_config config;
    struct bench_send_counters counters;
    bench_rtp_out_fn send;
    void *user;
    struct cached *cache;
    uint32_t cache_count; /* 1 for audio: just room to build a packet */
    uint64_t next_seq, next_rtx_seq;
    uint64_t next_frame_us;
    uint32_t frame;
    uint32_t serial;
    uint16_t picture_id;
    uint8_t tl0_pic_idx;
    bool paused, want_key_frame;
    uint8_t level;
    bool voice;
    bool sent_any;
};

int bench_send_stream_create(struct bench_send_stream **out, const struct bench_send_config *config,
                             bench_rtp_out_fn send, void *user)
{
    *out = NULL;
    if (config->video && (config->fps == 0 || config->fps > 100 || config->payload_max_bytes > PAYLOAD_MAX_BYTES))
        return BASE_ERR_INVALID;
    if (config->audio_bytes > PAYLOAD_MAX_BYTES || (config->audio_bytes != 0 && config->audio_bytes < 60))
        return BASE_ERR_INVALID;
    struct bench_send_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return BASE_ERR_NOMEM;
    stream->config = *config;
    if (stream->config.payload_max_bytes == 0)
        stream->config.payload_max_bytes = 1100;
    if (stream->config.audio_bytes == 0)
        stream->config.audio_bytes = 80;
    stream->cache_count = config->video ? CACHE_PACKETS : 1;
    stream->cache = calloc(stream->cache_count, sizeof *stream->cache);
    if (stream->cache == NULL) {
        free(stream);
        return BASE_ERR_NOMEM;
    }
    stream->send = send;
    stream->user = user;
    stream->next_seq = config->first_seq == 0 ? 1 : config->first_seq;
    stream->next_rtx_seq = 1;
    stream->next_frame_us = config->start_us;
    stream->picture_id = config->first_picture_id & 0x7FFF;
    stream->want_key_frame = true;
    stream->level = 127;
    *out = stream;
    return 0;
}

void bench_send_stream_destroy(struct bench_send_stream *stream)
{
    if (stream == NULL)
        return;
    free(stream->cache);
    free(stream);
}

static uint32_t clock_hz(const struct bench_send_stream *stream)
{
    return stream->config.video ? 90000 : 48000;
}

static uint32_t timestamp_at(const struct bench_send_stream *stream, uint64_t now_us)
{
    uint64_t ticks = (now_us - stream->config.start_us) * (clock_hz(stream) / 1000) / 1000;
    return stream->config.first_timestamp_ts + (uint32_t)ticks;
}

/* Writes header and extensions of a packet and hands it on. */
static void send_packet(struct bench_send_stream *stream, const struct sfu_rtp_header *fields, uint64_t ext_seq,
                        const uint8_t *payload, size_t payload_bytes, bool retransmission)
{
    uint8_t bytes[SFU_RTP_HEADER_MIN_BYTES + 64];
    struct sfu_rtp_ext_values values = {0};
    values.has = 1u << SFU_RTP_EXT_MID | 1u << SFU_RTP_EXT_TRANSPORT_CC | 1u << SFU_RTP_EXT_ABS_SEND_TIME;
    memcpy(values.mid, stream->config.mid, sizeof values.mid);
    if (!stream->config.video) {
        values.has |= 1u << SFU_RTP_EXT_AUDIO_LEVEL;
        values.audio_level = stream->level;
        values.audio_voice = stream->voice;
    }
    uint16_t offset_of[SFU_RTP_EXT_KIND_COUNT] = {0};
    size_t ext_bytes = sfu_rtp_ext_write(bytes + SFU_RTP_HEADER_MIN_BYTES, sizeof bytes - SFU_RTP_HEADER_MIN_BYTES,
                                         &stream->config.extensions, &values, offset_of);
    struct sfu_rtp_header header = *fields;
    header.seq = (uint16_t)ext_seq;
    header.ext_profile = ext_bytes != 0 ? 0xBEDE : 0;
    sfu_rtp_write_fixed(bytes, &header);

    struct bench_rtp_out packet = {
        .header = bytes,
        .header_bytes = SFU_RTP_HEADER_MIN_BYTES + ext_bytes,
        .ext_seq = ext_seq,
        .ssrc = header.ssrc,
        .payload = payload,
        .payload_bytes = payload_bytes,
        .retransmission = retransmission,
    };
    if (offset_of[SFU_RTP_EXT_TRANSPORT_CC] != 0)
        packet.transport_cc_offset = (uint16_t)(SFU_RTP_HEADER_MIN_BYTES + offset_of[SFU_RTP_EXT_TRANSPORT_CC]);
    if (offset_of[SFU_RTP_EXT_ABS_SEND_TIME] != 0)
        packet.abs_send_time_offset = (uint16_t)(SFU_RTP_HEADER_MIN_BYTES + offset_of[SFU_RTP_EXT_ABS_SEND_TIME]);
    stream->send(stream->user, &packet);
}

/* Takes the next sequence number and sends what was built in its cache slot. */
static void send_first_time(struct bench_send_stream *stream, struct cached *slot)
{
    struct sfu_rtp_header header = {.marker = slot->marker,
                                    .payload_type = stream->config.payload_type,
                                    .timestamp_ts = slot->timestamp_ts,
                                    .ssrc = stream->config.ssrc};
    slot->ext_seq = stream->next_seq++;
    slot->resent_us = 0;
    stream->serial++;
    stream->counters.packets++;
    stream->counters.bytes += slot->payload_bytes;
    stream->sent_any = true;
    send_packet(stream, &header, slot->ext_seq, slot->payload, slot->payload_bytes, false);
}

static struct cached *next_slot(struct bench_send_stream *stream)
{
    return &stream->cache[stream->next_seq % stream->cache_count];
}

static struct bench_stamp next_stamp(const struct bench_send_stream *stream, uint64_t now_us)
{
    return (struct bench_stamp){.publisher = stream->config.publisher,
                                .stream = stream->config.stream,
                                .frame = stream->frame,
                                .serial = stream->serial,
                                .packet_count = 1,
                                .send_us = now_us};
}

static void send_audio_frame(struct bench_send_stream *stream, uint64_t now_us)
{
    struct cached *slot = next_slot(stream);
    struct bench_stamp stamp = next_stamp(stream, now_us);
    slot->timestamp_ts = timestamp_at(stream, stream->next_frame_us);
    slot->marker = !stream->sent_any;
    slot->payload_bytes = (uint16_t)stream->config.audio_bytes;
    slot->payload[0] = OPUS_TOC;
    bench_stamp_write(slot->payload, slot->payload_bytes, 0, 1, &stamp);
    send_first_time(stream, slot);
}

/* RFC 7741 section 4.2: X, then I (15 bits), and L and T if wanted. Returns its length. */
static size_t write_descriptor(const struct bench_send_stream *stream, uint8_t *out, bool start)
{
    bool layers = stream->config.temporal_fields;
    out[0] = (uint8_t)(0x80 | (start ? 0x10 : 0));
    out[1] = (uint8_t)(0x80 | (layers ? 0x60 : 0));
    base_put_be16(out + 2, (uint16_t)(0x8000 | stream->picture_id));
    if (!layers)
        return 4;
    out[4] = stream->tl0_pic_idx;
    out[5] = 0x20; /* TID 0, Y 1 */
    return 6;
}

/* RFC 7741 section 4.3 and RFC 6386 section 9.1: what an SFU may look at. Returns its length. */
static size_t write_frame_header(uint8_t *out, bool key_frame, uint32_t partition_bytes)
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

static bool take_key_frame(struct bench_send_stream *stream, uint64_t now_us)
{
    bool recent =
        stream->counters.key_frames != 0 && now_us - stream->counters.last_key_frame_us < BENCH_KEY_FRAME_INTERVAL_US;
    if (!stream->want_key_frame || recent)
        return false;
    stream->want_key_frame = false;
    stream->counters.key_frames++;
    stream->counters.last_key_frame_us = now_us;
    return true;
}

static void send_video_frame(struct bench_send_stream *stream, uint64_t now_us)
{
    bool key_frame = take_key_frame(stream, now_us);
    uint32_t descriptor_bytes = stream->config.temporal_fields ? 6 : 4;
    uint32_t frame_bytes = stream->config.bitrate_bps / 8 / stream->config.fps * (key_frame ? KEY_FRAME_SCALE : 1);
    /* Sizes vary by some bytes as an encoder's do, so that packets of different frames differ too. */
    frame_bytes += stream->frame * 37 % 64;
    uint32_t room = stream->config.payload_max_bytes - descriptor_bytes;
    uint32_t count = (frame_bytes + room - 1) / room;
    uint32_t small = frame_bytes / count, larger = frame_bytes % count;
    if (small < BENCH_STAMP_BYTES + VP8_KEY_FRAME_HEADER)
        small = BENCH_STAMP_BYTES + VP8_KEY_FRAME_HEADER;
    uint32_t timestamp_ts = timestamp_at(stream, stream->next_frame_us); /* of the capture */

    for (uint32_t i = 0; i < count; i++) {
        struct cached *slot = next_slot(stream);
        struct bench_stamp stamp = next_stamp(stream, now_us);
        stamp.packet = (uint16_t)i;
        stamp.packet_count = (uint16_t)count;
        stamp.key_frame = key_frame;
        size_t skip = write_descriptor(stream, slot->payload, i == 0);
        size_t at = skip + (i == 0 ? write_frame_header(slot->payload + skip, key_frame, frame_bytes / 2) : 0);
        /* libwebrtc's SplitAboutEqually: the packets that are a byte longer come last */
        slot->payload_bytes = (uint16_t)(skip + small + (i >= count - larger ? 1 : 0));
        slot->timestamp_ts = timestamp_ts;
        slot->marker = i + 1 == count;
        bench_stamp_write(slot->payload, slot->payload_bytes, skip, at, &stamp);
        send_first_time(stream, slot);
    }
    stream->picture_id = (stream->picture_id + 1) & 0x7FFF;
    stream->tl0_pic_idx++;
}

uint64_t bench_send_stream_deadline_us(const struct bench_send_stream *stream)
{
    return stream->next_frame_us;
}

void bench_send_stream_poll(struct bench_send_stream *stream, uint64_t now_us)
{
    uint64_t interval_us = stream->config.video ? 1000000 / stream->config.fps : AUDIO_FRAME_US;
    /* Frames that could not be sent in time were never captured. */
    if (now_us >= stream->next_frame_us + 2 * interval_us)
        stream->next_frame_us += (now_us - stream->next_frame_us) / interval_us * interval_us;
    for (; stream->next_frame_us <= now_us; stream->next_frame_us += interval_us) {
        if (stream->paused)
            continue;
        if (stream->config.video)
            send_video_frame(stream, now_us);
        else
            send_audio_frame(stream, now_us);
        stream->frame++;
        stream->counters.frames++;
    }
}

void bench_send_stream_pause(struct bench_send_stream *stream, bool paused, uint64_t now_us)
{
    (void)now_us;
    if (stream->paused && !paused)
        stream->want_key_frame = true;
    stream->paused = paused;
}

void bench_send_stream_set_level(struct bench_send_stream *stream, uint8_t level, bool voice)
{
    stream->level = level;
    stream->voice = voice;
}

void bench_send_stream_on_key_frame_request(struct bench_send_stream *stream)
{
    stream->counters.key_frame_requests++;
    stream->want_key_frame = true;
}

void bench_send_stream_on_nack(struct bench_send_stream *stream, uint64_t now_us, uint16_t seq, uint64_t rtt_us)
{
    stream->counters.nacked++;
    uint64_t ext_seq = (stream->next_seq & ~(uint64_t)0xFFFF) | seq;
    if (ext_seq >= stream->next_seq)
        ext_seq -= ext_seq >= 65536 ? 65536 : ext_seq;
    struct cached *slot = &stream->cache[ext_seq % stream->cache_count];
    if (stream->config.rtx_ssrc == 0 || ext_seq == 0 || slot->ext_seq != ext_seq) {
        stream->counters.not_in_cache++;
        return;
    }
    if (slot->resent_us != 0 && now_us - slot->resent_us < rtt_us)
        return;
    slot->resent_us = now_us;
    /* RFC 4588 section 4: the original sequence number, then the payload. */
    uint8_t payload[2 + PAYLOAD_MAX_BYTES];
    base_put_be16(payload, seq);
    memcpy(payload + 2, slot->payload, slot->payload_bytes);
    struct sfu_rtp_header header = {.marker = slot->marker,
                                    .payload_type = stream->config.rtx_payload_type,
                                    .timestamp_ts = slot->timestamp_ts,
                                    .ssrc = stream->config.rtx_ssrc};
    stream->counters.retransmitted++;
    send_packet(stream, &header, stream->next_rtx_seq++, payload, 2u + slot->payload_bytes, true);
}

void bench_send_stream_on_report(struct bench_send_stream *stream, const struct sfu_rtcp_report_block *block)
{
    stream->counters.last_report = *block;
    stream->counters.reports++;
}

bool bench_send_stream_report(const struct bench_send_stream *stream, uint64_t now_us, uint64_t ntp,
                              struct sfu_rtcp_sr *out)
{
    if (!stream->sent_any)
        return false;
    *out = (struct sfu_rtcp_sr){.ssrc = stream->config.ssrc,
                                .ntp = ntp,
                                .rtp_ts = timestamp_at(stream, now_us),
                                .packet_count = (uint32_t)stream->counters.packets,
                                .octet_count = (uint32_t)stream->counters.bytes};
    return true;
}

const struct bench_send_config *bench_send_stream_config(const struct bench_send_stream *stream)
{
    return &stream->config;
}

const struct bench_send_counters *bench_send_stream_counters(const struct bench_send_stream *stream)
{
    return &stream->counters;
}
