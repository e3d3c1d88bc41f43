/* SPDX-License-Identifier: Apache-2.0 */
/**
 * up_layer.h - one RTP stream of an up track: the track itself, or one encoding of it (simulcast, RFC 8853).
 *
 * Unwraps the sequence number, keeps reception statistics, asks for lost video packets again (NACK), keeps video
 * packets for retransmission to subscribers, asks for key frames. What to do with a packet is the track's business
 * (up_track.h).
 *
 * Key frames: asked for with PLI (RFC 4585 section 6.3.1), at most one in SFU_PLI_INTERVAL_US, again every
 * SFU_PLI_REPEAT_US until a key frame comes or nobody needs it any more. Each layer by itself.
 *
 * Lies in its track. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_UP_LAYER_H
#define CONSILIUM_SFU_ROOM_UP_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/media/nack_tracker.h"
#include "sfu/media/rtp_stats.h"
#include "sfu/media/rtx_cache.h"
#include "sfu/media/seq_unwrap.h"
#include "sfu/room/context.h"

#define SFU_UP_TRACK_CACHE_PACKETS 1024
#define SFU_UP_TRACK_CACHE_US      3000000u /**< and no packet longer than that: the pool is everybody's */
#define SFU_PLI_INTERVAL_US        500000u
#define SFU_PLI_REPEAT_US          1000000u
#define SFU_NACK_REORDER_US        15000u
#define SFU_REBIND_REST_US         200000u /**< between two streams of one layer that are learned by mid (and rid) */
#define SFU_AUDIO_CLOCK_HZ         48000u
#define SFU_VIDEO_CLOCK_HZ         90000u

struct sfu_up_track;
struct sfu_link;

struct sfu_up_layer {
    uint32_t ssrc;      /**< of the stream as it comes in now; 0: not known yet */
    uint32_t rtx_ssrc;  /**< 0: not known, or none */
    uint64_t rebind_us; /**< before this time no other stream may take over */

    struct sfu_seq_unwrap unwrap;
    uint64_t stream_start; /**< the first number that came */
    struct sfu_rtp_stats stats;
    struct sfu_nack_tracker *nack; /**< video; may be NULL for want of memory: then no requests */
    struct sfu_rtx_cache *cache;   /**< video */

    bool wants_key_frame;
    uint64_t pli_sent_us; /**< 0: never */
    uint64_t pli_due_us;

    uint32_t frame_timestamp_ts;  /**< the frame that is being padded; see forwarder.h */
    uint16_t frame_segment_bytes; /**< payload size that its packets get; 0: none */
};

/** Returns 0 or BASE_ERR_NOMEM; _clear it in both cases. */
int sfu_up_layer_init(struct sfu_up_layer *layer, enum sfu_kind kind, struct sfu_context *context);
void sfu_up_layer_clear(struct sfu_up_layer *layer);

/** Another stream takes over. Extended numbers go on growing (by more than any window), so that the cache and the
 * subscribers' histories of the old stream cannot be mistaken for the new one's. */
void sfu_up_layer_reset(struct sfu_up_layer *layer);
/** The first packet of the (new) stream will come under this SSRC; 0: not known. */
void sfu_up_layer_set_ssrcs(struct sfu_up_layer *layer, uint32_t ssrc, uint32_t rtx_ssrc);
/** Fills in packet->ext_seq. Returns false if this is not the first copy of the packet, or it is of no more use. */
bool sfu_up_layer_on_packet(struct sfu_up_layer *layer, uint64_t now_us, struct sfu_packet *packet, bool retransmitted);
/** What is missing is not asked for any more; `all`: what is kept is not sent again either (mute). */
void sfu_up_layer_forget(struct sfu_up_layer *layer, bool all);

/** A key frame is wanted, not before `not_before_us`. Returns when it will be asked for (see _poll_key_frame). */
uint64_t sfu_up_layer_want_key_frame(struct sfu_up_layer *layer, uint64_t not_before_us);
void sfu_up_layer_on_key_frame(struct sfu_up_layer *layer);
/** Sends a PLI over `link` if it is due; `needed`: somebody still waits for it. Returns true if it was sent. */
bool sfu_up_layer_poll_key_frame(struct sfu_up_layer *layer, uint64_t now_us, struct sfu_link *link, bool needed);
/** Sends NACKs that are due over `link`; returns how many numbers. *gave_up: packets were, the picture is broken. */
size_t sfu_up_layer_poll_nack(struct sfu_up_layer *layer, uint64_t now_us, struct sfu_link *link, uint32_t rtt_us,
                              bool *gave_up);
/** When to poll. */
uint64_t sfu_up_layer_deadline_us(const struct sfu_up_layer *layer);

/** Timestamps of the two, by their sender reports: ticks to add to one of `from` to get that of the same moment in
 * `to`. Returns false if one of them has not reported yet. */
bool sfu_up_layer_shift_ts(const struct sfu_up_layer *from, const struct sfu_up_layer *to, uint32_t *shift_ts);

#endif
