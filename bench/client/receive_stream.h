/* SPDX-License-Identifier: Apache-2.0 */
/**
 * receive_stream.h - one RTP stream that a bench client receives: loss recovery as a browser does it, frame assembly,
 * and a strict account of everything that arrived.
 *
 * Feed it decrypted packets (its own and those of its RTX stream). Poll it for sequence numbers to NACK (RFC 4585) and
 * for key-frame requests. A video frame counts as *decoded* when it is complete and either a key frame or the direct
 * successor, by sequence number, of a decoded frame: what a VP8 decoder would show. The stamps then tell whether the
 * SFU in between told the truth: see the `err_` counters, all of which must stay 0. Sans-IO; allocates in _create only.
 */
#ifndef CONSILIUM_BENCH_CLIENT_RECEIVE_STREAM_H
#define CONSILIUM_BENCH_CLIENT_RECEIVE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/histogram.h"
#include "sfu/media/rtp_stats.h"
#include "sfu/wire/rtp.h"

#define BENCH_PLI_INTERVAL_US   300000u  /**< between our key-frame requests */
#define BENCH_WAIT_KEY_FRAME_US 200000u  /**< libwebrtc: packets arrive, but no key frame yet */
#define BENCH_WAIT_FRAME_US     3000000u /**< libwebrtc: packets arrive, but nothing can be decoded */
#define BENCH_NACK_REORDER_US   5000u    /**< grace for reordered packets */
#define BENCH_NACK_RETRY_US     100000u  /**< until told a round-trip time */
#define BENCH_RECEIVE_WINDOW    4096u    /**< packets looked back upon */

struct bench_receive_config {
    bool video;
    char mid[SFU_RTP_EXT_TEXT_MAX];
    uint32_t ssrc;     /**< 0: learnt by mid */
    uint32_t rtx_ssrc; /**< 0: learnt by mid and payload type, or none */
    uint8_t payload_type, rtx_payload_type;
    bool nack;
    uint32_t publisher; /**< expected in the stamps; 0: not checked */
};

struct bench_receive_counters {
    uint64_t packets, bytes;  /**< original packets accepted, once each */
    uint64_t rtx_packets;     /**< came by RTX first: repaired losses */
    uint64_t rtx_useless;     /**< came by RTX although already here */
    uint64_t nack_requests;   /**< sequence numbers asked for */
    uint64_t plis;            /**< our key-frame requests */
    uint64_t padding_packets; /**< without payload */
    uint64_t late;            /**< older than the window */
    uint64_t first_packet_us, last_packet_us, first_frame_us, last_frame_us; /**< 0: none */
    uint64_t frames_decoded, key_frames_decoded;
    uint64_t frames_skipped;     /**< frame numbers between decoded frames that never were (waiting for a key frame) */
    uint64_t freezes, freeze_us; /**< libwebrtc's rule: a gap > max(3 * average, average + 150 ms) */
    uint64_t serial_jumps; /**< packets left out on purpose by the SFU (mute, switch): number and sequence disagree */
    uint32_t first_stamp_frame,
        last_stamp_frame; /**< numbers of the first and newest frame decoded (audio: received) */
    /* never right: */
    uint64_t err_checksum;   /**< damaged, or not a stamp */
    uint64_t err_publisher;  /**< somebody else's packet */
    uint64_t err_duplicate;  /**< one packet of the publisher under two sequence numbers */
    uint64_t err_reference;  /**< an inter frame passed as the direct successor of a frame that it does not follow */
    uint64_t err_descriptor; /**< VP8 descriptor disagrees with the stamp (start, key), or marker misplaced */
    uint64_t err_picture_id; /**< a decoded frame's picture id is not one more than its predecessor's */
    uint64_t err_timestamp;  /**< packets of one frame differ in RTP time, or time runs backwards */
};

struct bench_receive_stream;

/** Copies `config`. Returns 0, BASE_ERR_INVALID or BASE_ERR_NOMEM; on error *out is NULL. */
int bench_receive_stream_create(struct bench_receive_stream **out, const struct bench_receive_config *config);
void bench_receive_stream_destroy(struct bench_receive_stream *stream);

/** A decrypted packet of this stream, padding still on: `rtx`, it is one of its retransmission stream. `arrival_us`:
 * when it reached this machine, <= now_us. */
void bench_receive_stream_on_packet(struct bench_receive_stream *stream, uint64_t now_us, uint64_t arrival_us,
                                    const uint8_t *packet, size_t len, const struct sfu_rtp_header *header, bool rtx);
void bench_receive_stream_on_sr(struct bench_receive_stream *stream, uint64_t now_us, const struct sfu_rtcp_sr *sr);
void bench_receive_stream_set_rtt_us(struct bench_receive_stream *stream, uint64_t rtt_us);

uint64_t bench_receive_stream_deadline_us(const struct bench_receive_stream *stream);
/** Sequence numbers to NACK now, in order; returns how many of out[0..out_max). *want_key_frame: send a PLI (counted).
 */
size_t bench_receive_stream_poll(struct bench_receive_stream *stream, uint64_t now_us, uint16_t *out, size_t out_max,
                                 bool *want_key_frame);
/** As sfu_rtp_stats_report(). */
bool bench_receive_stream_report(struct bench_receive_stream *stream, uint64_t now_us,
                                 struct sfu_rtcp_report_block *out);

/** The SSRCs may be learnt later than at _create. */
void bench_receive_stream_set_ssrc(struct bench_receive_stream *stream, uint32_t ssrc, bool rtx);
const struct bench_receive_config *bench_receive_stream_config(const struct bench_receive_stream *stream);
const struct bench_receive_counters *bench_receive_stream_counters(const struct bench_receive_stream *stream);
/** Publisher's send time to arrival, of every packet, repaired ones included. */
const struct bench_histogram *bench_receive_stream_delay(const struct bench_receive_stream *stream);
/** Sum of the `err_` counters. */
uint64_t bench_receive_errors(const struct bench_receive_counters *counters);
/** Which ones, for people: "checksum 0, publisher 0, …". */
void bench_receive_errors_text(const struct bench_receive_counters *counters, char *out, size_t out_max);

#endif
