/* SPDX-License-Identifier: Apache-2.0 */
/**
 * down_track.h - one track that a participant receives: its own SSRC, numbers, timestamps, and retransmissions.
 *
 * What the hot path needs lies in the up track's slot (forwarder.h); here is the rest. A down track outlives its up
 * track, silent, until its subscriber's next SUBSCRIBE; that may attach it to another track (the m-section is reused):
 * then numbers and timestamps go on. An SSRC that was ended and comes back in the same transport continues where it
 * was too (struct sfu_down_track_past): the same number under the same key would break SRTP.
 *
 * Retransmission (RTX, RFC 4588): own SSRC and numbers, the original number before the payload. A packet is sent again
 * at most once in a round-trip time.
 *
 * Owned by the subscribing participant. Threads: one owner.
 */
#ifndef CONSILIUM_SFU_ROOM_DOWN_TRACK_H
#define CONSILIUM_SFU_ROOM_DOWN_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "sfu/media/picture_rewriter.h"
#include "sfu/media/rtp_rewriter.h"
#include "sfu/media/token_bucket.h"
#include "sfu/room/context.h"
#include "sfu/room/forwarder.h"
#include "sfu/wire/rtcp.h"

#define SFU_DOWN_TRACK_RESENT 256 /**< retransmissions remembered; a power of two */
#define SFU_RESEND_MIN_US     10000u
/** Key frames that a subscriber may ask for; the next request is ignored. The publisher's throttle alone would let one
 * subscriber have a key frame twice a second made for all. */
#define SFU_KEY_FRAMES_PER_S 1u
#define SFU_KEY_FRAMES_BURST 3u

struct sfu_participant;

/** Where the numbers of an SSRC ended. */
struct sfu_down_track_past {
    uint32_t ssrc, rtx_ssrc;
    uint32_t timestamp_ts;
    uint64_t highest_out;
    uint64_t sent_us;
    uint64_t rtx_ext_seq;
};

struct sfu_down_track {
    struct sfu_context *context;
    struct sfu_participant *subscriber;
    struct sfu_up_track *up; /**< NULL: ended */
    uint32_t slot;           /**< index in up->slots */
    struct sfu_down_track_config config;
    enum sfu_kind kind;
    struct sfu_token_bucket key_frames;
    bool waits_by_choice;                 /**< for a key frame, because the subscriber had paused */
    struct sfu_picture_rewriter pictures; /**< simulcast */
    bool listed;                          /* while a SUBSCRIBE is carried out */
    uint32_t packets, octets;             /* of earlier slots */
    uint64_t rtx_ext_seq;                 /* next */
    struct sfu_forward_ext rtx_ext;
    struct sfu_down_track_resent {
        uint64_t at_us;
        uint16_t seq;
    } resent[SFU_DOWN_TRACK_RESENT];
    struct sfu_rtp_rewriter rewriter;
};

/** Not attached yet. `past`: NULL, or what to continue. Returns 0, or BASE_ERR_NOMEM with *out NULL. */
int sfu_down_track_create(struct sfu_down_track **out, struct sfu_participant *subscriber, enum sfu_kind kind,
                          const struct sfu_down_track_config *config, const struct sfu_down_track_past *past);
/** Detaches. NULL is allowed. */
void sfu_down_track_destroy(struct sfu_down_track *down);
/** Makes `up` (same kind) its source, in place of another. Returns 0 or BASE_ERR_NOMEM (then it has none). */
int sfu_down_track_attach(struct sfu_down_track *down, uint64_t now_us, struct sfu_up_track *up);
void sfu_down_track_detach(struct sfu_down_track *down);
/** The mid may have changed. */
void sfu_down_track_configure(struct sfu_down_track *down, const struct sfu_down_track_config *config);
/** The subscriber's transport can (or, NULL, cannot) be sent to now. Starting asks for a key frame. */
void sfu_down_track_set_transport(struct sfu_down_track *down, uint64_t now_us, struct sfu_transport *transport);
/** How the subscriber wants it from now on. Key frames that this takes are within its budget. */
void sfu_down_track_set_view(struct sfu_down_track *down, uint64_t now_us, const struct sfu_view *view);
/** New keys: numbers start afresh, as the new receiver must guess a rollover counter of 0. */
void sfu_down_track_restart(struct sfu_down_track *down);
void sfu_down_track_past_of(const struct sfu_down_track *down, struct sfu_down_track_past *out);

/** NACK from the subscriber. `budget`: packets that may still be sent again now; reduced. */
void sfu_down_track_on_nack(struct sfu_down_track *down, uint64_t now_us, uint16_t seq, uint32_t *budget);
/** PLI or FIR from the subscriber: asks the publisher, within the budget. While it waits for its first key frame there
 * is no budget: the publisher is being asked anyway. */
void sfu_down_track_on_key_frame_request(struct sfu_down_track *down, uint64_t now_us);
/** Sender report for `now_us` whose NTP clock is ours; rtp time by the publisher's reports (see participant.h). Returns
 * false if there is nothing to report yet. */
bool sfu_down_track_sender_report(const struct sfu_down_track *down, uint64_t now_us, struct sfu_rtcp_sr *out);

#endif
