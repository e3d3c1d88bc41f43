/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/send_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/client/send_internal.h"
#include "bench/client/stamp.h"

#define PAYLOAD_MAX_BYTES 1200u
#define PAYLOAD_MIN_BYTES 200u /* a frame header, a descriptor and a stamp must fit */
#define CACHE_PACKETS     512u /* a power of two; about 4 s of 1 Mbit/s */
#define AUDIO_FRAME_US    20000u
#define KEY_FRAME_SCALE   3u /* a key frame of filler is this many times as large as the others */

static bool valid(const struct bench_send_config *config)
{
    if (config->layer > 2 || config->stream > UINT16_MAX)
        return false;
    if (!config->video)
        return config->audio_bytes <= PAYLOAD_MAX_BYTES &&
               (config->audio_bytes == 0 || config->audio_bytes >= BENCH_STAMP_BYTES + 16);
    uint32_t fps = config->clip != NULL ? config->clip->config.fps : config->fps;
    return fps >= 1 && fps <= 100 && config->payload_max_bytes <= PAYLOAD_MAX_BYTES &&
           (config->payload_max_bytes == 0 || config->payload_max_bytes >= PAYLOAD_MIN_BYTES);
}

/* A clip must be of the stream's codec. */
static bool fits(const struct bench_send_config *config, const struct bench_clip *clip)
{
    if (clip == NULL)
        return true;
    enum bench_codec codec = !config->video ? BENCH_OPUS : config->codec == BENCH_VP9 ? BENCH_VP9 : BENCH_VP8;
    return clip->config.codec == codec && clip->frame_count > 0;
}

