/* SPDX-License-Identifier: Apache-2.0 */
/**
 * receive_stream.h - one RTP stream that a bench client receives: loss recovery as a browser does it, frame assembly,
 * and a strict account of everything that arrived.
 *
 * Feed it decrypted packets (its own and those of its RTX stream). Poll it for sequence numbers to NACK (RFC 4585) and
 * for key-frame requests. A video frame counts as *decoded* when it is complete and either a key frame or the direct
 * successor, by sequence number, of a decoded frame: what a decoder would show. The stamps then tell whether the SFU in
 * between told the truth: see the `err_` counters, all of which must stay 0.
 *
 * Simulcast: the SFU chooses a layer of the publisher's and may change it, at a key frame of the new layer. Each layer
 * has a serial of its own; frame numbers are those of captures and common to all layers.
 *
 * The account that counts (`since`): the caller marks, layer by layer, the serial that its publisher was at; from then
 * on every packet with that serial or a later one counts once, by whatever way it came, and no other.
 *
 * Sans-IO; allocates in _create, _mark and _set_tap only. Threads: one owner. Memory: about 55 KB for video, 18 KB for
 * audio. Units: _us microseconds of the clock shared by all bench clients.
 */
#ifndef CONSILIUM_BENCH_CLIENT_RECEIVE_STREAM_H
#define CONSILIUM_BENCH_CLIENT_RECEIVE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/histogram.h"
#include "bench/media/clip.h"
#include "sfu/media/rtp_stats.h"
#include "sfu/wire/rtp.h"

#define BENCH_PLI_INTERVAL_US   300000u  /**< between our key-frame requests */
#define BENCH_WAIT_KEY_FRAME_US 200000u  /**< libwebrtc: packets arrive, but no key frame yet */
#define BENCH_WAIT_FRAME_US     3000000u /**< libwebrtc: packets arrive, but nothing can be decoded */
#define BENCH_NACK_REORDER_US   5000u    /**< grace for reordered packets */
#define BENCH_NACK_RETRY_US     100000u  /**< until told a round-trip time */
#define BENCH_RECEIVE_LAYERS    3u
#define BENCH_AUDIO_GAP_US      100000u /**< a longer hole in speech is a gap */

struct bench_receive_config {
    bool video;
    enum bench_codec codec; /**< video: BENCH_VP9, else VP8 */
    char mid[SFU_RTP_EXT_TEXT_MAX];
    uint32_t ssrc;     /**< 0: learnt by mid */
    uint32_t rtx_ssrc; /**< 0: learnt by mid and payload type, or none */
    uint8_t payload_type, rtx_payload_type;
    bool nack;
    uint32_t publisher; /**< expected in the stamps; 0: not checked */
    uint32_t stream;    /**< of the publisher, likewise: camera and screen are not the same */
    uint32_t window;    /**< packets looked back upon when assembling frames; 0: 1024 for video, 256 for audio */
};

