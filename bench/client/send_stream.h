/* SPDX-License-Identifier: Apache-2.0 */
/**
 * send_stream.h - one RTP stream that a bench client sends: a clip of real media, or filler of its shape, packetised as
 * libwebrtc does it, with what retransmission (RTX, RFC 4588) needs, and sender reports.
 *
 * Video: a VP8 (RFC 7741) or VP9 (RFC 9628, non-flexible mode) payload descriptor; a frame is split into packets of
 * almost equal size, the smaller ones first. A request for a key frame makes it jump to the clip's next one, at most
 * every 300 ms. Audio: a frame every 20 ms; where the clip says nothing (DTX), nothing leaves and the RTP time goes on.
 * Each payload ends in a stamp (stamp.h). A simulcast layer is a stream of its own; give all layers of a source the
 * same start_us and fps: captures then have the same number in each.
 * Sans-IO: packets leave through a callback; allocates in _create only. Threads: one owner; clips may be shared.
 * Units: _us microseconds of the caller's monotonic clock; _ts RTP ticks (48 kHz audio, 90 kHz video).
 */
#ifndef CONSILIUM_BENCH_CLIENT_SEND_STREAM_H
#define CONSILIUM_BENCH_CLIENT_SEND_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/media/clip.h"
#include "sfu/wire/rtcp.h"
#include "sfu/wire/rtp.h"

#define BENCH_KEY_FRAME_INTERVAL_US 300000u /**< libwebrtc's kMinKeyFrameRequestIntervalMs */

struct bench_send_config {
    bool video;
    enum bench_codec codec;     /**< video: BENCH_VP9, else VP8 */
    uint32_t publisher, stream; /**< for the stamps */
    uint8_t layer;              /**< simulcast, 0 lowest .. 2; for the stamps */
    uint32_t ssrc;
    uint32_t rtx_ssrc; /**< 0: lost packets are not sent again */
    uint8_t payload_type, rtx_payload_type;
    char mid[SFU_RTP_EXT_TEXT_MAX];
    char rid[SFU_RTP_EXT_TEXT_MAX];    /**< simulcast; "": none */
    struct sfu_rtp_ext_map extensions; /**< mid, rid (retransmissions: repaired rid), audio level, transport-cc,
                                          abs-send-time are written where mapped */
    uint16_t first_seq;
    uint32_t first_timestamp_ts;
    uint16_t first_picture_id;
    bool temporal_fields;          /**< write TL0PICIDX and TID too (one layer) */
    bool spread;                   /**< packets of a frame leave evenly over its interval, not in a burst */
    const struct bench_clip *clip; /**< what to send; outlives the stream; NULL: filler */
    uint32_t first_content;        /**< frame of the clip to begin with (video: the next key frame); any number */
    uint32_t bitrate_bps;          /**< of filler video, without headers */
    uint32_t fps;                  /**< video, 1..100; of a clip: the clip's */
    uint32_t payload_max_bytes;    /**< video, descriptor and stamp included; 0: 1100 */
    uint32_t audio_bytes;          /**< of filler; 0: 80 */
    uint64_t start_us;             /**< time of the first frame */
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
    uint64_t frames, key_frames; /**< sent */
    uint64_t captures;           /**< frames there were to send, paused and left-out ones included: the next stamp's
                                    `frame` */
    uint64_t first_capture;      /**< number of the first that was sent; valid if frames != 0 */
    uint64_t packets;            /**< sent, without retransmissions: the next stamp's `serial` */
    uint64_t bytes;
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

/** Goes on with another clip (same codec and fps) or with filler (NULL) from the next frame on; numbers and RTP time go
 * on. Audio: from its beginning; video: with a key frame. The old clip must stay as long as the stream does (packets of
 * it may be asked for again). */
void bench_send_stream_set_clip(struct bench_send_stream *stream, const struct bench_clip *clip);
/** What the answer left of the header extensions: written from the next packet on. */
void bench_send_stream_set_extensions(struct bench_send_stream *stream, const struct sfu_rtp_ext_map *map);

uint64_t bench_send_stream_deadline_us(const struct bench_send_stream *stream);
/** Sends all frames that are due. After a long pause it goes on from now: nothing is made up for. */
void bench_send_stream_poll(struct bench_send_stream *stream, uint64_t now_us);

/** Paused: no frame leaves (a spread one that began is finished); the RTP time goes on. A key frame is wanted
 * afterwards. */
void bench_send_stream_pause(struct bench_send_stream *stream, bool paused, uint64_t now_us);
/** RFC 6464 level of the following filler audio: 0 loudest .. 127 silence. A clip brings its own. */
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