int bench_send_stream_create(struct bench_send_stream **out, const struct bench_send_config *config,
                             bench_rtp_out_fn send, void *user)
{
    *out = NULL;
    if (!valid(config) || !fits(config, config->clip))
        return BASE_ERR_INVALID;
    struct bench_send_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return BASE_ERR_NOMEM;
    stream->config = *config;
    if (stream->config.payload_max_bytes == 0)
        stream->config.payload_max_bytes = 1100;
    if (stream->config.audio_bytes == 0)
        stream->config.audio_bytes = 80;
    if (config->video && config->clip != NULL)
        stream->config.fps = config->clip->config.fps;
    if (config->rtx_ssrc != 0) {
        stream->cache = calloc(CACHE_PACKETS, sizeof *stream->cache);
        if (stream->cache == NULL) {
            free(stream);
            return BASE_ERR_NOMEM;
        }
    }
    stream->send = send;
    stream->user = user;
    stream->next_seq = config->first_seq == 0 ? 1 : config->first_seq;
    stream->next_rtx_seq = 1;
    stream->next_frame_us = config->start_us;
    stream->interval_us = config->video ? 1000000 / stream->config.fps : AUDIO_FRAME_US;
    stream->content = config->clip != NULL ? config->first_content % config->clip->frame_count : 0;
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

void bench_send_stream_set_clip(struct bench_send_stream *stream, const struct bench_clip *clip)
{
    if (!fits(&stream->config, clip) || clip == stream->config.clip)
        return;
    stream->config.clip = clip;
    stream->content = 0;
    stream->want_key_frame = true;
}

void bench_send_stream_set_extensions(struct bench_send_stream *stream, const struct sfu_rtp_ext_map *map)
{
    stream->config.extensions = *map;
}

static uint32_t timestamp_at(const struct bench_send_stream *stream, uint64_t now_us)
{
    uint32_t clock_hz = stream->config.video ? 90000 : 48000;
    uint64_t ticks = (now_us - stream->config.start_us) * (clock_hz / 1000) / 1000;
    return stream->config.first_timestamp_ts + (uint32_t)ticks;
}

/* ---- frames --------------------------------------------------------------------------------------------------- */

static bool sending(const struct bench_send_stream *stream)
{
    return stream->out.next.packet < stream->out.next.packet_count;
}

static uint64_t packet_due_us(const struct bench_send_stream *stream)
{
    return stream->out.start_us + (uint64_t)stream->out.next.packet * stream->out.step_us;
}

/* The next packet of the frame that is being sent. */
static void send_one(struct bench_send_stream *stream, uint64_t now_us)
{
    struct bench_frame_out *out = &stream->out;
    struct bench_sent_packet *packet = &out->next;
    packet->ext_seq = stream->next_seq++;
    packet->serial = (uint32_t)stream->counters.packets++;
    packet->send_us = now_us;
    if (stream->cache != NULL)
        stream->cache[packet->ext_seq % CACHE_PACKETS] = *packet;
    stream->sent_any = true;
    bench_sent_packet_send(stream, packet, false);
    if (packet->data != NULL)
        packet->data += packet->data_bytes;
    packet->packet++;
    packet->data_bytes = out->small + (packet->packet >= out->larger_from ? 1 : 0);
}

/* What of the present frame is due; with `all`, also what would be due later. */
static void send_due(struct bench_send_stream *stream, uint64_t now_us, bool all)
{
    while (sending(stream) && (all || packet_due_us(stream) <= now_us))
        send_one(stream, now_us);
}

/* Is the next frame to be a key frame? Clips have some of their own accord. */
static bool take_key_frame(struct bench_send_stream *stream, uint64_t now_us)
{
    struct bench_send_counters *counters = &stream->counters;
    bool recent = counters->key_frames != 0 && now_us - counters->last_key_frame_us < BENCH_KEY_FRAME_INTERVAL_US;
    const struct bench_clip *clip = stream->config.clip;
    bool key_frame = stream->want_key_frame && !recent;
    if (clip != NULL && key_frame)
        stream->content = bench_clip_next_key(clip, stream->content);
    if (clip != NULL)
        key_frame = clip->frames[stream->content].key_frame;
    if (!key_frame)
        return false;
    stream->want_key_frame = false;
    counters->key_frames++;
    counters->last_key_frame_us = now_us;
    return true;
}

static uint32_t filler_bytes(const struct bench_send_stream *stream, bool key_frame)
{
    if (!stream->config.video)
        return stream->config.audio_bytes - BENCH_STAMP_BYTES;
    uint32_t bytes = stream->config.bitrate_bps / 8 / stream->config.fps * (key_frame ? KEY_FRAME_SCALE : 1);
    /* Sizes vary by some bytes as an encoder's do, so that packets of different frames differ too. */
    return bytes + (uint32_t)(stream->counters.captures * 37 % 64);
}

/* The capture of stream->next_frame_us is sent, if there is anything to send. */
static void begin_frame(struct bench_send_stream *stream, uint64_t now_us)
{
    bool video = stream->config.video, key_frame = video && take_key_frame(stream, now_us);
    const struct bench_clip *clip = stream->config.clip;
    const struct bench_clip_frame *frame = clip != NULL ? &clip->frames[stream->content] : NULL;
    uint32_t content = frame != NULL ? stream->content : BENCH_STAMP_NO_CONTENT;
    if (clip != NULL)
        stream->content = (stream->content + 1) % clip->frame_count;
    if (frame != NULL && frame->data == NULL) {
        stream->run = 0; /* DTX */
        return;
    }
    if (frame != NULL && !video) {
        stream->level = frame->level;
        stream->voice = frame->voice;
    }
    if (stream->run < UINT16_MAX)
        stream->run++;
    struct bench_frame_out *out = &stream->out;
    out->next = (struct bench_sent_packet){.data = frame != NULL ? frame->data : NULL,
                                           .timestamp_ts = timestamp_at(stream, stream->next_frame_us),
                                           .frame = (uint32_t)stream->counters.captures,
                                           .content = content,
                                           .run = stream->run,
                                           .picture_id = stream->picture_id,
                                           .width = clip != NULL ? (uint16_t)clip->config.width : 640,
                                           .height = clip != NULL ? (uint16_t)clip->config.height : 360,
                                           .tl0_pic_idx = stream->tl0_pic_idx,
                                           .key_frame = key_frame,
                                           .voice = !video && stream->voice};
    bench_frame_out_split(stream, out, frame != NULL ? frame->bytes : filler_bytes(stream, key_frame));
    out->start_us = stream->next_frame_us;
    out->step_us = stream->config.spread ? stream->interval_us / out->next.packet_count : 0;
    if (stream->counters.frames++ == 0)
        stream->counters.first_capture = stream->counters.captures;
    stream->picture_id = (stream->picture_id + 1) & 0x7FFF;
    stream->tl0_pic_idx++;
}

uint64_t bench_send_stream_deadline_us(const struct bench_send_stream *stream)
{
    uint64_t packet_us = sending(stream) ? packet_due_us(stream) : BASE_NEVER_US;
    return packet_us < stream->next_frame_us ? packet_us : stream->next_frame_us;
}

void bench_send_stream_poll(struct bench_send_stream *stream, uint64_t now_us)
{
    /* Frames that could not be sent in time were never captured. */
    if (now_us >= stream->next_frame_us + 2 * (uint64_t)stream->interval_us) {
        uint64_t missed = (now_us - stream->next_frame_us) / stream->interval_us;
        stream->next_frame_us += missed * stream->interval_us;
        stream->counters.captures += missed;
        stream->run = 0;
    }
    for (;;) {
        bool next = stream->next_frame_us <= now_us;
        send_due(stream, now_us, next);
        if (!next)
            return;
        if (stream->paused)
            stream->run = 0;
        else
            begin_frame(stream, now_us);
        stream->counters.captures++;
        stream->next_frame_us += stream->interval_us;
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

/* ---- what the far end says ------------------------------------------------------------------------------------ */

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
    struct bench_sent_packet *packet = stream->cache != NULL ? &stream->cache[ext_seq % CACHE_PACKETS] : NULL;
    if (packet == NULL || ext_seq == 0 || packet->ext_seq != ext_seq) {
        stream->counters.not_in_cache++;
        return;
    }
    if (packet->resent_us != 0 && now_us - packet->resent_us < rtt_us)
        return;
    packet->resent_us = now_us;
    stream->counters.retransmitted++;
    bench_sent_packet_send(stream, packet, true);
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
