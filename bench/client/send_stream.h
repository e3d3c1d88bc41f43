/* SPDX-License-Identifier: Apache-2.0 */
/**
 * send_stream.h - one RTP stream that a bench client sends: an Opus-like or VP8-like source, packetised as libwebrtc
 * does it, with a cache for retransmission (RTX, RFC 4588) and sender reports.
 *
 * Video: a real VP8 payload descriptor (RFC 7741) and frame header; a frame is split into packets of almost equal size,
 * the smaller ones first; key frames at the start and on request, at most one every 300 ms. Audio: one packet every 20
 * ms. Each payload carries a stamp (stamp.h). Sans-IO: packets leave through a callback; allocates in _create only.
 * Units: _us microseconds of the caller's monotonic clock; _ts RTP ticks (48 kHz audio, 90 kHz video).
 */
#ifndef CONSILIUM_BENCH_CLIENT_SEND_STREAM_H
#define CONSILIUM_BENCH_CLIENT_SEND_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sfu/wire/rtcp.h"
#include "sfu/wire/rtp.h"

#define BENCH_KEY_FRAME_INTERVAL_US 300000u /**< libwebrtc's kMinKeyFrameRequestIntervalMs */

struct bench_send_config {
    bool video;
    uint32_t publisher, stream; /**< for the stamps */
    uint32_t ssrc;
    uint32_t rtx_ssrc; /**< 0: lost packets are not sent again */
    uint8_t payload_type, rtx_payload_type;
    char mid[SFU_RTP_EXT_TEXT_MAX];
    struct sfu_rtp_ext_map extensions; /**< mid, audio level, transport-cc, abs-send-time are written where mapped */
    uint16_t first_seq;
    uint32_t first_timestamp_ts;
    uint16_t first_picture_id;
    bool temporal_fields;       /**< write TL0PICIDX and TID too (one layer) */
    uint32_t bitrate_bps;       /**< video, without headers */
    uint32_t fps;               /**< video, 1..100 */
    uint32_t payload_max_bytes; /**< video; 0: 1100 */
    uint32_t audio_bytes;       /**< 0: 80 */
    uint64_t start_us;          /**< time of the first frame */
};

/** A plaintext packet on its way to the transport. Valid during the callback. */
struct bench_rtp_out {
    uint8_t *header; /**< the transport may patch it */
    size_t header_bytes;
    uint16_t transport_cc_offset; /**< of the 16-bit number within the header; 0: none */
    uint16_t abs_send_time_offset;
    uint64_t ext_seq;
    uint32_t ssrc;
    const uint8_t *payload;
    size_t payload_bytes;
    bool retransmission;
};
typedef void (*bench_rtp_out_fn)(void *user, const struct bench_rtp_out *packet);

struct bench_send_counters {
    uint64_t frames, key_frames, packets, bytes;
    uint64_t nacked, retransmitted, not_in_cache, key_frame_requests;
    uint64_t last_key_frame_us;
    struct sfu_rtcp_report_block last_report;
    uint64_t reports;
};

struct bench_send_stream;

/** Copies `config`. Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM; on error *out is NULL. */
int bench_send_stream_create(struct bench_send_stream **out, const struct bench_send_config *config,
                             bench_rtp_out_fn send, void *user);
void bench_send_stream_destroy(struct bench_send_stream *stream);

uint64_t bench_send_stream_deadline_us(const struct bench_send_stream *stream);
/** Sends all frames that are due. After a long pause it goes on from now: nothing is made up for. */
void bench_send_stream_poll(struct bench_send_stream *stream, uint64_t now_us);

/** Paused: no frame leaves; the RTP time goes on. The first video frame afterwards is a key frame. */
void bench_send_stream_pause(struct bench_send_stream *stream, bool paused, uint64_t now_us);
/** RFC 6464 level of the following audio packets: 0 loudest .. 127 silence. */
void bench_send_stream_set_level(struct bench_send_stream *stream, uint8_t level, bool voice);
/** A PLI or FIR arrived: the next frame allowed to be is a key frame. */
void bench_send_stream_on_key_frame_request(struct bench_send_stream *stream);
/** One 16-bit number of a Generic NACK; `rtt_us`: the same packet is not repeated more often. */
void bench_send_stream_on_nack(struct bench_send_stream *stream, uint64_t now_us, uint16_t seq, uint64_t rtt_us);
void bench_send_stream_on_report(struct bench_send_stream *stream, const struct sfu_rtcp_report_block *block);
/** Sender report for now (the caller sends it). Returns false before the first packet. */
bool bench_send_stream_report(const struct bench_send_stream *stream, uint64_t now_us, uint64_t ntp,
                              struct sfu_rtcp_sr *out);
const struct bench_send_config *bench_send_stream_config(const struct bench_send_stream *stream);
const struct bench_send_counters *bench_send_stream_counters(const struct bench_send_stream *stream);

#endif
