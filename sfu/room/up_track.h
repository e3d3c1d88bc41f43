/* SPDX-License-Identifier: Apache-2.0 */
/**
 * up_track.h - one track that a participant publishes: its stream's state, and the slots of those who receive it.
 *
 * Fed with decrypted packets (RTX already taken apart) by ingress.h. Unwraps the sequence number, keeps reception
 * statistics, asks for lost video packets again (NACK), drops what is muted, forwards (forwarder.h), and keeps video
 * packets for retransmission to subscribers. Audio is neither asked for again nor kept: Opus has its own FEC, and a
 * repaired packet would be late.
 *
 * Key frames: asked for with PLI (RFC 4585 section 6.3.1) when a slot starts to wait, a subscriber asks, or losses were
 * given up; at most one in SFU_PLI_INTERVAL_US, again every SFU_PLI_REPEAT_US until a key frame comes.
 *
 * Owned by its participant. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_UP_TRACK_H
#define CONSILIUM_SFU_ROOM_UP_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/media/nack_tracker.h"
#include "sfu/media/rtp_stats.h"
#include "sfu/media/rtx_cache.h"
#include "sfu/media/seq_unwrap.h"
#include "sfu/room/context.h"
#include "sfu/room/forwarder.h"

#define SFU_UP_TRACK_CACHE_PACKETS 1024
#define SFU_UP_TRACK_CACHE_US      3000000u /**< and no packet longer than that: the pool is everybody's */
#define SFU_PLI_INTERVAL_US        500000u
#define SFU_PLI_REPEAT_US          1000000u
#define SFU_NACK_REORDER_US        15000u
#define SFU_REBIND_REST_US         200000u /**< between two streams of one track that are learned by mid */
#define SFU_AUDIO_CLOCK_HZ         48000u
#define SFU_VIDEO_CLOCK_HZ         90000u

struct sfu_participant;

struct sfu_up_track {
    struct sfu_context *context;
    struct sfu_participant *owner;
    struct sfu_up_track_config config;
    uint32_t ssrc;      /**< of the stream as it comes in now; 0: not known yet */
    uint32_t rtx_ssrc;  /**< 0: not known, or none */
    uint64_t rebind_us; /**< before this time no other stream may take over */
    bool muted;

    struct sfu_seq_unwrap unwrap;
    uint64_t stream_start; /**< the first number that came */
    struct sfu_rtp_stats stats;
    struct sfu_nack_tracker *nack; /**< video; may be NULL for want of memory: then no requests */
    struct sfu_rtx_cache *cache;   /**< video */

    struct sfu_forward_slot *slots;
    uint32_t slot_count, slot_capacity;

    bool wants_key_frame;
    uint64_t pli_sent_us; /**< 0: never */
    uint64_t pli_due_us;

    uint32_t frame_timestamp_ts;  /**< the frame that is being padded; see forwarder.h */
    uint16_t frame_segment_bytes; /**< payload size that its packets get; 0: none */
};

/** Returns 0, or BASE_ERR_NOMEM with *out NULL. The config is copied. */
int sfu_up_track_create(struct sfu_up_track **out, struct sfu_context *context, struct sfu_participant *owner,
                        const struct sfu_up_track_config *config);
/** Detaches its down tracks (they stay with their subscribers, silent). NULL is allowed. */
void sfu_up_track_destroy(struct sfu_up_track *up);
/** Negotiated again, same id and kind. Another mid or ssrc means another stream; else everything goes on. Mute is not
 * touched. */
void sfu_up_track_configure(struct sfu_up_track *up, uint64_t now_us, const struct sfu_up_track_config *config);
/** The publisher's transport was replaced: other keys, other streams. What was learned is forgotten. */
void sfu_up_track_reset(struct sfu_up_track *up, uint64_t now_us);
/** An authenticated packet came under a new SSRC (or RTX SSRC) for this track: from now on this is its stream. */
void sfu_up_track_bind(struct sfu_up_track *up, uint64_t now_us, bool rtx, uint32_t ssrc);
/** May a packet under an unknown SSRC make that the track's stream now? Not just after the last change: late packets of
 * the old stream must not bring it back, and two streams that claim one mid must not reset the track with each packet.
 */
bool sfu_up_track_may_bind(const struct sfu_up_track *up, uint64_t now_us);
/** Returns false if it was so already. */
bool sfu_up_track_set_muted(struct sfu_up_track *up, uint64_t now_us, bool muted);
/** Takes the packet (all but ext_seq and the frame flags filled in; from the pool or the scratch packet) and gives it
 * on to its last owner. `retransmitted`: it came by RTX. */
void sfu_up_track_on_packet(struct sfu_up_track *up, uint64_t now_us, struct sfu_packet *packet, bool retransmitted);
/** See above; does nothing for audio. */
void sfu_up_track_request_key_frame(struct sfu_up_track *up, uint64_t now_us);
/** When to call _poll. */
uint64_t sfu_up_track_deadline_us(const struct sfu_up_track *up);
/** Sends NACK and PLI that are due. */
void sfu_up_track_poll(struct sfu_up_track *up, uint64_t now_us);

/** Adds a slot at the end; returns it, valid until the next _add or _remove, or NULL (no memory). */
struct sfu_forward_slot *sfu_up_track_add_slot(struct sfu_up_track *up);
/** The last slot takes the place of the removed one; its down track is told. */
void sfu_up_track_remove_slot(struct sfu_up_track *up, uint32_t index);

#endif