/** Since _create. A packet is one of a publisher's, told by layer and serial: here once, however often it came. */
struct bench_receive_counters {
    uint64_t packets;         /**< came by their own number first */
    uint64_t rtx_packets;     /**< came by RTX first: repaired losses */
    uint64_t bytes;           /**< of their payload, stamps included */
    uint64_t reordered;       /**< of `packets`: behind a later number, without having been asked for again */
    uint64_t rtx_useless;     /**< came by RTX although already here */
    uint64_t nack_requests;   /**< sequence numbers asked for */
    uint64_t plis;            /**< our key-frame requests */
    uint64_t padding_packets; /**< without payload */
    uint64_t late;            /**< too old to tell whether they had been here: not counted */
    uint64_t first_packet_us, last_packet_us, first_frame_us, last_frame_us; /**< 0: none */
    uint64_t frames_decoded, key_frames_decoded;
    uint64_t frames_skipped; /**< captures between decoded frames that never were shown (waiting for a key frame) */
    /** Video: libwebrtc's rule, a gap > max(3 * average, average + 150 ms) between frames shown; what the publisher
     * itself left out (mute) is not part of it. Audio: while somebody speaks, nothing for more than
     * BENCH_AUDIO_GAP_US beyond the 20 ms of a frame, or five frames in a row that did not come in time. */
    uint64_t freezes, freeze_us, freeze_longest_us;
    uint64_t serial_jumps;   /**< packets left out on purpose by the SFU (mute, switch): number and serial disagree */
    uint64_t layer_switches; /**< decoded frames of another layer than the one before */
    uint32_t first_stamp_frame,
        last_stamp_frame; /**< capture of the first and newest frame decoded (audio: received) */
    /* never right: */
    uint64_t err_checksum;  /**< damaged, or not a stamp */
    uint64_t err_publisher; /**< somebody else's packet, or of another source of the publisher's */
    uint64_t err_duplicate; /**< one packet of the publisher under two sequence numbers; one from long ago */
    uint64_t err_order;     /**< packets of a layer whose sequence numbers are not in the order they were sent in */
    uint64_t err_reference; /**< an inter frame passed as the direct successor of a frame that it does not follow, or of
                               another layer's; a frame with packets left out */
    uint64_t err_descriptor; /**< payload descriptor disagrees with the stamp (start, end, key), or marker misplaced */
    uint64_t err_picture_id; /**< a decoded frame's picture id is not one more than its predecessor's */
    uint64_t err_timestamp;  /**< packets of one frame differ in RTP time, or time runs backwards, or otherwise than the
                                publisher's clock (a second is allowed) */
};

/** What bench_receive_stream_mark() began to count. */
struct bench_receive_since {
    uint64_t delivered; /**< packets, once each, repaired ones included */
    uint64_t repaired;  /**< of those: by RTX, or by their own number after we had asked */
    uint64_t reordered;
    uint64_t bytes, layer_bytes[BENCH_RECEIVE_LAYERS];
    uint64_t frames; /**< video: decoded, all of their packets being at or behind the mark */
    uint64_t freezes, freeze_us, freeze_longest_us; /**< that ended, or were closed, after the mark was set */
    uint64_t duplicated, corrupt;                   /**< err_duplicate and err_checksum since the mark was set */
    uint64_t wrong;                                 /**< all other errors since then */
    struct bench_histogram delay;                   /**< of `delivered` */
};

/** What is known of one layer. */
struct bench_receive_layer {
    bool seen;
    uint32_t first_serial; /**< lowest that arrived */
    uint32_t highest_serial;
    uint64_t packets, bytes; /**< since _create, once each */
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

/** Counts in `since` from now on only packets of `layer` whose serial is `from_serial` or later. Layers not marked do
 * not count. Each call begins the whole account anew: mark all layers at one time. Returns 0, BASE_ERR_INVALID (no such
 * layer), or BASE_ERR_NOMEM. */
int bench_receive_stream_mark(struct bench_receive_stream *stream, unsigned layer, uint32_t from_serial);
/** NULL before the first mark. */
const struct bench_receive_since *bench_receive_stream_since(const struct bench_receive_stream *stream);
const struct bench_receive_layer *bench_receive_stream_layer(const struct bench_receive_stream *stream, unsigned layer);
/** The publisher went on sending until `now_us`: if nothing has been shown (audio: heard) for so long that it is a
 * freeze, that counts now, once. For the end of a run, and before a publisher pauses; not for one that is paused. */
void bench_receive_stream_close_freeze(struct bench_receive_stream *stream, uint64_t now_us);
/** The delay of every packet is added to *live, too (NULL: no longer): one histogram for many streams. It outlives the
 * stream. */
void bench_receive_stream_set_live_delay(struct bench_receive_stream *stream, struct bench_histogram *live);

/** `frame`: bytes of the codec, of one whole frame, descriptors and stamps removed; `content`: its number in the clip,
 * or BENCH_STAMP_NO_CONTENT. */
typedef void (*bench_frame_fn)(void *user, unsigned layer, uint32_t content, const uint8_t *frame, size_t len);
/** From now on gives each decoded frame (audio: each packet that is newer than those before) to `on_frame`, in order;
 * NULL: no longer. For the streams that are truly decoded: the stream keeps the bytes then (3 MB for video). Returns 0
 * or BASE_ERR_NOMEM. */
int bench_receive_stream_set_tap(struct bench_receive_stream *stream, bench_frame_fn on_frame, void *user);

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
